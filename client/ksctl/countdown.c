/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counts down on the terminal's last line. */

#include "client/ksctl/countdown.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/ksctl/output.h"
#include "common/cleanup.h"
#include "common/duration.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)
#define ERASE "\r\x1b[K"

static uint64_t boottime(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
}

void countdown_open(Countdown *countdown, bool is_wanted)
{
        const char *term = getenv("TERM");

        *countdown = (Countdown){
                .timer_fd = -1,
                .is_wanted = is_wanted && isatty(STDOUT_FILENO) && term && *term &&
                             strcmp(term, "dumb") != 0,
        };
}

void countdown_stop(Countdown *countdown)
{
        countdown_hide(countdown);
        countdown->end = 0;
        countdown->timer_fd = ks_close(countdown->timer_fd);
}

void countdown_close(Countdown *countdown)
{
        countdown_stop(countdown);
}

/* Rings whenever the time that is left is a whole number of seconds. */
static int arm(uint64_t end)
{
        uint64_t now = boottime(), first = end - (end - now) / USEC_PER_SEC * USEC_PER_SEC;
        struct itimerspec when = {
                .it_value = { .tv_sec = (time_t)(first / USEC_PER_SEC),
                              .tv_nsec = (long)(first % USEC_PER_SEC * NSEC_PER_USEC) },
                .it_interval = { .tv_sec = 1 },
        };
        int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);

        if (fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
                fd = ks_close(fd);
        return fd;
}

void countdown_set(Countdown *countdown, const KsState *state)
{
        countdown_stop(countdown);
        if (!countdown->is_wanted || state->deadline == 0 || state->remaining == 0)
                return;

        /* Of another host's clock only what it says is left is used. */
        countdown->end = boottime() + state->remaining;
        countdown->deadline = state->deadline;
        countdown->is_trial = state->trial;
        countdown->timer_fd = arm(countdown->end);
        countdown_show(countdown);
}

void countdown_tick(Countdown *countdown)
{
        uint64_t times;

        if (countdown->timer_fd < 0 ||
            read(countdown->timer_fd, &times, sizeof(times)) != sizeof(times))
                return;
        if (boottime() >= countdown->end)
                countdown_stop(countdown);
        else
                countdown_show(countdown);
}

void countdown_hide(Countdown *countdown)
{
        if (!countdown->is_shown)
                return;
        fputs(ERASE, stdout);
        fflush(stdout);
        countdown->is_shown = false;
}

/* As much of the line as the terminal has room for: one that is broken can't be erased. */
static void print_cut(const char *text)
{
        unsigned columns = output_columns(stdout);
        g_autofree char *line = g_strdup(text);

        while (*line && output_width(line) >= columns)
                *g_utf8_find_prev_char(line, line + strlen(line)) = '\0';
        fputs(line, stdout);
}

void countdown_show(Countdown *countdown)
{
        uint64_t now = boottime();

        if (countdown->end <= now)
                return;

        g_autofree char *left = ks_duration_format(countdown->end - now);
        g_autofree char *clock = ks_text_clock(countdown->deadline);
        g_autofree char *line = g_strdup_printf(countdown->is_trial ? _("In %s it lets go (%s).")
                                                                    : _("In %s it engages (%s)."),
                                                left, clock);

        fputs(ERASE, stdout);
        print_cut(line);
        fflush(stdout);
        countdown->is_shown = true;
}
