/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's routing in miniature, to watch packets between any two operations. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "tests/unit/fib.h"
#include "tests/unit/host.h"

Fib *fib_new(void)
{
        Fib *fib = g_new0(Fib, 1);

        fib->rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        fib->routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        return fib;
}

Fib *fib_copy(const Fib *fib)
{
        Fib *copy = g_new0(Fib, 1);

        copy->rules = g_array_copy(fib->rules);
        copy->routes = g_array_copy(fib->routes);
        return copy;
}

void fib_free(Fib *fib)
{
        if (!fib)
                return;
        g_array_unref(fib->rules);
        g_array_unref(fib->routes);
        g_free(fib);
}

#define RULE(fib, i) (&g_array_index((fib)->rules, KsRule, i))
#define ROUTE(fib, i) (&g_array_index((fib)->routes, KsRoute, i))

/* Source, destination and TOS of a request count only when they are given: ops->compare(). */
static gboolean addresses_fit(const KsRule *rule, const KsRule *request)
{
        if (rule->family != request->family)
                return FALSE;
        if (request->destination.length > 0 &&
            !ks_prefix_equal(&rule->destination, &request->destination))
                return FALSE;
        if (request->source.length > 0 && !ks_prefix_equal(&rule->source, &request->source))
                return FALSE;
        return !request->tos || rule->tos == request->tos;
}

/* rule_exists(): all else has to be the same. */
static gboolean already_there(const Fib *fib, const KsRule *request)
{
        for (guint i = 0; i < fib->rules->len; i++) {
                KsRule same = *RULE(fib, i);

                if (!addresses_fit(&same, request))
                        continue;
                same.destination = request->destination;
                same.source = request->source;
                same.tos = request->tos;
                if (ks_rule_equal(&same, request))
                        return TRUE;
        }
        return FALSE;
}

static gboolean fits(uint32_t of_rule, uint32_t of_request)
{
        return of_request == 0 || of_rule == of_request;
}

/* rule_find(): what the request doesn't name is not compared. */
static gboolean would_be_deleted(const KsRule *rule, const KsRule *request)
{
        return addresses_fit(rule, request) && rule->priority == request->priority &&
               fits(rule->action, request->action) && fits(rule->table, request->table) &&
               fits(rule->mark, request->mark) && fits(rule->mark_mask, request->mark_mask) &&
               fits(rule->suppress, request->suppress) && fits(rule->ipproto, request->ipproto) &&
               fits(rule->origin, request->origin) &&
               (!request->iif[0] || strcmp(rule->iif, request->iif) == 0) &&
               (!request->oif[0] || strcmp(rule->oif, request->oif) == 0) &&
               (!request->has_uid || (rule->has_uid && rule->uid_first == request->uid_first &&
                                      rule->uid_last == request->uid_last)) &&
               (!request->sport_first || (rule->sport_first == request->sport_first &&
                                          rule->sport_last == request->sport_last)) &&
               (!request->dport_first || (rule->dport_first == request->dport_first &&
                                          rule->dport_last == request->dport_last));
}

static gboolean add_rule(Fib *fib, const KsRule *rule)
{
        guint at = 0;

        if (already_there(fib, rule))
                return FALSE;
        while (at < fib->rules->len && RULE(fib, at)->priority <= rule->priority)
                at++;
        g_array_insert_val(fib->rules, at, *rule);
        return TRUE;
}

static gboolean delete_rule(Fib *fib, const KsRule *rule)
{
        for (guint i = 0; i < fib->rules->len; i++)
                if (would_be_deleted(RULE(fib, i), rule)) {
                        g_array_remove_index(fib->rules, i);
                        return TRUE;
                }
        return FALSE;
}

static gboolean put_route(Fib *fib, const KsRoute *route, gboolean replaces)
{
        for (guint i = 0; i < fib->routes->len; i++)
                if (ks_route_same_place(ROUTE(fib, i), route)) {
                        if (replaces)
                                *ROUTE(fib, i) = *route;
                        return replaces;
                }
        g_array_append_val(fib->routes, *route);
        return TRUE;
}

