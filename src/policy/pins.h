/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/names.h"
#include "policy/settings.h"
#include "policy/vpn.h"

/* Addresses of one name that are kept, and that are taken from one answer. */
#define KS_PIN_ADDRESSES_MAX 16
#define KS_PIN_ANSWER_MAX 8
/* How long an address is kept that answers lack. */
#define KS_PIN_KEEP_USEC (24ULL * 3600ULL * 1000000ULL)

/* An address that a name had. */
typedef struct KsPinned {
        KsPrefix address;
        guint64 seen;   /* CLOCK_REALTIME, µs: when an answer had it last */
        guint64 missed; /* when an answer through a tunnel lacked it first; 0: the last one had it
                         */
        gboolean in_force; /* ks_pins_apply() let it be a server */
} KsPinned;

/* What is known of one name, for one VPN. */
typedef struct KsPin {
        char *vpn; /* its name */
        char *host;
        GArray *addresses; /* of KsPinned, the best first */
        char *problem;     /* what was wrong with the last answer; NULL: nothing */
        gboolean refused;  /* it had an address that may not be a server's */
} KsPin;

/* An array of KsPin*. */
GPtrArray *ks_pins_new(void);

/* NULL when there is none. */
KsPin *ks_pins_find(GPtrArray *pins, const char *vpn, const char *host);

/* Made, empty, when there is none. */
KsPin *ks_pins_get(GPtrArray *pins, const char *vpn, const char *host);

/**
 * ks_pin_learn() - take an answer in
 * @answer: of KsPrefix, not empty, each allowed by ks_names_judge()
 * @by_tunnel: it came through a VPN, so that the local network had no hand in it
 * @now: CLOCK_REALTIME, µs
 *
 * What is new is added. An address goes only when answers through a tunnel have lacked
 * it for KS_PIN_KEEP_USEC, at least two of them; or when there is no more room, the one
 * that was seen longest ago first. An answer brings at most half of what there is room
 * for, so one that is forged leaves the addresses that worked last.
 */
void ks_pin_learn(KsPin *pin, const GArray *answer, gboolean by_tunnel, guint64 now);

/* Whether any address of it is a server now. */
gboolean ks_pin_in_force(const KsPin *pin);

/* Forgets names that no VPN has. @vpns: of KsVpn*. Returns: whether there were any. */
gboolean ks_pins_prune(GPtrArray *pins, GPtrArray *vpns);

/**
 * ks_pins_inside() - networks inside VPNs, as far as their sections tell
 * @vpns: of KsVpn*
 *
 * Returns: a new array of KsPrefix.
 */
GArray *ks_pins_inside(GPtrArray *vpns);

/**
 * ks_pins_apply() - make the selectors of VPNs whose servers are given by name
 * @pins: which addresses are in force is kept in them
 * @settings: their VPNs are changed
 *
 * A name without an address makes no selector: it matches nothing. Addresses are judged
 * again, since settings may have come that refuse what was learned before; such ones stay
 * pinned, for settings that allow them.
 */
void ks_pins_apply(GPtrArray *pins, KsSettings *settings);
