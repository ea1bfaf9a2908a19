/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program that tries ways out as it is told, and may hold its sockets from one order to the next.
 *
 * Reads one order a line: a verb and words key=value.
 *   open name=N kind=… family=4|6 [to=…] [options]
 *   connect name=N to=… port=… [wait=MS]     TCP, or a datagram socket with a fixed target
 *   send name=N [to=… port=…] [count=N] [tag=TEXT] [size=BYTES] [pktinfo=LINK] [from=ADDRESS]
 *        [dontroute_now=1] [zerocopy_now=1]
 *   receive name=N wait=MS
 *   close name=N                             TCP without a farewell
 *   try …                                    open, connect where it is TCP or connected=1, send,
 *                                            receive where there is wait=, close; with
 *                                            fastopen=1 data goes in TCP's first packet
 *   option name=N …                          sets further options
 * Answers each with one JSON object a line: sent, errors (numbers), reply or null. */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probe.h"

typedef struct Outcome {
        guint sent;
        GString *errors;
        char *reply;
} Outcome;

const char *order_get(const Order *order, const char *key)
{
        return g_hash_table_lookup(order->fields, key);
}

long order_number(const Order *order, const char *key)
{
        const char *value = order_get(order, key);

        return value ? strtol(value, NULL, 0) : 0;
}

static void fail(Outcome *outcome)
{
        g_string_append_printf(outcome->errors, "%s%d", outcome->errors->len ? ", " : "", errno);
}

/* Whether the descriptor has become ready in time. */
static gboolean ready(const Probe *probe, short events, long milliseconds)
{
        struct pollfd entry = { probe->fd, events, 0 };

        return poll(&entry, 1, (int)milliseconds) > 0;
}

static void probe_connect(const Probe *probe, const Order *order, Outcome *outcome)
{
        struct sockaddr_storage target;
        socklen_t length = probe_address(probe, order, "to", "port", &target);
        socklen_t size = sizeof(int);
        int status = 0;

        if (length > 0 && connect(probe->fd, (struct sockaddr *)&target, length) == 0)
                return;
        if (length == 0 || errno != EINPROGRESS) {
                fail(outcome);
                return;
        }
        if (!ready(probe, POLLOUT, order_number(order, "wait"))) {
                fail(outcome);
                return;
        }
        getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &status, &size);
        errno = status;
        if (status)
                fail(outcome);
}

/* The control message that names interface and source of one packet. */
static void put_pktinfo(struct msghdr *message, const Probe *probe, const Order *order)
{
        const char *interface = order_get(order, "pktinfo"), *source = order_get(order, "from");
        struct cmsghdr *control = message->msg_control;
        struct sockaddr_storage from;
        struct in6_pktinfo six = { 0 };
        struct in_pktinfo four = { 0 };

        message->msg_controllen = 0;
        if (probe->header || (!interface && !source))
                return;
        if (source && probe_address(probe, order, "from", "", &from) > 0) {
                six.ipi6_addr = ((struct sockaddr_in6 *)&from)->sin6_addr;
                four.ipi_spec_dst = ((struct sockaddr_in *)&from)->sin_addr;
        }
        if (interface)
                six.ipi6_ifindex = (unsigned)(four.ipi_ifindex = probe_index(interface));
        control->cmsg_level = probe->family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
        control->cmsg_type = probe->family == AF_INET6 ? IPV6_PKTINFO : IP_PKTINFO;
        if (probe->family == AF_INET6) {
                control->cmsg_len = CMSG_LEN(sizeof(six));
                memcpy(CMSG_DATA(control), &six, sizeof(six));
                message->msg_controllen = CMSG_SPACE(sizeof(six));
        } else {
                control->cmsg_len = CMSG_LEN(sizeof(four));
                memcpy(CMSG_DATA(control), &four, sizeof(four));
                message->msg_controllen = CMSG_SPACE(sizeof(four));
        }
}

static void probe_send(const Probe *probe, const Order *order, int flags, Outcome *outcome)
{
        long count = order_get(order, "count") ? order_number(order, "count") : 1;
        union {
                char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
                struct cmsghdr align;
        } control;
        struct sockaddr_storage target;
        struct msghdr message = { 0 };

        if (order_get(order, "to") && !(probe->stream && !(flags & MSG_FASTOPEN)) &&
            !order_get(order, "connected")) {
                message.msg_namelen = probe_address(probe, order, "to", "port", &target);
                message.msg_name = &target;
        }
        message.msg_control = &control;
        put_pktinfo(&message, probe, order);
        if (order_number(order, "dontroute_now"))
                flags |= MSG_DONTROUTE;
        if (order_number(order, "zerocopy_now"))
                flags |= MSG_ZEROCOPY;
        for (long i = 0; i < count; i++) {
                GByteArray *payload = probe_payload(probe, order, (guint)i + 1);
                struct iovec part = { payload->data, payload->len };

                message.msg_iov = &part;
                message.msg_iovlen = 1;
                if (sendmsg(probe->fd, &message, flags | MSG_NOSIGNAL) >= 0)
                        outcome->sent++;
                else
                        fail(outcome);
                g_byte_array_unref(payload);
        }
}

