/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/route.h"
#include "policy/rule.h"

/* A packet as the routing rules see it. */
typedef struct KsPacket {
        int family;
        KsPrefix source;      /* AF_UNSPEC: not chosen yet */
        KsPrefix destination; /* full length */
        char iif[IFNAMSIZ];   /* "lo": one of this host; else forwarded */
        char oif[IFNAMSIZ];   /* what its socket is bound to; "": nothing */
        int32_t oif_index;    /* likewise; 0: nothing, or there is no such link */
        uint32_t mark, uid;
        uint8_t protocol, tos;
        uint16_t sport, dport;
} KsPacket;

/* What becomes of a packet. */
typedef struct KsVerdict {
        const KsRule *rule;   /* that decided; NULL: none did */
        const KsRule *jump;   /* the first goto on the way there; NULL: none */
        const KsRoute *route; /* that it found; NULL: the rule itself refuses */
        gboolean leaves;      /* by a link, ->route says which */
} KsVerdict;

/* Whether a rule is about a packet. What it carries that KsRule can't hold is taken as met. */
gboolean ks_rule_matches(const KsRule *rule, const KsPacket *packet);

/**
 * ks_table_lookup() - the route of one table for a packet
 * @routes: of KsRoute, of any tables
 *
 * The longest prefix, and of one length the smallest metric. A packet that is bound
 * to a link finds routes over that link only, and the blocking ones: in IPv4 those
 * count, in IPv6 they stand on lo and don't.
 *
 * Returns: a route of @routes, or NULL.
 */
const KsRoute *ks_table_lookup(GArray *routes, uint32_t table, const KsPacket *packet);

/**
 * ks_lookup() - where the kernel would send a packet
 * @rules: of KsRule, of both families, in the kernel's order
 * @routes: of KsRoute, of all tables that the rules look up
 *
 * As fib_rules_lookup() in net/core/fib_rules.c. Does not know what IPv4 does with a
 * packet whose socket is bound to a link when all lookups fail: it goes out by that
 * link all the same (ip_route_output_key_hash_rcu()).
 */
KsVerdict ks_lookup(GArray *rules, GArray *routes, const KsPacket *packet);
