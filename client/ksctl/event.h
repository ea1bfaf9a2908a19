/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One line for everything that happens to the kill switch. */

#include <systemd/sd-bus.h>

#include "client/common/state.h"
#include "client/ksctl/ksctl.h"

/**
 * event_print_state() - print the present state
 * @ctl: the run
 * @state: the state
 * @reply: the answer of GetState that it was read from
 *
 * Returns: 0 or a negative errno.
 */
int event_print_state(const Ksctl *ctl, const KsState *state, sd_bus_message *reply);

/**
 * event_print_service() - print that the service came or went
 * @ctl: the run
 * @is_there: whether it is there now
 */
void event_print_service(const Ksctl *ctl, bool is_there);

/**
 * event_print_signal() - print a signal of the service; others are passed over
 * @ctl: the run
 * @signal: StateChanged, Repaired or PropertiesChanged, at its beginning
 *
 * Returns: 0 or a negative errno.
 */
int event_print_signal(const Ksctl *ctl, sd_bus_message *signal);
