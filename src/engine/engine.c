/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state machine: requests, their conditions, and the transitions they make. */

#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/messages.h"
#include "common/names.h"
#include "config.h"
#include "engine/engine-private.h"
#include "engine/names.h"

const char *ks_state_to_string(KsState state)
{
        static const char *const names[] = {
                [KS_OFF] = KS_STATE_OFF,
                [KS_BLOCKING] = KS_STATE_BLOCKING,
                [KS_PROTECTING] = KS_STATE_PROTECTING,
                [KS_PAUSED] = KS_STATE_PAUSED,
        };

        return names[state];
}

void ks_request_clear(KsRequest *request)
{
        g_clear_pointer(&request->profile, ks_profile_free);
        g_clear_pointer(&request->name, g_free);
}

gboolean ks_intent_is_up(const KsIntent *intent)
{
        return intent->engaged && intent->mode != KS_MODE_PAUSE;
}

KsLan ks_engine_lan(const KsEngine *engine)
{
        return engine->intent.has_lan ? engine->intent.lan : engine->settings->lan;
}

static gboolean check_duration(guint64 duration, GError **error)
{
        if (duration >= KS_DURATION_MIN_USEC && duration <= KS_DURATION_MAX_USEC)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT,
                    "A duration of %" G_GUINT64_FORMAT " µs is not possible; it must be from one "
                    "second to seven days",
                    duration);
        return FALSE;
}

static gboolean fail(GError **error, KsError code, const char *sentence)
{
        g_set_error_literal(error, KS_ERROR, code, sentence);
        return FALSE;
}

/* Nothing is wrong that doing it again could mend. */
static gboolean is_settled(const KsEngine *engine)
{
        return !engine->intent_due && !engine->kernel_problem;
}

gboolean ks_engine_check(KsEngine *engine, const KsRequest *request, gboolean *nothing_to_do,
                         GError **error)
{
        const KsIntent *intent = &engine->intent;
        KsNow now = ks_now();

        ks_engine_follow_disk(engine);
        *nothing_to_do = FALSE;
        switch (request->verb) {
        case KS_VERB_ENGAGE:
                *nothing_to_do = intent->engaged && intent->mode == KS_MODE_STEADY &&
                                 is_settled(engine);
                return TRUE;
        case KS_VERB_RELEASE:
                *nothing_to_do = !intent->engaged && is_settled(engine);
                return TRUE;
        case KS_VERB_TRIAL:
                if (!check_duration(request->duration, error))
                        return FALSE;
                if (intent->engaged && intent->mode != KS_MODE_TRIAL)
                        return fail(error, KS_ERROR_CONFLICT,
                                    "Engaged already; a trial would lower the kill switch when it "
                                    "ends. Release it first, or leave it as it is");
                /* Or whoever may engage could lower what another has raised for longer. */
                if (intent->mode == KS_MODE_TRIAL &&
                    request->duration < ks_intent_remaining(intent, &now))
                        return fail(error, KS_ERROR_CONFLICT,
                                    "A trial that ends later is running; release it first, or ask "
                                    "for a longer one");
                return TRUE;
        case KS_VERB_CONFIRM:
                return (intent->engaged && intent->mode == KS_MODE_TRIAL) ||
                       fail(error, KS_ERROR_NO_TRIAL,
                            "No trial is running; there is nothing to confirm");
        case KS_VERB_PAUSE:
                if (!check_duration(request->duration, error))
                        return FALSE;
                if (!intent->engaged)
                        return fail(error, KS_ERROR_NOT_ENGAGED,
                                    "The kill switch is off; there is nothing to pause");
                return intent->mode != KS_MODE_TRIAL ||
                       fail(error, KS_ERROR_CONFLICT,
                            "A trial is running; confirm it or release it before a pause");
        case KS_VERB_RESUME:
                *nothing_to_do = intent->mode != KS_MODE_PAUSE;
                return intent->engaged ||
                       fail(error, KS_ERROR_NOT_ENGAGED,
                            "The kill switch is off; there is nothing to resume");
        case KS_VERB_SET_LAN:
                *nothing_to_do = request->lan == ks_engine_lan(engine) && is_settled(engine);
                return TRUE;
        case KS_VERB_ADD_VPN:
        case KS_VERB_REMOVE_VPN:
                return ks_engine_check_profile(engine, request, nothing_to_do, error);
        default:
                return TRUE;
        }
}

/* Undoes what a failed request wrote. The kernel follows in any case. */
static void put_back(KsEngine *engine, KsIntent *was)
{
        engine->intent = *was;
        ks_engine_save(engine, was, TRUE, NULL);
        ks_engine_sync(engine, KS_CHANGE_LOST, NULL, NULL);
        ks_engine_arm_deadline(engine);
        ks_engine_update_state(engine, "settings");
}

