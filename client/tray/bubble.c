/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talks to the desktop's notification server, whatever that can do. */

#include "client/tray/bubble.h"

#define SERVER_NAME "org.freedesktop.Notifications"
#define SERVER_PATH "/org/freedesktop/Notifications"
#define APP_NAME "killswitch"
#define DESKTOP_ENTRY "org.killswitch1.Tray"

/* Between two that nobody has asked for: a VPN that flaps must not flood the screen. */
#define GAP_MSEC 3000

#define URGENCY_NORMAL 1
#define URGENCY_CRITICAL 2

/* A bubble with texts of its own. */
typedef struct Copy {
        char *icon, *title, *body, *body_without_actions;
        BubbleAction actions[BUBBLE_ACTIONS_MAX + 1];
        bool urgent, answers, lapses;
} Copy;

struct Bubbles {
        GDBusConnection *bus;
        GCancellable *cancellable;
        BubbleActed acted;
        gpointer userdata;
        guint name_watch, subscription;
        guint timer;

        bool is_known; /* what the server can do */
        bool is_missing;
        bool has_actions, has_markup;

        Copy *next;    /* waits to be shown */
        Copy *current; /* what the server was last asked to show */
        bool is_busy;  /* a call to the server is under way */
        bool is_withdrawing;
        guint32 id;   /* of the bubble on the screen; 0 for none */
        gint64 shown; /* when, CLOCK_MONOTONIC */
};

static void pump(Bubbles *bubbles);

static void copy_free(Copy *copy)
{
        if (!copy)
                return;
        g_free(copy->icon);
        g_free(copy->title);
        g_free(copy->body);
        g_free(copy->body_without_actions);
        g_free(copy);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Copy, copy_free)

static Copy *copy_new(const Bubble *bubble)
{
        Copy *copy = g_new0(Copy, 1);

        copy->icon = g_strdup(bubble->icon);
        copy->title = g_strdup(bubble->title);
        copy->body = g_strdup(bubble->body);
        copy->body_without_actions = g_strdup(bubble->body_without_actions);
        for (gsize i = 0; i < BUBBLE_ACTIONS_MAX; i++)
                copy->actions[i] = bubble->actions[i];
        copy->urgent = bubble->urgent;
        copy->answers = bubble->answers;
        copy->lapses = bubble->lapses;
        return copy;
}

static void call(Bubbles *bubbles, const char *method, GVariant *arguments,
                 const GVariantType *type, GAsyncReadyCallback done)
{
        bubbles->is_busy = true;
        g_dbus_connection_call(bubbles->bus, SERVER_NAME, SERVER_PATH, SERVER_NAME, method,
                               arguments, type, G_DBUS_CALL_FLAGS_NONE, -1, bubbles->cancellable,
                               done, bubbles);
}

/* The answer of a call, NULL for an error; false when nobody may touch @bubbles any more. */
static bool finish(GObject *source, GAsyncResult *result, Bubbles *bubbles, GVariant **ret)
{
        g_autoptr(GError) error = NULL;

        *ret = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), result, &error);
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return false;
        bubbles->is_busy = false;
        return true;
}

static void on_capabilities(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GVariant) reply = NULL;
        Bubbles *bubbles = userdata;

        if (!finish(source, result, bubbles, &reply))
                return;
        bubbles->is_missing = !reply;
        if (reply) {
                g_autofree const char **words = NULL;

                g_variant_get(reply, "(^a&s)", &words);
                bubbles->has_actions = g_strv_contains(words, "actions");
                bubbles->has_markup = g_strv_contains(words, "body-markup");
                bubbles->is_known = true;
        } else {
                /* Nobody can show it; later it would be old. */
                g_clear_pointer(&bubbles->next, copy_free);
        }
        pump(bubbles);
}

static void on_shown(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GVariant) reply = NULL;
        Bubbles *bubbles = userdata;

        if (!finish(source, result, bubbles, &reply))
                return;
        if (reply)
                g_variant_get(reply, "(u)", &bubbles->id);
        pump(bubbles);
}

static void on_done(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GVariant) reply = NULL;
        Bubbles *bubbles = userdata;

        if (finish(source, result, bubbles, &reply))
                pump(bubbles);
}

