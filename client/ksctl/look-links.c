/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads links, and asks for the route to an address. */

#include <arpa/inet.h>
#include <errno.h>
#include <net/if_arp.h>
#include <string.h>

#include "client/ksctl/look.h"
#include "client/ksctl/netlink.h"

/* Two routes of this length are a default route, too: the service takes neither for the LAN. */
#define HALF_DEFAULT 1

static void copy_text(char *to, size_t size, const struct rtattr *attribute)
{
        g_autofree char *text = g_strndup(RTA_DATA(attribute), RTA_PAYLOAD(attribute));

        g_strlcpy(to, text, size);
}

static void on_link(const struct nlmsghdr *message, void *userdata)
{
        const struct ifinfomsg *info = NLMSG_DATA(message);
        int length = (int)IFLA_PAYLOAD(message);
        const struct rtattr *name = netlink_find(IFLA_RTA(info), length, IFLA_IFNAME);
        const struct rtattr *linkinfo = netlink_find(IFLA_RTA(info), length, IFLA_LINKINFO);
        const struct rtattr *kind = NULL;
        LookLink link = { .type = info->ifi_type };

        if (!name)
                return;
        if (linkinfo)
                kind = netlink_find(RTA_DATA(linkinfo), (int)RTA_PAYLOAD(linkinfo), IFLA_INFO_KIND);
        copy_text(link.name, sizeof(link.name), name);
        if (kind)
                copy_text(link.kind, sizeof(link.kind), kind);
        g_array_append_val((GArray *)userdata, link);
}

int look_links(GArray **links)
{
        struct {
                struct nlmsghdr header;
                struct ifinfomsg info;
        } request = {
                .header = { .nlmsg_len = sizeof(request),
                            .nlmsg_type = RTM_GETLINK,
                            .nlmsg_flags = NLM_F_DUMP },
        };

        *links = g_array_new(FALSE, TRUE, sizeof(LookLink));
        return netlink_ask(NETLINK_ROUTE, &request.header, on_link, *links);
}

bool look_is_tunnel(const char *name)
{
        /* Those that pass for Ethernet. */
        static const char *const kinds[] = { "tun",       "vxlan",  "geneve",    "gretap",
                                             "ip6gretap", "erspan", "ip6erspan", NULL };
        g_autoptr(GArray) links = NULL;

        if (look_links(&links) < 0)
                return true;
        for (guint i = 0; i < links->len; i++) {
                const LookLink *link = &g_array_index(links, LookLink, i);

                if (g_str_equal(link->name, name))
                        return g_strv_contains(kinds, link->kind) ||
                               (link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK &&
                                link->type != ARPHRD_INFINIBAND);
        }
        return true;
}

/* What is said about a route. */
typedef struct Route {
        int link;
        unsigned length; /* of the prefix, when that was asked for */
} Route;

static void on_route(const struct nlmsghdr *message, void *userdata)
{
        const struct rtmsg *route = NLMSG_DATA(message);
        const struct rtattr *link = netlink_find(RTM_RTA(route), (int)RTM_PAYLOAD(message),
                                                 RTA_OIF);

        Route *ret = userdata;

        if (link)
                memcpy(&ret->link, RTA_DATA(link), sizeof(int));
        ret->length = route->rtm_dst_len;
}

/* Room for a destination and a mark. */
typedef struct RouteRequest {
        struct nlmsghdr header;
        struct rtmsg route;
        char attributes[64];
} RouteRequest;

static void put(RouteRequest *request, unsigned short type, const void *data, size_t size)
{
        struct rtattr *attribute = (void *)((char *)request +
                                            NLMSG_ALIGN(request->header.nlmsg_len));

        attribute->rta_type = type;
        attribute->rta_len = (unsigned short)RTA_LENGTH(size);
        memcpy(RTA_DATA(attribute), data, size);
        request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) +
                                    (unsigned)RTA_ALIGN(attribute->rta_len);
}

/* The address without port and brackets. Returns: its family, AF_UNSPEC when it is none. */
static int parse_address(const char *endpoint, void *bytes)
{
        const char *colon = strchr(endpoint, ':');
        gboolean has_port = *endpoint != '[' && colon && !strchr(colon + 1, ':');
        g_autofree char *address = *endpoint == '['
                                           ? g_strndup(endpoint + 1, strcspn(endpoint + 1, "]"))
                                   : has_port ? g_strndup(endpoint, colon - endpoint)
                                              : g_strdup(endpoint);
        int family = strchr(address, ':') ? AF_INET6 : AF_INET;

        return inet_pton(family, address, bytes) == 1 ? family : AF_UNSPEC;
}

static RouteRequest route_request(int family, const void *to)
{
        RouteRequest request = {
                .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                            .nlmsg_type = RTM_GETROUTE },
                .route = { .rtm_family = (unsigned char)family,
                           .rtm_dst_len = family == AF_INET ? 32 : 128 },
        };

        put(&request, RTA_DST, to, family == AF_INET ? 4 : 16);
        return request;
}

int look_route(const char *endpoint, uint32_t mark, char link[IFNAMSIZ])
{
        unsigned char address[16] = { 0 };
        int family = parse_address(endpoint, address), r;
        RouteRequest request;
        Route route = { 0 };

        if (family == AF_UNSPEC)
                return -EINVAL;
        request = route_request(family, address);
        if (mark)
                put(&request, RTA_MARK, &mark, sizeof(mark));
        r = netlink_ask(NETLINK_ROUTE, &request.header, on_route, &route);
        if (r < 0)
                return r;
        return if_indextoname((unsigned)route.link, link) ? 0 : -ENODEV;
}

int look_way(int family, const void *to, const void *from, char link[IFNAMSIZ], bool *is_default)
{
        RouteRequest request = route_request(family, to);
        Route way = { 0 }, entry = { 0 };
        int r;

        if (from) {
                request.route.rtm_src_len = request.route.rtm_dst_len;
                put(&request, RTA_SRC, from, family == AF_INET ? 4 : 16);
        }
        r = netlink_ask(NETLINK_ROUTE, &request.header, on_route, &way);
        if (r < 0)
                return r;
        /* Again for the entry of the table instead of what came of it. */
        request.route.rtm_flags = RTM_F_FIB_MATCH;
        r = netlink_ask(NETLINK_ROUTE, &request.header, on_route, &entry);
        if (r < 0)
                return r;
        *is_default = entry.length <= HALF_DEFAULT;
        return if_indextoname((unsigned)way.link, link) ? 0 : -ENODEV;
}