static void probe_receive(const Probe *probe, const Order *order, Outcome *outcome)
{
        char data[2048];
        ssize_t length;

        if (!ready(probe, POLLIN, order_number(order, "wait")))
                return;
        length = recv(probe->fd, data, sizeof(data) - 1, 0);
        if (length < 0) {
                fail(outcome);
                return;
        }
        g_free(outcome->reply);
        outcome->reply = probe->echo ? g_strdup("echo") : g_strndup(data, (gsize)length);
}

static void probe_close(const Probe *probe)
{
        const struct linger abrupt = { 1, 0 };

        if (probe->stream)
                setsockopt(probe->fd, SOL_SOCKET, SO_LINGER, &abrupt, sizeof(abrupt));
        close(probe->fd);
}

static void try(const Order *order, Outcome *outcome)
{
        Probe probe;

        if (!probe_open(&probe, order)) {
                fail(outcome);
                return;
        }
        if ((probe.stream && !order_get(order, "fastopen")) || order_get(order, "connected"))
                probe_connect(&probe, order, outcome);
        if (outcome->errors->len == 0)
                probe_send(&probe, order, order_get(order, "fastopen") ? MSG_FASTOPEN : 0, outcome);
        if (outcome->errors->len == 0 && order_get(order, "wait"))
                probe_receive(&probe, order, outcome);
        probe_close(&probe);
}

static void open_named(GHashTable *sockets, const Order *order, Outcome *outcome)
{
        Probe *probe = g_new0(Probe, 1);

        if (probe_open(probe, order)) {
                g_hash_table_replace(sockets, g_strdup(order_get(order, "name")), probe);
                return;
        }
        fail(outcome);
        g_free(probe);
}

static void obey(GHashTable *sockets, const char *verb, const Order *order, Outcome *outcome)
{
        const char *name = order_get(order, "name");
        const Probe *probe = name ? g_hash_table_lookup(sockets, name) : NULL;

        errno = EBADF;
        if (g_str_equal(verb, "try")) {
                try(order, outcome);
        } else if (g_str_equal(verb, "open")) {
                open_named(sockets, order, outcome);
        } else if (!probe) {
                fail(outcome);
        } else if (g_str_equal(verb, "connect")) {
                probe_connect(probe, order, outcome);
        } else if (g_str_equal(verb, "send")) {
                probe_send(probe, order, 0, outcome);
        } else if (g_str_equal(verb, "receive")) {
                probe_receive(probe, order, outcome);
        } else if (g_str_equal(verb, "option")) {
                if (!probe_set_options(probe, order))
                        fail(outcome);
        } else if (g_str_equal(verb, "close")) {
                probe_close(probe);
                g_hash_table_remove(sockets, name);
        } else {
                errno = ENOSYS;
                fail(outcome);
        }
}

static void answer(const Outcome *outcome)
{
        g_autofree char *reply = NULL;

        if (outcome->reply) {
                /* Plain words only, so that they need no quoting. */
                g_strcanon(outcome->reply, "abcdefghijklmnopqrstuvwxyz0123456789.:-", ' ');
                reply = g_strdup_printf("\"%s\"", outcome->reply);
        }
        printf("{\"sent\": %u, \"errors\": [%s], \"reply\": %s}\n", outcome->sent,
               outcome->errors->str, reply ? reply : "null");
        fflush(stdout);
}

int main(void)
{
        GHashTable *sockets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        char *line = NULL;
        size_t size = 0;

        while (getline(&line, &size, stdin) > 0) {
                g_auto(GStrv) words = g_strsplit(g_strstrip(line), " ", -1);
                Order order = { g_hash_table_new(g_str_hash, g_str_equal) };
                Outcome outcome = { .errors = g_string_new(NULL) };

                for (guint i = 1; words[0] && words[i]; i++) {
                        char *equals = strchr(words[i], '=');

                        if (!equals)
                                continue;
                        *equals = '\0';
                        g_hash_table_insert(order.fields, words[i], equals + 1);
                }
                obey(sockets, words[0] ? words[0] : "", &order, &outcome);
                answer(&outcome);
                g_hash_table_unref(order.fields);
                g_string_free(outcome.errors, TRUE);
                g_free(outcome.reply);
        }
        g_hash_table_unref(sockets);
        free(line);
        return EXIT_SUCCESS;
}