static GVariant *arguments_of(const Bubbles *bubbles, const Copy *copy)
{
        const char *body = bubbles->has_actions || !copy->body_without_actions
                                   ? copy->body
                                   : copy->body_without_actions;
        g_autofree char *text = bubbles->has_markup ? g_markup_escape_text(body, -1)
                                                    : g_strdup(body);
        GVariantBuilder actions, hints;

        g_variant_builder_init(&actions, G_VARIANT_TYPE("as"));
        for (const BubbleAction *a = copy->actions; bubbles->has_actions && a->key; a++) {
                g_variant_builder_add(&actions, "s", a->key);
                g_variant_builder_add(&actions, "s", a->label);
        }
        g_variant_builder_init(&hints, G_VARIANT_TYPE("a{sv}"));
        g_variant_builder_add(&hints, "{sv}", "urgency",
                              g_variant_new_byte(copy->urgent ? URGENCY_CRITICAL : URGENCY_NORMAL));
        g_variant_builder_add(&hints, "{sv}", "desktop-entry", g_variant_new_string(DESKTOP_ENTRY));
        return g_variant_new("(susssasa{sv}i)", APP_NAME, bubbles->id, copy->icon, copy->title,
                             text, &actions, &hints, -1);
}

static gboolean on_timer(gpointer userdata)
{
        Bubbles *bubbles = userdata;

        bubbles->timer = 0;
        pump(bubbles);
        return G_SOURCE_REMOVE;
}

/* Whether the next one has to wait; it will be tried again then. */
static bool has_to_wait(Bubbles *bubbles)
{
        gint64 left = bubbles->shown + GAP_MSEC * 1000 - g_get_monotonic_time();

        if (bubbles->next->answers || bubbles->shown == 0 || left <= 0)
                return false;
        if (!bubbles->timer)
                bubbles->timer = g_timeout_add((guint)(left / 1000) + 1, on_timer, bubbles);
        return true;
}

static void show_next(Bubbles *bubbles)
{
        copy_free(bubbles->current);
        bubbles->current = g_steal_pointer(&bubbles->next);
        g_clear_handle_id(&bubbles->timer, g_source_remove);
        bubbles->shown = g_get_monotonic_time();
        call(bubbles, "Notify", arguments_of(bubbles, bubbles->current), G_VARIANT_TYPE("(u)"),
             on_shown);
}

/* From now on nothing that is done to it counts, whenever the server gets to it. */
static void close_current(Bubbles *bubbles, GAsyncReadyCallback done)
{
        guint32 id = bubbles->id;

        bubbles->id = 0;
        call(bubbles, "CloseNotification", g_variant_new("(u)", id), NULL, done);
}

/* Whether what is on the screen has to go. */
static bool has_lapsed(const Bubbles *bubbles)
{
        return bubbles->is_withdrawing && bubbles->id > 0 && bubbles->current->lapses;
}

/* Does what is to be done next, one call at a time. */
static void pump(Bubbles *bubbles)
{
        bool can_show;

        if (bubbles->is_busy)
                return;
        can_show = bubbles->next && bubbles->is_known && !has_to_wait(bubbles);
        if (!can_show && has_lapsed(bubbles))
                close_current(bubbles, on_done);
        bubbles->is_withdrawing = false;
        if (can_show)
                show_next(bubbles);
        else if (bubbles->next && !bubbles->is_known && !bubbles->is_busy)
                call(bubbles, "GetCapabilities", NULL, G_VARIANT_TYPE("(as)"), on_capabilities);
}

/* Whether the bubble on the screen offers an action; only once, as it goes with the answer. */
static bool takes_action(Bubbles *bubbles, const char *key)
{
        for (BubbleAction *a = bubbles->current->actions; a->key; a++) {
                if (g_str_equal(a->key, key)) {
                        bubbles->current->actions[0].key = NULL;
                        return true;
                }
        }
        return false;
}

static void on_signal(GDBusConnection *bus, const char *sender, const char *path,
                      const char *interface, const char *member, GVariant *arguments,
                      gpointer userdata)
{
        Bubbles *bubbles = userdata;
        const char *key;
        guint32 id;

        (void)bus;
        (void)sender;
        (void)path;
        (void)interface;
        if (g_str_equal(member, "NotificationClosed") &&
            g_variant_is_of_type(arguments, G_VARIANT_TYPE("(uu)"))) {
                g_variant_get(arguments, "(uu)", &id, NULL);
                if (id == bubbles->id)
                        bubbles->id = 0;
        } else if (g_str_equal(member, "ActionInvoked") &&
                   g_variant_is_of_type(arguments, G_VARIANT_TYPE("(us)"))) {
                g_variant_get(arguments, "(u&s)", &id, &key);
                /* One that was chosen as another text took its place is void. */
                if (id == bubbles->id && id > 0 && !bubbles->is_busy && takes_action(bubbles, key))
                        bubbles->acted(key, bubbles->userdata);
        }
}

