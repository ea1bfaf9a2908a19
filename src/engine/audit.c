/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the audit reasons about, read from the kernel; and rules of others, watched all the time. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/messages.h"
#include "engine/audit.h"
#include "engine/engine-private.h"
#include "kernel/query.h"
#include "kernel/sockets.h"
#include "kernel/sysctl.h"
#include "policy/host-link.h"

/* Beyond this many, reading all tables at once is cheaper than one by one. */
#define TABLES_MAX 64
/* Between two looks at rules of others: this many times what the last one took, so that whoever
 * floods us with them takes a twentieth of our time; and not below this, µs. */
#define SHADOWS_SHARE 20
#define SHADOWS_GAP_MIN (20 * G_TIME_SPAN_MILLISECOND)
/* Sentences in the state. */
#define SHADOWS_MAX 5

static int read_for_link(const char *family, const char *link, const char *key)
{
        g_autofree char *path = g_strdup_printf("%s/conf/%s/%s", family, link, key);

        return ks_sysctl_read_number(path);
}

static void read_filters(KsAuditFacts *facts)
{
        int mode = read_for_link("ipv4", "all", "rp_filter");
        int marks = read_for_link("ipv4", "all", "src_valid_mark");

        for (guint i = 0; i < facts->links->len; i++) {
                const KsLink *link = g_ptr_array_index(facts->links, i);
                KsReverseFilter filter = {
                        .link = link->index,
                        .mode = MAX(mode, read_for_link("ipv4", link->name, "rp_filter")),
                        .uses_marks = marks > 0 ||
                                      read_for_link("ipv4", link->name, "src_valid_mark") > 0,
                };

                if (filter.mode >= 0)
                        g_array_append_val(facts->filters, filter);
        }
}

static gboolean reads_forwarding(const KsAuditFacts *facts)
{
        if (read_for_link("ipv6", "all", "forwarding") > 0)
                return TRUE;
        for (guint i = 0; i < facts->links->len; i++) {
                const KsLink *link = g_ptr_array_index(facts->links, i);

                if (read_for_link("ipv4", link->name, "forwarding") > 0)
                        return TRUE;
        }
        return FALSE;
}

/* Whether a rule's table matters: up to our last one, and behind it when a goto may lead there. */
static gboolean counts(const KsAuditFacts *facts, const KsRule *rule, gboolean jumps)
{
        return rule->action == FR_ACT_TO_TBL && rule->table &&
               (jumps || rule->priority <= facts->settings->priority + KS_OFFSET_FLOOR);
}

static void add_table(GArray *tables, guint32 table)
{
        for (guint i = 0; i < tables->len; i++)
                if (g_array_index(tables, guint32, i) == table)
                        return;
        g_array_append_val(tables, table);
}

/* The routes of every table that rules may look up for a packet, and main's. */
static gboolean read_routes(KsRtnl *rtnl, KsAuditFacts *facts, GError **error)
{
        g_autoptr(GArray) tables = g_array_new(FALSE, FALSE, sizeof(guint32));

        gboolean jumps = FALSE;

        add_table(tables, RT_TABLE_MAIN);
        for (guint i = 0; i < facts->rules->len && tables->len <= TABLES_MAX; i++) {
                const KsRule *rule = &g_array_index(facts->rules, KsRule, i);

                jumps |= rule->action == FR_ACT_GOTO;
                if (counts(facts, rule, jumps))
                        add_table(tables, rule->table);
        }
        if (tables->len > TABLES_MAX)
                return ks_rtnl_dump_routes(rtnl, 0, 0, facts->routes, error);
        for (guint i = 0; i < tables->len; i++)
                if (!ks_rtnl_dump_routes(rtnl, g_array_index(tables, guint32, i), 0, facts->routes,
                                         error))
                        return FALSE;
        return TRUE;
}

/* While nothing is in force: where our rules and routes would stand. A rule of ours comes behind
 * those that have its priority already. */
