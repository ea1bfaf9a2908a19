/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units' control groups: found where they are, told of when they come and go; and what steering and
 * guard make of them. */

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/names.h"
#include "kernel/units.h"
#include "tests/unit/host.h"

/* A tree of control groups, and VPNs that look for theirs in it. */
typedef struct Tree {
        char *root;
        KsUnits *units;
        GPtrArray *vpns;
} Tree;

static void add_vpn(Tree *tree, const char *unit)
{
        KsVpn *vpn = ks_vpn_new(unit ? unit : "none", "tun0");

        vpn->unit = g_strdup(unit);
        g_ptr_array_add(tree->vpns, vpn);
}

static void set_up(Tree *tree, gconstpointer data)
{
        (void)data;
        tree->root = g_dir_make_tmp("ks-units-XXXXXX", NULL);
        g_assert_nonnull(tree->root);
        tree->units = ks_units_new(tree->root);
        tree->vpns = g_ptr_array_new_with_free_func((GDestroyNotify)ks_vpn_free);
}

static void tear_down(Tree *tree, gconstpointer data)
{
        const char *argv[] = { "rm", "-r", tree->root, NULL };

        (void)data;
        g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                                   NULL, NULL, NULL));
        ks_units_free(tree->units);
        g_ptr_array_unref(tree->vpns);
        g_free(tree->root);
}

static void make(Tree *tree, const char *path)
{
        g_autofree char *whole = g_build_filename(tree->root, path, NULL);

        g_assert_cmpint(g_mkdir_with_parents(whole, 0755), ==, 0);
}

static void take(Tree *tree, const char *path)
{
        g_autofree char *whole = g_build_filename(tree->root, path, NULL);

        g_assert_cmpint(g_rmdir(whole), ==, 0);
}

/* Where the first VPN's unit is now. */
static const char *look(Tree *tree)
{
        ks_units_look(tree->units, tree->vpns);
        return ((KsVpn *)g_ptr_array_index(tree->vpns, 0))->group;
}

static guint64 id_of(Tree *tree)
{
        return ((KsVpn *)g_ptr_array_index(tree->vpns, 0))->group_id;
}

static void test_find(Tree *tree, gconstpointer data)
{
        (void)data;
        add_vpn(tree, "a@x.service");
        add_vpn(tree, "b-c.slice");
        add_vpn(tree, NULL);
        add_vpn(tree, "gone.service");
        make(tree, "system.slice/other.service");
        make(tree, "system.slice/system-a.slice/a@x.service/inner.service");
        make(tree, "b.slice/b-c.slice");
        g_assert_cmpstr(look(tree), ==, "system.slice/system-a.slice/a@x.service");
        g_assert_cmpuint(id_of(tree), !=, 0);
        g_assert_cmpstr(((KsVpn *)g_ptr_array_index(tree->vpns, 1))->group, ==,
                        "b.slice/b-c.slice");
        g_assert_null(((KsVpn *)g_ptr_array_index(tree->vpns, 2))->group);
        g_assert_null(((KsVpn *)g_ptr_array_index(tree->vpns, 3))->group);
}

/* What is below a user's own service manager, or in a slice that isn't root's, is somebody else's
 * idea of a name. */
static void test_not_a_users(Tree *tree, gconstpointer data)
{
        g_autofree char *theirs = g_build_filename(tree->root, "their.slice", NULL);

        (void)data;
        add_vpn(tree, "a.service");
        make(tree, "user.slice/user-1000.slice/user@1000.service/app.slice/a.service");
        make(tree, "init.scope/a.service");
        make(tree, "their.slice/a.service");
        if (geteuid() == 0)
                g_assert_cmpint(chown(theirs, 1000, 1000), ==, 0);
        g_assert_null(look(tree));
        make(tree, "user.slice/a.service");
        g_assert_cmpstr(look(tree), ==, geteuid() == 0 ? "user.slice/a.service" : NULL);
}

static void assert_told(Tree *tree, gboolean expected)
{
        struct pollfd fd = { .fd = ks_units_fd(tree->units), .events = POLLIN };

        g_assert_cmpint(poll(&fd, 1, expected ? 60000 : 0), ==, expected ? 1 : 0);
        g_assert_cmpint(ks_units_drain(tree->units), ==, expected);
}

static void test_events(Tree *tree, gconstpointer data)
{
        guint64 first;

        (void)data;
        make(tree, "system.slice");
        g_assert_cmpint(ks_units_drain(tree->units), ==, FALSE);
        add_vpn(tree, "a.service");
        g_assert_null(look(tree));
        assert_told(tree, FALSE);
        make(tree, "system.slice/a.service");
        assert_told(tree, TRUE);
        g_assert_cmpstr(look(tree), ==, "system.slice/a.service");
        first = id_of(tree);
        /* The old one stays until the new one is there, so that it is another one. */
        make(tree, "system.slice/b.slice");
        assert_told(tree, TRUE);
        make(tree, "system.slice/b.slice/a.service");
        take(tree, "system.slice/a.service");
        assert_told(tree, TRUE);
        g_assert_cmpstr(look(tree), ==, "system.slice/b.slice/a.service");
        g_assert_cmpuint(id_of(tree), !=, first);
        take(tree, "system.slice/b.slice/a.service");
        assert_told(tree, TRUE);
        g_assert_null(look(tree));
        g_assert_cmpuint(id_of(tree), ==, 0);
}

