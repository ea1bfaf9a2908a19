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
        GHashTable *places; /* key -> "FILE:LINE" where it was last given */
} KsVpnDraft;

/* The place in the files, and what has been read. */
typedef struct KsSettingsReader {
        const char *file;
        guint line;
        const char *place; /* instead of file and line, "FILE:LINE"; NULL: those */
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

/* "Killswitch" or "VPN name". */
gboolean ks_settings_enter_section(KsSettingsReader *reader, const char *name, GError **error);

/* One KEY=VALUE of the present section. */
gboolean ks_settings_take_key(KsSettingsReader *reader, const char *key, const char *value,
                              GError **error);

/* Checks what only the whole can tell. Returns: the settings, the caller's. */
KsSettings *ks_settings_finish(KsSettingsReader *reader, GError **error);

/* What no two VPNs may have in common; @i is the draft, which is compared with those before it. */
gboolean ks_settings_check_pairs(KsSettingsReader *reader, guint i, GError **error);

/* Whether every Through= leads to a VPN, and in the end to the uplink. */
gboolean ks_settings_check_through(KsSettingsReader *reader, GError **error);

/* As ks_settings_fail(), pointing at the key where it stands, or at the section when it isn't
 * there. */
gboolean ks_settings_fail_draft(KsSettingsReader *reader, const KsVpnDraft *draft, const char *key,
                                GError **error, const char *sentence);

/* Sets "FILE:LINE: KEY: sentence"; @key may be NULL. Returns: FALSE. */
gboolean ks_settings_fail(KsSettingsReader *reader, const char *key, GError **error,
                          const char *format, ...) G_GNUC_PRINTF(4, 5);
