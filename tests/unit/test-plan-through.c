/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPNs inside others: where their own packets go, whatever is up, and in any order. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "tests/unit/fib.h"
#include "tests/unit/host.h"

#define ORDERS 200
#define CHAIN 4

/* The VPN at a place, inside the next one; the last goes by the uplink. */
static KsVpn *add_vpn(Host *host, int place)
{
        g_autofree char *name = g_strdup_printf("vpn%d", place);
        KsVpn *vpn = host_add_vpn(host, name, name);

        if (place == CHAIN - 1) {
                vpn_add_mark(vpn, IPPROTO_UDP, 5);
        } else {
                KsPrefix server4, server6;
                g_autofree char *four = g_strdup_printf("203.0.113.%d", place + 1);
                g_autofree char *six = g_strdup_printf("2001:db8:113::%d", place + 1);

                server4 = prefix(four);
                server6 = prefix(six);
                vpn->through = g_strdup_printf("vpn%d", place + 1);
                g_array_append_val(vpn->inner_servers, server4);
                g_array_append_val(vpn->inner_servers, server6);
        }
        return vpn;
}

static void add_link(Host *host, int place)
{
        g_autofree char *name = g_strdup_printf("vpn%d", place);
        g_autofree char *four = g_strdup_printf("10.%d.0.2/24", place + 1);
        g_autofree char *six = g_strdup_printf("fd0%d::2/64", place + 1);
        KsLink *link = host_add_tun(host, 10 + place, name);

        link_add_address(link, four);
        link_add_address(link, six);
}

/* Where a user's packet to an address goes: the link's index, 0 for nowhere. */
static int way_to(const KsPlan *plan, const char *address)
{
        g_autoptr(Fib) fib = fib_new();
        KsPacket packet = { .protocol = IPPROTO_UDP, .uid = 1000, .dport = 7 };

        g_array_append_vals(fib->rules, plan->rules->data, plan->rules->len);
        g_array_append_vals(fib->routes, plan->routes->data, plan->routes->len);
        fib_add_main(fib, "0.0.0.0/0", 2);
        fib_add_main(fib, "::/0", 2);
        packet.destination = prefix(address);
        packet.family = packet.destination.family;
        g_strlcpy(packet.iif, "lo", sizeof(packet.iif));
        return fib_lookup(fib, &packet);
}

static void assert_ways(const KsPlan *plan, const gboolean *up)
{
        int first = 0;

        for (int place = CHAIN - 1; place >= 0; place--)
                if (up[place])
                        first = 10 + place;
        g_assert_cmpint(way_to(plan, "198.51.100.77"), ==, first);
        g_assert_cmpint(way_to(plan, "2001:db8:9::1"), ==, first);
        for (int place = 0; place < CHAIN - 1; place++) {
                g_autofree char *four = g_strdup_printf("203.0.113.%d", place + 1);
                g_autofree char *six = g_strdup_printf("2001:db8:113::%d", place + 1);
                int outer = up[place + 1] ? 10 + place + 1 : 0;

                g_assert_cmpint(way_to(plan, four), ==, outer);
                g_assert_cmpint(way_to(plan, six), ==, outer);
        }
}

/* Sections, links and what comes and goes, in any order: the server of each is reached by the link
 * of the VPN around it, or not at all; everything else by the innermost that is up. */
static void test_any_order(void)
{
        for (int i = 0; i < ORDERS; i++) {
                g_autoptr(Host) host = host_new();
                gboolean up[CHAIN] = { FALSE };
                guint32 metric = 1;

                host_add_card(host, 2, "eth0");
                host->settings->lan = (KsLan)g_test_rand_int_range(0, 3);
                for (int place = 0; place < CHAIN; place++)
                        add_vpn(host, place)->metric = metric++;
                for (int swaps = 0; swaps < CHAIN; swaps++) {
                        gpointer *vpns = host->settings->vpns->pdata;
                        int a = g_test_rand_int_range(0, CHAIN),
                            b = g_test_rand_int_range(0, CHAIN);
                        gpointer kept = vpns[a];

                        vpns[a] = vpns[b];
                        vpns[b] = kept;
                }
                for (int steps = 0; steps < 12; steps++) {
                        g_autoptr(KsPlan) plan = NULL;
                        int place = g_test_rand_int_range(0, CHAIN);
                        g_autofree char *name = g_strdup_printf("vpn%d", place);

                        if (up[place])
                                g_ptr_array_remove(host->links, ks_links_find(host->links, name));
                        else
                                add_link(host, place);
                        up[place] = !up[place];
                        plan = host_plan(host);
                        assert_ways(plan, up);
                        g_assert_cmpuint(plan->problems->len, ==, 0);
                }
        }
}

#define INNER                                                                                      \
        "\t\tip daddr @inner4 ip daddr . oif != @inner_way4 goto refuse\n"                         \
        "\t\tip6 daddr @inner6 ip6 daddr . oif != @inner_way6 goto refuse\n"

/* The guard says the same, ahead of all that it lets pass; and the inner one's packets are no
 * transport to it. */
static void test_guard(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *sets = NULL;
        const char *text;

        for (int place = 0; place < CHAIN; place++)
                add_vpn(host, place);
        add_link(host, 1);
        plan = host_plan(host);
        sets = plan_sets_text(plan);
        text = plan->guard->chains->str;
        g_assert_nonnull(strstr(text,
                                "hook output priority 0; policy drop;\n\t\toif 1 accept\n" INNER
                                "\t\toif . meta oiftype"));
        g_assert_nonnull(strstr(text, "hook forward priority 0; policy drop;\n" INNER));
        g_assert_nonnull(strstr(sets, "inner4: 203.0.113.1, 203.0.113.2, 203.0.113.3\n"
                                      "inner6: 2001:db8:113::1, 2001:db8:113::2, 2001:db8:113::3\n"
                                      "inner_way4: 203.0.113.1 . 11\n"
                                      "inner_way6: 2001:db8:113::1 . 11\n"));
        g_assert_cmpstr(plan->guard->sets[KS_SET_MARK].elements->str, ==, "0x00000005");
        g_assert_cmpstr(((KsPlanVpn *)g_ptr_array_index(plan->vpns, 0))->transport, ==,
                        "through vpn1");
}

/* A server in a private range belongs to the VPN around it, whatever the LAN is. */
static void test_private_server(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        KsPrefix server = prefix("192.168.9.9");

        host_add_card(host, 2, "eth0");
        g_array_append_val(add_vpn(host, CHAIN - 2)->inner_servers, server);
        add_vpn(host, CHAIN - 1);
        plan = host_plan(host);
        g_assert_cmpint(way_to(plan, "192.168.9.9"), ==, 0);
        g_assert_nonnull(
                strstr(plan->guard->sets[KS_SET_VPN_NETWORK4].elements->str, "192.168.9.9"));
        ks_plan_free(g_steal_pointer(&plan));
        add_link(host, CHAIN - 1);
        plan = host_plan(host);
        g_assert_cmpint(way_to(plan, "192.168.9.9"), ==, 10 + CHAIN - 1);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/plan-through/any-order", test_any_order);
        g_test_add_func("/plan-through/guard", test_guard);
        g_test_add_func("/plan-through/private-server", test_private_server);

        return g_test_run();
}
