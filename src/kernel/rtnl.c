/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Dumps and batches of rules and routes over rtnetlink. */

#include <errno.h>
#include <net/if.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/names.h"
#include "kernel/message.h"
#include "kernel/request.h"
#include "kernel/rtnl.h"

/* Messages of one system call. An acknowledgement takes about a kilobyte of the
 * receive buffer, which is sized for all of them. */
#define BATCH_MAX 64
#define RECEIVE_BUFFER (1024 * 1024)
/* A dump that is interrupted by changes is asked for again this often. */
#define DUMP_TRIES 20

struct KsRtnl {
        KsRequestSocket requests;
        KsRequestSocket caches; /* for libnl's caches, whose requests are not strict */
        guint32 batch_sequence; /* libnl counts only what it sends and receives itself */
};

static gboolean set_option(struct nl_sock *socket, int option)
{
        int on = 1;

        return setsockopt(nl_socket_get_fd(socket), SOL_NETLINK, option, &on, sizeof(on)) == 0;
}

static int prepare_caches(struct nl_sock *socket)
{
        nl_socket_set_buffer_size(socket, RECEIVE_BUFFER, RECEIVE_BUFFER);
        return nl_socket_set_msg_buf_size(socket, 64 * 1024);
}

static int prepare_requests(struct nl_sock *socket)
{
        set_option(socket, NETLINK_EXT_ACK);
        set_option(socket, NETLINK_CAP_ACK);
        /* Lets the kernel filter a dump by table (since 4.20). */
        set_option(socket, NETLINK_GET_STRICT_CHK);
        return prepare_caches(socket);
}

static gboolean open_socket(KsRequestSocket *socket, GError **error)
{
        int r = ks_request_socket_open(socket);

        if (r >= 0)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "Can't open a netlink socket: %s",
                    nl_geterror(r));
        return FALSE;
}

KsRtnl *ks_rtnl_new(GError **error)
{
        g_autoptr(KsRtnl) rtnl = g_new0(KsRtnl, 1);

        rtnl->requests = (KsRequestSocket){ NETLINK_ROUTE, prepare_requests, NULL, 0 };
        rtnl->caches = (KsRequestSocket){ NETLINK_ROUTE, prepare_caches, NULL, 0 };
        if (!open_socket(&rtnl->requests, error) || !open_socket(&rtnl->caches, error))
                return NULL;
        return g_steal_pointer(&rtnl);
}

void ks_rtnl_free(KsRtnl *rtnl)
{
        if (!rtnl)
                return;
        ks_request_socket_clear(&rtnl->requests);
        ks_request_socket_clear(&rtnl->caches);
        g_free(rtnl);
}

guint32 ks_rtnl_port(const KsRtnl *rtnl)
{
        return rtnl->requests.port;
}

KsRequestSocket *ks_rtnl_caches(KsRtnl *rtnl)
{
        return &rtnl->caches;
}

/* A dump in flight: where results go, and what is wanted. */
typedef struct Dump {
        GArray *result;
        guint32 table; /* 0: all */
        guint8 origin; /* 0: all */
        nl_recvmsg_msg_cb_t take;
} Dump;

static int take_rule(struct nl_msg *message, void *userdata)
{
        Dump *dump = userdata;
        KsRule rule;

        if (nlmsg_hdr(message)->nlmsg_type == RTM_NEWRULE &&
            ks_message_parse_rule(nlmsg_hdr(message), &rule) &&
            (!dump->origin || rule.origin == dump->origin))
                g_array_append_val(dump->result, rule);
        return NL_OK;
}

static int take_route(struct nl_msg *message, void *userdata)
{
        Dump *dump = userdata;
        KsRoute route;

        if (nlmsg_hdr(message)->nlmsg_type == RTM_NEWROUTE &&
            ks_message_parse_route(nlmsg_hdr(message), &route) &&
            (!dump->table || route.table == dump->table) &&
            (!dump->origin || route.origin == dump->origin))
                g_array_append_val(dump->result, route);
        return NL_OK;
}

static int take_default(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        Dump *dump = userdata;
        KsRoute route;

        if (header->nlmsg_type == RTM_NEWROUTE && ks_message_is_default(header) &&
            ks_message_parse_route(header, &route) && route.table == dump->table)
                ks_message_route_links(header, dump->result);
        return NL_OK;
}

