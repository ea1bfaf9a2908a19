/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes entries of menus. */

#include "client/tray/entry.h"

#include <string.h>

#include <libdbusmenu-glib/client.h>

/* Characters in a line; sentences are broken between words. */
#define COLUMNS 48

static char *escape(const char *text)
{
        GString *s = g_string_new(text);

        g_string_replace(s, "_", "__", 0);
        return g_string_free(s, FALSE);
}

DbusmenuMenuitem *entry_add(DbusmenuMenuitem *parent, const char *label)
{
        DbusmenuMenuitem *entry = dbusmenu_menuitem_new();

        if (label)
                entry_set_label(entry, label);
        dbusmenu_menuitem_child_append(parent, entry);
        g_object_unref(entry);
        return entry;
}

DbusmenuMenuitem *entry_add_separator(DbusmenuMenuitem *parent)
{
        DbusmenuMenuitem *entry = entry_add(parent, NULL);

        dbusmenu_menuitem_property_set(entry, DBUSMENU_MENUITEM_PROP_TYPE,
                                       DBUSMENU_CLIENT_TYPES_SEPARATOR);
        return entry;
}

DbusmenuMenuitem *entry_add_menu(DbusmenuMenuitem *parent, const char *label)
{
        DbusmenuMenuitem *entry = entry_add(parent, label);

        dbusmenu_menuitem_property_set(entry, DBUSMENU_MENUITEM_PROP_CHILD_DISPLAY,
                                       DBUSMENU_MENUITEM_CHILD_DISPLAY_SUBMENU);
        return entry;
}

void entry_set_label(DbusmenuMenuitem *entry, const char *text)
{
        g_autofree char *label = escape(text);

        dbusmenu_menuitem_property_set(entry, DBUSMENU_MENUITEM_PROP_LABEL, label);
}

void entry_set_toggle(DbusmenuMenuitem *entry, const char *type, bool is_on)
{
        dbusmenu_menuitem_property_set(entry, DBUSMENU_MENUITEM_PROP_TOGGLE_TYPE, type);
        dbusmenu_menuitem_property_set_int(entry, DBUSMENU_MENUITEM_PROP_TOGGLE_STATE,
                                           is_on ? DBUSMENU_MENUITEM_TOGGLE_STATE_CHECKED
                                                 : DBUSMENU_MENUITEM_TOGGLE_STATE_UNCHECKED);
}

void entry_set_visible(DbusmenuMenuitem *entry, bool is_visible)
{
        dbusmenu_menuitem_property_set_bool(entry, DBUSMENU_MENUITEM_PROP_VISIBLE, is_visible);
}

void entry_set_enabled(DbusmenuMenuitem *entry, bool is_enabled)
{
        dbusmenu_menuitem_property_set_bool(entry, DBUSMENU_MENUITEM_PROP_ENABLED, is_enabled);
}

void entry_set_lines(DbusmenuMenuitem *parent, char **lines)
{
        GList *child = dbusmenu_menuitem_get_children(parent);

        for (; *lines; lines++) {
                DbusmenuMenuitem *entry = child ? child->data : entry_add(parent, NULL);

                entry_set_label(entry, *lines);
                entry_set_enabled(entry, false);
                child = child ? child->next : NULL;
        }
        while (child) {
                DbusmenuMenuitem *entry = child->data;

                child = child->next;
                dbusmenu_menuitem_child_delete(parent, entry);
        }
}

void entry_wrap(const char *text, GPtrArray *lines)
{
        g_auto(GStrv) words = g_strsplit(text, " ", -1);
        GString *line = g_string_new(NULL);

        for (char **word = words; *word; word++) {
                if (line->len > 0 &&
                    g_utf8_strlen(line->str, -1) + 1 + g_utf8_strlen(*word, -1) > COLUMNS) {
                        g_ptr_array_add(lines, g_strdup(line->str));
                        g_string_truncate(line, 0);
                }
                if (line->len > 0)
                        g_string_append_c(line, ' ');
                g_string_append(line, *word);
        }
        g_ptr_array_add(lines, g_string_free(line, FALSE));
}
