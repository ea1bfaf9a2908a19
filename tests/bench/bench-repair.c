/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times repairs: takes something of the kill switch away, and waits for the kernel's word that it
 * is back.
 *
 * "rule" takes one rule, each in its turn; "rules" all of them, as 'ip rule flush' does; "routes"
 * the routing table; "guard" the nftables table. The clock stops when the event about the last
 * missing part has come. The answer is two times: since the kernel's acknowledgement of the
 * deletion was here, and since the deletion was sent, which can't be too short: on another
 * processor the repair may begin before the acknowledgement has woken this one. */

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <nftables/libnftables.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/names.h"
#include "kernel/message.h"
#include "kernel/rtnl.h"
#include "stopwatch.h"

#define PATIENCE_MSEC 10000
/* Nothing has happened for so long: the service is done with the last round. */
#define QUIET_MSEC 20

typedef struct Bench {
        KsRtnl *rtnl;
        struct nl_sock *route_events, *guard_events;
        struct nft_ctx *nft;
        GArray *rules, *routes; /* as they stand while nobody disturbs */
        guint turn;
        GArray *missing; /* of KsOp: what has to be added again */
        gboolean guard_missing;
} Bench;

static struct nl_sock *subscribe(int protocol, const int *groups, guint count)
{
        struct nl_sock *socket = nl_socket_alloc();

        if (!socket || nl_connect(socket, protocol) < 0 || nl_socket_set_nonblocking(socket) < 0)
                return NULL;
        nl_socket_set_buffer_size(socket, 1024 * 1024, 0);
        for (guint i = 0; i < count; i++)
                if (nl_socket_add_membership(socket, groups[i]) < 0)
                        return NULL;
        return socket;
}

static gboolean read_steering(Bench *bench, GArray *rules, GArray *routes, GError **error)
{
        return ks_rtnl_dump_rules(bench->rtnl, rules, error) &&
               ks_rtnl_dump_routes(bench->rtnl, 0, KS_PROTOCOL, routes, error);
}

static gboolean prepare(Bench *bench, GError **error)
{
        static const int route_groups[] = { RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
                                            RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
        static const int guard_groups[] = { NFNLGRP_NFTABLES };

        bench->rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        bench->routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        bench->missing = g_array_new(FALSE, TRUE, sizeof(KsOp));
        bench->route_events = subscribe(NETLINK_ROUTE, route_groups, G_N_ELEMENTS(route_groups));
        bench->guard_events = subscribe(NETLINK_NETFILTER, guard_groups,
                                        G_N_ELEMENTS(guard_groups));
        bench->nft = nft_ctx_new(NFT_CTX_DEFAULT);
        bench->rtnl = ks_rtnl_new(error);
        if (bench->rtnl && (!bench->route_events || !bench->guard_events))
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "can't subscribe to events");
        else if (bench->rtnl && read_steering(bench, bench->rules, bench->routes, error))
                return TRUE;
        return FALSE;
}

/* Strikes off what an event says is back. */
static void take_route_event(Bench *bench, struct nlmsghdr *header)
{
        KsRule rule;
        KsRoute route;
        gboolean is_rule = header->nlmsg_type == RTM_NEWRULE &&
                           ks_message_parse_rule(header, &rule);
        gboolean is_route = header->nlmsg_type == RTM_NEWROUTE &&
                            ks_message_parse_route(header, &route);

        for (guint i = 0; i < bench->missing->len; i++) {
                const KsOp *op = &g_array_index(bench->missing, KsOp, i);

                if ((is_rule && op->kind == KS_OP_DELETE_RULE && ks_rule_equal(&op->rule, &rule)) ||
                    (is_route && op->kind == KS_OP_DELETE_ROUTE &&
                     ks_route_equal(&op->route, &route))) {
                        g_array_remove_index(bench->missing, i);
                        return;
                }
        }
}

static void take_guard_event(Bench *bench, struct nlmsghdr *header)
{
        struct nlattr *name = nlmsg_find_attr(header, sizeof(struct nfgenmsg), NFTA_TABLE_NAME);

        if (header->nlmsg_type == ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWTABLE) && name &&
            strcmp(nla_get_string(name), KS_GUARD_TABLE) == 0)
                bench->guard_missing = FALSE;
}

/* Everything that has come. FALSE: events were lost. */
static gboolean drain(Bench *bench, struct nl_sock *socket,
                      void (*take)(Bench *bench, struct nlmsghdr *header))
{
        static char buffer[64 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));

        for (;;) {
                ssize_t length = recv(nl_socket_get_fd(socket), buffer, sizeof(buffer),
                                      MSG_DONTWAIT);
                int remaining = (int)length;

                if (length < 0 && errno == EINTR)
                        continue;
                if (length <= 0)
                        return errno == EAGAIN;
                for (struct nlmsghdr *header = (struct nlmsghdr *)buffer;
                     nlmsg_ok(header, remaining); header = nlmsg_next(header, &remaining))
                        take(bench, header);
        }
}

