/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard's text: what its chains let pass and in what order, and how sets are changed. */

#include <string.h>

#include "tests/unit/host.h"

/* The rules of one chain, a line each, without indentation. */
static char *chain_text(const KsGuard *guard, const char *name)
{
        g_autofree char *head = g_strdup_printf("\tchain %s {\n", name);
        char *begin = strstr(guard->chains->str, head), *end;
        g_auto(GStrv) lines = NULL;

        g_assert_nonnull(begin);
        begin += strlen(head);
        end = strstr(begin, "\t}\n");
        g_assert_nonnull(end);
        *end = '\0';
        lines = g_strsplit(begin, "\t", -1);
        *end = '\t';
        return g_strjoinv("", lines);
}

static void assert_chain(const KsGuard *guard, const char *name, const char *expected)
{
        g_autofree char *text = chain_text(guard, name);

        g_assert_cmpstr(text, ==, expected);
}

#define OUTPUT_HEAD                                                                                \
        "type filter hook output priority 0; policy drop;\n"                                       \
        "oif 1 accept\n"                                                                           \
        "oif . meta oiftype . ip saddr @vpn4 accept\n"                                             \
        "oif . meta oiftype . ip6 saddr @vpn6 accept\n"                                            \
        "jump transport\n"                                                                         \
        "oif @host_link accept\n"                                                                  \
        "oif . meta oiftype @vpn_link goto refuse\n"                                               \
        "ip saddr @vpn_address4 goto refuse\n"                                                     \
        "ip6 saddr @vpn_address6 goto refuse\n"                                                    \
        "ip option lsrr exists goto refuse\n"                                                      \
        "ip option ssrr exists goto refuse\n"                                                      \
        "exthdr rt exists goto refuse\n"                                                           \
        "ip version 4 udp sport 68 udp dport 67 meta skuid 0-999 accept\n"                         \
        "ip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547 meta skuid 0-999 accept\n" \
        "ip6 hoplimit 255 icmpv6 type { 133, 135, 136 } accept\n"                                  \
        "ip daddr @vpn_network4 goto refuse\n"                                                     \
        "ip6 daddr @vpn_network6 goto refuse\n"
#define OUTPUT_DNS "meta l4proto { 6, 17 } th dport { 53, 853 } goto refuse\n"
#define OUTPUT_LAN                                                                                 \
        "ip daddr @lan4 accept\n"                                                                  \
        "ip6 daddr @lan6 accept\n"
#define OUTPUT_GROUPS                                                                              \
        "ip protocol 2 ip daddr 224.0.0.0/24 accept\n"                                             \
        "ip daddr 224.0.0.251 udp dport 5353 accept\n"                                             \
        "ip daddr 239.255.255.250 udp dport 1900 accept\n"                                         \
        "ip6 daddr ff02::16 icmpv6 type 143 accept\n"                                              \
        "ip6 daddr ff02::/16 icmpv6 type { 131, 132 } accept\n"                                    \
        "ip6 daddr ff02::fb udp dport 5353 accept\n"                                               \
        "ip6 daddr ff02::c udp dport 1900 accept\n"
#define OUTPUT_NO_GROUPS                                                                           \
        "ip protocol 2 drop\n"                                                                     \
        "ip6 daddr ff02::16 icmpv6 type 143 drop\n"                                                \
        "icmpv6 type { 131, 132 } drop\n"
#define OUTPUT_END "goto refuse\n"

static void test_output(void)
{
        g_autoptr(KsSettings) settings = ks_settings_new();
        static const char *const expected[] = {
                [KS_LAN_MODE_PRIVATE] = OUTPUT_HEAD OUTPUT_DNS OUTPUT_LAN OUTPUT_GROUPS OUTPUT_END,
                [KS_LAN_MODE_NONE] = OUTPUT_HEAD OUTPUT_DNS OUTPUT_LAN OUTPUT_NO_GROUPS OUTPUT_END,
                [KS_LAN_MODE_ALL] = OUTPUT_HEAD OUTPUT_DNS OUTPUT_LAN OUTPUT_GROUPS OUTPUT_END,
        };

        for (guint lan = 0; lan < G_N_ELEMENTS(expected); lan++) {
                KsGuard *guard = ks_guard_new(settings, (KsLan)lan);

                assert_chain(guard, "output", expected[lan]);
                ks_guard_free(guard);
        }
        settings->lan_dns = TRUE;
        for (guint lan = 0; lan < G_N_ELEMENTS(expected); lan++) {
                KsGuard *guard = ks_guard_new(settings, (KsLan)lan);
                g_auto(GStrv) halves = g_strsplit(expected[lan], OUTPUT_DNS, 2);
                g_autofree char *without = g_strjoinv("", halves);

                assert_chain(guard, "output", without);
                ks_guard_free(guard);
        }
}

