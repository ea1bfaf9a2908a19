/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Follows the service by its signals, and asks it for the details behind them. */

#include "client/tray/service.h"

#include "client/tray/socket-watch.h"
#include "common/names.h"

#define DBUS_NAME "org.freedesktop.DBus"
#define DBUS_PATH "/org/freedesktop/DBus"

struct Service {
        ServiceEvents events;
        GCancellable *cancellable; /* everything that outlives no service */
        GDBusConnection *bus;
        SocketWatch *socket_watch; /* while there is no bus */
        gulong closed_handler;
        guint name_watch;
        bool is_connecting;
        bool is_starting; /* the bus was asked to start the service */
        bool has_started; /* the service was there, or was asked to start, once */

        char *owner; /* unique name of who serves now; NULL for nobody */
        guint signal_subscription;
        GCancellable *question; /* a GetState under way */
        bool is_outdated;       /* a signal came after the question was put */

        KsState *state;
        Unknown unknown;
        char *reason;
        guint changes; /* under way */
};

static void connect_to_bus(Service *service);

static void tell(Service *service, bool settled)
{
        service->events.changed(settled, service->events.userdata);
}

static void forget_state(Service *service, Unknown why)
{
        bool had_state = service->state != NULL;

        if (!had_state && service->unknown == why)
                return;
        service->state = ks_state_free(service->state);
        service->unknown = why;
        tell(service, true);
}

static void drop_question(Service *service)
{
        if (service->question)
                g_cancellable_cancel(service->question);
        g_clear_object(&service->question);
        service->is_outdated = false;
}

static void ask(Service *service);

static void take_answer(Service *service, GVariant *reply, const GError *error)
{
        KsState *state = NULL;

        if (error || ks_state_read_variant(reply, &state) < 0) {
                forget_state(service, UNKNOWN_ANSWER);
                return;
        }
        (void)ks_state_free(service->state);
        service->state = state;
        tell(service, true);
}

static void on_state(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant)
                reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        Service *service = userdata;

        /* Dropped: it is another owner's, or the service itself is gone. */
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;

        g_clear_object(&service->question);
        /* A signal has come since; what was true when this was answered need not be any more. */
        if (service->is_outdated)
                ask(service);
        else
                take_answer(service, reply, error);
}

/* One question at a time, and one more when something has happened meanwhile. It goes to the owner
 * by its unique name, so that no answer can be another one's. */
static void ask(Service *service)
{
        if (service->question) {
                service->is_outdated = true;
                return;
        }
        if (!service->owner)
                return;
        service->is_outdated = false;
        service->question = g_cancellable_new();
        g_dbus_connection_call(service->bus, service->owner, KS_OBJECT_PATH, KS_INTERFACE,
                               "GetState", NULL, NULL, G_DBUS_CALL_FLAGS_NO_AUTO_START, -1,
                               service->question, on_state, service);
}

/* The state itself is in the signal, so the icon doesn't wait for an answer. */
static void take_change(Service *service, GVariant *arguments)
{
        const char *new, *reason;

        if (!g_variant_is_of_type(arguments, G_VARIANT_TYPE("(sss)")))
                return;
        g_variant_get(arguments, "(&s&s&s)", NULL, &new, &reason);
        g_free(service->reason);
        service->reason = g_strdup(reason);
        if (!service->state)
                return;
        g_free(service->state->state);
        service->state->state = g_strdup(new);
        service->state->engaged = !g_str_equal(new, KS_STATE_OFF);
        tell(service, false);
}

static void on_signal(GDBusConnection *bus, const char *sender, const char *path,
                      const char *interface, const char *member, GVariant *arguments,
                      gpointer userdata)
{
        Service *service = userdata;

        (void)bus;
        (void)path;
        /* Queued before its sender went. */
        if (g_strcmp0(sender, service->owner) != 0)
                return;
        if (g_str_equal(interface, KS_INTERFACE) && g_str_equal(member, "StateChanged"))
                take_change(service, arguments);
        ask(service);
}

static void drop_owner(Service *service)
{
        if (service->signal_subscription)
                g_dbus_connection_signal_unsubscribe(service->bus, service->signal_subscription);
        service->signal_subscription = 0;
        g_clear_pointer(&service->owner, g_free);
        drop_question(service);
}

static void on_appeared(GDBusConnection *bus, const char *name, const char *owner,
                        gpointer userdata)
{
        Service *service = userdata;

        (void)name;
        drop_owner(service);
        service->has_started = true;
        service->owner = g_strdup(owner);
        /* Before the question, so that nothing happens unnoticed between the two. */
        service->signal_subscription = g_dbus_connection_signal_subscribe(
                bus, owner, NULL, NULL, KS_OBJECT_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_signal,
                service, NULL);
        forget_state(service, UNKNOWN_NOT_YET);
        ask(service);
}

static void on_started(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant)
                reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        Service *service = userdata;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        service->is_starting = false;
        if (error && !service->owner)
                forget_state(service, service->bus ? UNKNOWN_SERVICE : UNKNOWN_BUS);
}

