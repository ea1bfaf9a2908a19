/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "engine/engine.h"
#include "policy/audit.h"

/**
 * ks_engine_audit() - read everything afresh and say whether the kill switch is sound
 * @error: KS_ERROR_KERNEL when it can't be read
 *
 * What the service would repair by itself is repaired first. While nothing is in
 * force that is a finding, a hole, and the rest is reasoned about as if the kill
 * switch were engaged now.
 *
 * Returns: an array of KsFinding*, or NULL.
 */
GPtrArray *ks_engine_audit(KsEngine *engine, GError **error);
