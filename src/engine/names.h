/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/engine-private.h"
#include "engine/round.h"

/* Reads what was pinned. */
void ks_engine_load_pins(KsEngine *engine);

/**
 * ks_engine_check_names() - whether settings may come into force as for their names
 * @error: KS_ERROR_SETTINGS: a name that the settings in force don't have could not be
 *   looked up, or its addresses are refused
 */
gboolean ks_engine_check_names(const KsEngine *engine, const KsSettings *fresh, GError **error);

/* After the state may have changed: the hosts file, the epoch. */
void ks_engine_follow_names(KsEngine *engine);

/* Adds a sentence for each name that is a problem. @degraded: of char*. */
void ks_engine_report_names(KsEngine *engine, GPtrArray *degraded);
