/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/enforcer.h"
#include "engine/engine.h"
#include "engine/store.h"
#include "kernel/monitor.h"
#include "kernel/units.h"

struct KsEngine {
        KsSettingsDirs dirs;
        KsEngineEvents events;
        KsStore *store;
        KsEnforcer *enforcer;
        KsMonitor *monitor; /* NULL unless watching */
        KsUnits *units;
        KsSettings *settings;
        KsIntent intent;
        KsPlan *idle_plan;  /* while the kernel holds none: for those who ask */
        gboolean reset_due; /* the plan got stricter: connections may be stranded by it */
        KsState state;
        guint64 since;
        /* What is wrong; each NULL when it isn't. */
        char *settings_problem;
        char *storage_problem;
        char *kernel_problem;
        char *table_problem;
        GPtrArray *shadows; /* of char*: rules of others that lead out before ours; never NULL */
        gboolean has_rules_ahead;
        gint64 shadows_ready; /* CLOCK_MONOTONIC µs: not looked at again before */
        guint shadow_source;
        guint route_source, nftables_source, units_source, deadline_source, retry_source;
        guint pause_source;  /* while events wait; see on_event() */
        gint64 work_left;    /* µs that following events may still take */
        gint64 worked_until; /* CLOCK_MONOTONIC, µs, when work_left was true */
        int deadline_fd;
        guint retry_delay; /* ms */
};

/* LAN access in force. */
KsLan ks_engine_lan(const KsEngine *engine);

/* A plan for the settings and the links as they are now. */
KsPlan *ks_engine_plan(KsEngine *engine, GError **error);

/* Whether the kernel shall hold the plan now. */
gboolean ks_intent_is_up(const KsIntent *intent);

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

/* While nothing is enforced: look at the links for those who ask. */
void ks_engine_plan_idle(KsEngine *engine);

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
