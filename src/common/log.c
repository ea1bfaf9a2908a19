/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines on standard error, with the journal's priority prefix under systemd. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"

void ks_log(int priority, const char *format, ...)
{
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        /* One line is one entry; what others named must not forge a second one. */
        for (char *c = line; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        *c = ' ';
        if (getenv("JOURNAL_STREAM"))
                fprintf(stderr, "<%d>%s\n", priority, line);
        else
                fprintf(stderr, "killswitchd: %s\n", line);
}
