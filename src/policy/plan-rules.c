/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steering layer's rules: one function a kind, in the order of their offsets. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "policy/plan-private.h"

static uint8_t block_rule_action(KsBlockWith block_with)
{
        static const uint8_t actions[] = {
                [KS_BLOCK_UNREACHABLE] = FR_ACT_UNREACHABLE,
                [KS_BLOCK_BLACKHOLE] = FR_ACT_BLACKHOLE,
                [KS_BLOCK_PROHIBIT] = FR_ACT_PROHIBIT,
        };

        return actions[block_with];
}

static KsRule rule_lookup(const Planner *planner, int family, guint offset, guint32 table)
{
        return (KsRule){
                .family = (uint8_t)family,
                .priority = planner->settings->priority + offset,
                .action = FR_ACT_TO_TBL,
                .table = table,
                .origin = KS_PROTOCOL,
        };
}

/* Rules about the host's own packets only. Forwarded ones have uid 0 to the
 * kernel and could otherwise pass for transport. */
static void only_local(KsRule *rule)
{
        g_strlcpy(rule->iif, "lo", sizeof(rule->iif));
}

/* Whether @wide, which says less, stands for @narrow as well. */
static gboolean covers(const KsRule *wide, const KsRule *narrow)
{
        return wide->table == narrow->table && ks_rule_matches_request(wide, narrow);
}

/* One that is covered at its own priority is left out: to the kernel both are the
 * same where only the narrow one has a destination (rule_exists()). */
static void add_rule(Planner *planner, const KsRule *rule)
{
        GArray *rules = planner->plan->rules;

        for (guint i = 0; i < rules->len; i++)
                if (covers(&g_array_index(rules, KsRule, i), rule))
                        return;
        for (guint i = rules->len; i > 0; i--)
                if (covers(rule, &g_array_index(rules, KsRule, i - 1)))
                        g_array_remove_index(rules, i - 1);
        g_array_append_val(rules, *rule);
}

static KsRule selector_rule(const Planner *planner, const KsSelector *selector, int family,
                            guint offset)
{
        KsRule rule = rule_lookup(planner, family, offset, RT_TABLE_MAIN);

        only_local(&rule);
        rule.ipproto = selector->protocol;
        if (selector->has_mark) {
                rule.mark = selector->mark;
                rule.mark_mask = 0xffffffff;
        }
        rule.has_uid = ks_selector_users(selector, &rule.uid_first, &rule.uid_last) != FALSE;
        if (!rule.has_uid)
                rule.uid_first = rule.uid_last = 0;
        rule.sport_first = selector->source_first;
        rule.sport_last = selector->source_last;
        rule.dport_first = rule.dport_last = selector->remote_port;
        rule.destination = selector->remote;
        return rule;
}

static void plan_transport(Planner *planner, int family)
{
        GPtrArray *vpns = planner->plan->vpns;

        for (int floor = 0; floor <= 1; floor++)
                for (guint i = 0; i < vpns->len; i++) {
                        KsVpn *vpn = ((KsPlanVpn *)g_ptr_array_index(vpns, i))->vpn;
                        guint offset = floor ? (guint)KS_OFFSET_TRANSPORT_FLOOR
                                             : MIN(i, (guint)KS_OFFSET_TRANSPORT_LAST);

                        for (guint j = 0; j < vpn->selectors->len; j++) {
                                const KsSelector *selector = &g_array_index(vpn->selectors,
                                                                            KsSelector, j);
                                KsRule rule;

                                if (!ks_selector_covers_family(selector, family))
                                        continue;
                                rule = selector_rule(planner, selector, family, offset);
                                if (floor) {
                                        rule.action = block_rule_action(
                                                planner->settings->block_with);
                                        rule.table = 0;
                                }
                                add_rule(planner, &rule);
                        }
                }
}

