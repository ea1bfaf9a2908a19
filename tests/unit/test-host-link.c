/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which bridges lead to this host's guests only, and which lead out by whatever hangs from them. */

#include <string.h>

#include "policy/host-link.h"
#include "tests/unit/host.h"

#define BRIDGE 10
#define OTHER 20

/* A network card with the default route, and a bridge as docker makes it. */
static Host *host_with_bridge(void)
{
        Host *host = host_new();
        KsLink *bridge;

        host_add_card(host, 2, "eth0")->default_route = TRUE;
        bridge = host_add_link(host, BRIDGE, "docker0", "bridge", ARPHRD_ETHER);
        link_add_address(bridge, "172.17.0.1/16");
        link_add_address(bridge, "fd17::1/64");
        return host;
}

static KsLink *add_port(Host *host, int index, const char *kind)
{
        g_autofree char *name = g_strdup_printf("port%d", index);
        KsLink *port = host_add_link(host, index, name, kind, ARPHRD_ETHER);

        port->master = BRIDGE;
        return port;
}

static KsLink *add_on_top(Host *host, int index, const char *kind)
{
        g_autofree char *name = g_strdup_printf("top%d", index);
        KsLink *top = host_add_link(host, index, name, kind, ARPHRD_ETHER);

        top->parent = BRIDGE;
        return top;
}

/* "docker0 br1": the names of those that are found. */
static char *found_text(const Host *host, GPtrArray *problems)
{
        g_autoptr(GPtrArray) found = ks_host_links_find(host->settings, host->links, problems);
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < found->len; i++)
                g_string_append_printf(text, "%s%s", i ? " " : "",
                                       ((KsLink *)g_ptr_array_index(found, i))->name);
        return g_string_free(text, FALSE);
}

static void assert_found(const Host *host, const char *expected)
{
        g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *text = found_text(host, problems);

        g_assert_cmpstr(text, ==, expected);
        g_assert_cmpuint(problems->len, ==, 0);
        g_free(found_text(host, NULL));
}

static void test_guests(void)
{
        g_autoptr(Host) host = host_with_bridge();

        assert_found(host, "docker0");
        add_port(host, 11, "veth");
        add_port(host, 12, "tun");
        add_port(host, 13, "dummy");
        assert_found(host, "docker0");
        /* Down and without an address: there is no way out either. */
        host_add_link(host, OTHER, "virbr0", "bridge", ARPHRD_ETHER)->flags = 0;
        assert_found(host, "docker0 virbr0");
        host->settings->host_auto = FALSE;
        assert_found(host, "");
}

/* Only bridges are found by themselves. */
static void test_others_are_not_guessed(void)
{
        static const char *const kinds[] = { "",        "veth", "tun",   "macvlan",     "ipvlan",
                                             "vlan",    "bond", "dummy", "openvswitch", "vxlan",
                                             "macvtap", "team", "vrf",   "bridges",     "Bridge" };
        g_autoptr(Host) host = host_new();

        for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
                g_autofree char *name = g_strdup_printf("l%u", i);

                host_add_link(host, 100 + (int)i, name, kinds[i], ARPHRD_ETHER);
        }
        assert_found(host, "");
}

static void test_ports_that_lead_out(void)
{
        static const char *const kinds[] = { "",        "bond",   "team",      "vlan",   "macvlan",
                                             "macvtap", "ipvlan", "vxlan",     "geneve", "gretap",
                                             "batadv",  "wlan",   "ip6gretap", "hsr",    "bridge" };

        for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
                g_autoptr(Host) host = host_with_bridge();
                KsLink *port;

                g_test_message("%s", kinds[i]);
                add_port(host, 11, "veth");
                port = add_port(host, 12, kinds[i]);
                assert_found(host, "");
                /* It goes, and the bridge is local again. */
                port->master = 0;
                if (!g_str_equal(kinds[i], "bridge"))
                        assert_found(host, "docker0");
        }
}

/* OpenVPN's tap, or whatever a section or WireGuard makes a VPN. */
static void test_ports_that_are_vpns(void)
{
        g_autoptr(Host) host = host_with_bridge(), kernel = host_with_bridge();

        add_port(host, 11, "tun");
        assert_found(host, "docker0");
        host_add_vpn(host, "office", "port11");
        assert_found(host, "");
        host_add_wireguard(kernel, 11, "wg0", 1, 51820)->master = BRIDGE;
        assert_found(kernel, "");
}

