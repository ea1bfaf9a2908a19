/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Batches and dumps: all of it, in its order, ours alone, and errors that say what was refused. */

#include <linux/rtnetlink.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "kernel/message.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

typedef struct Kernel {
        KsRtnl *rtnl;
        GArray *ops;
} Kernel;

static void set_up(Kernel *kernel, gconstpointer data)
{
        (void)data;
        netns_fresh();
        run("ip link add v0 type veth peer name v1\n"
            "ip link set v0 up\nip link set v1 up\n"
            "ip addr add 10.1.0.1/16 dev v0\nip addr add fd01::1/64 dev v0");
        kernel->rtnl = rtnl_new();
        kernel->ops = g_array_new(FALSE, TRUE, sizeof(KsOp));
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        g_array_unref(kernel->ops);
        ks_rtnl_free(kernel->rtnl);
}

static KsRule rule_at(uint32_t priority)
{
        return (KsRule){ .family = priority % 2 ? AF_INET6 : AF_INET,
                         .priority = priority,
                         .action = FR_ACT_TO_TBL,
                         .table = 83,
                         .origin = 83 };
}

static KsRoute route_with(uint32_t metric)
{
        return (KsRoute){ .family = AF_INET,
                          .table = 83,
                          .metric = metric,
                          .type = RTN_UNREACHABLE,
                          .origin = 83,
                          .destination = { .family = AF_INET } };
}

static void add_rule_op(Kernel *kernel, KsOpKind kind, uint32_t priority)
{
        KsOp op = { .kind = kind, .rule = rule_at(priority) };

        g_array_append_val(kernel->ops, op);
}

static void add_route_op(Kernel *kernel, KsOpKind kind, const KsRoute *route)
{
        KsOp op = { .kind = kind, .route = *route };

        g_array_append_val(kernel->ops, op);
}

static void assert_counts(Kernel *kernel, guint rules, guint routes)
{
        KsSteering there = read_steering(kernel->rtnl);

        g_assert_cmpuint(there.rules->len, ==, rules);
        g_assert_cmpuint(there.routes->len, ==, routes);
        steering_free(&there);
}

/* Around the size of a batch, and far above. */
static void test_batches(Kernel *kernel, gconstpointer data)
{
        static const guint sizes[] = { 0, 1, 2, 63, 64, 65, 127, 128, 129, 1000 };

        (void)data;
        for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
                g_array_set_size(kernel->ops, 0);
                for (guint i = 1; i <= sizes[s]; i++)
                        add_rule_op(kernel, KS_OP_ADD_RULE, i);
                apply(kernel->rtnl, kernel->ops);
                assert_counts(kernel, sizes[s], 0);
                for (guint i = 0; i < sizes[s]; i++)
                        g_array_index(kernel->ops, KsOp, i).kind = KS_OP_DELETE_RULE;
                apply(kernel->rtnl, kernel->ops);
                assert_counts(kernel, 0, 0);
        }
}

/* One after the other: adding and deleting the same by turns leaves what the last one says. */
static void test_order(Kernel *kernel, gconstpointer data)
{
        (void)data;
        for (guint i = 0; i < 201; i++)
                add_rule_op(kernel, i % 2 ? KS_OP_DELETE_RULE : KS_OP_ADD_RULE, 100);
        apply(kernel->rtnl, kernel->ops);
        assert_counts(kernel, 1, 0);
        add_rule_op(kernel, KS_OP_DELETE_RULE, 100);
        apply(kernel->rtnl, kernel->ops);
        assert_counts(kernel, 0, 0);
}

/* What is there, or gone, needs nothing more. */
static void test_nothing_to_do(Kernel *kernel, gconstpointer data)
{
        KsRoute route = route_with(5), of_link = route_with(6);

        (void)data;
        of_link.type = RTN_UNICAST;
        of_link.oif = 4711;
        add_rule_op(kernel, KS_OP_DELETE_RULE, 100);
        add_route_op(kernel, KS_OP_DELETE_ROUTE, &route);
        add_route_op(kernel, KS_OP_DELETE_ROUTE, &of_link);
        add_rule_op(kernel, KS_OP_ADD_RULE, 101);
        add_rule_op(kernel, KS_OP_ADD_RULE, 101);
        add_route_op(kernel, KS_OP_ADD_ROUTE, &route);
        add_route_op(kernel, KS_OP_ADD_ROUTE, &route);
        apply(kernel->rtnl, kernel->ops);
        assert_counts(kernel, 1, 1);
}

