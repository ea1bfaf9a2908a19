/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What holds for the plan of every host, whatever its settings and links. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "policy/lookup.h"
#include "tests/unit/host.h"

#define HOSTS 300
#define RULE(plan, i) (&g_array_index((plan)->rules, KsRule, i))
#define ROUTE(plan, i) (&g_array_index((plan)->routes, KsRoute, i))

/* Runs a check with the plans of many hosts. */
static void with_plans(void (*check)(const Host *host, const KsPlan *plan))
{
        for (int i = 0; i < HOSTS; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = host_plan(host);

                check(host, plan);
        }
}

static void assert_same_arrays(GArray *a, GArray *b)
{
        g_assert_cmpmem(a->data, a->len * g_array_get_element_size(a), b->data,
                        b->len * g_array_get_element_size(b));
}

/* Same input, same plan; and planning changes nothing of its input. */
static void check_pure(const Host *host, const KsPlan *plan)
{
        g_autoptr(KsPlan) again = host_plan(host);
        g_autofree char *guard = ks_guard_replace_text(plan->guard, KS_GUARD_INET | KS_GUARD_EGRESS,
                                                       0, 0);
        g_autofree char *guard_again = ks_guard_replace_text(again->guard,
                                                             KS_GUARD_INET | KS_GUARD_EGRESS, 0, 0);

        assert_same_arrays(plan->rules, again->rules);
        assert_same_arrays(plan->routes, again->routes);
        g_assert_cmpstr(guard, ==, guard_again);
        g_assert_cmpuint(plan->vpns->len, ==, again->vpns->len);
        g_assert_cmpint(plan->protecting, ==, again->protecting);
}

static void test_pure(void)
{
        with_plans(check_pure);
}

/* Ours by their protocol, in the hundred that is ours, and nothing that can't be read back. */
static void check_places(const Host *host, const KsPlan *plan)
{
        const KsSettings *settings = host->settings;

        for (guint i = 0; i < plan->rules->len; i++) {
                const KsRule *rule = RULE(plan, i);

                g_assert_cmpuint(rule->origin, ==, KS_PROTOCOL);
                g_assert_false(rule->unknown);
                g_assert_cmpuint(rule->priority, >=, settings->priority);
                g_assert_cmpuint(rule->priority, <, settings->priority + KS_OFFSET_END);
                g_assert_true(rule->family == AF_INET || rule->family == AF_INET6);
                for (guint j = 0; j < i; j++)
                        g_assert_false(ks_rule_equal(rule, RULE(plan, j)));
        }
        for (guint i = 0; i < plan->routes->len; i++) {
                const KsRoute *route = ROUTE(plan, i);

                g_assert_cmpuint(route->origin, ==, KS_PROTOCOL);
                g_assert_cmpuint(route->table, ==, settings->table);
                g_assert_false(route->unknown);
                for (guint j = 0; j < i; j++)
                        g_assert_false(ks_route_same_place(route, ROUTE(plan, j)));
        }
}

static void test_places(void)
{
        with_plans(check_places);
}

/* The way to a server is told to who asks, but no packet of a program takes it: all protocols of
 * sockets were caught before. */
static void check_server(const Host *host, const KsPlan *plan, const KsRule *rule)
{
        static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, 0 };

        g_assert_true(rule->has_uid && rule->uid_first == rule->uid_last);
        g_assert_true(ks_prefix_is_set(&rule->destination));
        for (guint p = 0; p < G_N_ELEMENTS(protocols); p++) {
                uint8_t echo = rule->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
                KsPacket packet = { .family = rule->family,
                                    .iif = "lo",
                                    .uid = rule->uid_first,
                                    .protocol = protocols[p] ? protocols[p] : echo,
                                    .sport = 40000,
                                    .dport = 9,
                                    .destination = rule->destination };
                gboolean caught = FALSE;

                for (guint i = 0; i < plan->rules->len && RULE(plan, i) != rule; i++)
                        caught |= RULE(plan, i)->table == host->settings->table &&
                                  ks_rule_matches(RULE(plan, i), &packet);
                g_assert_true(caught);
        }
}

/* What leads to table main is transport of this host, DHCP, or suppresses main's defaults. */
static void check_exemptions(const Host *host, const KsPlan *plan)
{
        for (guint i = 0; i < plan->rules->len; i++) {
                const KsRule *rule = RULE(plan, i);
                gboolean dhcp = rule->family == AF_INET && rule->ipproto == IPPROTO_UDP &&
                                rule->sport_first == 68 && rule->sport_last == 68 &&
                                rule->dport_first == 67 && rule->dport_last == 67;

                if (rule->action != FR_ACT_TO_TBL || rule->table != RT_TABLE_MAIN)
                        continue;
                g_assert_false(rule->inverted);
                if (rule->suppress) {
                        g_assert_cmpuint(rule->suppress, ==, 1 + 1);
                        continue;
                }
                g_assert_cmpstr(rule->iif, ==, "lo");
                if (rule->priority == host->settings->priority + KS_OFFSET_SERVERS) {
                        check_server(host, plan, rule);
                        continue;
                }
                g_assert_cmpuint(rule->ipproto, !=, 0);
                g_assert_true(rule->has_uid || rule->mark_mask == 0xffffffff || dhcp);
        }
}

