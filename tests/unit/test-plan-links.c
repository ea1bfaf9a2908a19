/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which links are VPNs, and what is made of kernel WireGuard without a section. */

#include <string.h>

#include "tests/unit/host.h"

#define BLOCK "unreachable default table 83 metric 4294967295\n"
#define DHCP4 "130: from all iif lo uidrange 0-999 ipproto udp sport 68 dport 67 lookup main\n"

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

/* Nothing goes through, the transport stays open, and what belongs to the VPN stays claimed. */
static void assert_down(Host *host, guint problems)
{
        g_autoptr(KsPlan) plan = host_plan(host);
        const KsPlanVpn *entry = g_ptr_array_index(plan->vpns, 0);

        assert_first_rules(plan, AF_INET,
                           "100: from all fwmark 0x1 iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0x1 iif lo ipproto udp unreachable\n" DHCP4
                           "140: from all to 10.99.0.0/16 lookup 83\n");
        assert_routes(plan, AF_INET, BLOCK);
        assert_routes(plan, AF_INET6, BLOCK);
        assert_sets(plan, "vpn_network4: 10.99.0.0/16\ntransport_mark: 0x00000001\n");
        g_assert_false(entry->up);
        g_assert_false(plan->protecting);
        g_assert_cmpuint(entry->addresses->len, ==, 0);
        g_assert_cmpuint(plan->problems->len, ==, problems);
}

static Host *host_with_profile(const char *kind)
{
        Host *host = host_new();
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsPrefix own = prefix("10.99.0.0/16");

        vpn->kind = g_strdup(kind);
        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        ks_prefix_array_add(vpn->prefixes, &own);
        return host;
}

static KsLink *add_tun0(Host *host, const char *kind, uint16_t type)
{
        KsLink *link = host_add_link(host, 5, "tun0", kind, type);

        link_add_address(link, "10.99.0.2/16");
        return link;
}

static void test_absent(void)
{
        g_autoptr(Host) host = host_with_profile(NULL);

        assert_down(host, 0);
        link_add_address(host_add_tun(host, 6, "tun00"), "10.99.0.2/16");
        link_add_address(host_add_tun(host, 7, "TUN0"), "10.99.0.2/16");
        assert_down(host, 0);
}

static void test_down(void)
{
        /* 1 << 16 is IFF_LOWER_UP, which <net/if.h> lacks. */
        static const unsigned flags[] = { 0, IFF_UP, IFF_RUNNING, IFF_UP | 1 << 16 };

        for (guint i = 0; i < G_N_ELEMENTS(flags); i++) {
                g_autoptr(Host) host = host_with_profile(NULL);

                add_tun0(host, "tun", ARPHRD_NONE)->flags = flags[i];
                assert_down(host, 0);
        }
}

/* T18: a link that has only the name. */
static void test_wrong_kind(void)
{
        static const struct {
                const char *wanted, *kind;
                uint16_t type;
        } cases[] = {
                { NULL, "", ARPHRD_ETHER },     { NULL, "veth", ARPHRD_ETHER },
                { NULL, "", ARPHRD_NONE },      { NULL, "", ARPHRD_PPP },
                { NULL, "tun", ARPHRD_ETHER },  { NULL, "dummy", ARPHRD_ETHER },
                { NULL, "x", ARPHRD_LOOPBACK }, { "tun", "veth", ARPHRD_ETHER },
                { "tun", "", ARPHRD_NONE },     { "wireguard", "tun", ARPHRD_NONE },
                { "tun", "tunx", ARPHRD_NONE }, { "tun", "TUN", ARPHRD_NONE },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Host) host = host_with_profile(cases[i].wanted);
                g_autoptr(KsPlan) plan = NULL;

                g_test_message("case %u", i);
                add_tun0(host, cases[i].kind, cases[i].type);
                assert_down(host, 1);
                plan = host_plan(host);
                g_assert_nonnull(strstr(g_ptr_array_index(plan->problems, 0), "tun0"));
        }
}