static gboolean delete_route(Fib *fib, const KsRoute *route)
{
        for (guint i = 0; i < fib->routes->len; i++)
                if (ks_route_same_place(ROUTE(fib, i), route) &&
                    ROUTE(fib, i)->origin == route->origin &&
                    fits((uint32_t)ROUTE(fib, i)->oif, (uint32_t)route->oif)) {
                        g_array_remove_index(fib->routes, i);
                        return TRUE;
                }
        return FALSE;
}

gboolean fib_apply(Fib *fib, const KsOp *op)
{
        switch (op->kind) {
        case KS_OP_ADD_ROUTE:
                return put_route(fib, &op->route, FALSE);
        case KS_OP_REPLACE_ROUTE:
                return put_route(fib, &op->route, TRUE);
        case KS_OP_ADD_RULE:
                return add_rule(fib, &op->rule);
        case KS_OP_DELETE_RULE:
                return delete_rule(fib, &op->rule);
        case KS_OP_DELETE_ROUTE:
                return delete_route(fib, &op->route);
        }
        g_return_val_if_reached(FALSE);
}

int fib_lookup(const Fib *fib, const KsPacket *packet)
{
        KsVerdict verdict = ks_lookup(fib->rules, fib->routes, packet);
        const KsRoute *route = verdict.route;

        if (!verdict.rule)
                route = ks_table_lookup(fib->routes, RT_TABLE_MAIN, packet);
        return route && route->type == RTN_UNICAST ? route->oif : 0;
}

static int below(int limit)
{
        return g_test_rand_int_range(0, limit);
}

static const char *const destinations[] = { "192.0.2.7",      "198.51.100.10",  "203.0.113.9",
                                            "192.168.1.9",    "10.8.0.9",       "10.9.1.1",
                                            "169.254.3.9",    "172.17.0.9",     "2001:db8:5::9",
                                            "2001:db8:1::10", "2001:db8:77::9", "fd08::9",
                                            "fd77::9",        "fe80::9" };

KsPacket fib_random_packet(void)
{
        static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ESP,
                                             IPPROTO_ICMP };
        static const uint16_t dports[] = { 53, 853, 443, 444, 51820, 67, 80 };
        static const uint16_t sports[] = { 1, 2, 3, 68, 51820, 51821, 40000 };
        KsPacket packet = { .destination = prefix(destinations[below(G_N_ELEMENTS(destinations))]),
                            .mark = (uint32_t)below(4),
                            .protocol = protocols[below(G_N_ELEMENTS(protocols))] };

        g_strlcpy(packet.iif, below(5) ? "lo" : "br0", sizeof(packet.iif));
        packet.family = packet.destination.family;
        if (packet.protocol == IPPROTO_UDP || packet.protocol == IPPROTO_TCP) {
                packet.sport = sports[below(G_N_ELEMENTS(sports))];
                packet.dport = dports[below(G_N_ELEMENTS(dports))];
        }
        /* To the rules, what is forwarded is root's. */
        packet.uid = packet.iif[0] == 'l' ? (uint32_t)below(4) : 0;
        return packet;
}

void fib_add_main(Fib *fib, const char *destination, int oif)
{
        KsRoute route = { .table = RT_TABLE_MAIN,
                          .metric = 100,
                          .oif = oif,
                          .type = RTN_UNICAST,
                          .origin = RTPROT_DHCP,
                          .destination = prefix(destination) };

        route.family = route.destination.family;
        g_array_append_val(fib->routes, route);
}

KsSteering fib_steering(const Fib *fib)
{
        KsSteering steering = { g_array_new(FALSE, TRUE, sizeof(KsRule)),
                                g_array_new(FALSE, TRUE, sizeof(KsRoute)) };

        for (guint i = 0; i < fib->rules->len; i++)
                if (RULE(fib, i)->origin == KS_PROTOCOL)
                        g_array_append_val(steering.rules, *RULE(fib, i));
        for (guint i = 0; i < fib->routes->len; i++)
                if (ROUTE(fib, i)->origin == KS_PROTOCOL)
                        g_array_append_val(steering.routes, *ROUTE(fib, i));
        return steering;
}

void steering_clear(KsSteering *steering)
{
        g_clear_pointer(&steering->rules, g_array_unref);
        g_clear_pointer(&steering->routes, g_array_unref);
}
