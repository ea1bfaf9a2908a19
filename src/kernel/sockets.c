/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets with their ports, owners and marks, by sock_diag. */

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "common/error.h"
#include "kernel/sockets.h"

/* A dump under way. */
typedef struct Dump {
        GArray *sockets;
        uint8_t protocol;
} Dump;

static KsPrefix take_address(const struct inet_diag_msg *answer)
{
        static const uint8_t none[16], mapped[12] = { [10] = 0xff, 0xff };
        const void *bytes = answer->id.idiag_dst;

        if (answer->idiag_family == AF_INET)
                return memcmp(bytes, none, 4) ? ks_prefix_from_bytes(AF_INET, bytes, 32)
                                              : (KsPrefix){ 0 };
        /* An IPv6 socket may talk IPv4. */
        if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
                return ks_prefix_from_bytes(AF_INET, (const uint8_t *)bytes + 12, 32);
        return memcmp(bytes, none, 16) ? ks_prefix_from_bytes(AF_INET6, bytes, 128)
                                       : (KsPrefix){ 0 };
}

static int take_socket(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        const struct inet_diag_msg *answer = nlmsg_data(header);
        struct nlattr *mark;
        Dump *dump = userdata;
        KsSocket socket = { .protocol = dump->protocol };

        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !nlmsg_valid_hdr(header, sizeof(*answer)))
                return NL_OK;
        socket.sport = ntohs(answer->id.idiag_sport);
        socket.dport = ntohs(answer->id.idiag_dport);
        socket.uid = answer->idiag_uid;
        socket.remote = take_address(answer);
        mark = nlmsg_find_attr(header, sizeof(*answer), INET_DIAG_MARK);
        if (mark && nla_len(mark) >= 4)
                socket.mark = nla_get_u32(mark);
        g_array_append_val(dump->sockets, socket);
        return NL_OK;
}

static int dump_family(struct nl_sock *socket, int family, Dump *dump)
{
        struct inet_diag_req_v2 request = {
                .sdiag_family = (uint8_t)family,
                .sdiag_protocol = dump->protocol,
                /* UDP has TCP_CLOSE for what isn't connected. */
                .idiag_states = dump->protocol == IPPROTO_UDP
                                        ? 0xffffffffu
                                        : (1u << TCP_ESTABLISHED) | (1u << TCP_SYN_SENT),
        };
        int r;

        nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_socket, dump);
        r = nl_send_simple(socket, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &request, sizeof(request));
        if (r >= 0)
                r = nl_recvmsgs_default(socket);
        /* No IPv6, or a kernel without the module for this protocol. */
        return r == -NLE_OBJ_NOTFOUND || r == -NLE_DUMP_INTR ? 0 : r;
}

gboolean ks_sockets_read(GArray *sockets, GError **error)
{
        static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
        struct nl_sock *socket = nl_socket_alloc();
        int r;

        if (!socket)
                g_error("out of memory");
        r = nl_connect(socket, NETLINK_SOCK_DIAG);
        for (guint i = 0; r >= 0 && i < G_N_ELEMENTS(protocols); i++) {
                Dump dump = { sockets, protocols[i] };

                r = dump_family(socket, AF_INET, &dump);
                if (r >= 0)
                        r = dump_family(socket, AF_INET6, &dump);
        }
        nl_socket_free(socket);
        if (r >= 0)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "Can't read the sockets from the kernel: %s",
                    nl_geterror(r));
        return FALSE;
}
