/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exports the item, and announces it to whatever tray there is. */

#include "client/tray/item.h"

#include "client/common/i18n.h"
#include "client/tray/tray-item.h"
#include "client/tray/tray-watcher.h"
#include "config.h"

#define ITEM_PATH "/StatusNotifierItem"
#define WATCHER_NAME "org.kde.StatusNotifierWatcher"
#define WATCHER_PATH "/StatusNotifierWatcher"

struct Item {
        ItemEvents events;
        GDBusConnection *bus;
        GCancellable *cancellable;
        TrayItem *skeleton;
        TrayWatcher *watcher;
        guint watch_id;
        bool symbolic;
};

static void on_registered(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        bool done = tray_watcher_call_register_status_notifier_item_finish(TRAY_WATCHER(source),
                                                                           result, &error);
        Item *item = userdata;

        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
                return;
        if (!done)
                g_printerr(_("killswitch-tray: the tray refuses the icon: %s\n"), error->message);
        item->events.registered(done, item->events.userdata);
}

static void on_watcher(GDBusConnection *bus, const char *name, const char *owner, gpointer userdata)
{
        Item *item = userdata;

        (void)name;
        (void)owner;
        /* By its own name and no other: GNOME's extension drops an item that has a well-known one
         * when it hears of that name a moment too late. */
        tray_watcher_call_register_status_notifier_item(item->watcher,
                                                        g_dbus_connection_get_unique_name(bus),
                                                        item->cancellable, on_registered, item);
}

static void on_no_watcher(GDBusConnection *bus, const char *name, gpointer userdata)
{
        Item *item = userdata;

        (void)bus;
        (void)name;
        item->events.registered(false, item->events.userdata);
}

static gboolean on_activate(TrayItem *skeleton, GDBusMethodInvocation *call, int x, int y,
                            Item *item)
{
        (void)x;
        (void)y;
        /* Plasma opens the menu when a click fails. */
        if (item->events.activated(item->events.userdata))
                tray_item_complete_activate(skeleton, call);
        else
                g_dbus_method_invocation_return_dbus_error(
                        call, "org.freedesktop.DBus.Error.UnknownMethod", _("The menu has it"));
        return TRUE;
}

/* Hosts that can't show a menu ask the item to; this one has nothing to show it with. */
static gboolean on_context_menu(TrayItem *skeleton, GDBusMethodInvocation *call, int x, int y,
                                Item *item)
{
        (void)x;
        (void)y;
        (void)item;
        tray_item_complete_context_menu(skeleton, call);
        return TRUE;
}

/* A middle click and the wheel do nothing: too easily done by mistake. */
static gboolean on_secondary(TrayItem *skeleton, GDBusMethodInvocation *call, int x, int y,
                             Item *item)
{
        (void)x;
        (void)y;
        (void)item;
        tray_item_complete_secondary_activate(skeleton, call);
        return TRUE;
}

static gboolean on_scroll(TrayItem *skeleton, GDBusMethodInvocation *call, int delta,
                          const char *orientation, Item *item)
{
        (void)delta;
        (void)orientation;
        (void)item;
        tray_item_complete_scroll(skeleton, call);
        return TRUE;
}

static gboolean on_token(TrayItem *skeleton, GDBusMethodInvocation *call, const char *token,
                         Item *item)
{
        (void)token;
        (void)item;
        tray_item_complete_provide_xdg_activation_token(skeleton, call);
        return TRUE;
}

/* Where the icons are, if no theme finds them there by itself. */
static const char *theme_path(void)
{
        const char *const *directories = g_get_system_data_dirs();

        for (; *directories; directories++) {
                g_autofree char *icons = g_build_filename(*directories, "icons", NULL);

                if (g_str_equal(icons, KS_ICON_DIR))
                        return "";
        }
        return KS_ICON_DIR;
}

static GVariant *no_pixmap(void)
{
        return g_variant_new_array(G_VARIANT_TYPE("(iiay)"), NULL, 0);
}

static void set_constants(TrayItem *skeleton)
{
        g_object_set(skeleton, "category", "SystemServices", "id", "killswitch", "window-id", 0,
                     "icon-theme-path", theme_path(), "menu", ITEM_MENU_PATH, "item-is-menu", FALSE,
                     "overlay-icon-name", "", "attention-movie-name", "", "icon-pixmap",
                     no_pixmap(), "overlay-icon-pixmap", no_pixmap(), "attention-icon-pixmap",
                     no_pixmap(), NULL);
}

