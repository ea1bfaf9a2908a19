/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* LAN rules ignore main's default, and the two halves that stand for it. Not 0:
 * "wg-quick down" deletes rules that look up main and suppress 0 until it finds
 * none, and RTM_DELRULE would give it ours for its own. */
#define KS_LAN_SUPPRESS 1

/* What planning carries around. */
typedef struct Planner {
        const KsSettings *settings;
        KsLan lan;
        GPtrArray *links;
        GArray *lan_routes;
        GArray *kept;
        GPtrArray *host_links; /* of KsLink*: those that lead to this host's guests only */
        KsPlan *plan;
} Planner;

/* Adds a route of our table, unless there is one in its place. @gateway: may be NULL */
void ks_planner_add_route(Planner *planner, const KsPrefix *destination, int oif,
                          const KsPrefix *gateway, guint32 metric);

/* Routes to the servers of VPNs that go through another one, and nowhere else. */
void ks_planner_add_through(Planner *planner);

/* The block that everything ends in: what routes of our table are then. */
uint8_t ks_planner_block_type(const Planner *planner);

/* Whether a LAN could have the network for its own. */
gboolean ks_planner_lan_could_claim(const Planner *planner, const KsPrefix *prefix);

/* Fills the plan's claims from the VPNs and from what is kept. */
void ks_planner_collect_claims(Planner *planner);

/* All rules of one family, from exemption to floor. */
void ks_planner_add_rules(Planner *planner, int family);