static void test_bridge_that_is_a_vpn(void)
{
        g_autoptr(Host) host = host_with_bridge();

        host_add_vpn(host, "odd", "docker0");
        assert_found(host, "");
}

/* br0 over eth0: by its port, by its own default route, by that of a port or of what is on top. */
static void test_default_routes(void)
{
        g_autoptr(Host) host = host_with_bridge();
        KsLink *bridge = ks_links_find(host->links, "docker0");
        KsLink *port = add_port(host, 11, "veth"), *vlan = add_on_top(host, 12, "vlan"), *link;
        KsLink *const links[] = { bridge, port, vlan };

        assert_found(host, "docker0");
        for (guint i = 0; i < G_N_ELEMENTS(links); i++) {
                link = links[i];
                link->default_route = TRUE;
                assert_found(host, "");
                link->default_route = FALSE;
                assert_found(host, "docker0");
        }
}

static void test_on_top(void)
{
        g_autoptr(Host) host = host_with_bridge();
        KsLink *vlan = add_on_top(host, 12, "vlan"), *second;

        add_on_top(host, 13, "macvlan");
        add_on_top(host, 14, "vxlan");
        assert_found(host, "docker0");
        /* Two tags deep. */
        second = host_add_link(host, 15, "top15", "vlan", ARPHRD_ETHER);
        second->parent = vlan->index;
        assert_found(host, "docker0");
        second->default_route = TRUE;
        assert_found(host, "");
        second->default_route = FALSE;
        /* A vlan of the bridge that is a port of an uplink's bridge takes its frames out. */
        host_add_link(host, OTHER, "br0", "bridge", ARPHRD_ETHER);
        ks_links_find(host->links, "eth0")->master = OTHER;
        assert_found(host, "docker0");
        vlan->master = OTHER;
        assert_found(host, "");
        vlan->master = 4711;
        assert_found(host, "");
}

/* The bridge itself as a port of something: its routes are elsewhere, its frames may be too. */
static void test_enslaved(void)
{
        static const char *const kinds[] = { "vrf", "bond", "openvswitch", "" };

        for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
                g_autoptr(Host) host = host_with_bridge();
                KsLink *bridge = ks_links_find(host->links, "docker0");

                host_add_link(host, OTHER, "m0", kinds[i], ARPHRD_ETHER);
                bridge->master = OTHER;
                assert_found(host, "");
                /* A master that isn't told of. */
                bridge->master = 99;
                assert_found(host, "");
        }
}

/* Both ends of a veth in this namespace: where the other one leads counts. */
static void test_veth_between_bridges(void)
{
        g_autoptr(Host) host = host_with_bridge();
        KsLink *near = add_port(host, 11, "veth");
        KsLink *far = host_add_link(host, 12, "far", "veth", ARPHRD_ETHER);
        KsLink *other = host_add_link(host, OTHER, "br1", "bridge", ARPHRD_ETHER);
        KsLink *card = ks_links_find(host->links, "eth0");

        near->parent = 12;
        far->parent = 11;
        assert_found(host, "docker0 br1");
        far->master = OTHER;
        assert_found(host, "docker0 br1");
        card->master = OTHER;
        assert_found(host, "");
        card->master = 0;
        other->default_route = TRUE;
        assert_found(host, "");
        other->default_route = FALSE;
        far->master = 99;
        assert_found(host, "br1");
        far->master = 0;
        far->default_route = TRUE;
        assert_found(host, "br1");
}

static void name(Host *host, const char *interface)
{
        g_ptr_array_add(host->settings->host_interfaces, g_strdup(interface));
}

/* What the administrator names needs no proof, of whatever kind it is. */
static void test_named(void)
{
        g_autoptr(Host) host = host_with_bridge();

        host_add_link(host, 30, "ovs0", "openvswitch", ARPHRD_ETHER);
        host_add_card(host, 31, "eth1");
        add_port(host, 32, "")->default_route = FALSE;
        name(host, "ovs0");
        name(host, "eth1");
        name(host, "absent0");
        assert_found(host, "ovs0 eth1");
        name(host, "docker0");
        assert_found(host, "docker0 ovs0 eth1");
        host->settings->host_auto = FALSE;
        assert_found(host, "docker0 ovs0 eth1");
}

