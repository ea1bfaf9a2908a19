/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules and routes as values: when two are the same, and their words. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "policy/route.h"
#include "policy/rule.h"
#include "tests/unit/host.h"

static void fill_randomly(void *value, size_t size)
{
        for (size_t i = 0; i < size; i++)
                ((uint8_t *)value)[i] = (uint8_t)g_test_rand_int();
}

/* Every byte counts: what the kernel holds and differs anywhere is not what was wanted. */
static void test_rule_equal(void)
{
        KsRule a, b;

        fill_randomly(&a, sizeof(a));
        b = a;
        g_assert_true(ks_rule_equal(&a, &b));
        for (size_t i = 0; i < sizeof(a); i++) {
                ((uint8_t *)&b)[i] ^= 1;
                g_assert_false(ks_rule_equal(&a, &b));
                b = a;
        }
}

static void test_route_equal(void)
{
        KsRoute a, b;

        fill_randomly(&a, sizeof(a));
        b = a;
        g_assert_true(ks_route_equal(&a, &b));
        for (size_t i = 0; i < sizeof(a); i++) {
                ((uint8_t *)&b)[i] ^= 1;
                g_assert_false(ks_route_equal(&a, &b));
                b = a;
        }
}

/* One place holds one route, whatever its type, link, gateway and origin. */
static void test_route_place(void)
{
        const KsRoute route = { .table = 83,
                                .metric = 100,
                                .oif = 5,
                                .family = AF_INET,
                                .type = RTN_UNICAST,
                                .origin = 83,
                                .destination = prefix("10.0.0.0/8"),
                                .gateway = prefix("10.8.0.1") };
        KsRoute same = route, other[5];

        same.oif = 6;
        same.type = RTN_BLACKHOLE;
        same.origin = 4;
        same.gateway = (KsPrefix){ 0 };
        g_assert_true(ks_route_same_place(&route, &same));
        for (guint i = 0; i < G_N_ELEMENTS(other); i++)
                other[i] = route;
        other[0].table = 84;
        other[1].metric = 101;
        other[2].family = AF_INET6;
        other[3].destination = prefix("10.0.0.0/9");
        other[4].destination = prefix("11.0.0.0/8");
        for (guint i = 0; i < G_N_ELEMENTS(other); i++)
                g_assert_false(ks_route_same_place(&route, &other[i]));
}

static KsRule lookup(uint32_t priority, uint32_t table)
{
        return (KsRule){ .family = AF_INET,
                         .priority = priority,
                         .action = FR_ACT_TO_TBL,
                         .table = table,
                         .origin = 83 };
}

static void assert_rule(const KsRule *rule, const char *expected)
{
        g_autofree char *text = ks_rule_to_string(rule);

        g_assert_cmpstr(text, ==, expected);
}

static void test_rule_words(void)
{
        KsRule rule = lookup(190, 83);

        assert_rule(&rule, "190: from all lookup 83 (IPv4)");
        rule.family = AF_INET6;
        assert_rule(&rule, "190: from all lookup 83 (IPv6)");
        rule.table = RT_TABLE_MAIN;
        rule.suppress = 0 + 1;
        assert_rule(&rule, "190: from all lookup main suppress_prefixlength 0 (IPv6)");
        rule.suppress = 128 + 1;
        assert_rule(&rule, "190: from all lookup main suppress_prefixlength 128 (IPv6)");
        rule = lookup(4294967295, 4294967295);
        assert_rule(&rule, "4294967295: from all lookup 4294967295 (IPv4)");
        rule.table = 0;
        rule.action = FR_ACT_BLACKHOLE;
        assert_rule(&rule, "4294967295: from all blackhole (IPv4)");
        rule.action = FR_ACT_UNREACHABLE;
        assert_rule(&rule, "4294967295: from all unreachable (IPv4)");
        rule.action = FR_ACT_PROHIBIT;
        assert_rule(&rule, "4294967295: from all prohibit (IPv4)");
        rule.action = FR_ACT_GOTO;
        rule.target = 32766;
        assert_rule(&rule, "4294967295: from all goto 32766 (IPv4)");
        rule.target = 0;
        rule.action = FR_ACT_NOP;
        assert_rule(&rule, "4294967295: from all nop (IPv4)");
        rule.action = 5;
        assert_rule(&rule, "4294967295: from all action 5 (IPv4)");
}

