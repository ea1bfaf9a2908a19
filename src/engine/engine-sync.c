/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel and intent brought together: at the start, after a request, after an event. */

#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/messages.h"
#include "common/names.h"
#include "config.h"
#include "engine/engine-private.h"
#include "engine/names.h"
#include "engine/reset.h"

/* Links may come and go while the plan is carried out; then it is made anew. */
#define PLAN_TRIES 5

KsEngine *ks_engine_new(const char *state_directory, const KsSettingsDirs *dirs,
                        const KsEngineEvents *events, GError **error)
{
        g_autoptr(KsEngine) engine = g_new0(KsEngine, 1);

        engine->dirs = *dirs;
        engine->deadline_fd = -1;
        if (events)
                engine->events = *events;
        engine->store = ks_store_new(state_directory);
        ks_store_set_marker(engine->store, KS_RESCUE_MARKER);
        engine->settings = ks_settings_new();
        engine->settings_text = g_strdup("");
        engine->profiles = ks_profiles_new();
        engine->pins = ks_pins_new();
        engine->units = ks_units_new(KS_GROUPS_ROOT);
        engine->groups = ks_groups_new(KS_GROUPS_ROOT);
        engine->blocked = ks_blocked_new();
        engine->shadows = g_ptr_array_new_with_free_func(g_free);
        engine->enforcer = ks_enforcer_new(error);
        if (!engine->enforcer)
                return NULL;
        return g_steal_pointer(&engine);
}

void ks_engine_free(KsEngine *engine)
{
        if (!engine)
                return;
        ks_engine_unwatch(engine);
        ks_store_free(engine->store);
        ks_enforcer_free(engine->enforcer);
        ks_units_free(engine->units);
        ks_groups_free(engine->groups);
        ks_blocked_free(engine->blocked);
        ks_settings_free(engine->settings);
        g_free(engine->settings_text);
        if (engine->profiles)
                g_ptr_array_unref(engine->profiles);
        if (engine->pins)
                g_ptr_array_unref(engine->pins);
        g_free(engine->ways);
        g_free(engine->runtime_directory);
        ks_plan_free(engine->idle_plan);
        if (engine->shadows)
                g_ptr_array_unref(engine->shadows);
        if (engine->logged)
                g_ptr_array_unref(engine->logged);
        g_free(engine->settings_problem);
        g_free(engine->profiles_problem);
        g_free(engine->storage_problem);
        g_free(engine->kernel_problem);
        g_free(engine->table_problem);
        g_free(engine);
}

static void tell_repair(KsEngine *engine, const char *layer, const char *what)
{
        if (!what)
                return;
        ks_log_event(LOG_WARNING, KS_MESSAGE_REPAIRED,
                     KS_FIELDS(KS_FIELD_LAYER, layer, KS_FIELD_WHAT, what), "Repaired the %s: %s",
                     layer, what);
        if (engine->events.repaired)
                engine->events.repaired(layer, what, engine->events.userdata);
}

KsPlan *ks_engine_plan(KsEngine *engine, GError **error)
{
        g_autoptr(GArray) kept = g_array_new(FALSE, FALSE, sizeof(KsPrefix));

        g_array_append_vals(kept, engine->intent.networks, engine->intent.n_networks);
        /* Here, so that no settings come into force without. */
        ks_pins_apply(engine->pins, engine->settings);
        ks_units_look(engine->units, engine->settings->vpns);
        return ks_enforcer_plan(engine->enforcer, engine->settings, ks_engine_lan(engine), kept,
                                error);
}

/* What a VPN had while it was up stays its own until Release or Reload. */
static void remember_networks(KsEngine *engine)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);

        if (!plan || !ks_intent_add_networks(&engine->intent, plan->claims))
                return;
        /* What was asked for can't be read; a copy of what counts for it must not take its place.
         */
        if (!engine->intent_unread)
                ks_engine_save(engine, &engine->intent, TRUE, NULL);
}

/* One attempt to bring the kernel to a plan made now. */
static gboolean raise_once(KsEngine *engine, gboolean links_changed, GError **error)
{
        g_auto(KsRepair) repair = { 0 };
        KsPlan *plan = ks_engine_plan(engine, error);
        gboolean fine;

        if (!plan)
                return FALSE;
        fine = ks_enforcer_raise(engine->enforcer, engine->settings, plan, links_changed, &repair,
                                 error);
        tell_repair(engine, KS_LAYER_GUARD, repair.guard);
        tell_repair(engine, KS_LAYER_STEERING, repair.steering);
        return fine;
}

static gboolean raise_plan(KsEngine *engine, guint changes, GError **error)
{
        gboolean links_changed = (changes & (KS_CHANGE_LINKS | KS_CHANGE_LOST)) != 0;

        for (int i = 0; i < PLAN_TRIES; i++) {
                g_autoptr(GError) local = NULL;

                if (raise_once(engine, links_changed || i > 0, &local))
                        return TRUE;
                /* Another plan does not bring nftables back, unless it was a unit that had just
                 * ended. */
                if (i == PLAN_TRIES - 1 ||
                    (g_error_matches(local, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE) &&
                     !ks_units_drain(engine->units))) {
                        g_propagate_error(error, g_steal_pointer(&local));
                        return FALSE;
                }
        }
        return FALSE;
}

static void check_table(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;

        g_clear_pointer(&engine->table_problem, g_free);
        if (!ks_enforcer_check_table(engine->enforcer, engine->settings->table, &local))
                engine->table_problem = g_strdup(local->message);
}

void ks_engine_plan_idle(KsEngine *engine)
{
        g_clear_pointer(&engine->idle_plan, ks_plan_free);
        engine->idle_plan = ks_engine_plan(engine, NULL);
}

