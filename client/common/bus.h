/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The way to the service, and what it means when there is none. */

#include <stdbool.h>

#include <systemd/sd-bus.h>

/* Whose system bus. */
typedef enum KsTransport {
        KS_TRANSPORT_LOCAL,
        KS_TRANSPORT_REMOTE,  /* another host, over ssh */
        KS_TRANSPORT_MACHINE, /* a local container */
} KsTransport;

/* What a failed call means for the one who asked. */
typedef enum KsFailure {
        KS_FAILURE_BUS,       /* there is no bus, or it went away */
        KS_FAILURE_SERVICE,   /* there is a bus but no service on it */
        KS_FAILURE_DENIED,    /* not authorized */
        KS_FAILURE_NOT_ASKED, /* it would take a password, and nobody may be asked for one */
        KS_FAILURE_TOO_OLD,   /* the service doesn't know this call */
        KS_FAILURE_REFUSED,   /* the service's own error; its sentence says what to do */
        KS_FAILURE_OTHER,
} KsFailure;

/**
 * ks_bus_open() - connect to a system bus
 * @transport: whose
 * @where: host or machine, as ssh(1) and machinectl(1) take it; NULL for the local one
 * @ret: (transfer full): the connection; to be given to sd_bus_flush_close_unref()
 *
 * Of a remote bus only the start is made here; its errors show with the first call.
 *
 * Returns: 0 or a negative errno.
 */
int ks_bus_open(KsTransport transport, const char *where, sd_bus **ret);

/**
 * ks_bus_new_call() - a call of a method of the service, without arguments yet
 * @bus: the connection
 * @method: the member of KS_INTERFACE
 * @ret: (transfer full): the message
 *
 * Returns: 0 or a negative errno.
 */
int ks_bus_new_call(sd_bus *bus, const char *method, sd_bus_message **ret);

/**
 * ks_bus_ask() - call a method that takes nothing and changes nothing, and wait for the answer
 * @bus: the connection
 * @method: the member of KS_INTERFACE
 * @error: (out): the error that came instead; to be freed by the caller
 * @ret: (transfer full): the answer
 *
 * Starts the service where it can be. Waits no longer than the usual 25 seconds.
 *
 * Returns: 0 or a negative errno.
 */
int ks_bus_ask(sd_bus *bus, const char *method, sd_bus_error *error, sd_bus_message **ret);

/**
 * ks_bus_get_state() - ask the service for its state, and wait for the answer
 * @bus: the connection
 * @error: (out): the error that came instead; to be freed by the caller
 * @ret: (transfer full): the answer, of signature "sa{sv}"
 *
 * Starts the service where it can be. Waits no longer than the usual 25 seconds.
 *
 * Returns: 0 or a negative errno.
 */
int ks_bus_get_state(sd_bus *bus, sd_bus_error *error, sd_bus_message **ret);

/**
 * ks_failure_classify() - what a failed call means
 * @error: the error that came back; may be unset
 * @r: the negative errno of the call
 *
 * Returns: the class to take the remedy from.
 */
KsFailure ks_failure_classify(const sd_bus_error *error, int r);
