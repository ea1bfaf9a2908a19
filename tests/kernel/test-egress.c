/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard's egress table in the kernel: put in place with the other one, kept, and taken away;
 * links that come and go; and what is done where it can't be had. */

#include <string.h>

#include "common/names.h"
#include "tests/kernel/steered.h"

static void set_up(Steered *steered, gconstpointer data)
{
        steered_set_up(steered, data);
        steered->settings->egress_guard = TRUE;
        /* Its links would be taken for guests'. */
        steered->settings->host_auto = FALSE;
}

static char *egress(void)
{
        return output_of("nft -s list table netdev killswitch");
}

static gboolean is_there(void)
{
        return succeeds("nft list table netdev killswitch");
}

/* The hooks that the kernel has, "eth0 far0" for two. Caller frees. */
static char *hooked(void)
{
        return output_of(
                "nft list table netdev killswitch | sed -n 's/.*device \"\\(.*\\)\" .*/\\1/p' | "
                "sort | tr '\\n' ' '");
}

static void assert_hooked(const char *expected)
{
        g_autofree char *names = hooked();

        g_assert_cmpstr(names, ==, expected);
}

static const char *problem(Steered *steered)
{
        return ks_enforcer_egress_problem(steered->enforcer);
}

static void test_raise_and_lower(Steered *steered, gconstpointer data)
{
        (void)data;
        raise_now(steered);
        assert_in_place(steered);
        g_assert_cmpstr(problem(steered), ==, NULL);
        assert_hooked("eth0 far0 ");
        raise_quietly(steered);
        flap(steered);
        raise_with(steered, TRUE, NULL);
        assert_in_place(steered);
        assert_hooked("eth0 far0 ");
        lower(steered);
        g_assert_false(is_there());
}

static void test_settings(Steered *steered, gconstpointer data)
{
        (void)data;
        for (int i = 0; i < 4; i++) {
                steered->settings->egress_guard = i % 2;
                raise_quietly(steered);
                g_assert_cmpint(is_there(), ==, i % 2);
        }
}

/* What a process leaves, the next one takes over, takes away, or has no more use for. */
static void test_next_process(Steered *steered, gconstpointer data)
{
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        raise_now(steered);
        before = egress();
        new_enforcer(steered);
        raise_quietly(steered);
        after = egress();
        g_assert_cmpstr(before, ==, after);
        new_enforcer(steered);
        lower(steered);
        g_assert_false(is_there());
        raise_now(steered);
        new_enforcer(steered);
        steered->settings->egress_guard = FALSE;
        raise_quietly(steered);
        g_assert_false(is_there());
}

/* A rescue finds the table alone too. */
static void test_alone(Steered *steered, gconstpointer data)
{
        (void)data;
        raise_now(steered);
        run("nft delete table inet killswitch");
        new_enforcer(steered);
        lower(steered);
        g_assert_false(is_there());
}

static void test_tampering(Steered *steered, gconstpointer data)
{
        static const struct {
                const char *deed, *told;
        } deeds[] = {
                { "flush ruleset", "inet killswitch had been deleted" },
                { "delete table netdev killswitch", "netdev killswitch had been deleted" },
                { "flush table netdev killswitch", "netdev killswitch had been changed" },
                { "flush chain netdev killswitch frame", "netdev killswitch had been changed" },
                { "insert rule netdev killswitch packet accept",
                  "netdev killswitch had been changed" },
                { "add element netdev killswitch lan4 { 8.8.8.0/24 }",
                  "netdev killswitch had been changed" },
                { "add rule netdev killswitch transport accept",
                  "netdev killswitch had been changed" },
                { "add table netdev killswitch { flags dormant; }",
                  "netdev killswitch had been changed" },
                { "flush chain inet killswitch output", "inet killswitch had been changed" },
        };
        g_autofree char *good = NULL;

        (void)data;
        raise_now(steered);
        good = egress();
        for (guint i = 0; i < G_N_ELEMENTS(deeds); i++) {
                g_auto(KsRepair) repair = { 0 };
                g_autofree char *again = NULL;

                g_test_message("%s", deeds[i].deed);
                run("nft '%s'", deeds[i].deed);
                g_assert_false(ks_enforcer_guard_is_intact(steered->enforcer));
                raise_with(steered, FALSE, &repair);
                g_assert_nonnull(repair.guard);
                g_assert_nonnull(strstr(repair.guard, deeds[i].told));
                again = egress();
                g_assert_cmpstr(good, ==, again);
        }
}

static void test_foreign(Steered *steered, gconstpointer data)
{
        const char *list = "nft list table netdev other; nft list table netdev killswitch2; "
                           "nft list table ip killswitch";
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        run("nft 'table netdev other { chain e { type filter hook egress device \"eth0\" priority "
            "5; ip daddr 10.0.0.1 accept; }; }'\n"
            "nft add table netdev killswitch2\nnft add table ip killswitch");
        before = output_of("%s", list);
        raise_now(steered);
        flap(steered);
        raise_with(steered, TRUE, NULL);
        lower(steered);
        after = output_of("%s", list);
        g_assert_cmpstr(before, ==, after);
}

