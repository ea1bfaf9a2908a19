/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns D-Bus values into JSON, and JSON into "Key=Value" lines. */

#include "client/ksctl/value.h"

#include <errno.h>
#include <stdio.h>

#include <glib.h>

#include "client/common/text.h"
#include "common/names.h"

/* Numbers that JSON's integers here can't hold become real ones. */
static json_t *from_unsigned(uint64_t number)
{
        return number <= INT64_MAX ? json_integer((json_int_t)number) : json_real((double)number);
}

static json_t *from_real(double number)
{
        json_t *value = json_real(number);

        /* There is no infinity in JSON. */
        return value ?: json_null();
}

static int read_basic(sd_bus_message *m, char type, json_t **ret)
{
        union {
                uint8_t y;
                int b;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
                const char *s;
        } basic;
        int r;

        r = sd_bus_message_read_basic(m, type, &basic);
        if (r < 0)
                return r;

        switch (type) {
        case 'y':
                *ret = json_integer(basic.y);
                break;
        case 'b':
                *ret = json_boolean(basic.b);
                break;
        case 'n':
                *ret = json_integer(basic.n);
                break;
        case 'q':
                *ret = json_integer(basic.q);
                break;
        case 'i':
                *ret = json_integer(basic.i);
                break;
        case 'u':
                *ret = json_integer(basic.u);
                break;
        case 'x':
                *ret = json_integer(basic.x);
                break;
        case 't':
                *ret = from_unsigned(basic.t);
                break;
        case 'd':
                *ret = from_real(basic.d);
                break;
        case 's':
        case 'o':
        case 'g':
                *ret = json_string(basic.s);
                break;
        default: /* a descriptor says nothing here */
                *ret = json_null();
                break;
        }
        return *ret ? 0 : -ENOMEM;
}

/* Reads one key and value of a dictionary into the object. */
static int read_entry(sd_bus_message *m, json_t *object)
{
        json_auto_t *key = NULL;
        json_t *value;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, NULL);
        if (r < 0)
                return r;
        r = read_basic(m, type, &key);
        if (r < 0)
                return r;
        r = value_read(m, &value);
        if (r < 0)
                return r;

        g_autofree char *name = json_is_string(key) ? g_strdup(json_string_value(key))
                                                    : json_dumps(key, JSON_ENCODE_ANY);

        return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

/* Reads what is left of the container that was entered. */
static int read_elements(sd_bus_message *m, bool is_dictionary, json_t *container)
{
        int r;

        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                json_t *value;

                if (is_dictionary) {
                        r = sd_bus_message_enter_container(m, 'e', NULL);
                        if (r < 0)
                                return r;
                        r = read_entry(m, container);
                        if (r < 0)
                                return r;
                        r = sd_bus_message_exit_container(m);
                        if (r < 0)
                                return r;
                        continue;
                }

                r = value_read(m, &value);
                if (r < 0)
                        return r;
                if (json_array_append_new(container, value) < 0)
                        return -ENOMEM;
        }
        return r < 0 ? r : 0;
}

static int read_container(sd_bus_message *m, char type, const char *contents, json_t **ret)
{
        bool is_dictionary = type == 'a' && contents[0] == '{';
        json_auto_t *container = is_dictionary ? json_object() : json_array();
        int r;

        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        r = read_elements(m, is_dictionary, container);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;

        *ret = g_steal_pointer(&container);
        return 0;
}

int value_read(sd_bus_message *m, json_t **ret)
{
        const char *contents;
        char type;
        int r;

        r = sd_bus_message_peek_type(m, &type, &contents);
        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;

        switch (type) {
        case 'v':
                r = sd_bus_message_enter_container(m, 'v', contents);
                if (r < 0)
                        return r;
                r = value_read(m, ret);
                if (r < 0)
                        return r;
                r = sd_bus_message_exit_container(m);
                if (r < 0) {
                        json_decref(*ret);
                        return r;
                }
                return 0;
        case 'a':
        case 'r':
                return read_container(m, type, contents, ret);
        default:
                return read_basic(m, type, ret);
        }
}

int value_read_state(sd_bus_message *reply, json_t **ret)
{
        json_auto_t *object = json_object(), *state = NULL, *details = NULL;
        int r;

        if (!sd_bus_message_has_signature(reply, "sa{sv}"))
                return -EBADMSG;
        r = value_read(reply, &state);
        if (r < 0)
                return r;
        r = value_read(reply, &details);
        if (r < 0)
                return r;

        if (json_object_set(object, KS_KEY_STATE, state) < 0 ||
            json_object_update_missing(object, details) < 0)
                return -ENOMEM;

        *ret = g_steal_pointer(&object);
        return 0;
}

static void format_into(GString *s, const json_t *value);

static void format_object(GString *s, const json_t *value)
{
        const char *key, *separator = "{ ";
        json_t *member;

        json_object_foreach((json_t *)value, key, member)
        {
                g_string_append_printf(s, "%s%s=", separator, key);
                format_into(s, member);
                separator = " ; ";
        }
        g_string_append(s, *separator == '{' ? "{ }" : " }");
}

static void format_array(GString *s, const json_t *value)
{
        json_t *element;
        size_t i;

        json_array_foreach(value, i, element)
        {
                if (i > 0)
                        g_string_append_c(s, ' ');
                format_into(s, element);
        }
}

static void format_into(GString *s, const json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_OBJECT:
                format_object(s, value);
                break;
        case JSON_ARRAY:
                format_array(s, value);
                break;
        case JSON_STRING:
                g_string_append(s, json_string_value(value));
                break;
        case JSON_INTEGER:
                g_string_append_printf(s, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                break;
        case JSON_REAL:
                g_string_append_printf(s, "%.17g", json_real_value(value));
                break;
        case JSON_TRUE:
                g_string_append(s, "yes");
                break;
        case JSON_FALSE:
                g_string_append(s, "no");
                break;
        case JSON_NULL:
        default:
                break;
        }
}

char *value_format(const json_t *value)
{
        GString *s = g_string_new(NULL);

        format_into(s, value);

        g_autofree char *raw = g_string_free(s, FALSE);

        return ks_text_sanitise(raw);
}

static void print_line(const char *key, const char *value, bool value_only)
{
        g_autofree char *safe_key = ks_text_sanitise(key);

        if (value_only)
                printf("%s\n", value);
        else
                printf("%s=%s\n", safe_key, value);
}

void value_print(const char *key, const json_t *value, bool value_only)
{
        json_t *element;
        size_t i;

        if (!json_is_array(value)) {
                g_autofree char *text = value_format(value);

                print_line(key, text, value_only);
                return;
        }

        if (json_array_size(value) == 0)
                print_line(key, "", value_only);
        json_array_foreach(value, i, element)
        {
                g_autofree char *text = value_format(element);

                print_line(key, text, value_only);
        }
}
