/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steering table of a host without VPNs: every rule and route, for all settings. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "tests/unit/host.h"

#define DHCP4 "130: from all iif lo uidrange 0-999 ipproto udp sport 68 dport 67 lookup main\n"
#define DNS                                                                                        \
        "141: from all ipproto udp dport 53 lookup 83\n"                                           \
        "142: from all ipproto tcp dport 53 lookup 83\n"                                           \
        "143: from all ipproto udp dport 853 lookup 83\n"                                          \
        "144: from all ipproto tcp dport 853 lookup 83\n"
#define PRIVATE4                                                                                   \
        "150: from all to 10.0.0.0/8 lookup main suppress_prefixlength 1\n"                        \
        "151: from all to 172.16.0.0/12 lookup main suppress_prefixlength 1\n"                     \
        "152: from all to 192.168.0.0/16 lookup main suppress_prefixlength 1\n"                    \
        "153: from all to 169.254.0.0/16 lookup main suppress_prefixlength 1\n"
#define PRIVATE6                                                                                   \
        "150: from all to fc00::/7 lookup main suppress_prefixlength 1\n"                          \
        "151: from all to fe80::/10 lookup main suppress_prefixlength 1\n"
#define LAN_ALL "179: from all lookup main suppress_prefixlength 1\n"
#define END6                                                                                       \
        "190: from all lookup 83\n"                                                                \
        "191: from all unreachable\n"
/* In parts, so that routes can be added: see plan_floor(). */
#define FLOOR4(priority)                                                                           \
        priority ": from all ipproto 1 unreachable\n" priority                                     \
                 ": from all ipproto tcp unreachable\n" priority                                   \
                 ": from all ipproto udp unreachable\n" priority                                   \
                 ": from all ipproto 47 unreachable\n" priority                                    \
                 ": from all ipproto esp unreachable\n" priority                                   \
                 ": from all ipproto 132 unreachable\n" priority                                   \
                 ": not from all iif lo unreachable\n" priority                                    \
                 ": from all uidrange 1-4294967294 unreachable\n"
#define END4 "190: from all lookup 83\n" FLOOR4("191")

static void assert_rules(const KsPlan *plan, int family, const char *expected)
{
        g_autofree char *text = plan_rules_text(plan, family);

        g_assert_cmpstr(text, ==, expected);
}

static void assert_routes(const KsPlan *plan, int family, const char *expected)
{
        g_autofree char *text = plan_routes_text(plan, family);

        g_assert_cmpstr(text, ==, expected);
}

static void assert_sets(const KsPlan *plan, const char *expected)
{
        g_autofree char *text = plan_sets_text(plan);

        g_assert_cmpstr(text, ==, expected);
}

/* A host with a network card that has addresses of all kinds: nothing may be learned from it. */
static Host *plain_host(void)
{
        Host *host = host_new();
        KsLink *card = host_add_card(host, 2, "eth0");

        link_add_address(card, "192.168.1.2/24");
        link_add_address(card, "203.0.113.2/24");
        link_add_address(card, "fe80::2/64");
        link_add_address(card, "fd00::2/64");
        link_add_address(card, "2001:db8::2/64");
        return host;
}

static void test_private(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = host_plan(host);

        assert_rules(plan, AF_INET, DHCP4 DNS PRIVATE4 END4);
        assert_rules(plan, AF_INET6, DNS PRIVATE6 END6);
        assert_routes(plan, AF_INET, "unreachable default table 83 metric 4294967295\n");
        assert_routes(plan, AF_INET6, "unreachable default table 83 metric 4294967295\n");
        assert_sets(plan, "");
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN4].elements->str, ==,
                        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16");
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN6].elements->str, ==, "fc00::/7, fe80::/10");
        g_assert_cmpuint(plan->vpns->len, ==, 0);
        g_assert_cmpuint(plan->problems->len, ==, 0);
        g_assert_false(plan->protecting);
}

static void test_none(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL;
        KsPrefix route = prefix("172.20.0.0/16");

        host->settings->lan = KS_LAN_MODE_NONE;
        g_array_append_val(host->lan_routes, route);
        plan = host_plan(host);
        assert_rules(plan, AF_INET, DHCP4 DNS END4);
        assert_rules(plan, AF_INET6, DNS END6);
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN4].elements->str, ==, "");
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN6].elements->str, ==, "");
}

