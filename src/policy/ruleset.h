/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/link.h"
#include "policy/settings.h"

/* The tables that the guard consists of. */
typedef enum KsGuardTable {
        KS_GUARD_INET = 1 << 0,
        KS_GUARD_EGRESS = 1 << 1, /* what leaves by an uplink past the IP layer (EgressGuard=) */
} KsGuardTable;

/* One named set of the guard with its elements in nft's syntax. */
typedef struct KsGuardSet {
        const char *name;
        const char *declaration; /* "type ifname . ipv4_addr; " */
        guint tables;            /* set of KsGuardTable: where it is */
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
        KS_SET_MARK,   /* marks of all transports, for replies under strict rp_filter */
        KS_SET_HOST,   /* links that lead to this host's guests only */
        KS_SET_INNER4, /* servers of VPNs that go through another one */
        KS_SET_INNER6,
        KS_SET_INNER_WAY4, /* with the link of that one, while it is up */
        KS_SET_INNER_WAY6,
        KS_SET_LAN4,
        KS_SET_LAN6,
        _KS_SET_MAX,
};

/* The guard: an nftables table whose chains depend on the settings alone, and
 * whose sets follow the links; and a second one that is hooked to each uplink. */
typedef struct KsGuard {
        GString *chains;
        GString *egress; /* chains of the egress table; "" unless EgressGuard=yes */
        GString *hooks;  /* its base chains, one an uplink */
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

/* Hooks the egress table to an uplink. @name: validated */
void ks_guard_add_uplink(KsGuard *guard, int index, const char *name, gboolean is_ethernet);

/* Leaves out the rule that logs what is refused, where the kernel can't have it. */
void ks_guard_drop_log(KsGuard *guard);

/* Whether it has an egress table. */
gboolean ks_guard_has_egress(const KsGuard *guard);

/**
 * ks_guard_replace_text() - one transaction that puts whole tables in place
 * @tables: set of KsGuardTable that it is about. Those are replaced, whatever they
 *   hold; an egress table that this guard doesn't have is taken away.
 * @packets: value that the counter of refused packets starts with
 * @bytes: likewise
 *
 * Caller frees.
 */
char *ks_guard_replace_text(const KsGuard *guard, guint tables, guint64 packets, guint64 bytes);

/**
 * ks_guard_update_text() - one transaction from one guard to another by their sets
 * @tables: set of KsGuardTable that it is about
 *
 * Returns: "" when nothing differs, NULL when chains or uplinks differ and the tables
 * have to be replaced. Caller frees.
 */
char *ks_guard_update_text(const KsGuard *present, const KsGuard *wanted, guint tables);

/* One transaction that takes the tables away, if they are there or not. @tables: set of
 * KsGuardTable */
const char *ks_guard_remove_text(guint tables);