static void test_right_kind(void)
{
        static const struct {
                const char *wanted, *kind;
                uint16_t type;
        } cases[] = {
                { NULL, "tun", ARPHRD_NONE },
                { NULL, "wireguard", ARPHRD_NONE },
                { NULL, "ppp", ARPHRD_PPP },
                { NULL, "xfrm", ARPHRD_NONE },
                { NULL, "gre", 778 },
                { "tun", "tun", ARPHRD_NONE },
                { "wireguard", "wireguard", ARPHRD_NONE },
                /* Whoever names the kind may have an Ethernet-like one: OpenVPN's tap. */
                { "tun", "tun", ARPHRD_ETHER },
                { "veth", "veth", ARPHRD_ETHER },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Host) host = host_with_profile(cases[i].wanted);
                g_autoptr(KsPlan) plan = NULL;

                g_test_message("case %u", i);
                add_tun0(host, cases[i].kind, cases[i].type);
                plan = host_plan(host);
                g_assert_true(plan->protecting);
                g_assert_cmpuint(plan->problems->len, ==, 0);
                assert_routes(plan, AF_INET,
                              BLOCK "10.99.0.0/16 dev #5 table 83 metric 100\n"
                                    "default dev #5 table 83 metric 100\n");
        }
}

/* A new index of the old name moves routes and elements, and no rule. */
static void test_new_index(void)
{
        g_autoptr(Host) host = host_with_profile(NULL);
        g_autoptr(KsPlan) before = NULL, after = NULL;
        g_autofree char *rules_before = NULL, *rules_after = NULL;
        KsLink *link = add_tun0(host, "tun", ARPHRD_NONE);

        before = host_plan(host);
        link->index = 4711;
        after = host_plan(host);
        rules_before = plan_rules_text(before, AF_INET);
        rules_after = plan_rules_text(after, AF_INET);
        g_assert_cmpstr(rules_before, ==, rules_after);
        g_assert_cmpstr(before->guard->chains->str, ==, after->guard->chains->str);
        assert_routes(after, AF_INET,
                      BLOCK "10.99.0.0/16 dev #4711 table 83 metric 100\n"
                            "default dev #4711 table 83 metric 100\n");
        assert_sets(after, "vpn_link: 4711 . 65534\nvpn4: 4711 . 65534 . 10.99.0.2\n"
                           "vpn_address4: 10.99.0.2\nvpn_network4: 10.99.0.0/16\n"
                           "transport_mark: 0x00000001\n");
}

/* What a VPN had is still its own when nothing of it is left: no LAN gets it. */
static void test_kept(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(GArray) kept = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        const KsPrefix networks[] = { prefix("10.8.0.0/24"), prefix("fd08::/64"),
                                      prefix("198.51.100.0/24"), prefix("10.8.0.0/24") };
        g_autoptr(KsPlan) plan = NULL, all = NULL;

        g_array_append_vals(kept, networks, G_N_ELEMENTS(networks));
        plan = ks_plan_new(host->settings, KS_LAN_MODE_PRIVATE, host->links, NULL, kept);
        assert_first_rules(plan, AF_INET, DHCP4 "140: from all to 10.8.0.0/24 lookup 83\n");
        assert_first_rules(plan, AF_INET6, "140: from all to fd08::/64 lookup 83\n");
        assert_routes(plan, AF_INET, BLOCK);
        assert_sets(plan, "vpn_network4: 10.8.0.0/24\nvpn_network6: fd08::/64\n");
        g_assert_cmpuint(plan->claims->len, ==, 2);
        all = ks_plan_new(host->settings, KS_LAN_MODE_ALL, host->links, NULL, kept);
        assert_sets(all, "vpn_network4: 10.8.0.0/24, 198.51.100.0/24\n"
                         "vpn_network6: fd08::/64\n");
}

/* Kernel WireGuard */