static void imagine_engaged(KsAuditFacts *facts)
{
        GArray *ours = facts->plan->rules;

        for (guint i = 0; i < ours->len; i++) {
                const KsRule *rule = &g_array_index(ours, KsRule, i);
                guint at = 0;

                while (at < facts->rules->len &&
                       g_array_index(facts->rules, KsRule, at).priority <= rule->priority)
                        at++;
                g_array_insert_val(facts->rules, at, *rule);
        }
        g_array_append_vals(facts->routes, facts->plan->routes->data, facts->plan->routes->len);
}

static gint compare_priorities(gconstpointer a, gconstpointer b)
{
        const KsRule *first = a, *second = b;

        return (first->priority > second->priority) - (first->priority < second->priority);
}

/* Rules, links and routes. Rules come one family behind the other, and in each the kernel's order
 * is kept: sorting is stable (g_array_sort_with_data()). */
static KsAuditFacts *read_facts(KsEngine *engine, const KsPlan *plan, GError **error)
{
        g_autoptr(KsAuditFacts) facts = ks_audit_facts_new();
        KsRtnl *rtnl = ks_enforcer_rtnl(engine->enforcer);

        facts->settings = engine->settings;
        facts->lan = ks_engine_lan(engine);
        facts->plan = plan;
        facts->guard = ks_enforcer_guard_is_intact(engine->enforcer);
        facts->guard_problem = ks_enforcer_guard_problem(engine->enforcer);
        if (!ks_rtnl_dump_all_rules(rtnl, facts->rules, error))
                return NULL;
        g_array_sort(facts->rules, compare_priorities);
        return g_steal_pointer(&facts);
}

static gboolean read_rest(KsEngine *engine, KsAuditFacts *facts, GError **error)
{
        KsRtnl *rtnl = ks_enforcer_rtnl(engine->enforcer);

        facts->links = ks_enforcer_read_links(engine->enforcer, engine->settings, error);
        if (!facts->links || !read_routes(rtnl, facts, error))
                return FALSE;
        facts->host_links = ks_host_links_find(engine->settings, facts->links, NULL);
        facts->forwards = reads_forwarding(facts);
        return TRUE;
}

static const char *why_off(const KsEngine *engine)
{
        if (!engine->intent.engaged)
                return "The kill switch is off: traffic leaves this machine directly. 'ksctl on' "
                       "engages it";
        if (engine->intent.mode == KS_MODE_PAUSE)
                return "The kill switch is paused: traffic leaves this machine directly. 'ksctl "
                       "resume' engages it now";
        return NULL;
}

/* Whether any VPN could be looked for among the sockets. */
static gboolean wants_sockets(const KsPlan *plan)
{
        for (guint i = 0; i < plan->vpns->len; i++) {
                const KsPlanVpn *entry = g_ptr_array_index(plan->vpns, i);

                if (entry->up && entry->vpn->from_settings)
                        return TRUE;
        }
        return FALSE;
}

static gboolean read_sockets(KsAuditFacts *facts, GError **error)
{
        g_autoptr(KsSockets) sockets = ks_sockets_new(error);

        return sockets &&
               ks_sockets_find(sockets, KS_SOCKETS_SENDING, NULL, NULL, facts->sockets, error);
}

GPtrArray *ks_engine_audit(KsEngine *engine, GError **error)
{
        g_autoptr(KsAuditFacts) facts = NULL;
        g_autoptr(KsPlan) fresh = NULL;
        g_autoptr(GArray) ways = NULL, samples = NULL;
        const KsPlan *plan;

        ks_engine_settle(engine);
        plan = ks_enforcer_present_plan(engine->enforcer);
        if (!plan)
                plan = fresh = ks_engine_plan(engine, error);
        if (!plan)
                return NULL;
        facts = read_facts(engine, plan, error);
        if (!facts)
                return NULL;
        facts->off = why_off(engine);
        if (!read_rest(engine, facts, error) ||
            (wants_sockets(plan) && !read_sockets(facts, error)))
                return NULL;
        read_filters(facts);
        if (facts->off)
                imagine_engaged(facts);
        else
                facts->steering_problem = ks_enforcer_difference(engine->enforcer, plan);
        facts->egress = ks_guard_has_egress(plan->guard) &&
                        (facts->off ||
                         (facts->guard && !ks_enforcer_egress_problem(engine->enforcer)));
        ways = ks_audit_ways_out(facts, FALSE);
        if (!facts->off) {
                samples = ks_audit_samples(facts);
                g_array_append_vals(ways, samples->data, samples->len);
                if (!ks_query_routes(ways, error))
                        return NULL;
        }
        return ks_audit_judge(facts, ways);
}

