/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Speaks the text protocol of WireGuard programs: "get=1", and KEY=VALUE lines come back. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/ksctl/look.h"

#define QUESTION "get=1\n\n"
/* A few thousand peers. */
#define ANSWER_MAX (4 * 1024 * 1024)
#define PATIENCE_SEC 10

void look_wireguard_free(LookWireguard *wireguard)
{
        if (!wireguard)
                return;
        g_ptr_array_unref(wireguard->endpoints);
        g_ptr_array_unref(wireguard->allowed);
        g_free(wireguard);
}

static int connect_to(const char *link)
{
        struct timeval patience = { .tv_sec = PATIENCE_SEC };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        g_snprintf(address.sun_path, sizeof(address.sun_path), "/run/wireguard/%s.sock", link);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
            connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        return fd;
}

static void add_once(GPtrArray *list, const char *value)
{
        if (!g_ptr_array_find_with_equal_func(list, value, g_str_equal, NULL))
                g_ptr_array_add(list, g_strdup(value));
}

static void take_line(LookWireguard *wireguard, const char *line)
{
        if (g_str_has_prefix(line, "listen_port="))
                wireguard->port = (uint16_t)strtoul(strchr(line, '=') + 1, NULL, 10);
        else if (g_str_has_prefix(line, "fwmark="))
                wireguard->mark = (uint32_t)strtoul(strchr(line, '=') + 1, NULL, 10);
        else if (g_str_has_prefix(line, "endpoint="))
                add_once(wireguard->endpoints, strchr(line, '=') + 1);
        else if (g_str_has_prefix(line, "allowed_ip="))
                add_once(wireguard->allowed, strchr(line, '=') + 1);
}

/* Takes the line that is whole, and forgets it: keys are among them. Returns: whether to go on. */
static bool take_lines(LookWireguard *wireguard, GString *answer)
{
        char *end;

        while ((end = memchr(answer->str, '\n', answer->len))) {
                size_t length = (size_t)(end - answer->str);

                if (length == 0)
                        return false;
                *end = '\0';
                take_line(wireguard, answer->str);
                explicit_bzero(answer->str, length);
                g_string_erase(answer, 0, (gssize)length + 1);
        }
        return true;
}

static int talk(int fd, LookWireguard *wireguard, GString *answer)
{
        size_t total = 0;

        if (send(fd, QUESTION, strlen(QUESTION), MSG_NOSIGNAL) < 0)
                return -errno;
        while (take_lines(wireguard, answer)) {
                char buffer[4096];
                ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0 || (total += (size_t)n) > ANSWER_MAX)
                        return n < 0 ? -errno : -EBADMSG;
                g_string_append_len(answer, buffer, n);
                explicit_bzero(buffer, sizeof(buffer));
        }
        return 0;
}

int look_wireguard(const char *link, LookWireguard **ret)
{
        g_autoptr(LookWireguard) wireguard = g_new0(LookWireguard, 1);
        GString *answer;
        int fd, r;

        wireguard->endpoints = g_ptr_array_new_with_free_func(g_free);
        wireguard->allowed = g_ptr_array_new_with_free_func(g_free);
        fd = connect_to(link);
        if (fd < 0)
                return fd;
        /* Large enough not to be moved, which would leave keys behind. */
        answer = g_string_sized_new(16 * 1024);
        r = talk(fd, wireguard, answer);
        explicit_bzero(answer->str, answer->allocated_len);
        g_string_free(answer, TRUE);
        close(fd);
        if (r >= 0)
                *ret = g_steal_pointer(&wireguard);
        return r;
}
