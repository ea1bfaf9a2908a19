/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the menu once, and brings its entries up to date with the state. */

#include "client/tray/menu.h"

#include <libdbusmenu-glib/server.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/common/words.h"
#include "client/tray/entry.h"
#include "client/tray/item.h"
#include "common/names.h"

/* Not every host tells when it closes the menu. */
#define TICKS_MAX 60
#define HEAD_LINES 3
/* More than a screen has room for. */
#define PROBLEM_LINES 60

/* What an entry stands for. */
typedef struct Meaning {
        Menu *menu;
        Choice choice;
        unsigned number;
} Meaning;

static const struct {
        const char *word, *label;
} lans[] = {
        { KS_LAN_PRIVATE, N_("Private addresses") },
        { KS_LAN_NONE, N_("None") },
        { KS_LAN_ALL, N_("Every network of the routing table") },
};

static const struct {
        unsigned minutes;
        const char *label;
} pauses[] = {
        { 5, N_("5 minutes") },
        { 15, N_("15 minutes") },
        { 60, N_("60 minutes") },
};

struct Menu {
        MenuEvents events;
        DbusmenuServer *server;
        DbusmenuMenuitem *root;
        DbusmenuMenuitem *head[HEAD_LINES], *time, *asking;
        DbusmenuMenuitem *on, *off, *keep, *pause;
        DbusmenuMenuitem *problems;
        DbusmenuMenuitem *lan, *lan_choices[G_N_ELEMENTS(lans)];
        DbusmenuMenuitem *vpns, *blocked, *notifications;
        guint timer; /* only while somebody looks at a countdown */
        guint ticks;
        uint64_t deadline;
        bool trial;
};

const char *menu_lan_word(unsigned index)
{
        return lans[index].word;
}

static void on_activated(DbusmenuMenuitem *entry, guint time, gpointer userdata)
{
        Meaning *meaning = userdata;
        Menu *menu = meaning->menu;

        (void)entry;
        (void)time;
        menu->events.chosen(meaning->choice, meaning->number, menu->events.userdata);
}

static void free_meaning(gpointer meaning, GClosure *closure)
{
        (void)closure;
        g_free(meaning);
}

static DbusmenuMenuitem *add_choice(Menu *menu, DbusmenuMenuitem *parent, const char *label,
                                    Choice choice, unsigned number)
{
        DbusmenuMenuitem *entry = entry_add(parent, label);
        Meaning *meaning = g_new(Meaning, 1);

        *meaning = (Meaning){ .menu = menu, .choice = choice, .number = number };
        g_signal_connect_data(entry, DBUSMENU_MENUITEM_SIGNAL_ITEM_ACTIVATED,
                              G_CALLBACK(on_activated), meaning, free_meaning, G_CONNECT_DEFAULT);
        return entry;
}

static DbusmenuMenuitem *add_text(DbusmenuMenuitem *parent)
{
        DbusmenuMenuitem *entry = entry_add(parent, "");

        entry_set_enabled(entry, false);
        entry_set_visible(entry, false);
        return entry;
}

/* The countdown, which is brought up to date only while somebody looks. */
static void show_time(Menu *menu)
{
        const KsState state = { .deadline = menu->deadline, .trial = menu->trial };
        g_autofree char *text = menu->timer ? face_countdown(&state, ks_text_now())
                                            : face_deadline(&state);

        entry_set_visible(menu->time, text != NULL);
        if (text)
                entry_set_label(menu->time, text);
}

static void stop_ticking(Menu *menu)
{
        g_clear_handle_id(&menu->timer, g_source_remove);
        show_time(menu);
}

static gboolean on_tick(gpointer userdata)
{
        Menu *menu = userdata;

        if (--menu->ticks == 0 || menu->deadline == 0) {
                menu->timer = 0;
                show_time(menu);
                return G_SOURCE_REMOVE;
        }
        show_time(menu);
        return G_SOURCE_CONTINUE;
}