static void plan_replies(Planner *planner, int family)
{
        for (guint i = 0; i < planner->plan->vpns->len; i++) {
                const KsVpn *vpn = ((KsPlanVpn *)g_ptr_array_index(planner->plan->vpns, i))->vpn;

                for (guint j = 0; j < vpn->selectors->len; j++) {
                        const KsSelector *selector = &g_array_index(vpn->selectors, KsSelector, j);
                        KsRule rule = rule_lookup(planner, family, KS_OFFSET_REPLIES,
                                                  RT_TABLE_MAIN);

                        rule.mark = ks_selector_reply_mark(selector);
                        if (rule.mark == 0 || !ks_selector_covers_family(selector, family))
                                continue;
                        only_local(&rule);
                        rule.ipproto = selector->protocol;
                        rule.mark_mask = 0xffffffff;
                        rule.destination = selector->remote;
                        add_rule(planner, &rule);
                }
        }
}

static void plan_dhcp(Planner *planner)
{
        KsRule rule = rule_lookup(planner, AF_INET, KS_OFFSET_DHCP, RT_TABLE_MAIN);

        only_local(&rule);
        /* Where unprivileged programs may bind port 68, they are not DHCP clients. */
        rule.has_uid = 1;
        rule.uid_last = KS_SYSTEM_UID_MAX;
        rule.ipproto = IPPROTO_UDP;
        rule.sport_first = rule.sport_last = 68;
        rule.dport_first = rule.dport_last = 67;
        add_rule(planner, &rule);
}

static void plan_dns(Planner *planner, int family)
{
        static const struct {
                uint8_t protocol;
                uint16_t port;
        } dns[] = {
                { IPPROTO_UDP, 53 }, { IPPROTO_TCP, 53 }, { IPPROTO_UDP, 853 }, { IPPROTO_TCP, 853 }
        };

        if (planner->settings->lan_dns)
                return;
        for (guint i = 0; i < G_N_ELEMENTS(dns); i++) {
                KsRule rule = rule_lookup(planner, family, KS_OFFSET_DNS + i,
                                          planner->settings->table);

                rule.ipproto = dns[i].protocol;
                rule.dport_first = rule.dport_last = dns[i].port;
                add_rule(planner, &rule);
        }
}

static void add_direct_rule(Planner *planner, const KsPrefix *prefix, guint offset)
{
        KsRule rule = rule_lookup(planner, prefix->family, offset, RT_TABLE_MAIN);

        rule.destination = *prefix;
        rule.suppress = KS_LAN_SUPPRESS + 1;
        add_rule(planner, &rule);
}

static gboolean overlaps_claim(const Planner *planner, const KsPrefix *network)
{
        for (guint i = 0; i < planner->plan->claims->len; i++) {
                const KsPrefix *claim = &g_array_index(planner->plan->claims, KsPrefix, i);

                if (ks_prefix_contains(claim, network) || ks_prefix_contains(network, claim))
                        return TRUE;
        }
        return FALSE;
}

static void plan_host_network(Planner *planner, const KsLink *link, const KsPrefix *network)
{
        KsRule rule = rule_lookup(planner, network->family, KS_OFFSET_HOST, RT_TABLE_MAIN);

        rule.destination = *network;
        rule.suppress = KS_LAN_SUPPRESS + 1;
        if (overlaps_claim(planner, network))
                rule.priority = planner->settings->priority + KS_OFFSET_HOST_SHARED;
        /* Every link has this one, so the link that is meant is named: whoever sends there
         * has to name it too. */
        if (network->family == AF_INET6 && ks_prefix_is_link_local(network)) {
                if (!ks_interface_name_is_valid(link->name))
                        return;
                g_strlcpy(rule.oif, link->name, sizeof(rule.oif));
        }
        add_rule(planner, &rule);
}

static void plan_host_networks(Planner *planner, int family)
{
        for (guint i = 0; i < planner->host_links->len; i++) {
                const KsLink *link = g_ptr_array_index(planner->host_links, i);

                for (guint j = 0; j < link->addresses->len; j++) {
                        const KsPrefix *network = &g_array_index(link->addresses, KsAddress, j)
                                                           .network;

                        if (network->family == family && network->length > 0)
                                plan_host_network(planner, link, network);
                }
        }
}

