/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/route.h"
#include "policy/rule.h"

typedef enum KsOpKind {
        KS_OP_ADD_ROUTE,
        KS_OP_REPLACE_ROUTE, /* what stands in the same place is taken over in one step */
        KS_OP_ADD_RULE,
        KS_OP_DELETE_RULE,
        KS_OP_DELETE_ROUTE,
} KsOpKind;

/* One change of the steering layer. */
typedef struct KsOp {
        KsOpKind kind;
        union {
                KsRule rule;
                KsRoute route;
        };
} KsOp;

/* Rules and routes of ours that the kernel holds, or shall hold. */
typedef struct KsSteering {
        GArray *rules;  /* of KsRule */
        GArray *routes; /* of KsRoute */
} KsSteering;

/**
 * ks_diff() - from what is there to what is wanted, in a fail-closed order
 * @wanted: wanted rules (exemption to floor) and routes (blocking defaults
 *   first); two empty arrays to take everything away
 * @present: what is there, ours only
 *
 * Routes come first, the blocking defaults before all; then new rules from
 * exemption to floor; only then are old rules deleted, from floor to exemption,
 * and old routes, the blocking defaults last. Counts as a multiset: the kernel
 * makes duplicates of rules, and one too many is deleted.
 *
 * Returns: an array of KsOp, empty when nothing differs.
 */
GArray *ks_diff(const KsSteering *wanted, const KsSteering *present);

/* "add rule 100: …" in words. @device: as for ks_route_to_string(). Caller frees. */
char *ks_op_to_string(const KsOp *op, const char *device);