/* But an uplink is none, and it is said. */
static void test_named_uplink(void)
{
        g_autoptr(Host) host = host_with_bridge();
        g_autoptr(KsPlan) plan = NULL;
        const char *sentence;

        name(host, "eth0");
        plan = host_plan(host);
        g_assert_cmpuint(plan->problems->len, ==, 1);
        sentence = g_ptr_array_index(plan->problems, 0);
        g_assert_nonnull(strstr(sentence, "HostInterfaces= names eth0, but"));
        g_assert_cmpstr(plan->guard->sets[KS_SET_HOST].elements->str, ==, "10");
}

static void test_named_bridge_with_uplink(void)
{
        g_autoptr(Host) host = host_with_bridge();
        g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);
        g_autofree char *text = NULL;

        name(host, "docker0");
        add_port(host, 11, "veth")->default_route = TRUE;
        text = found_text(host, problems);
        g_assert_cmpstr(text, ==, "");
        g_assert_cmpuint(problems->len, ==, 1);
        g_assert_nonnull(strstr(g_ptr_array_index(problems, 0), "docker0"));
}

/* main is read only where something hangs on it. */
static void test_need_defaults(void)
{
        g_autoptr(Host) host = host_new();

        host_add_card(host, 2, "eth0");
        host_add_link(host, 11, "v0", "veth", ARPHRD_ETHER);
        g_assert_false(ks_host_links_need_defaults(host->settings, host->links));
        name(host, "eth1");
        g_assert_false(ks_host_links_need_defaults(host->settings, host->links));
        name(host, "eth0");
        g_assert_true(ks_host_links_need_defaults(host->settings, host->links));
        g_ptr_array_set_size(host->settings->host_interfaces, 0);
        host_add_link(host, BRIDGE, "docker0", "bridge", ARPHRD_ETHER);
        g_assert_true(ks_host_links_need_defaults(host->settings, host->links));
        host->settings->host_auto = FALSE;
        g_assert_false(ks_host_links_need_defaults(host->settings, host->links));
}

/* What the plan makes of it: rules ahead of DNS, of that link alone where every link has it. */
static void test_plan(void)
{
        g_autoptr(Host) host = host_with_bridge();
        g_autoptr(KsPlan) plan = NULL, gone = NULL;
        g_autofree char *rules4 = NULL, *rules6 = NULL, *without = NULL;
        KsPrefix claim = prefix("172.17.5.0/24");
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");

        link_add_address(ks_links_find(host->links, "docker0"), "fe80::1/64");
        link_add_address(ks_links_find(host->links, "docker0"), "172.18.0.1/24");
        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        ks_prefix_array_add(vpn->prefixes, &claim);
        plan = host_plan(host);
        rules4 = plan_rules_text(plan, AF_INET);
        rules6 = plan_rules_text(plan, AF_INET6);
        g_assert_nonnull(strstr(rules4, "\n135: from all to 172.18.0.0/24 lookup main "
                                        "suppress_prefixlength 1\n"));
        /* A VPN has a part of it: that comes first. */
        g_assert_nonnull(strstr(rules4, "\n145: from all to 172.17.0.0/16 lookup main "
                                        "suppress_prefixlength 1\n"));
        g_assert_nonnull(strstr(rules6, "\n135: from all to fd17::/64 lookup main "
                                        "suppress_prefixlength 1\n"));
        g_assert_nonnull(strstr(rules6, "\n135: from all to fe80::/64 oif docker0 lookup main "
                                        "suppress_prefixlength 1\n"));
        g_assert_cmpstr(plan->guard->sets[KS_SET_HOST].elements->str, ==, "10");
        /* It gains the uplink as a port. */
        ks_links_find(host->links, "eth0")->master = BRIDGE;
        gone = host_plan(host);
        without = plan_rules_text(gone, AF_INET);
        g_assert_null(strstr(without, "\n135: "));
        g_assert_null(strstr(without, "\n145: "));
        g_assert_cmpstr(gone->guard->sets[KS_SET_HOST].elements->str, ==, "");
        g_assert_cmpstr(gone->guard->chains->str, ==, plan->guard->chains->str);
}

