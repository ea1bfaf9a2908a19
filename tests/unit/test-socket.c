/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which sockets from before are stranded once the kill switch is up. */

#include "policy/socket.h"
#include "tests/unit/host.h"

#define CARD 2
#define TUN 5
#define BRIDGE 7

/* An uplink, a VPN by mark and one by user, a bridge of guests; another VPN whose link is down. */
static Host *usual_host(void)
{
        Host *host = host_new();
        KsLink *link = host_add_link(host, 1, "lo", "", ARPHRD_LOOPBACK);
        KsSelector *selector;
        KsVpn *vpn;

        link_add_address(link, "127.0.0.1/8");
        link_add_address(link, "::1/128");
        link = host_add_card(host, CARD, "eth0");
        link->default_route = TRUE;
        link_add_address(link, "192.168.77.2/24");
        link_add_address(link, "2001:db8:77::2/64");
        link_add_address(link, "fe80::2/64");
        vpn = host_add_vpn(host, "a", "tun0");
        vpn_add_mark(vpn, IPPROTO_UDP, 0xca6c)->remote = prefix("198.51.100.10");
        selector = vpn_add_user(vpn, IPPROTO_TCP, 0);
        selector->source_first = 1000;
        selector->source_last = 1100;
        selector->remote_port = 443;
        link = host_add_tun(host, TUN, "tun0");
        link_add_address(link, "10.8.0.2/24");
        link_add_address(link, "fd08::2/64");
        link = host_add_link(host, BRIDGE, "docker0", "bridge", ARPHRD_ETHER);
        link_add_address(link, "172.17.0.1/16");
        link_add_address(link, "fe80::7/64");
        host_add_vpn(host, "b", "tun1");
        link = host_add_tun(host, 6, "tun1");
        link_add_address(link, "10.9.0.2/24");
        link->flags = 0;
        return host;
}

static KsSocket tcp(const char *source, const char *remote)
{
        KsSocket socket = { .protocol = IPPROTO_TCP,
                            .uid = 1000,
                            .source = prefix(source),
                            .remote = prefix(remote),
                            .source_port = 40000,
                            .remote_port = 443 };

        socket.family = socket.source.family;
        return socket;
}

static KsSocket udp(const char *source, const char *remote)
{
        KsSocket socket = tcp(source, remote);

        socket.protocol = IPPROTO_UDP;
        return socket;
}

static void assert_socket(const Host *host, KsSocket socket, gboolean stranded)
{
        g_autoptr(KsPlan) plan = host_plan(host);
        g_autofree char *source = ks_prefix_to_string(&socket.source);
        g_autofree char *remote = ks_prefix_to_string(&socket.remote);

        g_test_message("%u: %s:%u to %s:%u", socket.protocol, source, socket.source_port, remote,
                       socket.remote_port);
        g_assert_cmpint(ks_socket_is_stranded(&socket, plan), ==, stranded);
}