static void test_by_mark(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_wireguard(host, 5, "wg0", 0xca6c, 51820);

        link_add_peer(link, "198.51.100.10", 51820, "0.0.0.0/0 ::/0");
        link_add_address(link, "10.8.0.2/32");
        plan = host_plan(host);
        assert_first_rules(plan, AF_INET,
                           "100: from all fwmark 0xca6c iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0xca6c iif lo ipproto udp unreachable\n" DHCP4
                           "140: from all to 10.8.0.2 lookup 83\n");
        assert_routes(plan, AF_INET,
                      BLOCK "10.8.0.2 dev #5 table 83 metric 100\n"
                            "default dev #5 table 83 metric 100\n");
        assert_routes(plan, AF_INET6, BLOCK);
        assert_sets(plan, "vpn_link: 5 . 65534\nvpn4: 5 . 65534 . 10.8.0.2\n"
                          "vpn_address4: 10.8.0.2\nvpn_network4: 10.8.0.2\n"
                          "wg_mark: 0x0000ca6c\ntransport_mark: 0x0000ca6c\n");
        g_assert_true(plan->protecting);
        g_assert_cmpuint(plan->problems->len, ==, 0);
}

/* Without a mark: port and endpoint together, and only of the endpoint's family. */
static void test_by_port(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_wireguard(host, 5, "wg0", 0, 40000);

        link_add_peer(link, "198.51.100.10", 51820, "0.0.0.0/0");
        link_add_peer(link, "2001:db8::10", 51821, "::/0");
        link_add_peer(link, NULL, 0, "10.9.0.0/16");
        link_add_address(link, "10.8.0.2/32");
        plan = host_plan(host);
        assert_first_rules(
                plan, AF_INET,
                "100: from all to 198.51.100.10 iif lo uidrange 0-0 ipproto udp sport 40000 dport "
                "51820 lookup main\n"
                "131: from all to 198.51.100.10 iif lo uidrange 0-0 ipproto udp sport 40000 dport "
                "51820 unreachable\n"
                "132: from all to 198.51.100.10 fwmark 0x6b730083 iif lo ipproto udp lookup "
                "main\n" DHCP4 "140: from all to 10.9.0.0/16 lookup 83\n"
                "140: from all to 10.8.0.2 lookup 83\n");
        assert_first_rules(
                plan, AF_INET6,
                "100: from all to 2001:db8::10 iif lo uidrange 0-0 ipproto udp sport 40000 dport "
                "51821 lookup main\n"
                "131: from all to 2001:db8::10 iif lo uidrange 0-0 ipproto udp sport 40000 dport "
                "51821 unreachable\n"
                "132: from all to 2001:db8::10 fwmark 0x6b730083 iif lo ipproto udp lookup main\n");
        assert_sets(plan, "vpn_link: 5 . 65534\nvpn4: 5 . 65534 . 10.8.0.2\n"
                          "vpn_address4: 10.8.0.2\nvpn_network4: 10.9.0.0/16, 10.8.0.2\n"
                          "wg_port4: 40000 . 198.51.100.10 . 51820\n"
                          "wg_port6: 40000 . 2001:db8::10 . 51821\n"
                          "transport_mark: 0x6b730083\n");
}

/* T5: a port counts only while WireGuard holds it. */
static void test_port_of_a_link_that_is_down(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_wireguard(host, 5, "wg0", 0, 40000);

        link_add_peer(link, "198.51.100.10", 51820, "0.0.0.0/0");
        link_add_address(link, "10.8.0.2/32");
        link->flags = 0;
        plan = host_plan(host);
        assert_first_rules(plan, AF_INET, DHCP4);
        assert_sets(plan, "");
        g_assert_cmpuint(plan->problems->len, ==, 0);
}

/* A link that was just made has port 0: that must not become a rule for any port. */
static void test_nothing_to_go_by(void)
{
        static const struct {
                uint16_t port;
                const char *remote;
        } cases[] = { { 0, "198.51.100.10" }, { 40000, NULL }, { 0, NULL } };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Host) host = host_new();
                g_autoptr(KsPlan) plan = NULL;
                KsLink *link = host_add_wireguard(host, 5, "wg0", 0, cases[i].port);

                link_add_peer(link, cases[i].remote, 51820, "0.0.0.0/0");
                link_add_address(link, "10.8.0.2/32");
                plan = host_plan(host);
                g_assert_null(strstr(plan->guard->sets[KS_SET_WG_PORT4].elements->str, "."));
                assert_first_rules(plan, AF_INET, DHCP4 "140: from all to 10.8.0.2 lookup 83\n");
                g_assert_cmpuint(plan->problems->len, ==, 1);
        }
}

