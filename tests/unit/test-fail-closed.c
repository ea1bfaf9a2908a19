/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transitions step by step on a FIB in miniature: what both ends stop is stopped in between. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "tests/unit/fib.h"
#include "tests/unit/host.h"

#define UPLINK 2
#define GUESTS 50
#define PACKETS 150
/* How often the service reads back and writes again: SETTLE_TRIES of the enforcer. */
#define ROUNDS 5

static int below(int limit)
{
        return g_test_rand_int_range(0, limit);
}

/* A hostile network's table main; sometimes without a default. */
static Fib *new_world(void)
{
        Fib *fib = fib_new();

        if (below(5)) {
                fib_add_main(fib, "0.0.0.0/0", UPLINK);
                fib_add_main(fib, "::/0", UPLINK);
        }
        if (below(2)) {
                fib_add_main(fib, "128.0.0.0/1", UPLINK);
                fib_add_main(fib, "203.0.113.0/24", UPLINK);
                fib_add_main(fib, "10.8.0.0/24", UPLINK);
                fib_add_main(fib, "2001:db8:5::/64", UPLINK);
        }
        fib_add_main(fib, "192.168.1.0/24", UPLINK);
        fib_add_main(fib, "fd77::/64", UPLINK);
        fib_add_main(fib, "fe80::/64", UPLINK);
        fib_add_main(fib, "172.17.0.0/16", GUESTS);
        return fib;
}

static void raise_at_once(Fib *fib, const KsPlan *plan)
{
        for (guint i = 0; i < plan->routes->len; i++)
                fib_apply(fib, &(KsOp){ .kind = KS_OP_REPLACE_ROUTE,
                                        .route = g_array_index(plan->routes, KsRoute, i) });
        for (guint i = 0; i < plan->rules->len; i++)
                fib_apply(fib, &(KsOp){ .kind = KS_OP_ADD_RULE,
                                        .rule = g_array_index(plan->rules, KsRule, i) });
}

/* A packet, and where it goes in the states at both ends. */
typedef struct Probe {
        KsPacket packet;
        int before, after;
} Probe;

static void show(const Probe *probe, int now, const KsOp *op)
{
        g_autofree char *to = ks_prefix_to_string(&probe->packet.destination);
        g_autofree char *words = ks_op_to_string(op, NULL);

        g_test_message("to %s iif %s mark %u uid %u protocol %u ports %u %u: %d before, %d after, "
                       "%d behind '%s'",
                       to, probe->packet.iif, probe->packet.mark, probe->packet.uid,
                       probe->packet.protocol, probe->packet.sport, probe->packet.dport,
                       probe->before, probe->after, now, words);
}

/* Only into a VPN may a packet go that is stopped, or goes elsewhere, at both ends. */
static gboolean may_go(const Probe *probe, int link)
{
        return link == 0 || link == probe->before || link == probe->after ||
               (link != UPLINK && link != GUESTS);
}

static void check_packets(const Fib *fib, const Probe *probes, const KsOp *op)
{
        for (guint i = 0; i < PACKETS; i++) {
                int now = fib_lookup(fib, &probes[i].packet);

                if (!may_go(&probes[i], now))
                        show(&probes[i], now, op);
                g_assert_true(may_go(&probes[i], now));
        }
}

/* One run of ks_diff() as the enforcer carries it out. Returns: whether nothing was left to do. */
static gboolean transit_once(Fib *fib, const KsSteering *wanted, const Probe *probes, guint stop)
{
        KsSteering present = fib_steering(fib);
        g_autoptr(GArray) ops = ks_diff(wanted, &present);

        for (guint i = 0; i < ops->len && i < stop; i++) {
                fib_apply(fib, &g_array_index(ops, KsOp, i));
                if (probes)
                        check_packets(fib, probes, &g_array_index(ops, KsOp, i));
        }
        steering_clear(&present);
        return ops->len == 0;
}

static void choose_packets(Probe *probes, const Fib *before, const Fib *after)
{
        for (guint i = 0; i < PACKETS; i++) {
                probes[i].packet = fib_random_packet();
                probes[i].before = fib_lookup(before, &probes[i].packet);
                probes[i].after = fib_lookup(after, &probes[i].packet);
        }
}

/* From one plan to another; both may be NULL for "nothing". */
static void assert_transition(const KsPlan *from, const KsPlan *to)
{
        g_autoptr(Fib) world = new_world(), before = fib_copy(world), after = fib_copy(world);
        KsSteering wanted = { g_array_new(FALSE, TRUE, sizeof(KsRule)),
                              g_array_new(FALSE, TRUE, sizeof(KsRoute)) };
        Probe probes[PACKETS];

        if (from)
                raise_at_once(before, from);
        if (to) {
                raise_at_once(after, to);
                g_array_append_vals(wanted.rules, to->rules->data, to->rules->len);
                g_array_append_vals(wanted.routes, to->routes->data, to->routes->len);
        }
        choose_packets(probes, before, after);
        for (int i = 0; i < ROUNDS && !transit_once(before, &wanted, probes, G_MAXUINT); i++)
                ;
        steering_clear(&wanted);
}

static void test_from_anywhere_to_anywhere(void)
{
        for (int i = 0; i < 150; i++) {
                g_autoptr(Host) a = host_new_random(), b = host_new_random();
                g_autoptr(KsPlan) from = host_plan(a), to = host_plan(b);

                assert_transition(from, to);
        }
}

