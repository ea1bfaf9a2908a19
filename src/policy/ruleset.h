/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/link.h"
#include "policy/settings.h"

/* One named set of the guard with its elements in nft's syntax. */
typedef struct KsGuardSet {
        const char *name;
        const char *declaration; /* "type ifname . ipv4_addr; " */
        GString *elements;       /* "1 . 2, 3 . 4" or "" */
} KsGuardSet;

enum {
        KS_SET_VPN,  /* links that are VPNs and up */
        KS_SET_VPN4, /* with the address that may be the source in them */
        KS_SET_VPN6,
        KS_SET_VPN_ADDRESS4,
        KS_SET_VPN_ADDRESS6,
        KS_SET_VPN_NETWORK4, /* networks that belong to a VPN; never LAN */
        KS_SET_VPN_NETWORK6,
        KS_SET_WG_MARK,  /* kernel WireGuard's transport by mark */
        KS_SET_WG_PORT4, /* and by port and endpoint */
        KS_SET_WG_PORT6,
        KS_SET_MARK, /* marks of all transports, for replies under strict rp_filter */
        KS_SET_HOST, /* links that lead to this host's guests only */
        KS_SET_LAN4,
        KS_SET_LAN6,
        _KS_SET_MAX,
};

/* The guard: an nftables table whose chains depend on the settings alone, and
 * whose sets follow the links. */
typedef struct KsGuard {
        GString *chains;
        KsGuardSet sets[_KS_SET_MAX];
} KsGuard;

/**
 * ks_guard_new() - the chains and the LAN's elements; the plan adds the links'
 * @settings: for the profiles' selectors and LanDns=
 * @lan: LAN access in force
 */
KsGuard *ks_guard_new(const KsSettings *settings, KsLan lan);
void ks_guard_free(KsGuard *guard);

/* Adds an element in nft's syntax. Callers give validated or numeric text only. */
void ks_guard_add(KsGuard *guard, int set, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Adds a prefix as an element of an interval set. */
void ks_guard_add_prefix(KsGuard *guard, int set4, int set6, const KsPrefix *prefix);

/**
 * ks_guard_replace_text() - one transaction that puts the whole table in place
 * @packets: value that the counter of refused packets starts with
 * @bytes: likewise
 *
 * Replaces a table that is there, whatever it holds. Caller frees.
 */
char *ks_guard_replace_text(const KsGuard *guard, guint64 packets, guint64 bytes);

/**
 * ks_guard_update_text() - one transaction from one guard to another by their sets
 *
 * Returns: "" when nothing differs, NULL when chains differ and the table has to
 * be replaced. Caller frees.
 */
char *ks_guard_update_text(const KsGuard *present, const KsGuard *wanted);

/* One transaction that takes the table away, if it is there or not. */
const char *ks_guard_remove_text(void);
