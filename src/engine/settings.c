/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings files: which are read, in what order, line by line. */

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/error.h"
#include "engine/profile.h"
#include "engine/settings-keys.h"
#include "engine/settings.h"

#define MAIN_FILE "killswitch.conf"
#define DROP_IN_DIRECTORY "killswitch.conf.d"
/* Begins a line of the text that is kept of all files: what follows is of the file that it names.
 */
#define NEXT_FILE "\001"
/* A settings file of any sane size is far below. */
#define FILE_SIZE_MAX (1024 * 1024)

static gboolean parse_section(KsSettingsReader *reader, const char *line, GError **error)
{
        size_t length = strlen(line);
        g_autofree char *name = NULL;

        if (line[length - 1] != ']')
                return ks_settings_fail(reader, NULL, error, "the section '%.60s' lacks its ']'",
                                        line);
        name = g_strndup(line + 1, length - 2);
        g_strstrip(name);
        return ks_settings_enter_section(reader, name, error);
}

static gboolean parse_line(KsSettingsReader *reader, char *line, GError **error)
{
        char *equals;

        g_strstrip(line);
        if (!*line || *line == '#' || *line == ';')
                return TRUE;
        if (reader->is_whole && g_str_has_prefix(line, NEXT_FILE)) {
                ks_settings_name_file(reader, line + strlen(NEXT_FILE));
                return TRUE;
        }
        if (*line == '[')
                return parse_section(reader, line, error);
        equals = strchr(line, '=');
        if (!equals)
                return ks_settings_fail(reader, NULL, error,
                                        "'%.60s' is neither a [section] nor KEY=VALUE", line);
        *equals = '\0';
        return ks_settings_take_key(reader, g_strchomp(line), g_strchug(equals + 1), error);
}

static gboolean parse_text(KsSettingsReader *reader, const char *text, GError **error)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        ks_settings_begin_file(reader);
        reader->line = 0;
        for (guint i = 0; lines[i]; i++) {
                reader->line++;
                if (!g_utf8_validate(lines[i], -1, NULL))
                        return ks_settings_fail(reader, NULL, error, "the line is not UTF-8 text");
                if (!parse_line(reader, lines[i], error))
                        return FALSE;
        }
        return TRUE;
}

static gboolean parse_file(KsSettingsReader *reader, const char *path, GString *whole,
                           GError **error)
{
        g_autofree char *text = NULL, *name = g_strescape(path, NULL);
        g_autoptr(GError) local = NULL;
        gsize length;

        reader->file = path;
        reader->line = 0;
        if (!g_file_get_contents(path, &text, &length, &local))
                return ks_settings_fail(reader, NULL, error, "can't be read: %s", local->message);
        if (length > FILE_SIZE_MAX)
                return ks_settings_fail(reader, NULL, error, "is larger than 1 MiB");
        if (strlen(text) != length)
                return ks_settings_fail(reader, NULL, error, "holds a NUL byte; it must be text");
        if (!parse_text(reader, text, error))
                return FALSE;
        g_string_append_printf(whole, NEXT_FILE "%s\n%s\n", name, text);
        return TRUE;
}

static gboolean fail_unreadable(const char *path, int code, GError **error)
{
        g_set_error(error, KS_ERROR, KS_ERROR_SETTINGS, "%s: can't be read: %s", path,
                    g_strerror(code));
        return FALSE;
}

/* Absent is fine; there and unreadable is not, or a setting would be lost silently. */
static gboolean is_absent(int code)
{
        return code == ENOENT || code == ENOTDIR;
}

/* The drop-ins by file name; of one name the first directory's counts, and a
 * link to /dev/null there masks it, as systemd.unit(5) has it. */