static void test_addresses(void)
{
        static const struct {
                const char *source, *remote;
                gboolean stranded;
        } cases[] = {
                /* From the uplink's address to anybody out there. */
                { "192.168.77.2", "203.0.113.9", TRUE },
                { "2001:db8:77::2", "2001:db8:113::9", TRUE },
                /* The prefix on the link is public: it is no LAN. */
                { "2001:db8:77::2", "2001:db8:77::10", TRUE },
                { "172.17.0.1", "203.0.113.9", TRUE },
                /* Inside this host. */
                { "127.0.0.1", "127.0.0.1", FALSE },
                { "::1", "::1", FALSE },
                { "192.168.77.2", "192.168.77.2", FALSE },
                { "2001:db8:77::2", "2001:db8:77::2", FALSE },
                { "192.168.77.2", "10.8.0.2", FALSE },
                { "127.0.0.1", "203.0.113.9", FALSE },
                /* The VPN's own, also of one that is down, and of one that is gone. */
                { "10.8.0.2", "203.0.113.9", FALSE },
                { "fd08::2", "2001:db8:113::9", FALSE },
                { "10.9.0.2", "203.0.113.9", FALSE },
                { "10.10.0.2", "203.0.113.9", FALSE },
                /* LAN and guests. */
                { "192.168.77.2", "192.168.77.10", FALSE },
                { "192.168.77.2", "10.1.2.3", FALSE },
                { "fe80::2", "fe80::10", FALSE },
                { "172.17.0.1", "172.17.0.2", FALSE },
                /* A network of the VPN's is no LAN. */
                { "192.168.77.2", "10.8.0.9", TRUE },
                /* Groups, and nobody. */
                { "192.168.77.2", "224.0.0.251", FALSE },
                { "192.168.77.2", "255.255.255.255", FALSE },
                { "fe80::2", "ff02::fb", FALSE },
                { "192.168.77.2", "0.0.0.0", FALSE },
                { "2001:db8:77::2", "::", FALSE },
        };
        g_autoptr(Host) host = usual_host();

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                assert_socket(host, tcp(cases[i].source, cases[i].remote), cases[i].stranded);
                assert_socket(host, udp(cases[i].source, cases[i].remote), cases[i].stranded);
        }
}

static void test_lan_modes(void)
{
        static const struct {
                const char *source, *remote;
                gboolean none, private, all;
        } cases[] = {
                { "192.168.77.2", "192.168.77.10", TRUE, FALSE, FALSE },
                { "fe80::2", "fe80::10", TRUE, FALSE, FALSE },
                { "192.168.77.2", "203.0.113.9", TRUE, TRUE, TRUE },
                { "2001:db8:77::2", "2001:db8:77::10", TRUE, TRUE, FALSE },
                { "192.168.77.2", "172.17.0.2", FALSE, FALSE, FALSE },
        };
        g_autoptr(Host) host = usual_host();
        KsPrefix on_link = prefix("2001:db8:77::/64"), half = prefix("128.0.0.0/1");

        g_array_append_val(host->lan_routes, on_link);
        g_array_append_val(host->lan_routes, half);
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                KsSocket socket = tcp(cases[i].source, cases[i].remote);

                host->settings->lan = KS_LAN_MODE_NONE;
                assert_socket(host, socket, cases[i].none);
                host->settings->lan = KS_LAN_MODE_PRIVATE;
                assert_socket(host, socket, cases[i].private);
                host->settings->lan = KS_LAN_MODE_ALL;
                assert_socket(host, socket, cases[i].all);
        }
}

static void test_dns(void)
{
        static const uint16_t ports[] = { 53, 853 };
        g_autoptr(Host) host = usual_host();

        for (guint i = 0; i < G_N_ELEMENTS(ports); i++) {
                KsSocket at_lan = udp("192.168.77.2", "192.168.77.10");
                KsSocket at_guest = tcp("172.17.0.1", "172.17.0.2");

                at_lan.remote_port = at_guest.remote_port = ports[i];
                host->settings->lan_dns = FALSE;
                assert_socket(host, at_lan, TRUE);
                assert_socket(host, at_guest, FALSE);
                host->settings->lan_dns = TRUE;
                assert_socket(host, at_lan, FALSE);
        }
}

/* One part is another, and the socket is stranded. */
#define ASSERT_STRANDED_BUT_FOR(socket, part, value)                                               \
        do {                                                                                       \
                KsSocket other = socket;                                                           \
                                                                                                   \
                other.part = value;                                                                \
                assert_socket(host, other, TRUE);                                                  \
        } while (0)

