/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan: settings and links in, the complete wanted kernel state out. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "policy/plan.h"

static const int families[] = { AF_INET, AF_INET6 };

/* RFC 1918, RFC 3927; RFC 4193, RFC 4291. Fixed: LAN is never learned from what
 * a network claims (CVE-2023-36672, CVE-2024-3661). */
static const char *const private4[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                        "169.254.0.0/16" };
static const char *const private6[] = { "fc00::/7", "fe80::/10" };

/* LAN rules ignore main's default, and the two halves that stand for it. Not 0:
 * "wg-quick down" deletes rules that look up main and suppress 0 until it finds
 * none, and RTM_DELRULE would give it ours for its own. */
#define LAN_SUPPRESS 1

const char *const *ks_private_ranges(int family, guint *count)
{
        *count = family == AF_INET ? G_N_ELEMENTS(private4) : G_N_ELEMENTS(private6);
        return family == AF_INET ? private4 : private6;
}

static void plan_vpn_free(KsPlanVpn *entry)
{
        ks_vpn_free(entry->vpn);
        g_ptr_array_unref(entry->addresses);
        g_free(entry->transport);
        g_free(entry);
}

void ks_plan_free(KsPlan *plan)
{
        if (!plan)
                return;
        g_array_unref(plan->rules);
        g_array_unref(plan->routes);
        ks_guard_free(plan->guard);
        g_ptr_array_unref(plan->vpns);
        g_ptr_array_unref(plan->problems);
        g_free(plan);
}

/* What planning carries around. */
typedef struct Planner {
        const KsSettings *settings;
        KsLan lan;
        GPtrArray *links;
        GArray *lan_routes;
        KsPlan *plan;
        GArray *claims; /* of KsPrefix: networks of VPNs that a LAN could claim */
} Planner;

static uint8_t block_rule_action(KsBlockWith block_with)
{
        static const uint8_t actions[] = {
                [KS_BLOCK_UNREACHABLE] = FR_ACT_UNREACHABLE,
                [KS_BLOCK_BLACKHOLE] = FR_ACT_BLACKHOLE,
                [KS_BLOCK_PROHIBIT] = FR_ACT_PROHIBIT,
        };

        return actions[block_with];
}

static uint8_t block_route_type(KsBlockWith block_with)
{
        static const uint8_t types[] = {
                [KS_BLOCK_UNREACHABLE] = RTN_UNREACHABLE,
                [KS_BLOCK_BLACKHOLE] = RTN_BLACKHOLE,
                [KS_BLOCK_PROHIBIT] = RTN_PROHIBIT,
        };

        return types[block_with];
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

static void add_rule(Planner *planner, const KsRule *rule)
{
        for (guint i = 0; i < planner->plan->rules->len; i++)
                if (ks_rule_equal(&g_array_index(planner->plan->rules, KsRule, i), rule))
                        return;
        g_array_append_val(planner->plan->rules, *rule);
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
        if (selector->has_uid) {
                rule.has_uid = 1;
                rule.uid_first = rule.uid_last = selector->uid;
        }
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

                        if (!ks_selector_marks_replies(selector))
                                continue;
                        only_local(&rule);
                        rule.ipproto = selector->protocol;
                        rule.mark = KS_REPLY_MARK;
                        rule.mark_mask = 0xffffffff;
                        add_rule(planner, &rule);
                }
        }
}

static void plan_dhcp(Planner *planner)
{
        KsRule rule = rule_lookup(planner, AF_INET, KS_OFFSET_DHCP, RT_TABLE_MAIN);

        only_local(&rule);
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
        rule.suppress = LAN_SUPPRESS + 1;
        add_rule(planner, &rule);
}

static gboolean is_host_link(const Planner *planner, const KsLink *link)
{
        GPtrArray *names = planner->settings->host_interfaces;

        for (guint i = 0; i < names->len; i++)
                if (g_str_equal(g_ptr_array_index(names, i), link->name))
                        return TRUE;
        return FALSE;
}

static void plan_host_networks(Planner *planner, int family)
{
        for (guint i = 0; i < planner->links->len; i++) {
                const KsLink *link = g_ptr_array_index(planner->links, i);

                if (!is_host_link(planner, link))
                        continue;
                for (guint j = 0; j < link->addresses->len; j++) {
                        const KsPrefix *network = &g_array_index(link->addresses, KsAddress, j)
                                                           .network;

                        if (network->family == family && network->length > 0)
                                add_direct_rule(planner, network, KS_OFFSET_HOST);
                }
        }
}

