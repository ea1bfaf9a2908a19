/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for the administrator: entries of the journal with their fields, or lines on standard
 * error. */

#include <errno.h>
#include <linux/sockios.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

#define JOURNAL "/run/systemd/journal/socket"
#define SETTLE_TRIES 100
#define SETTLE_GAP_USEC 2000

/* Whether systemd says of standard error that it leads to the journal, and it still does. */
static gboolean leads_to_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        g_autofree char *mine = NULL;
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return FALSE;
        mine = g_strdup_printf("%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        return g_str_equal(mine, stream);
}

/* What sends to the journal's own socket, which takes fields; -1 without one. */
static int journal_socket(void)
{
        static int fd = -1;
        static gboolean asked;

        if (!asked && leads_to_journal())
                fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        asked = TRUE;
        return fd;
}

/* One line is one entry or field; what others named must not forge a second one. */
static void make_one_line(char *text)
{
        for (char *c = text; *c; c++)
                if ((unsigned char)*c < ' ' || *c == 0x7f)
                        *c = ' ';
}

static void append_field(GString *entry, const char *name, const char *value)
{
        g_autofree char *line = g_strdup(value);

        make_one_line(line);
        g_string_append_printf(entry, "%s=%s\n", name, line);
}

/* Never waits: a journal that hangs must not make the service hang. */
static gboolean send_entry(int priority, const char *message, const char *const *fields,
                           const char *line)
{
        static const struct sockaddr_un address = { AF_UNIX, JOURNAL };
        g_autoptr(GString) entry = NULL;
        int fd = journal_socket();

        if (fd < 0)
                return FALSE;
        entry = g_string_new(NULL);
        g_string_append_printf(entry, "PRIORITY=%d\nSYSLOG_FACILITY=%d\n", priority,
                               LOG_FAC(LOG_DAEMON));
        append_field(entry, "SYSLOG_IDENTIFIER", program_invocation_short_name);
        append_field(entry, "MESSAGE", line);
        if (message)
                append_field(entry, "MESSAGE_ID", message);
        for (guint i = 0; fields && fields[i]; i += 2)
                append_field(entry, fields[i], fields[i + 1]);
        /* By its address each time: the socket may be made anew. */
        return sendto(fd, entry->str, entry->len, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&address, sizeof(address)) >= 0;
}

/* Nor does this wait, which is all that is left then: rather a line less. */
static void send_line(int priority, const char *line)
{
        g_autofree char *text = g_strdup_printf("<%d>%s\n", priority, line);

        (void)send(STDERR_FILENO, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void log_line(int priority, const char *message, const char *const *fields, char *line)
{
        make_one_line(line);
        if (send_entry(priority, message, fields, line))
                return;
        if (leads_to_journal())
                send_line(priority, line);
        else
                fprintf(stderr, "killswitchd: %s\n", line);
}

void ks_log(int priority, const char *format, ...)
{
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        log_line(priority, NULL, NULL, line);
}

void ks_log_event(int priority, const char *message, const char *const *fields, const char *format,
                  ...)
{
        g_autofree char *line = NULL;
        va_list ap;

        va_start(ap, format);
        line = g_strdup_vprintf(format, ap);
        va_end(ap);
        log_line(priority, message, fields, line);
}

void ks_log_settle(void)
{
        int fd = journal_socket(), waiting = 0;

        for (int i = 0; fd >= 0 && i < SETTLE_TRIES; i++) {
                if (ioctl(fd, SIOCOUTQ, &waiting) < 0 || waiting == 0)
                        return;
                g_usleep(SETTLE_GAP_USEC);
        }
}
