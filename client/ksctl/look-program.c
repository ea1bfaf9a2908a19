/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds who has a tun device open, and the sockets of those programs. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/inet_diag.h>
#include <linux/major.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "client/ksctl/look.h"
#include "client/ksctl/netlink.h"

#ifndef TUNGETDEVNETNS
#define TUNGETDEVNETNS _IO('T', 227)
#endif
/* The kernel keeps it to itself (linux/miscdevice.h). */
#define TUN_MINOR 200

static void socket_free(LookSocket *socket)
{
        g_free(socket->remote);
        g_free(socket);
}

static void look_program_free(LookProgram *program)
{
        if (!program)
                return;
        g_free(program->name);
        g_ptr_array_unref(program->sockets);
        g_free(program);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LookProgram, look_program_free)

static int is_our_namespace(const struct stat *theirs)
{
        struct stat ours;

        if (stat("/proc/self/ns/net", &ours) < 0)
                return -errno;
        return ours.st_dev == theirs->st_dev && ours.st_ino == theirs->st_ino;
}

/* Returns: 1 when it is open on this device of our network namespace, 0 when it isn't, or a
 * negative errno when that can't be told. */
static int ask_device(int fd, const char *link)
{
        struct ifreq request = { 0 };
        struct stat status;
        int space, r;

        if (fstat(fd, &status) < 0)
                return -errno;
        /* Other drivers would take the same numbers for something else. */
        if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(MISC_MAJOR, TUN_MINOR))
                return 0;
        if (ioctl(fd, TUNGETIFF, &request) < 0)
                return errno == EBADFD ? 0 : -errno;
        if (strncmp(request.ifr_name, link, IFNAMSIZ) != 0)
                return 0;
        space = ioctl(fd, TUNGETDEVNETNS);
        if (space < 0)
                return -errno;
        r = fstat(space, &status) < 0 ? -errno : is_our_namespace(&status);
        close(space);
        return r;
}

static int copy_descriptor(const char *pid, const char *fd)
{
        int process = (int)syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0), copy;

        if (process < 0)
                return -errno;
        copy = (int)syscall(SYS_pidfd_getfd, process, (int)strtol(fd, NULL, 10), 0);
        if (copy < 0)
                copy = -errno;
        close(process);
        return copy;
}

/* As ask_device(). "iff:\tNAME" in its fdinfo isn't enough: whoever likes makes a device of the
 * same name in a network namespace of his own. Only the device itself tells where it is. */
static int is_device(const char *pid, const char *fd, const char *link)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo/%s", pid, fd), *text = NULL;
        g_autofree char *line = g_strdup_printf("\niff:\t%s\n", link);
        int copy, r;

        if (!g_file_get_contents(path, &text, NULL, NULL) || !strstr(text, line))
                return 0;
        copy = copy_descriptor(pid, fd);
        if (copy == -EBADF || copy == -ESRCH) /* closed meanwhile */
                return 0;
        if (copy < 0)
                return copy;
        r = ask_device(copy, link);
        close(copy);
        return r;
}

/* Looks through the descriptors of a process. Returns: as ask_device(); its sockets' inodes are
 * added to @inodes. */
static int look_at_process(const char *pid, const char *link, GHashTable *inodes)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/fd", pid);
        g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
        int found = 0;
        const char *fd;

        while (dir && (fd = g_dir_read_name(dir))) {
                g_autofree char *name = g_build_filename(path, fd, NULL);
                g_autofree char *target = g_file_read_link(name, NULL);
                guint64 inode;

                if (found <= 0 && g_strcmp0(target, "/dev/net/tun") == 0) {
                        int r = is_device(pid, fd, link);

                        found = r ? r : found;
                }
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
        int r = 0;

        for (size_t i = 0; r >= 0 && i < G_N_ELEMENTS(protocols); i++) {
                Dump dump = { inodes, sockets, protocols[i] };

                r = netlink_ask_sockets(protocols[i], ~0u, on_socket, &dump);
        }
        return r;
}

static bool read_uid(const char *pid, uid_t *uid)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/status", pid), *text = NULL;
        const char *line;
        unsigned effective;

        if (!g_file_get_contents(path, &text, NULL, NULL) || !(line = strstr(text, "\nUid:")) ||
            sscanf(line, "\nUid: %*u %u", &effective) != 1)
                return false;
        *uid = effective;
        return true;
}

/* Whether the process is in our network namespace. One that has left it isn't one of its programs,
 * whatever sockets of it it has kept. */
static bool is_here(const char *pid)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/ns/net", pid);
        struct stat status;

        return stat(path, &status) == 0 && is_our_namespace(&status) == 1;
}

/* Returns: NULL when it has ended. */
static LookProgram *program_of(const char *pid, int doubt)
{
        g_autofree char *path = g_strdup_printf("/proc/%s/comm", pid);
        g_autoptr(LookProgram) program = g_new0(LookProgram, 1);

        program->pid = (pid_t)strtol(pid, NULL, 10);
        program->doubt = doubt;
        program->is_here = is_here(pid);
        program->sockets = g_ptr_array_new_with_free_func((GDestroyNotify)socket_free);
        if (!read_uid(pid, &program->uid) || !g_file_get_contents(path, &program->name, NULL, NULL))
                return NULL;
        g_strchomp(program->name);
        return g_steal_pointer(&program);
}

int look_programs(const char *link, GPtrArray **ret)
{
        g_autoptr(GPtrArray)
                programs = g_ptr_array_new_with_free_func((GDestroyNotify)look_program_free);
        g_autoptr(GDir) dir = g_dir_open("/proc", 0, NULL);
        const char *pid;

        while (dir && (pid = g_dir_read_name(dir))) {
                g_autoptr(GHashTable)
                        inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
                LookProgram *program;
                int found, r;

                if (!g_ascii_isdigit(*pid))
                        continue;
                found = look_at_process(pid, link, inodes);
                program = found ? program_of(pid, found < 0 ? found : 0) : NULL;
                if (!program)
                        continue;
                g_ptr_array_add(programs, program);
                r = program->is_here && !program->doubt ? look_sockets(inodes, program->sockets)
                                                        : 0;
                if (r < 0)
                        return r;
        }
        *ret = g_steal_pointer(&programs);
        return 0;
}