/* Once at a time: some hosts look at a menu again and again. */
static void start(Service *service)
{
        if (service->is_starting)
                return;
        service->is_starting = true;
        g_dbus_connection_call(service->bus, DBUS_NAME, DBUS_PATH, DBUS_NAME, "StartServiceByName",
                               g_variant_new("(su)", KS_BUS_NAME, 0), NULL, G_DBUS_CALL_FLAGS_NONE,
                               -1, service->cancellable, on_started, service);
}

static void on_vanished(GDBusConnection *bus, const char *name, gpointer userdata)
{
        Service *service = userdata;

        (void)bus;
        (void)name;
        drop_owner(service);
        if (!service->bus || g_dbus_connection_is_closed(service->bus))
                return;
        forget_state(service, service->has_started ? UNKNOWN_SERVICE : UNKNOWN_NOT_YET);
        if (!service->has_started)
                start(service);
        service->has_started = true;
}

static void wait_for_bus(Service *service)
{
        if (!service->socket_watch)
                service->socket_watch = socket_watch_new((GCallback)connect_to_bus, service);
        forget_state(service, UNKNOWN_BUS);
}

static void drop_bus(Service *service)
{
        drop_owner(service);
        if (service->name_watch)
                g_bus_unwatch_name(service->name_watch);
        service->name_watch = 0;
        if (service->bus)
                g_signal_handler_disconnect(service->bus, service->closed_handler);
        g_clear_object(&service->bus);
}

static void on_closed(GDBusConnection *bus, gboolean vanished, GError *error, gpointer userdata)
{
        (void)bus;
        (void)vanished;
        (void)error;
        drop_bus(userdata);
        wait_for_bus(userdata);
}

static void on_connected(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        GDBusConnection *bus = g_dbus_connection_new_for_address_finish(result, &error);
        Service *service = userdata;

        (void)source;
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        service->is_connecting = false;
        if (!bus) {
                wait_for_bus(service);
                return;
        }
        g_clear_pointer(&service->socket_watch, socket_watch_free);
        service->bus = bus;
        service->closed_handler = g_signal_connect(bus, "closed", G_CALLBACK(on_closed), service);
        service->name_watch = g_bus_watch_name_on_connection(
                bus, KS_BUS_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_appeared, on_vanished, service,
                NULL);
}

/* A connection of its own: the shared one would end the program along with the bus. */
static void connect_to_bus(Service *service)
{
        g_autofree char *address = NULL;

        if (service->bus || service->is_connecting)
                return;
        address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, NULL);
        if (!address) {
                wait_for_bus(service);
                return;
        }
        service->is_connecting = true;
        g_dbus_connection_new_for_address(address,
                                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                                  G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                          NULL, service->cancellable, on_connected, service);
}

Service *service_new(const ServiceEvents *events)
{
        Service *service = g_new0(Service, 1);

        service->events = *events;
        service->cancellable = g_cancellable_new();
        service->reason = g_strdup("");
        connect_to_bus(service);
        return service;
}

void service_free(Service *service)
{
        if (!service)
                return;
        g_cancellable_cancel(service->cancellable);
        drop_bus(service);
        socket_watch_free(service->socket_watch);
        g_object_unref(service->cancellable);
        (void)ks_state_free(service->state);
        g_free(service->reason);
        g_free(service);
}

const KsState *service_state(const Service *service)
{
        return service->state;
}

Unknown service_unknown(const Service *service)
{
        return service->unknown;
}

const char *service_reason(const Service *service)
{
        return service->reason;
}

bool service_is_asking(const Service *service)
{
        return service->changes > 0;
}

void service_look(Service *service)
{
        if (!service->bus)
                connect_to_bus(service);
        else if (!service->owner)
                start(service);
        else if (!service->question)
                ask(service);
}

/* A call under way. */
typedef struct Change {
        Service *service;
        const char *method;
} Change;

static KsFailure classify(const GError *error, const char *name)
{
        const sd_bus_error bus_error = { .name = name, .message = error->message };

        if (name)
                return ks_failure_classify(&bus_error, 0);
        return g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED) ? KS_FAILURE_BUS
                                                                     : KS_FAILURE_OTHER;
}

static void on_changed(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant)
                reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        g_autofree Change *change = userdata;
        Service *service = change->service;
        Outcome outcome = { .method = change->method };
        g_autofree char *name = NULL;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        service->changes--;
        if (error) {
                name = g_dbus_error_get_remote_error(error);
                (void)g_dbus_error_strip_remote_error(error);
                outcome.failure = classify(error, name);
                outcome.message = error->message;
        }
        service->events.answered(&outcome, service->events.userdata);
}

void service_change(Service *service, const char *method, GVariant *arguments)
{
        Outcome outcome = { .method = method, .failure = KS_FAILURE_BUS, .message = "" };
        Change *change;

        if (!service->bus) {
                if (arguments)
                        g_variant_unref(g_variant_ref_sink(arguments));
                connect_to_bus(service);
                service->events.answered(&outcome, service->events.userdata);
                return;
        }
        change = g_new(Change, 1);
        *change = (Change){ .service = service, .method = method };
        service->changes++;
        g_dbus_connection_call(service->bus, KS_BUS_NAME, KS_OBJECT_PATH, KS_INTERFACE, method,
                               arguments, NULL, G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                               G_MAXINT, service->cancellable, on_changed, change);
}
