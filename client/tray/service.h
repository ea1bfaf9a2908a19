/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The service as the tray sees it: what state it is in, or why that isn't known, and calls to it.
 */

#include <gio/gio.h>

#include "client/common/bus.h"
#include "client/common/state.h"

typedef struct Service Service;

/* Why the state isn't known. */
typedef enum Unknown {
        UNKNOWN_NOT_YET, /* asked, no answer yet */
        UNKNOWN_BUS,     /* there is no system bus */
        UNKNOWN_SERVICE, /* there is a bus but no service on it */
        UNKNOWN_ANSWER,  /* the service answers with an error, or what isn't understood */
} Unknown;

/* What came of a call. */
typedef struct Outcome {
        const char *method;
        KsFailure failure;
        const char *message; /* NULL when it has succeeded */
} Outcome;

/* Who is told. @settled: every detail is that of the new state; before, only the state itself is.
 */
typedef struct ServiceEvents {
        void (*changed)(bool settled, gpointer userdata);
        void (*answered)(const Outcome *outcome, gpointer userdata);
        gpointer userdata;
} ServiceEvents;

/**
 * service_new() - begin to follow the service
 * @events: who is told
 *
 * Starts the service once where it can be. From then on it is only watched; whoever stopped it on
 * purpose shall find it stopped.
 *
 * Returns: (transfer full): to be given to service_free().
 */
Service *service_new(const ServiceEvents *events);

/**
 * service_free() - stop following
 * @service: (transfer full): may be NULL
 */
void service_free(Service *service);

/**
 * service_state() - the state that the service is in
 * @service: the service
 *
 * Returns: (transfer none): the state; NULL whenever it isn't known, also for a moment.
 */
const KsState *service_state(const Service *service);

/**
 * service_unknown() - why there is no state
 * @service: the service
 *
 * Returns: the reason, for when service_state() is NULL.
 */
Unknown service_unknown(const Service *service);

/**
 * service_reason() - why the state last changed
 * @service: the service
 *
 * Returns: (transfer none): as StateChanged has it; "" when no change has been seen.
 */
const char *service_reason(const Service *service);

/**
 * service_is_asking() - whether a change waits for its answer, a password say
 * @service: the service
 *
 * Returns: true while a call of service_change() is under way.
 */
bool service_is_asking(const Service *service);

/**
 * service_look() - ask for the state afresh, because somebody is looking
 * @service: the service
 *
 * What nothing signals is asked for that way, the number of blocked packets say. Starts the
 * service, or connects to the bus, when the state isn't known.
 */
void service_look(Service *service);

/**
 * service_change() - ask for a change
 * @service: the service
 * @method: the member of KS_INTERFACE; a static string
 * @arguments: (transfer floating): a tuple, or NULL for none
 *
 * polkit may ask somebody meanwhile; there is no time limit. What comes of it is told by
 * answered().
 */
void service_change(Service *service, const char *method, GVariant *arguments);
