/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From plan to kernel and out again: raising, taking over, repairing, letting go. */

#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/names.h"
#include "tests/kernel/steered.h"

/* All that there is of rules, routes and tables, of whomever. */
static char *everything(void)
{
        return output_of("ip rule; ip -6 rule; ip route show table all; "
                         "ip -6 route show table all; nft -s list ruleset");
}

static void test_raise_and_lower(Steered *steered, gconstpointer data)
{
        g_autofree char *before = everything(), *after = NULL;

        (void)data;
        for (int i = 0; i < 3; i++) {
                raise_now(steered);
                assert_in_place(steered);
                g_assert_cmpstr(ks_enforcer_guard_state(steered->enforcer), ==, KS_GUARD_ACTIVE);
                g_assert_true(ks_enforcer_present_plan(steered->enforcer)->protecting);
                lower(steered);
                g_assert_null(ks_enforcer_present_plan(steered->enforcer));
                g_assert_cmpstr(ks_enforcer_guard_state(steered->enforcer), ==, KS_GUARD_ABSENT);
        }
        after = everything();
        g_assert_cmpstr(before, ==, after);
}

static void test_lower_nothing(Steered *steered, gconstpointer data)
{
        g_autofree char *before = everything(), *after = NULL;

        (void)data;
        lower(steered);
        lower(steered);
        after = everything();
        g_assert_cmpstr(before, ==, after);
}

/* Raised again, or taken over by a new process, nothing is written twice or anew. */
static void test_raise_again(Steered *steered, gconstpointer data)
{
        g_autofree char *first = NULL, *second = NULL, *third = NULL;

        (void)data;
        raise_now(steered);
        first = output_of("ip rule; ip -6 rule; nft -a -s list ruleset");
        raise_quietly(steered);
        second = output_of("ip rule; ip -6 rule; nft -a -s list ruleset");
        g_assert_cmpstr(first, ==, second);
        new_enforcer(steered);
        watch(steered);
        raise_quietly(steered);
        g_assert_cmpuint(seen(steered) & (KS_CHANGE_RULES | KS_CHANGE_ROUTES), ==, 0);
        assert_in_place(steered);
        third = output_of("ip rule; ip -6 rule; nft -s list ruleset");
        g_assert_nonnull(third);
        lower(steered);
}

/* A process that knows nothing of what was raised finds it, whatever table it was in. */
static void test_lower_what_another_left(Steered *steered, gconstpointer data)
{
        g_autofree char *before = everything(), *after = NULL;

        (void)data;
        steered->settings->table = 4000;
        steered->settings->priority = 7000;
        raise_now(steered);
        new_enforcer(steered);
        lower(steered);
        after = everything();
        g_assert_cmpstr(before, ==, after);
}

