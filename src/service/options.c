/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VPN's options as they come over the bus: every key as text, and some as what they are. */

#include <errno.h>
#include <string.h>

#include "common/error.h"
#include "service/options.h"

/* Says that nothing further is to be read, since what was read is refused already. */
#define ENOUGH (-E2BIG)

/* What is beyond the limit isn't even looked at: whoever may call may send megabytes. */
static int add(GPtrArray *options, const char *key, const char *value)
{
        gboolean is_long = strlen(key) + strlen(value) > KS_PROFILE_SIZE_MAX;

        g_ptr_array_add(options, ks_option_new(key, value));
        return is_long || options->len > KS_PROFILE_OPTIONS_MAX ? ENOUGH : 0;
}

static int read_strings(sd_bus_message *message, GPtrArray *options, const char *key)
{
        const char *value;
        int r = sd_bus_message_enter_container(message, 'a', "s");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(message, 's', &value)) > 0) {
                r = add(options, key, value);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_number(sd_bus_message *message, GPtrArray *options, const char *key, char type)
{
        g_autofree char *text = NULL;
        guint64 large = 0;
        guint32 number = 0;
        guint16 small = 0;
        int r = sd_bus_message_read_basic(message, type,
                                          type == 't'   ? (void *)&large
                                          : type == 'u' ? (void *)&number
                                                        : (void *)&small);

        text = g_strdup_printf("%" G_GUINT64_FORMAT, large + number + small);
        return r < 0 ? r : add(options, key, text);
}

static int read_boolean(sd_bus_message *message, GPtrArray *options, const char *key)
{
        int value, r = sd_bus_message_read_basic(message, 'b', &value);

        return r < 0 ? r : add(options, key, value ? "yes" : "no");
}

static int read_string(sd_bus_message *message, GPtrArray *options, const char *key)
{
        const char *value;
        int r = sd_bus_message_read_basic(message, 's', &value);

        return r < 0 ? r : add(options, key, value);
}

/* The variant at the message's place. */
static int read_value(sd_bus_message *message, GPtrArray *options, const char *key, GError **error)
{
        const char *contents;
        int r = sd_bus_message_peek_type(message, NULL, &contents);

        if (r < 0)
                return r;
        if (!g_str_equal(contents, "as") &&
            !(strlen(contents) == 1 && strchr("sbqut", *contents))) {
                g_set_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT,
                            "options: %.60s: has the type '%.20s'; give a string (s), several "
                            "(as), a number (u) or a boolean (b)",
                            key, contents);
                return ENOUGH;
        }
        r = sd_bus_message_enter_container(message, 'v', contents);
        if (r < 0)
                return r;
        if (*contents == 'a')
                r = read_strings(message, options, key);
        else if (*contents == 's')
                r = read_string(message, options, key);
        else if (*contents == 'b')
                r = read_boolean(message, options, key);
        else
                r = read_number(message, options, key, *contents);
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_options(sd_bus_message *message, GPtrArray *options, GError **error)
{
        int r = sd_bus_message_enter_container(message, 'a', "{sv}");

        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                const char *key;

                r = sd_bus_message_read_basic(message, 's', &key);
                if (r >= 0)
                        r = read_value(message, options, key, error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

int ks_options_read(sd_bus_message *message, KsProfile **profile, GError **error)
{
        g_autoptr(GPtrArray)
                options = g_ptr_array_new_with_free_func((GDestroyNotify)ks_option_free);
        g_autoptr(GError) local = NULL;
        const char *name;
        int r = sd_bus_message_read_basic(message, 's', &name);

        if (r >= 0)
                r = read_options(message, options, &local);
        if (r < 0 && r != ENOUGH)
                return r;
        if (local)
                g_propagate_error(error, g_steal_pointer(&local));
        else
                *profile = ks_profile_new(name, g_steal_pointer(&options), error);
        return 0;
}
