/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches the directory of the bus's socket by inotify; GFileMonitor polls what isn't there. */

#include "client/tray/socket-watch.h"

#include <gio/gio.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "common/cleanup.h"

/* The socket shows before somebody listens on it, so it is tried a few times after each event. */
#define TRIES 6
#define FIRST_TRY_MSEC 20

struct SocketWatch {
        void (*again)(gpointer userdata);
        gpointer userdata;
        int fd;
        guint source;
        guint timer;
        guint tries;
};

/* The path in "unix:path=/run/dbus/system_bus_socket", or NULL. To be freed with g_free(). */
static char *socket_path(void)
{
        g_autofree char *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);
        const char *start = address ? strstr(address, "unix:path=") : NULL;

        if (!start)
                return NULL;
        start += strlen("unix:path=");
        return g_strndup(start, strcspn(start, ",;"));
}

static gboolean on_timer(gpointer userdata);

static void arm(SocketWatch *watch)
{
        watch->timer = g_timeout_add(FIRST_TRY_MSEC << watch->tries, on_timer, watch);
}

static gboolean on_timer(gpointer userdata)
{
        SocketWatch *watch = userdata;

        watch->timer = 0;
        if (++watch->tries < TRIES)
                arm(watch);
        watch->again(watch->userdata);
        return G_SOURCE_REMOVE;
}

static gboolean on_event(int fd, GIOCondition condition, gpointer userdata)
{
        SocketWatch *watch = userdata;
        char events[4096];

        (void)condition;
        while (read(fd, events, sizeof(events)) > 0)
                continue;
        watch->tries = 0;
        if (!watch->timer)
                arm(watch);
        return G_SOURCE_CONTINUE;
}

SocketWatch *socket_watch_new(GCallback again, gpointer userdata)
{
        g_autofree char *path = socket_path();
        SocketWatch *watch = g_new0(SocketWatch, 1);

        watch->again = (void (*)(gpointer))again;
        watch->userdata = userdata;
        watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch->fd >= 0)
                watch->source = g_unix_fd_add(watch->fd, G_IO_IN, on_event, watch);
        if (path && watch->fd >= 0) {
                g_autofree char *directory = g_path_get_dirname(path);

                (void)inotify_add_watch(watch->fd, directory,
                                        IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR);
        }
        return watch;
}

void socket_watch_free(SocketWatch *watch)
{
        if (!watch)
                return;
        g_clear_handle_id(&watch->source, g_source_remove);
        g_clear_handle_id(&watch->timer, g_source_remove);
        (void)ks_close(watch->fd);
        g_free(watch);
}