static void plan_lan(Planner *planner, int family)
{
        guint count;
        const char *const *ranges = ks_private_ranges(family, &count);

        if (planner->lan == KS_LAN_MODE_ALL) {
                KsRule rule = rule_lookup(planner, family, KS_OFFSET_LAN, RT_TABLE_MAIN);

                rule.suppress = LAN_SUPPRESS + 1;
                add_rule(planner, &rule);
        }
        for (guint i = 0; planner->lan == KS_LAN_MODE_PRIVATE && i < count; i++) {
                KsPrefix prefix;

                if (ks_prefix_parse(ranges[i], &prefix, NULL))
                        add_direct_rule(planner, &prefix, KS_OFFSET_LAN + i);
        }
}

static gboolean lan_could_claim(const Planner *planner, const KsPrefix *prefix)
{
        guint count;
        const char *const *ranges = ks_private_ranges(prefix->family, &count);
        KsPrefix range;

        for (guint i = 0; i < count; i++)
                if (ks_prefix_parse(ranges[i], &range, NULL) && ks_prefix_contains(&range, prefix))
                        return TRUE;
        return planner->lan == KS_LAN_MODE_ALL && prefix->length > LAN_SUPPRESS;
}

/* Networks of VPNs that a LAN could claim for its own: those of profiles whether
 * the VPN is up or not, of others while it is. */
static void collect_claims(Planner *planner)
{
        for (guint i = 0; i < planner->plan->vpns->len; i++) {
                const KsPlanVpn *entry = g_ptr_array_index(planner->plan->vpns, i);

                if (!entry->up && !entry->vpn->from_settings)
                        continue;
                for (guint j = 0; j < entry->vpn->prefixes->len; j++) {
                        const KsPrefix *prefix = &g_array_index(entry->vpn->prefixes, KsPrefix, j);

                        if (lan_could_claim(planner, prefix))
                                ks_prefix_array_add(planner->claims, prefix);
                }
        }
}

/* One rule a network, not "lookup 83 suppress_prefixlength 0": a lookup that ends
 * in the blocking default returns its error, which is not suppressed, and would
 * end every lookup before the LAN's rules (fib_rules_lookup()). */
static void plan_claims(Planner *planner, int family)
{
        for (guint i = 0; i < planner->claims->len; i++) {
                const KsPrefix *prefix = &g_array_index(planner->claims, KsPrefix, i);
                KsRule rule = rule_lookup(planner, family, KS_OFFSET_VPN_PREFIXES,
                                          planner->settings->table);

                rule.destination = *prefix;
                if (prefix->family == family)
                        add_rule(planner, &rule);
        }
}

static void plan_rules(Planner *planner, int family)
{
        KsRule rule;

        plan_transport(planner, family);
        plan_replies(planner, family);
        if (family == AF_INET)
                plan_dhcp(planner);
        plan_claims(planner, family);
        plan_dns(planner, family);
        plan_host_networks(planner, family);
        plan_lan(planner, family);
        rule = rule_lookup(planner, family, KS_OFFSET_ALL, planner->settings->table);
        add_rule(planner, &rule);
        rule = rule_lookup(planner, family, KS_OFFSET_FLOOR, 0);
        rule.action = block_rule_action(planner->settings->block_with);
        add_rule(planner, &rule);
}

static void add_route(Planner *planner, const KsPrefix *destination, int oif,
                      const KsPrefix *gateway, guint32 metric)
{
        KsRoute route = {
                .table = planner->settings->table,
                .metric = metric,
                .oif = oif,
                .family = destination->family,
                .type = RTN_UNICAST,
                .origin = KS_PROTOCOL,
                .destination = *destination,
        };
        GArray *routes = planner->plan->routes;

        if (gateway && gateway->family == destination->family)
                route.gateway = *gateway;
        for (guint i = 0; i < routes->len; i++)
                if (ks_route_same_place(&g_array_index(routes, KsRoute, i), &route))
                        return;
        g_array_append_val(routes, route);
}

static void plan_blocking_defaults(Planner *planner)
{
        for (guint i = 0; i < G_N_ELEMENTS(families); i++) {
                KsRoute route = {
                        .table = planner->settings->table,
                        .metric = KS_METRIC_BLOCK,
                        .family = (uint8_t)families[i],
                        .type = block_route_type(planner->settings->block_with),
                        .origin = KS_PROTOCOL,
                        .destination = { .family = (uint8_t)families[i] },
                };

                g_array_append_val(planner->plan->routes, route);
        }
}

