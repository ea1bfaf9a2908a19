/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of [Killswitch] that take lists: which links and which networks are near. */

#include <string.h>

#include "engine/settings-keys.h"

/* Limits on what files may make the service allocate. */
#define HOST_INTERFACES_MAX 64
#define LAN_PREFIXES_MAX 64

/* What an administrator writes before a network that isn't private, and means it. */
#define PUBLIC_MARKER "public:"
/* Wider than these isn't anybody's LAN. */
#define PUBLIC_LENGTH_MIN4 8
#define PUBLIC_LENGTH_MIN6 16

gboolean ks_settings_take_host_interfaces(KsSettingsReader *reader, const char *key,
                                          const char *value, GError **error)
{
        g_auto(GStrv) names = g_strsplit_set(value, " \t;,", -1);
        GPtrArray *interfaces = reader->settings->host_interfaces;
        gboolean none = !*value || g_str_equal(value, "none");

        if (none || !reader->has_host_interfaces)
                reader->settings->host_auto = FALSE;
        reader->has_host_interfaces = TRUE;
        if (none) {
                g_ptr_array_set_size(interfaces, 0);
                return TRUE;
        }
        for (guint i = 0; names[i]; i++) {
                if (!*names[i])
                        continue;
                if (g_str_equal(names[i], "auto")) {
                        reader->settings->host_auto = TRUE;
                        continue;
                }
                if (g_str_equal(names[i], "none"))
                        return ks_settings_fail(reader, key, error,
                                                "'none' stands alone; leave it out, or all else");
                if (!ks_settings_check_interface(reader, key, names[i], error))
                        return FALSE;
                if (interfaces->len >= HOST_INTERFACES_MAX)
                        return ks_settings_fail(reader, key, error, "more than %d interfaces",
                                                HOST_INTERFACES_MAX);
                g_ptr_array_add(interfaces, g_strdup(names[i]));
        }
        return TRUE;
}

static gboolean check_lan_prefix(KsSettingsReader *reader, const char *key, const char *text,
                                 const KsPrefix *prefix, gboolean meant, GError **error)
{
        guint least = prefix->family == AF_INET ? PUBLIC_LENGTH_MIN4 : PUBLIC_LENGTH_MIN6;

        if (!ks_prefix_is_public(prefix))
                return TRUE;
        if (ks_prefix_is_multicast(prefix))
                return ks_settings_fail(reader, key, error,
                                        "%.60s has multicast groups in it; those that a LAN needs "
                                        "are allowed already",
                                        text);
        if (prefix->length < least)
                return ks_settings_fail(reader, key, error,
                                        "%.60s is too much of the Internet to be a LAN; name a "
                                        "network of length %u or longer",
                                        text, least);
        return meant || ks_settings_fail(reader, key, error,
                                         "%.60s is public: packets to it would leave without the "
                                         "VPN. If it really is a LAN, write " PUBLIC_MARKER "%.60s",
                                         text, text);
}

gboolean ks_settings_take_lan_prefixes(KsSettingsReader *reader, const char *key, const char *value,
                                       GError **error)
{
        g_auto(GStrv) texts = g_strsplit_set(value, " \t;,", -1);
        GArray *prefixes = reader->settings->lan_prefixes;

        if (!*value)
                g_array_set_size(prefixes, 0);
        for (guint i = 0; texts[i]; i++) {
                gboolean meant = g_str_has_prefix(texts[i], PUBLIC_MARKER);
                const char *text = texts[i] + (meant ? strlen(PUBLIC_MARKER) : 0);
                KsPrefix prefix;

                if (!*texts[i])
                        continue;
                if (!ks_settings_parse_prefix(reader, key, text, &prefix, error) ||
                    !check_lan_prefix(reader, key, text, &prefix, meant, error))
                        return FALSE;
                if (prefixes->len >= LAN_PREFIXES_MAX)
                        return ks_settings_fail(reader, key, error, "more than %d prefixes",
                                                LAN_PREFIXES_MAX);
                ks_prefix_array_add(prefixes, &prefix);
        }
        return TRUE;
}
