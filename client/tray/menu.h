/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The menu behind the icon: com.canonical.dbusmenu. */

#include "client/tray/face.h"

typedef struct Menu Menu;

/* What was chosen, and the number that goes with it. */
typedef enum Choice {
        CHOICE_TURN_ON,
        CHOICE_TURN_OFF,
        CHOICE_KEEP,  /* end the trial */
        CHOICE_PAUSE, /* minutes */
        CHOICE_LAN,   /* index of menu_lan_word() */
        CHOICE_NOTIFICATIONS,
        CHOICE_ABOUT,
        CHOICE_QUIT,
} Choice;

typedef struct MenuEvents {
        void (*chosen)(Choice choice, unsigned number, gpointer userdata);
        void (*opened)(gpointer userdata);
        gpointer userdata;
} MenuEvents;

/* What there is to show. */
typedef struct MenuView {
        const KsState *state; /* NULL when it isn't known */
        Unknown why;          /* it isn't */
        bool is_asking;       /* a change waits for a password */
        bool notifications;   /* are wanted */
} MenuView;

/**
 * menu_new() - put the menu on the session's bus, at ITEM_MENU_PATH
 * @events: who is told
 *
 * Returns: (transfer full): to be given to menu_free().
 */
Menu *menu_new(const MenuEvents *events);

/**
 * menu_free() - take the menu away
 * @menu: (transfer full): may be NULL
 */
void menu_free(Menu *menu);

/**
 * menu_show() - bring the menu up to date
 * @menu: the menu
 * @view: what to show; nothing of it is kept
 */
void menu_show(Menu *menu, const MenuView *view);

/**
 * menu_lan_word() - a setting for the LAN, as SetLan takes it
 * @index: from CHOICE_LAN
 *
 * Returns: KS_LAN_*.
 */
const char *menu_lan_word(unsigned index);
