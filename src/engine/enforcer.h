/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "kernel/rtnl.h"
#include "policy/plan.h"

/* Brings the kernel to a plan and keeps it there. */
typedef struct KsEnforcer KsEnforcer;

/* What somebody else had changed, in words; NULL when nothing. */
typedef struct KsRepair {
        char *steering;
        char *guard;
} KsRepair;

void ks_repair_clear(KsRepair *repair);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KsRepair, ks_repair_clear)

/**
 * ks_enforcer_new() - open what is needed to talk to the kernel
 * @error: KS_ERROR_KERNEL
 */
KsEnforcer *ks_enforcer_new(GError **error);
void ks_enforcer_free(KsEnforcer *enforcer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsEnforcer, ks_enforcer_free)

/* The netlink port whose events are our own. */
guint32 ks_enforcer_port(const KsEnforcer *enforcer);

/**
 * ks_enforcer_read_links() - all links; where it counts, with what main's default routes go over
 * @settings: for HostInterfaces=
 * @error: KS_ERROR_KERNEL
 *
 * Returns: an array of KsLink*, or NULL.
 */
GPtrArray *ks_enforcer_read_links(KsEnforcer *enforcer, const KsSettings *settings, GError **error);

/**
 * ks_enforcer_plan() - read links (and main's routes where they count), and plan
 * @kept: see ks_plan_new()
 * @error: KS_ERROR_KERNEL
 *
 * Returns: a new plan.
 */
KsPlan *ks_enforcer_plan(KsEnforcer *enforcer, const KsSettings *settings, KsLan lan, GArray *kept,
                         GError **error);

/**
 * ks_enforcer_check_table() - whether the table is ours alone
 * @error: KS_ERROR_CONFLICT naming foreign routes
 */
gboolean ks_enforcer_check_table(KsEnforcer *enforcer, guint32 table, GError **error);

/**
 * ks_enforcer_raise() - make the kernel hold the plan
 * @settings: for Guard=
 * @plan: taken over in every case
 * @links_changed: links changed since the last time, so that routes which went
 *   with a link are no tampering
 * @repair: set to what had been changed by others since; may be NULL
 * @error: KS_ERROR_GUARD_UNAVAILABLE, KS_ERROR_KERNEL
 *
 * Guard first, then routes, then rules; then everything is read back. Whatever
 * fails, what could be put in place stays: the caller lowers if it wants that.
 */
gboolean ks_enforcer_raise(KsEnforcer *enforcer, const KsSettings *settings, KsPlan *plan,
                           gboolean links_changed, KsRepair *repair, GError **error);

/**
 * ks_enforcer_lower() - take everything of ours out of the kernel
 * @error: KS_ERROR_KERNEL, KS_ERROR_GUARD_UNAVAILABLE; goes on behind an error
 *
 * Rules from floor to exemption, routes, the guard last. Needs no plan and finds
 * what an earlier process left.
 */
gboolean ks_enforcer_lower(KsEnforcer *enforcer, GError **error);

/* Whether the guard is in place as it was raised; a cheap question. */
gboolean ks_enforcer_guard_is_intact(KsEnforcer *enforcer);

/* Whether the last plan depended on which links main's default routes lead over. */
gboolean ks_enforcer_needs_defaults(const KsEnforcer *enforcer);

/* The plan that the kernel was last brought to; NULL when lowered. */
const KsPlan *ks_enforcer_present_plan(const KsEnforcer *enforcer);

/* KS_GUARD_ACTIVE, KS_GUARD_ABSENT or KS_GUARD_UNAVAILABLE. */
const char *ks_enforcer_guard_state(const KsEnforcer *enforcer);

/* Why the guard could not be raised; NULL when it could. */
const char *ks_enforcer_guard_problem(const KsEnforcer *enforcer);

/* Why EgressGuard= is not in force; NULL when it is, or isn't wanted. */
const char *ks_enforcer_egress_problem(const KsEnforcer *enforcer);

/* Why RecordBlocked= is not in force as far as the guard goes; NULL when it is, or isn't wanted. */
const char *ks_enforcer_log_problem(const KsEnforcer *enforcer);

/* Why answers to marked transport may not get in; NULL when they do. */
const char *ks_enforcer_mark_problem(const KsEnforcer *enforcer);

/**
 * ks_enforcer_difference() - what the kernel's rules and routes of ours lack, or have too much
 * @plan: what they should be
 *
 * Reads only. Returns: words, or NULL when nothing differs or they can't be read.
 * Caller frees.
 */
char *ks_enforcer_difference(KsEnforcer *enforcer, const KsPlan *plan);

/* The request socket, to read with. */
KsRtnl *ks_enforcer_rtnl(KsEnforcer *enforcer);

/* Packets that the guard has refused since it was raised. */
guint64 ks_enforcer_blocked(KsEnforcer *enforcer);
