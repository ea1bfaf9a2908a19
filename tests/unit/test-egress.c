/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard's egress table: which links it is hooked to, and that it says what the other one says.
 */

#include <string.h>

#include "tests/unit/host.h"

static Host *host_with_egress(void)
{
        Host *host = host_new();

        host->settings->egress_guard = TRUE;
        /* Bridges are uplinks here unless a test says otherwise. */
        host->settings->host_auto = FALSE;
        return host;
}

/* Whether the chain is hooked to the link; fails when it is, but in another way. */
static gboolean is_hooked(const KsPlan *plan, int index, const char *name, const char *chain)
{
        g_autofree char *expected = g_strdup_printf(
                "\tchain uplink_%d {\n"
                "\t\ttype filter hook egress device \"%s\" priority 0; policy drop;\n"
                "\t\tgoto %s\n\t}\n",
                index, name, chain);
        g_autofree char *head = g_strdup_printf("chain uplink_%d {", index);
        gboolean hooked = strstr(plan->guard->hooks->str, expected) != NULL;

        g_assert_cmpint(strstr(plan->guard->hooks->str, head) != NULL, ==, hooked);
        return hooked;
}

static void test_not_asked_for(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *text = NULL;

        host_add_card(host, 2, "eth0");
        plan = host_plan(host);
        g_assert_false(ks_guard_has_egress(plan->guard));
        g_assert_cmpstr(plan->guard->hooks->str, ==, "");
        /* Then a table that is there goes. */
        text = ks_guard_replace_text(plan->guard, KS_GUARD_INET | KS_GUARD_EGRESS, 0, 0);
        g_assert_nonnull(strstr(text, "delete table netdev killswitch\n"));
        g_assert_null(strstr(text, "\ntable netdev"));
}

static void test_uplinks(void)
{
        static const struct {
                const char *name, *kind;
                uint16_t type;
                const char *chain; /* NULL: not hooked */
        } links[] = {
                { "lo", "", ARPHRD_LOOPBACK, NULL },
                { "eth0", "", ARPHRD_ETHER, "frame" },
                { "usb0", "", ARPHRD_ETHER, "frame" },
                { "br0", "bridge", ARPHRD_ETHER, "frame" },
                { "eth0.5", "vlan", ARPHRD_ETHER, "frame" },
                { "tap0", "tun", ARPHRD_ETHER, "frame" },
                { "ppp0", "ppp", ARPHRD_PPP, "bare" },
                { "wwan0", "", ARPHRD_RAWIP, "bare" },
                { "tun9", "tun", ARPHRD_NONE, "bare" },
                { "sit1", "sit", ARPHRD_SIT, "bare" },
                { "dummy0", "dummy", ARPHRD_ETHER, NULL },
                { "ifb0", "ifb", ARPHRD_ETHER, NULL },
                { "vrf0", "vrf", ARPHRD_ETHER, NULL },
        };
        g_autoptr(Host) host = host_with_egress();
        g_autoptr(KsPlan) plan = NULL;

        for (guint i = 0; i < G_N_ELEMENTS(links); i++)
                host_add_link(host, 100 + (int)i, links[i].name, links[i].kind, links[i].type);
        /* A link that is down may come up at any time. */
        ((KsLink *)g_ptr_array_index(host->links, 2))->flags = 0;
        plan = host_plan(host);
        for (guint i = 0; i < G_N_ELEMENTS(links); i++) {
                const char *chain = links[i].chain ? links[i].chain : "frame";

                g_test_message("%s", links[i].name);
                g_assert_cmpint(is_hooked(plan, 100 + (int)i, links[i].name, chain), ==,
                                links[i].chain != NULL);
        }
        g_assert_cmpuint(plan->problems->len, ==, 0);
}

/* A VPN's link is none, up or down; one that only has its name is. */
static void test_vpns(void)
{
        for (int up = 0; up <= 1; up++) {
                g_autoptr(Host) host = host_with_egress();
                g_autoptr(KsPlan) plan = NULL;
                KsLink *links[3];

                vpn_add_mark(host_add_vpn(host, "a", "tun0"), IPPROTO_UDP, 1);
                vpn_add_mark(host_add_vpn(host, "b", "tun1"), IPPROTO_UDP, 2);
                links[0] = host_add_tun(host, 3, "tun0");
                links[1] = host_add_wireguard(host, 4, "wg0", 1, 51820);
                links[2] = host_add_card(host, 5, "tun1");
                for (int i = 0; i < 3; i++)
                        links[i]->flags = up ? IFF_UP | IFF_RUNNING : 0;
                plan = host_plan(host);
                g_assert_false(is_hooked(plan, 3, "tun0", "bare"));
                g_assert_false(is_hooked(plan, 4, "wg0", "bare"));
                g_assert_true(is_hooked(plan, 5, "tun1", "frame"));
        }
}