/* The kernel takes names that mean something elsewhere; they get into no rule. */
static void test_odd_names(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *rules6 = NULL;
        KsLink *bridge = host_add_link(host, BRIDGE, "a\"b;\xff", "bridge", ARPHRD_ETHER);

        link_add_address(bridge, "fe80::1/64");
        link_add_address(bridge, "fd17::1/64");
        plan = host_plan(host);
        rules6 = plan_rules_text(plan, AF_INET6);
        g_assert_null(strstr(rules6, " oif "));
        g_assert_nonnull(strstr(rules6, "135: from all to fd17::/64 "));
        g_assert_cmpstr(plan->guard->sets[KS_SET_HOST].elements->str, ==, "10");
}

/* A random forest of links: no bridge is local that a walk from it finds a way out of. */
static gboolean walk_leads_out(GPtrArray *links, const KsLink *from, GHashTable *seen)
{
        if (!g_hash_table_add(seen, (gpointer)from))
                return FALSE;
        if (from->default_route || !from->kind[0])
                return TRUE;
        for (guint i = 0; i < links->len; i++) {
                const KsLink *to = g_ptr_array_index(links, i);

                if ((to->master == from->index || to->parent == from->index ||
                     from->master == to->index || from->parent == to->index) &&
                    walk_leads_out(links, to, seen))
                        return TRUE;
        }
        return FALSE;
}

static void test_random(void)
{
        static const char *const kinds[] = { "bridge", "bridge", "veth", "veth", "tun", "vlan" };
        guint local = 0, outside = 0;

        for (int i = 0; i < 3000; i++) {
                g_autoptr(Host) host = host_new();
                g_autoptr(GPtrArray) found = NULL;

                for (int j = 0; j < 8; j++) {
                        g_autofree char *text = g_strdup_printf("l%d", j);
                        const char *kind = kinds[g_test_rand_int_range(0, G_N_ELEMENTS(kinds))];
                        KsLink *link = host_add_link(host, 10 + j, text, j ? kind : "",
                                                     ARPHRD_ETHER);

                        if (g_test_rand_int_range(0, 3) == 0)
                                link->master = 10 + g_test_rand_int_range(0, 8);
                        if (g_test_rand_int_range(0, 4) == 0)
                                link->parent = 10 + g_test_rand_int_range(0, 8);
                        link->default_route = g_test_rand_int_range(0, 20) == 0;
                }
                found = ks_host_links_find(host->settings, host->links, NULL);
                for (guint j = 0; j < host->links->len; j++) {
                        const KsLink *link = g_ptr_array_index(host->links, j);
                        g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
                        gboolean out = walk_leads_out(host->links, link, seen);

                        if (g_ptr_array_find(found, link, NULL)) {
                                g_assert_false(out);
                                g_assert_cmpstr(link->kind, ==, "bridge");
                                local++;
                        } else if (g_str_equal(link->kind, "bridge")) {
                                outside++;
                        }
                }
        }
        g_assert_cmpuint(local, >, 100);
        g_assert_cmpuint(outside, >, 100);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/host-link/guests", test_guests);
        g_test_add_func("/host-link/others-are-not-guessed", test_others_are_not_guessed);
        g_test_add_func("/host-link/ports-that-lead-out", test_ports_that_lead_out);
        g_test_add_func("/host-link/ports-that-are-vpns", test_ports_that_are_vpns);
        g_test_add_func("/host-link/bridge-that-is-a-vpn", test_bridge_that_is_a_vpn);
        g_test_add_func("/host-link/default-routes", test_default_routes);
        g_test_add_func("/host-link/on-top", test_on_top);
        g_test_add_func("/host-link/enslaved", test_enslaved);
        g_test_add_func("/host-link/veth-between-bridges", test_veth_between_bridges);
        g_test_add_func("/host-link/named", test_named);
        g_test_add_func("/host-link/named-uplink", test_named_uplink);
        g_test_add_func("/host-link/named-bridge-with-uplink", test_named_bridge_with_uplink);
        g_test_add_func("/host-link/need-defaults", test_need_defaults);
        g_test_add_func("/host-link/plan", test_plan);
        g_test_add_func("/host-link/odd-names", test_odd_names);
        g_test_add_func("/host-link/random", test_random);

        return g_test_run();
}
