/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes as plain values with equality of their own. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "policy/route.h"

G_STATIC_ASSERT(sizeof(KsRoute) == 3 * 4 + 4 + 2 * sizeof(KsPrefix));

gboolean ks_route_equal(const KsRoute *a, const KsRoute *b)
{
        return memcmp(a, b, sizeof(*a)) == 0;
}

gboolean ks_route_same_place(const KsRoute *a, const KsRoute *b)
{
        return a->family == b->family && a->table == b->table && a->metric == b->metric &&
               ks_prefix_equal(&a->destination, &b->destination);
}

char *ks_route_to_string(const KsRoute *route, const char *device)
{
        static const char *const types[] = {
                [RTN_UNICAST] = "",
                [RTN_BLACKHOLE] = "blackhole ",
                [RTN_UNREACHABLE] = "unreachable ",
                [RTN_PROHIBIT] = "prohibit ",
        };
        GString *text = g_string_new(NULL);
        g_autofree char *destination = ks_prefix_to_string(&route->destination);

        if (route->type < G_N_ELEMENTS(types) && types[route->type])
                g_string_append(text, types[route->type]);
        else
                g_string_append_printf(text, "type %u ", route->type);
        g_string_append(text, route->destination.length == 0 ? "default" : destination);
        if (ks_prefix_is_set(&route->gateway)) {
                g_autofree char *gateway = ks_prefix_to_string(&route->gateway);

                g_string_append_printf(text, " via %s", gateway);
        }
        if (route->oif && device)
                g_string_append_printf(text, " dev %s", device);
        else if (route->oif)
                g_string_append_printf(text, " dev #%d", route->oif);
        g_string_append_printf(text, " table %u metric %u", route->table, route->metric);
        g_string_append(text, route->family == AF_INET ? " (IPv4)" : " (IPv6)");
        return g_string_free(text, FALSE);
}