/* Waits for events and takes them. Returns 0 when none came in time, -1 when some were lost. */
static int take_events(Bench *bench, int msec)
{
        struct pollfd fds[] = {
                { .fd = nl_socket_get_fd(bench->route_events), .events = POLLIN },
                { .fd = nl_socket_get_fd(bench->guard_events), .events = POLLIN },
        };
        int n = poll(fds, G_N_ELEMENTS(fds), msec);

        if (n <= 0)
                return n;
        return drain(bench, bench->route_events, take_route_event) &&
                               drain(bench, bench->guard_events, take_guard_event)
                       ? 1
                       : -1;
}

static void miss_rule(Bench *bench, guint i)
{
        KsOp op = { .kind = KS_OP_DELETE_RULE };

        op.rule = g_array_index(bench->rules, KsRule, i);
        g_array_append_val(bench->missing, op);
}

static void miss_route(Bench *bench, guint i)
{
        KsOp op = { .kind = KS_OP_DELETE_ROUTE };

        op.route = g_array_index(bench->routes, KsRoute, i);
        g_array_append_val(bench->missing, op);
}

/* Takes away, and returns once the kernel has said that it did. */
static gboolean disturb(Bench *bench, const char *order, GError **error)
{
        static const char delete_guard[] = "delete table " KS_GUARD_FAMILY " " KS_GUARD_TABLE;

        if (g_str_equal(order, "guard")) {
                bench->guard_missing = TRUE;
                if (nft_run_cmd_from_buffer(bench->nft, delete_guard) == 0)
                        return TRUE;
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "there is no guard");
                return FALSE;
        }
        if (g_str_equal(order, "rule"))
                miss_rule(bench, bench->turn++ % bench->rules->len);
        for (guint i = 0; g_str_equal(order, "rules") && i < bench->rules->len; i++)
                miss_rule(bench, i);
        for (guint i = 0; g_str_equal(order, "routes") && i < bench->routes->len; i++)
                miss_route(bench, i);
        return ks_rtnl_apply(bench->rtnl, bench->missing, error);
}

static gboolean is_as_it_was(Bench *bench, GError **error)
{
        g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        g_autoptr(GArray) routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        const KsSteering wanted = { bench->rules, bench->routes };
        const KsSteering present = { rules, routes };
        g_autoptr(GArray) difference = NULL;

        if (!read_steering(bench, rules, routes, error))
                return FALSE;
        difference = ks_diff(&wanted, &present);
        return difference->len == 0;
}

/* Waits until all is as it was and nobody changes anything any more. */
static gboolean settle(Bench *bench, GError **error)
{
        int64_t end = now_nsec() + (int64_t)PATIENCE_MSEC * 1000000;
        int r;

        do {
                r = take_events(bench, QUIET_MSEC);
                if (r == 0 && is_as_it_was(bench, error))
                        return TRUE;
        } while (r >= 0 && !(error && *error) && now_nsec() < end);
        if (!(error && *error))
                g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                            r < 0 ? "events were lost" : "the repair is not complete");
        return FALSE;
}

typedef struct Times {
        int64_t sent, acknowledged, back;
} Times;

static gboolean time_repair(Bench *bench, const char *order, Times *times, GError **error)
{
        times->sent = now_nsec();
        if (!disturb(bench, order, error))
                return FALSE;
        times->acknowledged = now_nsec();
        while (bench->missing->len > 0 || bench->guard_missing) {
                int r = take_events(bench, PATIENCE_MSEC);

                if (r <= 0) {
                        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
                                    r < 0 ? "events were lost" : "it is not repaired");
                        return FALSE;
                }
        }
        times->back = now_nsec();
        return settle(bench, error);
}

int main(void)
{
        g_autoptr(GError) error = NULL;
        Bench bench = { 0 };
        char line[64];

        if (!prepare(&bench, &error)) {
                answer_error("prepare", error->message);
                return EXIT_FAILURE;
        }
        while (next_order(line, sizeof(line))) {
                Times times = { 0 };

                if (time_repair(&bench, line, &times, &error)) {
                        printf("%" PRId64 " ", times.back - times.acknowledged);
                        answer(times.back - times.sent);
                } else {
                        answer_error(line, error->message);
                }
                g_clear_error(&error);
        }
        return EXIT_SUCCESS;
}
