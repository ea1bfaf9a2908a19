/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The enforcer after a kill at any point, beside others who interfere, and without nftables. */

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/names.h"
#include "tests/kernel/steered.h"

static KsPlan *plan_now(Steered *steered)
{
        g_autoptr(GError) error = NULL;
        KsPlan *plan = ks_enforcer_plan(steered->enforcer, steered->settings,
                                        steered->settings->lan, NULL, &error);

        g_assert_no_error(error);
        return plan;
}

/* Carries out the first @count operations from what is there to @wanted. Returns: whether there
 * were as many. */
static gboolean apply_first(Steered *steered, const KsSteering *wanted, guint count)
{
        KsSteering present = read_steering(steered->rtnl);
        g_autoptr(GArray) ops = ks_diff(wanted, &present);
        gboolean enough = count <= ops->len;

        g_array_set_size(ops, MIN(count, ops->len));
        apply(steered->rtnl, ops);
        steering_free(&present);
        return enough;
}

static void assert_clean(Steered *steered)
{
        g_autofree char *rules = output_of("ip rule; ip -6 rule; nft list ruleset");

        g_assert_cmpstr(rules, ==,
                        "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"
                        "32767:\tfrom all lookup default\n"
                        "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n");
        (void)steered;
}

/* T24: killed behind each operation of Engage, with the guard or before it: the next process
 * raises all of it, or takes all of it away. */
static void test_killed_while_engaging(Steered *steered, gconstpointer data)
{
        g_autoptr(KsPlan) plan = plan_now(steered);
        const KsSteering wanted = { plan->rules, plan->routes };

        (void)data;
        for (guint n = 0;; n++) {
                gboolean enough = apply_first(steered, &wanted, n);

                new_enforcer(steered);
                if (n % 2)
                        raise_now(steered);
                if (n % 2)
                        assert_in_place(steered);
                new_enforcer(steered);
                lower(steered);
                assert_clean(steered);
                if (!enough)
                        break;
        }
}

/* And of Release, where the guard is still there. */
static void test_killed_while_releasing(Steered *steered, gconstpointer data)
{
        const KsSteering nothing = { g_array_new(FALSE, TRUE, sizeof(KsRule)),
                                     g_array_new(FALSE, TRUE, sizeof(KsRoute)) };

        (void)data;
        for (guint n = 0;; n++) {
                gboolean enough;

                raise_now(steered);
                enough = apply_first(steered, &nothing, n);
                new_enforcer(steered);
                if (n % 2) {
                        raise_now(steered);
                        assert_in_place(steered);
                } else {
                        lower(steered);
                        assert_clean(steered);
                }
                if (!enough)
                        break;
        }
        g_array_unref(nothing.rules);
        g_array_unref(nothing.routes);
}

/* And of a change of settings, with parts of both. */
static void test_killed_while_changing(Steered *steered, gconstpointer data)
{
        (void)data;
        for (guint n = 0;; n++) {
                g_autoptr(KsPlan) next = NULL;
                gboolean enough;

                steered->settings->priority = n % 2 ? 100 : 150;
                steered->settings->lan = (KsLan)(n % 3);
                raise_now(steered);
                steered->settings->priority = n % 2 ? 150 : 100;
                steered->settings->table = 83 + n % 2;
                steered->settings->block_with = (KsBlockWith)(n % 3);
                next = plan_now(steered);
                enough = apply_first(steered, &(KsSteering){ next->rules, next->routes }, n);
                new_enforcer(steered);
                raise_now(steered);
                assert_in_place(steered);
                if (!enough)
                        break;
        }
        lower(steered);
        assert_clean(steered);
}

/* From any plan to any other on a real kernel, whatever its rules have in common. */
static void test_anywhere(Steered *steered, gconstpointer data)
{
        (void)data;
        netns_fresh();
        add_random_links();
        ks_rtnl_free(steered->rtnl);
        steered->rtnl = rtnl_new();
        new_enforcer(steered);
        for (int i = 0; i < 40; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(GError) error = NULL;
                KsPlan *plan;

                /* These links have no addresses, so no gateway could be reached. */
                for (guint j = 0; j < host->settings->vpns->len; j++)
                        ((KsVpn *)g_ptr_array_index(host->settings->vpns, j))
                                ->gateway4 = (KsPrefix){ 0 };
                plan = host_plan(host);
                ks_enforcer_raise(steered->enforcer, host->settings, plan, TRUE, NULL, &error);
                g_assert_no_error(error);
                assert_in_place(steered);
        }
        lower(steered);
        assert_clean(steered);
}

/* Another process that owns a table of the guard's name, so that nftables refuses ours. */
static pid_t start_owner(void)
{
        return start_nft("table inet killswitch { flags owner; }", FALSE);
}

static gboolean try_to_raise(Steered *steered, GError **error)
{
        return ks_enforcer_raise(steered->enforcer, steered->settings, plan_now(steered), FALSE,
                                 NULL, error);
}