static void test_other_chains(void)
{
        g_autoptr(KsSettings) settings = ks_settings_new();
        KsGuard *guard = ks_guard_new(settings, KS_LAN_MODE_PRIVATE);

        assert_chain(guard, "refuse",
                     "counter name blocked\n"
                     "meta l4proto 6 reject with tcp reset\n"
                     "reject with icmpx admin-prohibited\n");
        assert_chain(guard, "forward",
                     "type filter hook forward priority 0; policy drop;\n"
                     "oif . meta oiftype @vpn_link accept\n"
                     "iif . meta iiftype @vpn_link oif @host_link accept\n"
                     "iif @host_link oif @host_link accept\n"
                     "goto refuse\n");
        assert_chain(guard, "prerouting",
                     "type filter hook prerouting priority -150; policy accept;\n"
                     "iif 1 accept\n"
                     "ct mark @transport_mark meta mark set ct mark\n"
                     "iif . meta iiftype . ip daddr @vpn4 accept\n"
                     "iif . meta iiftype . ip6 daddr @vpn6 accept\n"
                     "ip daddr @vpn_address4 drop\n"
                     "ip6 daddr @vpn_address6 drop\n"
                     "icmp type 5 drop\n"
                     "icmpv6 type 137 drop\n");
        assert_chain(guard, "postrouting",
                     "type filter hook postrouting priority -150; policy accept;\n"
                     "meta mark @transport_mark ct mark set meta mark\n");
        ks_guard_free(guard);
}

#define TRANSPORT                                                                                  \
        "meta l4proto 17 meta mark @wg_mark accept\n"                                              \
        "udp sport . ip daddr . udp dport @wg_port4 ct mark set 0x6b730083 accept\n"               \
        "udp sport . ip6 daddr . udp dport @wg_port6 ct mark set 0x6b730083 accept\n"

/* Every part of a selector that is set has to match here too. */
static void test_transport(void)
{
        g_autoptr(Host) host = host_new();
        KsVpn *vpn = host_add_vpn(host, "a", "tun0");
        KsSelector *selector;
        KsGuard *guard;

        vpn_add_mark(vpn, IPPROTO_UDP, 0xca6c);
        selector = vpn_add_mark(vpn, IPPROTO_TCP, 0xffffffff);
        selector->remote = prefix("198.51.100.10");
        selector->remote_port = 443;
        vpn = host_add_vpn(host, "b", "tun1");
        selector = vpn_add_user(vpn, IPPROTO_UDP, 0);
        selector->source_first = 500;
        selector->source_last = 4500;
        selector = vpn_add_user(vpn, IPPROTO_UDP, 0);
        selector->source_first = selector->source_last = 1194;
        vpn_add_user(vpn, IPPROTO_ESP, 1000)->remote = prefix("2001:db8::10");
        selector = vpn_add_user(vpn, IPPROTO_TCP, 4294967294);
        selector->has_mark = 1;
        selector->mark = 1;
        guard = ks_guard_new(host->settings, KS_LAN_MODE_NONE);
        assert_chain(
                guard, "transport",
                TRANSPORT
                "meta l4proto 17 meta mark 0x0000ca6c accept\n"
                "meta l4proto 6 meta mark 0xffffffff ip daddr 198.51.100.10 th dport 443 "
                "accept\n"
                "meta l4proto 17 meta skuid 0 th sport 500-4500 ct mark set 0x6b730083 accept\n"
                "meta l4proto 17 meta skuid 0 th sport 1194 ct mark set 0x6b730083 accept\n"
                "meta l4proto 50 meta skuid 1000 ip6 daddr 2001:db8::10 ct mark set "
                "0x6b730083 accept\n"
                "meta l4proto 6 meta mark 0x00000001 meta skuid 4294967294 accept\n");
        ks_guard_free(guard);
}

/* A link that comes and goes changes no chain: no counter is lost, no rule is rewritten. */
static void test_chains_follow_settings_alone(void)
{
        for (int i = 0; i < 100; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) with = host_plan(host), without = NULL;
                g_autoptr(GPtrArray) no_links = g_ptr_array_new();

                without = ks_plan_new(host->settings, host->settings->lan, no_links, NULL, NULL);
                g_assert_cmpstr(with->guard->chains->str, ==, without->guard->chains->str);
        }
}