/* Uplinks come, go, come back as others and get other names; nobody has tampered then. */
static void test_links(Steered *steered, gconstpointer data)
{
        static const struct {
                const char *deed, *hooked;
        } deeds[] = {
                { "ip link add usb0 type veth peer name far1", "eth0 far0 far1 usb0 " },
                { "ip link del usb0", "eth0 far0 " },
                { "ip link del eth0\nip link add eth0 type veth peer name far0", "eth0 far0 " },
                { "ip link set eth0 name wan0", "far0 wan0 " },
                { "ip netns add away\nip link set wan0 netns away", "far0 " },
                { "ip -n away link set wan0 netns $PPID\nip netns del away", "far0 wan0 " },
                { "ip link add br0 type bridge\nip link set wan0 master br0", "br0 far0 wan0 " },
        };

        (void)data;
        raise_now(steered);
        for (guint i = 0; i < G_N_ELEMENTS(deeds); i++) {
                g_auto(KsRepair) repair = { 0 };

                g_test_message("%s", deeds[i].deed);
                run("%s", deeds[i].deed);
                raise_with(steered, TRUE, &repair);
                g_assert_cmpstr(repair.guard, ==, NULL);
                assert_hooked(deeds[i].hooked);
                assert_in_place(steered);
                g_assert_cmpstr(problem(steered), ==, NULL);
        }
}

/* A link that takes its hook along is nobody's doing, also when others commit at that moment. */
static void test_link_goes_in_a_storm(Steered *steered, gconstpointer data)
{
        g_auto(KsRepair) repair = { 0 }, other = { 0 };

        (void)data;
        raise_now(steered);
        /* What older kernels do with the link, and one that has it for good. */
        run("nft delete chain netdev killswitch uplink_%d\nnft add table inet foreign",
            index_of("far0"));
        raise_with(steered, TRUE, &repair);
        g_assert_cmpstr(repair.guard, ==, NULL);
        assert_hooked("eth0 far0 ");
        run("nft delete chain netdev killswitch uplink_%d\n"
            "nft flush chain inet killswitch output",
            index_of("far0"));
        raise_with(steered, TRUE, &other);
        g_assert_nonnull(other.guard);
        assert_in_place(steered);
}

static guint64 count_in(const char *table)
{
        g_autofree char *text = output_of("nft list counter %s killswitch blocked | "
                                          "sed -n 's/.*packets \\([0-9]*\\) .*/\\1/p'",
                                          table);

        return g_ascii_strtoull(text, NULL, 10);
}

/* What either table refused is one number, which goes on over replacements. */
static void test_counter(Steered *steered, gconstpointer data)
{
        guint64 sum;

        (void)data;
        raise_now(steered);
        run("nft add rule netdev killswitch bare counter\n"
            "nft insert rule inet killswitch output ip daddr 127.0.0.9 counter name blocked\n"
            "nft insert rule netdev killswitch frame counter name blocked\n"
            "ip addr add 192.168.1.3/24 dev far0\nping -c 3 -W 1 127.0.0.9 >/dev/null\n"
            "ping -c 2 -W 1 -I eth0 192.168.1.99 >/dev/null || true");
        sum = count_in("inet") + count_in("netdev");
        g_assert_cmpuint(count_in("inet"), >=, 3);
        g_assert_cmpuint(count_in("netdev"), >=, 1);
        g_assert_cmpuint(ks_enforcer_blocked(steered->enforcer), >=, sum);
        raise_now(steered);
        g_assert_cmpuint(ks_enforcer_blocked(steered->enforcer), >=, sum);
        g_assert_cmpuint(count_in("inet"), >=, sum);
}

/* A table of our name that another process owns costs the extra and nothing else, and is had as
 * soon as its owner is gone. */
static void test_owned_by_another(Steered *steered, gconstpointer data)
{
        pid_t pid = start_nft("table netdev killswitch { flags owner; }", FALSE);
        g_autoptr(GError) error = NULL;

        (void)data;
        raise_now(steered);
        g_assert_cmpstr(ks_enforcer_guard_state(steered->enforcer), ==, KS_GUARD_ACTIVE);
        g_assert_true(
                g_str_has_prefix(problem(steered), "EgressGuard=yes could not be put in force: "));
        g_assert_true(succeeds("nft list table inet killswitch"));
        g_assert_true(ks_enforcer_guard_is_intact(steered->enforcer));
        flap(steered);
        raise_with(steered, TRUE, NULL);
        g_assert_nonnull(problem(steered));
        /* Letting go takes ours and leaves theirs. */
        g_assert_true(ks_enforcer_lower(steered->enforcer, &error));
        g_assert_no_error(error);
        g_assert_false(succeeds("nft list table inet killswitch"));
        raise_now(steered);
        stop_nft(pid);
        raise_with(steered, TRUE, NULL);
        g_assert_cmpstr(problem(steered), ==, NULL);
        assert_hooked("eth0 far0 ");
        lower(steered);
        g_assert_false(is_there());
}

#define ADD(name, function)                                                                        \
        g_test_add("/egress/" name, Steered, NULL, set_up, function, steered_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("raise-and-lower", test_raise_and_lower);
        ADD("settings", test_settings);
        ADD("next-process", test_next_process);
        ADD("alone", test_alone);
        ADD("tampering", test_tampering);
        ADD("foreign", test_foreign);
        ADD("links", test_links);
        ADD("link-goes-in-a-storm", test_link_goes_in_a_storm);
        ADD("counter", test_counter);
        ADD("owned-by-another", test_owned_by_another);

        return g_test_run();
}
