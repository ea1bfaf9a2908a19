/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of VPNs by unit, of VPNs inside others, and of several that don't go together. */

#include <string.h>

#include "common/error.h"
#include "engine/settings.h"
#include "policy/pins.h"

#define A "[VPN a]\nInterface=tun0\n"
#define B "[VPN b]\nInterface=tun1\n"
#define C "[VPN c]\nInterface=tun2\n"

typedef struct Case {
        const char *text, *expected;
} Case;

static void assert_bad(const Case *cases, guint count)
{
        for (guint i = 0; i < count; i++) {
                g_autoptr(GError) error = NULL;

                g_test_message("%s", cases[i].text);
                g_assert_null(ks_settings_parse(cases[i].text, "f", &error));
                g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
                g_assert_cmpstr(error->message, ==, cases[i].expected);
        }
}

static KsSettings *good(const char *text)
{
        g_autoptr(GError) error = NULL;
        KsSettings *settings;

        g_test_message("%s", text);
        settings = ks_settings_parse(text, "f", &error);
        g_assert_no_error(error);
        return settings;
}

static void test_units_good(void)
{
        static const Case cases[] = {
                { A "Unit=o.service\nProtocol=udp\nEndpoint=192.0.2.1:1194\n",
                  "from its unit, udp, to 192.0.2.1 port 1194" },
                { A "Unit=o@x-1.service\nProtocol=tcp\nEndpoint=192.0.2.1\n",
                  "from its unit, tcp, to 192.0.2.1" },
                { A "Unit=o-p.slice\nProtocol=udp\nSourcePort=1000-1255\n",
                  "from its unit, udp, from ports 1000-1255" },
                { A "Unit=dev-\\x2d.service\nProtocol=udp\nUser=7\n", "uid 7, from its unit, udp" },
                { A "Unit=o.service\nProtocol=udp\nMark=5\n", "mark 0x5, from its unit, udp" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(KsSettings) settings = good(cases[i].text);
                const KsVpn *vpn = g_ptr_array_index(settings->vpns, 0);
                g_autofree char *words = NULL;

                g_assert_cmpuint(vpn->selectors->len, ==, 1);
                words = ks_selector_to_string(&g_array_index(vpn->selectors, KsSelector, 0));
                g_assert_cmpstr(words, ==, cases[i].expected);
                g_assert_nonnull(vpn->unit);
                g_assert_null(vpn->group);
        }
}

/* A name goes with a unit as an address does: the template knows of the unit. */
static void test_units_by_name(void)
{
        g_autoptr(KsSettings)
                settings = good(A "Unit=o.service\nProtocol=udp\n"
                                  "Endpoint=v.example.org:1194\nEndpoint=192.0.2.1:7\n");
        const KsVpn *vpn = g_ptr_array_index(settings->vpns, 0);
        g_autoptr(GPtrArray) pins = ks_pins_new();
        g_autoptr(GArray) answer = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        KsPrefix address = { 0 };
        g_autofree char *words = NULL;

        g_assert_cmpuint(vpn->selectors->len, ==, 1);
        ks_prefix_parse("198.51.100.1", &address, NULL);
        g_array_append_val(answer, address);
        ks_pin_learn(ks_pins_get(pins, "a", "v.example.org"), answer, FALSE, 1);
        ks_pins_apply(pins, settings);
        g_assert_cmpuint(vpn->selectors->len, ==, 2);
        words = ks_selector_to_string(&g_array_index(vpn->selectors, KsSelector, 1));
        g_assert_cmpstr(words, ==, "from its unit, udp, to 198.51.100.1 port 1194");
}

#define NO_UNIT                                                                                    \
        "' is not the name of a unit that can run: NAME.service, NAME@INSTANCE.service or "        \
        "NAME.slice"
#define EVERYBODY " are everybody's programs; name the VPN's own"

static void test_units_bad(void)
{
        static const Case cases[] = {
                { A "Unit=", "f:3: Unit: '" NO_UNIT },
                { A "Unit=office", "f:3: Unit: 'office" NO_UNIT },
                { A "Unit=.service", "f:3: Unit: '.service" NO_UNIT },
                { A "Unit=office@.service", "f:3: Unit: 'office@.service" NO_UNIT },
                { A "Unit=a/b.service", "f:3: Unit: 'a/b.service" NO_UNIT },
                { A "Unit=../b.service", "f:3: Unit: '../b.service" NO_UNIT },
                { A "Unit=a\"b.service", "f:3: Unit: 'a\"b.service" NO_UNIT },
                { A "Unit=a b.service", "f:3: Unit: 'a b.service" NO_UNIT },
                { A "Unit=dbus.socket", "f:3: Unit: 'dbus.socket" NO_UNIT },
                { A "Unit=-.slice", "f:3: Unit: in -.slice" EVERYBODY },
                { A "Unit=system.slice", "f:3: Unit: in system.slice" EVERYBODY },
                { A "Unit=user.slice", "f:3: Unit: in user.slice" EVERYBODY },
                { A "Unit=user-1000.slice", "f:3: Unit: in user-1000.slice" EVERYBODY },
                { A "Unit=user@1000.service", "f:3: Unit: in user@1000.service" EVERYBODY },
                { A "Unit=o.service\n",
                  "f:3: Unit: [VPN a] alone can't be told apart when the kernel looks a packet's "
                  "way up; add Endpoint= or SourcePort=, or User= if it runs as a user of its "
                  "own" },
                { A "Unit=o.service\nProtocol=udp\nSourcePort=1000-1256",
                  "f:5: SourcePort: [VPN a] with Unit= alone, more than 256 ports would stop too "
                  "much of what the system itself sends; name fewer, or add Endpoint=" },
                { A "Unit=o.service\nUser=root\n",
                  "f:4: User: [VPN a] everything that root sends would pass; add SourcePort= or "
                  "Endpoint=" },
        };
        g_autofree char *long_name = g_strnfill(249, 'x');
        g_autofree char *text = g_strdup_printf(A "Unit=%s.service\n", long_name);

        assert_bad(cases, G_N_ELEMENTS(cases));
        g_assert_null(ks_settings_parse(text, "f", NULL));
}

#define THE_OTHERS                                                                                 \
        " has already, so that one's packets would be taken for the other's; give each a mark of " \
        "its own"

static void test_marks(void)
{
        static const Case cases[] = {
                { A "Mark=5\n" B "Mark=5\n",
                  "f:6: Mark: [VPN b] has the mark that [VPN a] in f:1" THE_OTHERS },
                { A "Mark=0x5\nProtocol=udp\n" B "Mark=5\nEndpoint=192.0.2.1\n",
                  "f:7: Mark: [VPN b] has the mark that [VPN a] in f:1" THE_OTHERS },
                { A "Mark=5\nSourcePort=10-20\n" B "Mark=5\nSourcePort=20\n",
                  "f:7: Mark: [VPN b] has the mark that [VPN a] in f:1" THE_OTHERS },
                { A "Mark=5\nEndpoint=v.example.org:1\n" B "Mark=5\nProtocol=udp\n",
                  "f:7: Mark: [VPN b] has the mark that [VPN a] in f:1" THE_OTHERS },
                { A "Mark=5\n" B "Mark=5\nEndpoint=v.example.org:1\n",
                  "f:6: Mark: [VPN b] has the mark that [VPN a] in f:1" THE_OTHERS },
                { A "Mark=5\nEndpoint=v.example.org:1\n" B "Mark=5\nEndpoint=w.example.org:1\n"
                    "Endpoint=V.example.org.:1\n",
                  "f:7: Mark: [VPN b] has the mark that [VPN a] in f:1" THE_OTHERS },
                { A "Mark=0x6b730083\n",
                  "f:3: Mark: [VPN a] has the mark that the kill switch itself gives to transport; "
                  "choose another" },
        };
        static const char *const apart[] = {
                A "Mark=5\n" B "Mark=6\n",
                A "Mark=5\nProtocol=udp\n" B "Mark=5\nProtocol=tcp\n",
                A "Mark=5\nEndpoint=192.0.2.1\n" B "Mark=5\nEndpoint=192.0.2.2\n",
                A "Mark=5\nEndpoint=192.0.2.1:1\n" B "Mark=5\nEndpoint=192.0.2.1:2\n",
                A "Mark=5\nSourcePort=10\n" B "Mark=5\nSourcePort=11\n",
                A "Mark=5\nUser=7\n" B "Mark=5\nUser=8\n",
                A "Mark=5\nUnit=a.service\n" B "Mark=5\nUnit=b.service\n",
                A "Mark=5\nEndpoint=v.example.org:1\n" B "Mark=5\nEndpoint=w.example.org:1\n",
                A "Mark=5\nEndpoint=v.example.org:1\n" B "Mark=5\nEndpoint=v.example.org:2\n",
                A "Mark=5\nEndpoint=v.example.org:1\n" B "Mark=5\nEndpoint=192.0.2.1:1\n",
        };

        assert_bad(cases, G_N_ELEMENTS(cases));
        for (guint i = 0; i < G_N_ELEMENTS(apart); i++)
                ks_settings_free(good(apart[i]));
}

static void test_prefixes(void)
{
        static const Case cases[] = {
                { A "Mark=5\nPrefixes=10.9.0.0/16\n" B "Mark=6\nPrefixes=10.1.0.0/16 10.9.0.0/16\n",
                  "f:8: Prefixes: [VPN b] has 10.9.0.0/16, which [VPN a] in f:1 claims already; a "
                  "network belongs to one VPN" },
                { A "Mark=5\nPrefixes=fd09::/16\n" B "Mark=6\nPrefixes=fd09::/16\n",
                  "f:8: Prefixes: [VPN b] has fd09::/16, which [VPN a] in f:1 claims already; a "
                  "network belongs to one VPN" },
        };

        assert_bad(cases, G_N_ELEMENTS(cases));
        /* Of a network and a part of it the part is the narrower route. */
        ks_settings_free(
                good(A "Mark=5\nPrefixes=10.9.0.0/16\n" B "Mark=6\nPrefixes=10.9.8.0/24\n"));
}

static void test_through(void)
{
        static const Case cases[] = {
                { A "Through=b\n" B "Mark=5\n",
                  "f:3: Through: [VPN a] needs Endpoint=, the server that is reached through the "
                  "other VPN" },
                { A "Through=b\nEndpoint=v.example.org:1\n" B "Mark=5\n",
                  "f:4: Endpoint: [VPN a] gives a server by name, and with Through= it has to be "
                  "an address" },
                { A "Through=b\nEndpoint=192.0.2.1\nEndpointRange=192.0.2.0/24\n" B "Mark=5\n",
                  "f:5: EndpointRange: [VPN a] is about servers that Endpoint= gives by name, and "
                  "there is none" },
                { A "Through=b\nEndpoint=192.0.2.1\n",
                  "f:3: Through: [VPN a] goes through a VPN that has no section; write [VPN b], "
                  "for a WireGuard link of the kernel with Interface= and Kind=wireguard" },
                { A "Through=\nEndpoint=192.0.2.1\n",
                  "f:3: Through: '' can't be the name of a VPN" },
                { A "Through=a\nEndpoint=192.0.2.1\n",
                  "f:3: Through: [VPN a] leads in a circle; in the end a VPN has to go by the "
                  "uplink" },
                { A "Through=b\nEndpoint=192.0.2.1\n" B "Through=c\nEndpoint=192.0.2.2\n" C
                    "Through=a\nEndpoint=192.0.2.3\n",
                  "f:3: Through: [VPN a] leads in a circle; in the end a VPN has to go by the "
                  "uplink" },
                { A "Through=b\nEndpoint=192.0.2.1\n" B "Mark=5\nEndpoint=192.0.2.1:7\n",
                  "f:8: Endpoint: [VPN b] has the address of a server that [VPN a] in f:1 reaches "
                  "another way: Through= holds for all that goes to an address" },
        };
        g_autoptr(KsSettings) settings = NULL;
        const KsVpn *vpn;

        assert_bad(cases, G_N_ELEMENTS(cases));
        settings = good(A "Through=b\nEndpoint=192.0.2.1:7\nEndpoint=2001:db8::1\n" B "Mark=5\n");
        vpn = g_ptr_array_index(settings->vpns, 0);
        g_assert_cmpuint(vpn->selectors->len, ==, 0);
        g_assert_cmpuint(vpn->inner_servers->len, ==, 2);
        g_assert_true(ks_settings_outer(settings, vpn) == g_ptr_array_index(settings->vpns, 1));
        g_assert_null(ks_settings_outer(settings, g_ptr_array_index(settings->vpns, 1)));
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/settings-pairs/units-good", test_units_good);
        g_test_add_func("/settings-pairs/units-by-name", test_units_by_name);
        g_test_add_func("/settings-pairs/units-bad", test_units_bad);
        g_test_add_func("/settings-pairs/marks", test_marks);
        g_test_add_func("/settings-pairs/prefixes", test_prefixes);
        g_test_add_func("/settings-pairs/through", test_through);

        return g_test_run();
}
