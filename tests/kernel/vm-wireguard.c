/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel WireGuard read by generic netlink. For a virtual machine whose kernel has WireGuard; suite
 * vm runs it, suite kernel doesn't. */

#include <linux/rtnetlink.h>
#include <string.h>
#include <unistd.h>

#include "kernel/links.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

typedef struct Kernel {
        KsRtnl *rtnl;
        GPtrArray *links;
} Kernel;

static void set_up(Kernel *kernel, gconstpointer data)
{
        (void)data;
        netns_fresh();
        run("ip link add wg0 type wireguard\nip link add br0 type bridge");
        kernel->rtnl = rtnl_new();
        kernel->links = NULL;
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        g_clear_pointer(&kernel->links, g_ptr_array_unref);
        ks_rtnl_free(kernel->rtnl);
}

static const KsLink *read_link(Kernel *kernel, const char *name)
{
        g_autoptr(GError) error = NULL;
        const KsLink *link;

        g_clear_pointer(&kernel->links, g_ptr_array_unref);
        kernel->links = ks_links_read(kernel->rtnl, &error);
        g_assert_no_error(error);
        link = ks_links_find(kernel->links, name);
        g_assert_nonnull(link);
        return link;
}

static const KsWireguard *read_wireguard(Kernel *kernel)
{
        const KsLink *link = read_link(kernel, "wg0");

        g_assert_cmpstr(link->kind, ==, "wireguard");
        g_assert_cmpuint(link->type, ==, ARPHRD_NONE);
        g_assert_nonnull(link->wireguard);
        return link->wireguard;
}

/* A configuration for "wg setconf", written piece by piece. */
static GString *config_new(const char *interface)
{
        g_autofree char *key = output_of("wg genkey");
        GString *config = g_string_new(NULL);

        g_string_append_printf(config, "[Interface]\nPrivateKey = %s%s\n", key, interface);
        return config;
}

static void add_peer(GString *config, const char *lines)
{
        guint8 key[32];
        g_autofree char *text = NULL;

        for (guint i = 0; i < sizeof(key); i++)
                key[i] = (guint8)g_test_rand_int();
        text = g_base64_encode(key, sizeof(key));
        g_string_append_printf(config, "[Peer]\nPublicKey = %s\n%s\n", text, lines);
}

static void configure(GString *config)
{
        g_autofree char *path = NULL;
        g_autoptr(GError) error = NULL;
        int fd = g_file_open_tmp("vm-wireguard-XXXXXX", &path, &error);

        g_assert_no_error(error);
        g_assert_cmpint(write(fd, config->str, config->len), ==, config->len);
        close(fd);
        run("wg setconf wg0 %s\nrm %s", path, path);
        g_string_free(config, TRUE);
}

/* "ADDRESS:PORT …" and "PREFIX …" */
static void assert_peers(const KsWireguard *wireguard, const char *remotes, const char *allowed)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < wireguard->remotes->len; i++) {
                const KsEndpoint *remote = &g_array_index(wireguard->remotes, KsEndpoint, i);
                g_autofree char *address = ks_prefix_to_string(&remote->address);

                g_string_append_printf(text, "%s%s %u", i ? ", " : "", address, remote->port);
        }
        g_assert_cmpstr(text->str, ==, remotes);
        g_string_truncate(text, 0);
        for (guint i = 0; i < wireguard->allowed->len; i++) {
                g_autofree char *network = ks_prefix_to_string(
                        &g_array_index(wireguard->allowed, KsPrefix, i));

                g_string_append_printf(text, "%s%s", i ? ", " : "", network);
        }
        g_assert_cmpstr(text->str, ==, allowed);
        g_string_free(text, TRUE);
}

static void test_bare(Kernel *kernel, gconstpointer data)
{
        const KsWireguard *wireguard = read_wireguard(kernel);

        (void)data;
        g_assert_cmpuint(wireguard->mark, ==, 0);
        g_assert_cmpuint(wireguard->listen_port, ==, 0);
        assert_peers(wireguard, "", "");
        g_assert_null(ks_links_find(kernel->links, "br0")->wireguard);
        g_assert_null(ks_links_find(kernel->links, "lo")->wireguard);
}

