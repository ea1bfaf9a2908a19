/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/ruleset.h"

/* The guard's hand on the kernel, through libnftables. */
typedef struct KsNftables KsNftables;

/**
 * ks_nftables_new() - open nftables
 * @error: KS_ERROR_GUARD_UNAVAILABLE when the kernel has none or refuses us
 */
KsNftables *ks_nftables_new(GError **error);
void ks_nftables_free(KsNftables *nftables);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsNftables, ks_nftables_free)

/**
 * ks_nftables_replace() - put the guard in place, whatever was there
 * @guard: the wanted guard
 * @error: KS_ERROR_GUARD_UNAVAILABLE with nft's words; nothing has changed then
 *
 * One transaction. The count of refused packets goes on where it was. An egress table
 * that the guard has and the kernel refuses is left out, see ks_nftables_egress_problem();
 * one that the guard doesn't have is taken away.
 */
gboolean ks_nftables_replace(KsNftables *nftables, const KsGuard *guard, GError **error);

/**
 * ks_nftables_update() - from one guard that is in place to another
 *
 * Changes only the sets that differ; replaces the tables when chains or uplinks differ.
 */
gboolean ks_nftables_update(KsNftables *nftables, const KsGuard *present, const KsGuard *wanted,
                            GError **error);

/* Takes the guard away, if it is there or not. */
gboolean ks_nftables_remove(KsNftables *nftables, GError **error);

/**
 * ks_nftables_is_intact() - whether the tables are as this object left them
 *
 * Costs one small request when nothing at all has changed in nftables since.
 */
gboolean ks_nftables_is_intact(KsNftables *nftables);

/* What was done to a guard that isn't intact, in words; NULL when all that is missing went
 * with a link. Caller frees. */
char *ks_nftables_describe_damage(KsNftables *nftables);

/* Notes that names of interfaces, which a listing shows, may have changed, and that hooks may
 * have gone with their interfaces. */
void ks_nftables_links_changed(KsNftables *nftables);

/* Whether a table of the guard's name is there, whatever is in it. */
gboolean ks_nftables_is_present(KsNftables *nftables);

/* Why the guard's egress table is not in force, in a sentence; NULL when it is, or when the
 * guard has none. */
const char *ks_nftables_egress_problem(const KsNftables *nftables);

/* Why the kernel can't log what is refused, in nft's words; NULL when it can. Asked of the kernel
 * once, which changes nothing. */
const char *ks_nftables_log_problem(KsNftables *nftables);

/* Packets and bytes that the guard has refused; FALSE when there is no guard. */
gboolean ks_nftables_blocked(KsNftables *nftables, guint64 *packets, guint64 *bytes);