static void test_all(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL, without = NULL;
        KsPrefix route4 = prefix("203.0.113.0/24"), route6 = prefix("2001:db8::/64");

        host->settings->lan = KS_LAN_MODE_ALL;
        g_array_append_val(host->lan_routes, route4);
        g_array_append_val(host->lan_routes, route6);
        plan = host_plan(host);
        assert_rules(plan, AF_INET, DHCP4 DNS LAN_ALL END4);
        assert_rules(plan, AF_INET6, DNS LAN_ALL END6);
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN4].elements->str, ==,
                        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, "
                        "203.0.113.0/24");
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN6].elements->str, ==,
                        "fc00::/7, fe80::/10, 2001:db8::/64");
        without = ks_plan_new(host->settings, KS_LAN_MODE_ALL, host->links, NULL, NULL);
        assert_rules(without, AF_INET, DHCP4 DNS LAN_ALL END4);
}

/* What the steering layer doesn't take for LAN, the guard must not either. */
static void test_all_without_halves(void)
{
        static const char *const halves[] = { "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1" };
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL, plain = NULL;

        host->settings->lan = KS_LAN_MODE_ALL;
        plain = host_plan(host);
        for (guint i = 0; i < G_N_ELEMENTS(halves); i++) {
                KsPrefix half = prefix(halves[i]);

                g_array_append_val(host->lan_routes, half);
        }
        plan = host_plan(host);
        for (int set = KS_SET_LAN4; set <= KS_SET_LAN6; set++)
                g_assert_cmpstr(plan->guard->sets[set].elements->str, ==,
                                plain->guard->sets[set].elements->str);
}

/* The LAN in force is the caller's, whatever the settings say. */
static void test_lan_in_force(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL;

        host->settings->lan = KS_LAN_MODE_ALL;
        plan = ks_plan_new(host->settings, KS_LAN_MODE_NONE, host->links, NULL, NULL);
        assert_rules(plan, AF_INET, DHCP4 DNS END4);
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN4].elements->str, ==, "");
}

/* LanPrefixes= goes where the fixed ranges go, behind the rules of DNS; and nowhere without a LAN.
 */
static void test_lan_prefixes(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL, none = NULL, all = NULL;
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsPrefix prefixes[] = { prefix("100.64.0.0/10"), prefix("2001:db8:5::/48") };
        KsPrefix within = prefix("100.64.7.0/24");

        g_array_append_vals(host->settings->lan_prefixes, prefixes, G_N_ELEMENTS(prefixes));
        g_array_append_val(vpn->prefixes, within);
        plan = host_plan(host);
        assert_rules(plan, AF_INET,
                     DHCP4
                     "140: from all to 100.64.7.0/24 lookup 83\n" DNS PRIVATE4
                     "170: from all to 100.64.0.0/10 lookup main suppress_prefixlength 1\n" END4);
        assert_rules(plan, AF_INET6,
                     DNS PRIVATE6
                     "170: from all to 2001:db8:5::/48 lookup main suppress_prefixlength 1\n" END6);
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN4].elements->str, ==,
                        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 169.254.0.0/16, "
                        "100.64.0.0/10");
        g_assert_cmpstr(plan->guard->sets[KS_SET_LAN6].elements->str, ==,
                        "fc00::/7, fe80::/10, 2001:db8:5::/48");
        g_assert_cmpstr(plan->guard->sets[KS_SET_VPN_NETWORK4].elements->str, ==, "100.64.7.0/24");
        g_assert_cmpuint(plan->reach.lan->len, ==, 8);
        none = ks_plan_new(host->settings, KS_LAN_MODE_NONE, host->links, NULL, NULL);
        g_assert_cmpstr(none->guard->sets[KS_SET_LAN4].elements->str, ==, "");
        g_assert_cmpuint(none->reach.lan->len, ==, 0);
        all = ks_plan_new(host->settings, KS_LAN_MODE_ALL, host->links, NULL, NULL);
        g_assert_cmpstr(all->guard->sets[KS_SET_LAN6].elements->str, ==,
                        "fc00::/7, fe80::/10, 2001:db8:5::/48");
}

static void test_lan_dns(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL;

        host->settings->lan_dns = TRUE;
        plan = host_plan(host);
        assert_rules(plan, AF_INET, DHCP4 PRIVATE4 END4);
        assert_rules(plan, AF_INET6, PRIVATE6 END6);
}

