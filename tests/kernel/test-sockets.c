/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets of all programs in a namespace: found as they are, and ended from outside. */

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "kernel/sockets.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

#define PORT 4007

typedef struct Kernel {
        KsSockets *sockets;
        GArray *found;
        GArray *fds; /* of int, closed at the end */
} Kernel;

static void set_up(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GError) error = NULL;

        (void)data;
        netns_fresh();
        run("ip addr add 192.0.2.1/32 dev lo\nip addr add 2001:db8::1/128 dev lo");
        kernel->sockets = ks_sockets_new(&error);
        g_assert_no_error(error);
        kernel->found = g_array_new(FALSE, TRUE, sizeof(KsSocket));
        kernel->fds = g_array_new(FALSE, TRUE, sizeof(int));
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        for (guint i = 0; i < kernel->fds->len; i++)
                close(g_array_index(kernel->fds, int, i));
        g_array_unref(kernel->fds);
        g_array_unref(kernel->found);
        ks_sockets_free(kernel->sockets);
}

static int keep(Kernel *kernel, int fd)
{
        g_assert_no_errno(fd);
        g_array_append_val(kernel->fds, fd);
        return fd;
}

static int open_socket(Kernel *kernel, int type, const char *local, uint16_t port)
{
        struct sockaddr_storage address;
        socklen_t length = address_of(local, port, &address);
        int fd = keep(kernel, socket(address.ss_family, type | SOCK_CLOEXEC, 0)), on = 1;

        g_assert_no_errno(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
        g_assert_no_errno(bind(fd, (struct sockaddr *)&address, length));
        if (type == SOCK_STREAM)
                g_assert_no_errno(listen(fd, 4096));
        return fd;
}

/* A connected socket of the caller's side; of TCP, the other side is kept open too. */
static int open_connection(Kernel *kernel, int type, int server, const char *to, uint32_t mark)
{
        struct sockaddr_storage address;
        socklen_t length = address_of(to, PORT, &address);
        int fd = keep(kernel, socket(address.ss_family, type | SOCK_CLOEXEC, 0));

        if (mark)
                g_assert_no_errno(setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
        g_assert_no_errno(connect(fd, (struct sockaddr *)&address, length));
        if (type == SOCK_STREAM)
                keep(kernel, accept(server, NULL, NULL));
        return fd;
}

static gboolean to_the_server(const KsSocket *socket, gconstpointer userdata)
{
        (void)userdata;
        return socket->remote_port == PORT;
}

static void find(Kernel *kernel)
{
        g_autoptr(GError) error = NULL;

        g_array_set_size(kernel->found, 0);
        ks_sockets_find(kernel->sockets, KS_SOCKETS_CONNECTED, to_the_server, NULL, kernel->found,
                        &error);
        g_assert_no_error(error);
}

static const KsSocket *find_one(Kernel *kernel)
{
        find(kernel);
        g_assert_cmpuint(kernel->found->len, ==, 1);
        return &g_array_index(kernel->found, KsSocket, 0);
}

static uint16_t port_of(int fd)
{
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);

        g_assert_no_errno(getsockname(fd, (struct sockaddr *)&address, &length));
        return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static void destroy(Kernel *kernel, const KsSocket *socket)
{
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(ks_sockets_destroy(kernel->sockets, socket, &error), ==, KS_DESTROYED);
        g_assert_no_error(error);
}

typedef struct Case {
        int type, family;
        uint8_t protocol;
        const char *server, *to, *address;
} Case;

/* What is found of each kind, and that it ends: with an error, and it is gone. */
static void test_kinds(Kernel *kernel, gconstpointer data)
{
        static const Case cases[] = {
                { SOCK_STREAM, AF_INET, IPPROTO_TCP, "0.0.0.0", "192.0.2.1", "192.0.2.1" },
                { SOCK_DGRAM, AF_INET, IPPROTO_UDP, "0.0.0.0", "192.0.2.1", "192.0.2.1" },
                { SOCK_STREAM, AF_INET6, IPPROTO_TCP, "::", "2001:db8::1", "2001:db8::1" },
                { SOCK_DGRAM, AF_INET6, IPPROTO_UDP, "::", "2001:db8::1", "2001:db8::1" },
                { SOCK_STREAM, AF_INET6, IPPROTO_TCP, "::", "::ffff:192.0.2.1", "192.0.2.1" },
                { SOCK_DGRAM, AF_INET6, IPPROTO_UDP, "::", "::ffff:192.0.2.1", "192.0.2.1" },
        };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                const Case *one = &cases[i];
                int server = open_socket(kernel, one->type, one->server, PORT);
                int fd = open_connection(kernel, one->type, server, one->to, 0xca6c);
                KsPrefix address = prefix(one->address);
                const KsSocket *socket = find_one(kernel);
                char byte;

                g_test_message("case %u", i);
                g_assert_cmpint(socket->family, ==, one->family);
                g_assert_cmpint(socket->protocol, ==, one->protocol);
                g_assert_cmpuint(socket->mark, ==, 0xca6c);
                g_assert_cmpuint(socket->uid, ==, 0);
                g_assert_cmpint(socket->link, ==, 0);
                g_assert_true(ks_prefix_equal(&socket->remote, &address));
                g_assert_true(ks_prefix_equal(&socket->source, &address));
                g_assert_cmpuint(socket->source_port, ==, port_of(fd));
                destroy(kernel, socket);
                g_assert_cmpint(recv(fd, &byte, 1, 0), ==, -1);
                g_assert_cmpint(errno, ==, ECONNABORTED);
                find(kernel);
                g_assert_cmpuint(kernel->found->len, ==, 0);
                for (; kernel->fds->len > 0; g_array_set_size(kernel->fds, kernel->fds->len - 1))
                        close(g_array_index(kernel->fds, int, kernel->fds->len - 1));
        }
}

static void test_left_out(Kernel *kernel, gconstpointer data)
{
        struct sockaddr_storage address;
        int server, fd;

        (void)data;
        server = open_socket(kernel, SOCK_STREAM, "0.0.0.0", PORT);
        open_socket(kernel, SOCK_DGRAM, "0.0.0.0", PORT);
        open_socket(kernel, SOCK_DGRAM, "::", PORT + 1);
        find(kernel);
        g_assert_cmpuint(kernel->found->len, ==, 0);
        /* Closed by its program: whoever is left waiting is the kernel alone. */
        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_no_errno(
                connect(fd, (struct sockaddr *)&address, address_of("192.0.2.1", PORT, &address)));
        keep(kernel, accept(server, NULL, NULL));
        find_one(kernel);
        close(fd);
        find(kernel);
        g_assert_cmpuint(kernel->found->len, ==, 0);
}

static void test_bound_to_a_link(Kernel *kernel, gconstpointer data)
{
        int server = open_socket(kernel, SOCK_STREAM, "0.0.0.0", PORT);
        int fd = open_connection(kernel, SOCK_STREAM, server, "192.0.2.1", 0);

        (void)data;
        g_assert_no_errno(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2));
        g_assert_cmpint(find_one(kernel)->link, ==, 1);
        destroy(kernel, find_one(kernel));
}