static void assert_steering_in_place(Steered *steered)
{
        const KsPlan *plan = ks_enforcer_present_plan(steered->enforcer);
        KsSteering there = read_steering(steered->rtnl);

        assert_same_rules(there.rules, plan->rules);
        assert_same_routes(there.routes, plan->routes);
        steering_free(&there);
}

/* Guard=require: it is an error, and steering is there until somebody lowers it. */
static void test_no_guard(Steered *steered, gconstpointer data)
{
        pid_t pid = start_owner();
        g_autoptr(GError) error = NULL;
        KsSteering there;

        (void)data;
        g_assert_false(try_to_raise(steered, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE);
        g_assert_cmpstr(ks_enforcer_guard_state(steered->enforcer), ==, KS_GUARD_UNAVAILABLE);
        g_assert_cmpstr(ks_enforcer_guard_problem(steered->enforcer), ==, error->message);
        g_assert_cmpuint(ks_enforcer_blocked(steered->enforcer), ==, 0);
        g_clear_error(&error);
        ks_enforcer_lower(steered->enforcer, &error);
        g_assert_no_error(error);
        there = read_steering(steered->rtnl);
        g_assert_cmpuint(there.rules->len + there.routes->len, ==, 0);
        steering_free(&there);
        stop_nft(pid);
        raise_now(steered);
        assert_in_place(steered);
        g_assert_null(ks_enforcer_guard_problem(steered->enforcer));
}

/* Guard=optional: steering alone will do. */
static void test_optional_guard(Steered *steered, gconstpointer data)
{
        pid_t pid = start_owner();

        (void)data;
        steered->settings->guard_required = FALSE;
        raise_now(steered);
        assert_steering_in_place(steered);
        g_assert_cmpstr(ks_enforcer_guard_state(steered->enforcer), ==, KS_GUARD_UNAVAILABLE);
        g_assert_nonnull(ks_enforcer_guard_problem(steered->enforcer));
        raise_now(steered);
        stop_nft(pid);
        /* As soon as it can be had, it is. */
        raise_now(steered);
        assert_in_place(steered);
        g_assert_cmpstr(ks_enforcer_guard_state(steered->enforcer), ==, KS_GUARD_ACTIVE);
}

/* The guard is lost while engaged: the other layer stays, and so does the plan. */
static void test_guard_lost(Steered *steered, gconstpointer data)
{
        g_autoptr(GError) error = NULL;
        pid_t pid;

        (void)data;
        raise_now(steered);
        run("nft delete table inet killswitch");
        pid = start_owner();
        g_assert_false(ks_enforcer_guard_is_intact(steered->enforcer));
        g_assert_false(try_to_raise(steered, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE);
        assert_steering_in_place(steered);
        stop_nft(pid);
        raise_now(steered);
        assert_in_place(steered);
}

/* Deletes rules of ours, and adds some in our name, until it is killed. */
static pid_t start_vandal(void)
{
        pid_t pid = fork();

        if (pid != 0)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (KsRtnl *rtnl = rtnl_new();;) {
                g_autoptr(GArray) ops = g_array_new(FALSE, TRUE, sizeof(KsOp));
                KsOp op = { .rule = { .family = AF_INET,
                                      .action = FR_ACT_TO_TBL,
                                      .table = 83,
                                      .origin = 83 } };

                for (guint i = 0; i < 40; i++) {
                        op.kind = i % 2 ? KS_OP_DELETE_RULE : KS_OP_ADD_RULE;
                        op.rule.priority = 190 + i / 2;
                        g_array_append_val(ops, op);
                }
                if (!ks_rtnl_apply(rtnl, ops, NULL))
                        _exit(1);
        }
}

/* Beside somebody who never stops: every attempt ends, with success or a sentence; and when it is
 * over, all is in place at once. */
static void test_vandal(Steered *steered, gconstpointer data)
{
        pid_t pid;

        (void)data;
        raise_now(steered);
        pid = start_vandal();
        g_assert_cmpint(pid, >, 0);
        for (int i = 0; i < 100; i++) {
                g_autoptr(GError) error = NULL;

                if (!try_to_raise(steered, &error))
                        g_assert_error(error, KS_ERROR, KS_ERROR_KERNEL);
        }
        stop_nft(pid);
        raise_now(steered);
        assert_in_place(steered);
        lower(steered);
        assert_clean(steered);
}

#define ADD(name, function)                                                                        \
        g_test_add("/enforcer-trouble/" name, Steered, NULL, steered_set_up, function,             \
                   steered_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("killed-while-engaging", test_killed_while_engaging);
        ADD("killed-while-releasing", test_killed_while_releasing);
        ADD("killed-while-changing", test_killed_while_changing);
        ADD("anywhere", test_anywhere);
        ADD("no-guard", test_no_guard);
        ADD("optional-guard", test_optional_guard);
        ADD("guard-lost", test_guard_lost);
        ADD("vandal", test_vandal);

        return g_test_run();
}