static void assert_conflict(Steered *steered, const char *expected)
{
        g_autoptr(GError) error = NULL;

        g_assert_false(ks_enforcer_check_table(steered->enforcer, 83, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_CONFLICT);
        g_assert_cmpstr(error->message, ==, expected);
}

/* Routes of others in our table are named, three of them, and ours don't count. */
static void test_conflict(Steered *steered, gconstpointer data)
{
        g_autoptr(GError) error = NULL;

        (void)data;
        raise_now(steered);
        ks_enforcer_check_table(steered->enforcer, 83, &error);
        g_assert_no_error(error);
        run("ip route add 10.9.0.0/16 dev eth0 table 83 metric 7");
        assert_conflict(steered, "Routing table 83 holds 1 route of somebody else: '10.9.0.0/16 "
                                 "dev eth0 table 83 metric 7 (IPv4)'. Take them out ('ip route "
                                 "show table 83'), or choose another table with Table= in "
                                 "killswitch.conf.");
        run("ip -6 route add blackhole fd99::/64 table 83\n"
            "ip route add 10.10.0.0/16 via 192.168.1.1 dev eth0 table 83\n"
            "ip route add 10.11.0.0/16 via 192.168.1.1 dev eth0 table 83");
        assert_conflict(steered, "Routing table 83 holds 4 routes of somebody else: '10.9.0.0/16 "
                                 "dev eth0 table 83 metric 7 (IPv4)', '10.10.0.0/16 via "
                                 "192.168.1.1 dev eth0 table 83 metric 0 (IPv4)', '10.11.0.0/16 "
                                 "via 192.168.1.1 dev eth0 table 83 metric 0 (IPv4)', …. Take "
                                 "them out ('ip route show table 83'), or choose another table "
                                 "with Table= in killswitch.conf.");
        ks_enforcer_check_table(steered->enforcer, 84, &error);
        g_assert_no_error(error);
}

/* What others have, also in our table and at our priorities, stays as it is. */
static void test_foreign_stays(Steered *steered, gconstpointer data)
{
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        run("ip route add 10.9.0.0/16 dev eth0 table 83\n"
            "ip route add unreachable default table 83 metric 4294967294\n"
            "ip rule add pref 190 lookup 83\n"
            "ip rule add pref 191 unreachable protocol 99\n"
            "ip rule add pref 150 to 10.0.0.0/8 lookup main suppress_prefixlength 1\n"
            "ip -6 rule add pref 191 unreachable protocol static\n"
            "nft add table inet other");
        drop_vpn(steered);
        before = everything();
        raise_now(steered);
        flap(steered);
        raise_now(steered);
        steered->settings->priority = 120;
        raise_now(steered);
        flap(steered);
        raise_now(steered);
        lower(steered);
        after = everything();
        g_assert_cmpstr(before, ==, after);
}

typedef struct Deed {
        const char *deed, *steering, *guard;
} Deed;

/* Somebody takes away, changes or adds; it is mended, and told in words. */
static void test_repair(Steered *steered, gconstpointer data)
{
        static const Deed deeds[] = {
                { "true", NULL, NULL },
                { "ip rule del pref 190 protocol 83",
                  "had to add rule 190: from all lookup 83 (IPv4)", NULL },
                { "ip -6 rule del pref 191 protocol 83",
                  "had to add rule 191: from all unreachable (IPv6)", NULL },
                { "ip rule add pref 99 lookup main protocol 83",
                  "had to delete rule 99: from all lookup main (IPv4)", NULL },
                { "ip route del default dev tun0 table 83",
                  "had to add route default dev tun0 table 83 metric 100 (IPv4)", NULL },
                { "ip route replace blackhole default table 83 metric 4294967295 proto 83",
                  "had to replace route unreachable default table 83 metric 4294967295 (IPv4)",
                  NULL },
                { "ip route add default dev eth0 table 83 metric 1 proto 83",
                  "had to delete route default dev eth0 table 83 metric 1 (IPv4)", NULL },
                { "ip route replace default dev eth0 table 83 metric 100 proto 83",
                  "had to replace route default dev tun0 table 83 metric 100 (IPv4)", NULL },
                { "ip route add default dev eth0 table 4711 proto 83",
                  "had to delete route default dev eth0 table 4711 metric 0 (IPv4)", NULL },
                { "nft delete table inet killswitch", NULL,
                  "the nftables table inet killswitch had been deleted" },
                { "nft flush ruleset", NULL,
                  "the nftables table inet killswitch had been deleted" },
                { "nft insert rule inet killswitch output accept", NULL,
                  "the nftables table inet killswitch had been changed" },
                { "nft add table inet other", NULL, NULL },
                { "ip rule add pref 99 lookup main", NULL, NULL },
        };

        (void)data;
        raise_now(steered);
        for (guint i = 0; i < G_N_ELEMENTS(deeds); i++) {
                g_auto(KsRepair) repair = { 0 };

                g_test_message("%s", deeds[i].deed);
                run("%s", deeds[i].deed);
                raise_with(steered, FALSE, &repair);
                g_assert_cmpstr(repair.steering, ==, deeds[i].steering);
                g_assert_cmpstr(repair.guard, ==, deeds[i].guard);
                assert_in_place(steered);
        }
}

static void test_repair_of_many(Steered *steered, gconstpointer data)
{
        g_auto(KsRepair) repair = { 0 };

        (void)data;
        raise_now(steered);
        run("ip rule flush protocol 83\nip route flush table 83\nip rule add pref 5 lookup main "
            "protocol 83\nip -6 route add blackhole fd99::/64 table 83 proto 83");
        raise_with(steered, FALSE, &repair);
        g_assert_nonnull(repair.steering);
        g_assert_true(g_str_has_prefix(repair.steering, "had to add 21 rules and 3 routes, to "
                                                        "delete 1 rules and 1 routes: add route "
                                                        "unreachable default table 83 "));
        g_assert_true(g_utf8_validate(repair.steering, -1, NULL));
        assert_in_place(steered);
}

/* Duplicates that others make of our rules are one too many each. */
static void test_duplicates(Steered *steered, gconstpointer data)
{
        (void)data;
        raise_now(steered);
        run("ip rule add pref 5 lookup 83 protocol 83\nip rule add pref 5 lookup 83 protocol 84\n"
            "ip rule add pref 6 lookup 83 protocol 83\nip -6 rule add pref 5 lookup 83 protocol "
            "83");
        raise_with(steered, FALSE, NULL);
        assert_in_place(steered);
        lower(steered);
}

/* Links that come, go, and come back under a new index are nobody's tampering. */
static void test_flaps(Steered *steered, gconstpointer data)
{
        (void)data;
        raise_now(steered);
        for (int i = 0; i < 30; i++) {
                g_auto(KsRepair) repair = { 0 };

                flap(steered);
                raise_with(steered, TRUE, &repair);
                g_assert_null(repair.steering);
                g_assert_null(repair.guard);
                assert_in_place(steered);
                g_assert_cmpint(ks_enforcer_present_plan(steered->enforcer)->protecting, ==,
                                steered->tun >= 0);
        }
}

static void test_settings_change(Steered *steered, gconstpointer data)
{
        g_autofree char *left = NULL;

        (void)data;
        raise_now(steered);
        steered->settings->table = 4000;
        raise_now(steered);
        assert_in_place(steered);
        g_assert_false(succeeds("ip route show table 83 | grep ."));
        steered->settings->priority = 50;
        steered->settings->lan = KS_LAN_MODE_ALL;
        raise_now(steered);
        assert_in_place(steered);
        steered->settings->lan = KS_LAN_MODE_NONE;
        steered->settings->block_with = KS_BLOCK_PROHIBIT;
        steered->settings->lan_dns = TRUE;
        raise_now(steered);
        assert_in_place(steered);
        left = output_of("ip rule; ip -6 rule");
        g_assert_null(strstr(left, "unreachable"));
        lower(steered);
}

/* A gateway inside a network that no LAN could have: only our own table leads to it. */
static void test_gateway_while_engaged(Steered *steered, gconstpointer data)
{
        KsVpn *vpn = g_ptr_array_index(steered->settings->vpns, 0);
        KsPrefix far = prefix("198.18.0.0/15");

        (void)data;
        vpn->gateway4 = prefix("100.64.0.1");
        ks_prefix_array_add(vpn->prefixes, &far);
        drop_vpn(steered);
        raise_now(steered);
        steered->tun = open_tun("tun0");
        run("ip link set tun0 up\nip addr add 100.64.0.2/24 dev tun0 noprefixroute");
        raise_with(steered, TRUE, NULL);
        assert_in_place(steered);
        g_assert_true(ks_enforcer_present_plan(steered->enforcer)->protecting);
        lower(steered);
        raise_now(steered);
        assert_in_place(steered);
}

/* Lan=all takes for LAN what main leads to over the uplink: no default, nothing of a VPN. */
static void test_lan_all(Steered *steered, gconstpointer data)
{
        const KsPlan *plan;

        (void)data;
        run("ip route add 203.0.113.0/24 via 192.168.1.1\n"
            "ip route add 198.18.0.0/15 dev tun0\n"
            "ip route add 0.0.0.0/1 via 192.168.1.1\nip route add 128.0.0.0/1 via 192.168.1.1\n"
            "ip route add unreachable 198.51.100.0/24");
        steered->settings->lan = KS_LAN_MODE_ALL;
        raise_now(steered);
        plan = ks_enforcer_present_plan(steered->enforcer);
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN4].elements->str, ==,
                        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, "
                        "192.168.1.0/24, 203.0.113.0/24");
}

