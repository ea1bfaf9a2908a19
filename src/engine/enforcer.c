/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From plan to kernel: guard, routes, rules, read back; and out again in reverse. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/error.h"
#include "common/names.h"
#include "engine/enforcer.h"
#include "kernel/links.h"
#include "kernel/message.h"
#include "kernel/nftables.h"
#include "kernel/rtnl.h"
#include "kernel/sysctl.h"
#include "policy/diff.h"
#include "policy/host-link.h"

/* How many foreign routes an error names. */
#define NAMED_MAX 3
/* Others may change what we just wrote; this often it is written again. */
#define SETTLE_TRIES 5

struct KsEnforcer {
        KsRtnl *rtnl;
        KsNftables *nftables;    /* NULL until needed, and while unavailable */
        KsPlan *plan;            /* what the kernel was brought to */
        gboolean guard_raised;   /* its guard is in place */
        gboolean settled;        /* it was read back as written: differences are others' doing */
        gboolean needs_defaults; /* the last plan depended on main's default routes */
        char *guard_problem;
        char *mark_problem;
        char *log_problem;
};

void ks_repair_clear(KsRepair *repair)
{
        g_clear_pointer(&repair->steering, g_free);
        g_clear_pointer(&repair->guard, g_free);
}

static void steering_init(KsSteering *steering)
{
        steering->rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        steering->routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
}

static void steering_clear(KsSteering *steering)
{
        g_array_unref(steering->rules);
        g_array_unref(steering->routes);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KsSteering, steering_clear)

KsEnforcer *ks_enforcer_new(GError **error)
{
        g_autoptr(KsEnforcer) enforcer = g_new0(KsEnforcer, 1);

        enforcer->rtnl = ks_rtnl_new(error);
        if (!enforcer->rtnl)
                return NULL;
        return g_steal_pointer(&enforcer);
}

void ks_enforcer_free(KsEnforcer *enforcer)
{
        if (!enforcer)
                return;
        ks_nftables_free(enforcer->nftables);
        ks_rtnl_free(enforcer->rtnl);
        ks_plan_free(enforcer->plan);
        g_free(enforcer->guard_problem);
        g_free(enforcer->mark_problem);
        g_free(enforcer->log_problem);
        g_free(enforcer);
}

guint32 ks_enforcer_port(const KsEnforcer *enforcer)
{
        return ks_rtnl_port(enforcer->rtnl);
}

static gboolean leads_to_vpn(const KsSettings *settings, const KsLink *link)
{
        if (link->wireguard && settings->auto_wireguard)
                return TRUE;
        for (guint i = 0; i < settings->vpns->len; i++)
                if (ks_vpn_link_matches(g_ptr_array_index(settings->vpns, i), link))
                        return TRUE;
        return FALSE;
}

/* What Lan=all takes for LAN: every route of main that is no default and leads
 * over an uplink. */
static GArray *read_lan_routes(KsEnforcer *enforcer, const KsSettings *settings, GPtrArray *links,
                               GError **error)
{
        g_autoptr(GArray) routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        g_autoptr(GArray) prefixes = g_array_new(FALSE, TRUE, sizeof(KsPrefix));

        if (!ks_rtnl_dump_routes(enforcer->rtnl, RT_TABLE_MAIN, 0, routes, error))
                return NULL;
        for (guint i = 0; i < routes->len; i++) {
                const KsRoute *route = &g_array_index(routes, KsRoute, i);
                gboolean to_vpn = FALSE;

                for (guint j = 0; j < links->len; j++) {
                        const KsLink *link = g_ptr_array_index(links, j);

                        if (link->index == route->oif)
                                to_vpn = leads_to_vpn(settings, link);
                }
                if (route->type == RTN_UNICAST && route->destination.length > 0 && !to_vpn)
                        ks_prefix_array_add(prefixes, &route->destination);
        }
        return g_steal_pointer(&prefixes);
}

/* Notes on each link whether a default route of main leads over it. */
static gboolean read_defaults(KsEnforcer *enforcer, GPtrArray *links, GError **error)
{
        g_autoptr(GArray) indices = g_array_new(FALSE, TRUE, sizeof(int));

        if (!ks_rtnl_dump_default_links(enforcer->rtnl, RT_TABLE_MAIN, indices, error))
                return FALSE;
        for (guint i = 0; i < indices->len; i++) {
                int index = g_array_index(indices, int, i);

                for (guint j = 0; j < links->len; j++) {
                        KsLink *link = g_ptr_array_index(links, j);

                        /* What isn't told may be any that would else be found by itself. */
                        if (index == link->index ||
                            (index == KS_SOME_LINK && g_str_equal(link->kind, "bridge")))
                                link->default_route = TRUE;
                }
        }
        return TRUE;
}

