/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/settings.h"

/* Where settings are, in the order of precedence: the first has the last word. */
typedef struct KsSettingsDirs {
        const char *etc;
        const char *run;
        const char *lib;
} KsSettingsDirs;

/**
 * ks_settings_load() - read killswitch.conf and killswitch.conf.d/ *.conf
 * @dirs: where to look; a file that an earlier directory has too is masked
 * @text: set to the text that was in force, all files in their order; may be NULL
 * @error: KS_ERROR_SETTINGS, "FILE:LINE: KEY: sentence"
 *
 * Files are GLib key files with two additions: a mistake is told by its line, and
 * keys that take a list may be repeated. No file at all is fine.
 *
 * Returns: new settings, or NULL.
 */
KsSettings *ks_settings_load(const KsSettingsDirs *dirs, char **text, GError **error);

/**
 * ks_settings_parse() - the same from the text of one file
 * @text: what a file would hold
 * @name: the name to give in errors
 */
KsSettings *ks_settings_parse(const char *text, const char *name, GError **error);

/**
 * ks_settings_load_with() - files, and behind them VPNs that are in no file
 * @profiles: of KsProfile*; may be NULL. Not part of @text
 */
KsSettings *ks_settings_load_with(const KsSettingsDirs *dirs, GPtrArray *profiles, char **text,
                                  GError **error);

/* The same from the text of all files, as ks_settings_load() has set it. @name: of what isn't
 * in any of them */
KsSettings *ks_settings_parse_with(const char *text, const char *name, GPtrArray *profiles,
                                   GError **error);