static void assert_refused(Kernel *kernel, const char *operation, const char *reason)
{
        g_autoptr(GError) error = NULL;

        g_assert_false(ks_rtnl_apply(kernel->rtnl, kernel->ops, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_KERNEL);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, operation));
        g_assert_nonnull(strstr(error->message, reason));
        g_assert_false(ks_rtnl_apply(kernel->rtnl, kernel->ops, NULL));
}

/* The kernel's own words, and the interface by its name. */
static void test_refused(Kernel *kernel, gconstpointer data)
{
        KsRoute far = route_with(5), absent = route_with(6), next = route_with(7);

        (void)data;
        far.type = absent.type = RTN_UNICAST;
        far.oif = index_of("v0");
        far.gateway = prefix("10.77.0.1");
        absent.oif = 4711;
        add_route_op(kernel, KS_OP_ADD_ROUTE, &far);
        add_route_op(kernel, KS_OP_ADD_ROUTE, &next);
        assert_refused(kernel, "add route default via 10.77.0.1 dev v0 table 83 metric 5 (IPv4): ",
                       "Nexthop has invalid gateway");
        /* What stood behind it was done. */
        assert_counts(kernel, 0, 1);
        g_array_set_size(kernel->ops, 0);
        add_route_op(kernel, KS_OP_REPLACE_ROUTE, &absent);
        add_route_op(kernel, KS_OP_ADD_ROUTE, &far);
        assert_refused(kernel, "replace route default dev #4711 table 83 metric 6 (IPv4): ",
                       "No such device");
}

/* The first error counts, wherever in the batches it is; and all the rest is done. */
static void test_first_error(Kernel *kernel, gconstpointer data)
{
        static const guint places[] = { 0, 63, 64, 100, 199 };
        KsRoute absent = route_with(6);

        (void)data;
        absent.type = RTN_UNICAST;
        for (guint p = 0; p < G_N_ELEMENTS(places); p++) {
                g_autofree char *first = g_strdup_printf("dev #%u ", 9000 + places[p]);

                g_array_set_size(kernel->ops, 0);
                for (guint i = 0; i < 200; i++) {
                        absent.oif = (int)(9000 + i);
                        if (i >= places[p] && i % 50 == places[p] % 50)
                                add_route_op(kernel, KS_OP_ADD_ROUTE, &absent);
                        else
                                add_rule_op(kernel, KS_OP_ADD_RULE, 1000 * (p + 1) + i);
                }
                assert_refused(kernel, first, "");
        }
        assert_counts(kernel, 200 * 5 - 4 - 3 - 3 - 2 - 1, 0);
}

/* Everything of others, byte for byte. */
static char *foreign_state(void)
{
        return output_of("ip rule; ip -6 rule; ip route show table all; "
                         "ip -6 route show table all");
}

static void test_foreign(Kernel *kernel, gconstpointer data)
{
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        run("ip rule add pref 100 lookup 83\n"
            "ip rule add pref 100 lookup 83 protocol 7\n"
            "ip -6 rule add pref 101 lookup 83 protocol 7\n"
            "ip rule add pref 5000 fwmark 1 lookup main suppress_prefixlength 0\n"
            "ip route add unreachable default table 83 metric 50 proto 7\n"
            "ip route add default dev v0 table 83 metric 51 proto static\n"
            "ip route add 10.9.0.0/16 dev v0 table 84\n"
            "ip -6 route add unreachable default table 83 metric 50 proto 7\n"
            "ip route add 10.10.0.0/16 dev v0");
        before = foreign_state();
        for (guint i = 100; i < 110; i++) {
                KsRoute route = route_with(i);

                add_rule_op(kernel, KS_OP_ADD_RULE, i);
                add_route_op(kernel, KS_OP_REPLACE_ROUTE, &route);
        }
        apply(kernel->rtnl, kernel->ops);
        assert_counts(kernel, 10, 10);
        for (guint i = 0; i < kernel->ops->len; i++) {
                KsOp *op = &g_array_index(kernel->ops, KsOp, i);

                op->kind = op->kind == KS_OP_ADD_RULE ? KS_OP_DELETE_RULE : KS_OP_DELETE_ROUTE;
        }
        /* Twice, so that a deletion which finds nothing of ours is among them. */
        apply(kernel->rtnl, kernel->ops);
        apply(kernel->rtnl, kernel->ops);
        assert_counts(kernel, 0, 0);
        after = foreign_state();
        g_assert_cmpstr(before, ==, after);
}