/* Others come and go all the time. */
static void test_others_are_not_told(Tree *tree, gconstpointer data)
{
        (void)data;
        make(tree, "system.slice");
        add_vpn(tree, "a.service");
        g_assert_null(look(tree));
        make(tree, "system.slice/b.service");
        make(tree, "system.slice/a.service.d");
        g_assert_false(ks_units_drain(tree->units));
        g_ptr_array_set_size(tree->vpns, 0);
        ks_units_look(tree->units, tree->vpns);
        make(tree, "system.slice/a.service");
        g_assert_false(ks_units_drain(tree->units));
}

/* What the layers make of it */

static KsVpn *add_unit_vpn(Host *host, gboolean runs)
{
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsSelector selector = { .protocol = IPPROTO_UDP,
                                .in_unit = 1,
                                .remote = prefix("192.0.2.1"),
                                .remote_port = 1194 };

        g_array_append_val(vpn->selectors, selector);
        vpn->unit = g_strdup("a@x.service");
        if (runs) {
                vpn->group = g_strdup("system.slice/system-a.slice/a@x.service");
                vpn->group_id = 4711;
        }
        return vpn;
}

static void test_layers(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *rules = NULL;

        add_unit_vpn(host, TRUE);
        host->settings->egress_guard = TRUE;
        plan = host_plan(host);
        rules = plan_rules_text(plan, AF_INET);
        g_assert_nonnull(strstr(rules, " to 192.0.2.1 "));
        g_assert_nonnull(strstr(rules, "uidrange 0-999"));
        g_assert_nonnull(strstr(plan->guard->chains->str,
                                "\t\tsocket cgroupv2 level 3 \"system.slice/system-a.slice/"
                                "a@x.service\" meta l4proto 17 ip daddr 192.0.2.1 th dport 1194 "
                                "ct mark set 0x6b730083 meta mark set 0x6b730083 accept comment "
                                "\"4711\"\n"));
        g_assert_nonnull(strstr(plan->guard->egress->str,
                                "\t\tmeta l4proto 17 meta mark 0x6b730083 ip daddr 192.0.2.1 th "
                                "dport 1194 accept\n"));
        g_assert_cmpstr(plan->guard->sets[KS_SET_MARK].elements->str, ==, "0x6b730083");
        g_assert_cmpuint(plan->problems->len, ==, 0);
        g_assert_cmpstr(((KsPlanVpn *)g_ptr_array_index(plan->vpns, 0))->transport, ==,
                        "a@x.service: from its unit, udp, to 192.0.2.1 port 1194");
}

/* Nothing is let out for it, and it is said. */
static void test_not_running(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;

        add_unit_vpn(host, FALSE);
        plan = host_plan(host);
        g_assert_null(strstr(plan->guard->chains->str, "cgroupv2"));
        g_assert_null(strstr(plan->guard->chains->str, "192.0.2.1"));
        g_assert_cmpuint(plan->problems->len, ==, 1);
        g_assert_cmpstr(g_ptr_array_index(plan->problems, 0), ==,
                        "The unit a@x.service does not run, or there is none of that name; the VPN "
                        "a can't reach its server until it does.");
}

/* One that comes back under its name is another. */
static void test_comes_back(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) first = NULL, second = NULL;
        KsVpn *vpn = add_unit_vpn(host, TRUE);

        first = host_plan(host);
        vpn->group_id++;
        second = host_plan(host);
        g_assert_null(ks_guard_update_text(first->guard, second->guard, KS_GUARD_INET));
}

static void test_with_a_mark(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *rules = NULL;
        KsSelector *selector;

        selector = &g_array_index(add_unit_vpn(host, TRUE)->selectors, KsSelector, 0);
        selector->has_mark = 1;
        selector->mark = 5;
        plan = host_plan(host);
        rules = plan_rules_text(plan, AF_INET);
        g_assert_null(strstr(rules, "uidrange 0-999 lookup main to 192"));
        g_assert_nonnull(strstr(plan->guard->chains->str,
                                "a@x.service\" meta l4proto 17 meta mark 0x00000005 ip daddr "
                                "192.0.2.1 th dport 1194 accept comment \"4711\"\n"));
        g_assert_cmpstr(plan->guard->sets[KS_SET_MARK].elements->str, ==, "0x00000005");
}

static void add(const char *name, void (*test)(Tree *, gconstpointer))
{
        g_test_add(name, Tree, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        add("/units/find", test_find);
        add("/units/not-a-users", test_not_a_users);
        add("/units/events", test_events);
        add("/units/others-are-not-told", test_others_are_not_told);
        g_test_add_func("/units/layers", test_layers);
        g_test_add_func("/units/not-running", test_not_running);
        g_test_add_func("/units/comes-back", test_comes_back);
        g_test_add_func("/units/with-a-mark", test_with_a_mark);

        return g_test_run();
}
