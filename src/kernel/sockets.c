/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets of all programs: find those that are connected, and end one. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "common/error.h"
#include "kernel/sockets.h"

/* A dump of ten thousand sockets comes in messages of up to this size. */
#define MESSAGE_SIZE (32 * 1024)

struct KsSockets {
        struct nl_sock *socket;
};

/* One dump under way. */
typedef struct Dump {
        KsSocketFilter wants;
        gconstpointer userdata;
        uint8_t protocol;
        GArray *found;
} Dump;

KsSockets *ks_sockets_new(GError **error)
{
        g_autoptr(KsSockets) sockets = g_new0(KsSockets, 1);
        int r;

        sockets->socket = nl_socket_alloc();
        if (!sockets->socket)
                g_error("out of memory");
        r = nl_connect(sockets->socket, NETLINK_SOCK_DIAG);
        if (r < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "Can't ask the kernel about sockets: %s", nl_geterror(r));
                return NULL;
        }
        nl_socket_set_msg_buf_size(sockets->socket, MESSAGE_SIZE);
        return g_steal_pointer(&sockets);
}

void ks_sockets_free(KsSockets *sockets)
{
        if (!sockets)
                return;
        nl_socket_free(sockets->socket);
        g_free(sockets);
}

/* From a family's bytes; nothing from "any", and an IPv4 address that an IPv6 socket uses is an
 * IPv4 address. */
static KsPrefix address_from(int family, const void *bytes)
{
        const struct in6_addr *in6 = bytes;

        if (family == AF_INET)
                return *(const in_addr_t *)bytes ? ks_prefix_from_bytes(AF_INET, bytes, 32)
                                                 : (KsPrefix){ 0 };
        if (IN6_IS_ADDR_UNSPECIFIED(in6))
                return (KsPrefix){ 0 };
        if (IN6_IS_ADDR_V4MAPPED(in6))
                return ks_prefix_from_bytes(AF_INET, &in6->s6_addr[12], 32);
        return ks_prefix_from_bytes(AF_INET6, bytes, 128);
}

static int take_socket(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        const struct inet_diag_msg *told = nlmsg_data(header);
        struct nlattr *mark;
        Dump *dump = userdata;
        KsSocket socket;

        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !nlmsg_valid_hdr(header, sizeof(*told)))
                return NL_SKIP;
        /* What no program holds any more (FIN_WAIT2, say), or not yet. */
        if (!told->idiag_inode)
                return NL_OK;
        socket = (KsSocket){
                .family = told->idiag_family,
                .protocol = dump->protocol,
                .uid = told->idiag_uid,
                .link = (int)told->id.idiag_if,
                .source = address_from(told->idiag_family, told->id.idiag_src),
                .remote = address_from(told->idiag_family, told->id.idiag_dst),
                .source_port = ntohs(told->id.idiag_sport),
                .remote_port = ntohs(told->id.idiag_dport),
                .id = told->id,
        };
        mark = nlmsg_find_attr(header, sizeof(*told), INET_DIAG_MARK);
        if (mark && nla_len(mark) >= 4)
                socket.mark = nla_get_u32(mark);
        if (!dump->wants || dump->wants(&socket, dump->userdata))
                g_array_append_val(dump->found, socket);
        return NL_OK;
}

static int send_request(KsSockets *sockets, int type, int flags,
                        const struct inet_diag_req_v2 *request)
{
        return nl_send_simple(sockets->socket, type, flags, (void *)request, sizeof(*request));
}

/* UDP that is connected is "established", and closed otherwise. */
static uint32_t states_of(KsSocketScope scope, uint8_t protocol)
{
        uint32_t states = ~(1u << TCP_LISTEN | 1u << TCP_TIME_WAIT | 1u << TCP_CLOSE);

        return scope == KS_SOCKETS_SENDING && protocol != IPPROTO_TCP ? states | 1u << TCP_CLOSE
                                                                      : states;
}

