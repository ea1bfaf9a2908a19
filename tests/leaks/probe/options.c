/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets of every kind, and the options that choose a way for their packets. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/in6.h>
#include <linux/udp.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#define IPV6_SEGMENTS 4 /* the type of a segment routing header, RFC 8754 */

/* linux/in6.h */
#define FLOW_LABEL_MANAGER 32
#define FLOW_LABEL_SEND 33
#define OWN_HEADER6 36
#define UNICAST_IF4 50
#define UNICAST_IF6 76

typedef gboolean (*Setter)(const Probe *probe, const char *value);

int probe_index(const char *interface)
{
        return (int)if_nametoindex(interface);
}

static gboolean set(const Probe *probe, int level, int option, const void *value, size_t length)
{
        return setsockopt(probe->fd, level, option, value, length) == 0;
}

static gboolean set_int(const Probe *probe, int level, int option, int value)
{
        return set(probe, level, option, &value, sizeof(value));
}

static gboolean is6(const Probe *probe)
{
        return probe->family == AF_INET6;
}

static gboolean set_device(const Probe *probe, const char *value)
{
        return set(probe, SOL_SOCKET, SO_BINDTODEVICE, value, strlen(value));
}

static gboolean set_mark(const Probe *probe, const char *value)
{
        return set_int(probe, SOL_SOCKET, SO_MARK, (int)strtol(value, NULL, 0));
}

static gboolean set_dontroute(const Probe *probe, const char *value)
{
        return set_int(probe, SOL_SOCKET, SO_DONTROUTE, atoi(value));
}

static gboolean set_broadcast(const Probe *probe, const char *value)
{
        return set_int(probe, SOL_SOCKET, SO_BROADCAST, atoi(value));
}

static gboolean set_unicast_if(const Probe *probe, const char *value)
{
        int index = (int)htonl((uint32_t)probe_index(value));

        return is6(probe) ? set_int(probe, IPPROTO_IPV6, UNICAST_IF6, index)
                          : set_int(probe, IPPROTO_IP, UNICAST_IF4, index);
}

static gboolean set_multicast_if(const Probe *probe, const char *value)
{
        struct ip_mreqn request = { .imr_ifindex = probe_index(value) };

        return is6(probe) ? set_int(probe, IPPROTO_IPV6, IPV6_MULTICAST_IF, request.imr_ifindex)
                          : set(probe, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request));
}

static gboolean set_hops(const Probe *probe, const char *value)
{
        int hops = atoi(value);

        if (is6(probe))
                return set_int(probe, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) &&
                       set_int(probe, IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops);
        return set_int(probe, IPPROTO_IP, IP_MULTICAST_TTL, hops) &&
               set_int(probe, IPPROTO_IP, IP_TTL, hops);
}

static gboolean set_freebind(const Probe *probe, const char *value)
{
        return set_int(probe, IPPROTO_IP, IP_FREEBIND, atoi(value));
}

static gboolean set_transparent(const Probe *probe, const char *value)
{
        return is6(probe) ? set_int(probe, IPPROTO_IPV6, IPV6_TRANSPARENT, atoi(value))
                          : set_int(probe, IPPROTO_IP, IP_TRANSPARENT, atoi(value));
}

/* Loose source routing, RFC 791: by this router first. */
static gboolean set_route_by(const Probe *probe, const char *value)
{
        unsigned char loose[] = { 1, 131, 7, 4, 0, 0, 0, 0 };
        struct {
                unsigned char next, length, type, left, last, flags, tag[2];
                struct in6_addr stations[2]; /* the last one first; the kernel puts it in */
        } segments = { .length = 4, .type = IPV6_SEGMENTS, .left = 1, .last = 1 };

        if (!is6(probe))
                return inet_pton(AF_INET, value, loose + 4) == 1 &&
                       set(probe, IPPROTO_IP, IP_OPTIONS, loose, sizeof(loose));
        return inet_pton(AF_INET6, value, &segments.stations[1]) == 1 &&
               set(probe, IPPROTO_IPV6, IPV6_RTHDR, &segments, sizeof(segments));
}

