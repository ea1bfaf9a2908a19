/* SPDX-License-Identifier: GPL-2.0-or-later */
/* killswitch-tray: the kill switch in the desktop's tray. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <gio/gio.h>
#include <glib-unix.h>

#include "client/common/i18n.h"
#include "client/tray/alarm.h"
#include "client/tray/item.h"
#include "client/tray/menu.h"
#include "client/tray/prefs.h"
#include "client/tray/service.h"
#include "client/tray/tell.h"
#include "common/names.h"
#include "config.h"

#define APP_ID "org.killswitch1.Tray"

typedef struct Tray {
        GApplication *app;
        Prefs prefs;
        Service *service;
        Item *item;
        Menu *menu;
        Tell *tell;
        Alarm *patience; /* until some tray has the icon */
        guint signals[3];
        bool was_activated;
        int status;
} Tray;

static void update(Tray *tray)
{
        const KsState *state = service_state(tray->service);
        MenuView view = {
                .state = state,
                .why = service_unknown(tray->service),
                .is_asking = service_is_asking(tray->service),
                .notifications = tray->prefs.notifications,
        };

        item_show(tray->item, state, view.why);
        menu_show(tray->menu, &view);
}

static void on_changed(bool settled, gpointer userdata)
{
        Tray *tray = userdata;

        /* The first word may come while everything is being put together. */
        if (!tray->service)
                return;
        update(tray);
        if (!settled)
                tell_changing(tray->tell);
        else
                tell_state(tray->tell, service_state(tray->service), service_unknown(tray->service),
                           service_reason(tray->service));
}

static void on_outcome(const Outcome *outcome, gpointer userdata)
{
        Tray *tray = userdata;

        tell_outcome(tray->tell, outcome);
        update(tray);
}

/* One question for a password at a time, however often a click comes, and from however old a menu;
 * but nothing that keeps it up has to wait for another one's answer. */
static bool may_ask(const Tray *tray, const char *method)
{
        return g_str_equal(method, "Engage") || g_str_equal(method, "Confirm") ||
               !service_is_asking(tray->service);
}

static void change(Tray *tray, const char *method, GVariant *arguments)
{
        if (!may_ask(tray, method)) {
                if (arguments)
                        g_variant_unref(g_variant_ref_sink(arguments));
                tell_waiting(tray->tell);
                return;
        }
        service_change(tray->service, method, arguments);
        update(tray);
}

static void pause_for(Tray *tray, unsigned minutes)
{
        change(tray, "Pause", g_variant_new("(t)", (guint64)minutes * 60 * G_USEC_PER_SEC));
}

static void on_answer(TellAnswer answer, gpointer userdata)
{
        Tray *tray = userdata;

        switch (answer) {
        case TELL_TURN_ON:
                change(tray, "Engage", NULL);
                break;
        case TELL_TURN_OFF:
                change(tray, "Release", NULL);
                break;
        case TELL_PAUSE:
        default:
                pause_for(tray, TELL_PAUSE_MINUTES);
                break;
        }
}

static void on_chosen(Choice choice, unsigned number, gpointer userdata)
{
        Tray *tray = userdata;

        switch (choice) {
        case CHOICE_TURN_ON:
                change(tray, "Engage", NULL);
                break;
        case CHOICE_TURN_OFF:
                change(tray, "Release", NULL);
                break;
        case CHOICE_KEEP:
                change(tray, "Confirm", NULL);
                break;
        case CHOICE_PAUSE:
                pause_for(tray, number);
                break;
        case CHOICE_LAN:
                change(tray, "SetLan", g_variant_new("(s)", menu_lan_word(number)));
                break;
        case CHOICE_NOTIFICATIONS:
                tray->prefs.notifications = !tray->prefs.notifications;
                prefs_save(&tray->prefs);
                update(tray);
                break;
        case CHOICE_ABOUT:
                tell_about(tray->tell);
                break;
        case CHOICE_QUIT:
        default:
                g_application_quit(tray->app);
                break;
        }
}

static void on_opened(gpointer userdata)
{
        Tray *tray = userdata;

        service_look(tray->service);
}

/* Up at once; down only after a question. */
static bool on_click(gpointer userdata)
{
        Tray *tray = userdata;
        const KsState *state = service_state(tray->service);

        if (state && ks_state_in_force(state))
                return tell_question(tray->tell, state);
        change(tray, "Engage", NULL);
        return true;
}

