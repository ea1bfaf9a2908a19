/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Differences: the order of operations, duplicates, places that are taken over. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "tests/unit/fib.h"
#include "tests/unit/host.h"

static KsSteering nothing(void)
{
        return (KsSteering){ g_array_new(FALSE, TRUE, sizeof(KsRule)),
                             g_array_new(FALSE, TRUE, sizeof(KsRoute)) };
}

static KsSteering of_plan(const KsPlan *plan)
{
        return (KsSteering){ g_array_copy(plan->rules), g_array_copy(plan->routes) };
}

#define OP(ops, i) (&g_array_index((ops), KsOp, i))

static gboolean is_rule_op(const KsOp *op)
{
        return op->kind == KS_OP_ADD_RULE || op->kind == KS_OP_DELETE_RULE;
}

static char *ops_text(GArray *ops)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < ops->len; i++) {
                g_autofree char *one = ks_op_to_string(OP(ops, i), NULL);

                g_string_append_printf(text, "%s\n", one);
        }
        return g_string_free(text, FALSE);
}

static void assert_ops(const KsSteering *wanted, const KsSteering *present, const char *expected)
{
        g_autoptr(GArray) ops = ks_diff(wanted, present);
        g_autofree char *text = ops_text(ops);

        g_assert_cmpstr(text, ==, expected);
}

static KsRule rule_at(uint32_t priority)
{
        return (KsRule){ .family = AF_INET,
                         .priority = priority,
                         .action = FR_ACT_TO_TBL,
                         .table = 83,
                         .origin = KS_PROTOCOL };
}

static KsRoute route_to(const char *destination, uint32_t metric, int oif)
{
        KsPrefix network = prefix(destination);

        return (KsRoute){ .table = 83,
                          .metric = metric,
                          .oif = oif,
                          .family = network.family,
                          .type = oif ? RTN_UNICAST : RTN_UNREACHABLE,
                          .origin = KS_PROTOCOL,
                          .destination = network };
}

/* Appends rules by their priorities, 0 at the end. */
static void add_rules(KsSteering *steering, ...)
{
        va_list ap;
        uint32_t priority;

        va_start(ap, steering);
        while ((priority = va_arg(ap, uint32_t)) != 0) {
                KsRule rule = rule_at(priority);

                g_array_append_val(steering->rules, rule);
        }
        va_end(ap);
}

static void add_route(KsSteering *steering, const char *destination, uint32_t metric, int oif)
{
        KsRoute route = route_to(destination, metric, oif);

        g_array_append_val(steering->routes, route);
}

static void test_same(void)
{
        g_autoptr(Host) host = host_new_random();
        g_autoptr(KsPlan) plan = host_plan(host);
        KsSteering wanted = of_plan(plan), present = of_plan(plan), none = nothing();

        assert_ops(&wanted, &present, "");
        assert_ops(&none, &none, "");
        /* In whatever order the kernel lists them. */
        for (guint i = 0; i < present.rules->len / 2; i++) {
                KsRule *a = &g_array_index(present.rules, KsRule, i);
                KsRule *b = &g_array_index(present.rules, KsRule, present.rules->len - 1 - i);
                KsRule swap = *a;

                *a = *b;
                *b = swap;
        }
        assert_ops(&wanted, &present, "");
        steering_clear(&wanted);
        steering_clear(&present);
        steering_clear(&none);
}

