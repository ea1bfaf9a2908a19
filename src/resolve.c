/* SPDX-License-Identifier: GPL-2.0-or-later */
/* killswitch-resolve: asks for the addresses of names, for killswitchd, which has no network.
 *
 * The bus starts it when it is called and lets nobody but killswitchd call. It has no right and
 * keeps nothing; its questions take the way that every program's take. It ends when it is idle. */

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "common/log.h"
#include "common/messages.h"
#include "common/names.h"
#include "policy/names.h"
#include "service/bus-source.h"

#define IDLE_SECONDS 5
/* killswitchd asks for a name at a time once; this bounds what a mistake there could do. */
#define PENDING_MAX 1024

typedef struct Resolver {
        GMainLoop *loop;
        sd_bus *bus;
        guint pending;
        guint idle_source;
        gboolean stopped; /* by a signal */
        int status;
} Resolver;

typedef struct Question {
        Resolver *resolver;
        sd_bus_message *message;
} Question;

static gboolean on_idle(gpointer userdata)
{
        Resolver *self = userdata;

        self->idle_source = 0;
        g_main_loop_quit(self->loop);
        return G_SOURCE_REMOVE;
}

static void arm_idle(Resolver *self)
{
        if (self->idle_source)
                g_source_remove(self->idle_source);
        self->idle_source = self->pending ? 0 : g_timeout_add_seconds(IDLE_SECONDS, on_idle, self);
}

static int reply_addresses(sd_bus_message *message, GList *addresses)
{
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "s");
        for (GList *i = addresses; r >= 0 && i; i = i->next) {
                g_autofree char *text = g_inet_address_to_string(i->data);

                r = sd_bus_message_append(reply, "s", text);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r;
}

static void on_answer(GObject *object, GAsyncResult *result, gpointer userdata)
{
        g_autofree Question *question = userdata;
        g_autoptr(GError) error = NULL;
        GList *addresses = g_resolver_lookup_by_name_finish(G_RESOLVER(object), result, &error);
        int r;

        if (addresses)
                r = reply_addresses(question->message, addresses);
        else
                r = sd_bus_reply_method_errorf(question->message, SD_BUS_ERROR_FAILED, "%s",
                                               error->message);
        if (r < 0)
                ks_log(LOG_WARNING, "Can't answer: %s", g_strerror(-r));
        g_resolver_free_addresses(addresses);
        sd_bus_message_unref(question->message);
        question->resolver->pending--;
        arm_idle(question->resolver);
}

static int on_resolve(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        Resolver *self = userdata;
        g_autoptr(GResolver) resolver = NULL;
        const char *name;
        Question *question;
        int r = sd_bus_message_read(message, "s", &name);

        if (r < 0)
                return r;
        if (ks_host_problem(name))
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "'%.60s' %s", name,
                                         ks_host_problem(name));
        if (self->pending >= PENDING_MAX)
                return sd_bus_error_set(error, SD_BUS_ERROR_LIMITS_EXCEEDED,
                                        "Too many names at a time");
        question = g_new(Question, 1);
        *question = (Question){ self, sd_bus_message_ref(message) };
        self->pending++;
        arm_idle(self);
        resolver = g_resolver_get_default();
        g_resolver_lookup_by_name_async(resolver, name, NULL, on_answer, question);
        return 1;
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Resolve", SD_BUS_ARGS("s", name), SD_BUS_RESULT("as", addresses),
                                on_resolve, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

/* Whoever waits is told by the bus. */
static gboolean on_signal(gpointer userdata)
{
        Resolver *self = userdata;

        self->stopped = TRUE;
        g_main_loop_quit(self->loop);
        return G_SOURCE_REMOVE;
}

static gboolean on_bus_lost(gpointer userdata)
{
        Resolver *self = userdata;

        self->status = EXIT_FAILURE;
        g_main_loop_quit(self->loop);
        return G_SOURCE_REMOVE;
}

/* Without the name the bus starts another of us for whoever calls from here on; what came before
 * that is still answered. */
static void leave(Resolver *self)
{
        if (sd_bus_release_name(self->bus, KS_RESOLVER_NAME) < 0)
                return;
        while (sd_bus_process(self->bus, NULL) > 0 || self->pending > 0)
                if (self->pending > 0)
                        g_main_context_iteration(NULL, TRUE);
        sd_bus_flush(self->bus);
}

static int serve(Resolver *self)
{
        g_autoptr(GSource) source = ks_bus_source_new(self->bus);

        g_source_set_callback(source, on_bus_lost, self, NULL);
        g_source_attach(source, NULL);
        g_unix_signal_add(SIGTERM, on_signal, self);
        g_unix_signal_add(SIGINT, on_signal, self);
        arm_idle(self);
        g_main_loop_run(self->loop);
        g_source_destroy(source);
        if (self->status == EXIT_SUCCESS && !self->stopped)
                leave(self);
        return self->status;
}

int main(int argc, char **argv)
{
        Resolver self = { .status = EXIT_SUCCESS };
        int r;

        if (argc > 1) {
                g_printerr("killswitch-resolve: takes no argument '%s'; the system bus starts it\n",
                           argv[1]);
                return 2;
        }
        r = sd_bus_open_system(&self.bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(self.bus, NULL, KS_RESOLVER_PATH,
                                             KS_RESOLVER_INTERFACE, vtable, &self);
        if (r >= 0)
                r = sd_bus_request_name(self.bus, KS_RESOLVER_NAME, 0);
        if (r < 0) {
                ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL,
                             "Can't serve " KS_RESOLVER_NAME " on the system bus: %s",
                             g_strerror(-r));
                sd_bus_unref(self.bus);
                return EXIT_FAILURE;
        }
        self.loop = g_main_loop_new(NULL, FALSE);
        r = serve(&self);
        g_main_loop_unref(self.loop);
        sd_bus_unref(self.bus);
        return r;
}
