/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/vpn.h"

typedef enum KsLan {
        KS_LAN_MODE_PRIVATE,
        KS_LAN_MODE_NONE,
        KS_LAN_MODE_ALL,
} KsLan;

/* What the floor and the blocking default answer. */
typedef enum KsBlockWith {
        KS_BLOCK_UNREACHABLE,
        KS_BLOCK_BLACKHOLE,
        KS_BLOCK_PROHIBIT,
} KsBlockWith;

/* What the administrator wants, however it was written down. */
typedef struct KsSettings {
        guint32 table;
        guint32 priority; /* of the first rule */
        KsLan lan;
        gboolean lan_dns;
        KsBlockWith block_with;
        gboolean guard_required;
        gboolean egress_guard;
        gboolean record_blocked; /* the last destinations that the guard refused */
        gboolean auto_wireguard;
        gboolean reset_connections; /* those from before that have no way on */
        gboolean host_auto;         /* bridges that nothing leads out of are found by themselves */
        GPtrArray *host_interfaces; /* of char*: links that lead to nobody but this host's guests */
        GArray *lan_prefixes;       /* of KsPrefix: LAN besides the fixed private ranges */
        GPtrArray *vpns;            /* of KsVpn* */
} KsSettings;

/* The settings of a machine without any file. */
KsSettings *ks_settings_new(void);
void ks_settings_free(KsSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsSettings, ks_settings_free)

/* The VPN that another one goes through; NULL: it goes by the uplink. */
const KsVpn *ks_settings_outer(const KsSettings *settings, const KsVpn *vpn);

/* "private", "none", "all" and back; FALSE for anything else. */
const char *ks_lan_to_string(KsLan lan);
gboolean ks_lan_from_string(const char *text, KsLan *lan);

/* "unreachable", "blackhole", "prohibit" and back; FALSE for anything else. */
const char *ks_block_with_to_string(KsBlockWith block_with);
gboolean ks_block_with_from_string(const char *text, KsBlockWith *block_with);