static void test_replace(void)
{
        g_autoptr(Host) host = host_new();
        g_autoptr(KsPlan) plan = NULL;
        g_autofree char *text = NULL;
        const char *at;

        host_add_card(host, 2, "eth0");
        vpn_add_mark(host_add_vpn(host, "a", "tun0"), IPPROTO_UDP, 1);
        link_add_address(host_add_tun(host, 5, "tun0"), "10.8.0.2/24");
        plan = host_plan(host);
        text = ks_guard_replace_text(plan->guard, KS_GUARD_INET, G_MAXUINT64, 7);
        g_assert_true(g_str_has_prefix(text, "add table inet killswitch\n"
                                             "delete table inet killswitch\n"
                                             "table inet killswitch {\n"
                                             "\tcounter blocked { packets 18446744073709551615 "
                                             "bytes 7 }\n"));
        g_assert_nonnull(strstr(text, "\tset vpn4 { type iface_index . iface_type . ipv4_addr; "
                                      "elements = { 5 . 65534 . 10.8.0.2 }; }\n"));
        g_assert_nonnull(
                strstr(text, "\tset vpn6 { type iface_index . iface_type . ipv6_addr; }\n"));
        at = strstr(text, plan->guard->chains->str);
        g_assert_nonnull(at);
        g_assert_cmpstr(at + plan->guard->chains->len, ==, "}\n");
        g_assert_null(strstr(text, "flush"));
        g_assert_null(strstr(text, "ruleset"));
}

static void test_remove(void)
{
        g_assert_cmpstr(ks_guard_remove_text(KS_GUARD_INET), ==,
                        "add table inet killswitch\ndelete table inet killswitch\n");
}

static void test_update(void)
{
        g_autoptr(KsSettings) settings = ks_settings_new(), other = ks_settings_new();
        KsGuard *present = ks_guard_new(settings, KS_LAN_MODE_PRIVATE);
        KsGuard *wanted = ks_guard_new(settings, KS_LAN_MODE_PRIVATE);
        KsGuard *differs;
        g_autofree char *same = ks_guard_update_text(present, wanted, KS_GUARD_INET);
        g_autofree char *changed = NULL, *back = NULL;

        g_assert_cmpstr(same, ==, "");
        ks_guard_add(present, KS_SET_VPN, "5 . 65534");
        ks_guard_add(present, KS_SET_VPN4, "5 . 65534 . 10.8.0.2");
        ks_guard_add(present, KS_SET_MARK, "0x%08x", 1);
        ks_guard_add(wanted, KS_SET_VPN, "6 . 65534");
        ks_guard_add(wanted, KS_SET_VPN, "7 . 1");
        ks_guard_add(wanted, KS_SET_MARK, "0x%08x", 1);
        changed = ks_guard_update_text(present, wanted, KS_GUARD_INET);
        g_assert_cmpstr(changed, ==,
                        "delete element inet killswitch vpn_link { 5 . 65534 }\n"
                        "add element inet killswitch vpn_link { 6 . 65534, 7 . 1 }\n"
                        "delete element inet killswitch vpn4 { 5 . 65534 . 10.8.0.2 }\n");
        back = ks_guard_update_text(wanted, present, KS_GUARD_INET);
        g_assert_cmpstr(back, ==,
                        "delete element inet killswitch vpn_link { 6 . 65534, 7 . 1 }\n"
                        "add element inet killswitch vpn_link { 5 . 65534 }\n"
                        "add element inet killswitch vpn4 { 5 . 65534 . 10.8.0.2 }\n");
        other->lan_dns = TRUE;
        differs = ks_guard_new(other, KS_LAN_MODE_PRIVATE);
        g_assert_null(ks_guard_update_text(present, differs, KS_GUARD_INET));
        ks_guard_free(present);
        ks_guard_free(wanted);
        ks_guard_free(differs);
}

