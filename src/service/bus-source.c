/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd-bus in a GMainLoop. */

#include <poll.h>

#include "common/log.h"
#include "common/messages.h"
#include "service/bus-source.h"

typedef struct BusSource {
        GSource source;
        sd_bus *bus;
        gpointer tag;
        GIOCondition events;
        guint64 deadline; /* CLOCK_MONOTONIC, µs; G_MAXUINT64: none; 0: at once */
        gboolean lost;
} BusSource;

/* Asks the connection what it waits for. A failure means that it is gone. */
static void ask(BusSource *self)
{
        int events = sd_bus_get_events(self->bus);

        if (events < 0 || sd_bus_get_timeout(self->bus, &self->deadline) < 0) {
                self->lost = TRUE;
                return;
        }
        if (self->events != (GIOCondition)events) {
                self->events = (GIOCondition)events;
                g_source_modify_unix_fd(&self->source, self->tag, self->events);
        }
}

static gboolean is_due(const BusSource *self)
{
        return self->lost || self->deadline == 0 ||
               (self->deadline != G_MAXUINT64 && self->deadline <= (guint64)g_get_monotonic_time());
}

static gboolean prepare(GSource *source, gint *timeout)
{
        BusSource *self = (BusSource *)source;

        ask(self);
        *timeout = -1;
        if (is_due(self))
                return TRUE;
        if (self->deadline != G_MAXUINT64) {
                guint64 left = self->deadline - (guint64)g_get_monotonic_time();

                *timeout = (gint)MIN((left + 999) / 1000, (guint64)G_MAXINT);
        }
        return FALSE;
}

static gboolean check(GSource *source)
{
        BusSource *self = (BusSource *)source;

        return is_due(self) || g_source_query_unix_fd(source, self->tag) != 0;
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer userdata)
{
        BusSource *self = (BusSource *)source;
        int r = self->lost ? -ENOTCONN : sd_bus_process(self->bus, NULL);

        if (r >= 0)
                return G_SOURCE_CONTINUE;
        ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL,
                     "The connection to the system bus is lost: %s", g_strerror(-r));
        if (callback)
                callback(userdata);
        return G_SOURCE_REMOVE;
}

static void finalize(GSource *source)
{
        sd_bus_unref(((BusSource *)source)->bus);
}

static GSourceFuncs functions = {
        .prepare = prepare,
        .check = check,
        .dispatch = dispatch,
        .finalize = finalize,
};

GSource *ks_bus_source_new(sd_bus *bus)
{
        GSource *source = g_source_new(&functions, sizeof(BusSource));
        BusSource *self = (BusSource *)source;

        self->bus = sd_bus_ref(bus);
        self->events = G_IO_IN;
        self->tag = g_source_add_unix_fd(source, sd_bus_get_fd(bus), G_IO_IN);
        g_source_set_name(source, "sd-bus");
        return source;
}