GPtrArray *ks_enforcer_read_links(KsEnforcer *enforcer, const KsSettings *settings, GError **error)
{
        g_autoptr(GPtrArray) links = ks_links_read(enforcer->rtnl, error);

        if (!links)
                return NULL;
        enforcer->needs_defaults = ks_host_links_need_defaults(settings, links);
        if (enforcer->needs_defaults && !read_defaults(enforcer, links, error))
                return NULL;
        return g_steal_pointer(&links);
}

static gboolean open_nftables(KsEnforcer *enforcer, GError **error)
{
        if (!enforcer->nftables)
                enforcer->nftables = ks_nftables_new(error);
        return enforcer->nftables != NULL;
}

/* A kernel that can't log must not cost the guard. */
static void check_log(KsEnforcer *enforcer, const KsSettings *settings, KsPlan *plan)
{
        const char *problem;

        g_clear_pointer(&enforcer->log_problem, g_free);
        if (!settings->record_blocked || !open_nftables(enforcer, NULL))
                return;
        problem = ks_nftables_log_problem(enforcer->nftables);
        if (!problem)
                return;
        ks_guard_drop_log(plan->guard);
        enforcer->log_problem = g_strdup_printf("RecordBlocked=yes has no effect, because this "
                                                "kernel can't log packets from nftables (%s). "
                                                "It takes CONFIG_NFT_LOG and CONFIG_NFT_LIMIT",
                                                problem);
}

KsPlan *ks_enforcer_plan(KsEnforcer *enforcer, const KsSettings *settings, KsLan lan, GArray *kept,
                         GError **error)
{
        g_autoptr(GPtrArray) links = ks_enforcer_read_links(enforcer, settings, error);
        g_autoptr(GArray) lan_routes = NULL;
        KsPlan *plan;

        if (!links)
                return NULL;
        if (lan == KS_LAN_MODE_ALL) {
                lan_routes = read_lan_routes(enforcer, settings, links, error);
                if (!lan_routes)
                        return NULL;
        }
        plan = ks_plan_new(settings, lan, links, lan_routes, kept);
        check_log(enforcer, settings, plan);
        return plan;
}

gboolean ks_enforcer_check_table(KsEnforcer *enforcer, guint32 table, GError **error)
{
        g_autoptr(GArray) routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        g_autoptr(GString) named = g_string_new(NULL);
        guint foreign = 0;

        if (!ks_rtnl_dump_routes(enforcer->rtnl, table, 0, routes, error))
                return FALSE;
        for (guint i = 0; i < routes->len; i++) {
                const KsRoute *route = &g_array_index(routes, KsRoute, i);
                g_autofree char *text = NULL;

                if (route->origin == KS_PROTOCOL || ++foreign > NAMED_MAX)
                        continue;
                text = ks_rtnl_describe_route(route);
                g_string_append_printf(named, "%s'%s'", named->len ? ", " : "", text);
        }
        if (foreign == 0)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                    "Routing table %u holds %u %s of somebody else: %s%s. Take them out ('ip route "
                    "show table %u'), or choose another table with Table= in killswitch.conf.",
                    table, foreign, foreign == 1 ? "route" : "routes", named->str,
                    foreign > NAMED_MAX ? ", …" : "", table);
        return FALSE;
}

/* Guard */

/* Whether a unit has come or gone. The guard is read with the name of a control group, or with
 * its number when there is none any more: what differs then is nobody's doing. */
static gboolean groups_changed(const KsPlan *last, const KsPlan *plan)
{
        gboolean changed = last->vpns->len != plan->vpns->len;

        for (guint i = 0; !changed && i < plan->vpns->len; i++)
                changed = ((KsPlanVpn *)g_ptr_array_index(last->vpns, i))->vpn->group_id !=
                          ((KsPlanVpn *)g_ptr_array_index(plan->vpns, i))->vpn->group_id;
        return changed;
}

static gboolean raise_guard(KsEnforcer *enforcer, const KsPlan *plan, gboolean links_changed,
                            KsRepair *repair, GError **error)
{
        if (!open_nftables(enforcer, error))
                return FALSE;
        if (!enforcer->guard_raised)
                return ks_nftables_replace(enforcer->nftables, plan->guard, error);
        if (links_changed)
                ks_nftables_links_changed(enforcer->nftables);
        if (ks_nftables_is_intact(enforcer->nftables))
                return ks_nftables_update(enforcer->nftables, enforcer->plan->guard, plan->guard,
                                          error);
        if (repair && !groups_changed(enforcer->plan, plan))
                repair->guard = ks_nftables_describe_damage(enforcer->nftables);
        return ks_nftables_replace(enforcer->nftables, plan->guard, error);
}

/* Steering */