static void test_engage_and_release(void)
{
        for (int i = 0; i < 100; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = host_plan(host);

                assert_transition(NULL, plan);
                assert_transition(plan, NULL);
        }
}

/* T17: a link goes, comes back under another index, gets other addresses. */
static void test_flaps(void)
{
        for (int i = 0; i < 150; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) from = host_plan(host), to = NULL;

                for (guint j = 0; j < host->links->len; j++) {
                        KsLink *link = g_ptr_array_index(host->links, j);

                        if (link->index == UPLINK)
                                continue;
                        if (below(2))
                                link->flags ^= IFF_UP | IFF_RUNNING;
                        if (below(2))
                                link->index += 100;
                        if (below(3) == 0)
                                g_array_set_size(link->addresses, 0);
                }
                to = host_plan(host);
                assert_transition(from, to);
        }
}

/* Only settings change; all of them by turns. */
static void test_settings_change(void)
{
        for (int i = 0; i < 150; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) from = host_plan(host), to = NULL;

                switch (i % 6) {
                case 0:
                        host->settings->table += 1;
                        break;
                case 1:
                        host->settings->priority += (guint32)below(200);
                        break;
                case 2:
                        host->settings->lan = (KsLan)below(3);
                        break;
                case 3:
                        host->settings->lan_dns = !host->settings->lan_dns;
                        break;
                case 4:
                        host->settings->block_with = (KsBlockWith)below(3);
                        break;
                default:
                        g_ptr_array_set_size(host->settings->vpns, 0);
                }
                to = host_plan(host);
                assert_transition(from, to);
        }
}

static KsSteering steering_of(const KsPlan *plan)
{
        return (KsSteering){ g_array_copy(plan->rules), g_array_copy(plan->routes) };
}

/* T24: killed behind any operation; the next process goes on from there, to any plan. */
static void test_killed_between(void)
{
        for (int i = 0; i < 400; i++) {
                g_autoptr(Host) a = host_new_random(), b = host_new_random(), c = host_new_random();
                g_autoptr(KsPlan) from = host_plan(a), over = host_plan(b), to = host_plan(c);
                g_autoptr(Fib) fib = new_world(), after = fib_copy(fib);
                KsSteering half = steering_of(over), wanted = steering_of(to);
                Probe probes[PACKETS];

                raise_at_once(fib, from);
                raise_at_once(after, to);
                transit_once(fib, &half, NULL, (guint)below(80));
                choose_packets(probes, fib, after);
                for (int j = 0; j < ROUNDS && !transit_once(fib, &wanted, probes, G_MAXUINT); j++)
                        ;
                steering_clear(&half);
                steering_clear(&wanted);
        }
}

static void assert_complete(const Fib *fib, const KsSteering *wanted)
{
        KsSteering present = fib_steering(fib);
        g_autoptr(GArray) ops = ks_diff(wanted, &present);

        for (guint i = 0; i < ops->len; i++) {
                g_autofree char *words = ks_op_to_string(&g_array_index(ops, KsOp, i), NULL);

                g_test_message("left to do: %s", words);
        }
        g_assert_cmpuint(ops->len, ==, 0);
        steering_clear(&present);
}

/* In as many rounds as the enforcer tries, the kernel is where it should be, although it takes
 * some rules for others that are there. */
static void test_arrives(void)
{
        for (int i = 0; i < 300; i++) {
                g_autoptr(Host) a = host_new_random(), b = host_new_random();
                g_autoptr(KsPlan) from = host_plan(a), to = host_plan(b);
                g_autoptr(Fib) fib = fib_new();
                KsSteering first = steering_of(from), second = steering_of(to);

                for (int j = 0; j < ROUNDS && !transit_once(fib, &first, NULL, G_MAXUINT); j++)
                        ;
                assert_complete(fib, &first);
                for (int j = 0; j < ROUNDS && !transit_once(fib, &second, NULL, G_MAXUINT); j++)
                        ;
                assert_complete(fib, &second);
                steering_clear(&first);
                steering_clear(&second);
        }
}

/* Forwarded packets, and those of other users, don't pass for transport; nothing public leaves by
 * the uplink but transport, whatever routes main has. */
static void test_nothing_but_transport(void)
{
        for (int i = 0; i < 200; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = NULL;
                g_autoptr(Fib) fib = new_world();

                if (host->settings->lan == KS_LAN_MODE_ALL)
                        host->settings->lan = KS_LAN_MODE_PRIVATE;
                plan = host_plan(host);
                raise_at_once(fib, plan);
                for (int j = 0; j < PACKETS; j++) {
                        KsPacket packet = fib_random_packet();

                        packet.destination = prefix(packet.family == AF_INET ? "203.0.113.9"
                                                                             : "2001:db8:5::9");
                        if (packet.sport == 68 && packet.dport == 67)
                                continue;
                        /* No selector is for this user without a mark. */
                        packet.mark = 0;
                        packet.uid = 3;
                        g_assert_cmpint(fib_lookup(fib, &packet), !=, UPLINK);
                }
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/fail-closed/from-anywhere-to-anywhere", test_from_anywhere_to_anywhere);
        g_test_add_func("/fail-closed/engage-and-release", test_engage_and_release);
        g_test_add_func("/fail-closed/flaps", test_flaps);
        g_test_add_func("/fail-closed/settings-change", test_settings_change);
        g_test_add_func("/fail-closed/killed-between", test_killed_between);
        g_test_add_func("/fail-closed/arrives", test_arrives);
        g_test_add_func("/fail-closed/nothing-but-transport", test_nothing_but_transport);

        return g_test_run();
}
