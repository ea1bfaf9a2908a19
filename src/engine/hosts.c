/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hosts file that VPN units bind over /etc/hosts, so that they connect while blocked. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "engine/hosts.h"

#define SYSTEM_HOSTS "/etc/hosts"
#define FILE_NAME "hosts"

char *ks_hosts_text(GPtrArray *pins, gboolean up)
{
        GString *text = g_string_new("# Made by killswitchd from " SYSTEM_HOSTS
                                     " and the servers of VPNs that are known by name.\n");
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autofree char *system = NULL;

        for (guint i = 0; up && i < pins->len; i++) {
                const KsPin *pin = g_ptr_array_index(pins, i);

                for (guint j = 0; j < pin->addresses->len; j++) {
                        const KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, j);
                        g_autofree char *string = ks_prefix_address_to_string(&pinned->address);
                        g_autofree char *line = g_strdup_printf("%s %s\n", string, pin->host);

                        /* Two VPNs may have the same server. */
                        if (pinned->in_force && g_hash_table_add(seen, g_strdup(line)))
                                g_string_append(text, line);
                }
        }
        if (g_file_get_contents(SYSTEM_HOSTS, &system, NULL, NULL))
                g_string_append(text, system);
        return g_string_free(text, FALSE);
}

static gboolean write_in_place(int fd, const char *text)
{
        size_t length = strlen(text);

        return pwrite(fd, text, length, 0) == (ssize_t)length && ftruncate(fd, (off_t)length) == 0;
}

static gboolean write_anew(int directory, const char *text)
{
        static const char aside[] = FILE_NAME ".new";
        _cleanup_close_ int fd = -1;

        unlinkat(directory, aside, 0);
        fd = openat(directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        /* The service's umask keeps everything else to itself; VPNs may have any user. */
        return fd >= 0 && fchmod(fd, 0644) == 0 && write_in_place(fd, text) &&
               renameat(directory, aside, directory, FILE_NAME) == 0;
}

gboolean ks_hosts_write(const char *path, const char *text)
{
        _cleanup_close_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int fd = -1;

        if (directory >= 0)
                fd = openat(directory, FILE_NAME, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (directory >= 0 && (fd >= 0 ? write_in_place(fd, text) : write_anew(directory, text)))
                return TRUE;
        ks_log(LOG_WARNING,
               "Can't write %s/" FILE_NAME ": %s; a VPN that asks for its server's name can't "
               "connect while engaged",
               path, g_strerror(errno));
        return FALSE;
}