static void forget_server(Bubbles *bubbles)
{
        bubbles->is_known = false;
        bubbles->is_missing = false;
        bubbles->id = 0;
}

static void on_server(GDBusConnection *bus, const char *name, const char *owner, gpointer userdata)
{
        Bubbles *bubbles = userdata;

        (void)bus;
        (void)name;
        (void)owner;
        forget_server(bubbles);
        if (!bubbles->is_busy)
                call(bubbles, "GetCapabilities", NULL, G_VARIANT_TYPE("(as)"), on_capabilities);
}

static void on_activatable(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autofree const char **names = NULL;
        g_autoptr(GVariant) reply = NULL;
        Bubbles *bubbles = userdata;

        if (!finish(source, result, bubbles, &reply))
                return;
        if (reply)
                g_variant_get(reply, "(^a&s)", &names);
        bubbles->is_missing = !bubbles->is_known && names && !g_strv_contains(names, SERVER_NAME);
        pump(bubbles);
}

/* One that isn't running may be started by the bus, with the first bubble; not before, because at
 * login the desktop may be about to bring its own. */
static void on_no_server(GDBusConnection *bus, const char *name, gpointer userdata)
{
        Bubbles *bubbles = userdata;

        (void)name;
        forget_server(bubbles);
        if (bubbles->is_busy || !bus)
                return;
        bubbles->is_busy = true;
        g_dbus_connection_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                               "org.freedesktop.DBus", "ListActivatableNames", NULL,
                               G_VARIANT_TYPE("(as)"), G_DBUS_CALL_FLAGS_NONE, -1,
                               bubbles->cancellable, on_activatable, bubbles);
}

Bubbles *bubbles_new(GDBusConnection *bus, BubbleActed acted, gpointer userdata)
{
        Bubbles *bubbles = g_new0(Bubbles, 1);

        bubbles->bus = g_object_ref(bus);
        bubbles->cancellable = g_cancellable_new();
        bubbles->acted = acted;
        bubbles->userdata = userdata;
        bubbles->subscription = g_dbus_connection_signal_subscribe(
                bus, SERVER_NAME, SERVER_NAME, NULL, SERVER_PATH, NULL, G_DBUS_SIGNAL_FLAGS_NONE,
                on_signal, bubbles, NULL);
        bubbles->name_watch = g_bus_watch_name_on_connection(
                bus, SERVER_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE, on_server, on_no_server, bubbles,
                NULL);
        return bubbles;
}

void bubbles_free(Bubbles *bubbles)
{
        if (!bubbles)
                return;
        bubbles->is_withdrawing = true;
        if (has_lapsed(bubbles))
                close_current(bubbles, NULL);
        g_cancellable_cancel(bubbles->cancellable);
        g_bus_unwatch_name(bubbles->name_watch);
        g_dbus_connection_signal_unsubscribe(bubbles->bus, bubbles->subscription);
        g_clear_handle_id(&bubbles->timer, g_source_remove);
        copy_free(bubbles->next);
        copy_free(bubbles->current);
        g_object_unref(bubbles->cancellable);
        g_object_unref(bubbles->bus);
        g_free(bubbles);
}

void bubbles_show(Bubbles *bubbles, const Bubble *bubble)
{
        copy_free(bubbles->next);
        bubbles->next = copy_new(bubble);
        /* It may have to wait, and what the one before it says is over now. */
        if (bubble->lapses)
                bubbles->is_withdrawing = true;
        pump(bubbles);
}

void bubbles_withdraw(Bubbles *bubbles)
{
        if (bubbles->next && bubbles->next->lapses)
                g_clear_pointer(&bubbles->next, copy_free);
        bubbles->is_withdrawing = true;
        pump(bubbles);
}

bool bubbles_may_lapse(const Bubbles *bubbles)
{
        return (bubbles->next && bubbles->next->lapses) ||
               (bubbles->current && bubbles->current->lapses &&
                (bubbles->id > 0 || bubbles->is_busy));
}

bool bubbles_can_ask(const Bubbles *bubbles)
{
        return !bubbles->is_missing && (!bubbles->is_known || bubbles->has_actions);
}