/* A program that waits for data, and one that waits to be connected, both wake. */
static void test_wakes(Kernel *kernel, gconstpointer data)
{
        int server = open_socket(kernel, SOCK_STREAM, "0.0.0.0", PORT);
        int fd = open_connection(kernel, SOCK_STREAM, server, "192.0.2.1", 0), status;
        pid_t pid;

        (void)data;
        pid = fork();
        if (pid == 0) {
                char byte;

                alarm(60);
                _exit(recv(fd, &byte, 1, 0) < 0 && errno == ECONNABORTED ? 0 : 1);
        }
        g_assert_cmpint(pid, >, 0);
        destroy(kernel, find_one(kernel));
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(status, ==, 0);
}

/* A socket that went meanwhile, and another one that has its addresses since. */
static void test_gone(Kernel *kernel, gconstpointer data)
{
        int server = open_socket(kernel, SOCK_DGRAM, "0.0.0.0", PORT);
        int fd = open_connection(kernel, SOCK_DGRAM, server, "192.0.2.1", 0);
        struct sockaddr_storage address;
        KsSocket old = *find_one(kernel);

        (void)data;
        close(fd);
        g_array_set_size(kernel->fds, kernel->fds->len - 1);
        g_assert_cmpint(ks_sockets_destroy(kernel->sockets, &old, NULL), ==, KS_DESTROY_GONE);
        fd = open_socket(kernel, SOCK_DGRAM, "192.0.2.1", old.source_port);
        g_assert_no_errno(
                connect(fd, (struct sockaddr *)&address, address_of("192.0.2.1", PORT, &address)));
        g_assert_cmpint(ks_sockets_destroy(kernel->sockets, &old, NULL), ==, KS_DESTROY_GONE);
        destroy(kernel, find_one(kernel));
}

