/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Calls of the service. Whatever fails is reported here, so that a verb only hands on the status.
 */

#include "client/common/state.h"
#include "client/ksctl/deed.h"
#include "client/ksctl/ksctl.h"

/**
 * call_connect() - connect to the bus that the command line asks for
 * @ctl: the run; does nothing when it is connected already
 *
 * Returns: STATUS_DONE, or what the program has to end with.
 */
ExitStatus call_connect(Ksctl *ctl);

/**
 * call_get_state() - ask for the state
 * @ctl: the run; connected if need be
 * @ret: (transfer full): the answer, of signature "sa{sv}"
 *
 * Returns: STATUS_DONE, or what the program has to end with.
 */
ExitStatus call_get_state(Ksctl *ctl, sd_bus_message **ret);

/**
 * call_ask() - call a method that takes nothing and needs no authorization
 * @ctl: the run; connected if need be
 * @deed: what it is for
 * @method: the method
 * @ret: (transfer full): the answer
 *
 * Returns: STATUS_DONE, or what the program has to end with.
 */
ExitStatus call_ask(Ksctl *ctl, Deed deed, const char *method, sd_bus_message **ret);

/**
 * call_read_state() - ask for the state, and take it apart
 * @ctl: the run; connected if need be
 * @ret: (transfer full): the state
 *
 * Returns: STATUS_DONE, or what the program has to end with.
 */
ExitStatus call_read_state(Ksctl *ctl, KsState **ret);

/**
 * call_change() - call a method that may need authorization, and wait as long as it takes
 * @ctl: the run; connected if need be
 * @deed: what it is for
 * @method: the method
 * @types: D-Bus signature of the arguments; NULL for none
 *
 * Ends the process by the signal when the user interrupts it.
 *
 * Returns: STATUS_DONE, or what the program has to end with.
 */
ExitStatus call_change(Ksctl *ctl, Deed deed, const char *method, const char *types, ...);

/* Appends the arguments of a call. Returns: 0 or a negative errno. */
typedef int (*CallFill)(sd_bus_message *call, void *userdata);

/**
 * call_change_with() - the same with arguments that take more than a signature
 * @fill: appends them
 * @userdata: for @fill
 */
ExitStatus call_change_with(Ksctl *ctl, Deed deed, const char *method, CallFill fill,
                            void *userdata);