/* Of many elements only what differs is written, each once; of networks all. */
static void test_update_of_many(void)
{
        g_autoptr(KsSettings) settings = ks_settings_new();
        KsGuard *present = ks_guard_new(settings, KS_LAN_MODE_PRIVATE);
        KsGuard *wanted = ks_guard_new(settings, KS_LAN_MODE_PRIVATE);
        const KsPrefix networks[] = { prefix("10.1.0.0/16"), prefix("10.2.0.0/16") };
        g_autofree char *changed = NULL;

        for (int i = 1; i <= 5; i++) {
                ks_guard_add(present, KS_SET_VPN, "%d . 65534", i);
                if (i != 3)
                        ks_guard_add(wanted, KS_SET_VPN, "%d . 65534", i);
        }
        ks_guard_add(wanted, KS_SET_VPN, "33 . 65534");
        ks_guard_add(present, KS_SET_VPN_ADDRESS4, "10.8.0.2");
        ks_guard_add(present, KS_SET_VPN_ADDRESS4, "10.8.0.2");
        ks_guard_add(wanted, KS_SET_VPN_ADDRESS4, "10.8.0.2");
        for (int i = 0; i < 2; i++)
                ks_guard_add_prefix(i ? wanted : present, KS_SET_VPN_NETWORK4, KS_SET_VPN_NETWORK6,
                                    &networks[0]);
        ks_guard_add_prefix(wanted, KS_SET_VPN_NETWORK4, KS_SET_VPN_NETWORK6, &networks[1]);
        changed = ks_guard_update_text(present, wanted, KS_GUARD_INET);
        g_assert_cmpstr(changed, ==,
                        "delete element inet killswitch vpn_link { 3 . 65534 }\n"
                        "add element inet killswitch vpn_link { 33 . 65534 }\n"
                        "flush set inet killswitch vpn_network4\n"
                        "add element inet killswitch vpn_network4 { 10.1.0.0/16, 10.2.0.0/16 }\n");
        ks_guard_free(present);
        ks_guard_free(wanted);
}

static void test_add_prefix(void)
{
        g_autoptr(KsSettings) settings = ks_settings_new();
        KsGuard *guard = ks_guard_new(settings, KS_LAN_MODE_NONE);
        const KsPrefix prefixes[] = { prefix("10.0.0.0/8"), prefix("fd00::/8"), prefix("192.0.2.1"),
                                      prefix("2001:db8::1") };

        for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
                ks_guard_add_prefix(guard, KS_SET_LAN4, KS_SET_LAN6, &prefixes[i]);
        g_assert_cmpstr(guard->sets[KS_SET_LAN4].elements->str, ==, "10.0.0.0/8, 192.0.2.1");
        g_assert_cmpstr(guard->sets[KS_SET_LAN6].elements->str, ==, "fd00::/8, 2001:db8::1");
        ks_guard_free(guard);
}

/* No name of anything, whatever the host: elements are numbers, marks and addresses. */
static void test_elements_are_numbers(void)
{
        for (int i = 0; i < 200; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = host_plan(host);

                for (int set = 0; set < _KS_SET_MAX; set++) {
                        const char *elements = plan->guard->sets[set].elements->str;

                        g_assert_cmpuint(strspn(elements, "0123456789abcdefx:./, "), ==,
                                         strlen(elements));
                }
                g_assert_null(strstr(plan->guard->chains->str, "vpn0"));
                g_assert_null(strstr(plan->guard->chains->str, "eth0"));
                g_assert_null(strstr(plan->guard->chains->str, "established"));
        }
}

/* Both layers speak of the same things: each VPN network of the guard has its rule, and back. */
static void test_same_as_steering(void)
{
        for (int i = 0; i < 200; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = host_plan(host);
                GString *claims[2] = { g_string_new(NULL), g_string_new(NULL) };

                for (guint j = 0; j < plan->rules->len; j++) {
                        const KsRule *rule = &g_array_index(plan->rules, KsRule, j);
                        GString *claim = claims[rule->family == AF_INET6];
                        g_autofree char *network = ks_prefix_to_string(&rule->destination);

                        if (rule->priority == host->settings->priority + KS_OFFSET_VPN_PREFIXES)
                                g_string_append_printf(claim, "%s%s", claim->len ? ", " : "",
                                                       network);
                }
                g_assert_cmpstr(plan->guard->sets[KS_SET_VPN_NETWORK4].elements->str, ==,
                                claims[0]->str);
                g_assert_cmpstr(plan->guard->sets[KS_SET_VPN_NETWORK6].elements->str, ==,
                                claims[1]->str);
                g_string_free(claims[0], TRUE);
                g_string_free(claims[1], TRUE);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/ruleset/output", test_output);
        g_test_add_func("/ruleset/other-chains", test_other_chains);
        g_test_add_func("/ruleset/transport", test_transport);
        g_test_add_func("/ruleset/chains-follow-settings-alone", test_chains_follow_settings_alone);
        g_test_add_func("/ruleset/replace", test_replace);
        g_test_add_func("/ruleset/remove", test_remove);
        g_test_add_func("/ruleset/update", test_update);
        g_test_add_func("/ruleset/update-of-many", test_update_of_many);
        g_test_add_func("/ruleset/add-prefix", test_add_prefix);
        g_test_add_func("/ruleset/elements-are-numbers", test_elements_are_numbers);
        g_test_add_func("/ruleset/same-as-steering", test_same_as_steering);

        return g_test_run();
}
