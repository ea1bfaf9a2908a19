/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPNs that were added while the service ran, as values; the settings' own code judges them. */

#include <string.h>

#include "common/error.h"
#include "engine/profile.h"

KsOption *ks_option_new(const char *key, const char *value)
{
        KsOption *option = g_new(KsOption, 1);

        option->key = g_strdup(key);
        option->value = g_strstrip(g_strdup(value));
        return option;
}

void ks_option_free(KsOption *option)
{
        if (!option)
                return;
        g_free(option->key);
        g_free(option->value);
        g_free(option);
}

static gint compare_options(gconstpointer a, gconstpointer b)
{
        const KsOption *one = *(const KsOption *const *)a, *other = *(const KsOption *const *)b;

        return ks_settings_key_place(one->key) - ks_settings_key_place(other->key);
}

static KsProfile *profile_with(const char *name, GPtrArray *options)
{
        KsProfile *profile = g_new0(KsProfile, 1);

        profile->name = g_strdup(name);
        profile->options = options;
        /* The sort keeps the order of those with one key. */
        g_ptr_array_sort(options, compare_options);
        for (guint i = 0; i < options->len; i++) {
                const KsOption *option = g_ptr_array_index(options, i);

                if (g_str_equal(option->key, "Interface") && !profile->interface)
                        profile->interface = g_strdup(option->value);
        }
        if (!profile->interface)
                profile->interface = g_strdup("");
        return profile;
}

KsProfile *ks_profile_copy(const KsProfile *profile)
{
        GPtrArray *options = g_ptr_array_new_with_free_func((GDestroyNotify)ks_option_free);

        for (guint i = 0; i < profile->options->len; i++) {
                const KsOption *option = g_ptr_array_index(profile->options, i);

                g_ptr_array_add(options, ks_option_new(option->key, option->value));
        }
        return profile_with(profile->name, options);
}

void ks_profile_free(KsProfile *profile)
{
        if (!profile)
                return;
        g_free(profile->name);
        g_free(profile->interface);
        g_ptr_array_unref(profile->options);
        g_free(profile);
}

static void append_section(GString *text, const KsProfile *profile)
{
        g_string_append_printf(text, "[VPN %s]\n", profile->name);
        for (guint i = 0; i < profile->options->len; i++) {
                const KsOption *option = g_ptr_array_index(profile->options, i);

                g_string_append_printf(text, "%s=%s\n", option->key, option->value);
        }
}

gboolean ks_profile_equal(const KsProfile *a, const KsProfile *b)
{
        g_autoptr(GString) one = g_string_new(NULL), other = g_string_new(NULL);

        append_section(one, a);
        append_section(other, b);
        return g_string_equal(one, other);
}

/* Checks */

static gboolean has_controls(const char *value)
{
        for (const char *c = value; *c; c++)
                if (g_ascii_iscntrl(*c))
                        return TRUE;
        return !g_utf8_validate(value, -1, NULL);
}

static gboolean take_options(KsSettingsReader *reader, GPtrArray *options, GError **error)
{
        for (guint i = 0; i < options->len; i++) {
                const KsOption *option = g_ptr_array_index(options, i);

                if (has_controls(option->value))
                        return ks_settings_fail(reader, option->key, error,
                                                "has a line break or another control character in "
                                                "it; leave it out");
                if (!ks_settings_take_key(reader, option->key, option->value, error))
                        return FALSE;
        }
        return TRUE;
}

static gboolean take_section(KsSettingsReader *reader, const char *place, const char *name,
                             GPtrArray *options, GError **error)
{
        ks_settings_name_file(reader, place);
        return ks_settings_enter_profile(reader, name, error) &&
               take_options(reader, options, error);
}

static gboolean check_limits(GPtrArray *options, GError **error)
{
        gsize size = 0;

        for (guint i = 0; i < options->len; i++) {
                const KsOption *option = g_ptr_array_index(options, i);

                size += strlen(option->key) + strlen(option->value) + 2;
        }
        if (options->len <= KS_PROFILE_OPTIONS_MAX && size <= KS_PROFILE_SIZE_MAX)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_LIMITS_EXCEEDED,
                    "options: a VPN takes no more than %d values and %d KiB; a larger one goes "
                    "into a file, /etc/killswitch/killswitch.conf",
                    KS_PROFILE_OPTIONS_MAX, KS_PROFILE_SIZE_MAX / 1024);
        return FALSE;
}

KsProfile *ks_profile_new(const char *name, GPtrArray *options, GError **error)
{
        g_autoptr(KsSettingsReader) reader = ks_settings_reader_new();
        g_autoptr(GPtrArray) given = options;
        g_autoptr(KsSettings) settings = NULL;
        g_autoptr(GError) local = NULL;

        if (!check_limits(given, error))
                return NULL;
        reader->is_alone = TRUE;
        if (take_section(reader, "options", name, given, &local))
                settings = ks_settings_finish(reader, &local);
        if (!settings) {
                g_set_error_literal(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT, local->message);
                return NULL;
        }
        return profile_with(name, g_steal_pointer(&given));
}

gboolean ks_settings_take_profile(KsSettingsReader *reader, const KsProfile *profile,
                                  GError **error)
{
        g_autofree char *place = g_strdup_printf("added VPN '%s'", profile->name);

        return take_section(reader, place, profile->name, profile->options, error);
}

/* Lists */

GPtrArray *ks_profiles_new(void)
{
        return g_ptr_array_new_with_free_func((GDestroyNotify)ks_profile_free);
}

gboolean ks_profiles_find(GPtrArray *profiles, const char *name, guint *place)
{
        for (guint i = 0; i < profiles->len; i++) {
                const KsProfile *profile = g_ptr_array_index(profiles, i);

                if (!g_str_equal(profile->name, name))
                        continue;
                if (place)
                        *place = i;
                return TRUE;
        }
        return FALSE;
}

char *ks_profiles_to_text(GPtrArray *profiles)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < profiles->len; i++)
                append_section(text, g_ptr_array_index(profiles, i));
        return g_string_free(text, FALSE);
}

/* One line more of what is read. @name: of the section that has begun; NULL before the first */
static gboolean read_line(GPtrArray *profiles, const char *line, char **name, GPtrArray **options)
{
        const char *equals = strchr(line, '=');

        if (g_str_has_prefix(line, "[VPN ") && g_str_has_suffix(line, "]")) {
                if (*name)
                        g_ptr_array_add(profiles, profile_with(*name, *options));
                g_free(*name);
                *name = g_strndup(line + strlen("[VPN "), strlen(line) - strlen("[VPN ]"));
                *options = g_ptr_array_new_with_free_func((GDestroyNotify)ks_option_free);
                return profiles->len < KS_PROFILES_MAX && !ks_profiles_find(profiles, *name, NULL);
        }
        if (*name && equals) {
                g_autofree char *key = g_strndup(line, equals - line);

                g_ptr_array_add(*options, ks_option_new(key, equals + 1));
                return TRUE;
        }
        return !*line;
}

GPtrArray *ks_profiles_from_text(const char *text, GError **error)
{
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_autoptr(GPtrArray) profiles = ks_profiles_new();
        g_autofree char *name = NULL;
        GPtrArray *options = NULL;
        gboolean fine = TRUE;

        for (guint i = 0; fine && lines[i]; i++)
                fine = read_line(profiles, lines[i], &name, &options);
        if (name)
                g_ptr_array_add(profiles, profile_with(name, options));
        if (fine)
                return g_steal_pointer(&profiles);
        g_set_error(error, KS_ERROR, KS_ERROR_STORAGE,
                    "it was written by another version of this service");
        return NULL;
}