gboolean ks_sockets_find(KsSockets *sockets, KsSocketScope scope, KsSocketFilter wants,
                         gconstpointer userdata, GArray *found, GError **error)
{
        static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE };
        static const uint8_t families[] = { AF_INET, AF_INET6 };

        for (guint i = 0; i < G_N_ELEMENTS(protocols) * G_N_ELEMENTS(families); i++) {
                Dump dump = { wants, userdata, protocols[i / 2], found };
                struct inet_diag_req_v2 request = {
                        .sdiag_family = families[i % 2],
                        .sdiag_protocol = dump.protocol,
                        .idiag_states = states_of(scope, dump.protocol),
                };
                int r;

                nl_socket_modify_cb(sockets->socket, NL_CB_VALID, NL_CB_CUSTOM, take_socket, &dump);
                r = send_request(sockets, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request);
                if (r >= 0)
                        r = nl_recvmsgs_default(sockets->socket);
                /* A kernel without this protocol has no socket of it. */
                if (r < 0 && r != -NLE_OBJ_NOTFOUND && r != -NLE_OPNOTSUPP) {
                        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                                    "Can't read the open connections from the kernel: %s",
                                    nl_geterror(r));
                        return FALSE;
                }
        }
        return TRUE;
}

/* What one socket told. */
typedef struct Owner {
        guint32 uid;
        guint64 group;
} Owner;

static int take_owner(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        const struct inet_diag_msg *told = nlmsg_data(header);
        struct nlattr *group;
        Owner *owner = userdata;

        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !nlmsg_valid_hdr(header, sizeof(*told)))
                return NL_SKIP;
        group = nlmsg_find_attr(header, sizeof(*told), INET_DIAG_CGROUP_ID);
        /* Without an inode no program holds it any more. */
        if (group && nla_len(group) >= 8 && told->idiag_inode) {
                owner->uid = told->idiag_uid;
                owner->group = nla_get_u64(group);
        }
        return NL_OK;
}

guint64 ks_sockets_group(KsSockets *sockets, uint8_t protocol, const KsPrefix *source,
                         uint16_t source_port, const KsPrefix *remote, uint16_t remote_port,
                         int link, guint32 uid)
{
        struct inet_diag_req_v2 request = {
                .sdiag_family = source->family,
                .sdiag_protocol = protocol,
                .idiag_states = ~0u,
                .id = { .idiag_if = (uint32_t)link,
                        .idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } },
        };
        /* Of UDP the kernel takes the two ends the other way round, "for historical reasons". */
        gboolean is_swapped = protocol != IPPROTO_TCP;
        const KsPrefix *ends[] = { is_swapped ? remote : source, is_swapped ? source : remote };
        Owner owner = { 0 };
        int r;

        if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
                return 0;
        memcpy(request.id.idiag_src, ends[0]->address, sizeof(request.id.idiag_src));
        memcpy(request.id.idiag_dst, ends[1]->address, sizeof(request.id.idiag_dst));
        request.id.idiag_sport = htons(is_swapped ? remote_port : source_port);
        request.id.idiag_dport = htons(is_swapped ? source_port : remote_port);
        nl_socket_modify_cb(sockets->socket, NL_CB_VALID, NL_CB_CUSTOM, take_owner, &owner);
        r = send_request(sockets, SOCK_DIAG_BY_FAMILY, NLM_F_ACK, &request);
        if (r >= 0)
                r = nl_wait_for_ack(sockets->socket);
        return r >= 0 && owner.uid == uid ? owner.group : 0;
}

KsDestroyed ks_sockets_destroy(KsSockets *sockets, const KsSocket *socket, GError **error)
{
        const struct inet_diag_req_v2 request = {
                .sdiag_family = socket->family,
                .sdiag_protocol = socket->protocol,
                .idiag_states = ~0u,
                .id = socket->id,
        };
        int r = send_request(sockets, SOCK_DESTROY, NLM_F_ACK, &request);

        if (r >= 0)
                r = nl_wait_for_ack(sockets->socket);
        switch (r < 0 ? -r : 0) {
        case 0:
                return KS_DESTROYED;
        case NLE_OBJ_NOTFOUND:
        case NLE_NOADDR:
                return KS_DESTROY_GONE;
        case NLE_OPNOTSUPP:
                return KS_DESTROY_UNSUPPORTED;
        default:
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "Can't end a connection: %s",
                            nl_geterror(r));
                return KS_DESTROY_FAILED;
        }
}