static void test_exemptions(void)
{
        with_plans(check_exemptions);
}

/* In both families everything else is looked up in our table, then refused; and that table has a
 * default that refuses and loses to every other. */
static void check_closed(const Host *host, const KsPlan *plan)
{
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        const KsSettings *settings = host->settings;

        for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
                KsRule all = { .family = families[f],
                               .priority = settings->priority + KS_OFFSET_ALL,
                               .table = settings->table,
                               .action = FR_ACT_TO_TBL,
                               .origin = KS_PROTOCOL };
                guint refusing = 0, floors = 0, place = 0;

                for (guint i = 0; i < plan->rules->len; i++) {
                        const KsRule *rule = RULE(plan, i);

                        if (rule->family != families[f])
                                continue;
                        if (ks_rule_equal(rule, &all))
                                place = i;
                        if (rule->priority != settings->priority + KS_OFFSET_FLOOR)
                                continue;
                        /* Behind "everything", and nothing behind it but more of it. */
                        g_assert_cmpuint(i, ==, place + ++floors);
                        g_assert_cmpuint(rule->action, !=, FR_ACT_TO_TBL);
                        g_assert_cmpuint(rule->destination.length, ==, 0);
                        g_assert_cmpuint(rule->mark_mask, ==, 0);
                }
                g_assert_cmpuint(floors, ==, families[f] == AF_INET ? 8 : 1);
                for (guint i = 0; i < plan->routes->len; i++) {
                        const KsRoute *route = ROUTE(plan, i);

                        if (route->family != families[f])
                                continue;
                        if (route->type == RTN_UNICAST) {
                                g_assert_cmpuint(route->metric, <, KS_METRIC_BLOCK);
                                continue;
                        }
                        g_assert_cmpuint(route->metric, ==, KS_METRIC_BLOCK);
                        if (route->destination.length > 0)
                                continue; /* the server of a VPN inside another */
                        g_assert_cmpuint(i, <, 2);
                        refusing++;
                }
                g_assert_cmpuint(refusing, ==, 1);
        }
}

static void test_closed(void)
{
        with_plans(check_closed);
}

static const KsLink *link_of(const Host *host, int index)
{
        for (guint i = 0; i < host->links->len; i++)
                if (((KsLink *)g_ptr_array_index(host->links, i))->index == index)
                        return g_ptr_array_index(host->links, i);
        return NULL;
}

/* Routes lead over links that are up and a VPN's, never over the uplink. */
static void check_routes(const Host *host, const KsPlan *plan)
{
        for (guint i = 0; i < plan->routes->len; i++) {
                const KsRoute *route = ROUTE(plan, i);
                const KsLink *link = link_of(host, route->oif);
                gboolean is_vpn = FALSE;

                if (route->type != RTN_UNICAST)
                        continue;
                g_assert_nonnull(link);
                g_assert_true(ks_link_is_up(link));
                g_assert_cmpstr(link->kind, !=, "");
                for (guint j = 0; j < plan->vpns->len; j++) {
                        const KsPlanVpn *entry = g_ptr_array_index(plan->vpns, j);

                        is_vpn |= entry->up && ks_vpn_link_matches(entry->vpn, link);
                }
                g_assert_true(is_vpn);
        }
}

static void test_routes(void)
{
        with_plans(check_routes);
}

/* "Protecting" is said when, and only when, there is a default that leads into a VPN. */
static void check_protecting(const Host *host, const KsPlan *plan)
{
        gboolean leads = FALSE;

        (void)host;
        for (guint i = 0; i < plan->routes->len; i++)
                leads |= ROUTE(plan, i)->type == RTN_UNICAST &&
                         ROUTE(plan, i)->destination.length == 0;
        g_assert_cmpint(plan->protecting, ==, leads);
}

static void test_protecting(void)
{
        with_plans(check_protecting);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/plan-random/pure", test_pure);
        g_test_add_func("/plan-random/places", test_places);
        g_test_add_func("/plan-random/exemptions", test_exemptions);
        g_test_add_func("/plan-random/closed", test_closed);
        g_test_add_func("/plan-random/routes", test_routes);
        g_test_add_func("/plan-random/protecting", test_protecting);

        return g_test_run();
}
