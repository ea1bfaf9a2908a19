/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What VPNs add to the plan: transport, networks, routes, and the guard's elements. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "tests/unit/host.h"

#define BLOCK "unreachable default table 83 metric 4294967295\n"

/* Rules up to the DNS ones, which are the same for all: transport and networks. */
static void assert_first_rules(const KsPlan *plan, int family, const char *expected)
{
        g_autofree char *text = plan_rules_text(plan, family);
        char *end = strstr(text, "141: ");

        g_assert_nonnull(end);
        *end = '\0';
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

static const KsPlanVpn *entry(const KsPlan *plan, guint i)
{
        g_assert_cmpuint(i, <, plan->vpns->len);
        return g_ptr_array_index(plan->vpns, i);
}

#define DHCP4 "130: from all iif lo uidrange 0-999 ipproto udp sport 68 dport 67 lookup main\n"

/* Every part of a selector stands in its rule, and in the floor beneath it. */
static void test_selectors(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsSelector *selector;

        vpn_add_mark(vpn, IPPROTO_UDP, 0xca6c);
        selector = vpn_add_mark(vpn, IPPROTO_TCP, 0xffffffff);
        selector->remote = prefix("198.51.100.10");
        selector->remote_port = 443;
        selector = vpn_add_user(vpn, IPPROTO_UDP, 0);
        selector->source_first = 500;
        selector->source_last = 4500;
        selector = vpn_add_user(vpn, IPPROTO_ESP, 1000);
        selector->remote = prefix("2001:db8::10");
        plan = host_plan(host);
        assert_first_rules(
                plan, AF_INET,
                "100: from all fwmark 0xca6c iif lo ipproto udp lookup main\n"
                "100: from all to 198.51.100.10 fwmark 0xffffffff iif lo ipproto tcp dport 443 "
                "lookup main\n"
                "100: from all iif lo uidrange 0-0 ipproto udp sport 500-4500 lookup main\n"
                "131: from all fwmark 0xca6c iif lo ipproto udp unreachable\n"
                "131: from all to 198.51.100.10 fwmark 0xffffffff iif lo ipproto tcp dport 443 "
                "unreachable\n"
                "131: from all iif lo uidrange 0-0 ipproto udp sport 500-4500 unreachable\n"
                "132: from all to 198.51.100.10 fwmark 0xffffffff iif lo ipproto tcp lookup main\n"
                "132: from all fwmark 0x6b730083 iif lo ipproto udp lookup main\n" DHCP4);
        assert_first_rules(
                plan, AF_INET6,
                "100: from all fwmark 0xca6c iif lo ipproto udp lookup main\n"
                "100: from all iif lo uidrange 0-0 ipproto udp sport 500-4500 lookup main\n"
                "100: from all to 2001:db8::10 iif lo uidrange 1000-1000 ipproto esp lookup main\n"
                "131: from all fwmark 0xca6c iif lo ipproto udp unreachable\n"
                "131: from all iif lo uidrange 0-0 ipproto udp sport 500-4500 unreachable\n"
                "131: from all to 2001:db8::10 iif lo uidrange 1000-1000 ipproto esp unreachable\n"
                "132: from all fwmark 0x6b730083 iif lo ipproto udp lookup main\n"
                "132: from all to 2001:db8::10 fwmark 0x6b730083 iif lo ipproto esp lookup main\n");
        assert_sets(plan, "transport_mark: 0x0000ca6c, 0xffffffff, 0x6b730083\n");
        g_assert_cmpstr(entry(plan, 0)->transport, ==,
                        "mark 0xca6c, udp; mark 0xffffffff, tcp, to 198.51.100.10 port 443; uid 0, "
                        "udp, from ports 500-4500; uid 1000, esp, to 2001:db8::10");
}

/* A mark that is known needs no second one, and root's answers none: they are looked up as root's
 * anyway. */
static void test_replies(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");

        vpn_add_user(vpn, IPPROTO_UDP, 7)->has_mark = 1;
        vpn_add_user(vpn, IPPROTO_UDP, 0)->remote = prefix("192.0.2.9");
        vpn_add_user(vpn, IPPROTO_TCP, 7)->remote = prefix("192.0.2.1");
        vpn_add_user(vpn, IPPROTO_TCP, 7)->remote = prefix("192.0.2.2");
        vpn = host_add_vpn(host, "b", "tun1");
        vpn_add_user(vpn, IPPROTO_TCP, 8);
        plan = host_plan(host);
        g_assert_nonnull(strstr(plan->guard->sets[KS_SET_MARK].elements->str, "0x6b730083"));
        for (guint i = 0, found = 0; i < plan->rules->len; i++) {
                const KsRule *rule = &g_array_index(plan->rules, KsRule, i);

                if (rule->priority != 132)
                        continue;
                g_assert_cmpuint(rule->mark, ==, 0x6b730083);
                g_assert_cmpuint(rule->ipproto, ==, IPPROTO_TCP);
                g_assert_cmpuint(++found, <=, 2); /* one a family */
        }
}

/* Who asks for the way to a server is told: root, and the VPN's user. */
static void test_servers(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autoptr(GString) text = g_string_new(NULL);
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");

        vpn_add_user(vpn, IPPROTO_UDP, 7)->remote = prefix("2001:db8::9");
        vpn_add_user(vpn, IPPROTO_TCP, 7)->remote = prefix("2001:db8::9");
        vpn = host_add_vpn(host, "b", "tun1");
        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        plan = host_plan(host);
        for (guint i = 0; i < plan->rules->len; i++) {
                const KsRule *rule = &g_array_index(plan->rules, KsRule, i);
                g_autofree char *line = ks_rule_to_string(rule);

                if (rule->priority >= 180 && rule->priority <= 182)
                        g_string_append_printf(text, "%s\n", line);
        }
        g_assert_cmpstr(text->str, ==,
                        "180: from all ipproto 58 lookup 83 (IPv6)\n"
                        "180: from all ipproto tcp lookup 83 (IPv6)\n"
                        "180: from all ipproto udp dport 1-65534 lookup 83 (IPv6)\n"
                        "180: from all ipproto 47 lookup 83 (IPv6)\n"
                        "180: from all ipproto esp lookup 83 (IPv6)\n"
                        "180: from all ipproto 132 lookup 83 (IPv6)\n"
                        "181: from all ipproto 58 unreachable (IPv6)\n"
                        "181: from all ipproto tcp unreachable (IPv6)\n"
                        "181: from all ipproto udp dport 1-65534 unreachable (IPv6)\n"
                        "181: from all ipproto 47 unreachable (IPv6)\n"
                        "181: from all ipproto esp unreachable (IPv6)\n"
                        "181: from all ipproto 132 unreachable (IPv6)\n"
                        "182: from all to 2001:db8::9 iif lo uidrange 0-0 lookup main (IPv6)\n"
                        "182: from all to 2001:db8::9 iif lo uidrange 7-7 lookup main (IPv6)\n");
}

/* A profile that is up: its routes, its addresses, its networks. */
static void test_up(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsLink *link = host_add_tun(host, 5, "tun0");
        KsPrefix own = prefix("10.99.0.0/16");

        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        ks_prefix_array_add(vpn->prefixes, &own);
        link_add_address(link, "10.8.0.2/24");
        link_add_address(link, "198.51.100.9/30");
        link_add_address(link, "fd08::2/64");
        link_add_address(link, "fe80::8/64");
        plan = host_plan(host);
        assert_first_rules(plan, AF_INET,
                           "100: from all fwmark 0x1 iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0x1 iif lo ipproto udp unreachable\n" DHCP4
                           "140: from all to 10.99.0.0/16 lookup 83\n"
                           "140: from all to 10.8.0.0/24 lookup 83\n");
        assert_first_rules(plan, AF_INET6,
                           "100: from all fwmark 0x1 iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0x1 iif lo ipproto udp unreachable\n"
                           "140: from all to fd08::/64 lookup 83\n");
        assert_routes(plan, AF_INET,
                      BLOCK "10.8.0.0/24 dev #5 table 83 metric 100\n"
                            "198.51.100.8/30 dev #5 table 83 metric 100\n"
                            "10.99.0.0/16 dev #5 table 83 metric 100\n"
                            "default dev #5 table 83 metric 100\n");
        assert_routes(plan, AF_INET6,
                      BLOCK "fd08::/64 dev #5 table 83 metric 100\n"
                            "default dev #5 table 83 metric 100\n");
        assert_sets(plan, "vpn_link: 5 . 65534\n"
                          "vpn4: 5 . 65534 . 10.8.0.2, 5 . 65534 . 198.51.100.9\n"
                          "vpn6: 5 . 65534 . fd08::2, 5 . 65534 . fe80::8\n"
                          "vpn_address4: 10.8.0.2, 198.51.100.9\n"
                          "vpn_address6: fd08::2\n"
                          "vpn_network4: 10.99.0.0/16, 10.8.0.0/24\n"
                          "vpn_network6: fd08::/64\n"
                          "transport_mark: 0x00000001\n");
        g_assert_true(plan->protecting);
        g_assert_true(entry(plan, 0)->up);
        g_assert_cmpstr(entry(plan, 0)->kind, ==, "tun");
        g_assert_cmpuint(entry(plan, 0)->addresses->len, ==, 3);
}

static void add_simple(Host *host, int index, const char *name, const char *address)
{
        vpn_add_mark(host_add_vpn(host, name, name), IPPROTO_UDP, (uint32_t)index);
        link_add_address(host_add_tun(host, index, name), address);
}

/* The order of the settings is that of the rules and metrics, whatever order the links have. */
static void test_several(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;

        add_simple(host, 9, "b", "10.2.0.2/24");
        add_simple(host, 5, "a", "10.1.0.2/24");
        ((KsVpn *)g_ptr_array_index(host->settings->vpns, 1))->metric = 7;
        add_simple(host, 6, "c", "10.3.0.2/24");
        plan = host_plan(host);
        assert_first_rules(plan, AF_INET,
                           "100: from all fwmark 0x9 iif lo ipproto udp lookup main\n"
                           "101: from all fwmark 0x5 iif lo ipproto udp lookup main\n"
                           "102: from all fwmark 0x6 iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0x9 iif lo ipproto udp unreachable\n"
                           "131: from all fwmark 0x5 iif lo ipproto udp unreachable\n"
                           "131: from all fwmark 0x6 iif lo ipproto udp unreachable\n" DHCP4
                           "140: from all to 10.2.0.0/24 lookup 83\n"
                           "140: from all to 10.1.0.0/24 lookup 83\n"
                           "140: from all to 10.3.0.0/24 lookup 83\n");
        assert_routes(plan, AF_INET,
                      BLOCK "10.2.0.0/24 dev #9 table 83 metric 100\n"
                            "default dev #9 table 83 metric 100\n"
                            "10.1.0.0/24 dev #5 table 83 metric 7\n"
                            "default dev #5 table 83 metric 7\n"
                            "10.3.0.0/24 dev #6 table 83 metric 102\n"
                            "default dev #6 table 83 metric 102\n");
        assert_routes(plan, AF_INET6, BLOCK);
}

/* Two that claim one place: the first has it, since the kernel has room for one. */
static void test_one_place(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;

        add_simple(host, 5, "a", "10.1.0.2/24");
        add_simple(host, 6, "b", "10.1.0.3/24");
        ((KsVpn *)g_ptr_array_index(host->settings->vpns, 0))->metric = 7;
        ((KsVpn *)g_ptr_array_index(host->settings->vpns, 1))->metric = 7;
        plan = host_plan(host);
        assert_routes(plan, AF_INET,
                      BLOCK "10.1.0.0/24 dev #5 table 83 metric 7\n"
                            "default dev #5 table 83 metric 7\n");
}

static void test_64(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        guint transport = 0, floors = 0;

        for (int i = 1; i <= 64; i++) {
                g_autofree char *name = g_strdup_printf("tun%d", i);
                g_autofree char *address = g_strdup_printf("10.%d.0.2/24", i);

                add_simple(host, i, name, address);
        }
        plan = host_plan(host);
        for (guint i = 0; i < plan->rules->len; i++) {
                const KsRule *rule = &g_array_index(plan->rules, KsRule, i);

                if (rule->family != AF_INET || !rule->mark_mask)
                        continue;
                if (rule->action == FR_ACT_TO_TBL) {
                        g_assert_cmpuint(rule->mark, ==, ++transport);
                        g_assert_cmpuint(rule->priority, ==, 100 + MIN(transport - 1, 29));
                } else {
                        g_assert_cmpuint(rule->mark, ==, ++floors);
                        g_assert_cmpuint(rule->priority, ==, 131);
                }
        }
        g_assert_cmpuint(transport, ==, 64);
        g_assert_cmpuint(floors, ==, 64);
        g_assert_cmpuint(plan->routes->len, ==, 2 + 64 * 2);
        g_assert_cmpuint(plan->vpns->len, ==, 64);
        g_assert_cmpuint(g_array_index(plan->routes, KsRoute, 2 + 63 * 2).metric, ==, 163);
}

/* Default=no: its networks and nothing else. */
static void test_no_default(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsVpn *vpn;

        add_simple(host, 5, "a", "10.1.0.2/24");
        vpn = g_ptr_array_index(host->settings->vpns, 0);
        vpn->default4 = vpn->default6 = FALSE;
        plan = host_plan(host);
        assert_routes(plan, AF_INET, BLOCK "10.1.0.0/24 dev #5 table 83 metric 100\n");
        g_assert_true(entry(plan, 0)->up);
        g_assert_false(plan->protecting);
}

/* No default, and no network, of a family without an address. */
static void test_one_family(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan4 = NULL, plan6 = NULL;
        KsPrefix network4 = prefix("10.9.0.0/16"), network6 = prefix("fd09::/64");
        KsVpn *vpn;

        add_simple(host, 5, "a", "10.1.0.2/24");
        vpn = g_ptr_array_index(host->settings->vpns, 0);
        ks_prefix_array_add(vpn->prefixes, &network4);
        ks_prefix_array_add(vpn->prefixes, &network6);
        plan4 = host_plan(host);
        assert_routes(plan4, AF_INET6, BLOCK);
        g_assert_true(plan4->protecting);
        g_array_set_size(((KsLink *)g_ptr_array_index(host->links, 0))->addresses, 0);
        link_add_address(g_ptr_array_index(host->links, 0), "2001:db8::2/64");
        plan6 = host_plan(host);
        assert_routes(plan6, AF_INET, BLOCK);
        assert_routes(plan6, AF_INET6,
                      BLOCK "2001:db8::/64 dev #5 table 83 metric 100\n"
                            "fd09::/64 dev #5 table 83 metric 100\n"
                            "default dev #5 table 83 metric 100\n");
        g_assert_true(plan6->protecting);
}

/* "Protecting" is said only when a default route is there to carry the traffic. */
static void test_default_of_the_other_family(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;

        add_simple(host, 5, "a", "fd01::2/64");
        ((KsVpn *)g_ptr_array_index(host->settings->vpns, 0))->default6 = FALSE;
        plan = host_plan(host);
        assert_routes(plan, AF_INET, BLOCK);
        assert_routes(plan, AF_INET6, BLOCK "fd01::/64 dev #5 table 83 metric 100\n");
        g_assert_false(plan->protecting);
}

/* A link-local address makes no VPN: nothing but the link's own talk could use it. */
static void test_link_local_only(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;

        add_simple(host, 5, "a", "fe80::5/64");
        link_add_address(g_ptr_array_index(host->links, 0), "169.254.7.7/16");
        plan = host_plan(host);
        assert_routes(plan, AF_INET, BLOCK);
        assert_routes(plan, AF_INET6, BLOCK);
        assert_sets(plan, "vpn_link: 5 . 65534\n"
                          "vpn4: 5 . 65534 . 169.254.7.7\n"
                          "vpn6: 5 . 65534 . fe80::5\n"
                          "transport_mark: 0x00000005\n");
        g_assert_false(plan->protecting);
        g_assert_false(entry(plan, 0)->up);
}

static void test_gateways(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *routes4 = NULL;
        KsVpn *vpn;

        add_simple(host, 5, "a", "10.1.0.2/24");
        link_add_address(g_ptr_array_index(host->links, 0), "fd01::2/64");
        vpn = g_ptr_array_index(host->settings->vpns, 0);
        vpn->gateway4 = prefix("10.1.0.1");
        plan = host_plan(host);
        routes4 = plan_routes_text(plan, AF_INET);
        g_assert_nonnull(strstr(routes4, "default via 10.1.0.1 dev #5 table 83 metric 100\n"));
        assert_routes(plan, AF_INET6,
                      BLOCK "fd01::/64 dev #5 table 83 metric 100\n"
                            "default dev #5 table 83 metric 100\n");
}

/* The network on the link is reached on the link, also where the VPN has a gateway; and it is
 * there before what leads over the gateway, or the kernel doesn't take that one for reachable. */
static void test_gateway_is_on_the_link(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsPrefix far = prefix("10.99.0.0/16"), near = prefix("10.1.0.0/24");
        gboolean near_seen = FALSE;
        KsVpn *vpn;

        add_simple(host, 5, "a", "10.1.0.2/24");
        vpn = g_ptr_array_index(host->settings->vpns, 0);
        vpn->gateway4 = prefix("10.1.0.1");
        ks_prefix_array_add(vpn->prefixes, &far);
        plan = host_plan(host);
        for (guint i = 0; i < plan->routes->len; i++) {
                const KsRoute *route = &g_array_index(plan->routes, KsRoute, i);

                if (route->type != RTN_UNICAST)
                        continue;
                if (ks_prefix_equal(&route->destination, &near)) {
                        g_assert_false(ks_prefix_is_set(&route->gateway));
                        near_seen = TRUE;
                } else {
                        g_assert_true(ks_prefix_equal(&route->gateway, &vpn->gateway4));
                        g_assert_true(near_seen);
                }
        }
        g_assert_true(near_seen);
}

/* A point-to-point link reaches its other end; a peer that is "everything" is no network. */
static void test_peer_addresses(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_link(host, 5, "ppp0", "ppp", ARPHRD_PPP);

        vpn_add_mark(host_add_vpn(host, "a", "ppp0"), IPPROTO_UDP, 1);
        link_add_peer_address(link, "10.1.0.2", "10.1.0.1/32");
        link_add_peer_address(link, "10.1.0.3", "0.0.0.0/0");
        plan = host_plan(host);
        assert_routes(plan, AF_INET,
                      BLOCK "10.1.0.1 dev #5 table 83 metric 100\n"
                            "default dev #5 table 83 metric 100\n");
        assert_sets(plan, "vpn_link: 5 . 512\n"
                          "vpn4: 5 . 512 . 10.1.0.2, 5 . 512 . 10.1.0.3\n"
                          "vpn_address4: 10.1.0.2, 10.1.0.3\n"
                          "vpn_network4: 10.1.0.1\n"
                          "transport_mark: 0x00000001\n");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/plan-vpns/selectors", test_selectors);
        g_test_add_func("/plan-vpns/replies", test_replies);
        g_test_add_func("/plan-vpns/servers", test_servers);
        g_test_add_func("/plan-vpns/up", test_up);
        g_test_add_func("/plan-vpns/several", test_several);
        g_test_add_func("/plan-vpns/one-place", test_one_place);
        g_test_add_func("/plan-vpns/64", test_64);
        g_test_add_func("/plan-vpns/no-default", test_no_default);
        g_test_add_func("/plan-vpns/one-family", test_one_family);
        g_test_add_func("/plan-vpns/default-of-the-other-family", test_default_of_the_other_family);
        g_test_add_func("/plan-vpns/link-local-only", test_link_local_only);
        g_test_add_func("/plan-vpns/gateways", test_gateways);
        g_test_add_func("/plan-vpns/gateway-is-on-the-link", test_gateway_is_on_the_link);
        g_test_add_func("/plan-vpns/peer-addresses", test_peer_addresses);

        return g_test_run();
}