static guint count(KsRtnl *rtnl, guint32 table, guint8 origin)
{
        g_autoptr(GArray) routes = read_routes(rtnl, table, origin);

        return routes->len;
}

static void test_dump_filters(Kernel *kernel, gconstpointer data)
{
        (void)data;
        g_assert_cmpuint(count(kernel->rtnl, 83, 0), ==, 0);
        run("ip route add unreachable default table 83 metric 1 proto 83\n"
            "ip route add unreachable default table 83 metric 2 proto 7\n"
            "ip -6 route add unreachable default table 83 metric 3 proto 83\n"
            "ip route add unreachable default table 4000 metric 4 proto 83\n"
            "ip -6 route add unreachable default table 4000 metric 5 proto static\n"
            "ip route add 10.9.0.0/16 dev v0 proto 83");
        g_assert_cmpuint(count(kernel->rtnl, 83, 0), ==, 3);
        g_assert_cmpuint(count(kernel->rtnl, 83, 83), ==, 2);
        g_assert_cmpuint(count(kernel->rtnl, 83, 7), ==, 1);
        g_assert_cmpuint(count(kernel->rtnl, 4000, 0), ==, 2);
        g_assert_cmpuint(count(kernel->rtnl, 0, 83), ==, 4);
        g_assert_cmpuint(count(kernel->rtnl, 4294967295u, 0), ==, 0);
        /* Main: what is on the link, and ours. */
        g_assert_cmpuint(count(kernel->rtnl, RT_TABLE_MAIN, 83), ==, 1);
        g_assert_cmpuint(count(kernel->rtnl, RT_TABLE_MAIN, RTPROT_KERNEL), >=, 2);
}

static char *default_links(KsRtnl *rtnl)
{
        g_autoptr(GArray) links = g_array_new(FALSE, TRUE, sizeof(int));
        g_autoptr(GError) error = NULL;
        GString *text = g_string_new(NULL);

        ks_rtnl_dump_default_links(rtnl, RT_TABLE_MAIN, links, &error);
        g_assert_no_error(error);
        for (guint i = 0; i < links->len; i++) {
                int index = g_array_index(links, int, i);

                g_string_append(text, index == index_of("v0")   ? "v0 "
                                      : index == index_of("v1") ? "v1 "
                                      : index == KS_SOME_LINK   ? "some "
                                                                : "? ");
        }
        return g_string_free(text, FALSE);
}

/* Every next hop counts, of every kind of default; nothing else does. */
static void test_default_links(Kernel *kernel, gconstpointer data)
{
        static const struct {
                const char *deed, *links;
        } cases[] = {
                { "", "" },
                { "ip route add 10.9.0.0/16 dev v0", "" },
                { "ip route add unreachable default metric 9", "" },
                { "ip -6 route add unreachable default metric 9", "" },
                { "ip route add default dev v0 table 84", "" },
                { "ip route add default via 10.1.0.9", "v0 " },
                { "ip route add default dev v1 metric 7", "v0 v1 " },
                { "ip route add 128.0.0.0/1 dev v1", "v0 v1 v1 " },
                { "ip route flush 128.0.0.0/1", "v0 v1 " },
                { "ip route del default dev v1\nip route del default via 10.1.0.9", "" },
                { "ip route add default nexthop dev v0 nexthop dev v1", "v0 v1 " },
                { "ip route del default nexthop dev v0 nexthop dev v1", "" },
                { "ip -6 route add default via fd01::9", "v0 " },
                { "ip -6 route append default dev v1 metric 9999", "v0 v1 " },
                { "ip -6 route del default via fd01::9\nip -6 route del default dev v1", "" },
                { "ip nexthop add id 1 via 10.1.0.9 dev v0\nip route add default nhid 1", "v0 " },
                { "echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode", "some " },
        };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *links = NULL;

                g_test_message("%s", cases[i].deed);
                run("%s", cases[i].deed);
                links = default_links(kernel->rtnl);
                g_assert_cmpstr(links, ==, cases[i].links);
        }
}