static gboolean set_sticky_pktinfo(const Probe *probe, const char *value)
{
        struct in6_pktinfo info = { .ipi6_ifindex = (unsigned)probe_index(value) };

        return set(probe, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

static gboolean set_flow_label(const Probe *probe, const char *value)
{
        struct in6_flowlabel_req request = {
                .flr_label = htonl((uint32_t)strtoul(value, NULL, 0)),
                .flr_action = IPV6_FL_A_GET,
                .flr_share = IPV6_FL_S_ANY,
                .flr_flags = IPV6_FL_F_CREATE,
                .flr_dst = IN6ADDR_LOOPBACK_INIT,
        };

        return set(probe, IPPROTO_IPV6, FLOW_LABEL_MANAGER, &request, sizeof(request)) &&
               set_int(probe, IPPROTO_IPV6, FLOW_LABEL_SEND, 1);
}

static gboolean set_join(const Probe *probe, const char *value)
{
        char *group = g_strndup(value, strcspn(value, "%"));
        const char *interface = strchr(value, '%');
        struct ip_mreqn four = { 0 };
        struct ipv6_mreq six = { 0 };
        gboolean done;

        four.imr_ifindex = interface ? probe_index(interface + 1) : 0;
        six.ipv6mr_interface = (unsigned)four.imr_ifindex;
        if (is6(probe))
                done = inet_pton(AF_INET6, group, &six.ipv6mr_multiaddr) == 1 &&
                       set(probe, IPPROTO_IPV6, IPV6_JOIN_GROUP, &six, sizeof(six));
        else
                done = inet_pton(AF_INET, group, &four.imr_multiaddr) == 1 &&
                       set(probe, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof(four));
        g_free(group);
        return done;
}

static gboolean set_segment(const Probe *probe, const char *value)
{
        return set_int(probe, IPPROTO_UDP, UDP_SEGMENT, atoi(value));
}

static gboolean set_zerocopy(const Probe *probe, const char *value)
{
        return set_int(probe, SOL_SOCKET, SO_ZEROCOPY, atoi(value));
}

gboolean probe_set_options(const Probe *probe, const Order *order)
{
        static const struct {
                const char *key;
                Setter set;
        } options[] = {
                { "device", set_device },
                { "mark", set_mark },
                { "dontroute", set_dontroute },
                { "broadcast", set_broadcast },
                { "unicast_if", set_unicast_if },
                { "multicast_if", set_multicast_if },
                { "hops", set_hops },
                { "freebind", set_freebind },
                { "transparent", set_transparent },
                { "route_by", set_route_by },
                { "sticky_pktinfo", set_sticky_pktinfo },
                { "flow_label", set_flow_label },
                { "join", set_join },
                { "segment", set_segment },
                { "zerocopy", set_zerocopy },
        };

        for (guint i = 0; i < G_N_ELEMENTS(options); i++) {
                const char *value = order_get(order, options[i].key);

                if (value && !options[i].set(probe, value))
                        return FALSE;
        }
        return TRUE;
}

socklen_t probe_address(const Probe *probe, const Order *order, const char *address,
                        const char *port, struct sockaddr_storage *storage)
{
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)storage;
        struct sockaddr_in *four = (struct sockaddr_in *)storage;
        struct sockaddr_ll *link = (struct sockaddr_ll *)storage;
        const char *text = order_get(order, address);
        const char *scope = text ? strchr(text, '%') : NULL;
        g_autofree char *plain = NULL;
        /* Raw IPv6 sockets take no other port than their protocol or none. */
        uint16_t number = probe->raw ? 0 : htons((uint16_t)order_number(order, port));
        gboolean parsed = TRUE;

        memset(storage, 0, sizeof(*storage));
        storage->ss_family = (sa_family_t)probe->family;
        if (probe->family == AF_PACKET) {
                link->sll_protocol = htons(probe->target_family == AF_INET6 ? ETH_P_IPV6
                                                                            : ETH_P_IP);
                link->sll_ifindex = probe_index(order_get(order, "link"));
                return sizeof(*link);
        }
        plain = text ? g_strndup(text, scope ? (gsize)(scope - text) : strlen(text)) : NULL;
        if (is6(probe)) {
                six->sin6_port = number;
                six->sin6_scope_id = scope ? (uint32_t)probe_index(scope + 1) : 0;
                if (plain && !strchr(plain, ':')) {
                        g_autofree char *mapped = g_strdup_printf("::ffff:%s", plain);

                        parsed = inet_pton(AF_INET6, mapped, &six->sin6_addr) == 1;
                } else if (plain) {
                        parsed = inet_pton(AF_INET6, plain, &six->sin6_addr) == 1;
                }
        } else {
                four->sin_port = number;
                parsed = !plain || inet_pton(AF_INET, plain, &four->sin_addr) == 1;
        }
        if (!parsed) {
                errno = EINVAL;
                return 0;
        }
        return is6(probe) ? sizeof(*six) : sizeof(*four);
}

static gboolean bind_it(const Probe *probe, const Order *order)
{
        struct sockaddr_storage storage;
        socklen_t length;

        if (!order_get(order, "source") && !order_get(order, "sport"))
                return TRUE;
        set_int(probe, SOL_SOCKET, SO_REUSEADDR, 1);
        length = probe_address(probe, order, "source", "sport", &storage);
        return length > 0 && bind(probe->fd, (struct sockaddr *)&storage, length) == 0;
}

static gboolean make_socket(Probe *probe, const Order *order, const char *kind)
{
        int type = SOCK_DGRAM;

        if (g_str_equal(kind, "tcp")) {
                type = SOCK_STREAM;
                probe->stream = TRUE;
        } else if (g_str_equal(kind, "icmp")) {
                probe->protocol = is6(probe) ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
                probe->echo = TRUE;
        } else if (g_str_equal(kind, "udplite")) {
                probe->protocol = IPPROTO_UDPLITE;
        } else if (g_str_equal(kind, "raw")) {
                type = SOCK_RAW;
                probe->raw = TRUE;
                probe->protocol = (int)order_number(order, "protocol");
                probe->header = order_number(order, "header") != 0;
        } else if (g_str_equal(kind, "packet")) {
                probe->family = AF_PACKET;
                type = SOCK_RAW;
                probe->header = TRUE;
        }
        probe->fd = socket(probe->family, type | SOCK_NONBLOCK | SOCK_CLOEXEC,
                           probe->header ? (probe->family == AF_PACKET ? 0 : IPPROTO_RAW)
                                         : probe->protocol);
        if (probe->fd < 0)
                return FALSE;
        return !probe->header || probe->family != AF_INET6 ||
               set_int(probe, IPPROTO_IPV6, OWN_HEADER6, 1);
}

gboolean probe_open(Probe *probe, const Order *order)
{
        const char *target = order_get(order, "to");
        const char *kind = order_get(order, "kind");
        int saved;

        *probe = (Probe){ .fd = -1 };
        probe->family = order_number(order, "family") == 6 ? AF_INET6 : AF_INET;
        probe->target_family = probe->family;
        if (target)
                probe->target_family = strchr(target, ':') ? AF_INET6 : AF_INET;
        if (make_socket(probe, order, kind ? kind : "udp") && probe_set_options(probe, order) &&
            bind_it(probe, order))
                return TRUE;
        saved = errno;
        if (probe->fd >= 0)
                close(probe->fd);
        probe->fd = -1;
        errno = saved;
        return FALSE;
}