static const char *host_links(Steered *steered)
{
        return ks_enforcer_present_plan(steered->enforcer)->guard->sets[KS_SET_HOST].elements->str;
}

/* Guests' bridges are found as they come, and no longer taken for such once something leads out. */
static void test_host_links(Steered *steered, gconstpointer data)
{
        (void)data;
        raise_now(steered);
        g_assert_false(ks_enforcer_needs_defaults(steered->enforcer));
        run("ip link add br0 index 70 type bridge\nip link set br0 up\n"
            "ip addr add 172.17.0.1/16 dev br0\nip addr add fd17::1/64 dev br0\n"
            "ip addr add fe80::17/64 dev br0\n"
            "ip link add p0 type veth peer name p1\nip link set p0 master br0\n"
            "ip link set p0 up\nip link set p1 up");
        raise_with(steered, TRUE, NULL);
        g_assert_true(ks_enforcer_needs_defaults(steered->enforcer));
        g_assert_cmpstr(host_links(steered), ==, "70");
        assert_in_place(steered);
        g_assert_true(succeeds("ip route get 172.17.0.9 ipproto udp dport 53 | grep 'dev br0'"));
        g_assert_true(succeeds("ip -6 route get fd17::9 ipproto udp dport 53 | grep 'dev br0'"));
        g_assert_true(succeeds("ip -6 route get fe80::9 oif br0 | grep 'dev br0'"));
        /* The uplink becomes a port; then a default leads over it, by IPv4, by IPv6. */
        run("ip link set far0 master br0");
        raise_with(steered, TRUE, NULL);
        g_assert_cmpstr(host_links(steered), ==, "");
        assert_in_place(steered);
        run("ip link set far0 nomaster\nip -6 route add default via fd17::9 metric 5000");
        raise_with(steered, TRUE, NULL);
        g_assert_cmpstr(host_links(steered), ==, "");
        run("ip -6 route del default via fd17::9 metric 5000");
        raise_quietly(steered);
        g_assert_cmpstr(host_links(steered), ==, "70");
        run("ip route add default metric 7 nexthop dev br0 nexthop dev eth0");
        raise_quietly(steered);
        g_assert_cmpstr(host_links(steered), ==, "");
        assert_in_place(steered);
}