/* Blocking defaults, routes, then rules from exemption to floor. */
static void test_engage(void)
{
        KsSteering wanted = nothing(), present = nothing();

        add_rules(&wanted, 100u, 131u, 190u, 191u, 0u);
        add_route(&wanted, "0.0.0.0/0", KS_METRIC_BLOCK, 0);
        add_route(&wanted, "10.0.0.0/8", 100, 5);
        assert_ops(&wanted, &present,
                   "add route unreachable default table 83 metric 4294967295 (IPv4)\n"
                   "add route 10.0.0.0/8 dev #5 table 83 metric 100 (IPv4)\n"
                   "add rule 100: from all lookup 83 (IPv4)\n"
                   "add rule 131: from all lookup 83 (IPv4)\n"
                   "add rule 190: from all lookup 83 (IPv4)\n"
                   "add rule 191: from all lookup 83 (IPv4)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* Rules from floor to exemption whatever order they are listed in, routes, blocking ones last. */
static void test_release(void)
{
        KsSteering wanted = nothing(), present = nothing();

        add_rules(&present, 131u, 191u, 100u, 190u, 0u);
        add_route(&present, "0.0.0.0/0", KS_METRIC_BLOCK, 0);
        add_route(&present, "10.0.0.0/8", 100, 5);
        add_route(&present, "::/0", KS_METRIC_BLOCK, 0);
        add_route(&present, "::/0", 100, 5);
        assert_ops(&wanted, &present,
                   "delete rule 191: from all lookup 83 (IPv4)\n"
                   "delete rule 190: from all lookup 83 (IPv4)\n"
                   "delete rule 131: from all lookup 83 (IPv4)\n"
                   "delete rule 100: from all lookup 83 (IPv4)\n"
                   "delete route 10.0.0.0/8 dev #5 table 83 metric 100 (IPv4)\n"
                   "delete route default dev #5 table 83 metric 100 (IPv6)\n"
                   "delete route unreachable default table 83 metric 4294967295 (IPv4)\n"
                   "delete route unreachable default table 83 metric 4294967295 (IPv6)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* All that is new before anything old goes. */
static void test_change(void)
{
        KsSteering wanted = nothing(), present = nothing();

        add_rules(&present, 100u, 191u, 0u);
        add_rules(&wanted, 99u, 191u, 300u, 0u);
        add_route(&present, "0.0.0.0/0", KS_METRIC_BLOCK, 0);
        add_route(&present, "10.0.0.0/8", 100, 5);
        add_route(&wanted, "0.0.0.0/0", KS_METRIC_BLOCK, 0);
        add_route(&wanted, "10.0.0.0/8", 101, 6);
        assert_ops(&wanted, &present,
                   "add route 10.0.0.0/8 dev #6 table 83 metric 101 (IPv4)\n"
                   "add rule 99: from all lookup 83 (IPv4)\n"
                   "add rule 300: from all lookup 83 (IPv4)\n"
                   "delete rule 100: from all lookup 83 (IPv4)\n"
                   "delete route 10.0.0.0/8 dev #5 table 83 metric 100 (IPv4)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* The kernel makes duplicates of rules for others; each one too many goes. */
static void test_duplicates(void)
{
        KsSteering wanted = nothing(), present = nothing();

        add_rules(&wanted, 190u, 191u, 0u);
        add_rules(&present, 190u, 190u, 190u, 191u, 0u);
        assert_ops(&wanted, &present,
                   "delete rule 190: from all lookup 83 (IPv4)\n"
                   "delete rule 190: from all lookup 83 (IPv4)\n");
        assert_ops(&present, &wanted,
                   "add rule 190: from all lookup 83 (IPv4)\n"
                   "add rule 190: from all lookup 83 (IPv4)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* A new route in an old one's place takes it over, with no instant without either. */
static void test_replace(void)
{
        KsSteering wanted = nothing(), present = nothing();
        KsRoute blackhole = route_to("0.0.0.0/0", KS_METRIC_BLOCK, 0);

        blackhole.type = RTN_BLACKHOLE;
        g_array_append_val(present.routes, blackhole);
        add_route(&present, "10.0.0.0/8", 100, 5);
        add_route(&present, "10.9.0.0/16", 100, 5);
        add_route(&wanted, "0.0.0.0/0", KS_METRIC_BLOCK, 0);
        add_route(&wanted, "10.0.0.0/8", 100, 6);
        assert_ops(&wanted, &present,
                   "replace route unreachable default table 83 metric 4294967295 (IPv4)\n"
                   "replace route 10.0.0.0/8 dev #6 table 83 metric 100 (IPv4)\n"
                   "delete route 10.9.0.0/16 dev #5 table 83 metric 100 (IPv4)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* One old route is taken over once, and one that is wanted itself never. */
static void test_replace_once(void)
{
        KsSteering wanted = nothing(), present = nothing();

        add_route(&present, "10.0.0.0/8", 100, 5);
        add_route(&wanted, "10.0.0.0/8", 100, 6);
        add_route(&wanted, "10.0.0.0/8", 100, 7);
        assert_ops(&wanted, &present,
                   "replace route 10.0.0.0/8 dev #6 table 83 metric 100 (IPv4)\n"
                   "add route 10.0.0.0/8 dev #7 table 83 metric 100 (IPv4)\n");
        add_route(&present, "10.0.0.0/8", 100, 6);
        assert_ops(&wanted, &present,
                   "replace route 10.0.0.0/8 dev #7 table 83 metric 100 (IPv4)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* What carries our protocol and something that we never write is not ours as it should be. */
static void test_unknown(void)
{
        KsSteering wanted = nothing(), present = nothing();

        add_rules(&wanted, 190u, 0u);
        add_rules(&present, 190u, 0u);
        add_route(&wanted, "10.0.0.0/8", 100, 5);
        add_route(&present, "10.0.0.0/8", 100, 5);
        g_array_index(present.rules, KsRule, 0).unknown = 1;
        g_array_index(present.routes, KsRoute, 0).unknown = 1;
        assert_ops(&wanted, &present,
                   "replace route 10.0.0.0/8 dev #5 table 83 metric 100 (IPv4)\n"
                   "add rule 190: from all lookup 83 (IPv4)\n"
                   "delete rule 190: from all lookup 83 (IPv4)\n");
        steering_clear(&wanted);
        steering_clear(&present);
}

/* Applies one round as the kernel does, and looks for what should be gone. */
static void assert_no_old_rule_left(const KsSteering *wanted, const KsSteering *present)
{
        g_autoptr(GArray) ops = ks_diff(wanted, present);
        g_autoptr(Fib) fib = fib_new();

        g_array_append_vals(fib->rules, present->rules->data, present->rules->len);
        for (guint i = 0; i < ops->len; i++)
                fib_apply(fib, OP(ops, i));
        for (guint i = 0; i < fib->rules->len; i++) {
                const KsRule *rule = &g_array_index(fib->rules, KsRule, i);
                gboolean is_wanted = FALSE;

                for (guint j = 0; j < wanted->rules->len; j++)
                        is_wanted |= ks_rule_equal(rule, &g_array_index(wanted->rules, KsRule, j));
                g_assert_true(is_wanted);
        }
}

/* The kernel deletes the first rule that has all that the request names, and be it more: what is
 * to go must go, or an old exemption outlives the old floor. */
static void test_neighbours(void)
{
        for (guint order = 0; order < 6; order++)
                for (guint keep = 0; keep < 8; keep++) {
                        static const guint8 orders[6][3] = {
                                { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 }
                        };
                        KsSteering wanted = nothing(), present = nothing();
                        KsRule rules[3] = { rule_at(100), rule_at(100), rule_at(100) };

                        rules[1].ipproto = rules[2].ipproto = IPPROTO_UDP;
                        rules[2].destination = prefix("192.0.2.1");
                        for (guint i = 0; i < 3; i++) {
                                g_array_append_val(present.rules, rules[orders[order][i]]);
                                if (keep & (1 << i))
                                        g_array_append_val(wanted.rules, rules[i]);
                        }
                        g_test_message("order %u, keeping %u", order, keep);
                        assert_no_old_rule_left(&wanted, &present);
                        steering_clear(&wanted);
                        steering_clear(&present);
                }
}

static gboolean has_rule(GArray *rules, const KsRule *rule)
{
        for (guint i = 0; i < rules->len; i++)
                if (ks_rule_equal(&g_array_index(rules, KsRule, i), rule))
                        return TRUE;
        return FALSE;
}

/* What is there as it should be is left alone; only what the kernel takes away along with a
 * neighbour is put back. */
static void test_nothing_needless(void)
{
        for (int i = 0; i < 300; i++) {
                g_autoptr(Host) a = host_new_random(), b = host_new_random();
                g_autoptr(KsPlan) from = host_plan(a), to = host_plan(b);
                KsSteering present = of_plan(from), wanted = of_plan(to);
                g_autoptr(GArray) ops = ks_diff(&wanted, &present);
                guint deletions = 0, repairs = 0;

                for (guint j = 0; j < ops->len; j++) {
                        const KsOp *op = OP(ops, j);

                        if (op->kind == KS_OP_ADD_RULE) {
                                g_assert_true(has_rule(wanted.rules, &op->rule));
                                repairs += has_rule(present.rules, &op->rule);
                        } else if (op->kind == KS_OP_DELETE_RULE) {
                                g_assert_false(has_rule(wanted.rules, &op->rule));
                                g_assert_true(has_rule(present.rules, &op->rule));
                                deletions++;
                        }
                }
                g_assert_cmpuint(deletions, <=, present.rules->len + repairs);
                steering_clear(&present);
                steering_clear(&wanted);
        }
}

/* Routes before rules, additions before deletions, the blocking defaults around all. */
static void test_order(void)
{
        for (int i = 0; i < 300; i++) {
                g_autoptr(Host) a = host_new_random(), b = host_new_random();
                g_autoptr(KsPlan) from = host_plan(a), to = host_plan(b);
                KsSteering present = of_plan(from), wanted = of_plan(to);
                g_autoptr(GArray) ops = ks_diff(&wanted, &present);
                int stage = 0;

                for (guint j = 0; j < ops->len; j++) {
                        static const int stages[] = { [KS_OP_ADD_ROUTE] = 1,
                                                      [KS_OP_REPLACE_ROUTE] = 1,
                                                      [KS_OP_ADD_RULE] = 2,
                                                      [KS_OP_DELETE_RULE] = 3,
                                                      [KS_OP_DELETE_ROUTE] = 4 };
                        const KsOp *op = OP(ops, j);
                        gboolean blocks = !is_rule_op(op) && op->route.type != RTN_UNICAST;
                        int next = 2 * stages[op->kind];

                        /* A neighbour that went along is put back at once. */
                        if (op->kind == KS_OP_ADD_RULE && has_rule(present.rules, &op->rule))
                                continue;
                        if (blocks)
                                next += op->kind == KS_OP_DELETE_ROUTE ? 1 : -1;
                        g_assert_cmpint(next, >=, stage);
                        stage = next;
                        if (j > 0 && op->kind == KS_OP_DELETE_RULE &&
                            OP(ops, j - 1)->kind == KS_OP_DELETE_RULE)
                                g_assert_cmpuint(op->rule.priority, <=,
                                                 OP(ops, j - 1)->rule.priority);
                }
                steering_clear(&present);
                steering_clear(&wanted);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/diff/same", test_same);
        g_test_add_func("/diff/engage", test_engage);
        g_test_add_func("/diff/release", test_release);
        g_test_add_func("/diff/change", test_change);
        g_test_add_func("/diff/duplicates", test_duplicates);
        g_test_add_func("/diff/replace", test_replace);
        g_test_add_func("/diff/replace-once", test_replace_once);
        g_test_add_func("/diff/unknown", test_unknown);
        g_test_add_func("/diff/neighbours", test_neighbours);
        g_test_add_func("/diff/nothing-needless", test_nothing_needless);
        g_test_add_func("/diff/order", test_order);

        return g_test_run();
}
