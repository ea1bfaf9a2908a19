/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "engine/engine.h"

/* Answers Audit. Everybody may ask and an audit costs, so all who ask while one has to
 * wait its turn get the answer of the same one, which begins after the last of them asked. */
typedef struct KsAudits KsAudits;

KsAudits *ks_audits_new(KsEngine *engine);
void ks_audits_free(KsAudits *audits);

/**
 * ks_audits_call() - take a call of Audit; it is answered soon
 * @error: LimitsExceeded when too many are waiting
 *
 * Returns: 1, or negative with @error set.
 */
int ks_audits_call(KsAudits *audits, sd_bus_message *message, sd_bus_error *error);
