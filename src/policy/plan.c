/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan: settings and links in, the complete wanted kernel state out. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "config.h"
#include "policy/host-link.h"
#include "policy/plan-private.h"
#include "policy/uplink.h"
#ifdef KS_TEST_SWITCHES
#include "policy/without.h"
#endif

static const int families[] = { AF_INET, AF_INET6 };

/* RFC 1918, RFC 3927; RFC 4193, RFC 4291. Fixed: LAN is never learned from what
 * a network claims (CVE-2023-36672, CVE-2024-3661). */
static const char *const private4[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                        "169.254.0.0/16" };
static const char *const private6[] = { "fc00::/7", "fe80::/10" };

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
        g_array_unref(plan->claims);
        g_array_unref(plan->reach.own);
        g_array_unref(plan->reach.outside);
        g_array_unref(plan->reach.guests);
        g_array_unref(plan->reach.guest_links);
        g_array_unref(plan->reach.lan);
        g_ptr_array_unref(plan->vpns);
        g_ptr_array_unref(plan->problems);
        g_free(plan);
}

uint8_t ks_planner_block_type(const Planner *planner)
{
        static const uint8_t types[] = {
                [KS_BLOCK_UNREACHABLE] = RTN_UNREACHABLE,
                [KS_BLOCK_BLACKHOLE] = RTN_BLACKHOLE,
                [KS_BLOCK_PROHIBIT] = RTN_PROHIBIT,
        };

        return types[planner->settings->block_with];
}

void ks_planner_add_route(Planner *planner, const KsPrefix *destination, int oif,
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
                        .type = ks_planner_block_type(planner),
                        .origin = KS_PROTOCOL,
                        .destination = { .family = (uint8_t)families[i] },
                };

                g_array_append_val(planner->plan->routes, route);
        }
}

/* The routes of one VPN that is up. The networks of its addresses come first and
 * without a gateway, since a gateway stands in one of them. */
static void plan_vpn_routes(Planner *planner, const KsPlanVpn *entry, const KsLink *link,
                            guint32 metric)
{
        const KsVpn *vpn = entry->vpn;

        for (guint i = 0; i < link->addresses->len; i++) {
                const KsAddress *address = &g_array_index(link->addresses, KsAddress, i);

                if (address->network.length > 0 && !ks_prefix_is_link_local(&address->local))
                        ks_planner_add_route(planner, &address->network, link->index, NULL, metric);
        }
        for (guint i = 0; i < vpn->prefixes->len; i++) {
                const KsPrefix *prefix = &g_array_index(vpn->prefixes, KsPrefix, i);

                if (prefix->family == AF_INET ? entry->up4 : entry->up6)
                        ks_planner_add_route(planner, prefix, link->index,
                                             prefix->family == AF_INET ? &vpn->gateway4
                                                                       : &vpn->gateway6,
                                             metric);
        }
        if (vpn->default4 && entry->up4)
                ks_planner_add_route(planner, &(KsPrefix){ .family = AF_INET }, link->index,
                                     &vpn->gateway4, metric);
        if (vpn->default6 && entry->up6)
                ks_planner_add_route(planner, &(KsPrefix){ .family = AF_INET6 }, link->index,
                                     &vpn->gateway6, metric);
}

/* Routes and guard elements of one VPN that is up. */
static void plan_vpn_up(Planner *planner, KsPlanVpn *entry, const KsLink *link, guint32 metric)
{
        KsGuard *guard = planner->plan->guard;

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
                *(is4 ? &entry->up4 : &entry->up6) = TRUE;
                g_ptr_array_add(entry->addresses, g_strdup(text));
        }
        plan_vpn_routes(planner, entry, link, metric);
        for (guint i = 0; i < link->addresses->len; i++) {
                const KsAddress *address = &g_array_index(link->addresses, KsAddress, i);

                if (address->network.length > 0 && !ks_prefix_is_link_local(&address->local))
                        ks_prefix_array_add(entry->vpn->prefixes, &address->network);
        }
        entry->up = entry->up4 || entry->up6;
        if ((entry->vpn->default4 && entry->up4) || (entry->vpn->default6 && entry->up6))
                planner->plan->protecting = TRUE;
}

static void plan_guard_claims(Planner *planner)
{
        for (guint i = 0; i < planner->plan->claims->len; i++)
                ks_guard_add_prefix(planner->plan->guard, KS_SET_VPN_NETWORK4, KS_SET_VPN_NETWORK6,
                                    &g_array_index(planner->plan->claims, KsPrefix, i));
}

static void add_lan(Planner *planner, const KsPrefix *prefix)
{
        ks_guard_add_prefix(planner->plan->guard, KS_SET_LAN4, KS_SET_LAN6, prefix);
        g_array_append_val(planner->plan->reach.lan, *prefix);
}

static void plan_lan(Planner *planner)
{
        if (planner->lan == KS_LAN_MODE_NONE)
                return;
        for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
                guint count;
                const char *const *ranges = ks_private_ranges(families[f], &count);
                KsPrefix prefix;

                for (guint i = 0; i < count; i++)
                        if (ks_prefix_parse(ranges[i], &prefix, NULL))
                                add_lan(planner, &prefix);
        }
        for (guint i = 0; i < planner->settings->lan_prefixes->len; i++)
                add_lan(planner, &g_array_index(planner->settings->lan_prefixes, KsPrefix, i));
        if (planner->lan != KS_LAN_MODE_ALL || !planner->lan_routes)
                return;
        for (guint i = 0; i < planner->lan_routes->len; i++) {
                const KsPrefix *prefix = &g_array_index(planner->lan_routes, KsPrefix, i);

                /* What steering suppresses is no LAN to the guard either. */
                if (prefix->length > KS_LAN_SUPPRESS)
                        add_lan(planner, prefix);
        }
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

        if (vpn->through)
                g_string_append_printf(text, "through %s", vpn->through);
        else if (vpn->unit)
                g_string_append_printf(text, "%s: ", vpn->unit);
        for (guint i = 0; i < vpn->selectors->len; i++) {
                g_autofree char *one = ks_selector_to_string(
                        &g_array_index(vpn->selectors, KsSelector, i));

                g_string_append_printf(text, "%s%s", i ? "; " : "", one);
        }
        return g_string_free(text, FALSE);
}

