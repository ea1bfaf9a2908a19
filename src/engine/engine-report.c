/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What there is to know of the engine, and what of it the journal is told. */

#include "common/log.h"
#include "common/messages.h"
#include "engine/engine-private.h"
#include "engine/names.h"

void ks_report_clear(KsReport *report)
{
        g_clear_pointer(&report->degraded, g_ptr_array_unref);
}

static void add_problem(GPtrArray *problems, const char *sentence)
{
        for (guint i = 0; sentence && i < problems->len; i++)
                if (g_str_equal(g_ptr_array_index(problems, i), sentence))
                        return;
        if (sentence)
                g_ptr_array_add(problems, g_strdup(sentence));
}

/* The deadline as it was computed once, unless the clock has been set since. */
static guint64 deadline_in_realtime(const KsEngine *engine, const KsNow *now, guint64 remaining)
{
        guint64 fresh = now->realtime + remaining, kept = engine->intent.deadline_realtime;
        guint64 apart = fresh > kept ? fresh - kept : kept - fresh;

        return apart < G_USEC_PER_SEC ? kept : fresh;
}

static const KsPlan *plan_to_tell(const KsEngine *engine)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);

        return plan ? plan : engine->idle_plan;
}

/* Problems that are told where they are found have had their entry in the journal there; these
 * have not. */
static void add_quiet_problems(const KsEngine *engine, GPtrArray *problems)
{
        const KsPlan *plan = plan_to_tell(engine);

        add_problem(problems, engine->table_problem);
        add_problem(problems, ks_enforcer_egress_problem(engine->enforcer));
        add_problem(problems, ks_enforcer_mark_problem(engine->enforcer));
        add_problem(problems, ks_enforcer_log_problem(engine->enforcer));
        add_problem(problems, engine->blocked_problem);
        for (guint i = 0; plan && i < plan->problems->len; i++)
                add_problem(problems, g_ptr_array_index(plan->problems, i));
}

void ks_engine_report(KsEngine *engine, KsReport *report)
{
        const KsPlan *plan = plan_to_tell(engine);
        KsNow now = ks_now();

        *report = (KsReport){
                .state = engine->state,
                .lan = ks_engine_lan(engine),
                .guard = ks_enforcer_guard_state(engine->enforcer),
                .since = engine->since,
                .remaining = ks_intent_remaining(&engine->intent, &now),
                .trial = engine->intent.mode == KS_MODE_TRIAL,
                .vpns = plan ? plan->vpns : NULL,
                .degraded = g_ptr_array_new_with_free_func(g_free),
        };
        if (report->remaining)
                report->deadline = deadline_in_realtime(engine, &now, report->remaining);
        add_problem(report->degraded, engine->settings_problem);
        add_problem(report->degraded, engine->profiles_problem);
        add_problem(report->degraded, engine->storage_problem);
        add_problem(report->degraded, engine->kernel_problem);
        add_problem(report->degraded, ks_enforcer_guard_problem(engine->enforcer));
        ks_engine_report_names(engine, report->degraded);
        for (guint i = 0; i < engine->shadows->len; i++)
                add_problem(report->degraded, g_ptr_array_index(engine->shadows, i));
        add_quiet_problems(engine, report->degraded);
}

static void log_guard(KsEngine *engine)
{
        const char *problem = ks_enforcer_guard_problem(engine->enforcer);

        if (problem && !engine->guard_lost)
                ks_log_event(LOG_WARNING, KS_MESSAGE_GUARD_LOST, NULL, "%s", problem);
        else if (!problem && engine->guard_lost && ks_intent_is_up(&engine->intent))
                ks_log_event(LOG_NOTICE, KS_MESSAGE_GUARD_BACK, NULL,
                             "The guard is in force again");
        engine->guard_lost = problem != NULL;
}

void ks_engine_log_health(KsEngine *engine)
{
        GPtrArray *problems = g_ptr_array_new_with_free_func(g_free);
        g_auto(KsReport) report = { 0 };

        log_guard(engine);
        add_quiet_problems(engine, problems);
        for (guint i = 0; i < problems->len; i++) {
                const char *sentence = g_ptr_array_index(problems, i);

                if (!engine->logged ||
                    !g_ptr_array_find_with_equal_func(engine->logged, sentence, g_str_equal, NULL))
                        ks_log_event(LOG_WARNING, KS_MESSAGE_DEGRADED, NULL, "%s", sentence);
        }
        g_clear_pointer(&engine->logged, g_ptr_array_unref);
        engine->logged = problems;
        ks_engine_report(engine, &report);
        if (engine->was_degraded && report.degraded->len == 0)
                ks_log_event(LOG_NOTICE, KS_MESSAGE_WELL, NULL, "Nothing is wrong any more");
        engine->was_degraded = report.degraded->len > 0;
}
