/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's routing in miniature: rules in their order, routes, and what becomes of a packet. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "policy/lookup.h"

static gboolean fits(uint32_t of_packet, uint32_t of_rule)
{
        return of_rule == 0 || of_packet == of_rule;
}

static gboolean in_range(uint16_t port, uint16_t first, uint16_t last)
{
        return !first || (port >= first && port <= last);
}

static gboolean in_prefix(const KsPrefix *prefix, const KsPrefix *address)
{
        return !ks_prefix_is_set(prefix) || prefix->length == 0 ||
               (ks_prefix_is_set(address) && ks_prefix_contains(prefix, address));
}

gboolean ks_rule_matches(const KsRule *rule, const KsPacket *packet)
{
        gboolean matches = in_prefix(&rule->destination, &packet->destination) &&
                           in_prefix(&rule->source, &packet->source) &&
                           ((packet->mark ^ rule->mark) & rule->mark_mask) == 0 &&
                           (!rule->iif[0] || g_str_equal(rule->iif, packet->iif)) &&
                           (!rule->oif[0] || g_str_equal(rule->oif, packet->oif)) &&
                           (!rule->has_uid ||
                            (packet->uid >= rule->uid_first && packet->uid <= rule->uid_last)) &&
                           fits(packet->tos, rule->tos) && fits(packet->protocol, rule->ipproto) &&
                           in_range(packet->sport, rule->sport_first, rule->sport_last) &&
                           in_range(packet->dport, rule->dport_first, rule->dport_last);

        return rule->family == packet->family && matches != rule->inverted;
}

static gboolean is_better(const KsRoute *route, const KsRoute *best)
{
        if (!best || route->destination.length != best->destination.length)
                return !best || route->destination.length > best->destination.length;
        return route->metric < best->metric;
}

const KsRoute *ks_table_lookup(GArray *routes, uint32_t table, const KsPacket *packet)
{
        const KsRoute *best = NULL;

        for (guint i = 0; i < routes->len; i++) {
                const KsRoute *route = &g_array_index(routes, KsRoute, i);

                if (route->table != table || route->family != packet->family ||
                    !is_better(route, best) ||
                    !ks_prefix_contains(&route->destination, &packet->destination))
                        continue;
                if (packet->oif_index && route->oif != packet->oif_index &&
                    (route->oif || route->family == AF_INET6))
                        continue;
                best = route;
        }
        return best;
}

/* The rule that a goto leads to: the first of that priority; NULL: none, and the rule does nothing.
 */
static gboolean find_target(GArray *rules, const KsRule *from, guint *index)
{
        for (guint i = 0; i < rules->len; i++) {
                const KsRule *rule = &g_array_index(rules, KsRule, i);

                if (rule->family == from->family && rule->priority == from->target) {
                        *index = i;
                        return rule->priority > from->priority;
                }
        }
        return FALSE;
}

KsVerdict ks_lookup(GArray *rules, GArray *routes, const KsPacket *packet)
{
        const KsRule *jump = NULL;

        for (guint i = 0; i < rules->len; i++) {
                const KsRule *rule = &g_array_index(rules, KsRule, i);
                const KsRoute *route;
                guint target;

                if (!ks_rule_matches(rule, packet))
                        continue;
                if (rule->action == FR_ACT_GOTO && find_target(rules, rule, &target)) {
                        i = target - 1; /* counted up again, and compared as well */
                        jump = jump ? jump : rule;
                }
                if (rule->action == FR_ACT_GOTO || rule->action == FR_ACT_NOP)
                        continue;
                if (rule->action != FR_ACT_TO_TBL)
                        return (KsVerdict){ .rule = rule, .jump = jump };
                route = ks_table_lookup(routes, rule->table, packet);
                if (!route || route->type == RTN_THROW)
                        continue;
                /* A route that refuses ends the lookup; only one that leads on is suppressed. */
                if (route->type == RTN_BLACKHOLE || route->type == RTN_UNREACHABLE ||
                    route->type == RTN_PROHIBIT)
                        return (KsVerdict){ .rule = rule, .jump = jump, .route = route };
                if (rule->suppress && route->destination.length <= rule->suppress - 1)
                        continue;
                return (KsVerdict){ rule, jump, route, route->type == RTN_UNICAST };
        }
        return (KsVerdict){ 0 };
}
