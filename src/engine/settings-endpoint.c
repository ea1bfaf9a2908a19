/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Endpoint= and EndpointRange=: a VPN's servers, by address or by name. */

#include <string.h>

#include "engine/settings-keys.h"

#define ENDPOINTS_MAX 64
#define RANGES_MAX 64

static gboolean parse_port(KsSettingsReader *reader, const char *key, const char *text,
                           uint16_t *port, GError **error)
{
        guint64 number = 0;

        if (text && !g_ascii_string_to_unsigned(text, 10, 1, 65535, &number, NULL))
                return ks_settings_fail(reader, key, error,
                                        "'%.40s' is not a number from 1 to 65535", text);
        *port = (uint16_t)number;
        return TRUE;
}

static gboolean take_name(KsSettingsReader *reader, const char *key, const char *text,
                          uint16_t port, GError **error)
{
        g_autofree char *place = reader->place ? g_strdup(reader->place)
                                               : ks_settings_place(reader->file, reader->line);
        size_t length = strlen(text);
        /* A dot at the end says that the name is whole; it is no part of it. */
        g_autofree char *host = g_strndup(text, length - (length && text[length - 1] == '.'));
        const char *problem = ks_host_problem(host);

        if (problem)
                return ks_settings_fail(reader, key, error, "'%.60s' %s", text, problem);
        ks_names_add(reader->draft->names, host, port, place);
        return TRUE;
}

gboolean ks_settings_take_endpoint(KsSettingsReader *reader, const char *key, const char *value,
                                   GError **error)
{
        g_autofree char *host = NULL;
        const char *port = NULL, *bracket = strchr(value, ']');
        GArray *endpoints = reader->draft->endpoints;
        GPtrArray *named = reader->draft->names->endpoints;
        gboolean in_brackets = *value == '[' && bracket;
        KsEndpoint endpoint = { 0 };

        if (!*value) {
                g_array_set_size(endpoints, 0);
                g_ptr_array_set_size(named, 0);
                return TRUE;
        }
        if (in_brackets) {
                host = g_strndup(value + 1, bracket - value - 1);
                port = bracket[1] == ':' ? bracket + 2 : bracket[1] ? "" : NULL;
        } else {
                const char *colon = strchr(value, ':');

                /* Two colons and no brackets: an IPv6 address without a port. */
                port = colon && !strchr(colon + 1, ':') ? colon + 1 : NULL;
                host = port ? g_strndup(value, colon - value) : g_strdup(value);
        }
        if (endpoints->len + named->len >= ENDPOINTS_MAX)
                return ks_settings_fail(reader, key, error, "more than %d endpoints",
                                        ENDPOINTS_MAX);
        if (!strchr(host, '/') && ks_prefix_parse(host, &endpoint.address, NULL)) {
                if (!parse_port(reader, key, port, &endpoint.port, error))
                        return FALSE;
                g_array_append_val(endpoints, endpoint);
                return TRUE;
        }
        /* What looks like an address, and isn't one, is no name either. */
        if (in_brackets || strpbrk(host, "/:[]"))
                return ks_settings_fail(reader, key, error,
                                        "'%.60s' is not ADDRESS:PORT, [IPV6]:PORT, an address or "
                                        "NAME:PORT",
                                        value);
        return parse_port(reader, key, port, &endpoint.port, error) &&
               take_name(reader, key, host, endpoint.port, error);
}

gboolean ks_settings_take_endpoint_range(KsSettingsReader *reader, const char *key,
                                         const char *value, GError **error)
{
        g_auto(GStrv) texts = g_strsplit_set(value, " \t;,", -1);
        GArray *ranges = reader->draft->names->ranges;

        if (!*value)
                g_array_set_size(ranges, 0);
        for (guint i = 0; texts[i]; i++) {
                g_autoptr(GError) local = NULL;
                KsPrefix prefix;

                if (!*texts[i])
                        continue;
                if (!ks_prefix_parse(texts[i], &prefix, &local))
                        return ks_settings_fail(reader, key, error, "%s", local->message);
                if (ranges->len >= RANGES_MAX)
                        return ks_settings_fail(reader, key, error, "more than %d networks",
                                                RANGES_MAX);
                ks_prefix_array_add(ranges, &prefix);
        }
        return TRUE;
}
