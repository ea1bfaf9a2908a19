/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/settings.h"

/* What a [VPN name] section has said so far; selectors are the product of its
 * protocols and endpoints and are made at the end. */
typedef struct KsVpnDraft {
        KsVpn *vpn;
        char *file; /* where the section began */
        guint line;
        KsSelector selector;
        GArray *endpoints;  /* of KsEndpoint */
        KsNames *names;     /* endpoints that are given by name, and EndpointRange= */
        GHashTable *places; /* key -> "FILE:LINE" where it was last given */
} KsVpnDraft;

/* The place in the files, and what has been read. */
typedef struct KsSettingsReader {
        const char *file;
        char *named;       /* what file points at, when it is ours */
        guint line;        /* 0: the whole of it */
        const char *place; /* instead of file and line, "FILE:LINE"; NULL: those */
        gboolean is_whole; /* the text is what was kept of all files */
        gboolean is_alone; /* it is one VPN, judged without those that it may go through */
        gboolean in_section;
        gboolean has_host_interfaces; /* HostInterfaces= was given: its default is gone */
        KsVpnDraft *draft;            /* of the present [VPN] section; NULL in [Killswitch] */
        KsSettings *settings;
        GPtrArray *drafts; /* of KsVpnDraft* */
        GHashTable *seen;  /* "section/key" in this file, to catch doubles */
} KsSettingsReader;

KsSettingsReader *ks_settings_reader_new(void);
void ks_settings_reader_free(KsSettingsReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsSettingsReader, ks_settings_reader_free)

/* A new file: sections do not reach over, and keys may be given again. */
void ks_settings_begin_file(KsSettingsReader *reader);

/* A new file, with a name that is copied and no lines yet. */
void ks_settings_name_file(KsSettingsReader *reader, const char *name);

/* The section of a VPN that is in no file; another one of that name is a mistake. */
gboolean ks_settings_enter_profile(KsSettingsReader *reader, const char *name, GError **error);

/* Where a key of a [VPN] section stands in the documented order; behind all when there is none. */
gint ks_settings_key_place(const char *name);

/* "Killswitch" or "VPN name". */
gboolean ks_settings_enter_section(KsSettingsReader *reader, const char *name, GError **error);

/* One KEY=VALUE of the present section. */
gboolean ks_settings_take_key(KsSettingsReader *reader, const char *key, const char *value,
                              GError **error);

/* Endpoint= and EndpointRange=, as the other keys are taken. */
gboolean ks_settings_take_endpoint(KsSettingsReader *reader, const char *key, const char *value,
                                   GError **error);
gboolean ks_settings_take_endpoint_range(KsSettingsReader *reader, const char *key,
                                         const char *value, GError **error);

/* Checks what only the whole can tell. Returns: the settings, the caller's. */
KsSettings *ks_settings_finish(KsSettingsReader *reader, GError **error);

/* Values that several keys take. */
gboolean ks_settings_check_interface(KsSettingsReader *reader, const char *key, const char *value,
                                     GError **error);
gboolean ks_settings_parse_prefix(KsSettingsReader *reader, const char *key, const char *value,
                                  KsPrefix *prefix, GError **error);

/* The lists of [Killswitch]. */
gboolean ks_settings_take_host_interfaces(KsSettingsReader *reader, const char *key,
                                          const char *value, GError **error);
gboolean ks_settings_take_lan_prefixes(KsSettingsReader *reader, const char *key, const char *value,
                                       GError **error);

/* What no two VPNs may have in common; @i is the draft, which is compared with those before it. */
gboolean ks_settings_check_pairs(KsSettingsReader *reader, guint i, GError **error);

/* Whether every Through= leads to a VPN, and in the end to the uplink. */
gboolean ks_settings_check_through(KsSettingsReader *reader, GError **error);

/* As ks_settings_fail(), pointing at the key where it stands, or at the section when it isn't
 * there. */
gboolean ks_settings_fail_draft(KsSettingsReader *reader, const KsVpnDraft *draft, const char *key,
                                GError **error, const char *sentence);

/* "FILE:LINE", or "FILE" for what has no lines. Caller frees. */
char *ks_settings_place(const char *file, guint line);

/* Sets "FILE:LINE: KEY: sentence"; @key may be NULL. Returns: FALSE. */
gboolean ks_settings_fail(KsSettingsReader *reader, const char *key, GError **error,
                          const char *format, ...) G_GNUC_PRINTF(4, 5);
