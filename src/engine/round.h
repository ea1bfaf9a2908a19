/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/engine.h"

/* What was answered to one name. */
typedef struct KsAnswer {
        char *host;
        GArray *addresses; /* of KsPrefix; NULL: nothing was */
        char *problem;     /* why not */
} KsAnswer;

/* One look at the names of VPN servers: what to ask, and what was answered. Whoever can
 * ask fills in the answers. */
typedef struct KsRound {
        GPtrArray *answers; /* of KsAnswer*, one a name */
        GPtrArray *vpns;    /* of KsVpn*: whose they are */
        GArray *lan;        /* of KsPrefix: LanPrefixes= of these settings */
        GArray *inside;     /* of KsPrefix: what is inside VPNs, as their sections say */
        gboolean all_known; /* every name has addresses already, so this may fail */
        gboolean by_tunnel; /* it was begun while everything went through a VPN */
        guint epoch;        /* of the engine, when it was begun */
} KsRound;

/**
 * ks_engine_begin_round() - what has to be asked
 * @request: before which; NULL: to have fresh answers
 *
 * Returns: a new round, or NULL when there is nothing to ask.
 */
KsRound *ks_engine_begin_round(KsEngine *engine, const KsRequest *request);
void ks_round_free(KsRound *round);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsRound, ks_round_free)

/**
 * ks_engine_learn() - take the answers in
 * @round: each answer has addresses or a problem
 *
 * Judges, pins, saves, and brings the kernel to it where that changes anything.
 *
 * Returns: whether every name was answered.
 */
gboolean ks_engine_learn(KsEngine *engine, KsRound *round);

/* After settings came into force, or a request was refused that brought names: forget names
 * that the settings in force don't have. */
void ks_engine_prune_names(KsEngine *engine);

/* A number that changes with the ways that a question may take. */
guint ks_engine_epoch(const KsEngine *engine);

/* Whether asking makes sense by itself now: names are there, and a VPN carries all traffic. */
gboolean ks_engine_may_refresh(const KsEngine *engine);

/* Where the hosts file goes; not written without. */
void ks_engine_set_runtime_directory(KsEngine *engine, const char *directory);