/**
 * transition() - from one intent to another
 * @next: what shall be from now on
 *
 * Persist first: a process killed behind that line finds the new intent and goes
 * on from there, and before it nothing has happened.
 */
static gboolean transition(KsEngine *engine, KsIntent next, const char *reason, GError **error)
{
        KsIntent was = engine->intent;
        gboolean was_up = ks_intent_is_up(&was);

        if (ks_intent_is_up(&next) && !was_up &&
            !ks_enforcer_check_table(engine->enforcer, engine->settings->table, error))
                return FALSE;
        if (was.engaged != next.engaged || was_up != ks_intent_is_up(&next))
                next.since = ks_now().realtime;
        /* Known already, so that they need no writing of their own. */
        if (ks_intent_is_up(&next) && engine->idle_plan)
                ks_intent_add_networks(&next, engine->idle_plan->claims);
        if (!ks_engine_save(engine, &next, FALSE, error)) {
                ks_engine_update_state(engine, reason);
                return FALSE;
        }
        if (!was_up || next.has_lan != was.has_lan || next.lan != was.lan)
                engine->reset_due = TRUE;
        engine->intent = next;
        if (!ks_engine_sync(engine, KS_CHANGE_LINKS | KS_CHANGE_RULES, reason, error)) {
                put_back(engine, &was);
                return FALSE;
        }
        ks_engine_arm_deadline(engine);
        ks_engine_update_state(engine, reason);
        return TRUE;
}

static KsIntent intent_with(const KsEngine *engine, gboolean engaged)
{
        KsIntent next = engine->intent;

        next.engaged = engaged;
        if (!engaged)
                next.n_networks = 0;
        next.mode = KS_MODE_STEADY;
        next.duration = next.deadline_boottime = next.deadline_realtime = 0;
        return next;
}

static KsIntent intent_until(const KsEngine *engine, KsMode mode, guint64 duration)
{
        KsIntent next = intent_with(engine, TRUE);
        KsNow now = ks_now();

        ks_intent_set_deadline(&next, mode, duration, &now);
        return next;
}

static gboolean set_lan(KsEngine *engine, KsLan lan, GError **error)
{
        KsIntent next = engine->intent;

        next.has_lan = TRUE;
        next.lan = lan;
        next.lan_in_settings = engine->settings->lan;
        if (!transition(engine, next, "settings", error))
                return FALSE;
        ks_log_event(LOG_NOTICE, KS_MESSAGE_LAN_CHANGED,
                     KS_FIELDS(KS_FIELD_LAN, ks_lan_to_string(lan)), "LAN access: %s",
                     ks_lan_to_string(lan));
        return TRUE;
}

/* SetLan holds until the administrator changes the setting it overrode. */
static void forget_lan(KsEngine *engine, const KsSettings *settings)
{
        if (!engine->intent.has_lan || engine->intent.lan_in_settings == settings->lan)
                return;
        engine->intent.has_lan = FALSE;
        ks_engine_save(engine, &engine->intent, TRUE, NULL);
}

gboolean ks_engine_take_settings(KsEngine *engine, KsSettings *fresh, KsIntent *was, GError **error)
{
        KsSettings *old = engine->settings;

        engine->settings = fresh;
        engine->reset_due = TRUE;
        if (!ks_intent_is_up(&engine->intent)) {
                ks_engine_plan_idle(engine);
        } else if (!ks_engine_sync(engine, KS_CHANGE_LOST, "settings", error)) {
                engine->settings = old;
                ks_settings_free(fresh);
                put_back(engine, was);
                return FALSE;
        }
        ks_settings_free(old);
        return TRUE;
}

static gboolean reload(KsEngine *engine, GError **error)
{
        g_autofree char *text = NULL;
        g_autoptr(GError) local = NULL;
        g_autoptr(GPtrArray) profiles = ks_engine_read_profiles_again(engine);
        KsSettings *fresh = ks_settings_load_with(
                &engine->dirs, profiles ? profiles : engine->profiles, &text, &local);
        guint32 table = engine->settings->table;
        KsIntent was = engine->intent;

        g_clear_pointer(&engine->settings_problem, g_free);
        if (fresh && fresh->table != table && ks_intent_is_up(&engine->intent) &&
            !ks_enforcer_check_table(engine->enforcer, fresh->table, &local))
                g_clear_pointer(&fresh, ks_settings_free);
        if (fresh && !ks_engine_check_names(engine, fresh, &local))
                g_clear_pointer(&fresh, ks_settings_free);
        if (!fresh || !ks_store_save_settings(engine->store, text, &local)) {
                ks_settings_free(fresh);
                ks_log_event(LOG_ERR, KS_MESSAGE_SETTINGS_REFUSED, NULL, "%s", local->message);
                engine->settings_problem = g_strdup(local->message);
                g_propagate_error(error, g_steal_pointer(&local));
                ks_engine_update_state(engine, "settings");
                return FALSE;
        }
        engine->intent.n_networks = 0;
        forget_lan(engine, fresh);
        if (!ks_engine_take_settings(engine, fresh, &was, error))
                return FALSE;
        g_free(engine->settings_text);
        engine->settings_text = g_steal_pointer(&text);
        ks_engine_take_profiles(engine, profiles);
        ks_engine_prune_names(engine);
        /* Whoever had the log's group may have gone. */
        g_clear_pointer(&engine->blocked_problem, g_free);
        ks_log_event(LOG_NOTICE, KS_MESSAGE_SETTINGS_RELOADED, NULL, "Read the settings again");
        ks_engine_update_state(engine, "settings");
        return TRUE;
}

