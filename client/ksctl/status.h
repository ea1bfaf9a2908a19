/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The state on the screen. */

#include "client/common/state.h"
#include "client/ksctl/ksctl.h"

/**
 * status_print_outcome() - ask for the state after a change, and say in short what it is now
 * @ctl: the run, connected
 *
 * Says nothing with --quiet. A state that can't be read doesn't undo the change, so it is reported
 * and no failure.
 *
 * Returns: STATUS_DONE.
 */
ExitStatus status_print_outcome(Ksctl *ctl);
