/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one kernel setting that marked transport needs. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/error.h"
#include "kernel/sysctl.h"

#define VALID_MARK "/proc/sys/net/ipv4/conf/all/src_valid_mark"

int ks_sysctl_read_number(const char *path)
{
        g_autofree char *full = g_strdup_printf("/proc/sys/net/%s", path);
        g_autofree char *text = NULL;

        if (!g_file_get_contents(full, &text, NULL, NULL))
                return -1;
        return atoi(text);
}

gboolean ks_sysctl_use_marks_in_reverse_lookups(GError **error)
{
        int fd = open(VALID_MARK, O_RDONLY | O_CLOEXEC), saved = 0;
        char value = '0';

        if (fd >= 0) {
                if (read(fd, &value, 1) < 0)
                        value = '0';
                close(fd);
        }
        if (value == '1')
                return TRUE;
        fd = open(VALID_MARK, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "1\n", 2) != 2)
                saved = errno;
        if (fd >= 0)
                close(fd);
        if (!saved)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                    "Answers to the VPN's own packets may be dropped by rp_filter, because "
                    "net.ipv4.conf.all.src_valid_mark is 0 and can't be set (%s). Run 'sysctl -w "
                    "net.ipv4.conf.all.src_valid_mark=1'",
                    g_strerror(saved));
        return FALSE;
}
