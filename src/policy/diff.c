/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The difference between two steering states as ordered, fail-closed operations. */

#include <linux/rtnetlink.h>

#include "policy/diff.h"

/* Marks in @used which elements of @present have a partner in @wanted; returns,
 * for each wanted element, whether it is missing. */
#define DEFINE_MATCH(name, type, equal)                                                            \
        static gboolean *name(GArray *wanted, GArray *present, gboolean *used)                     \
        {                                                                                          \
                gboolean *missing = g_new0(gboolean, wanted->len + 1);                             \
                                                                                                   \
                for (guint i = 0; i < wanted->len; i++) {                                          \
                        guint j = 0;                                                               \
                                                                                                   \
                        while (j < present->len &&                                                 \
                               (used[j] || !equal(&g_array_index(wanted, type, i),                 \
                                                  &g_array_index(present, type, j))))              \
                                j++;                                                               \
                        if (j < present->len)                                                      \
                                used[j] = TRUE;                                                    \
                        else                                                                       \
                                missing[i] = TRUE;                                                 \
                }                                                                                  \
                return missing;                                                                    \
        }

DEFINE_MATCH(match_rules, KsRule, ks_rule_equal)
DEFINE_MATCH(match_routes, KsRoute, ks_route_equal)

static void append_rule(GArray *ops, KsOpKind kind, const KsRule *rule)
{
        KsOp op = { .kind = kind, .rule = *rule };

        g_array_append_val(ops, op);
}

static void append_route(GArray *ops, KsOpKind kind, const KsRoute *route)
{
        KsOp op = { .kind = kind, .route = *route };

        g_array_append_val(ops, op);
}

/* A wanted route that is missing takes over the place of an old one that is not
 * wanted, so that there is no instant without either. */
static void diff_new_routes(GArray *ops, GArray *wanted, GArray *present, const gboolean *missing,
                            gboolean *used)
{
        for (guint i = 0; i < wanted->len; i++) {
                const KsRoute *route = &g_array_index(wanted, KsRoute, i);
                gboolean replaces = FALSE;

                for (guint j = 0; missing[i] && j < present->len && !replaces; j++)
                        if (!used[j] &&
                            ks_route_same_place(route, &g_array_index(present, KsRoute, j)))
                                replaces = used[j] = TRUE;
                if (missing[i])
                        append_route(ops, replaces ? KS_OP_REPLACE_ROUTE : KS_OP_ADD_ROUTE, route);
        }
}

/* Emits the deletion of one rule. The kernel may take neighbours for it that stand
 * before it: then it is asked again, and those of them that are wanted are put
 * back. @standing: what is in the kernel by then, in its order. */
static void delete_rule(GArray *ops, GArray *standing, GArray *wanted, const KsRule *rule)
{
        g_autoptr(GArray) hit = g_array_new(FALSE, FALSE, sizeof(KsRule));
        gboolean gone = FALSE;

        for (guint j = 0; j < standing->len && !gone;) {
                KsRule found = g_array_index(standing, KsRule, j);

                if (!ks_rule_matches_request(rule, &found)) {
                        j++;
                        continue;
                }
                gone = ks_rule_equal(&found, rule);
                append_rule(ops, KS_OP_DELETE_RULE, rule);
                g_array_remove_index(standing, j);
                if (!gone)
                        g_array_append_val(hit, found);
        }
        for (guint i = 0; i < hit->len; i++) {
                const KsRule *lost = &g_array_index(hit, KsRule, i);

                for (guint j = 0; j < wanted->len; j++)
                        if (ks_rule_equal(lost, &g_array_index(wanted, KsRule, j))) {
                                append_rule(ops, KS_OP_ADD_RULE, lost);
                                g_array_append_val(standing, *lost);
                                break;
                        }
        }
}

static gboolean still_stands(GArray *standing, const KsRule *rule)
{
        for (guint j = 0; j < standing->len; j++)
                if (ks_rule_equal(&g_array_index(standing, KsRule, j), rule))
                        return TRUE;
        return FALSE;
}

static void diff_old_rules(GArray *ops, GArray *wanted, GArray *present, const gboolean *used)
{
        g_autoptr(GArray) old = g_array_new(FALSE, FALSE, sizeof(KsRule));
        g_autoptr(GArray) standing = g_array_copy(present);

        for (guint j = 0; j < present->len; j++)
                if (!used[j])
                        g_array_append_val(old, g_array_index(present, KsRule, j));
        /* From floor to exemption: the highest priority value goes first. */
        while (old->len > 0) {
                guint last = 0;

                for (guint j = 1; j < old->len; j++)
                        if (g_array_index(old, KsRule, j).priority >=
                            g_array_index(old, KsRule, last).priority)
                                last = j;
                if (still_stands(standing, &g_array_index(old, KsRule, last)))
                        delete_rule(ops, standing, wanted, &g_array_index(old, KsRule, last));
                g_array_remove_index(old, last);
        }
}

static void diff_old_routes(GArray *ops, GArray *present, const gboolean *used)
{
        for (int blocking = 0; blocking <= 1; blocking++)
                for (guint j = 0; j < present->len; j++) {
                        const KsRoute *route = &g_array_index(present, KsRoute, j);

                        if (!used[j] && (route->type != RTN_UNICAST) == blocking)
                                append_route(ops, KS_OP_DELETE_ROUTE, route);
                }
}

GArray *ks_diff(const KsSteering *wanted, const KsSteering *present)
{
        GArray *ops = g_array_new(FALSE, TRUE, sizeof(KsOp));
        g_autofree gboolean *used_rules = g_new0(gboolean, present->rules->len + 1);
        g_autofree gboolean *used_routes = g_new0(gboolean, present->routes->len + 1);
        g_autofree gboolean *missing_rules = match_rules(wanted->rules, present->rules, used_rules);
        g_autofree gboolean *missing_routes = match_routes(wanted->routes, present->routes,
                                                           used_routes);

        diff_new_routes(ops, wanted->routes, present->routes, missing_routes, used_routes);
        for (guint i = 0; i < wanted->rules->len; i++)
                if (missing_rules[i])
                        append_rule(ops, KS_OP_ADD_RULE, &g_array_index(wanted->rules, KsRule, i));
        diff_old_rules(ops, wanted->rules, present->rules, used_rules);
        diff_old_routes(ops, present->routes, used_routes);
        return ops;
}

char *ks_op_to_string(const KsOp *op, const char *device)
{
        static const char *const verbs[] = {
                [KS_OP_ADD_ROUTE] = "add route",       [KS_OP_REPLACE_ROUTE] = "replace route",
                [KS_OP_ADD_RULE] = "add rule",         [KS_OP_DELETE_RULE] = "delete rule",
                [KS_OP_DELETE_ROUTE] = "delete route",
        };
        g_autofree char *what = NULL;

        if (op->kind == KS_OP_ADD_RULE || op->kind == KS_OP_DELETE_RULE)
                what = ks_rule_to_string(&op->rule);
        else
                what = ks_route_to_string(&op->route, device);
        return g_strdup_printf("%s %s", verbs[op->kind], what);
}