/* Rules of others, all the time */

static GPtrArray *find_shadows(KsEngine *engine)
{
        GPtrArray *shadows = g_ptr_array_new_with_free_func(g_free);
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);
        g_autoptr(KsAuditFacts) facts = plan ? read_facts(engine, plan, NULL) : NULL;
        g_autoptr(GArray) ways = NULL;

        engine->has_rules_ahead = FALSE;
        for (guint i = 0; facts && i < facts->rules->len && !engine->has_rules_ahead; i++)
                engine->has_rules_ahead = ks_audit_is_ahead(&g_array_index(facts->rules, KsRule, i),
                                                            engine->settings->priority);
        if (!engine->has_rules_ahead || !read_rest(engine, facts, NULL))
                return shadows;
        ways = ks_audit_ways_out(facts, TRUE);
        ks_query_routes(ways, NULL);
        for (guint i = 0; i < ways->len; i++) {
                const KsWayOut *way = &g_array_index(ways, KsWayOut, i);

                if (!ks_audit_is_real(facts, way))
                        continue;
                if (shadows->len == SHADOWS_MAX) {
                        g_ptr_array_add(shadows, g_strdup("More routing rules of other programs "
                                                          "lead out; 'ksctl audit' shows them"));
                        break;
                }
                g_ptr_array_add(shadows, ks_audit_describe(facts, way));
        }
        return shadows;
}

static gboolean is_in(GPtrArray *sentences, const char *sentence)
{
        for (guint i = 0; i < sentences->len; i++)
                if (g_str_equal(g_ptr_array_index(sentences, i), sentence))
                        return TRUE;
        return FALSE;
}

static void look_for_shadows(KsEngine *engine)
{
        gint64 begin = g_get_monotonic_time(), end;
        GPtrArray *before = engine->shadows;

        engine->shadows = find_shadows(engine);
        for (guint i = 0; i < engine->shadows->len; i++)
                if (!is_in(before, g_ptr_array_index(engine->shadows, i)))
                        ks_log_event(LOG_WARNING, KS_MESSAGE_RULES_AHEAD, NULL, "%s",
                                     (char *)g_ptr_array_index(engine->shadows, i));
        g_ptr_array_unref(before);
        end = g_get_monotonic_time();
        engine->shadows_ready = end + MAX(SHADOWS_GAP_MIN, (end - begin) * SHADOWS_SHARE);
}

static gboolean on_shadows(gpointer userdata)
{
        KsEngine *engine = userdata;

        engine->shadow_source = 0;
        look_for_shadows(engine);
        if (engine->events.changed)
                engine->events.changed(engine->events.userdata);
        return G_SOURCE_REMOVE;
}

void ks_engine_check_shadows(KsEngine *engine, gboolean rules)
{
        gint64 left = engine->shadows_ready - g_get_monotonic_time();

        if (!ks_intent_is_up(&engine->intent) || !engine->monitor) {
                g_ptr_array_set_size(engine->shadows, 0);
                return;
        }
        if (engine->shadow_source || (!rules && !engine->has_rules_ahead))
                return;
        if (left > 0)
                engine->shadow_source = g_timeout_add((guint)(left / 1000) + 1, on_shadows, engine);
        else
                look_for_shadows(engine);
}
