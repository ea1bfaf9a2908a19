/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An alarm of CLOCK_BOOTTIME, which goes on while the machine sleeps, unlike GLib's timeouts. */

#include "client/tray/alarm.h"

#include <glib-unix.h>
#include <sys/timerfd.h>

#include "common/cleanup.h"

struct Alarm {
        void (*ring)(gpointer userdata);
        gpointer userdata;
        int fd;
        guint source;
};

static gboolean on_time(int fd, GIOCondition condition, gpointer userdata)
{
        Alarm *alarm = userdata;

        (void)fd;
        (void)condition;
        alarm->source = 0;
        alarm->ring(alarm->userdata);
        return G_SOURCE_REMOVE;
}

Alarm *alarm_new(uint64_t usec, void (*ring)(gpointer userdata), gpointer userdata)
{
        /* All zeroes would disarm it. */
        const struct itimerspec time = {
                .it_value.tv_sec = (time_t)(usec / G_USEC_PER_SEC),
                .it_value.tv_nsec = (long)(usec % G_USEC_PER_SEC) * 1000 + 1,
        };
        _cleanup_close_ int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        Alarm *alarm;

        if (fd < 0 || timerfd_settime(fd, 0, &time, NULL) < 0)
                return NULL;
        alarm = g_new(Alarm, 1);
        *alarm = (Alarm){ .ring = ring, .userdata = userdata, .fd = ks_steal_fd(&fd) };
        alarm->source = g_unix_fd_add(alarm->fd, G_IO_IN, on_time, alarm);
        return alarm;
}

void alarm_free(Alarm *alarm)
{
        if (!alarm)
                return;
        g_clear_handle_id(&alarm->source, g_source_remove);
        (void)ks_close(alarm->fd);
        g_free(alarm);
}