static void test_whole(Kernel *kernel, gconstpointer data)
{
        GString *config = config_new("ListenPort = 51820\nFwMark = 0xca6c\n");
        const KsWireguard *wireguard;

        (void)data;
        add_peer(config, "Endpoint = 198.51.100.10:51821\n"
                         "AllowedIPs = 0.0.0.0/0, ::/0");
        add_peer(config, "Endpoint = [2001:db8::10]:443\n"
                         "AllowedIPs = 10.9.0.0/16, fd09::/64, 192.0.2.1/32");
        add_peer(config, "AllowedIPs = 10.10.0.0/16");
        add_peer(config, "Endpoint = 198.51.100.11:1");
        configure(config);
        wireguard = read_wireguard(kernel);
        g_assert_cmpuint(wireguard->mark, ==, 0xca6c);
        g_assert_cmpuint(wireguard->listen_port, ==, 51820);
        g_assert_cmpuint(wireguard->remotes->len, ==, 3);
        g_assert_cmpuint(wireguard->allowed->len, ==, 6);
}

/* One peer after another, so that the order is known. */
static void test_changes(Kernel *kernel, gconstpointer data)
{
        g_autofree char *key = output_of("wg genkey | wg pubkey | tr -d '\\n'");

        (void)data;
        run("wg set wg0 peer %s endpoint 198.51.100.10:51820 allowed-ips 10.9.0.0/16", key);
        assert_peers(read_wireguard(kernel), "198.51.100.10 51820", "10.9.0.0/16");
        run("wg set wg0 fwmark 7 listen-port 1 peer %s endpoint '[2001:db8::1]:65535' "
            "allowed-ips fd00::/8",
            key);
        assert_peers(read_wireguard(kernel), "2001:db8::1 65535", "fd00::/8");
        g_assert_cmpuint(read_wireguard(kernel)->mark, ==, 7);
        g_assert_cmpuint(read_wireguard(kernel)->listen_port, ==, 1);
        run("wg set wg0 fwmark 0 peer %s remove", key);
        assert_peers(read_wireguard(kernel), "", "");
        g_assert_cmpuint(read_wireguard(kernel)->mark, ==, 0);
}

/* A link without a port gets one when it goes up, and keeps it when it goes down. */
static void test_port(Kernel *kernel, gconstpointer data)
{
        const KsLink *link;

        (void)data;
        run("ip link set wg0 up");
        link = read_link(kernel, "wg0");
        g_assert_true(ks_link_is_up(link));
        g_assert_cmpuint(link->wireguard->listen_port, !=, 0);
        run("ip link set wg0 down");
        link = read_link(kernel, "wg0");
        g_assert_false(ks_link_is_up(link));
        g_assert_nonnull(link->wireguard);
}

/* So many peers that the kernel tells of them in many messages. */
static void test_many_peers(Kernel *kernel, gconstpointer data)
{
        GString *config = config_new("ListenPort = 51820\n");
        const KsWireguard *wireguard;

        (void)data;
        for (int i = 0; i < 1000; i++) {
                g_autofree char *lines = g_strdup_printf("Endpoint = 198.51.%d.%d:%d\n"
                                                         "AllowedIPs = 10.%d.%d.0/24",
                                                         i / 250, i % 250 + 1, 1 + i, i / 250,
                                                         i % 250);

                add_peer(config, lines);
        }
        configure(config);
        wireguard = read_wireguard(kernel);
        g_assert_cmpuint(wireguard->remotes->len, ==, 1000);
        g_assert_cmpuint(wireguard->allowed->len, ==, 1000);
        g_assert_cmpuint(wireguard->listen_port, ==, 51820);
}