static struct nl_msg *dump_request(int type, int family, const Dump *dump)
{
        struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_DUMP);

        if (!message)
                g_error("out of memory");
        if (type == RTM_GETRULE) {
                struct fib_rule_hdr header = { .family = (uint8_t)family };

                nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        } else {
                struct rtmsg header = { .rtm_family = (unsigned char)family,
                                        .rtm_protocol = dump->origin };

                nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
                if (dump->table)
                        nla_put_u32(message, RTA_TABLE, dump->table);
        }
        return message;
}

/* One family; again from the start when something changed while it ran. */
static gboolean dump_family(KsRtnl *rtnl, int type, int family, Dump *dump, GError **error)
{
        guint before = dump->result->len;
        int r = 0;

        if (!open_socket(&rtnl->requests, error))
                return FALSE;
        nl_socket_modify_cb(rtnl->requests.socket, NL_CB_VALID, NL_CB_CUSTOM, dump->take, dump);
        for (int i = 0; i < DUMP_TRIES; i++) {
                struct nl_msg *message = dump_request(type, family, dump);

                g_array_set_size(dump->result, before);
                r = nl_send_auto(rtnl->requests.socket, message);
                nlmsg_free(message);
                if (r >= 0)
                        r = nl_recvmsgs_default(rtnl->requests.socket);
                if (r != -NLE_DUMP_INTR)
                        break;
        }
        ks_request_socket_settle(&rtnl->requests, r);
        /* A strict dump of a table that was never used says ENOENT. */
        if (r < 0 && r != -NLE_OBJ_NOTFOUND) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "Can't read the %s from the kernel: %s",
                            type == RTM_GETRULE ? "routing rules" : "routes", nl_geterror(r));
                return FALSE;
        }
        return TRUE;
}

static gboolean dump_both(KsRtnl *rtnl, int type, Dump *dump, GError **error)
{
        return dump_family(rtnl, type, AF_INET, dump, error) &&
               dump_family(rtnl, type, AF_INET6, dump, error);
}

gboolean ks_rtnl_dump_rules(KsRtnl *rtnl, GArray *rules, GError **error)
{
        Dump dump = { rules, 0, KS_PROTOCOL, take_rule };

        return dump_both(rtnl, RTM_GETRULE, &dump, error);
}

gboolean ks_rtnl_dump_all_rules(KsRtnl *rtnl, GArray *rules, GError **error)
{
        Dump dump = { rules, 0, 0, take_rule };

        return dump_both(rtnl, RTM_GETRULE, &dump, error);
}

gboolean ks_rtnl_dump_routes(KsRtnl *rtnl, guint32 table, guint8 origin, GArray *routes,
                             GError **error)
{
        Dump dump = { routes, table, origin, take_route };

        return dump_both(rtnl, RTM_GETROUTE, &dump, error);
}

gboolean ks_rtnl_dump_default_links(KsRtnl *rtnl, guint32 table, GArray *links, GError **error)
{
        Dump dump = { links, table, 0, take_default };

        return dump_both(rtnl, RTM_GETROUTE, &dump, error);
}

char *ks_rtnl_describe_route(const KsRoute *route)
{
        char name[IF_NAMESIZE];

        return ks_route_to_string(route, if_indextoname((unsigned)route->oif, name));
}

char *ks_rtnl_describe_op(const KsOp *op)
{
        gboolean is_rule = op->kind == KS_OP_ADD_RULE || op->kind == KS_OP_DELETE_RULE;
        char name[IF_NAMESIZE];

        return ks_op_to_string(op, is_rule ? NULL : if_indextoname((unsigned)op->route.oif, name));
}

/* Whether the kernel's answer means that nothing is left to do. */
static gboolean outcome_is_fine(const KsOp *op, int code)
{
        switch (op->kind) {
        case KS_OP_ADD_RULE:
        case KS_OP_ADD_ROUTE:
                return code == EEXIST;
        case KS_OP_DELETE_RULE:
                return code == ENOENT || code == ESRCH;
        case KS_OP_DELETE_ROUTE:
                return code == ESRCH || code == ENOENT || code == ENODEV;
        default:
                return FALSE;
        }
}

