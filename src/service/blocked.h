/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "engine/engine.h"

/* Answers GetBlocked. Everybody may ask, and is told of his own packets; root of everybody's. */
typedef struct KsBlockedCalls KsBlockedCalls;

KsBlockedCalls *ks_blocked_calls_new(sd_bus *bus, KsEngine *engine);
void ks_blocked_calls_free(KsBlockedCalls *calls);

/**
 * ks_blocked_calls_take() - take a call; it is answered when the bus has said whose it is
 * @error: LimitsExceeded when too many are waiting
 *
 * Returns: 1, or negative with @error set.
 */
int ks_blocked_calls_take(KsBlockedCalls *calls, sd_bus_message *message, sd_bus_error *error);