/* One peer in several messages is one peer; of too long a list what says "everything" counts. */
static void test_many_networks(Kernel *kernel, gconstpointer data)
{
        GString *config = config_new("ListenPort = 51820\n");
        GString *lines = g_string_new("Endpoint = 198.51.100.10:51820\nAllowedIPs = 10.0.0.0/8");
        gboolean all4 = FALSE, all6 = FALSE;
        const KsWireguard *wireguard;

        (void)data;
        for (int i = 0; i < 3000; i++)
                g_string_append_printf(lines, ", 172.%d.%d.0/24", 16 + i / 250, i % 250);
        g_string_append(lines, ", 0.0.0.0/0, ::/0");
        add_peer(config, lines->str);
        g_string_free(lines, TRUE);
        configure(config);
        wireguard = read_wireguard(kernel);
        g_assert_cmpuint(wireguard->remotes->len, ==, 1);
        g_assert_cmpuint(wireguard->allowed->len, >=, 1000);
        g_assert_cmpuint(wireguard->allowed->len, <, 1100);
        for (guint i = 0; i < wireguard->allowed->len; i++) {
                const KsPrefix *network = &g_array_index(wireguard->allowed, KsPrefix, i);

                all4 |= network->length == 0 && network->family == AF_INET;
                all6 |= network->length == 0 && network->family == AF_INET6;
        }
        g_assert_true(all4 && all6);
}

static void test_several_links(Kernel *kernel, gconstpointer data)
{
        (void)data;
        for (int i = 1; i <= 50; i++)
                run("ip link add wg%d type wireguard\nwg set wg%d fwmark %d listen-port %d", i, i,
                    i, 50000 + i);
        for (int i = 1; i <= 50; i++) {
                g_autofree char *name = g_strdup_printf("wg%d", i);
                const KsLink *link = i == 1 ? read_link(kernel, name)
                                            : ks_links_find(kernel->links, name);

                g_assert_nonnull(link->wireguard);
                g_assert_cmpuint(link->wireguard->mark, ==, i);
                g_assert_cmpuint(link->wireguard->listen_port, ==, 50000 + i);
        }
        run("ip link del wg1");
        read_link(kernel, "wg2");
        g_assert_null(ks_links_find(kernel->links, "wg1"));
}

/* With no settings at all, the plan has it: by its port, and by its mark. */
static void test_plan(Kernel *kernel, gconstpointer data)
{
        GString *config = config_new("ListenPort = 51820\n");
        g_autoptr(KsSettings) settings = ks_settings_new();
        g_autoptr(KsPlan) by_port = NULL, by_mark = NULL;
        g_autofree char *text = NULL;

        (void)data;
        add_peer(config, "Endpoint = 198.51.100.10:51821\nAllowedIPs = 0.0.0.0/0");
        configure(config);
        run("ip addr add 10.8.0.2/32 dev wg0\nip link set wg0 up");
        read_wireguard(kernel);
        by_port = ks_plan_new(settings, KS_LAN_MODE_PRIVATE, kernel->links, NULL, NULL);
        g_assert_true(by_port->protecting);
        text = plan_rules_text(by_port, AF_INET);
        g_assert_true(g_str_has_prefix(text, "100: from all to 198.51.100.10 iif lo uidrange 0-0 "
                                             "ipproto udp sport 51820 dport 51821 lookup main\n"));
        run("wg set wg0 fwmark 51820");
        read_wireguard(kernel);
        by_mark = ks_plan_new(settings, KS_LAN_MODE_PRIVATE, kernel->links, NULL, NULL);
        g_assert_true(by_mark->protecting);
        g_free(text);
        text = plan_rules_text(by_mark, AF_INET);
        g_assert_true(g_str_has_prefix(
                text, "100: from all fwmark 0xca6c iif lo ipproto udp lookup main\n"));
}

#define ADD(name, function)                                                                        \
        g_test_add("/wireguard/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("bare", test_bare);
        ADD("whole", test_whole);
        ADD("changes", test_changes);
        ADD("port", test_port);
        ADD("many-peers", test_many_peers);
        ADD("many-networks", test_many_networks);
        ADD("several-links", test_several_links);
        ADD("plan", test_plan);

        return g_test_run();
}
