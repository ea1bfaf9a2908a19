/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "engine/engine.h"

/* D-Bus refuses text that is not UTF-8, and names of links may be any bytes.
 * Caller frees. */
char *ks_report_text(const char *text);

/* One value of a report as it goes over the bus. */
int ks_report_append_property(sd_bus_message *message, const KsReport *report, const char *name);

/* GetState's whole answer: "sa{sv}". @blocked: packets. @recording: whether they are recorded. */
int ks_report_append_state(sd_bus_message *message, const KsReport *report, guint64 blocked,
                           gboolean recording);

/**
 * ks_report_digests() - what each signalling property is, in a comparable form
 *
 * Returns: one string a name of ks_report_signalling[], in its order.
 */
GPtrArray *ks_report_digests(const KsReport *report);

/* Properties whose change is signalled; ends with NULL. */
extern const char *const ks_report_signalling[];
