/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of servers: which addresses they may have, and what a plan makes of them. */

#include <string.h>

#include "policy/pins.h"
#include "tests/unit/host.h"

static void assert_judged(KsNames *names, GArray *inside, const char *address, const char *expected)
{
        g_autoptr(GArray) lan = g_array_new(FALSE, FALSE, sizeof(KsPrefix));
        const KsPrefix one = prefix(address), more = prefix("192.0.2.0/24");

        g_array_append_val(lan, more);

        g_test_message("%s", address);
        g_assert_cmpstr(ks_names_judge(names, lan, inside, &one), ==, expected);
}

#define OWN "is this host's own, a multicast address or none at all"
#define OF_LAN "is one of a LAN; if the server really is there, say so with EndpointRange="
#define OF_VPN "is inside a VPN; if the server really is there, say so with EndpointRange="

static void test_judge(void)
{
        static const char *const own[] = {
                "127.0.0.1", "0.0.0.0", "224.0.0.251", "255.255.255.255",
                "::1",       "::",      "ff02::fb",    "::ffff:1.2.3.4"
        };
        static const char *const lan[] = { "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1",
                                           "fd00::1",  "fe80::1",    "192.0.2.7" };
        g_autoptr(KsNames) names = ks_names_new();
        g_autoptr(GArray) inside = g_array_new(FALSE, FALSE, sizeof(KsPrefix));
        const KsPrefix tunnel = prefix("203.0.113.0/24"), range = prefix("192.168.0.0/16"),
                       everywhere = prefix("0.0.0.0/0"), everywhere6 = prefix("::/0");

        g_array_append_val(inside, tunnel);
        for (guint i = 0; i < G_N_ELEMENTS(own); i++)
                assert_judged(names, inside, own[i], OWN);
        for (guint i = 0; i < G_N_ELEMENTS(lan); i++)
                assert_judged(names, inside, lan[i], OF_LAN);
        assert_judged(names, inside, "203.0.113.9", OF_VPN);
        assert_judged(names, inside, "198.51.100.10", NULL);
        assert_judged(names, NULL, "203.0.113.9", NULL);
        assert_judged(names, inside, "2001:db8::1", NULL);

        g_array_append_val(names->ranges, range);
        assert_judged(names, inside, "192.168.1.1", NULL);
        assert_judged(names, inside, "10.1.2.3", "is not in EndpointRange=");
        assert_judged(names, inside, "192.0.2.7", "is not in EndpointRange=");
        assert_judged(names, inside, "198.51.100.10", "is not in EndpointRange=");
        /* No range makes a server of this host. */
        g_array_append_val(names->ranges, everywhere);
        g_array_append_val(names->ranges, everywhere6);
        assert_judged(names, inside, "203.0.113.9", NULL);
        assert_judged(names, inside, "192.0.2.7", NULL);
        for (guint i = 0; i < G_N_ELEMENTS(own); i++)
                assert_judged(names, inside, own[i], OWN);
}

/* A WireGuard link with a mark, and a section with that mark and a server by name. */
static Host *host_with_name(void)
{
        Host *host = host_new();
        KsVpn *vpn = host_add_vpn(host, "work", "wg0");
        KsSelector selector = { .has_mark = 1, .mark = 0xca6c, .protocol = IPPROTO_UDP };

        vpn->kind = g_strdup("wireguard");
        vpn->names = ks_names_new();
        ks_names_add(vpn->names, "vpn.example.org", 51820, "f:1");
        g_array_append_val(vpn->names->templates, selector);
        link_add_address(host_add_wireguard(host, 5, "wg0", 0xca6c, 51820), "10.8.0.2/24");
        return host;
}

static guint count_transport(const KsPlan *plan, const char *transport)
{
        guint count = 0;

        for (guint i = 0; i < plan->rules->len; i++)
                count += g_array_index(plan->rules, KsRule, i).mark == 0xca6c;
        g_assert_cmpstr(((KsPlanVpn *)g_ptr_array_index(plan->vpns, 0))->transport, ==, transport);
        return count;
}

/* Above all it doesn't fall back to the mark alone, which WireGuard's own link would give. */
static void test_unknown_matches_nothing(void)
{
        g_autoptr(Host) host = host_with_name();
        g_autoptr(GPtrArray) pins = ks_pins_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *sets = NULL;

        ks_pins_apply(pins, host->settings);
        plan = host_plan(host);
        sets = plan_sets_text(plan);
        g_assert_cmpuint(count_transport(plan, ""), ==, 0);
        g_assert_null(strstr(sets, "ca6c"));
        g_assert_cmpuint(plan->problems->len, ==, 0);
}