static void on_patience_over(gpointer userdata)
{
        Tray *tray = userdata;

        if (tray->prefs.told)
                return;
        tell_missing_tray(tray->tell);
        tray->prefs.told = true;
        prefs_save(&tray->prefs);
}

static void on_registered(bool there, gpointer userdata)
{
        Tray *tray = userdata;

        if (!there)
                return;
        alarm_free(tray->patience);
        tray->patience = NULL;
        /* On another desktop it may be missing again. */
        if (tray->prefs.told) {
                tray->prefs.told = false;
                prefs_save(&tray->prefs);
        }
}

static gboolean on_signal(gpointer userdata)
{
        Tray *tray = userdata;

        g_application_quit(tray->app);
        return G_SOURCE_CONTINUE;
}

static void watch_signals(Tray *tray)
{
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

        for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
                tray->signals[i] = g_unix_signal_add(numbers[i], on_signal, tray);
}

static bool begin(Tray *tray, GError **error)
{
        GDBusConnection *bus = g_application_get_dbus_connection(tray->app);
        const ItemEvents item_events = { .activated = on_click,
                                         .registered = on_registered,
                                         .userdata = tray };
        const MenuEvents menu_events = { .chosen = on_chosen,
                                         .opened = on_opened,
                                         .userdata = tray };
        const ServiceEvents service_events = { .changed = on_changed,
                                               .answered = on_outcome,
                                               .userdata = tray };

        if (!bus) {
                g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                                    _("There is no session bus. This program belongs to a "
                                      "desktop's session."));
                return false;
        }
        prefs_load(&tray->prefs);
        tray->item = item_new(bus, tray->prefs.symbolic, &item_events, error);
        if (!tray->item)
                return false;
        tray->menu = menu_new(&menu_events);
        tray->tell = tell_new(bus, &tray->prefs, on_answer, tray);
        tray->service = service_new(&service_events);
        tray->patience = alarm_new((uint64_t)tray->prefs.patience * G_USEC_PER_SEC,
                                   on_patience_over, tray);
        update(tray);
        return true;
}

static void on_startup(GApplication *app, gpointer userdata)
{
        g_autoptr(GError) error = NULL;
        Tray *tray = userdata;

        watch_signals(tray);
        if (begin(tray, &error)) {
                g_application_hold(app);
        } else {
                fprintf(stderr, "killswitch-tray: %s\n", error->message);
                tray->status = EXIT_FAILURE;
        }
}

/* Comes once from this process, and again from each that is started beside it. */
static void on_activate(GApplication *app, gpointer userdata)
{
        Tray *tray = userdata;

        (void)app;
        if (tray->was_activated && tray->service)
                tell_now(tray->tell, service_state(tray->service), service_unknown(tray->service));
        tray->was_activated = true;
}

static int on_options(GApplication *app, GVariantDict *options, gpointer userdata)
{
        (void)app;
        (void)userdata;
        if (!g_variant_dict_contains(options, "version"))
                return -1;
        puts("killswitch-tray " KS_VERSION);
        return EXIT_SUCCESS;
}

static void on_shutdown(GApplication *app, gpointer userdata)
{
        Tray *tray = userdata;

        (void)app;
        for (gsize i = 0; i < G_N_ELEMENTS(tray->signals); i++)
                g_clear_handle_id(&tray->signals[i], g_source_remove);
        alarm_free(tray->patience);
        service_free(tray->service);
        tell_free(tray->tell);
        menu_free(tray->menu);
        item_free(tray->item);
}

int main(int argc, char **argv)
{
        Tray tray = { 0 };
        int status;

        ks_i18n_init();
        tray.app = g_application_new(APP_ID, G_APPLICATION_DEFAULT_FLAGS);
        g_application_set_option_context_summary(tray.app,
                                                 _("Shows the kill switch in the desktop's tray."));
        g_application_add_main_option(tray.app, "version", 0, G_OPTION_FLAG_NONE, G_OPTION_ARG_NONE,
                                      _("Show the version"), NULL);
        g_signal_connect(tray.app, "handle-local-options", G_CALLBACK(on_options), &tray);
        g_signal_connect(tray.app, "startup", G_CALLBACK(on_startup), &tray);
        g_signal_connect(tray.app, "activate", G_CALLBACK(on_activate), &tray);
        g_signal_connect(tray.app, "shutdown", G_CALLBACK(on_shutdown), &tray);
        status = g_application_run(tray.app, argc, argv);
        g_object_unref(tray.app);
        return status != EXIT_SUCCESS ? status : tray.status;
}