/* Every part of a selector has to fit. */
static void test_transport(void)
{
        g_autoptr(Host) host = usual_host();
        KsSocket marked = udp("192.168.77.2", "198.51.100.10");
        KsSocket owned = tcp("192.168.77.2", "203.0.113.9");

        marked.mark = 0xca6c;
        assert_socket(host, marked, FALSE);
        ASSERT_STRANDED_BUT_FOR(marked, mark, 0);
        ASSERT_STRANDED_BUT_FOR(marked, mark, 0xca6d);
        ASSERT_STRANDED_BUT_FOR(marked, protocol, IPPROTO_TCP);
        ASSERT_STRANDED_BUT_FOR(marked, remote, prefix("198.51.100.11"));

        owned.uid = 0;
        owned.source_port = 1050;
        assert_socket(host, owned, FALSE);
        ASSERT_STRANDED_BUT_FOR(owned, uid, 1);
        ASSERT_STRANDED_BUT_FOR(owned, source_port, 999);
        ASSERT_STRANDED_BUT_FOR(owned, source_port, 1101);
        ASSERT_STRANDED_BUT_FOR(owned, remote_port, 444);
}

/* Kernel WireGuard's port and endpoint, by which the guard knows it. */
static void test_kernel_wireguard(void)
{
        g_autoptr(Host) host = host_new();
        KsSocket socket = udp("192.168.77.2", "198.51.100.10");
        KsLink *link = host_add_wireguard(host, 5, "wg0", 0, 40000);

        link_add_address(host_add_card(host, CARD, "eth0"), "192.168.77.2/24");
        link_add_peer(link, "198.51.100.10", 443, "0.0.0.0/0");
        link_add_address(link, "10.8.0.2/32");
        assert_socket(host, socket, FALSE);
        socket.source_port = 40001;
        assert_socket(host, socket, TRUE);
}

/* A link that only has a VPN's name, or that no setting takes for one, is an uplink. */
static void test_no_vpn(void)
{
        g_autoptr(Host) host = host_new();
        KsLink *link = host_add_wireguard(host, 5, "wg0", 1, 40000);

        link_add_address(link, "10.8.0.2/32");
        assert_socket(host, tcp("10.8.0.2", "203.0.113.9"), FALSE);
        host->settings->auto_wireguard = FALSE;
        assert_socket(host, tcp("10.8.0.2", "203.0.113.9"), TRUE);
        vpn_add_mark(host_add_vpn(host, "a", "tun0"), IPPROTO_UDP, 1);
        link_add_address(host_add_card(host, 6, "tun0"), "10.7.0.2/24");
        assert_socket(host, tcp("10.7.0.2", "203.0.113.9"), TRUE);
}

static void test_dhcp(void)
{
        g_autoptr(Host) host = usual_host();
        KsSocket four = udp("192.168.77.2", "203.0.113.1"), six = udp("fe80::2", "fe80::1");

        host->settings->lan = KS_LAN_MODE_NONE;
        four.source_port = 68;
        four.remote_port = 67;
        four.uid = 998;
        assert_socket(host, four, FALSE);
        four.uid = 1000;
        assert_socket(host, four, TRUE);
        six.source_port = 546;
        six.remote_port = 547;
        six.uid = 0;
        assert_socket(host, six, FALSE);
        six.protocol = IPPROTO_TCP;
        assert_socket(host, six, TRUE);
}

/* Where every link has the network, the link that the socket is bound to counts. */
static void test_bound(void)
{
        g_autoptr(Host) host = usual_host();
        KsSocket socket = tcp("fe80::7", "fe80::9");

        host->settings->lan = KS_LAN_MODE_NONE;
        assert_socket(host, socket, TRUE);
        socket.link = BRIDGE;
        assert_socket(host, socket, FALSE);
        socket.link = CARD;
        assert_socket(host, socket, TRUE);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/socket/addresses", test_addresses);
        g_test_add_func("/socket/lan-modes", test_lan_modes);
        g_test_add_func("/socket/dns", test_dns);
        g_test_add_func("/socket/transport", test_transport);
        g_test_add_func("/socket/kernel-wireguard", test_kernel_wireguard);
        g_test_add_func("/socket/no-vpn", test_no_vpn);
        g_test_add_func("/socket/dhcp", test_dhcp);
        g_test_add_func("/socket/bound", test_bound);

        return g_test_run();
}