static void test_rule_words_of_all_parts(void)
{
        KsRule rule = lookup(100, RT_TABLE_MAIN);

        rule.inverted = 1;
        rule.source = prefix("192.0.2.1");
        rule.destination = prefix("198.51.100.0/24");
        rule.mark = 0xca6c;
        rule.mark_mask = 0xffffffff;
        g_strlcpy(rule.iif, "lo", sizeof(rule.iif));
        g_strlcpy(rule.oif, "eth0", sizeof(rule.oif));
        rule.has_uid = 1;
        rule.uid_first = rule.uid_last = 1000;
        rule.ipproto = IPPROTO_UDP;
        rule.sport_first = rule.sport_last = 68;
        rule.dport_first = 67;
        rule.dport_last = 69;
        assert_rule(&rule, "100: not from 192.0.2.1 to 198.51.100.0/24 fwmark 0xca6c iif lo oif "
                           "eth0 uidrange 1000-1000 ipproto udp sport 68 dport 67-69 lookup main "
                           "(IPv4)");
        rule = lookup(100, 83);
        rule.mark_mask = 0xff;
        assert_rule(&rule, "100: from all fwmark 0x0/0xff lookup 83 (IPv4)");
        rule.mark = 1;
        rule.mark_mask = 1;
        rule.ipproto = 47;
        assert_rule(&rule, "100: from all fwmark 0x1/0x1 ipproto 47 lookup 83 (IPv4)");
}

static void assert_route(const KsRoute *route, const char *device, const char *expected)
{
        g_autofree char *text = ks_route_to_string(route, device);

        g_assert_cmpstr(text, ==, expected);
}

static void test_route_words(void)
{
        KsRoute route = { .table = 83,
                          .metric = 100,
                          .oif = 5,
                          .family = AF_INET,
                          .type = RTN_UNICAST,
                          .origin = 83,
                          .destination = prefix("0.0.0.0/0") };

        assert_route(&route, NULL, "default dev #5 table 83 metric 100 (IPv4)");
        assert_route(&route, "wg0", "default dev wg0 table 83 metric 100 (IPv4)");
        route.gateway = prefix("10.8.0.1");
        route.destination = prefix("10.9.0.0/16");
        assert_route(&route, "wg0", "10.9.0.0/16 via 10.8.0.1 dev wg0 table 83 metric 100 (IPv4)");
        route = (KsRoute){ .table = 4294967295,
                           .metric = KS_METRIC_BLOCK,
                           .family = AF_INET6,
                           .type = RTN_UNREACHABLE,
                           .destination = prefix("::/0") };
        assert_route(&route, NULL, "unreachable default table 4294967295 metric 4294967295 (IPv6)");
        route.type = RTN_BLACKHOLE;
        assert_route(&route, NULL, "blackhole default table 4294967295 metric 4294967295 (IPv6)");
        route.type = RTN_PROHIBIT;
        route.destination = prefix("2001:db8::1");
        assert_route(&route, "ignored",
                     "prohibit 2001:db8::1 table 4294967295 metric 4294967295 (IPv6)");
        route.type = RTN_THROW;
        assert_route(&route, NULL, "type 9 2001:db8::1 table 4294967295 metric 4294967295 (IPv6)");
        route.type = RTN_LOCAL;
        assert_route(&route, NULL, "type 2 2001:db8::1 table 4294967295 metric 4294967295 (IPv6)");
}

static void assert_deletion(const KsRule *rule, const char *expected)
{
        g_autofree char *command = ks_rule_to_deletion(rule);

        g_assert_cmpstr(command, ==, expected);
}

/* What is shown is typed by an administrator: nothing in it may be more than a word. */
static void test_deletion(void)
{
        KsRule rule = lookup(50, RT_TABLE_MAIN);

        rule.origin = 3;
        assert_deletion(&rule, "ip -4 rule delete priority 50 from all lookup main protocol 3");
        rule.family = AF_INET6;
        rule.inverted = 1;
        rule.mark = 1;
        rule.mark_mask = 0xff;
        rule.tos = 0x10;
        g_strlcpy(rule.iif, "lo", sizeof(rule.iif));
        g_strlcpy(rule.oif, "eth0", sizeof(rule.oif));
        assert_deletion(&rule, "ip -6 rule delete priority 50 not from all tos 0x10 "
                               "fwmark 0x1/0xff iif lo oif eth0 lookup main protocol 3");
        g_strlcpy(rule.oif, "a;reboot", sizeof(rule.oif));
        assert_deletion(&rule, "ip -6 rule delete priority 50 protocol 3");
        g_strlcpy(rule.oif, "eth0", sizeof(rule.oif));
        rule.unknown = 1;
        assert_deletion(&rule, "ip -6 rule delete priority 50 protocol 3");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/rule/equal", test_rule_equal);
        g_test_add_func("/rule/deletion", test_deletion);
        g_test_add_func("/rule/words", test_rule_words);
        g_test_add_func("/rule/words-of-all-parts", test_rule_words_of_all_parts);
        g_test_add_func("/route/equal", test_route_equal);
        g_test_add_func("/route/place", test_route_place);
        g_test_add_func("/route/words", test_route_words);

        return g_test_run();
}