static void start_ticking(Menu *menu)
{
        menu->ticks = TICKS_MAX;
        if (menu->deadline > 0 && !menu->timer)
                menu->timer = g_timeout_add_seconds(1, on_tick, menu);
        show_time(menu);
}

static gboolean on_about_to_show(DbusmenuMenuitem *root, gpointer userdata)
{
        Menu *menu = userdata;

        (void)root;
        start_ticking(menu);
        menu->events.opened(menu->events.userdata);
        return FALSE;
}

static gboolean on_event(DbusmenuMenuitem *root, const char *name, GVariant *value, guint time,
                         gpointer userdata)
{
        (void)root;
        (void)value;
        (void)time;
        if (g_str_equal(name, "opened"))
                start_ticking(userdata);
        else if (g_str_equal(name, "closed"))
                stop_ticking(userdata);
        return FALSE;
}

static void add_state(Menu *menu)
{
        for (guint i = 0; i < HEAD_LINES; i++)
                menu->head[i] = add_text(menu->root);
        menu->time = add_text(menu->root);
        menu->asking = add_text(menu->root);
        entry_set_label(menu->asking, _("Waiting for the service; a password may be asked for"));
        menu->problems = entry_add_menu(menu->root, _("What is wrong, and what to do"));
        entry_add_separator(menu->root);
}

static void add_switches(Menu *menu)
{
        menu->on = add_choice(menu, menu->root, _("Turn on"), CHOICE_TURN_ON, 0);
        menu->keep = add_choice(menu, menu->root, _("Keep it on"), CHOICE_KEEP, 0);
        menu->off = add_choice(menu, menu->root, _("Turn off"), CHOICE_TURN_OFF, 0);
        menu->pause = entry_add_menu(menu->root, _("Pause"));
        for (guint i = 0; i < G_N_ELEMENTS(pauses); i++)
                add_choice(menu, menu->pause, _(pauses[i].label), CHOICE_PAUSE, pauses[i].minutes);
        entry_add_separator(menu->root);
}

static void add_details(Menu *menu)
{
        menu->vpns = entry_add_menu(menu->root, _("VPNs"));
        menu->lan = entry_add_menu(menu->root, _("Local network"));
        for (guint i = 0; i < G_N_ELEMENTS(lans); i++)
                menu->lan_choices[i] = add_choice(menu, menu->lan, _(lans[i].label), CHOICE_LAN, i);
        menu->blocked = add_text(menu->root);
        entry_add_separator(menu->root);
}

static void add_program(Menu *menu)
{
        menu->notifications = add_choice(menu, menu->root, _("Notifications"), CHOICE_NOTIFICATIONS,
                                         0);
        add_choice(menu, menu->root, _("About"), CHOICE_ABOUT, 0);
        add_choice(menu, menu->root, _("Quit (the kill switch stays as it is)"), CHOICE_QUIT, 0);
}

Menu *menu_new(const MenuEvents *events)
{
        Menu *menu = g_new0(Menu, 1);

        menu->events = *events;
        menu->root = dbusmenu_menuitem_new();
        add_state(menu);
        add_switches(menu);
        add_details(menu);
        add_program(menu);
        g_signal_connect(menu->root, DBUSMENU_MENUITEM_SIGNAL_ABOUT_TO_SHOW,
                         G_CALLBACK(on_about_to_show), menu);
        g_signal_connect(menu->root, DBUSMENU_MENUITEM_SIGNAL_EVENT, G_CALLBACK(on_event), menu);
        menu->server = dbusmenu_server_new(ITEM_MENU_PATH);
        dbusmenu_server_set_root(menu->server, menu->root);
        return menu;
}

void menu_free(Menu *menu)
{
        if (!menu)
                return;
        g_clear_handle_id(&menu->timer, g_source_remove);
        g_signal_handlers_disconnect_by_data(menu->root, menu);
        g_object_unref(menu->server);
        g_object_unref(menu->root);
        g_free(menu);
}