static void plan_lan(Planner *planner, int family)
{
        GArray *more = planner->settings->lan_prefixes;
        guint count;
        const char *const *ranges = ks_private_ranges(family, &count);

        if (planner->lan == KS_LAN_MODE_ALL) {
                KsRule rule = rule_lookup(planner, family, KS_OFFSET_LAN_ALL, RT_TABLE_MAIN);

                rule.suppress = KS_LAN_SUPPRESS + 1;
                add_rule(planner, &rule);
        }
        for (guint i = 0; planner->lan == KS_LAN_MODE_PRIVATE && i < count; i++) {
                KsPrefix prefix;

                if (ks_prefix_parse(ranges[i], &prefix, NULL))
                        add_direct_rule(planner, &prefix, KS_OFFSET_LAN + i);
        }
        for (guint i = 0; planner->lan == KS_LAN_MODE_PRIVATE && i < more->len; i++) {
                const KsPrefix *prefix = &g_array_index(more, KsPrefix, i);

                if (prefix->family == family)
                        add_direct_rule(planner, prefix, KS_OFFSET_LAN_MORE);
        }
}

gboolean ks_planner_lan_could_claim(const Planner *planner, const KsPrefix *prefix)
{
        GArray *more = planner->settings->lan_prefixes;
        guint count;
        const char *const *ranges = ks_private_ranges(prefix->family, &count);
        KsPrefix range;

        for (guint i = 0; i < count; i++)
                if (ks_prefix_parse(ranges[i], &range, NULL) && ks_prefix_contains(&range, prefix))
                        return TRUE;
        for (guint i = 0; i < more->len; i++)
                if (ks_prefix_contains(&g_array_index(more, KsPrefix, i), prefix))
                        return TRUE;
        return planner->lan == KS_LAN_MODE_ALL && prefix->length > KS_LAN_SUPPRESS;
}

/* Networks of VPNs that a LAN could claim for its own: those of profiles whether
 * the VPN is up or not, of others while it is. */
void ks_planner_collect_claims(Planner *planner)
{
        for (guint i = 0; planner->kept && i < planner->kept->len; i++) {
                const KsPrefix *prefix = &g_array_index(planner->kept, KsPrefix, i);

                if (ks_planner_lan_could_claim(planner, prefix))
                        ks_prefix_array_add(planner->plan->claims, prefix);
        }
        for (guint i = 0; i < planner->plan->vpns->len; i++) {
                const KsPlanVpn *entry = g_ptr_array_index(planner->plan->vpns, i);

                if (!entry->up && !entry->vpn->from_settings)
                        continue;
                for (guint j = 0; j < entry->vpn->prefixes->len; j++) {
                        const KsPrefix *prefix = &g_array_index(entry->vpn->prefixes, KsPrefix, j);

                        if (ks_planner_lan_could_claim(planner, prefix))
                                ks_prefix_array_add(planner->plan->claims, prefix);
                }
        }
}

/* One rule a network, not "lookup 83 suppress_prefixlength 0": a lookup that ends
 * in the blocking default returns its error, which is not suppressed, and would
 * end every lookup before the LAN's rules (fib_rules_lookup()). */
static void plan_claims(Planner *planner, int family)
{
        for (guint i = 0; i < planner->plan->claims->len; i++) {
                const KsPrefix *prefix = &g_array_index(planner->plan->claims, KsPrefix, i);
                KsRule rule = rule_lookup(planner, family, KS_OFFSET_VPN_PREFIXES,
                                          planner->settings->table);

                rule.destination = *prefix;
                if (prefix->family == family)
                        add_rule(planner, &rule);
        }
}

/* What is named where a rule can't be for every protocol. */
static const uint8_t sent_protocols[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP,
                                          IPPROTO_GRE,  IPPROTO_ESP, IPPROTO_SCTP };

static void add_sent(Planner *planner, KsRule rule)
{
        for (guint i = 0; i < G_N_ELEMENTS(sent_protocols); i++) {
                KsRule one = rule;

                one.ipproto = sent_protocols[i];
                if (one.family == AF_INET6 && one.ipproto == IPPROTO_ICMP)
                        one.ipproto = IPPROTO_ICMPV6;
                if (one.ipproto == IPPROTO_UDP) {
                        one.dport_first = 1;
                        one.dport_last = G_MAXUINT16 - 1;
                }
                add_rule(planner, &one);
        }
}

