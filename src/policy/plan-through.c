/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPNs inside others. The way to the inner one's server is a route of our table over the outer
 * one's link, and one that refuses for as long as that isn't there: the server's own VPN, whose
 * default is what would come next, must not carry it. */

#include "common/names.h"
#include "policy/plan-private.h"

static const KsPlanVpn *find_entry(const Planner *planner, const char *name)
{
        GPtrArray *vpns = planner->plan->vpns;

        for (guint i = 0; i < vpns->len; i++)
                if (g_str_equal(((KsPlanVpn *)g_ptr_array_index(vpns, i))->vpn->name, name))
                        return g_ptr_array_index(vpns, i);
        return NULL;
}

/* Returns: FALSE when it is there already. */
static gboolean add_block(Planner *planner, const KsPrefix *server)
{
        KsRoute route = {
                .table = planner->settings->table,
                .metric = KS_METRIC_BLOCK,
                .family = server->family,
                .type = ks_planner_block_type(planner),
                .origin = KS_PROTOCOL,
                .destination = *server,
        };
        GArray *routes = planner->plan->routes;

        for (guint i = 0; i < routes->len; i++)
                if (ks_route_same_place(&g_array_index(routes, KsRoute, i), &route))
                        return FALSE;
        /* With the other blocks, ahead of all that leads somewhere. */
        g_array_insert_val(routes, 2, route);
        return TRUE;
}

static void add_server(Planner *planner, const KsPlanVpn *outer, const KsPrefix *server)
{
        gboolean is4 = server->family == AF_INET;
        g_autofree char *address = ks_prefix_address_to_string(server);
        KsGuard *guard = planner->plan->guard;

        if (!add_block(planner, server))
                return;
        ks_guard_add(guard, is4 ? KS_SET_INNER4 : KS_SET_INNER6, "%s", address);
        if (ks_planner_lan_could_claim(planner, server))
                ks_prefix_array_add(planner->plan->claims, server);
        if (!outer || !(is4 ? outer->up4 : outer->up6))
                return;
        ks_guard_add(guard, is4 ? KS_SET_INNER_WAY4 : KS_SET_INNER_WAY6, "%s . %d", address,
                     outer->index);
        ks_planner_add_route(planner, server, outer->index,
                             is4 ? &outer->vpn->gateway4 : &outer->vpn->gateway6, KS_METRIC_FIRST);
}

void ks_planner_add_through(Planner *planner)
{
        GPtrArray *vpns = planner->plan->vpns;

        for (guint i = 0; i < vpns->len; i++) {
                const KsVpn *vpn = ((KsPlanVpn *)g_ptr_array_index(vpns, i))->vpn;
                const KsPlanVpn *outer = vpn->through ? find_entry(planner, vpn->through) : NULL;

                for (guint j = 0; vpn->through && j < vpn->inner_servers->len; j++)
                        add_server(planner, outer, &g_array_index(vpn->inner_servers, KsPrefix, j));
        }
}
