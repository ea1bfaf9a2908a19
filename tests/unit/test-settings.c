/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every key of the settings, with values that are good and values that are not. */

#include <pwd.h>
#include <string.h>

#include "common/error.h"
#include "engine/settings.h"
#include "tests/unit/settings-assert.h"

#define K "[Killswitch]\n"
#define V "[VPN a]\nInterface=tun0\n"

typedef struct Case {
        const char *text, *expected;
} Case;

static void test_defaults(void)
{
        static const char *const texts[] = { "",
                                             "\n\n",
                                             "# a comment\n; another\n",
                                             "  # indented\n\t;too\r\n",
                                             "[Killswitch]",
                                             "[Killswitch]\n\n",
                                             "  [Killswitch]  \r\n",
                                             "[ Killswitch ]\n",
                                             "[Killswitch]\n#Table=84\n" };

        for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
                assert_good(texts[i], DEFAULTS);
}

#define GENERAL(table, priority, lan, dns, block, guard, automatic, host)                          \
        "table " table " priority " priority " lan " lan " dns " dns " " block " guard " guard     \
        " auto " automatic " host" host "\n"
#define WITH_HOST(host) GENERAL("83", "100", "private", "no", "unreachable", "require", "yes", host)

static void test_general_good(void)
{
        static const Case cases[] = {
                { "Table=1",
                  GENERAL("1", "100", "private", "no", "unreachable", "require", "yes", " auto") },
                { "Table = 252 ", GENERAL("252", "100", "private", "no", "unreachable", "require",
                                          "yes", " auto") },
                { "Table=0x100", GENERAL("256", "100", "private", "no", "unreachable", "require",
                                         "yes", " auto") },
                { "Table=4294967295", GENERAL("4294967295", "100", "private", "no", "unreachable",
                                              "require", "yes", " auto") },
                { "Priority=1",
                  GENERAL("83", "1", "private", "no", "unreachable", "require", "yes", " auto") },
                { "Priority=32665", GENERAL("83", "32665", "private", "no", "unreachable",
                                            "require", "yes", " auto") },
                { "Lan=private", DEFAULTS },
                { "Lan=none",
                  GENERAL("83", "100", "none", "no", "unreachable", "require", "yes", " auto") },
                { "Lan=all",
                  GENERAL("83", "100", "all", "no", "unreachable", "require", "yes", " auto") },
                { "BlockWith=unreachable", DEFAULTS },
                { "BlockWith=blackhole",
                  GENERAL("83", "100", "private", "no", "blackhole", "require", "yes", " auto") },
                { "BlockWith=prohibit",
                  GENERAL("83", "100", "private", "no", "prohibit", "require", "yes", " auto") },
                { "Guard=require", DEFAULTS },
                { "Guard=optional", GENERAL("83", "100", "private", "no", "unreachable", "optional",
                                            "yes", " auto") },
                { "HostInterfaces=auto", DEFAULTS },
                { "ResetConnections=yes", DEFAULTS },
                { "ResetConnections=no", WITH_HOST(" no-reset auto") },
                { "HostInterfaces=", WITH_HOST("") },
                { "HostInterfaces=none", WITH_HOST("") },
                { "HostInterfaces=auto;lxcbr0", WITH_HOST(" auto lxcbr0") },
                { "HostInterfaces=lxcbr0 auto", WITH_HOST(" auto lxcbr0") },
                { "HostInterfaces=lxcbr0\nHostInterfaces=auto", WITH_HOST(" auto lxcbr0") },
                { "HostInterfaces=auto\nHostInterfaces=lxcbr0", WITH_HOST(" auto lxcbr0") },
                { "HostInterfaces=none\nHostInterfaces=lxcbr0", WITH_HOST(" lxcbr0") },
                { "HostInterfaces=auto br0\nHostInterfaces=none", WITH_HOST("") },
                { "HostInterfaces=br0",
                  GENERAL("83", "100", "private", "no", "unreachable", "require", "yes", " br0") },
                { "HostInterfaces=br0 docker0;virbr0,\tlxc-br.1@x+",
                  GENERAL("83", "100", "private", "no", "unreachable", "require", "yes",
                          " br0 docker0 virbr0 lxc-br.1@x+") },
                { "HostInterfaces=br0\nHostInterfaces=br1",
                  GENERAL("83", "100", "private", "no", "unreachable", "require", "yes",
                          " br0 br1") },
                { "HostInterfaces=br0\nHostInterfaces=\nHostInterfaces=br1",
                  GENERAL("83", "100", "private", "no", "unreachable", "require", "yes", " br1") },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = g_strconcat(K, cases[i].text, NULL);

                assert_good(text, cases[i].expected);
        }
}