static void add_unit_problem(Planner *planner, const KsVpn *vpn)
{
        g_ptr_array_add(planner->plan->problems,
                        g_strdup_printf("The unit %s does not run, or there is none of that name; "
                                        "the VPN %s can't reach its server until it does.",
                                        vpn->unit, vpn->name));
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
        if (vpn->unit && !vpn->group && !vpn->through)
                add_unit_problem(planner, vpn);
        if (!link)
                return;
        if (!ks_vpn_link_matches(vpn, link)) {
                g_ptr_array_add(
                        planner->plan->problems,
                        g_strdup_printf(
                                "The interface %s is of kind '%s', not what the VPN "
                                "%s should be; nothing is sent through it. If it is "
                                "the VPN, set Kind= in its section, or add it again with Kind=.",
                                link->name, link->kind[0] ? link->kind : "hardware", vpn->name));
                return;
        }
        g_strlcpy(entry->kind, link->kind, sizeof(entry->kind));
        entry->index = link->index;
        if (ks_link_is_up(link))
                plan_vpn_up(planner, entry, link,
                            vpn->metric ? vpn->metric : KS_METRIC_FIRST + order);
        if (!selectors_in_chain && vpn->selectors->len == 0 && !vpn->through && link->wireguard &&
            ks_link_is_up(link))
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
                /* Named servers that nobody knows yet match nothing, not anything. */
                gboolean in_chain = vpn->selectors->len > 0 || vpn->names;

                if (!in_chain && !vpn->through && link && link->wireguard)
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

static gboolean is_vpn_link(const Planner *planner, const KsLink *link)
{
        GPtrArray *vpns = planner->plan->vpns;

        for (guint i = 0; i < vpns->len; i++)
                if (ks_vpn_link_matches(((KsPlanVpn *)g_ptr_array_index(vpns, i))->vpn, link))
                        return TRUE;
        return FALSE;
}

static void plan_addresses(Planner *planner)
{
        KsReach *reach = &planner->plan->reach;

        for (guint i = 0; i < planner->links->len; i++) {
                const KsLink *link = g_ptr_array_index(planner->links, i);
                gboolean is_vpn = is_vpn_link(planner, link);

                for (guint j = 0; j < link->addresses->len; j++) {
                        const KsPrefix *local = &g_array_index(link->addresses, KsAddress, j).local;

                        g_array_append_val(reach->own, *local);
                        if (!is_vpn)
                                g_array_append_val(reach->outside, *local);
                }
        }
}

static void plan_guests(Planner *planner)
{
        KsReach *reach = &planner->plan->reach;

        for (guint i = 0; i < planner->host_links->len; i++) {
                const KsLink *link = g_ptr_array_index(planner->host_links, i);

                ks_guard_add(planner->plan->guard, KS_SET_HOST, "%d", link->index);
                g_array_append_val(reach->guest_links, link->index);
                for (guint j = 0; j < link->addresses->len; j++) {
                        const KsAddress *address = &g_array_index(link->addresses, KsAddress, j);

                        /* Link-local networks are everywhere; there the link counts. */
                        if (address->network.length > 0 &&
                            !ks_prefix_is_link_local(&address->network))
                                g_array_append_val(reach->guests, address->network);
                }
        }
}

KsPlan *ks_plan_new(const KsSettings *settings, KsLan lan, GPtrArray *links, GArray *lan_routes,
                    GArray *kept)
{
        Planner planner = { settings, lan, links, lan_routes, kept, NULL, g_new0(KsPlan, 1) };
        KsPlan *plan = planner.plan;

        plan->rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        plan->routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        plan->claims = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        plan->vpns = g_ptr_array_new_with_free_func((GDestroyNotify)plan_vpn_free);
        plan->problems = g_ptr_array_new_with_free_func(g_free);
        plan->guard = ks_guard_new(settings, lan);
        plan->reach = (KsReach){
                .own = g_array_new(FALSE, TRUE, sizeof(KsPrefix)),
                .outside = g_array_new(FALSE, TRUE, sizeof(KsPrefix)),
                .guests = g_array_new(FALSE, TRUE, sizeof(KsPrefix)),
                .guest_links = g_array_new(FALSE, TRUE, sizeof(int)),
                .lan = g_array_new(FALSE, TRUE, sizeof(KsPrefix)),
                .lan_dns = settings->lan_dns,
        };

        planner.host_links = ks_host_links_find(settings, links, plan->problems);
        plan_blocking_defaults(&planner);
        plan_vpns(&planner);
        ks_planner_add_through(&planner);
        ks_planner_collect_claims(&planner);
        for (guint i = 0; i < G_N_ELEMENTS(families); i++)
                ks_planner_add_rules(&planner, families[i]);
        plan_guard_claims(&planner);
        plan_lan(&planner);
        plan_guests(&planner);
        plan_addresses(&planner);
        if (settings->egress_guard)
                ks_planner_add_uplinks(&planner);
        g_ptr_array_unref(planner.host_links);
#ifdef KS_TEST_SWITCHES
        ks_without_apply(plan);
#endif
        return plan;
}