static gboolean read_steering(KsEnforcer *enforcer, KsSteering *present, GError **error)
{
        g_array_set_size(present->rules, 0);
        g_array_set_size(present->routes, 0);
        if (!ks_rtnl_dump_rules(enforcer->rtnl, present->rules, error) ||
            !ks_rtnl_dump_routes(enforcer->rtnl, 0, KS_PROTOCOL, present->routes, error))
                return FALSE;
        /* We never write a rule that we can't read; whatever protocol it claims, it is
         * somebody else's, and must not keep us from letting go. */
        for (guint i = present->rules->len; i > 0; i--)
                if (g_array_index(present->rules, KsRule, i - 1).unknown)
                        g_array_remove_index(present->rules, i - 1);
        return TRUE;
}

static gboolean has_rule(GArray *rules, const KsRule *rule)
{
        for (guint i = 0; i < rules->len; i++)
                if (ks_rule_equal(&g_array_index(rules, KsRule, i), rule))
                        return TRUE;
        return FALSE;
}

static gboolean has_route(GArray *routes, const KsRoute *route)
{
        for (guint i = 0; i < routes->len; i++)
                if (ks_route_equal(&g_array_index(routes, KsRoute, i), route))
                        return TRUE;
        return FALSE;
}

/* Whether the last plan explains the operation. What it doesn't explain was
 * somebody else's doing. */
static gboolean is_repair(const KsPlan *last, const KsOp *op, gboolean links_changed)
{
        switch (op->kind) {
        case KS_OP_ADD_RULE:
                return has_rule(last->rules, &op->rule);
        case KS_OP_DELETE_RULE:
                return !has_rule(last->rules, &op->rule);
        case KS_OP_ADD_ROUTE:
        case KS_OP_REPLACE_ROUTE:
                /* The kernel itself takes a link's routes away when it goes down. */
                return has_route(last->routes, &op->route) &&
                       !(links_changed && op->route.type == RTN_UNICAST);
        default:
                return !has_route(last->routes, &op->route);
        }
}

static char *describe_repair(const KsPlan *last, GArray *ops, gboolean links_changed)
{
        guint counts[KS_OP_DELETE_ROUTE + 1] = { 0 };
        const KsOp *first = NULL;
        g_autofree char *example = NULL;
        guint total = 0;

        for (guint i = 0; i < ops->len; i++) {
                const KsOp *op = &g_array_index(ops, KsOp, i);

                if (!is_repair(last, op, links_changed))
                        continue;
                counts[op->kind]++;
                total++;
                if (!first)
                        first = op;
        }
        if (!first)
                return NULL;
        example = ks_rtnl_describe_op(first);
        if (total == 1)
                return g_strdup_printf("had to %s", example);
        return g_strdup_printf("had to add %u rules and %u routes, to delete %u rules and %u "
                               "routes: %s, …",
                               counts[KS_OP_ADD_RULE],
                               counts[KS_OP_ADD_ROUTE] + counts[KS_OP_REPLACE_ROUTE],
                               counts[KS_OP_DELETE_RULE], counts[KS_OP_DELETE_ROUTE], example);
}

static gboolean raise_steering(KsEnforcer *enforcer, const KsPlan *plan, gboolean links_changed,
                               KsRepair *repair, GError **error)
{
        const KsSteering wanted = { plan->rules, plan->routes };
        g_auto(KsSteering) present = { 0 };
        g_autoptr(GError) local = NULL;

        steering_init(&present);
        for (int i = 0; i < SETTLE_TRIES; i++) {
                g_autoptr(GArray) ops = NULL;

                if (!read_steering(enforcer, &present, error))
                        return FALSE;
                ops = ks_diff(&wanted, &present);
                /* Read back as wanted: only this is success. */
                if (ops->len == 0)
                        return TRUE;
                if (i == 0 && repair)
                        repair->steering = describe_repair(enforcer->plan, ops, links_changed);
                g_clear_error(&local);
                ks_rtnl_apply(enforcer->rtnl, ops, &local);
        }
        if (local)
                g_propagate_error(error, g_steal_pointer(&local));
        else
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "The kernel's routing rules do not stay as they are written: another "
                            "program keeps changing them");
        return FALSE;
}

char *ks_enforcer_difference(KsEnforcer *enforcer, const KsPlan *plan)
{
        const KsSteering wanted = { plan->rules, plan->routes };
        g_auto(KsSteering) present = { 0 };
        g_autoptr(GArray) ops = NULL;
        g_autofree char *first = NULL;

        steering_init(&present);
        if (!read_steering(enforcer, &present, NULL))
                return NULL;
        ops = ks_diff(&wanted, &present);
        if (ops->len == 0)
                return NULL;
        first = ks_rtnl_describe_op(&g_array_index(ops, KsOp, 0));
        return g_strdup_printf("to mend it, one would have to %s%s", first,
                               ops->len > 1 ? ", and more" : "");
}