static void show_head(Menu *menu, const MenuView *view)
{
        g_autofree char *sentence = face_sentence(view->state, view->why);
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

        entry_wrap(sentence, lines);
        for (guint i = 0; i < HEAD_LINES; i++) {
                entry_set_visible(menu->head[i], i < lines->len);
                if (i < lines->len) {
                        bool is_cut = i + 1 == HEAD_LINES && lines->len > HEAD_LINES;
                        g_autofree char *line = g_strconcat(g_ptr_array_index(lines, i),
                                                            is_cut ? " …" : NULL, NULL);

                        entry_set_label(menu->head[i], line);
                }
        }
        menu->deadline = view->state ? view->state->deadline : 0;
        menu->trial = view->state && view->state->trial;
        show_time(menu);
        entry_set_visible(menu->asking, view->is_asking);
}

static void show_problems(Menu *menu, const MenuView *view)
{
        g_auto(GStrv) sentences = face_problems(view->state, view->why);
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

        for (char **sentence = sentences; *sentence; sentence++)
                entry_wrap(*sentence, lines);
        entry_set_visible(menu->problems, lines->len > 0);
        if (lines->len > PROBLEM_LINES) {
                g_ptr_array_set_size(lines, PROBLEM_LINES);
                g_ptr_array_add(lines, g_strdup("…"));
        }
        g_ptr_array_add(lines, NULL);
        entry_set_lines(menu->problems, (char **)lines->pdata);
}

static void show_switches(Menu *menu, const MenuView *view)
{
        const KsState *state = view->state;
        bool in_force = state && ks_state_in_force(state);

        /* Raising it does no harm when the state isn't known, and may be what is needed. */
        entry_set_visible(menu->on, !in_force);
        entry_set_visible(menu->keep, in_force && state->trial);
        entry_set_visible(menu->off, state && state->engaged);
        entry_set_visible(menu->pause, state && state->engaged && !state->trial);
        entry_set_enabled(menu->off, !view->is_asking);
        entry_set_enabled(menu->pause, !view->is_asking);
}

static void show_vpns(Menu *menu, const KsState *state)
{
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

        for (size_t i = 0; state && i < state->n_vpns; i++)
                g_ptr_array_add(lines, ks_words_vpn(&state->vpns[i]));
        if (lines->len == 0)
                g_ptr_array_add(lines, g_strdup(_("No VPN is known")));
        g_ptr_array_add(lines, NULL);
        entry_set_lines(menu->vpns, (char **)lines->pdata);
        entry_set_visible(menu->vpns, state != NULL);
}

static void show_details(Menu *menu, const MenuView *view)
{
        const KsState *state = view->state;

        show_vpns(menu, state);
        entry_set_visible(menu->lan, state != NULL);
        entry_set_enabled(menu->lan, !view->is_asking);
        for (guint i = 0; state && i < G_N_ELEMENTS(lans); i++)
                entry_set_toggle(menu->lan_choices[i], DBUSMENU_MENUITEM_TOGGLE_RADIO,
                                 g_str_equal(state->lan, lans[i].word));

        entry_set_visible(menu->blocked, state && ks_state_in_force(state));
        if (state) {
                g_autofree char *text = g_strdup_printf(P_("Blocked: %llu packet",
                                                           "Blocked: %llu packets",
                                                           (unsigned long)state->blocked),
                                                        (unsigned long long)state->blocked);

                entry_set_label(menu->blocked, text);
        }
}

void menu_show(Menu *menu, const MenuView *view)
{
        show_head(menu, view);
        show_problems(menu, view);
        show_switches(menu, view);
        show_details(menu, view);
        entry_set_toggle(menu->notifications, DBUSMENU_MENUITEM_TOGGLE_CHECK, view->notifications);
}