/* Without CAP_NET_ADMIN nothing ends. */
static void test_without_the_right(Kernel *kernel, gconstpointer data)
{
        int server = open_socket(kernel, SOCK_STREAM, "0.0.0.0", PORT), status;
        pid_t pid;

        (void)data;
        open_connection(kernel, SOCK_STREAM, server, "192.0.2.1", 0xca6c);
        pid = fork();
        if (pid == 0) {
                g_autoptr(KsSockets) own = NULL;
                g_autoptr(GArray) found = g_array_new(FALSE, TRUE, sizeof(KsSocket));
                g_autoptr(GError) error = NULL;

                if (setuid(65534) < 0 || !(own = ks_sockets_new(NULL)) ||
                    !ks_sockets_find(own, KS_SOCKETS_CONNECTED, to_the_server, NULL, found, NULL) ||
                    found->len != 1)
                        _exit(1);
                _exit(ks_sockets_destroy(own, &g_array_index(found, KsSocket, 0), &error) ==
                                              KS_DESTROY_FAILED &&
                                      error
                              ? 0
                              : 2);
        }
        g_assert_cmpint(pid, >, 0);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(status, ==, 0);
        find_one(kernel);
}

/* Ten thousand: found and ended in a time that a service may take. */
static void test_many(Kernel *kernel, gconstpointer data)
{
        const guint count = 10000;
        struct rlimit limit;
        int server = open_socket(kernel, SOCK_STREAM, "0.0.0.0", PORT);
        gint64 begun, listed, ended;

        (void)data;
        g_assert_no_errno(getrlimit(RLIMIT_NOFILE, &limit));
        limit.rlim_cur = limit.rlim_max;
        g_assert_no_errno(setrlimit(RLIMIT_NOFILE, &limit));
        for (guint i = 0; i < count; i++) {
                open_connection(kernel, SOCK_STREAM, server, "192.0.2.1", 0);
                /* The other end needs no descriptor. */
                close(g_array_index(kernel->fds, int, kernel->fds->len - 1));
                g_array_set_size(kernel->fds, kernel->fds->len - 1);
        }
        begun = g_get_monotonic_time();
        find(kernel);
        listed = g_get_monotonic_time();
        g_assert_cmpuint(kernel->found->len, ==, count);
        for (guint i = 0; i < count; i++)
                destroy(kernel, &g_array_index(kernel->found, KsSocket, i));
        ended = g_get_monotonic_time();
        find(kernel);
        g_assert_cmpuint(kernel->found->len, ==, 0);
        g_test_message("%u found in %.1f ms, ended in %.1f ms", count,
                       (double)(listed - begun) / 1000, (double)(ended - listed) / 1000);
        g_test_minimized_result((double)(ended - begun) / 1e6, "seconds");
}

#define ADD(name, function) g_test_add("/sockets/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("kinds", test_kinds);
        ADD("left-out", test_left_out);
        ADD("bound-to-a-link", test_bound_to_a_link);
        ADD("wakes", test_wakes);
        ADD("gone", test_gone);
        ADD("without-the-right", test_without_the_right);
        ADD("many", test_many);

        return g_test_run();
}