static void test_pinned_matches_that_alone(void)
{
        g_autoptr(Host) host = host_with_name();
        g_autoptr(GPtrArray) pins = ks_pins_new();
        g_autoptr(KsPlan) plan = NULL, again = NULL;
        g_autoptr(GArray) answer = g_array_new(FALSE, FALSE, sizeof(KsPrefix));
        const KsPrefix address = prefix("198.51.100.10");
        KsVpn *vpn = g_ptr_array_index(host->settings->vpns, 0);

        g_array_append_val(answer, address);
        ks_pin_learn(ks_pins_get(pins, "work", "vpn.example.org"), answer, FALSE, 100);
        /* Twice makes no more. */
        ks_pins_apply(pins, host->settings);
        ks_pins_apply(pins, host->settings);
        plan = host_plan(host);
        /* The exemption, its floor, and what answers need; in IPv4 alone. */
        g_assert_cmpuint(count_transport(plan, "mark 0xca6c, udp, to 198.51.100.10 port 51820"), ==,
                         3);
        g_assert_cmpstr(g_ptr_array_index(vpn->servers, 0), ==,
                        "vpn.example.org:51820 198.51.100.10");

        g_array_set_size(ks_pins_get(pins, "work", "vpn.example.org")->addresses, 0);
        ks_pins_apply(pins, host->settings);
        again = host_plan(host);
        g_assert_cmpuint(count_transport(again, ""), ==, 0);
        g_assert_cmpstr(g_ptr_array_index(vpn->servers, 0), ==, "vpn.example.org:51820");
}

static void assert_applied(Host *host, GPtrArray *pins, const char *shown)
{
        const KsVpn *vpn = g_ptr_array_index(host->settings->vpns, 0);
        const KsPin *pin = ks_pins_find(pins, "work", "vpn.example.org");
        guint count = 0;

        ks_pins_apply(pins, host->settings);
        g_assert_cmpstr(g_ptr_array_index(vpn->servers, 0), ==, shown);
        for (const char *c = shown; *c; c++)
                count += *c == ' ';
        g_assert_cmpuint(vpn->selectors->len, ==, count);
        for (guint i = 0; i < vpn->selectors->len; i++) {
                g_autofree char *address = ks_prefix_address_to_string(
                        &g_array_index(vpn->selectors, KsSelector, i).remote);

                g_assert_nonnull(strstr(shown, address));
        }
        g_assert_cmpint(ks_pin_in_force(pin), ==, count > 0);
        /* Kept, for settings that allow them. */
        g_assert_cmpuint(pin->addresses->len, ==, 3);
}

/* What was learned under other settings is judged by those that are in force. */
static void test_pinned_is_judged_again(void)
{
        g_autoptr(Host) host = host_with_name();
        g_autoptr(GPtrArray) pins = ks_pins_new();
        g_autoptr(GArray) answer = g_array_new(FALSE, FALSE, sizeof(KsPrefix));
        const KsPrefix addresses[] = { prefix("198.51.100.10"), prefix("203.0.113.9"),
                                       prefix("192.0.2.7") };
        const KsPrefix ours = prefix("198.51.100.0/24"), forged = prefix("203.0.113.0/24"),
                       lan = prefix("192.0.2.0/24"), far = prefix("198.18.0.0/15");
        KsVpn *vpn = g_ptr_array_index(host->settings->vpns, 0);
        KsVpn *other = host_add_vpn(host, "other", "tun0");

        g_array_append_vals(answer, addresses, G_N_ELEMENTS(addresses));
        ks_pin_learn(ks_pins_get(pins, "work", "vpn.example.org"), answer, FALSE, 100);
        assert_applied(host, pins, "vpn.example.org:51820 198.51.100.10 203.0.113.9 192.0.2.7");
        /* LanPrefixes=, Prefixes= of any section, servers behind another VPN. */
        g_array_append_val(host->settings->lan_prefixes, lan);
        assert_applied(host, pins, "vpn.example.org:51820 198.51.100.10 203.0.113.9");
        g_array_append_val(other->prefixes, forged);
        assert_applied(host, pins, "vpn.example.org:51820 198.51.100.10");
        g_array_set_size(other->prefixes, 0);
        g_array_append_val(other->inner_servers, addresses[1]);
        assert_applied(host, pins, "vpn.example.org:51820 198.51.100.10");
        g_array_set_size(other->inner_servers, 0);
        g_array_set_size(host->settings->lan_prefixes, 0);
        assert_applied(host, pins, "vpn.example.org:51820 198.51.100.10 203.0.113.9 192.0.2.7");
        /* EndpointRange= */
        g_array_append_val(vpn->names->ranges, ours);
        assert_applied(host, pins, "vpn.example.org:51820 198.51.100.10");
        g_array_index(vpn->names->ranges, KsPrefix, 0) = far;
        assert_applied(host, pins, "vpn.example.org:51820");
        /* An answer that has one again changes nothing about that. */
        ks_pin_learn(ks_pins_find(pins, "work", "vpn.example.org"), answer, FALSE, 200);
        g_assert_false(ks_pin_in_force(ks_pins_find(pins, "work", "vpn.example.org")));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/names/judge", test_judge);
        g_test_add_func("/names/unknown-matches-nothing", test_unknown_matches_nothing);
        g_test_add_func("/names/pinned-matches-that-alone", test_pinned_matches_that_alone);
        g_test_add_func("/names/pinned-is-judged-again", test_pinned_is_judged_again);
        return g_test_run();
}