/* The kernel's own words about an error, NULL when it sent none. */
static const char *extended_reason(struct nlmsghdr *header)
{
        const struct nlmsgerr *answer = nlmsg_data(header);
        size_t skip = sizeof(*answer);
        struct nlattr *reason;

        if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
                return NULL;
        if (!(header->nlmsg_flags & NLM_F_CAPPED))
                skip += answer->msg.nlmsg_len - sizeof(answer->msg);
        reason = nlmsg_find_attr(header, (int)skip, NLMSGERR_ATTR_MSG);
        return reason ? nla_get_string(reason) : NULL;
}

static void take_answer(struct nlmsghdr *header, const KsOp *ops, guint count, guint32 first,
                        GError **error)
{
        const struct nlmsgerr *answer = nlmsg_data(header);
        guint32 i = header->nlmsg_seq - first;
        g_autofree char *what = NULL;
        const char *reason;

        if (answer->error == 0 || i >= count || outcome_is_fine(&ops[i], -answer->error))
                return;
        if (error && *error)
                return;
        what = ks_rtnl_describe_op(&ops[i]);
        reason = extended_reason(header);
        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "The kernel refused to %s: %s%s%s", what,
                    g_strerror(-answer->error), reason ? ": " : "", reason ? reason : "");
}

/* Receives until the last message of the batch is answered. */
static gboolean receive_answers(KsRtnl *rtnl, const KsOp *ops, guint count, guint32 first,
                                GError **error)
{
        g_autoptr(GError) local = NULL;
        gboolean done = FALSE;

        while (!done) {
                struct sockaddr_nl sender;
                unsigned char *buffer = NULL;
                int length = nl_recv(rtnl->requests.socket, &sender, &buffer, NULL);
                int remaining = length;

                if (length <= 0) {
                        free(buffer);
                        ks_request_socket_clear(&rtnl->requests);
                        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                                    "No answer from the kernel: %s", nl_geterror(length));
                        return FALSE;
                }
                for (struct nlmsghdr *header = (struct nlmsghdr *)buffer;
                     nlmsg_ok(header, remaining); header = nlmsg_next(header, &remaining)) {
                        if (header->nlmsg_type != NLMSG_ERROR)
                                continue;
                        take_answer(header, ops, count, first, &local);
                        if (header->nlmsg_seq - first == count - 1)
                                done = TRUE;
                }
                free(buffer);
        }
        if (local) {
                g_propagate_error(error, g_steal_pointer(&local));
                return FALSE;
        }
        return TRUE;
}

static gboolean apply_batch(KsRtnl *rtnl, const KsOp *ops, guint count, GError **error)
{
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        guint32 first = rtnl->batch_sequence + 1;
        int r;

        if (!open_socket(&rtnl->requests, error))
                return FALSE;
        for (guint i = 0; i < count; i++) {
                struct nl_msg *message = ks_message_build(&ops[i]);
                struct nlmsghdr *header = nlmsg_hdr(message);

                header->nlmsg_seq = ++rtnl->batch_sequence;
                header->nlmsg_pid = ks_rtnl_port(rtnl);
                /* Failures are answered in any case; the last answer ends the batch. */
                if (i == count - 1)
                        header->nlmsg_flags |= NLM_F_ACK;
                g_byte_array_append(bytes, (guint8 *)header, NLMSG_ALIGN(header->nlmsg_len));
                nlmsg_free(message);
        }
        r = nl_sendto(rtnl->requests.socket, bytes->data, bytes->len);
        if (r < 0) {
                ks_request_socket_settle(&rtnl->requests, r);
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "Can't send to the kernel: %s",
                            nl_geterror(r));
                return FALSE;
        }
        return receive_answers(rtnl, ops, count, first, error);
}

gboolean ks_rtnl_apply(KsRtnl *rtnl, GArray *ops, GError **error)
{
        const KsOp *all = (const KsOp *)(void *)ops->data;
        gboolean fine = TRUE;

        for (guint i = 0; i < ops->len; i += BATCH_MAX)
                if (!apply_batch(rtnl, all + i, MIN(BATCH_MAX, ops->len - i), fine ? error : NULL))
                        fine = FALSE;
        return fine;
}