static void test_many_routes(Kernel *kernel, gconstpointer data)
{
        (void)data;
        for (guint i = 1; i <= 5000; i++) {
                KsRoute route = route_with(i);

                add_route_op(kernel, KS_OP_ADD_ROUTE, &route);
        }
        apply(kernel->rtnl, kernel->ops);
        g_assert_cmpuint(count(kernel->rtnl, 83, 83), ==, 5000);
}

/* Requests of both kinds on one socket by turns, failing ones among them. */
static void test_by_turns(Kernel *kernel, gconstpointer data)
{
        guint there = 0;

        (void)data;
        for (guint i = 1; i <= 500; i++) {
                g_autoptr(GError) error = NULL;
                KsRoute absent = route_with(1);
                gboolean fails = i % 7 == 0;

                g_array_set_size(kernel->ops, 0);
                absent.type = RTN_UNICAST;
                absent.oif = 4711;
                if (fails)
                        add_route_op(kernel, KS_OP_ADD_ROUTE, &absent);
                for (guint j = 0; j < i % 3; j++)
                        add_rule_op(kernel, KS_OP_ADD_RULE, 10 * i + j);
                there += i % 3;
                g_assert_cmpint(ks_rtnl_apply(kernel->rtnl, kernel->ops, &error), ==, !fails);
                assert_counts(kernel, there, 0);
        }
}

/* Adds and deletes rules of somebody else until it is killed. */
static pid_t start_changing(void)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (KsRtnl *rtnl = rtnl_new();;) {
                KsOp op = { .rule = rule_at(5000) };
                g_autoptr(GArray) ops = g_array_new(FALSE, TRUE, sizeof(KsOp));

                op.rule.origin = 7;
                for (op.kind = KS_OP_ADD_RULE; op.kind <= KS_OP_DELETE_RULE; op.kind++)
                        for (op.rule.priority = 5000; op.rule.priority < 5020; op.rule.priority++)
                                g_array_append_val(ops, op);
                if (!ks_rtnl_apply(rtnl, ops, NULL))
                        _exit(1);
        }
}

/* Dumps while others change rules all the time, so many that the kernel tells of them in several
 * messages. It may tell one twice or not at all then and doesn't say so (dump_rules() in
 * net/core/fib_rules.c); each dump ends, and when it is quiet again each of ours is told once. */
static void test_dump_in_a_storm(Kernel *kernel, gconstpointer data)
{
        pid_t pid;

        (void)data;
        for (guint i = 1; i <= 1000; i++)
                add_rule_op(kernel, KS_OP_ADD_RULE, i * 12);
        apply(kernel->rtnl, kernel->ops);
        for (guint i = 1; i <= 1000; i++)
                add_rule_op(kernel, KS_OP_ADD_RULE, i * 12 + 1);
        apply(kernel->rtnl, kernel->ops);
        pid = start_changing();
        g_assert_cmpint(pid, >, 0);
        for (int i = 0; i < 300; i++) {
                g_autoptr(GArray) rules = read_rules(kernel->rtnl);

                g_assert_cmpuint(rules->len, >, 1500);
        }
        g_assert_no_errno(kill(pid, SIGKILL));
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        assert_counts(kernel, 2000, 0);
}

static void test_ports(Kernel *kernel, gconstpointer data)
{
        g_autoptr(KsRtnl) other = rtnl_new();

        (void)data;
        g_assert_cmpuint(ks_rtnl_port(kernel->rtnl), !=, 0);
        g_assert_cmpuint(ks_rtnl_port(kernel->rtnl), !=, ks_rtnl_port(other));
}

#define ADD(name, function) g_test_add("/rtnl/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("batches", test_batches);
        ADD("order", test_order);
        ADD("nothing-to-do", test_nothing_to_do);
        ADD("refused", test_refused);
        ADD("first-error", test_first_error);
        ADD("foreign", test_foreign);
        ADD("dump-filters", test_dump_filters);
        ADD("default-links", test_default_links);
        ADD("many-routes", test_many_routes);
        ADD("by-turns", test_by_turns);
        ADD("ports", test_ports);
        ADD("dump-in-a-storm", test_dump_in_a_storm);

        return g_test_run();
}