static void test_record_blocked(void)
{
        g_autoptr(KsSettings) none = ks_settings_new();
        g_autoptr(KsSettings) yes = ks_settings_parse(K "RecordBlocked=yes", "f", NULL);

        g_assert_false(none->record_blocked);
        g_assert_true(yes->record_blocked);
        assert_bad(K "RecordBlocked=all", "f:2: RecordBlocked: 'all' is neither yes nor no");
}

static void test_egress_guard(void)
{
        g_autoptr(KsSettings) none = ks_settings_new();
        g_autoptr(KsSettings) yes = ks_settings_parse(K "EgressGuard=yes", "f", NULL);
        g_autoptr(KsSettings) no = ks_settings_parse(K "EgressGuard=no", "f", NULL);

        g_assert_false(none->egress_guard);
        g_assert_true(yes->egress_guard);
        g_assert_false(no->egress_guard);
        assert_bad(K "EgressGuard=require", "f:2: EgressGuard: 'require' is neither yes nor no");
}

/* What is public takes a word of its own; what is everybody's or a group's isn't taken at all. */
static void test_lan_prefixes(void)
{
#define PUBLIC(net)                                                                                \
        "f:2: LanPrefixes: " net " is public: packets to it would leave without the VPN. If it "   \
        "really is a LAN, write public:" net
#define GROUPS(net)                                                                                \
        "f:2: LanPrefixes: " net " has multicast groups in it; those that a LAN needs are "        \
        "allowed already"
#define WIDE(net, least)                                                                           \
        "f:2: LanPrefixes: " net " is too much of the Internet to be a LAN; name a network of "    \
        "length " least " or longer"
        static const Case good[] = {
                { "", WITH_HOST(" auto") },
                { "100.64.0.0/10", WITH_HOST(" auto lan 100.64.0.0/10") },
                { "100.64.5.0/24, 198.18.0.0/15;fd00::/8",
                  WITH_HOST(" auto lan 100.64.5.0/24 lan 198.18.0.0/15 lan fd00::/8") },
                { "100.64.5.0/24\nLanPrefixes=100.64.5.1/24 100.64.5.9",
                  WITH_HOST(" auto lan 100.64.5.0/24 lan 100.64.5.9") },
                { "100.64.5.0/24\nLanPrefixes=\nLanPrefixes=100.64.6.0/24",
                  WITH_HOST(" auto lan 100.64.6.0/24") },
                { "public:203.0.113.0/24 public:2001:db8::/32 public:10.0.0.0/8",
                  WITH_HOST(" auto lan 203.0.113.0/24 lan 2001:db8::/32 lan 10.0.0.0/8") },
        };
        static const Case bad[] = {
                { "203.0.113.0/24", PUBLIC("203.0.113.0/24") },
                { "100.64.0.0/10 100.0.0.0/9", PUBLIC("100.0.0.0/9") },
                { "2001:db8::1", PUBLIC("2001:db8::1") },
                { "public:0.0.0.0/0", GROUPS("0.0.0.0/0") },
                { "public:224.0.0.0/24", GROUPS("224.0.0.0/24") },
                { "public:ff02::/16", GROUPS("ff02::/16") },
                { "public:64.0.0.0/7", WIDE("64.0.0.0/7", "8") },
                { "public:2000::/15", WIDE("2000::/15", "16") },
                { "public:", "f:2: LanPrefixes: '' is not an IPv4 or IPv6 address" },
                { "Public:203.0.113.0/24",
                  "f:2: LanPrefixes: 'Public:203.0.113.0' is not an IPv4 or IPv6 address" },
                { "lan", "f:2: LanPrefixes: 'lan' is not an IPv4 or IPv6 address" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
                g_autofree char *text = g_strconcat(K "LanPrefixes=", good[i].text, NULL);

                assert_good(text, good[i].expected);
        }
        for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autofree char *text = g_strconcat(K "LanPrefixes=", bad[i].text, NULL);

                assert_bad(text, bad[i].expected);
        }
}

