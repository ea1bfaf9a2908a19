/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Event sockets: links, addresses, rules, routes and nftables, drained with a cap. */

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"
#include "kernel/message.h"
#include "kernel/monitor.h"

/* Datagrams of one drain, and the receive buffer that bridges the rest. */
#define DRAIN_MAX 512
#define RECEIVE_BUFFER (4 * 1024 * 1024)

struct KsMonitor {
        struct nl_sock *route;
        struct nl_sock *nftables; /* NULL without nftables */
        guint32 own_port;
        guint32 table;
};

static struct nl_sock *subscribe(int protocol, const int *groups, guint count, int *result)
{
        struct nl_sock *socket = nl_socket_alloc();
        int size = RECEIVE_BUFFER;

        if (!socket)
                g_error("out of memory");
        *result = nl_connect(socket, protocol);
        for (guint i = 0; *result >= 0 && i < count; i++)
                *result = nl_socket_add_membership(socket, groups[i]);
        if (*result >= 0)
                *result = nl_socket_set_nonblocking(socket);
        if (*result < 0) {
                nl_socket_free(socket);
                return NULL;
        }
        /* Beyond the system's limit where CAP_NET_ADMIN allows. */
        if (setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) <
            0)
                nl_socket_set_buffer_size(socket, size, 0);
        return socket;
}

KsMonitor *ks_monitor_new(guint32 own_port, GError **error)
{
        static const int route_groups[] = {
                RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE,
                RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_ROUTE,
        };
        static const int nftables_groups[] = { NFNLGRP_NFTABLES };
        g_autoptr(KsMonitor) monitor = g_new0(KsMonitor, 1);
        int r;

        monitor->own_port = own_port;
        monitor->route = subscribe(NETLINK_ROUTE, route_groups, G_N_ELEMENTS(route_groups), &r);
        if (!monitor->route) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "Can't subscribe to the kernel's network events: %s", nl_geterror(r));
                return NULL;
        }
        monitor->nftables = subscribe(NETLINK_NETFILTER, nftables_groups,
                                      G_N_ELEMENTS(nftables_groups), &r);
        return g_steal_pointer(&monitor);
}

void ks_monitor_free(KsMonitor *monitor)
{
        if (!monitor)
                return;
        nl_socket_free(monitor->route);
        if (monitor->nftables)
                nl_socket_free(monitor->nftables);
        g_free(monitor);
}

void ks_monitor_set_table(KsMonitor *monitor, guint32 table)
{
        monitor->table = table;
}

int ks_monitor_route_fd(const KsMonitor *monitor)
{
        return nl_socket_get_fd(monitor->route);
}

int ks_monitor_nftables_fd(const KsMonitor *monitor)
{
        return monitor->nftables ? nl_socket_get_fd(monitor->nftables) : -1;
}

static guint route_change(const KsMonitor *monitor, struct nlmsghdr *header)
{
        KsRoute route;

        if (!ks_message_parse_route(header, &route))
                return 0;
        if (route.table == monitor->table)
                return KS_CHANGE_ROUTES;
        if (route.table != RT_TABLE_MAIN)
                return KS_CHANGE_OTHERS;
        return ks_message_is_default(header) ? KS_CHANGE_MAIN | KS_CHANGE_DEFAULTS : KS_CHANGE_MAIN;
}

static guint message_change(const KsMonitor *monitor, struct nlmsghdr *header)
{
        if (header->nlmsg_pid && header->nlmsg_pid == monitor->own_port)
                return 0;
        switch (header->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
        case RTM_NEWADDR:
        case RTM_DELADDR:
                return KS_CHANGE_LINKS;
        case RTM_NEWRULE:
        case RTM_DELRULE:
                return KS_CHANGE_RULES;
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
                return route_change(monitor, header);
        case NLMSG_OVERRUN:
                return KS_CHANGE_LOST;
        default:
                return 0;
        }
}

static guint drain_route(const KsMonitor *monitor)
{
        static char buffer[64 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));
        guint changes = 0;

        for (int i = 0; i < DRAIN_MAX; i++) {
                ssize_t length = recv(ks_monitor_route_fd(monitor), buffer, sizeof(buffer),
                                      MSG_DONTWAIT);
                int remaining = (int)length;

                if (length < 0 && errno == EINTR)
                        continue;
                if (length < 0 && errno == ENOBUFS) {
                        changes |= KS_CHANGE_LOST;
                        continue;
                }
                if (length <= 0)
                        break;
                for (struct nlmsghdr *header = (struct nlmsghdr *)buffer;
                     nlmsg_ok(header, remaining); header = nlmsg_next(header, &remaining))
                        changes |= message_change(monitor, header);
        }
        return changes;
}

static guint drain_nftables(const KsMonitor *monitor)
{
        char byte;
        guint changes = 0;

        for (int i = 0; monitor->nftables && i < DRAIN_MAX; i++) {
                ssize_t length = recv(ks_monitor_nftables_fd(monitor), &byte, 1,
                                      MSG_DONTWAIT | MSG_TRUNC);

                if (length < 0 && errno == EINTR)
                        continue;
                if (length < 0 && errno != ENOBUFS)
                        break;
                changes |= KS_CHANGE_NFTABLES;
        }
        return changes;
}

guint ks_monitor_drain(KsMonitor *monitor)
{
        return drain_route(monitor) | drain_nftables(monitor);
}
