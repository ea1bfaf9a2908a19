/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that the guard refused, as the kernel logs them: raw nfnetlink_log. */

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "common/error.h"
#include "common/names.h"
#include "kernel/blocked-log.h"

/* Each message is one packet; the rule's own limit lets few through. */
#define MESSAGES_MAX 64
#define BUFFER_SIZE (64 * 1024)

struct KsBlockedLog {
        struct nl_sock *socket;
        KsLoggedPacketFunc take;
        gpointer userdata;
};

static struct nl_msg *config_message(void)
{
        struct nfgenmsg header = {
                .nfgen_family = AF_UNSPEC,
                .version = NFNETLINK_V0,
                .res_id = htons(KS_BLOCKED_GROUP),
        };
        struct nl_msg *message = nlmsg_alloc_simple((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_CONFIG,
                                                    NLM_F_ACK);

        if (!message)
                g_error("out of memory");
        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        return message;
}

static int send_config(KsBlockedLog *log, struct nl_msg *message)
{
        int r = nl_send_auto(log->socket, message);

        nlmsg_free(message);
        return r < 0 ? r : nl_wait_for_ack(log->socket);
}

/* Binds the group, and asks for every packet at once and for its beginning only. */
static int configure(KsBlockedLog *log)
{
        struct nfulnl_msg_config_cmd bind = { NFULNL_CFG_CMD_BIND };
        struct nfulnl_msg_config_mode mode = {
                .copy_range = htonl(KS_BLOCKED_SNAPLEN),
                .copy_mode = NFULNL_COPY_PACKET,
        };
        struct nl_msg *message = config_message();
        int r;

        nla_put(message, NFULA_CFG_CMD, sizeof(bind), &bind);
        r = send_config(log, message);
        if (r < 0)
                return r;
        message = config_message();
        nla_put(message, NFULA_CFG_MODE, sizeof(mode), &mode);
        nla_put_u32(message, NFULA_CFG_QTHRESH, htonl(1));
        return send_config(log, message);
}

static gboolean has_payload(const struct nlattr *attribute, int size)
{
        return attribute && nla_len(attribute) >= size;
}

static int take_message(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        struct nlattr *told[NFULA_MAX + 1];
        KsLoggedPacket packet = { 0 };
        KsBlockedLog *log = userdata;

        if (header->nlmsg_type != ((NFNL_SUBSYS_ULOG << 8) | NFULNL_MSG_PACKET) || !log->take ||
            nlmsg_parse(header, sizeof(struct nfgenmsg), told, NFULA_MAX, NULL) < 0 ||
            !told[NFULA_PAYLOAD])
                return NL_SKIP;
        packet.bytes = nla_data(told[NFULA_PAYLOAD]);
        packet.length = (gsize)nla_len(told[NFULA_PAYLOAD]);
        packet.has_uid = has_payload(told[NFULA_UID], 4);
        if (packet.has_uid)
                packet.uid = ntohl(nla_get_u32(told[NFULA_UID]));
        if (has_payload(told[NFULA_IFINDEX_OUTDEV], 4))
                packet.link = (int)ntohl(nla_get_u32(told[NFULA_IFINDEX_OUTDEV]));
        log->take(&packet, log->userdata);
        return NL_OK;
}

KsBlockedLog *ks_blocked_log_new(GError **error)
{
        g_autoptr(KsBlockedLog) log = g_new0(KsBlockedLog, 1);
        int r;

        log->socket = nl_socket_alloc();
        if (!log->socket)
                g_error("out of memory");
        nl_socket_disable_seq_check(log->socket);
        nl_socket_modify_cb(log->socket, NL_CB_VALID, NL_CB_CUSTOM, take_message, log);
        r = nl_connect(log->socket, NETLINK_NETFILTER);
        if (r >= 0)
                r = nl_socket_set_buffer_size(log->socket, BUFFER_SIZE, 0);
        if (r >= 0)
                r = configure(log);
        if (r >= 0)
                r = nl_socket_set_nonblocking(log->socket);
        if (r < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "RecordBlocked=yes has no effect, because the kernel's log of packets "
                            "can't be read (%s). It takes CONFIG_NETFILTER_NETLINK_LOG, and no "
                            "other program that listens to log group %d; then say 'ksctl reload'",
                            nl_geterror(r), KS_BLOCKED_GROUP);
                return NULL;
        }
        return g_steal_pointer(&log);
}

void ks_blocked_log_free(KsBlockedLog *log)
{
        if (!log)
                return;
        nl_socket_free(log->socket);
        g_free(log);
}

int ks_blocked_log_fd(const KsBlockedLog *log)
{
        return nl_socket_get_fd(log->socket);
}

void ks_blocked_log_drain(KsBlockedLog *log, KsLoggedPacketFunc take, gpointer userdata)
{
        log->take = take;
        log->userdata = userdata;
        /* An overrun is told once, as an error, and then the rest is there. */
        for (int i = 0; i < MESSAGES_MAX; i++) {
                int r = nl_recvmsgs_default(log->socket);

                if (r < 0 && r != -NLE_NOMEM)
                        break;
        }
        log->take = NULL;
}
