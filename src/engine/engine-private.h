/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/enforcer.h"
#include "engine/engine.h"
#include "engine/profile.h"
#include "engine/store.h"
#include "kernel/blocked-log.h"
#include "kernel/groups.h"
#include "kernel/monitor.h"
#include "kernel/sockets.h"
#include "kernel/units.h"
#include "policy/blocked.h"
#include "policy/pins.h"

struct KsEngine {
        KsSettingsDirs dirs;
        KsEngineEvents events;
        KsStore *store;
        KsEnforcer *enforcer;
        KsMonitor *monitor; /* NULL unless watching */
        KsUnits *units;
        KsSettings *settings;
        char *settings_text; /* of the files that they are from */
        GPtrArray *profiles; /* of KsProfile*: VPNs that were added; never NULL */
        KsIntent intent;
        GPtrArray *pins; /* of KsPin*: addresses of servers that are known by name; never NULL */
        char *ways;      /* where questions went when they were last looked at */
        guint epoch;     /* of the ways */
        char *runtime_directory; /* NULL: none */
        gboolean hosts_current;  /* the hosts file says what it should */
        KsPlan *idle_plan;       /* while the kernel holds none: for those who ask */
        gboolean reset_due;      /* the plan got stricter: connections may be stranded by it */
        KsState state;
        guint64 since;
        /* What is wrong; each NULL when it isn't. */
        char *settings_problem;
        char *profiles_problem;
        gboolean profiles_unread; /* the start could not read them all as they were left */
        char *storage_problem;
        /* The intent that is in force isn't the one on disk: it could not be written, or, when
         * intent_unread is set, what is on disk could not be read. */
        gboolean intent_due, intent_unread;
        char *kernel_problem;
        char *table_problem;
        GPtrArray *shadows; /* of char*: rules of others that lead out before ours; never NULL */
        gboolean has_rules_ahead;
        /* What the journal was told last of what is wrong. */
        GPtrArray *logged; /* of char*; NULL: nothing yet */
        gboolean guard_lost, was_degraded;
        gint64 shadows_ready; /* CLOCK_MONOTONIC µs: not looked at again before */
        guint shadow_source;
        guint route_source, nftables_source, units_source;
        guint deadline_source, retry_source, storage_source;
        guint pause_source;  /* while events wait; see on_event() */
        gint64 work_left;    /* µs that following events may still take */
        gint64 worked_until; /* CLOCK_MONOTONIC, µs, when work_left was true */
        /* RecordBlocked= */
        KsBlocked *blocked;         /* never NULL */
        KsBlockedLog *blocked_log;  /* NULL: nothing is recorded */
        KsSockets *blocked_sockets; /* may be NULL */
        KsGroups *groups;
        char *blocked_problem; /* why nothing can be */
        guint blocked_source;
        int deadline_fd;
        guint retry_delay, storage_delay; /* ms */
};

/* LAN access in force. */
KsLan ks_engine_lan(const KsEngine *engine);

/* A plan for the settings and the links as they are now. */
KsPlan *ks_engine_plan(KsEngine *engine, GError **error);

/* Whether the kernel shall hold the plan now. */
gboolean ks_intent_is_up(const KsIntent *intent);

/* Begins or ends to record what is refused, as settings and state want it. */
void ks_engine_follow_blocked(KsEngine *engine);
void ks_engine_stop_recording(KsEngine *engine);

/* Tells the journal of what has gone wrong since the last time, and of what is well again. */
void ks_engine_log_health(KsEngine *engine);

/* Computes the state; tells of a change. */
void ks_engine_update_state(KsEngine *engine, const char *reason);

/**
 * ks_engine_sync() - bring the kernel to the intent and tell what was repaired
 * @changes: a set of KsChange, what is known to have changed
 * @reason: for StateChanged, should the state change
 *
 * A failure is kept as a problem and tried again later.
 */
gboolean ks_engine_sync(KsEngine *engine, guint changes, const char *reason, GError **error);

/**
 * ks_engine_check_shadows() - look for rules of others that lead out before ours
 * @rules: rules may have changed; else only routes, which matter where such rules are
 *
 * Not more often than its own cost allows: what comes too early is done later, by a
 * timer, once for all. Tells of a change only when it is done later.
 */
void ks_engine_check_shadows(KsEngine *engine, gboolean rules);

/* Acts on the events that wait, so that what is repaired at once is no finding. */
void ks_engine_settle(KsEngine *engine);

/**
 * ks_engine_save() - write an intent
 * @next: what is to be on disk
 * @must_hold: it is in force whether it could be written or not
 *
 * A failure is told as a problem, and looked at again until it has gone.
 */
gboolean ks_engine_save(KsEngine *engine, KsIntent *next, gboolean must_hold, GError **error);

/* Reads the intent; what can't be read is told as a problem and counts as engaged. */
void ks_engine_load(KsEngine *engine);

/* After a failure of either: whether it is mended by now. */
void ks_engine_retry_storage(KsEngine *engine);
void ks_engine_cancel_storage(KsEngine *engine);

/* While nothing is enforced: look at the links for those who ask. */
void ks_engine_plan_idle(KsEngine *engine);

/**
 * ks_engine_take_settings() - put other settings in force
 * @fresh: (transfer full)
 * @was: the intent before, for the case that they can't be carried out
 *
 * Returns: FALSE when the old ones are in force again.
 */
gboolean ks_engine_take_settings(KsEngine *engine, KsSettings *fresh, KsIntent *was,
                                 GError **error);

/* Reads the settings and the VPNs that were added; in doubt, what was last found good. */
void ks_engine_load_settings(KsEngine *engine);

/**
 * ks_engine_read_profiles_again() - the VPNs that were added, where the start could not read them
 *
 * Returns: the list, or NULL when engine->profiles is all there is.
 */
GPtrArray *ks_engine_read_profiles_again(KsEngine *engine);

/* Has that list be what is in force; NULL changes nothing. */
void ks_engine_take_profiles(KsEngine *engine, GPtrArray *profiles);

/* ks_engine_check() and ks_engine_execute() of KS_VERB_ADD_VPN and KS_VERB_REMOVE_VPN. */
gboolean ks_engine_check_profile(KsEngine *engine, const KsRequest *request,
                                 gboolean *nothing_to_do, GError **error);
gboolean ks_engine_change_profiles(KsEngine *engine, const KsRequest *request, GError **error);

/**
 * ks_engine_settings_after() - what would be in force after one of these
 * @error: KS_ERROR_SETTINGS
 *
 * Returns: new settings, or NULL.
 */
KsSettings *ks_engine_settings_after(const KsEngine *engine, const KsRequest *request,
                                     GError **error);

/* Watching: events, the deadline's timer, another try after a failure. */
gboolean ks_engine_watch(KsEngine *engine, GError **error);
void ks_engine_unwatch(KsEngine *engine);
void ks_engine_arm_deadline(KsEngine *engine);
void ks_engine_schedule_retry(KsEngine *engine);
void ks_engine_cancel_retry(KsEngine *engine);

/* When a rescue has written the intent: follow it. */
void ks_engine_follow_disk(KsEngine *engine);

/* The deadline of a trial or a pause has come. */
void ks_engine_deadline(KsEngine *engine);
