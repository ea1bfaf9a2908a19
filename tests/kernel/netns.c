/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel to test against: network namespaces, iproute2 as "somebody else", and comparisons. */

#include "tests/kernel/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <nftables/libnftables.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_sysctl(const char *path, const char *value)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, value, strlen(value)) < 0)
                g_error("%s: %s", path, g_strerror(errno));
        close(fd);
}

void netns_fresh(void)
{
        if (unshare(CLONE_NEWNET) < 0)
                g_error("A network namespace needs root: %s", g_strerror(errno));
        /* No address has to wait for its neighbours' consent. */
        write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
        write_sysctl("/proc/sys/net/ipv6/conf/all/disable_ipv6", "0");
        run("ip link set lo up");
}

static int shell(const char *commands, char **output)
{
        char *argv[] = { (char *)"/bin/sh", (char *)"-ec", (char *)commands, NULL };
        g_autoptr(GError) error = NULL;
        g_autofree char *said = NULL;
        int status;

        g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, output, &said, &status, &error);
        g_assert_no_error(error);
        if (status != 0)
                g_test_message("%s: %s", commands, said);
        return status;
}

#define FORMAT(text)                                                                               \
        g_autofree char *text = NULL;                                                              \
        va_list ap;                                                                                \
                                                                                                   \
        va_start(ap, format);                                                                      \
        text = g_strdup_vprintf(format, ap);                                                       \
        va_end(ap)

void run(const char *format, ...)
{
        FORMAT(commands);

        g_assert_cmpint(shell(commands, NULL), ==, 0);
}

gboolean succeeds(const char *format, ...)
{
        FORMAT(commands);

        return shell(commands, NULL) == 0;
}

char *output_of(const char *format, ...)
{
        FORMAT(commands);
        char *output = NULL;

        g_assert_cmpint(shell(commands, &output), ==, 0);
        return output;
}

int index_of(const char *name)
{
        unsigned index = if_nametoindex(name);

        g_assert_cmpuint(index, >, 0);
        return (int)index;
}

int open_tun(const char *name)
{
        struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_strlcpy(request.ifr_name, name, sizeof(request.ifr_name));
        g_assert_no_errno(ioctl(fd, TUNSETIFF, &request));
        return fd;
}

void add_random_links(void)
{
        static const int indices[] = { 2, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 50 };
        GString *commands = g_string_new("ip -batch - <<'EOF'\n");

        for (guint i = 0; i < G_N_ELEMENTS(indices); i++) {
                int index = indices[i];

                g_string_append_printf(commands,
                                       "link add l%d index %d type veth peer name p%d index %d\n"
                                       "link set l%d up\nlink set p%d up\n",
                                       index, index, index, 100 + index, index, index);
        }
        g_string_append(commands, "EOF\n");
        run("%s", commands->str);
        g_string_free(commands, TRUE);
}

pid_t start_nft(const char *commands, gboolean for_ever)
{
        int ends[2];
        char byte = 'x';
        pid_t pid;

        g_assert_no_errno(pipe(ends));
        pid = fork();
        if (pid == 0) {
                struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                nft_ctx_buffer_error(context);
                do {
                        byte = nft_run_cmd_from_buffer(context, commands) == 0 ? 'y' : 'n';
                        if (write(ends[1], &byte, 1) != 1)
                                break;
                } while (for_ever);
                pause();
        }
        close(ends[1]);
        g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
        g_assert_cmpint(byte, ==, 'y');
        if (!for_ever)
                close(ends[0]);
        return pid;
}

