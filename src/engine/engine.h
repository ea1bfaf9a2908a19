/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "engine/profile.h"
#include "engine/settings.h"
#include "policy/blocked.h"
#include "policy/plan.h"

/* The state machine: what is asked for, what is there, and what follows. */
typedef struct KsEngine KsEngine;

typedef enum KsState {
        KS_OFF,
        KS_BLOCKING,   /* engaged, no VPN carries traffic */
        KS_PROTECTING, /* engaged, a VPN carries it */
        KS_PAUSED,     /* engaged, let go until the deadline */
} KsState;

typedef enum KsVerb {
        KS_VERB_ENGAGE,
        KS_VERB_RELEASE,
        KS_VERB_TRIAL,
        KS_VERB_CONFIRM,
        KS_VERB_PAUSE,
        KS_VERB_RESUME,
        KS_VERB_SET_LAN,
        KS_VERB_RELOAD,
        KS_VERB_ADD_VPN,
        KS_VERB_REMOVE_VPN,
} KsVerb;

/* What a caller asks for. */
typedef struct KsRequest {
        KsVerb verb;
        guint64 duration;   /* of KS_VERB_TRIAL and KS_VERB_PAUSE, µs */
        KsLan lan;          /* of KS_VERB_SET_LAN */
        KsProfile *profile; /* of KS_VERB_ADD_VPN */
        char *name;         /* of KS_VERB_REMOVE_VPN */
} KsRequest;

void ks_request_clear(KsRequest *request);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KsRequest, ks_request_clear)

/* Where the engine tells of what happens; all may be NULL. */
typedef struct KsEngineEvents {
        void (*state_changed)(KsState old, KsState new, const char *reason, void *userdata);
        void (*repaired)(const char *layer, const char *what, void *userdata);
        void (*changed)(void *userdata); /* something that ks_engine_report() tells */
        void *userdata;
} KsEngineEvents;

/* The whole of what there is to know. */
typedef struct KsReport {
        KsState state;
        KsLan lan;
        const char *guard;
        guint64 since;     /* CLOCK_REALTIME, µs */
        guint64 deadline;  /* CLOCK_REALTIME, µs; 0: none */
        guint64 remaining; /* µs */
        gboolean trial;
        GPtrArray *vpns;     /* of KsPlanVpn*, borrowed; may be NULL */
        GPtrArray *degraded; /* of char* */
} KsReport;

void ks_report_clear(KsReport *report);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KsReport, ks_report_clear)

/**
 * ks_engine_new() - an engine that has done nothing yet
 * @state_directory: where the intent is kept
 * @dirs: where settings are; the strings must outlive the engine
 * @events: copied; may be NULL
 * @error: KS_ERROR_KERNEL
 */
KsEngine *ks_engine_new(const char *state_directory, const KsSettingsDirs *dirs,
                        const KsEngineEvents *events, GError **error);
void ks_engine_free(KsEngine *engine);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsEngine, ks_engine_free)

/**
 * ks_engine_start() - read settings and intent, and bring the kernel there
 * @watch: whether to go on watching and repairing in the default main context
 * @error: KS_ERROR_KERNEL when nothing can be watched, or, without @watch, when
 *   the kernel could not be brought to the intent
 *
 * What an earlier process left is taken over without a gap.
 */
gboolean ks_engine_start(KsEngine *engine, gboolean watch, GError **error);

/**
 * ks_engine_check() - whether a request may be carried out in the present state
 * @nothing_to_do: set when it is so already and no one need be asked
 * @error: why not
 *
 * Asked before authorization, and again after it: a prompt takes its time.
 */
gboolean ks_engine_check(KsEngine *engine, const KsRequest *request, gboolean *nothing_to_do,
                         GError **error);

/**
 * ks_engine_execute() - carry a request out
 * @error: the state is then the one from before
 *
 * Returns when the kernel has acknowledged all of it and it has been read back.
 */
gboolean ks_engine_execute(KsEngine *engine, const KsRequest *request, GError **error);

/* Fills @report; clear it with ks_report_clear(). */
void ks_engine_report(KsEngine *engine, KsReport *report);

/* Packets refused by the guard since it was raised. */
guint64 ks_engine_blocked(KsEngine *engine);

/* Whether what the guard refuses is recorded at present. */
gboolean ks_engine_is_recording(const KsEngine *engine);

/* What was recorded: of KsBlockedRow*, the last one first, borrowed until the loop goes on. The
 * destinations of a user are his own affair: see ks_blocked_may_see(). */
const GPtrArray *ks_engine_blocked_rows(const KsEngine *engine);

/* "off", "blocking", "protecting", "paused". */
const char *ks_state_to_string(KsState state);

/**
 * ks_engine_rescue() - take everything away, without a bus, a daemon or settings
 * @state_directory: its intent is set to off, so that a daemon which is alive
 *   gives up too and the next boot starts open
 * @error: what could not be done; everything else has been
 */
gboolean ks_engine_rescue(const char *state_directory, GError **error);
