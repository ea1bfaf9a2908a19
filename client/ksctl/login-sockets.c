/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the kernel's list of connections, and the parents of this process. */

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/ksctl/login-sockets.h"
#include "client/ksctl/netlink.h"

/* A chain of parents that is longer is none that a person made. */
#define PARENTS_MAX 64

typedef struct Dump {
        GArray *connections; /* of LoginConnection */
        GArray *ports;       /* of in_port_t: where somebody listens */
} Dump;

static LoginEnd read_end(int family, const uint32_t bytes[4], uint16_t port)
{
        LoginEnd end = { .family = family, .port = ntohs(port) };

        if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)bytes)) {
                end.family = AF_INET;
                memcpy(end.address, &bytes[3], 4);
        } else {
                memcpy(end.address, bytes, family == AF_INET ? 4 : 16);
        }
        return end;
}

static void on_socket(const struct nlmsghdr *message, void *userdata)
{
        const struct inet_diag_msg *told = NLMSG_DATA(message);
        Dump *dump = userdata;
        LoginConnection connection = {
                .own = read_end(told->idiag_family, told->id.idiag_src, told->id.idiag_sport),
                .peer = read_end(told->idiag_family, told->id.idiag_dst, told->id.idiag_dport),
                .inode = told->idiag_inode,
                .uid = told->idiag_uid,
        };

        if (told->idiag_state == TCP_LISTEN)
                g_array_append_val(dump->ports, connection.own.port);
        else
                g_array_append_val(dump->connections, connection);
}

static bool has_port(GArray *ports, in_port_t port)
{
        for (guint i = 0; i < ports->len; i++)
                if (g_array_index(ports, in_port_t, i) == port)
                        return true;
        return false;
}

int login_connections(GArray **ret)
{
        g_autoptr(GArray) connections = g_array_new(FALSE, FALSE, sizeof(LoginConnection));
        g_autoptr(GArray) ports = g_array_new(FALSE, FALSE, sizeof(in_port_t));
        Dump dump = { connections, ports };
        int r = netlink_ask_sockets(IPPROTO_TCP, 1u << TCP_ESTABLISHED | 1u << TCP_LISTEN,
                                    on_socket, &dump);

        if (r < 0)
                return r;
        for (guint i = 0; i < connections->len; i++) {
                LoginConnection *connection = &g_array_index(connections, LoginConnection, i);

                connection->is_incoming = has_port(ports, connection->own.port);
        }
        *ret = g_steal_pointer(&connections);
        return 0;
}

static void add_sockets(pid_t pid, GHashTable *inodes)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        const char *fd;

        while (dir && (fd = g_dir_read_name(dir))) {
                g_autofree char *name = g_build_filename(path, fd, NULL);
                g_autofree char *target = g_file_read_link(name, NULL);
                guint64 inode;

                if (target && sscanf(target, "socket:[%" G_GUINT64_FORMAT "]", &inode) == 1)
                        g_hash_table_add(inodes, g_memdup2(&inode, sizeof(inode)));
        }
}

/* A process' name and parent. The name may hold anything, a parenthesis too. */
static bool read_process(pid_t pid, char **name, pid_t *parent)
{
        g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;
        char *open, *close;
        int number;

        if (!g_file_get_contents(path, &text, NULL, NULL))
                return false;
        open = strchr(text, '(');
        close = strrchr(text, ')');
        if (!open || !close || close < open || sscanf(close + 1, " %*c %d", &number) != 1)
                return false;
        *name = g_strndup(open + 1, close - open - 1);
        *parent = number;
        return true;
}

static LoginWay way_of(const char *name)
{
        static const struct {
                const char *start;
                LoginWay way;
        } programs[] = {
                { "sshd", LOGIN_WAY_REMOTE },        { "dropbear", LOGIN_WAY_REMOTE },
                { "telnetd", LOGIN_WAY_REMOTE },     { "in.telnetd", LOGIN_WAY_REMOTE },
                { "in.rlogind", LOGIN_WAY_REMOTE },  { "mosh-server", LOGIN_WAY_REMOTE },
                { "tmux", LOGIN_WAY_MULTIPLEXER },   { "screen", LOGIN_WAY_MULTIPLEXER },
                { "SCREEN", LOGIN_WAY_MULTIPLEXER }, { "zellij", LOGIN_WAY_MULTIPLEXER },
                { "dtach", LOGIN_WAY_MULTIPLEXER },  { "abduco", LOGIN_WAY_MULTIPLEXER },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(programs); i++)
                if (g_str_has_prefix(name, programs[i].start))
                        return programs[i].way;
        return LOGIN_WAY_LOCAL;
}

LoginWay login_parents(GHashTable *inodes)
{
        LoginWay found = LOGIN_WAY_LOCAL;
        pid_t pid = getpid(), parent;

        for (int i = 0; i < PARENTS_MAX && pid > 1; i++, pid = parent) {
                g_autofree char *name = NULL;

                if (!read_process(pid, &name, &parent))
                        break;
                found = MAX(found, way_of(name));
                add_sockets(pid, inodes);
        }
        return found;
}
