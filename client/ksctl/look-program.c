/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds who has a tun device open, and the sockets of that program. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ksctl/look.h"
#include "client/ksctl/netlink.h"

static void socket_free(LookSocket *socket)
{
        g_free(socket->remote);
        g_free(socket);
}

void look_program_free(LookProgram *program)
{
        if (!program)
                return;
        g_free(program->name);
        g_ptr_array_unref(program->sockets);
        g_free(program);
}

/* Whether the descriptor is this tun device: "iff:\tNAME" in its fdinfo. */
static bool is_device(const char *pid, const char *fd, const char *link)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo/%s", pid, fd), *text = NULL;
        g_autofree char *line = g_strdup_printf("\niff:\t%s\n", link);

        return g_file_get_contents(path, &text, NULL, NULL) && strstr(text, line);
}

/* Looks through the descriptors of a process. Returns: whether it has the device; its sockets'
 * inodes are added to @inodes. */
static bool look_at_process(const char *pid, const char *link, GHashTable *inodes)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/fd", pid);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        bool found = false;
        const char *fd;

        while (dir && (fd = g_dir_read_name(dir))) {
                g_autofree char *name = g_build_filename(path, fd, NULL);
                g_autofree char *target = g_file_read_link(name, NULL);
                guint64 inode;

                if (g_strcmp0(target, "/dev/net/tun") == 0)
                        found |= is_device(pid, fd, link);
                if (target && sscanf(target, "socket:[%" G_GUINT64_FORMAT "]", &inode) == 1)
                        g_hash_table_add(inodes, g_memdup2(&inode, sizeof(inode)));
        }
        return found;
}

/* What a dump of sockets is held against. */
typedef struct Dump {
        GHashTable *inodes;
        GPtrArray *sockets;
        uint8_t protocol;
} Dump;

static bool is_nowhere(const void *address, int family)
{
        static const unsigned char nothing[16];

        return memcmp(address, nothing, family == AF_INET ? 4 : 16) == 0;
}

static bool is_loopback(const void *address, int family)
{
        if (family == AF_INET)
                return *(const unsigned char *)address == 127;
        return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)address);
}

/* As Endpoint= takes it; NULL for none. */
static char *format_remote(const struct inet_diag_sockid *id, int family)
{
        const unsigned char *bytes = (const unsigned char *)id->idiag_dst;
        char text[INET6_ADDRSTRLEN];

        if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)bytes)) {
                bytes += 12;
                family = AF_INET;
        }
        if (is_nowhere(bytes, family) || !inet_ntop(family, bytes, text, sizeof(text)))
                return NULL;
        return g_strdup_printf(family == AF_INET ? "%s:%u" : "[%s]:%u", text,
                               ntohs(id->idiag_dport));
}

static void on_socket(const struct nlmsghdr *message, void *userdata)
{
        const struct inet_diag_msg *diag = NLMSG_DATA(message);
        const struct rtattr *mark = netlink_find(
                (const void *)(diag + 1), (int)(message->nlmsg_len - NLMSG_LENGTH(sizeof(*diag))),
                INET_DIAG_MARK);
        Dump *dump = userdata;
        guint64 inode = diag->idiag_inode;
        LookSocket *socket;

        if (!g_hash_table_contains(dump->inodes, &inode) || diag->idiag_state == TCP_LISTEN ||
            is_loopback(diag->id.idiag_dst, diag->idiag_family) ||
            is_loopback(diag->id.idiag_src, diag->idiag_family))
                return;
        socket = g_new0(LookSocket, 1);
        socket->inode = inode;
        socket->protocol = dump->protocol;
        socket->port = ntohs(diag->id.idiag_sport);
        socket->remote = format_remote(&diag->id, diag->idiag_family);
        socket->uid = diag->idiag_uid;
        if (mark)
                memcpy(&socket->mark, RTA_DATA(mark), sizeof(socket->mark));
        g_ptr_array_add(dump->sockets, socket);
}

static int look_sockets(GHashTable *inodes, GPtrArray *sockets)
{
        static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP };
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < 4; i++) {
                struct {
                        struct nlmsghdr header;
                        struct inet_diag_req_v2 body;
                } request = {
                        .header = { .nlmsg_len = sizeof(request),
                                    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                                    .nlmsg_flags = NLM_F_DUMP },
                        .body = { .sdiag_family = families[i % 2],
                                  .sdiag_protocol = protocols[i / 2],
                                  .idiag_states = ~0u },
                };
                Dump dump = { inodes, sockets, protocols[i / 2] };

                r = netlink_ask(NETLINK_SOCK_DIAG, &request.header, on_socket, &dump);
        }
        return r;
}

static LookProgram *program_of(const char *pid)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/comm", pid);
        LookProgram *program = g_new0(LookProgram, 1);

        program->pid = (pid_t)strtol(pid, NULL, 10);
        program->sockets = g_ptr_array_new_with_free_func((GDestroyNotify)socket_free);
        if (g_file_get_contents(path, &program->name, NULL, NULL))
                g_strchomp(program->name);
        else
                program->name = g_strdup("a program");
        return program;
}

int look_program(const char *link, LookProgram **ret)
{
        g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
        const char *pid;

        while (dir && (pid = g_dir_read_name(dir))) {
                g_autoptr(GHashTable)
                        inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
                g_autoptr(LookProgram) program = NULL;
                int r;

                if (!g_ascii_isdigit(*pid) || !look_at_process(pid, link, inodes))
                        continue;
                program = program_of(pid);
                r = look_sockets(inodes, program->sockets);
                if (r < 0)
                        return r;
                *ret = g_steal_pointer(&program);
                return 0;
        }
        return -ESRCH;
}