static void test_host_links(void)
{
        g_autoptr(Host) host = host_with_egress();
        g_autoptr(KsPlan) plan = NULL;

        g_ptr_array_add(host->settings->host_interfaces, g_strdup("br0"));
        host_add_link(host, 3, "br0", "bridge", ARPHRD_ETHER);
        host_add_link(host, 4, "veth4", "veth", ARPHRD_ETHER)->master = 3;
        host_add_link(host, 5, "br1", "bridge", ARPHRD_ETHER);
        host_add_link(host, 6, "veth6", "veth", ARPHRD_ETHER)->master = 5;
        host_add_link(host, 7, "veth7", "veth", ARPHRD_ETHER)->master = 70;
        plan = host_plan(host);
        g_assert_false(is_hooked(plan, 3, "br0", "frame"));
        g_assert_false(is_hooked(plan, 4, "veth4", "frame"));
        g_assert_true(is_hooked(plan, 5, "br1", "frame"));
        g_assert_true(is_hooked(plan, 6, "veth6", "frame"));
        g_assert_true(is_hooked(plan, 7, "veth7", "frame"));
}

/* What is found to be a guests' bridge is none either. */
static void test_found_host_links(void)
{
        g_autoptr(Host) host = host_with_egress();
        g_autoptr(KsPlan) plan = NULL;

        host->settings->host_auto = TRUE;
        host_add_card(host, 2, "eth0");
        host_add_link(host, 3, "docker0", "bridge", ARPHRD_ETHER);
        host_add_link(host, 4, "veth4", "veth", ARPHRD_ETHER)->master = 3;
        host_add_link(host, 5, "br1", "bridge", ARPHRD_ETHER);
        ((KsLink *)g_ptr_array_index(host->links, 0))->master = 5;
        plan = host_plan(host);
        g_assert_false(is_hooked(plan, 3, "docker0", "frame"));
        g_assert_false(is_hooked(plan, 4, "veth4", "frame"));
        g_assert_true(is_hooked(plan, 5, "br1", "frame"));
        g_assert_true(is_hooked(plan, 2, "eth0", "frame"));
}

/* What can't be guarded is told, and no name reaches nft that could mean something there. */
static void test_problems(void)
{
        g_autoptr(Host) host = host_with_egress();
        g_autoptr(KsPlan) plan = NULL;

        host_add_card(host, 3, "e\"; flush");
        host_add_card(host, 4, "e*");
        host_add_link(host, 5, "ib0", "", ARPHRD_INFINIBAND);
        plan = host_plan(host);
        g_assert_cmpstr(plan->guard->hooks->str, ==, "");
        g_assert_cmpuint(plan->problems->len, ==, 3);
        g_assert_cmpstr(g_ptr_array_index(plan->problems, 0), ==,
                        "EgressGuard= does not hold on the interface \"e\\\"; flush\": its name "
                        "has more than letters, digits and -_.@+; rename it");
        g_assert_cmpstr(g_ptr_array_index(plan->problems, 2), ==,
                        "EgressGuard= does not hold on the interface \"ib0\": it is neither "
                        "Ethernet nor a link for plain IP packets");
}

/* The rules of a chain, from the line behind its head on. */
static char *rules_of(const char *text, const char *chain, const char *first)
{
        g_autofree char *head = g_strdup_printf("\tchain %s {\n", chain);
        const char *begin = strstr(text, head), *end;

        g_assert_nonnull(begin);
        begin = strstr(begin, first);
        g_assert_nonnull(begin);
        end = strstr(begin, "\t}\n");
        g_assert_nonnull(end);
        return g_strndup(begin, (gsize)(end - begin));
}

/* What may leave beside the VPNs is one text in both tables, whatever the settings. */
static void test_same_as_output(void)
{
        for (int i = 0; i < 100; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = NULL;
                g_autofree char *output = NULL, *packet = NULL;

                host->settings->egress_guard = TRUE;
                plan = host_plan(host);
                output = rules_of(plan->guard->chains->str, "output", "\t\tip version 4 udp");
                packet = rules_of(plan->guard->egress->str, "packet", "\t\tip version 4 udp");
                g_assert_cmpstr(output, ==, packet);
        }
}

#define TRANSPORT                                                                                  \
        "\t\tmeta l4proto 17 meta mark @wg_mark accept\n"                                          \
        "\t\tudp sport . ip daddr . udp dport @wg_port4 accept\n"                                  \
        "\t\tudp sport . ip6 daddr . udp dport @wg_port6 accept\n"

