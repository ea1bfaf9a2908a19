/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Small pieces of menus: entries, and lines of text that may come from elsewhere. */

#include <stdbool.h>

#include <libdbusmenu-glib/menuitem.h>

/**
 * entry_add() - append an entry to a menu
 * @parent: the menu
 * @label: its text, not yet escaped; NULL for none yet
 *
 * Returns: (transfer none): the entry, which belongs to @parent.
 */
DbusmenuMenuitem *entry_add(DbusmenuMenuitem *parent, const char *label);

/**
 * entry_add_separator() - append a line between groups
 * @parent: the menu
 *
 * Returns: (transfer none): the separator.
 */
DbusmenuMenuitem *entry_add_separator(DbusmenuMenuitem *parent);

/**
 * entry_add_menu() - append an entry that opens a menu
 * @parent: the menu
 * @label: its text
 *
 * Returns: (transfer none): the entry, to append to.
 */
DbusmenuMenuitem *entry_add_menu(DbusmenuMenuitem *parent, const char *label);

/**
 * entry_set_label() - what an entry says
 * @entry: the entry
 * @text: any text; "_" isn't taken for the mark of an access key
 */
void entry_set_label(DbusmenuMenuitem *entry, const char *text);

/**
 * entry_set_toggle() - whether an entry is ticked
 * @entry: the entry
 * @type: DBUSMENU_MENUITEM_TOGGLE_CHECK or _RADIO
 * @is_on: ticked
 */
void entry_set_toggle(DbusmenuMenuitem *entry, const char *type, bool is_on);

/**
 * entry_set_visible() - whether an entry is there at all
 * @entry: the entry
 * @is_visible: it is
 */
void entry_set_visible(DbusmenuMenuitem *entry, bool is_visible);

/**
 * entry_set_enabled() - whether an entry can be chosen
 * @entry: the entry
 * @is_enabled: it can
 */
void entry_set_enabled(DbusmenuMenuitem *entry, bool is_enabled);

/**
 * entry_set_lines() - fill a menu with text that can only be read
 * @parent: the menu; what is in it already is used again
 * @lines: one entry each, NULL-terminated
 */
void entry_set_lines(DbusmenuMenuitem *parent, char **lines);

/**
 * entry_wrap() - break text for menus, which can't do that
 * @text: valid UTF-8
 * @lines: (element-type utf8): where to append the lines
 */
void entry_wrap(const char *text, GPtrArray *lines);
