/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One of 64 VPNs goes and comes back: how much of the kernel is written for it, by the messages
 * that it sends to those who listen. */

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kernel/steered.h"

#define VPNS 64
#define SELECTORS 4

/* What was told since the last time, of rules and routes of ours, and of nftables. */
typedef struct Told {
        guint rules, routes;
        guint elements_added, elements_deleted, other_nft;
} Told;

typedef struct Many {
        Steered steered;
        int tuns[VPNS];
        int route, nftables;
} Many;

static int listen_to(int protocol, const int *groups, guint count)
{
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
        int size = 8 * 1024 * 1024;

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)), ==, 0);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        for (guint i = 0; i < count; i++)
                g_assert_cmpint(setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
                                           sizeof(groups[i])),
                                ==, 0);
        return fd;
}

/* VPNs whose links are there as long as the descriptors. */
static void connect_vpns(Many *many, int first, int count)
{
        g_autoptr(GString) lines = g_string_new(NULL);

        for (int i = first; i < first + count; i++) {
                g_autofree char *name = g_strdup_printf("many%d", i);

                many->tuns[i] = open_tun(name);
                g_string_append_printf(lines,
                                       "link set %s up\naddr add 10.%d.0.2/24 dev %s\n"
                                       "addr add fd%02x:9::2/64 dev %s\n",
                                       name, 100 + i, name, 1 + i, name);
        }
        run("ip -batch - <<'E'\n%sE", lines->str);
}

static void add_section(KsSettings *settings, int number)
{
        g_autofree char *name = g_strdup_printf("many%d", number);
        g_autofree char *four = g_strdup_printf("10.%d.0.0/24", 100 + number);
        g_autofree char *six = g_strdup_printf("fd%02x:9::/64", 1 + number);
        const char *const networks[] = { four, six };
        KsVpn *vpn = ks_vpn_new(name, name);

        vpn->from_settings = vpn->default4 = vpn->default6 = TRUE;
        for (int i = 0; i < SELECTORS; i++) {
                g_autofree char *server = g_strdup_printf("198.51.%d.%d", 100 + number, 10 + i);

                vpn_add_mark(vpn, IPPROTO_UDP, 0x100 + (uint32_t)number)->remote = prefix(server);
        }
        /* As the engine keeps them: they stay the VPN's own while it is gone. */
        for (guint i = 0; i < G_N_ELEMENTS(networks); i++) {
                KsPrefix network = prefix(networks[i]);

                ks_prefix_array_add(vpn->prefixes, &network);
        }
        g_ptr_array_add(settings->vpns, vpn);
}

static void set_up(Many *many, gconstpointer data)
{
        static const int route_groups[] = { RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
                                            RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
        static const int nftables_groups[] = { NFNLGRP_NFTABLES };

        steered_set_up(&many->steered, data);
        for (int i = 0; i < VPNS; i++)
                add_section(many->steered.settings, i);
        connect_vpns(many, 0, VPNS);
        many->route = listen_to(NETLINK_ROUTE, route_groups, G_N_ELEMENTS(route_groups));
        many->nftables = listen_to(NETLINK_NETFILTER, nftables_groups,
                                   G_N_ELEMENTS(nftables_groups));
}

static void tear_down(Many *many, gconstpointer data)
{
        steered_tear_down(&many->steered, data);
        for (int i = 0; i < VPNS; i++)
                if (many->tuns[i] >= 0)
                        close(many->tuns[i]);
        close(many->route);
        close(many->nftables);
}

static void take_route(Many *many, const struct nlmsghdr *header, Told *told)
{
        gboolean ours = header->nlmsg_pid == ks_enforcer_port(many->steered.enforcer);
        gboolean rule = header->nlmsg_type == RTM_NEWRULE || header->nlmsg_type == RTM_DELRULE;

        told->rules += ours && rule;
        told->routes += ours && !rule;
}

static void take_nftables(G_GNUC_UNUSED Many *many, const struct nlmsghdr *header, Told *told)
{
        switch (NFNL_MSG_TYPE(header->nlmsg_type)) {
        case NFT_MSG_NEWSETELEM:
                told->elements_added++;
                break;
        case NFT_MSG_DELSETELEM:
                told->elements_deleted++;
                break;
        case NFT_MSG_NEWGEN:
                break;
        default:
                told->other_nft++;
        }
}

/* What we do is told before we go on: the messages are there already. */
static void drain(Many *many, int fd, void (*take)(Many *, const struct nlmsghdr *, Told *),
                  Told *told)
{
        static char buffer[256 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));
        ssize_t length;

        while ((length = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
                for (struct nlmsghdr *header = (struct nlmsghdr *)(void *)buffer;
                     NLMSG_OK(header, (size_t)length); header = NLMSG_NEXT(header, length))
                        take(many, header, told);
}

static Told raise_and_hear(Many *many, gboolean links_changed)
{
        Told told = { 0 };

        drain(many, many->route, take_route, &told);
        drain(many, many->nftables, take_nftables, &told);
        told = (Told){ 0 };
        raise_with(&many->steered, links_changed, NULL);
        drain(many, many->route, take_route, &told);
        drain(many, many->nftables, take_nftables, &told);
        assert_in_place(&many->steered);
        return told;
}

static void test_one_of_many(Many *many, gconstpointer data)
{
        Told told = raise_and_hear(many, FALSE);

        (void)data;
        /* The ears are good: all of it was heard. */
        g_assert_cmpuint(told.rules, >=, 2 * VPNS * SELECTORS);
        g_assert_cmpuint(told.routes, >=, 4 * VPNS);
        g_assert_cmpuint(told.elements_added, >=, 5 * VPNS);
        for (int round = 0; round < 3; round++) {
                int number = g_test_rand_int_range(0, VPNS);

                /* The kernel takes the routes; the link and its addresses leave five sets. An
                 * IPv6 link-local address of the link, where there is one, is an element more. */
                many->tuns[number] = (close(many->tuns[number]), -1);
                told = raise_and_hear(many, TRUE);
                g_assert_cmpuint(told.rules, ==, 0);
                g_assert_cmpuint(told.routes, ==, 0);
                g_assert_cmpuint(told.other_nft, ==, 0);
                g_assert_cmpuint(told.elements_added, ==, 0);
                g_assert_cmpuint(told.elements_deleted, >=, 5);
                g_assert_cmpuint(told.elements_deleted, <=, 6);

                /* Two networks and two defaults. */
                connect_vpns(many, number, 1);
                told = raise_and_hear(many, TRUE);
                g_assert_cmpuint(told.rules, ==, 0);
                g_assert_cmpuint(told.routes, ==, 4);
                g_assert_cmpuint(told.other_nft, ==, 0);
                g_assert_cmpuint(told.elements_deleted, ==, 0);
                g_assert_cmpuint(told.elements_added, >=, 5);
                g_assert_cmpuint(told.elements_added, <=, 6);
        }
        told = raise_and_hear(many, FALSE);
        g_assert_cmpuint(told.rules + told.routes + told.elements_added + told.elements_deleted, ==,
                         0);
        lower(&many->steered);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add("/flap/one-of-many", Many, NULL, set_up, test_one_of_many, tear_down);
        return g_test_run();
}
