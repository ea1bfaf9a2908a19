/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The state of the service as GetState tells it, as a plain value. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>
#include <systemd/sd-bus.h>

/* No text is NULL. What the service left out is empty, 0 or false. None of the texts may be printed
 * as it is: interface names hold what the network's people put there. */
typedef struct KsVpn {
        char *name;
        char *interface;
        char *kind;
        char *transport;
        char *source;
        char **addresses; /* NULL-terminated */
        char **servers;   /* likewise: "NAME:PORT ADDRESS ..." of those given by name */
        bool up;
        bool is_default; /* carries all traffic, not only its own prefixes */
} KsVpn;

typedef struct KsState {
        char *state; /* KS_STATE_* */
        char *lan;   /* KS_LAN_* */
        char *guard; /* KS_GUARD_* */
        char *version;
        char **degraded; /* NULL-terminated sentences */
        KsVpn *vpns;
        size_t n_vpns;
        uint64_t since;     /* CLOCK_REALTIME, µs; 0 when unknown */
        uint64_t deadline;  /* CLOCK_REALTIME, µs; 0 when there is none */
        uint64_t remaining; /* µs */
        uint64_t blocked;   /* packets */
        bool engaged;
        bool recording; /* what is refused */
        bool trial;
} KsState;

/**
 * ks_state_read() - take a GetState answer apart
 * @reply: the answer, at its beginning
 * @ret: (transfer full): the value, to be given to ks_state_free()
 *
 * Details that aren't known here are passed over, so that a newer service can be asked.
 *
 * Returns: 0 or a negative errno: -EBADMSG or -ENXIO when a detail has another type.
 */
int ks_state_read(sd_bus_message *reply, KsState **ret);

/**
 * ks_state_read_variant() - take a GetState answer apart that came by GDBus
 * @reply: the answer, of whatever type
 * @ret: (transfer full): the value, to be given to ks_state_free()
 *
 * As ks_state_read(), by the same table.
 *
 * Returns: 0 or a negative errno: -EBADMSG or -ENXIO when something has another type.
 */
int ks_state_read_variant(GVariant *reply, KsState **ret);

/**
 * ks_state_free() - release a state
 * @state: (transfer full): may be NULL
 *
 * Returns: NULL.
 */
KsState *ks_state_free(KsState *state);

/**
 * ks_state_in_force() - whether the kill switch stops anything now
 * @state: the state
 *
 * Returns: true when engaged and not paused.
 */
bool ks_state_in_force(const KsState *state);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsState, ks_state_free)