static void connect_handlers(Item *item)
{
        static const struct {
                const char *signal;
                GCallback handler;
        } handlers[] = {
                { "handle-activate", G_CALLBACK(on_activate) },
                { "handle-secondary-activate", G_CALLBACK(on_secondary) },
                { "handle-context-menu", G_CALLBACK(on_context_menu) },
                { "handle-scroll", G_CALLBACK(on_scroll) },
                { "handle-provide-xdg-activation-token", G_CALLBACK(on_token) },
        };

        for (gsize i = 0; i < G_N_ELEMENTS(handlers); i++)
                g_signal_connect(item->skeleton, handlers[i].signal, handlers[i].handler, item);
}

static void on_proxy(GObject *source, GAsyncResult *result, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        TrayWatcher *watcher = tray_watcher_proxy_new_finish(result, &error);
        Item *item = userdata;

        (void)source;
        if (!watcher)
                return;
        item->watcher = watcher;
        item->watch_id = g_bus_watch_name_on_connection(item->bus, WATCHER_NAME,
                                                        G_BUS_NAME_WATCHER_FLAGS_NONE, on_watcher,
                                                        on_no_watcher, item, NULL);
}

Item *item_new(GDBusConnection *bus, bool symbolic, const ItemEvents *events, GError **error)
{
        Item *item = g_new0(Item, 1);

        item->events = *events;
        item->bus = g_object_ref(bus);
        item->cancellable = g_cancellable_new();
        item->symbolic = symbolic;
        item->skeleton = tray_item_skeleton_new();
        set_constants(item->skeleton);
        item_show(item, NULL, UNKNOWN_NOT_YET);
        connect_handlers(item);
        if (!g_dbus_interface_skeleton_export(G_DBUS_INTERFACE_SKELETON(item->skeleton), bus,
                                              ITEM_PATH, error)) {
                item_free(item);
                return NULL;
        }
        tray_watcher_proxy_new(bus,
                               G_DBUS_PROXY_FLAGS_DO_NOT_LOAD_PROPERTIES |
                                       G_DBUS_PROXY_FLAGS_DO_NOT_CONNECT_SIGNALS |
                                       G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START,
                               WATCHER_NAME, WATCHER_PATH, item->cancellable, on_proxy, item);
        return item;
}

void item_free(Item *item)
{
        if (!item)
                return;
        g_cancellable_cancel(item->cancellable);
        if (item->watch_id)
                g_bus_unwatch_name(item->watch_id);
        if (g_dbus_interface_skeleton_get_connection(G_DBUS_INTERFACE_SKELETON(item->skeleton)))
                g_dbus_interface_skeleton_unexport(G_DBUS_INTERFACE_SKELETON(item->skeleton));
        g_clear_object(&item->watcher);
        g_object_unref(item->skeleton);
        g_object_unref(item->cancellable);
        g_object_unref(item->bus);
        g_free(item);
}

/* Hosts read a part of HTML in the text of a tool tip. */
static GVariant *tool_tip(const char *icon, const char *title, const KsState *state, Unknown why)
{
        g_autofree char *sentence = face_sentence(state, why);
        g_autofree char *deadline = face_deadline(state);
        g_autofree char *plain = deadline ? g_strdup_printf("%s\n%s", sentence, deadline)
                                          : g_strdup(sentence);
        g_autofree char *text = g_markup_escape_text(plain, -1);

        return g_variant_new("(s@a(iiay)ss)", icon, no_pixmap(), title, text);
}

void item_show(Item *item, const KsState *state, Unknown why)
{
        Face face = face_of(state);
        const char *icon = face_icon(face, item->symbolic), *title = face_title(face);
        const char *status = face_is_urgent(face) ? "NeedsAttention" : "Active";
        g_autofree char *sentence = face_sentence(state, why);
        g_autoptr(GVariant) tip = g_variant_ref_sink(tool_tip(icon, title, state, why));
        g_autoptr(GVariant) old_tip = tray_item_dup_tool_tip(item->skeleton);
        g_autofree char *old_icon = tray_item_dup_icon_name(item->skeleton);
        g_autofree char *old_status = tray_item_dup_status(item->skeleton);

        g_object_set(item->skeleton, "icon-name", icon, "attention-icon-name", icon, "title", title,
                     "status", status, "icon-accessible-desc", sentence,
                     "attention-accessible-desc", sentence, "tool-tip", tip, NULL);

        /* Hosts follow these signals, and not that of properties. */
        if (g_strcmp0(old_icon, icon) != 0) {
                tray_item_emit_new_icon(item->skeleton);
                tray_item_emit_new_attention_icon(item->skeleton);
                tray_item_emit_new_title(item->skeleton);
        }
        if (g_strcmp0(old_status, status) != 0)
                tray_item_emit_new_status(item->skeleton, status);
        if (!old_tip || !g_variant_equal(old_tip, tip))
                tray_item_emit_new_tool_tip(item->skeleton);
}