static void test_block_with(void)
{
        static const char *const words[] = { [KS_BLOCK_UNREACHABLE] = "unreachable",
                                             [KS_BLOCK_BLACKHOLE] = "blackhole",
                                             [KS_BLOCK_PROHIBIT] = "prohibit" };

        for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
                g_autoptr(Host) host = plain_host();
                g_autoptr(KsPlan) plan = NULL;
                KsVpn *vpn = host_add_vpn(host, "a", "tun0");
                g_autofree char *rules = g_strdup_printf(
                        "100: from all fwmark 0x1 iif lo ipproto udp lookup main\n"
                        "131: from all fwmark 0x1 iif lo ipproto udp %s\n" DNS PRIVATE6
                        "190: from all lookup 83\n191: from all %s\n",
                        words[i], words[i]);
                g_autofree char *routes = g_strdup_printf("%s default table 83 metric 4294967295\n",
                                                          words[i]);

                vpn_add_mark(vpn, IPPROTO_UDP, 1);
                host->settings->block_with = (KsBlockWith)i;
                plan = host_plan(host);
                assert_rules(plan, AF_INET6, rules);
                assert_routes(plan, AF_INET, routes);
                assert_routes(plan, AF_INET6, routes);
        }
}

static void test_table_and_priority(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL;

        host->settings->table = 4000;
        host->settings->priority = 32665;
        host->settings->lan = KS_LAN_MODE_ALL;
        plan = host_plan(host);
        assert_rules(
                plan, AF_INET,
                "32695: from all iif lo uidrange 0-999 ipproto udp sport 68 dport 67 lookup main\n"
                "32706: from all ipproto udp dport 53 lookup 4000\n"
                "32707: from all ipproto tcp dport 53 lookup 4000\n"
                "32708: from all ipproto udp dport 853 lookup 4000\n"
                "32709: from all ipproto tcp dport 853 lookup 4000\n"
                "32744: from all lookup main suppress_prefixlength 1\n"
                "32755: from all lookup 4000\n" FLOOR4("32756"));
        assert_routes(plan, AF_INET6, "unreachable default table 4000 metric 4294967295\n");
}

/* Networks of the host's own guests; of that link alone, and once each. */
static void test_host_interfaces(void)
{
        g_autoptr(Host) host = plain_host();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *bridge = host_add_link(host, 7, "br0", "bridge", ARPHRD_ETHER);
        KsLink *down = host_add_link(host, 8, "br1", "bridge", ARPHRD_ETHER);

        link_add_address(bridge, "172.17.0.1/16");
        link_add_address(bridge, "172.17.0.2/16");
        link_add_address(bridge, "198.51.100.1/28");
        link_add_address(bridge, "fd17::1/64");
        link_add_peer_address(bridge, "10.0.0.1", "0.0.0.0/0");
        link_add_address(down, "172.18.0.1/16");
        down->flags = 0;
        g_ptr_array_add(host->settings->host_interfaces, g_strdup("br0"));
        g_ptr_array_add(host->settings->host_interfaces, g_strdup("br1"));
        g_ptr_array_add(host->settings->host_interfaces, g_strdup("absent0"));
        plan = host_plan(host);
        assert_rules(plan, AF_INET,
                     DHCP4 "135: from all to 172.17.0.0/16 lookup main suppress_prefixlength 1\n"
                           "135: from all to 198.51.100.0/28 lookup main "
                           "suppress_prefixlength 1\n"
                           "135: from all to 172.18.0.0/16 lookup main suppress_prefixlength "
                           "1\n" DNS PRIVATE4 END4);
        assert_rules(plan, AF_INET6,
                     "135: from all to fd17::/64 lookup main suppress_prefixlength 1\n" DNS PRIVATE6
                             END6);
        assert_sets(plan, "host_link: 7, 8\n");
}

static void test_private_ranges(void)
{
        static const int families[] = { AF_INET, AF_INET6 };

        for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
                guint count;
                const char *const *ranges = ks_private_ranges(families[f], &count);

                g_assert_cmpuint(count, >, 0);
                g_assert_cmpuint(KS_OFFSET_LAN + count, <=, KS_OFFSET_ALL);
                for (guint i = 0; i < count; i++)
                        g_assert_cmpint(prefix(ranges[i]).family, ==, families[f]);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/plan/private", test_private);
        g_test_add_func("/plan/none", test_none);
        g_test_add_func("/plan/all", test_all);
        g_test_add_func("/plan/all-without-halves", test_all_without_halves);
        g_test_add_func("/plan/lan-in-force", test_lan_in_force);
        g_test_add_func("/plan/lan-prefixes", test_lan_prefixes);
        g_test_add_func("/plan/lan-dns", test_lan_dns);
        g_test_add_func("/plan/block-with", test_block_with);
        g_test_add_func("/plan/table-and-priority", test_table_and_priority);
        g_test_add_func("/plan/host-interfaces", test_host_interfaces);
        g_test_add_func("/plan/private-ranges", test_private_ranges);

        return g_test_run();
}
