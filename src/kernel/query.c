/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where the kernel would send a packet, asked by RTM_GETROUTE. */

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "common/error.h"
#include "kernel/query.h"

static int take_route(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        struct nlattr *oif = nlmsg_find_attr(header, sizeof(struct rtmsg), RTA_OIF);
        const struct rtmsg *route = nlmsg_data(header);
        KsWayOut *way = userdata;

        way->answer = KS_ANSWER_STAYS;
        if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST || !oif)
                return NL_OK;
        way->answer = KS_ANSWER_LEAVES;
        way->oif = (int)nla_get_u32(oif);
        return NL_OK;
}

static int take_error(struct sockaddr_nl *address, struct nlmsgerr *error, void *userdata)
{
        KsWayOut *way = userdata;

        (void)address;
        switch (-error->error) {
        case EHOSTUNREACH: /* of routes and rules that refuse, and where nothing leads */
        case ENETUNREACH:
        case EACCES:
        case EINVAL: /* blackhole */
                way->answer = KS_ANSWER_STAYS;
                break;
        default:
                way->answer = KS_ANSWER_NONE;
        }
        return NL_STOP;
}

static void put_address(struct nl_msg *message, int attribute, const KsPrefix *prefix)
{
        if (ks_prefix_is_set(prefix))
                nla_put(message, attribute, (int)ks_family_bits(prefix->family) / 8,
                        prefix->address);
}

static struct nl_msg *question(const KsPacket *packet)
{
        struct rtmsg header = { .rtm_family = (unsigned char)packet->family,
                                .rtm_tos = packet->tos,
                                .rtm_dst_len = packet->destination.length,
                                .rtm_src_len = packet->source.length };
        struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);

        if (!message)
                g_error("out of memory");
        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        put_address(message, RTA_DST, &packet->destination);
        put_address(message, RTA_SRC, &packet->source);
        nla_put_u32(message, RTA_MARK, packet->mark);
        nla_put_u32(message, RTA_UID, packet->uid);
        if (packet->oif_index)
                nla_put_u32(message, RTA_OIF, (uint32_t)packet->oif_index);
        nla_put_u8(message, RTA_IP_PROTO, packet->protocol);
        if (packet->protocol != IPPROTO_TCP && packet->protocol != IPPROTO_UDP)
                return message;
        nla_put_u16(message, RTA_SPORT, htons(packet->sport));
        nla_put_u16(message, RTA_DPORT, htons(packet->dport));
        return message;
}

static void ask(struct nl_sock *socket, KsWayOut *way)
{
        struct nl_msg *message = question(&way->packet);
        int r;

        nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_route, way);
        nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, take_error, way);
        r = nl_send_auto(socket, message);
        nlmsg_free(message);
        if (r >= 0)
                nl_recvmsgs_default(socket);
}

gboolean ks_query_routes(GArray *ways, GError **error)
{
        struct nl_sock *socket = nl_socket_alloc();
        int r;

        if (!socket)
                g_error("out of memory");
        /* The answer, or the error, is the acknowledgement. */
        nl_socket_disable_auto_ack(socket);
        r = nl_connect(socket, NETLINK_ROUTE);
        for (guint i = 0; r >= 0 && i < ways->len; i++) {
                KsWayOut *way = &g_array_index(ways, KsWayOut, i);

                way->answer = KS_ANSWER_NONE;
                if (way->askable)
                        ask(socket, way);
        }
        nl_socket_free(socket);
        if (r >= 0)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "Can't open a netlink socket: %s",
                    nl_geterror(r));
        return FALSE;
}