static void test_booleans(void)
{
        static const char *const keys[] = { "LanDns", "AutoWireGuard", "ResetConnections" };
        /* Each key away from its default. */
        static const char *const when[] = {
                GENERAL("83", "100", "private", "yes", "unreachable", "require", "yes", " auto"),
                GENERAL("83", "100", "private", "no", "unreachable", "require", "no", " auto"),
                WITH_HOST(" no-reset auto"),
        };
        static const char *const yes[] = { "yes", "true", "on", "1" };
        static const char *const no[] = { "no", "false", "off", "0" };
        static const char *const neither[] = { "", "maybe", "y", "2", "yes no", "-1", "'yes'" };

        for (guint k = 0; k < G_N_ELEMENTS(keys); k++)
                for (guint i = 0; i < G_N_ELEMENTS(yes); i++) {
                        g_autofree char *on = g_strdup_printf(K "%s=%s", keys[k], yes[i]);
                        g_autofree char *off = g_strdup_printf(K "%s=%s", keys[k], no[i]);

                        assert_good(on, k == 0 ? when[0] : DEFAULTS);
                        assert_good(off, k == 0 ? DEFAULTS : when[k]);
                }
        for (guint k = 0; k < G_N_ELEMENTS(keys); k++)
                for (guint i = 0; i < G_N_ELEMENTS(neither); i++) {
                        g_autofree char *text = g_strdup_printf(K "%s=%s", keys[k], neither[i]);
                        g_autofree char *sentence = g_strdup_printf(
                                "f:2: %s: '%s' is neither yes nor no", keys[k], neither[i]);

                        assert_bad(text, sentence);
                }
}

/* "KEY=VALUE", and the sentence with VALUE in place of %s. */
static void assert_bad_values(const char *section, guint line, const char *key,
                              const char *const *values, const char *before, const char *after)
{
        for (; *values; values++) {
                g_autofree char *text = g_strdup_printf("%s%s=%s\n", section, key, *values);
                g_autofree char *sentence = g_strdup_printf("f:%u: %s: %s%s%s", line, key, before,
                                                            *values, after);

                assert_bad(text, sentence);
        }
}

#define BAD(section, line, key, before, after, ...)                                                \
        assert_bad_values(section, line, key, (const char *const[]){ __VA_ARGS__, NULL }, before,  \
                          after)

static void test_general_bad(void)
{
        BAD(K, 2, "Table", "'", "' is not a number from 1 to 4294967295", "", "0", "-1", "+1",
            "4294967296", "99999999999999999999999", "0x", "0x100000000", "0x0x5", "8e1", "83 84",
            "83;", "main", "\"83\"");
        assert_bad(K "Table=253",
                   "f:2: Table: 253 to 255 are the kernel's own tables; take a free one");
        assert_bad(K "Table=254",
                   "f:2: Table: 253 to 255 are the kernel's own tables; take a free one");
        assert_bad(K "Table=0xff",
                   "f:2: Table: 253 to 255 are the kernel's own tables; take a free one");
        BAD(K, 2, "Priority", "'", "' is not a number from 1 to 32665", "", "0", "32666", "32766",
            "-5", "high");
        BAD(K, 2, "Lan", "'", "' is none of private, none, all", "", "Private", "yes", "no",
            "private none", "all ;comment");
        BAD(K, 2, "BlockWith", "'", "' is none of unreachable, blackhole, prohibit", "", "drop",
            "Blackhole", "reject", "unreachable,");
        BAD(K, 2, "Guard", "'", "' is neither require nor optional", "", "required", "no",
            "Require");
        BAD(K, 2, "HostInterfaces", "'",
            "' can't be the name of an interface: 1 to 15 letters, digits and -_.@+, and not 'lo'",
            "lo", ".", "..", "sixteen-letters0", "a/b", "wg0\"", "'wg0'", "$(reboot)", "a*", "%s%n",
            "\xc3\xa9th0");
        assert_bad(K "HostInterfaces=none br0",
                   "f:2: HostInterfaces: 'none' stands alone; leave it out, or all else");
        assert_bad(K "HostInterfaces=auto,none",
                   "f:2: HostInterfaces: 'none' stands alone; leave it out, or all else");
        assert_bad(K "HostInterfaces=br0 br1 lo",
                   "f:2: HostInterfaces: 'lo' can't be the name of an interface: 1 to 15 letters, "
                   "digits and -_.@+, and not 'lo'");
}