void stop_nft(pid_t pid)
{
        g_assert_no_errno(kill(pid, SIGKILL));
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

KsRtnl *rtnl_new(void)
{
        g_autoptr(GError) error = NULL;
        KsRtnl *rtnl = ks_rtnl_new(&error);

        g_assert_no_error(error);
        return rtnl;
}

void apply(KsRtnl *rtnl, GArray *ops)
{
        g_autoptr(GError) error = NULL;

        ks_rtnl_apply(rtnl, ops, &error);
        g_assert_no_error(error);
}

static void apply_op(KsRtnl *rtnl, const KsOp *op)
{
        g_autoptr(GArray) ops = g_array_new(FALSE, FALSE, sizeof(KsOp));

        g_array_append_val(ops, *op);
        apply(rtnl, ops);
}

void apply_rule(KsRtnl *rtnl, KsOpKind kind, const KsRule *rule)
{
        KsOp op = { .kind = kind, .rule = *rule };

        apply_op(rtnl, &op);
}

void apply_route(KsRtnl *rtnl, KsOpKind kind, const KsRoute *route)
{
        KsOp op = { .kind = kind, .route = *route };

        apply_op(rtnl, &op);
}

GArray *read_rules(KsRtnl *rtnl)
{
        g_autoptr(GError) error = NULL;
        GArray *rules = g_array_new(FALSE, TRUE, sizeof(KsRule));

        ks_rtnl_dump_rules(rtnl, rules, &error);
        g_assert_no_error(error);
        return rules;
}

GArray *read_routes(KsRtnl *rtnl, guint32 table, guint8 origin)
{
        g_autoptr(GError) error = NULL;
        GArray *routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));

        ks_rtnl_dump_routes(rtnl, table, origin, routes, &error);
        g_assert_no_error(error);
        return routes;
}

KsSteering read_steering(KsRtnl *rtnl)
{
        return (KsSteering){ read_rules(rtnl), read_routes(rtnl, 0, 83) };
}

void steering_free(KsSteering *steering)
{
        g_clear_pointer(&steering->rules, g_array_unref);
        g_clear_pointer(&steering->routes, g_array_unref);
}

static void show_rules(const char *title, GArray *rules)
{
        for (guint i = 0; i < rules->len; i++) {
                g_autofree char *text = ks_rule_to_string(&g_array_index(rules, KsRule, i));

                g_test_message("%s: %s", title, text);
        }
}

static void show_routes(const char *title, GArray *routes)
{
        for (guint i = 0; i < routes->len; i++) {
                g_autofree char *text = ks_route_to_string(&g_array_index(routes, KsRoute, i),
                                                           NULL);

                g_test_message("%s: %s", title, text);
        }
}

/* What is in @a and not in @b, counted as often as it is there. */
static GArray *without(GArray *a, GArray *b, gsize size)
{
        GArray *rest = g_array_copy(a);

        for (guint j = 0; j < b->len; j++)
                for (guint i = 0; i < rest->len; i++)
                        if (memcmp(rest->data + i * size, b->data + j * size, size) == 0) {
                                g_array_remove_index(rest, i);
                                break;
                        }
        return rest;
}

void assert_same_rules(GArray *a, GArray *b)
{
        g_autoptr(GArray) only_a = without(a, b, sizeof(KsRule));
        g_autoptr(GArray) only_b = without(b, a, sizeof(KsRule));

        show_rules("only the first has", only_a);
        show_rules("only the second has", only_b);
        g_assert_cmpuint(only_a->len, ==, 0);
        g_assert_cmpuint(only_b->len, ==, 0);
}

void assert_same_routes(GArray *a, GArray *b)
{
        g_autoptr(GArray) only_a = without(a, b, sizeof(KsRoute));
        g_autoptr(GArray) only_b = without(b, a, sizeof(KsRoute));

        show_routes("only the first has", only_a);
        show_routes("only the second has", only_b);
        g_assert_cmpuint(only_a->len, ==, 0);
        g_assert_cmpuint(only_b->len, ==, 0);
}

socklen_t address_of(const char *text, guint16 port, struct sockaddr_storage *address)
{
        struct sockaddr_in *in = (struct sockaddr_in *)address;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

        memset(address, 0, sizeof(*address));
        if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                return sizeof(*in);
        }
        g_assert_cmpint(inet_pton(AF_INET6, text, &in6->sin6_addr), ==, 1);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        return sizeof(*in6);
}
