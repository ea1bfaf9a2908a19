/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links and VPNs as values: names that are taken, copies that are whole. */

#include <string.h>

#include "tests/unit/host.h"

static void test_names(void)
{
        static const char *const good[] = { "wg0", "a",   "tun-1_x.y@z+", "fifteen-letters",
                                            "...", "lo0", "LO",           "0" };
        static const char *const bad[] = { "",     ".",     "..",       "lo",    "sixteen-letters0",
                                           "a b",  "a/b",   "a\n",      "\"",    "'",
                                           "a;",   "a{",    "$a",       "`a`",   "a\\",
                                           "a*",   "a%s",   "a:0",      "a,b",   "a#",
                                           "a=b",  "(a)",   "a|b",      "a&b",   "a<b",
                                           "\x01", "a\x7f", "\xc3\xa9", "a\xff", "a\t" };

        for (guint i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_true(ks_interface_name_is_valid(good[i]));
        for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
                g_assert_false(ks_interface_name_is_valid(bad[i]));
}

static void test_find(void)
{
        g_autoptr(Host) host = host_new();
        KsLink *a = host_add_card(host, 2, "eth0"), *b = host_add_tun(host, 3, "eth00");

        g_assert_true(ks_links_find(host->links, "eth0") == a);
        g_assert_true(ks_links_find(host->links, "eth00") == b);
        g_assert_null(ks_links_find(host->links, "eth"));
        g_assert_null(ks_links_find(host->links, ""));
}

/* A name that is too long is cut, never written past the end. */
static void test_long_name(void)
{
        g_autoptr(KsLink) link = ks_link_new(1, "a-name-of-more-than-fifteen-letters");

        g_assert_cmpuint(strlen(link->name), ==, IFNAMSIZ - 1);
}

static void test_up(void)
{
        g_autoptr(KsLink) link = ks_link_new(1, "tun0");

        g_assert_false(ks_link_is_up(link));
        link->flags = IFF_UP;
        g_assert_false(ks_link_is_up(link));
        link->flags = IFF_RUNNING;
        g_assert_false(ks_link_is_up(link));
        link->flags = IFF_UP | IFF_RUNNING | IFF_POINTOPOINT;
        g_assert_true(ks_link_is_up(link));
}

static void test_copy(void)
{
        g_autoptr(Host) host = host_new();
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsPrefix network = prefix("10.0.0.0/8");
        g_autoptr(KsVpn) copy = NULL;

        vpn->kind = g_strdup("tun");
        vpn->metric = 7;
        vpn->gateway4 = prefix("10.0.0.1");
        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        ks_prefix_array_add(vpn->prefixes, &network);
        copy = ks_vpn_copy(vpn);
        g_assert_cmpstr(copy->name, ==, "a");
        g_assert_cmpstr(copy->interface, ==, "tun0");
        g_assert_cmpstr(copy->kind, ==, "tun");
        g_assert_cmpuint(copy->metric, ==, 7);
        g_assert_true(ks_prefix_equal(&copy->gateway4, &vpn->gateway4));
        g_assert_true(copy->from_settings && copy->default4 && copy->default6);
        g_array_set_size(vpn->selectors, 0);
        g_array_set_size(vpn->prefixes, 0);
        g_assert_cmpuint(copy->selectors->len, ==, 1);
        g_assert_cmpuint(copy->prefixes->len, ==, 1);
}

/* Destructors take NULL, as a scope that was left early has it. */
static void test_free_nothing(void)
{
        ks_link_free(NULL);
        ks_wireguard_free(NULL);
        ks_vpn_free(NULL);
        ks_settings_free(NULL);
        ks_plan_free(NULL);
        ks_guard_free(NULL);
}

static void test_words(void)
{
        KsLan lan = KS_LAN_MODE_NONE;
        KsBlockWith block_with = KS_BLOCK_PROHIBIT;

        for (KsLan i = KS_LAN_MODE_PRIVATE; i <= KS_LAN_MODE_ALL; i++) {
                g_assert_true(ks_lan_from_string(ks_lan_to_string(i), &lan));
                g_assert_cmpint(lan, ==, i);
        }
        for (KsBlockWith i = KS_BLOCK_UNREACHABLE; i <= KS_BLOCK_PROHIBIT; i++) {
                g_assert_true(ks_block_with_from_string(ks_block_with_to_string(i), &block_with));
                g_assert_cmpint(block_with, ==, i);
        }
        g_assert_false(ks_lan_from_string("", &lan));
        g_assert_false(ks_lan_from_string(NULL, &lan));
        g_assert_false(ks_lan_from_string("privat", &lan));
        g_assert_false(ks_block_with_from_string("drop", &block_with));
        g_assert_cmpint(lan, ==, KS_LAN_MODE_ALL);
        g_assert_cmpint(block_with, ==, KS_BLOCK_PROHIBIT);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/link/names", test_names);
        g_test_add_func("/link/find", test_find);
        g_test_add_func("/link/long-name", test_long_name);
        g_test_add_func("/link/up", test_up);
        g_test_add_func("/vpn/copy", test_copy);
        g_test_add_func("/vpn/free-nothing", test_free_nothing);
        g_test_add_func("/settings/words", test_words);

        return g_test_run();
}