static gboolean release(KsEngine *engine, GError **error)
{
        g_autoptr(GError) local = NULL;

        if (transition(engine, intent_with(engine, FALSE), "release", &local))
                return TRUE;
        if (g_error_matches(local, KS_ERROR, KS_ERROR_STORAGE))
                g_set_error(error, KS_ERROR, KS_ERROR_STORAGE,
                            "%s. The kill switch stays as it is, since it would come back after a "
                            "restart; 'killswitchd --rescue' as root lets go until the next boot",
                            local->message);
        else
                g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
}

gboolean ks_engine_execute(KsEngine *engine, const KsRequest *request, GError **error)
{
        switch (request->verb) {
        case KS_VERB_ENGAGE:
                return transition(engine, intent_with(engine, TRUE), "engage", error);
        case KS_VERB_RELEASE:
                return release(engine, error);
        case KS_VERB_TRIAL:
                return transition(engine, intent_until(engine, KS_MODE_TRIAL, request->duration),
                                  "trial", error);
        case KS_VERB_CONFIRM:
                return transition(engine, intent_with(engine, TRUE), "engage", error);
        case KS_VERB_PAUSE:
                return transition(engine, intent_until(engine, KS_MODE_PAUSE, request->duration),
                                  "pause", error);
        case KS_VERB_RESUME:
                return transition(engine, intent_with(engine, TRUE), "resume", error);
        case KS_VERB_SET_LAN:
                return set_lan(engine, request->lan, error);
        case KS_VERB_RELOAD:
                return reload(engine, error);
        case KS_VERB_ADD_VPN:
        case KS_VERB_REMOVE_VPN:
                return ks_engine_change_profiles(engine, request, error);
        }
        g_return_val_if_reached(FALSE);
}

/* What time decides holds whether it can be written down or not: a pause that is
 * over must close, and a trial that is over must not lock anybody out. The next
 * start comes to the same end from the old file. */
void ks_engine_deadline(KsEngine *engine)
{
        gboolean trial = engine->intent.mode == KS_MODE_TRIAL;
        const char *reason = trial ? "trial-expired" : "pause-expired";
        KsIntent next = intent_with(engine, !trial);

        next.since = ks_now().realtime;
        ks_engine_save(engine, &next, TRUE, NULL);
        engine->reset_due = TRUE;
        engine->intent = next;
        ks_engine_sync(engine, KS_CHANGE_LOST, reason, NULL);
        ks_engine_arm_deadline(engine);
        ks_engine_update_state(engine, reason);
}

void ks_engine_follow_disk(KsEngine *engine)
{
        KsIntent disk;

        if (!ks_store_changed(engine->store))
                return;
        /* Only a rescue writes beside us, and only "off". Whatever else is found
         * there is no reason to let go. */
        if (!ks_store_load(engine->store, &disk, NULL) || disk.engaged)
                return;
        ks_log_event(LOG_WARNING, KS_MESSAGE_RESCUED, NULL,
                     "The intent was set to off by a rescue; letting go");
        engine->intent = disk;
        ks_engine_sync(engine, KS_CHANGE_LOST, "rescue", NULL);
        ks_engine_arm_deadline(engine);
        ks_engine_update_state(engine, "rescue");
}

gboolean ks_engine_rescue(const char *state_directory, GError **error)
{
        g_autoptr(KsStore) store = ks_store_new(state_directory);
        g_autoptr(KsEnforcer) enforcer = NULL;
        g_autoptr(GError) local = NULL, storage = NULL;
        KsIntent off = { .since = ks_now().realtime };

        ks_store_set_marker(store, KS_RESCUE_MARKER);
        /* First the intent, so that a daemon that is alive does not repair. */
        if (g_file_test(state_directory, G_FILE_TEST_IS_DIR) &&
            !ks_store_save(store, &off, &storage)) {
                ks_log_event(LOG_WARNING, KS_MESSAGE_STORAGE_FAILED, NULL,
                             "%s; it will be engaged again after the next boot", storage->message);
                ks_store_mark(store, &local);
        }
        enforcer = ks_enforcer_new(local ? NULL : &local);
        if (enforcer)
                ks_enforcer_lower(enforcer, local ? NULL : &local);
        if (!local)
                return TRUE;
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
}
