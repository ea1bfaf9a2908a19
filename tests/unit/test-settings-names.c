/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Servers by name in the settings: what they make, and which are refused. */

#include "tests/unit/settings-assert.h"

#define V "[VPN a]\nInterface=tun0\n"

static void test_vpn_names(void)
{
        static const char whole[] = V
                "Mark=1\nProtocol=udp\nEndpoint=192.0.2.1:1\n"
                "Endpoint=VPN.example.org.:51820\nEndpointRange=198.51.100.0/24\n"
                "EndpointRange=2001:db8::/32 10.0.0.0/8\n";
        g_autoptr(KsSettings) settings = ks_settings_parse(whole, "f", NULL);
        const KsVpn *vpn = g_ptr_array_index(settings->vpns, 0);
        const KsNamedEndpoint *endpoint = g_ptr_array_index(vpn->names->endpoints, 0);

        g_assert_cmpuint(vpn->names->endpoints->len, ==, 1);
        g_assert_cmpstr(endpoint->host, ==, "vpn.example.org");
        g_assert_cmpuint(endpoint->port, ==, 51820);
        g_assert_cmpstr(endpoint->place, ==, "f:6");
        g_assert_cmpuint(vpn->names->ranges->len, ==, 3);
        g_assert_cmpuint(vpn->names->templates->len, ==, 1);
        /* What has an address counts already; the name makes nothing, not anything. */
        g_assert_cmpuint(vpn->names->fixed, ==, 1);
        g_assert_cmpuint(vpn->selectors->len, ==, 1);
}

static void test_vpn_name_alone_makes_no_selector(void)
{
        g_autoptr(KsSettings) settings = ks_settings_parse(
                V "Kind=wireguard\nMark=1\nEndpoint=vpn.example.org:1\n", "f", NULL);
        const KsVpn *vpn = g_ptr_array_index(settings->vpns, 0);

        g_assert_cmpuint(vpn->selectors->len, ==, 0);
        g_assert_cmpuint(vpn->names->templates->len, ==, 2);
}

static void test_vpn_bad_names(void)
{
        g_autofree char *label = g_strnfill(64, 'a');
        g_autofree char *labels = g_strdup_printf("%.63s.%.63s.%.63s.%.61s.org", label, label,
                                                  label, label);
        g_autofree char *long_label = g_strdup_printf(V "Endpoint=%s.org:1", label);
        g_autofree char *long_name = g_strdup_printf(V "Endpoint=%s:1", labels);
        g_autofree char *long_name_error = g_strdup_printf(
                "f:3: Endpoint: '%.60s' is longer than 253 characters, which no name is", labels);
        g_autofree char *long_label_error = g_strdup_printf(
                "f:3: Endpoint: '%.60s' has more than 63 characters between two dots, which no "
                "name has",
                label);

        assert_bad(V "Endpoint=vpn_server!.example.org:1",
                   "f:3: Endpoint: 'vpn_server!.example.org' is neither an address nor a name: "
                   "letters, digits and hyphens between dots");
        assert_bad(V "Endpoint=vpn..org:1",
                   "f:3: Endpoint: 'vpn..org' is neither an address nor a name: "
                   "letters, digits and hyphens between dots");
        assert_bad(V "Endpoint=:1194", "f:3: Endpoint: '' is neither an address nor a name: "
                                       "letters, digits and hyphens between dots");
        assert_bad(V "Endpoint=-a.org:1", "f:3: Endpoint: '-a.org' is neither an address nor a "
                                          "name: letters, digits and hyphens between dots");
        assert_bad(V "Endpoint=vpn:1",
                   "f:3: Endpoint: 'vpn' is not a whole name; write it with its "
                   "domain, as in vpn.example.org");
        assert_bad(V "Endpoint=192.0.2.256:1", "f:3: Endpoint: '192.0.2.256' is neither an address "
                                               "nor a name, which doesn't end in a number");
        assert_bad(long_name, long_name_error);
        assert_bad(long_label, long_label_error);
        assert_bad(V "Endpoint=vpn.example.org:0",
                   "f:3: Endpoint: '0' is not a number from 1 to 65535");
        assert_bad(V "Mark=1\nEndpoint=vpn.example.org",
                   "f:4: Endpoint: [VPN a] names a server without its port; write NAME:PORT");
        assert_bad(V "Mark=1\nProtocol=esp\nEndpoint=vpn.example.org:1",
                   "f:5: Endpoint: [VPN a] the protocol has no ports");
        assert_bad(V "Mark=1\nEndpoint=192.0.2.1:1\nEndpointRange=192.0.2.0/24",
                   "f:5: EndpointRange: [VPN a] is about servers that Endpoint= gives by name, and "
                   "there is none");
        assert_bad(V "EndpointRange=far",
                   "f:3: EndpointRange: 'far' is not an IPv4 or IPv6 address");
        /* A name is as weak as an address. */
        assert_bad(V "Endpoint=vpn.example.org:1",
                   "f:1: [VPN a] an address, a port or a protocol alone is too weak: any program "
                   "could use it to get out; add Mark=, User= or Unit=");
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/settings-names/good", test_vpn_names);
        g_test_add_func("/settings-names/alone-makes-no-selector",
                        test_vpn_name_alone_makes_no_selector);
        g_test_add_func("/settings-names/bad", test_vpn_bad_names);
        return g_test_run();
}