/* Routes and guard elements of one VPN that is up. */
static void plan_vpn_up(Planner *planner, KsPlanVpn *entry, const KsLink *link, guint32 metric)
{
        KsGuard *guard = planner->plan->guard;
        gboolean has4 = FALSE, has6 = FALSE;
        const KsVpn *vpn = entry->vpn;

        ks_guard_add(guard, KS_SET_VPN, "%d . %u", link->index, link->type);
        for (guint i = 0; i < link->addresses->len; i++) {
                const KsAddress *address = &g_array_index(link->addresses, KsAddress, i);
                g_autofree char *text = ks_prefix_address_to_string(&address->local);
                gboolean is4 = address->local.family == AF_INET;

                ks_guard_add(guard, is4 ? KS_SET_VPN4 : KS_SET_VPN6, "%d . %u . %s", link->index,
                             link->type, text);
                if (ks_prefix_is_link_local(&address->local))
                        continue;
                ks_guard_add(guard, is4 ? KS_SET_VPN_ADDRESS4 : KS_SET_VPN_ADDRESS6, "%s", text);
                *(is4 ? &has4 : &has6) = TRUE;
                if (address->network.length > 0)
                        ks_prefix_array_add(entry->vpn->prefixes, &address->network);
                g_ptr_array_add(entry->addresses, g_strdup(text));
        }
        for (guint i = 0; i < vpn->prefixes->len; i++) {
                const KsPrefix *prefix = &g_array_index(vpn->prefixes, KsPrefix, i);

                if (prefix->family == AF_INET ? has4 : has6)
                        add_route(planner, prefix, link->index,
                                  prefix->family == AF_INET ? &vpn->gateway4 : &vpn->gateway6,
                                  metric);
        }
        if (vpn->default4 && has4)
                add_route(planner, &(KsPrefix){ .family = AF_INET }, link->index, &vpn->gateway4,
                          metric);
        if (vpn->default6 && has6)
                add_route(planner, &(KsPrefix){ .family = AF_INET6 }, link->index, &vpn->gateway6,
                          metric);
        entry->up = has4 || has6;
        if (entry->up && (vpn->default4 || vpn->default6))
                planner->plan->protecting = TRUE;
}

static void plan_guard_claims(Planner *planner)
{
        for (guint i = 0; i < planner->claims->len; i++)
                ks_guard_add_prefix(planner->plan->guard, KS_SET_VPN_NETWORK4, KS_SET_VPN_NETWORK6,
                                    &g_array_index(planner->claims, KsPrefix, i));
}

static void plan_guard_lan(Planner *planner)
{
        KsGuard *guard = planner->plan->guard;

        if (planner->lan == KS_LAN_MODE_NONE)
                return;
        for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
                guint count;
                const char *const *ranges = ks_private_ranges(families[f], &count);

                for (guint i = 0; i < count; i++)
                        ks_guard_add(guard, families[f] == AF_INET ? KS_SET_LAN4 : KS_SET_LAN6,
                                     "%s", ranges[i]);
        }
        if (planner->lan != KS_LAN_MODE_ALL || !planner->lan_routes)
                return;
        for (guint i = 0; i < planner->lan_routes->len; i++)
                ks_guard_add_prefix(guard, KS_SET_LAN4, KS_SET_LAN6,
                                    &g_array_index(planner->lan_routes, KsPrefix, i));
}

static void add_mark(KsGuard *guard, int set, uint32_t mark)
{
        g_autofree char *text = g_strdup_printf("0x%08x", mark);

        if (!strstr(guard->sets[set].elements->str, text))
                ks_guard_add(guard, set, "%s", text);
}

/* A selector that came from kernel WireGuard goes into sets, because its link
 * comes and goes; a profile's stands in the transport chain. */
static void plan_guard_transport(Planner *planner, const KsVpn *vpn, gboolean in_chain)
{
        KsGuard *guard = planner->plan->guard;

        for (guint i = 0; i < vpn->selectors->len; i++) {
                const KsSelector *selector = &g_array_index(vpn->selectors, KsSelector, i);
                g_autofree char *remote = ks_prefix_address_to_string(&selector->remote);

                if (selector->has_mark)
                        add_mark(guard, KS_SET_MARK, selector->mark);
                if (ks_selector_marks_replies(selector))
                        add_mark(guard, KS_SET_MARK, KS_REPLY_MARK);
                if (in_chain)
                        continue;
                if (selector->has_mark)
                        add_mark(guard, KS_SET_WG_MARK, selector->mark);
                else
                        ks_guard_add(guard,
                                     selector->remote.family == AF_INET ? KS_SET_WG_PORT4
                                                                        : KS_SET_WG_PORT6,
                                     "%u . %s . %u", selector->source_first, remote,
                                     selector->remote_port);
        }
}