/* In the blocking state the LAN answers, and nothing else does. */
static void test_lan_while_blocking(Steered *steered, gconstpointer data)
{
        (void)data;
        drop_vpn(steered);
        raise_now(steered);
        g_assert_false(ks_enforcer_present_plan(steered->enforcer)->protecting);
        g_assert_true(succeeds("ip route get 192.168.1.9"));
        g_assert_true(succeeds("ip -6 route get fd01::9"));
        g_assert_false(succeeds("ip route get 192.0.2.9"));
        g_assert_false(succeeds("ip -6 route get 2001:db8::9"));
        g_assert_false(succeeds("ip route get 192.168.1.9 ipproto udp dport 53"));
        g_assert_false(succeeds("ip -6 route get fd01::9 ipproto tcp dport 853"));
        g_assert_true(succeeds("ip route get 192.0.2.9 mark 1 ipproto udp"));
        g_assert_false(succeeds("ip route get 192.0.2.9 mark 1 ipproto tcp"));
}

static gboolean marks_are_valid(void)
{
        return succeeds("grep -qx 1 /proc/sys/net/ipv4/conf/all/src_valid_mark");
}

/* Answers to marked transport have to pass rp_filter; where nothing is marked, nothing is set. */
static void test_marks(Steered *steered, gconstpointer data)
{
        KsVpn *vpn = g_ptr_array_index(steered->settings->vpns, 0);

        (void)data;
        g_array_set_size(vpn->selectors, 0);
        vpn_add_user(vpn, IPPROTO_UDP, 0)->remote = prefix("198.51.100.10");
        raise_now(steered);
        g_assert_false(marks_are_valid());
        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        raise_now(steered);
        g_assert_true(marks_are_valid());
        g_assert_null(ks_enforcer_mark_problem(steered->enforcer));
        raise_now(steered);
        lower(steered);
}

#define ADD(name, function)                                                                        \
        g_test_add("/enforcer/" name, Steered, NULL, steered_set_up, function, steered_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("raise-and-lower", test_raise_and_lower);
        ADD("lower-nothing", test_lower_nothing);
        ADD("raise-again", test_raise_again);
        ADD("lower-what-another-left", test_lower_what_another_left);
        ADD("conflict", test_conflict);
        ADD("foreign-stays", test_foreign_stays);
        ADD("repair", test_repair);
        ADD("repair-of-many", test_repair_of_many);
        ADD("duplicates", test_duplicates);
        ADD("flaps", test_flaps);
        ADD("settings-change", test_settings_change);
        ADD("gateway-while-engaged", test_gateway_while_engaged);
        ADD("lan-all", test_lan_all);
        ADD("host-links", test_host_links);
        ADD("lan-while-blocking", test_lan_while_blocking);
        ADD("marks", test_marks);

        return g_test_run();
}