/* Once, when the kernel holds a plan that may have left some behind; links that come and go
 * don't: what a VPN carried waits for it. A trial may end soon, and the connection that it was
 * asked for over goes on then. */
static void reset_connections(KsEngine *engine)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);

        if (engine->intent.mode == KS_MODE_TRIAL)
                return;
        if (engine->reset_due && plan && engine->settings->reset_connections)
                ks_reset_stranded(plan);
        engine->reset_due = FALSE;
}

gboolean ks_engine_sync(KsEngine *engine, guint changes, const char *reason, GError **error)
{
        g_autoptr(GError) local = NULL;
        gboolean fine;

        if (engine->monitor)
                ks_monitor_set_table(engine->monitor, engine->settings->table);
        if (ks_intent_is_up(&engine->intent)) {
                fine = raise_plan(engine, changes, &local);
                if (changes & (KS_CHANGE_ROUTES | KS_CHANGE_LOST))
                        check_table(engine);
                g_clear_pointer(&engine->idle_plan, ks_plan_free);
        } else {
                fine = ks_enforcer_lower(engine->enforcer, &local);
                g_clear_pointer(&engine->table_problem, g_free);
                ks_engine_plan_idle(engine);
        }
        if (fine && engine->kernel_problem)
                ks_log_event(LOG_NOTICE, KS_MESSAGE_KERNEL_WELL, NULL,
                             "The kernel is as asked for again");
        g_clear_pointer(&engine->kernel_problem, g_free);
        remember_networks(engine);
        ks_engine_check_shadows(engine, TRUE);
        if (fine) {
                ks_engine_cancel_retry(engine);
                reset_connections(engine);
        } else {
                engine->kernel_problem = g_strdup(local->message);
                ks_log_event(LOG_ERR, KS_MESSAGE_KERNEL_FAILED, NULL, "%s", local->message);
                ks_engine_schedule_retry(engine);
                g_propagate_error(error, g_steal_pointer(&local));
        }
        if (reason && fine)
                ks_engine_update_state(engine, reason);
        return fine;
}

static KsState compute_state(const KsEngine *engine)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);

        if (!engine->intent.engaged)
                return KS_OFF;
        if (engine->intent.mode == KS_MODE_PAUSE)
                return KS_PAUSED;
        return plan && plan->protecting ? KS_PROTECTING : KS_BLOCKING;
}

static gboolean is_vpn_event(KsState old, KsState new)
{
        return (old == KS_BLOCKING || old == KS_PROTECTING) &&
               (new == KS_BLOCKING || new == KS_PROTECTING);
}

/* What a change of the state means to people. */
static const char *message_of(KsState old, KsState new, const char *reason)
{
        if (g_strcmp0(reason, "trial-expired") == 0)
                return KS_MESSAGE_TRIAL_EXPIRED;
        if (new == KS_OFF)
                return KS_MESSAGE_RELEASED;
        if (g_strcmp0(reason, "start") == 0)
                return KS_MESSAGE_RESTORED;
        if (new == KS_PAUSED)
                return KS_MESSAGE_PAUSED;
        if (old == KS_PAUSED)
                return KS_MESSAGE_RESUMED;
        if (is_vpn_event(old, new))
                return new == KS_PROTECTING ? KS_MESSAGE_VPN_UP : KS_MESSAGE_VPN_DOWN;
        return KS_MESSAGE_ENGAGED;
}

static void log_state(KsState old, KsState new, const char *reason)
{
        const char *was = ks_state_to_string(old), *is = ks_state_to_string(new);

        ks_log_event(
                LOG_NOTICE, message_of(old, new, reason),
                KS_FIELDS(KS_FIELD_STATE, is, KS_FIELD_OLD_STATE, was, KS_FIELD_REASON, reason),
                "State: %s (was %s, %s)", is, was, reason);
}

void ks_engine_update_state(KsEngine *engine, const char *reason)
{
        KsState old = engine->state, new = compute_state(engine);

        if (old != new) {
                engine->state = new;
                /* What was asked for is remembered with its time; VPNs come and go. */
                engine->since = is_vpn_event(old, new) ? ks_now().realtime : engine->intent.since;
                log_state(old, new, reason);
                if (engine->events.state_changed)
                        engine->events.state_changed(old, new, reason, engine->events.userdata);
        }
        ks_engine_follow_names(engine);
        ks_engine_follow_blocked(engine);
        ks_engine_log_health(engine);
        if (engine->events.changed)
                engine->events.changed(engine->events.userdata);
}

/* The start */

gboolean ks_engine_start(KsEngine *engine, gboolean watch, GError **error)
{
        g_autoptr(GError) local = NULL;
        KsNow now = ks_now();
        gboolean fine;

        ks_engine_load_settings(engine);
        ks_engine_load_pins(engine);
        if (watch && !ks_engine_watch(engine, error))
                return FALSE;
        ks_engine_load(engine);
        engine->reset_due = TRUE;
        if (engine->intent.mode != KS_MODE_STEADY &&
            ks_intent_remaining(&engine->intent, &now) == 0) {
                ks_engine_deadline(engine);
                fine = engine->kernel_problem == NULL;
                if (!fine)
                        g_set_error_literal(&local, KS_ERROR, KS_ERROR_KERNEL,
                                            engine->kernel_problem);
        } else {
                fine = ks_engine_sync(engine, KS_CHANGE_LOST, "start", &local);
                ks_engine_arm_deadline(engine);
                ks_engine_update_state(engine, "start");
        }
        engine->since = engine->intent.since;
        if (fine || watch)
                return TRUE; /* watching goes on trying */
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
}

guint64 ks_engine_blocked(KsEngine *engine)
{
        return ks_enforcer_blocked(engine->enforcer);
}