static void test_allowed(void)
{
        static const struct {
                const char *allowed;
                gboolean default4, default6;
                const char *routes4, *routes6;
        } cases[] = {
                { "0.0.0.0/0 ::/0", TRUE, TRUE, "", "" },
                { "0.0.0.0/0", TRUE, FALSE, "", "" },
                { "::/0", FALSE, TRUE, "", "" },
                { "0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1", TRUE, TRUE, "", "" },
                { "0.0.0.0/1", FALSE, FALSE, "0.0.0.0/1", "" },
                { "10.0.0.0/8 fd00::/8", FALSE, FALSE, "10.0.0.0/8", "fd00::/8" },
                { "192.0.2.0/24 0.0.0.0/0", TRUE, FALSE, "192.0.2.0/24", "" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(Host) host = host_new();
                g_autoptr(KsPlan) plan = NULL;
                g_autofree char *routes4 = NULL, *routes6 = NULL;
                KsLink *link = host_add_wireguard(host, 5, "wg0", 1, 51820);

                g_test_message("%s", cases[i].allowed);
                link_add_peer(link, "198.51.100.10", 51820, cases[i].allowed);
                link_add_address(link, "198.18.0.2/32");
                link_add_address(link, "2001:db8::2/128");
                plan = host_plan(host);
                routes4 = plan_routes_text(plan, AF_INET);
                routes6 = plan_routes_text(plan, AF_INET6);
                g_assert_cmpint(strstr(routes4, "\ndefault ") != NULL, ==, cases[i].default4);
                g_assert_cmpint(strstr(routes6, "\ndefault ") != NULL, ==, cases[i].default6);
                g_assert_nonnull(strstr(routes4, cases[i].routes4));
                g_assert_nonnull(strstr(routes6, cases[i].routes6));
                g_assert_cmpint(plan->protecting, ==, cases[i].default4 || cases[i].default6);
        }
}

static void test_auto_off(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_wireguard(host, 5, "wg0", 1, 51820);

        link_add_peer(link, "198.51.100.10", 51820, "0.0.0.0/0");
        link_add_address(link, "10.8.0.2/32");
        host->settings->auto_wireguard = FALSE;
        plan = host_plan(host);
        g_assert_cmpuint(plan->vpns->len, ==, 0);
        assert_first_rules(plan, AF_INET, DHCP4);
        assert_routes(plan, AF_INET, BLOCK);
        assert_sets(plan, "");
}

/* A section about a WireGuard link replaces what is found by itself: once, not beside it. */
static void test_section_instead(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_wireguard(host, 5, "wg0", 0xca6c, 51820);
        KsVpn *vpn = host_add_vpn(host, "mine", "wg0");

        link_add_peer(link, "198.51.100.10", 51820, "10.9.0.0/16");
        link_add_address(link, "10.8.0.2/32");
        vpn_add_mark(vpn, IPPROTO_UDP, 7);
        plan = host_plan(host);
        g_assert_cmpuint(plan->vpns->len, ==, 1);
        assert_first_rules(plan, AF_INET,
                           "100: from all fwmark 0x7 iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0x7 iif lo ipproto udp unreachable\n" DHCP4
                           "140: from all to 10.8.0.2 lookup 83\n");
        assert_sets(plan, "vpn_link: 5 . 65534\nvpn4: 5 . 65534 . 10.8.0.2\n"
                          "vpn_address4: 10.8.0.2\nvpn_network4: 10.8.0.2\n"
                          "transport_mark: 0x00000007\n");
}

/* A section that names no selector takes WireGuard's, and the default from its own key. */
static void test_section_with_selectors_of_the_link(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsLink *link = host_add_wireguard(host, 5, "wg0", 0xca6c, 51820);
        KsVpn *vpn = host_add_vpn(host, "mine", "wg0");

        link_add_peer(link, "198.51.100.10", 51820, "10.9.0.0/16");
        link_add_address(link, "10.8.0.2/32");
        vpn->kind = g_strdup("wireguard");
        plan = host_plan(host);
        g_assert_cmpuint(plan->vpns->len, ==, 1);
        assert_first_rules(plan, AF_INET,
                           "100: from all fwmark 0xca6c iif lo ipproto udp lookup main\n"
                           "131: from all fwmark 0xca6c iif lo ipproto udp unreachable\n" DHCP4
                           "140: from all to 10.8.0.2 lookup 83\n");
        assert_sets(plan, "vpn_link: 5 . 65534\nvpn4: 5 . 65534 . 10.8.0.2\n"
                          "vpn_address4: 10.8.0.2\nvpn_network4: 10.8.0.2\n"
                          "wg_mark: 0x0000ca6c\ntransport_mark: 0x0000ca6c\n");
        g_assert_true(plan->protecting);
        /* The settings are as they were. */
        g_assert_cmpuint(vpn->selectors->len, ==, 0);
}

static void test_many_links(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;

        for (int i = 1; i <= 64; i++) {
                g_autofree char *name = g_strdup_printf("wg%d", i);
                KsLink *link = host_add_wireguard(host, i, name, i % 2 ? 0xca6c : 0,
                                                  (uint16_t)(50000 + i));

                link_add_peer(link, "198.51.100.10", 51820, "0.0.0.0/0");
                link_add_address(link, "10.8.0.2/32");
        }
        plan = host_plan(host);
        g_assert_cmpuint(plan->vpns->len, ==, 64);
        g_assert_cmpstr(plan->guard->sets[KS_SET_WG_MARK].elements->str, ==, "0x0000ca6c");
        /* Those that are known by their port have the mark of ours on their connections. */
        g_assert_cmpstr(plan->guard->sets[KS_SET_MARK].elements->str, ==, "0x0000ca6c, 0x6b730083");
}

/* A name that could mean something elsewhere is refused, and said so. */
static void test_names(void)
{
        static const char *const names[] = { "wg0\"; flush", "wg 0", "wg0\n", "wg;0", "\xc3\xa9" };

        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(Host) host = host_new();
                g_autoptr(KsPlan) plan = NULL;
                KsLink *link = host_add_wireguard(host, 5, names[i], 1, 51820);

                link_add_peer(link, "198.51.100.10", 51820, "0.0.0.0/0");
                link_add_address(link, "10.8.0.2/32");
                plan = host_plan(host);
                assert_sets(plan, "");
                assert_routes(plan, AF_INET, BLOCK);
                g_assert_cmpuint(plan->problems->len, ==, 1);
                g_assert_true(g_utf8_validate(g_ptr_array_index(plan->problems, 0), -1, NULL));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/plan-links/absent", test_absent);
        g_test_add_func("/plan-links/down", test_down);
        g_test_add_func("/plan-links/wrong-kind", test_wrong_kind);
        g_test_add_func("/plan-links/right-kind", test_right_kind);
        g_test_add_func("/plan-links/new-index", test_new_index);
        g_test_add_func("/plan-links/kept", test_kept);
        g_test_add_func("/plan-links/by-mark", test_by_mark);
        g_test_add_func("/plan-links/by-port", test_by_port);
        g_test_add_func("/plan-links/port-of-a-link-that-is-down",
                        test_port_of_a_link_that_is_down);
        g_test_add_func("/plan-links/nothing-to-go-by", test_nothing_to_go_by);
        g_test_add_func("/plan-links/allowed", test_allowed);
        g_test_add_func("/plan-links/auto-off", test_auto_off);
        g_test_add_func("/plan-links/section-instead", test_section_instead);
        g_test_add_func("/plan-links/section-with-selectors-of-the-link",
                        test_section_with_selectors_of_the_link);
        g_test_add_func("/plan-links/many-links", test_many_links);
        g_test_add_func("/plan-links/names", test_names);

        return g_test_run();
}