static char *selectors_to_string(const KsVpn *vpn)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < vpn->selectors->len; i++) {
                g_autofree char *one = ks_selector_to_string(
                        &g_array_index(vpn->selectors, KsSelector, i));

                g_string_append_printf(text, "%s%s", i ? "; " : "", one);
        }
        return g_string_free(text, FALSE);
}

static void add_vpn(Planner *planner, KsVpn *vpn, const KsLink *link, gboolean selectors_in_chain)
{
        KsPlanVpn *entry = g_new0(KsPlanVpn, 1);
        guint order = planner->plan->vpns->len;

        entry->vpn = vpn;
        entry->addresses = g_ptr_array_new_with_free_func(g_free);
        entry->transport = selectors_to_string(vpn);
        g_ptr_array_add(planner->plan->vpns, entry);
        plan_guard_transport(planner, vpn, selectors_in_chain);
        if (!link)
                return;
        if (!ks_vpn_link_matches(vpn, link)) {
                g_ptr_array_add(
                        planner->plan->problems,
                        g_strdup_printf("The interface %s is of kind '%s', not what the VPN "
                                        "%s should be; nothing is sent through it. If it is "
                                        "the VPN, set Kind= in its section.",
                                        link->name, link->kind[0] ? link->kind : "hardware",
                                        vpn->name));
                return;
        }
        g_strlcpy(entry->kind, link->kind, sizeof(entry->kind));
        if (ks_link_is_up(link))
                plan_vpn_up(planner, entry, link,
                            vpn->metric ? vpn->metric : KS_METRIC_FIRST + order);
        if (vpn->selectors->len == 0 && link->wireguard && ks_link_is_up(link))
                g_ptr_array_add(planner->plan->problems,
                                g_strdup_printf("WireGuard link %s has neither a mark nor an "
                                                "endpoint yet, so it can't reach its server; set "
                                                "one with 'wg set', then run 'ksctl reload'.",
                                                link->name));
}

static void add_name_problem(Planner *planner, const KsLink *link)
{
        g_autofree char *name = g_strescape(link->name, NULL);

        g_ptr_array_add(
                planner->plan->problems,
                g_strdup_printf("The WireGuard link \"%s\" is not used, because its name has "
                                "more than letters, digits and -_.@+; rename it",
                                name));
}

static void plan_vpns(Planner *planner)
{
        GPtrArray *profiles = planner->settings->vpns;

        for (guint i = 0; i < profiles->len; i++) {
                KsVpn *vpn = ks_vpn_copy(g_ptr_array_index(profiles, i));
                const KsLink *link = ks_links_find(planner->links, vpn->interface);
                gboolean in_chain = vpn->selectors->len > 0;

                if (!in_chain && link && link->wireguard)
                        ks_vpn_take_wireguard_selectors(vpn, link);
                add_vpn(planner, vpn, link, in_chain);
        }
        for (guint i = 0; planner->settings->auto_wireguard && i < planner->links->len; i++) {
                const KsLink *link = g_ptr_array_index(planner->links, i);
                gboolean known = FALSE;

                for (guint j = 0; j < profiles->len && !known; j++)
                        known = g_str_equal(((KsVpn *)g_ptr_array_index(profiles, j))->interface,
                                            link->name);
                if (!link->wireguard || known)
                        continue;
                if (ks_interface_name_is_valid(link->name))
                        add_vpn(planner, ks_vpn_from_wireguard(link), link, FALSE);
                else
                        add_name_problem(planner, link);
        }
}

KsPlan *ks_plan_new(const KsSettings *settings, KsLan lan, GPtrArray *links, GArray *lan_routes)
{
        g_autoptr(GArray) claims = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        Planner planner = { settings, lan, links, lan_routes, g_new0(KsPlan, 1), claims };
        KsPlan *plan = planner.plan;

        plan->rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        plan->routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        plan->vpns = g_ptr_array_new_with_free_func((GDestroyNotify)plan_vpn_free);
        plan->problems = g_ptr_array_new_with_free_func(g_free);
        plan->guard = ks_guard_new(settings, lan);

        plan_blocking_defaults(&planner);
        plan_vpns(&planner);
        collect_claims(&planner);
        for (guint i = 0; i < G_N_ELEMENTS(families); i++)
                plan_rules(&planner, families[i]);
        plan_guard_claims(&planner);
        plan_guard_lan(&planner);
        for (guint i = 0; i < links->len; i++) {
                const KsLink *link = g_ptr_array_index(links, i);

                if (is_host_link(&planner, link))
                        ks_guard_add(plan->guard, KS_SET_HOST, "%d", link->index);
        }
        return plan;
}
