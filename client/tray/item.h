/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The icon in the tray: an org.kde.StatusNotifierItem. */

#include <gio/gio.h>

#include "client/tray/face.h"

#define ITEM_MENU_PATH "/StatusNotifierItem/Menu"

typedef struct Item Item;

typedef struct ItemEvents {
        bool (*activated)(gpointer userdata); /* false: the host had better show the menu */
        void (*registered)(bool there, gpointer userdata); /* whether there is a tray */
        gpointer userdata;
} ItemEvents;

/**
 * item_new() - show the icon, now and whenever a tray comes
 * @bus: the session's bus
 * @symbolic: icons in one colour
 * @events: who is told
 * @error: where to put what went wrong
 *
 * Returns: (transfer full): to be given to item_free(); NULL on failure.
 */
Item *item_new(GDBusConnection *bus, bool symbolic, const ItemEvents *events, GError **error);

/**
 * item_free() - take the icon away
 * @item: (transfer full): may be NULL
 */
void item_free(Item *item);

/**
 * item_show() - show a state
 * @item: the item
 * @state: the state; NULL when it isn't known
 * @why: why it isn't
 */
void item_show(Item *item, const KsState *state, Unknown why);