static void test_vpn_good(void)
{
        static const Case cases[] = {
                { V "Mark=1", "VPN a: tun0 | mark 0x1, udp | mark 0x1, tcp\n" },
                { V "Mark=0xCA6C", "VPN a: tun0 | mark 0xca6c, udp | mark 0xca6c, tcp\n" },
                { V "Mark=4294967295\nProtocol=udp", "VPN a: tun0 | mark 0xffffffff, udp\n" },
                { V "Mark=1\nProtocol=tcp", "VPN a: tun0 | mark 0x1, tcp\n" },
                { V "Mark=1\nProtocol=esp", "VPN a: tun0 | mark 0x1, esp\n" },
                { V "Mark=1\nProtocol=47", "VPN a: tun0 | mark 0x1, protocol 47\n" },
                { V "Mark=1\nProtocol=254", "VPN a: tun0 | mark 0x1, protocol 254\n" },
                { V "User=1000\nProtocol=udp", "VPN a: tun0 | uid 1000, udp\n" },
                { V "User=4294967294\nProtocol=udp", "VPN a: tun0 | uid 4294967294, udp\n" },
                { V "User=root\nProtocol=udp\nSourcePort=1194",
                  "VPN a: tun0 | uid 0, udp, from port 1194\n" },
                { V "User=0\nSourcePort=500-600\nProtocol=udp",
                  "VPN a: tun0 | uid 0, udp, from ports 500-600\n" },
                { V "Mark=1\nProtocol=udp\nSourcePort=65535-65535",
                  "VPN a: tun0 | mark 0x1, udp, from port 65535\n" },
                { V "Mark=1\nUser=7\nProtocol=udp\nEndpoint=198.51.100.10:51820",
                  "VPN a: tun0 | mark 0x1, uid 7, udp, to 198.51.100.10 port 51820\n" },
                { V "Mark=1\nProtocol=esp\nEndpoint=198.51.100.10",
                  "VPN a: tun0 | mark 0x1, esp, to 198.51.100.10\n" },
                { V "Mark=1\nProtocol=udp\nEndpoint=[2001:db8::1]:51820",
                  "VPN a: tun0 | mark 0x1, udp, to 2001:db8::1 port 51820\n" },
                { V "Mark=1\nProtocol=udp\nEndpoint=[2001:db8::1]",
                  "VPN a: tun0 | mark 0x1, udp, to 2001:db8::1\n" },
                { V "Mark=1\nProtocol=udp\nEndpoint=2001:db8::1",
                  "VPN a: tun0 | mark 0x1, udp, to 2001:db8::1\n" },
                { V "Mark=1\nEndpoint=192.0.2.1:1\nEndpoint=192.0.2.2:65535",
                  "VPN a: tun0 | mark 0x1, udp, to 192.0.2.1 port 1 | mark 0x1, udp, to 192.0.2.2 "
                  "port 65535 | mark 0x1, tcp, to 192.0.2.1 port 1 | mark 0x1, tcp, to 192.0.2.2 "
                  "port 65535\n" },
                { V "Mark=1\nProtocol=udp\nEndpoint=192.0.2.1\nEndpoint=\nEndpoint=192.0.2.2",
                  "VPN a: tun0 | mark 0x1, udp, to 192.0.2.2\n" },
                { V "Kind=wireguard", "VPN a: tun0 kind wireguard\n" },
                { V "Kind=tun\nMark=1\nProtocol=udp", "VPN a: tun0 kind tun | mark 0x1, udp\n" },
                { V "Kind=fifteen-letters\nMark=1\nProtocol=udp",
                  "VPN a: tun0 kind fifteen-letters | mark 0x1, udp\n" },
                { V "Kind=wireguard\nGateway=10.8.0.1\nGateway=fd08::1",
                  "VPN a: tun0 kind wireguard via 10.8.0.1 via fd08::1\n" },
                { V "Kind=wireguard\nGateway=10.8.0.1/32\nGateway=10.8.0.9",
                  "VPN a: tun0 kind wireguard via 10.8.0.9\n" },
                { V "Kind=wireguard\nPrefixes=10.0.0.0/8, fd00::7/8;192.0.2.1\t10.0.0.0/8",
                  "VPN a: tun0 kind wireguard prefix 10.0.0.0/8 prefix fd00::/8 prefix "
                  "192.0.2.1\n" },
                { V "Kind=wireguard\nPrefixes=10.0.0.0/8\nPrefixes=\nPrefixes=fd00::/8",
                  "VPN a: tun0 kind wireguard prefix fd00::/8\n" },
                { V "Kind=wireguard\nMetric=1", "VPN a: tun0 kind wireguard metric 1\n" },
                { V "Kind=wireguard\nMetric=4294967294",
                  "VPN a: tun0 kind wireguard metric 4294967294\n" },
                { V "Kind=wireguard\nDefault=no",
                  "VPN a: tun0 kind wireguard no-default4 no-default6\n" },
                { V "Kind=wireguard\nDefault=yes", "VPN a: tun0 kind wireguard\n" },
                { "[VPN  my VPN @home+1_2.3-4 ]\nInterface=a-_.@+Z9\nKind=wireguard",
                  "VPN my VPN @home+1_2.3-4: a-_.@+Z9 kind wireguard\n" },
                { V "Kind=wireguard\n[Killswitch]\n[VPN b]\nInterface=tun1\nMark=2\nProtocol=udp\n"
                    "[VPN a]\nMetric=7",
                  "VPN a: tun0 kind wireguard metric 7\nVPN b: tun1 | mark 0x2, udp\n" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *expected = g_strconcat(DEFAULTS, cases[i].expected, NULL);

                assert_good(cases[i].text, expected);
        }
}

static void test_vpn_bad_values(void)
{
        BAD("[VPN a]\n", 2, "Interface", "'",
            "' can't be the name of an interface: 1 to 15 letters, digits and -_.@+, and not 'lo'",
            "", "lo", ".", "..", "sixteen-letters0", "wg0\"; flush ruleset", "\"wg0\"", "wg 0",
            "wg0;", "a/b", "{", "$x", "`x`", "a\\nb", "\xe6\x97\xa5");
        BAD(V, 3, "Kind", "'", "' is no kind of link; 'ip -d link' shows it", "wire guard", "\"x\"",
            "a/b", "tun;");
        BAD(V, 3, "Kind", "'", "' is no kind of link", "", "sixteen-letters0");
        BAD(V, 3, "Mark", "'", "' is not a number from 1 to 4294967295", "", "0", "0x0", "-1",
            "0x1ffffffff", "0xca6c/0xff");
        BAD(V, 3, "User", "there is no user '", "'", "", "nobody-of-that-name", "4294967295", "-1",
            "1 2");
        BAD(V, 3, "Protocol", "'", "' is none of udp, tcp, esp or a protocol number", "", "UDP",
            "0", "255", "icmp", "udp tcp");
        BAD(V, 3, "SourcePort", "'", "' is not a number from 1 to 65535", "", "0", "65536", "any");
        assert_bad(V "SourcePort=9-8", "f:3: SourcePort: '8' is not a number from 9 to 65535");
        assert_bad(V "SourcePort=9-", "f:3: SourcePort: '' is not a number from 9 to 65535");
        assert_bad(V "SourcePort=-9", "f:3: SourcePort: '' is not a number from 1 to 65535");
        assert_bad(V "SourcePort=1-2-3", "f:3: SourcePort: '2-3' is not a number from 1 to 65535");
        BAD(V, 3, "Metric", "'", "' is not a number from 1 to 4294967294", "", "0", "4294967295");
        BAD(V, 3, "Default", "'", "' is neither yes nor no", "", "ipv4");
}

static void test_vpn_bad_addresses(void)
{
        BAD(V, 3, "Endpoint", "'", "' is not ADDRESS:PORT, [IPV6]:PORT, an address or NAME:PORT",
            "192.0.2.1/32", "192.0.2.0/24:1", "[192.0.2.1/32]:1", "[]:1",
            "2001:db8::1::", "[vpn.example.org]:1");
        assert_bad(V "Endpoint=192.0.2.1:0", "f:3: Endpoint: '0' is not a number from 1 to 65535");
        assert_bad(V "Endpoint=192.0.2.1:", "f:3: Endpoint: '' is not a number from 1 to 65535");
        assert_bad(V "Endpoint=192.0.2.1:65536",
                   "f:3: Endpoint: '65536' is not a number from 1 to 65535");
        assert_bad(V "Endpoint=[2001:db8::1]x",
                   "f:3: Endpoint: '' is not a number from 1 to 65535");
        BAD(V, 3, "Gateway", "'", "' is not an IPv4 or IPv6 address", "", "gw", "10.8.0",
            "10.8.0.1 10.8.0.2");
        BAD(V, 3, "Gateway", "'", "' is not a single address", "10.8.0.0/24", "fd00::/127");
        assert_bad(V "Gateway=10.8.0.1/33",
                   "f:3: Gateway: '33' is not a prefix length of IPv4 (0 to 32)");
        assert_bad(V "Prefixes=10.0.0.0/8 fd00::/129",
                   "f:3: Prefixes: '129' is not a prefix length of IPv6 (0 to 128)");
        assert_bad(V "Prefixes=10.0.0.0/8 home",
                   "f:3: Prefixes: 'home' is not an IPv4 or IPv6 address");
        assert_bad(V "Prefixes=0.0.0.0/0",
                   "f:3: Prefixes: for all traffic write Default=yes instead of 0.0.0.0/0");
        assert_bad(V "Prefixes=::/0",
                   "f:3: Prefixes: for all traffic write Default=yes instead of ::/0");
}

/* What lets strangers out is refused. */
static void test_weak_selectors(void)
{
        static const Case cases[] = {
                { "[VPN a]\nMark=1", "f:1: [VPN a] lacks Interface=" },
                { K "[VPN a]\n[VPN b]\nInterface=tun0\nMark=1", "f:2: [VPN a] lacks Interface=" },
                { V, "f:1: [VPN a] says nothing about how the VPN's own packets are recognised; "
                     "add Mark=, or User= or Unit= with Endpoint= or SourcePort=" },
                { V "Kind=tun",
                  "f:1: [VPN a] says nothing about how the VPN's own packets are "
                  "recognised; add Mark=, or User= or Unit= with Endpoint= or SourcePort=" },
                { V "User=root", "f:3: User: [VPN a] everything that root sends would pass; add "
                                 "SourcePort= or Endpoint=" },
                { V "Protocol=udp\nUser=0", "f:4: User: [VPN a] everything that root sends would "
                                            "pass; add SourcePort= or Endpoint=" },
                { V "User=root\nSourcePort=1024-1280",
                  "f:4: SourcePort: [VPN a] with User=root alone, more than 256 ports would let "
                  "too "
                  "much of what root sends pass; name fewer, or add Endpoint=" },
                { V "Mark=1\nSourcePort=500\nProtocol=esp",
                  "f:4: SourcePort: [VPN a] the protocol has no ports" },
                { V "Mark=1\nProtocol=47\nEndpoint=192.0.2.1\nEndpoint=192.0.2.1:1194",
                  "f:6: Endpoint: [VPN a] the protocol has no ports" },
        };
        static const char *const too_weak[] = { "Endpoint=192.0.2.1:51820",
                                                "SourcePort=51820",
                                                "Protocol=udp",
                                                "Protocol=udp\nSourcePort=1\nEndpoint=192.0.2.1",
                                                "Kind=wireguard\nSourcePort=51820",
                                                "Kind=wireguard\nEndpoint=192.0.2.1" };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                assert_bad(cases[i].text, cases[i].expected);
        for (guint i = 0; i < G_N_ELEMENTS(too_weak); i++) {
                g_autofree char *text = g_strconcat(V, too_weak[i], NULL);

                assert_bad(text, "f:1: [VPN a] an address, a port or a protocol alone is too weak: "
                                 "any program could use it to get out; add Mark=, User= or Unit=");
        }
}

static void test_shared_interfaces(void)
{
        assert_bad(V "Mark=1\n\n[VPN b]\nMark=2\nInterface=tun0\n",
                   "f:7: Interface: [VPN b] has the interface tun0, which [VPN a] in f:1 has "
                   "already; give each VPN an interface of its own");
        assert_bad(K "HostInterfaces=br0 tun0\n" V "Mark=1",
                   "f:4: Interface: [VPN a] names an interface that HostInterfaces= has too");
        assert_bad(V "Mark=1\n" K "HostInterfaces=br0 tun0\n",
                   "f:2: Interface: [VPN a] names an interface that HostInterfaces= has too");
}

#define VPN_KEYS                                                                                   \
        "Interface, Kind, Mark, User, Protocol, SourcePort, Unit, Endpoint, EndpointRange, "       \
        "Through, Gateway, Prefixes, Metric, Default"

static void test_shape(void)
{
        static const Case cases[] = {
                { "Table=83", "f:1: Table: stands before any section; write [Killswitch] or [VPN "
                              "name] above it" },
                { K "Table", "f:2: 'Table' is neither a [section] nor KEY=VALUE" },
                { K "# fine\n\n  nonsense  \n", "f:4: 'nonsense' is neither a [section] nor "
                                                "KEY=VALUE" },
                { "[Killswitch\n", "f:1: the section '[Killswitch' lacks its ']'" },
                { "[", "f:1: the section '[' lacks its ']'" },
                { "[killswitch]\n",
                  "f:1: there is no section [killswitch]; sections are [Killswitch] and [VPN "
                  "name]" },
                { "[]", "f:1: there is no section []; sections are [Killswitch] and [VPN name]" },
                { "\n[VPN]", "f:2: there is no section [VPN]; sections are [Killswitch] and [VPN "
                             "name]" },
                { "[VPN\ta]",
                  "f:1: there is no section [VPN\ta]; sections are [Killswitch] and [VPN name]" },
                { "[VPN a;b]",
                  "f:1: the name of a VPN has 1 to 64 letters, digits, spaces and -_.@+" },
                { "[VPN \"a\"]",
                  "f:1: the name of a VPN has 1 to 64 letters, digits, spaces and -_.@+" },
                { "[VPN \xc3\xa9]",
                  "f:1: the name of a VPN has 1 to 64 letters, digits, spaces and -_.@+" },
                { K "Tabel=83",
                  "f:2: Tabel: there is no such key in [Killswitch]; there are Table, "
                  "Priority, Lan, LanDns, BlockWith, Guard, EgressGuard, AutoWireGuard, "
                  "HostInterfaces, LanPrefixes, ResetConnections, RecordBlocked" },
                { K "table=83",
                  "f:2: table: there is no such key in [Killswitch]; there are Table, "
                  "Priority, Lan, LanDns, BlockWith, Guard, EgressGuard, AutoWireGuard, "
                  "HostInterfaces, LanPrefixes, ResetConnections, RecordBlocked" },
                { V "Lan=none", "f:3: Lan: there is no such key in a [VPN] section; there "
                                "are " VPN_KEYS },
                { V "Endpiont=192.0.2.1:1", "f:3: Endpiont: there is no such key in a [VPN] "
                                            "section; there are " VPN_KEYS },
                { K "Table=84\nTable=85", "f:3: Table: is given twice in this section" },
                { K "Lan=none\n[VPN a]\n" K "Lan=none",
                  "f:5: Lan: is given twice in this section" },
                { V "Interface=tun0", "f:3: Interface: is given twice in this section" },
                { "[VPN a]\r\nInterface=tun0\r\nMark=x\r\n",
                  "f:3: Mark: 'x' is not a number from 1 to 4294967295" },
                { K "\nLan=\xff", "f:3: the line is not UTF-8 text" },
                { "\xef\xbb\xbf# a byte order mark is no comment",
                  "f:1: '\xef\xbb\xbf# a byte order mark is no comment' is neither a [section] nor "
                  "KEY=VALUE" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                assert_bad(cases[i].text, cases[i].expected);
}

/* A name is no place for what a user of another system is called. */
static void test_user_names(void)
{
        struct passwd *daemon = getpwnam("daemon");
        g_autofree char *expected = NULL;

        g_assert_nonnull(daemon);
        expected = g_strdup_printf(DEFAULTS "VPN a: tun0 | uid %u, udp\n", daemon->pw_uid);
        assert_good(V "User=daemon\nProtocol=udp", expected);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/settings/defaults", test_defaults);
        g_test_add_func("/settings/general-good", test_general_good);
        g_test_add_func("/settings/general-bad", test_general_bad);
        g_test_add_func("/settings/egress-guard", test_egress_guard);
        g_test_add_func("/settings/record-blocked", test_record_blocked);
        g_test_add_func("/settings/lan-prefixes", test_lan_prefixes);
        g_test_add_func("/settings/booleans", test_booleans);
        g_test_add_func("/settings/vpn-good", test_vpn_good);
        g_test_add_func("/settings/vpn-bad-values", test_vpn_bad_values);
        g_test_add_func("/settings/vpn-bad-addresses", test_vpn_bad_addresses);
        g_test_add_func("/settings/weak-selectors", test_weak_selectors);
        g_test_add_func("/settings/shared-interfaces", test_shared_interfaces);
        g_test_add_func("/settings/shape", test_shape);
        g_test_add_func("/settings/user-names", test_user_names);

        return g_test_run();
}