/* Later fragments have no ports: the rest of the selector decides, and nothing less. */
static void test_transport(void)
{
        g_autoptr(Host) host = host_with_egress();
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsSelector *selector;
        KsGuard *guard;
        g_autofree char *rules = NULL;

        vpn_add_mark(vpn, IPPROTO_UDP, 0xca6c);
        selector = vpn_add_user(vpn, IPPROTO_UDP, 0);
        selector->source_first = selector->source_last = 1194;
        selector = vpn_add_user(vpn, IPPROTO_UDP, 1000);
        selector->remote = prefix("2001:db8::10");
        selector->remote_port = 443;
        guard = ks_guard_new(host->settings, KS_LAN_MODE_NONE);
        rules = rules_of(guard->egress->str, "transport", "\t\tmeta l4proto 17 meta mark @wg_mark");
        g_assert_cmpstr(rules, ==,
                        TRANSPORT
                        "\t\tmeta l4proto 17 meta mark 0x0000ca6c accept\n"
                        "\t\tmeta l4proto 17 meta skuid 0 th sport 1194 accept\n"
                        "\t\tip frag-off & 0x1fff != 0 meta l4proto 17 meta skuid 0 accept\n"
                        "\t\tfrag frag-off != 0 meta l4proto 17 meta skuid 0 accept\n"
                        "\t\tmeta l4proto 17 meta skuid 1000 ip6 daddr 2001:db8::10 th dport 443 "
                        "accept\n"
                        "\t\tfrag frag-off != 0 meta l4proto 17 meta skuid 1000 "
                        "ip6 daddr 2001:db8::10 accept\n");
        ks_guard_free(guard);
}

static void test_replace_and_remove(void)
{
        g_autoptr(Host) host = host_with_egress();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *both = NULL, *one = NULL;
        const char *egress;

        host_add_card(host, 2, "eth0");
        plan = host_plan(host);
        both = ks_guard_replace_text(plan->guard, KS_GUARD_INET | KS_GUARD_EGRESS, 5, 7);
        one = ks_guard_replace_text(plan->guard, KS_GUARD_INET, 5, 7);
        g_assert_true(g_str_has_prefix(both, "add table inet killswitch\n"
                                             "delete table inet killswitch\n"
                                             "add table netdev killswitch\n"
                                             "delete table netdev killswitch\n"
                                             "table inet killswitch {\n"));
        /* Each counts from its own start, or the sum would be too high. */
        egress = strstr(both, "table netdev killswitch {\n"
                              "\tcounter blocked { packets 0 bytes 0 }\n");
        g_assert_nonnull(egress);
        g_assert_nonnull(strstr(egress, "\tset lan4 {"));
        g_assert_null(strstr(egress, "\tset vpn4 {"));
        g_assert_nonnull(strstr(egress, plan->guard->hooks->str));
        g_assert_null(strstr(one, "netdev"));
        g_assert_cmpstr(ks_guard_remove_text(KS_GUARD_INET | KS_GUARD_EGRESS), ==,
                        "add table inet killswitch\ndelete table inet killswitch\n"
                        "add table netdev killswitch\ndelete table netdev killswitch\n");
}

/* A flap changes sets in both tables; another uplink takes a new table. */
static void test_update(void)
{
        g_autoptr(Host) host = host_with_egress();
        g_autoptr(KsPlan) before = NULL, flapped = NULL, grown = NULL, off = NULL;
        g_autofree char *flap = NULL, *flap_inet = NULL;
        KsLink *link;

        host_add_card(host, 2, "eth0");
        link = host_add_wireguard(host, 3, "wg0", 5, 51820);
        before = host_plan(host);
        link->wireguard->mark = 6;
        flapped = host_plan(host);
        flap = ks_guard_update_text(before->guard, flapped->guard, KS_GUARD_INET | KS_GUARD_EGRESS);
        g_assert_cmpstr(flap, ==,
                        "delete element inet killswitch wg_mark { 0x00000005 }\n"
                        "add element inet killswitch wg_mark { 0x00000006 }\n"
                        "delete element netdev killswitch wg_mark { 0x00000005 }\n"
                        "add element netdev killswitch wg_mark { 0x00000006 }\n"
                        "delete element inet killswitch transport_mark { 0x00000005 }\n"
                        "add element inet killswitch transport_mark { 0x00000006 }\n");
        flap_inet = ks_guard_update_text(before->guard, flapped->guard, KS_GUARD_INET);
        g_assert_null(strstr(flap_inet, "netdev"));
        host_add_card(host, 4, "usb0");
        grown = host_plan(host);
        g_assert_null(ks_guard_update_text(flapped->guard, grown->guard, KS_GUARD_INET));
        host->settings->egress_guard = FALSE;
        off = host_plan(host);
        g_assert_null(ks_guard_update_text(grown->guard, off->guard, KS_GUARD_INET));
        g_assert_null(ks_guard_update_text(off->guard, grown->guard, KS_GUARD_INET));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/egress/not-asked-for", test_not_asked_for);
        g_test_add_func("/egress/uplinks", test_uplinks);
        g_test_add_func("/egress/vpns", test_vpns);
        g_test_add_func("/egress/host-links", test_host_links);
        g_test_add_func("/egress/found-host-links", test_found_host_links);
        g_test_add_func("/egress/problems", test_problems);
        g_test_add_func("/egress/same-as-output", test_same_as_output);
        g_test_add_func("/egress/transport", test_transport);
        g_test_add_func("/egress/replace-and-remove", test_replace_and_remove);
        g_test_add_func("/egress/update", test_update);

        return g_test_run();
}