KsRtnl *ks_enforcer_rtnl(KsEnforcer *enforcer)
{
        return enforcer->rtnl;
}

static void check_marks(KsEnforcer *enforcer, const KsPlan *plan)
{
        g_autoptr(GError) local = NULL;

        g_clear_pointer(&enforcer->mark_problem, g_free);
        if (plan->guard->sets[KS_SET_MARK].elements->len > 0 &&
            !ks_sysctl_use_marks_in_reverse_lookups(&local))
                enforcer->mark_problem = g_strdup(local->message);
}

gboolean ks_enforcer_raise(KsEnforcer *enforcer, const KsSettings *settings, KsPlan *plan,
                           gboolean links_changed, KsRepair *repair, GError **error)
{
        g_autoptr(GError) guard_error = NULL;
        gboolean guard = raise_guard(enforcer, plan, links_changed, repair, &guard_error);
        gboolean steering;

        enforcer->guard_raised = guard;
        g_free(enforcer->guard_problem);
        enforcer->guard_problem = guard ? NULL : g_strdup(guard_error->message);
        /* Without the guard the other layer is all that is left, so it is raised in any
         * case. A caller that may refuse to engage lowers it again. */
        steering = raise_steering(enforcer, plan, links_changed, enforcer->settled ? repair : NULL,
                                  error);
        enforcer->settled = steering;
        check_marks(enforcer, plan);
        ks_plan_free(enforcer->plan);
        enforcer->plan = plan;
        if (steering && !guard && settings->guard_required) {
                g_propagate_error(error, g_steal_pointer(&guard_error));
                return FALSE;
        }
        return steering;
}

gboolean ks_enforcer_lower(KsEnforcer *enforcer, GError **error)
{
        g_auto(KsSteering) wanted = { 0 };
        g_auto(KsSteering) present = { 0 };
        g_autoptr(GError) local = NULL;
        gboolean gone = FALSE;

        steering_init(&wanted);
        steering_init(&present);
        g_clear_pointer(&enforcer->plan, ks_plan_free);
        enforcer->settled = FALSE;
        for (int i = 0; i < SETTLE_TRIES && !gone; i++) {
                g_autoptr(GArray) ops = NULL;

                g_clear_error(&local);
                if (!read_steering(enforcer, &present, &local))
                        break;
                ops = ks_diff(&wanted, &present);
                gone = ops->len == 0 || (ks_rtnl_apply(enforcer->rtnl, ops, &local) &&
                                         read_steering(enforcer, &present, &local) &&
                                         present.rules->len + present.routes->len == 0);
        }
        g_clear_pointer(&enforcer->guard_problem, g_free);
        g_clear_pointer(&enforcer->mark_problem, g_free);
        /* Without nftables there is no guard to take away. */
        if (open_nftables(enforcer, NULL) && ks_nftables_is_present(enforcer->nftables) &&
            !ks_nftables_remove(enforcer->nftables, local ? NULL : &local))
                gone = FALSE;
        enforcer->guard_raised = FALSE;
        if (gone)
                return TRUE;
        if (!local)
                g_set_error(&local, KS_ERROR, KS_ERROR_KERNEL,
                            "The kernel's rules do not go away: another program keeps adding them");
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
}

gboolean ks_enforcer_guard_is_intact(KsEnforcer *enforcer)
{
        return enforcer->guard_raised && ks_nftables_is_intact(enforcer->nftables);
}

gboolean ks_enforcer_needs_defaults(const KsEnforcer *enforcer)
{
        return enforcer->needs_defaults;
}

const KsPlan *ks_enforcer_present_plan(const KsEnforcer *enforcer)
{
        return enforcer->plan;
}

const char *ks_enforcer_guard_state(const KsEnforcer *enforcer)
{
        if (enforcer->guard_raised)
                return KS_GUARD_ACTIVE;
        return enforcer->guard_problem ? KS_GUARD_UNAVAILABLE : KS_GUARD_ABSENT;
}

const char *ks_enforcer_mark_problem(const KsEnforcer *enforcer)
{
        return enforcer->mark_problem;
}

const char *ks_enforcer_egress_problem(const KsEnforcer *enforcer)
{
        return enforcer->guard_raised ? ks_nftables_egress_problem(enforcer->nftables) : NULL;
}

const char *ks_enforcer_log_problem(const KsEnforcer *enforcer)
{
        return enforcer->log_problem;
}

const char *ks_enforcer_guard_problem(const KsEnforcer *enforcer)
{
        return enforcer->guard_problem;
}

guint64 ks_enforcer_blocked(KsEnforcer *enforcer)
{
        guint64 packets = 0, bytes;

        if (enforcer->guard_raised)
                ks_nftables_blocked(enforcer->nftables, &packets, &bytes);
        return packets;
}
