/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends one request by netlink and reads its answer. */

#include "client/ksctl/netlink.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib.h>

#define ANSWER_SIZE (64 * 1024)

/* Returns: 1 when more is to come, 0 at the end, or a negative errno. */
static int take(const struct nlmsghdr *message, int left, bool is_dump, NetlinkFunction function,
                void *userdata)
{
        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
                if (message->nlmsg_type == NLMSG_DONE)
                        return 0;
                if (message->nlmsg_type == NLMSG_ERROR)
                        return ((const struct nlmsgerr *)NLMSG_DATA(message))->error;
                function(message, userdata);
        }
        return is_dump;
}

static int talk(int fd, const struct nlmsghdr *request, NetlinkFunction function, void *userdata)
{
        bool is_dump = (request->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
        g_autofree struct nlmsghdr *answer = g_malloc(ANSWER_SIZE);
        int r;

        if (send(fd, request, request->nlmsg_len, 0) < 0)
                return -errno;
        do {
                ssize_t n = recv(fd, answer, ANSWER_SIZE, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                r = take(answer, (int)n, is_dump, function, userdata);
        } while (r > 0);
        return r;
}

int netlink_ask(int protocol, struct nlmsghdr *request, NetlinkFunction function, void *userdata)
{
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), r;

        if (fd < 0)
                return -errno;
        request->nlmsg_flags |= NLM_F_REQUEST;
        r = talk(fd, request, function, userdata);
        close(fd);
        return r;
}

int netlink_ask_sockets(uint8_t protocol, uint32_t states, NetlinkFunction function, void *userdata)
{
        static const uint8_t families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
                struct {
                        struct nlmsghdr header;
                        struct inet_diag_req_v2 body;
                } request = {
                        .header = { .nlmsg_len = sizeof(request),
                                    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                    .nlmsg_flags = NLM_F_DUMP },
                        .body = { .sdiag_family = families[i],
                                  .sdiag_protocol = protocol,
                                  .idiag_states = states },
                };
                int r = netlink_ask(NETLINK_SOCK_DIAG, &request.header, function, userdata);

                /* A kernel without IPv6 has no socket of it. */
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

const struct rtattr *netlink_find(const struct rtattr *first, int length, unsigned short type)
{
        for (; RTA_OK(first, length); first = RTA_NEXT(first, length))
                if ((first->rta_type & NLA_TYPE_MASK) == type)
                        return first;
        return NULL;
}