/* Whatever is sent is in the VPN's hands, or refused, as it is by the rules for everything. What
 * passes is a question about a route (RTM_GETROUTE), which in IPv4 is about UDP without a port
 * and in IPv6 about no protocol. The kernel takes no range that ends in 65535. */
static void plan_sent(Planner *planner, int family)
{
        KsRule refuse = rule_lookup(planner, family, KS_OFFSET_SENT_FLOOR, 0);

        refuse.action = block_rule_action(planner->settings->block_with);
        add_sent(planner, rule_lookup(planner, family, KS_OFFSET_SENT, planner->settings->table));
        add_sent(planner, refuse);
}

static void plan_server(Planner *planner, const KsPrefix *server, uint32_t uid)
{
        KsRule rule = rule_lookup(planner, server->family, KS_OFFSET_SERVERS, RT_TABLE_MAIN);

        only_local(&rule);
        rule.destination = *server;
        rule.has_uid = 1;
        rule.uid_first = rule.uid_last = uid;
        add_rule(planner, &rule);
}

/* Programs of VPNs ask for the way to their server, without a mark and often as root, and set a
 * route to it by the answer, so that their packets don't go into the tunnel that they make the
 * default (OpenVPN's redirect-gateway, vpnc-script). Refused, they would have none. */
static void plan_servers(Planner *planner, int family)
{
        gboolean any = FALSE;

        for (guint i = 0; i < planner->plan->vpns->len; i++) {
                const KsVpn *vpn = ((KsPlanVpn *)g_ptr_array_index(planner->plan->vpns, i))->vpn;

                for (guint j = 0; vpn->from_settings && j < vpn->selectors->len; j++) {
                        const KsSelector *selector = &g_array_index(vpn->selectors, KsSelector, j);

                        if (selector->by_kernel || selector->remote.family != family)
                                continue;
                        if (!any)
                                plan_sent(planner, family);
                        any = TRUE;
                        plan_server(planner, &selector->remote, 0);
                        if (selector->has_uid)
                                plan_server(planner, &selector->remote, selector->uid);
                }
        }
}

/* Holds when the table has been flushed, and in IPv6 for sockets bound to a device.
 *
 * In IPv4 it has to let one lookup pass: when a route is added, the kernel looks its
 * gateway up by the rules, as root and without a protocol (fib_check_nh_v4_gw()), and a
 * DHCP client could not set its default route. Such a lookup passes the blocking default
 * by, because it asks for neighbours only. So the floor is for what is forwarded, for all
 * users but root, and for root by protocol. */
static void plan_floor(Planner *planner, int family)
{
        KsRule rule = rule_lookup(planner, family, KS_OFFSET_FLOOR, 0);
        KsRule users, forwarded;

        rule.action = block_rule_action(planner->settings->block_with);
        users = forwarded = rule;
        if (family == AF_INET6) {
                add_rule(planner, &rule);
                return;
        }
        for (guint i = 0; i < G_N_ELEMENTS(sent_protocols); i++) {
                rule.ipproto = sent_protocols[i];
                add_rule(planner, &rule);
        }
        only_local(&forwarded);
        forwarded.inverted = 1;
        add_rule(planner, &forwarded);
        users.has_uid = 1;
        users.uid_first = 1;
        users.uid_last = G_MAXUINT32 - 1;
        add_rule(planner, &users);
}

void ks_planner_add_rules(Planner *planner, int family)
{
        KsRule rule;

        plan_transport(planner, family);
        plan_replies(planner, family);
        if (family == AF_INET)
                plan_dhcp(planner);
        plan_host_networks(planner, family);
        plan_claims(planner, family);
        plan_dns(planner, family);
        plan_lan(planner, family);
        plan_servers(planner, family);
        rule = rule_lookup(planner, family, KS_OFFSET_ALL, planner->settings->table);
        add_rule(planner, &rule);
        plan_floor(planner, family);
}