static gboolean collect_drop_ins(const char *directory, GHashTable *seen, GPtrArray *names,
                                 GError **error)
{
        g_autofree char *path = g_build_filename(directory, DROP_IN_DIRECTORY, NULL);
        DIR *dir = opendir(path);
        struct dirent *entry;

        if (!dir)
                return is_absent(errno) || fail_unreadable(path, errno, error);
        while ((entry = readdir(dir))) {
                const char *name = entry->d_name;

                if (!g_str_has_suffix(name, ".conf") || *name == '.' ||
                    g_hash_table_contains(seen, name))
                        continue;
                g_hash_table_insert(seen, g_strdup(name), g_build_filename(path, name, NULL));
                g_ptr_array_add(names, g_strdup(name));
        }
        closedir(dir);
        return TRUE;
}

static gboolean find_main_file(const char *directory, GPtrArray *files, GError **error)
{
        g_autofree char *path = g_build_filename(directory, MAIN_FILE, NULL);
        struct stat st;

        if (files->len > 0)
                return TRUE;
        if (stat(path, &st) < 0)
                return is_absent(errno) || fail_unreadable(path, errno, error);
        g_ptr_array_add(files, g_steal_pointer(&path));
        return TRUE;
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static gboolean is_masked(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && (S_ISCHR(st.st_mode) || st.st_size == 0);
}

static GPtrArray *find_files(const KsSettingsDirs *dirs, GError **error)
{
        const char *directories[] = { dirs->etc, dirs->run, dirs->lib };
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);

        for (guint i = 0; i < G_N_ELEMENTS(directories); i++)
                if (directories[i] && (!find_main_file(directories[i], files, error) ||
                                       !collect_drop_ins(directories[i], seen, names, error)))
                        return NULL;
        g_ptr_array_sort(names, compare_names);
        for (guint i = 0; i < names->len; i++)
                g_ptr_array_add(files,
                                g_strdup(g_hash_table_lookup(seen, g_ptr_array_index(names, i))));
        return g_steal_pointer(&files);
}

static KsSettings *finish(KsSettingsReader *reader, GPtrArray *profiles, GError **error)
{
        for (guint i = 0; profiles && i < profiles->len; i++)
                if (!ks_settings_take_profile(reader, g_ptr_array_index(profiles, i), error))
                        return NULL;
        return ks_settings_finish(reader, error);
}

KsSettings *ks_settings_load_with(const KsSettingsDirs *dirs, GPtrArray *profiles, char **text,
                                  GError **error)
{
        g_autoptr(GPtrArray) files = find_files(dirs, error);
        g_autoptr(KsSettingsReader) reader = ks_settings_reader_new();
        KsSettings *settings = NULL;
        gboolean fine = TRUE;
        GString *whole;

        if (!files)
                return NULL;
        whole = g_string_new(NULL);
        for (guint i = 0; fine && i < files->len; i++)
                if (!is_masked(g_ptr_array_index(files, i)))
                        fine = parse_file(reader, g_ptr_array_index(files, i), whole, error);
        if (fine)
                settings = finish(reader, profiles, error);
        if (settings && text)
                *text = g_string_free(whole, FALSE);
        else
                g_string_free(whole, TRUE);
        return settings;
}

KsSettings *ks_settings_load(const KsSettingsDirs *dirs, char **text, GError **error)
{
        return ks_settings_load_with(dirs, NULL, text, error);
}

static KsSettings *parse(const char *text, const char *name, gboolean is_whole, GPtrArray *profiles,
                         GError **error)
{
        g_autoptr(KsSettingsReader) reader = ks_settings_reader_new();

        reader->file = name;
        reader->is_whole = is_whole;
        if (!parse_text(reader, text, error))
                return NULL;
        return finish(reader, profiles, error);
}

KsSettings *ks_settings_parse_with(const char *text, const char *name, GPtrArray *profiles,
                                   GError **error)
{
        return parse(text, name, TRUE, profiles, error);
}

KsSettings *ks_settings_parse(const char *text, const char *name, GError **error)
{
        return parse(text, name, FALSE, NULL, error);
}
