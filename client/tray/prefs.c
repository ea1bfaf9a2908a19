/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the user's choices in a key file. */

#include "client/tray/prefs.h"

#include <glib.h>
#include <glib/gstdio.h>

#define GROUP "Tray"
#define NOTIFICATIONS "Notifications"
#define SYMBOLIC "SymbolicIcons"
#define TOLD "MissingTrayTold"
#define PATIENCE "Patience"

/* A tray that comes with the desktop is there by then. */
#define PATIENCE_USUAL 30

static char *file_name(void)
{
        return g_build_filename(g_get_user_config_dir(), "killswitch", "tray.conf", NULL);
}

static bool read_bool(GKeyFile *file, const char *key, bool otherwise)
{
        g_autoptr(GError) error = NULL;
        bool value = g_key_file_get_boolean(file, GROUP, key, &error);

        return error ? otherwise : value;
}

static int read_int(GKeyFile *file, const char *key, int otherwise)
{
        g_autoptr(GError) error = NULL;
        int value = g_key_file_get_integer(file, GROUP, key, &error);

        return error || value < 0 ? otherwise : value;
}

static GKeyFile *load(void)
{
        g_autofree char *name = file_name();
        GKeyFile *file = g_key_file_new();

        (void)g_key_file_load_from_file(file, name, G_KEY_FILE_KEEP_COMMENTS, NULL);
        return file;
}

void prefs_load(Prefs *prefs)
{
        g_autoptr(GKeyFile) file = load();

        prefs->notifications = read_bool(file, NOTIFICATIONS, true);
        prefs->symbolic = read_bool(file, SYMBOLIC, false);
        prefs->told = read_bool(file, TOLD, false);
        prefs->patience = read_int(file, PATIENCE, PATIENCE_USUAL);
}

void prefs_save(const Prefs *prefs)
{
        g_autoptr(GKeyFile) file = load();
        g_autoptr(GError) error = NULL;
        g_autofree char *name = file_name();
        g_autofree char *directory = g_path_get_dirname(name);

        g_key_file_set_boolean(file, GROUP, NOTIFICATIONS, prefs->notifications);
        g_key_file_set_boolean(file, GROUP, SYMBOLIC, prefs->symbolic);
        g_key_file_set_boolean(file, GROUP, TOLD, prefs->told);
        (void)g_mkdir_with_parents(directory, 0700);
        if (!g_key_file_save_to_file(file, name, &error))
                g_printerr("killswitch-tray: %s\n", error->message);
}
