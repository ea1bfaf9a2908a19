/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What a user has chosen for the tray, in killswitch/tray.conf below XDG_CONFIG_HOME. */

#include <stdbool.h>

typedef struct Prefs {
        bool notifications;
        bool symbolic; /* icons in one colour */
        bool told;     /* that this desktop has no tray */
        int patience;  /* seconds until that is said */
} Prefs;

/**
 * prefs_load() - read what was chosen
 * @prefs: (out): what the file says; what it doesn't say is as usual
 */
void prefs_load(Prefs *prefs);

/**
 * prefs_save() - keep what is chosen
 * @prefs: what to write
 *
 * Keys and comments of the file that aren't known here stay. A file that can't be written is
 * complained of on standard error: the choice holds until the tray ends.
 */
void prefs_save(const Prefs *prefs);
