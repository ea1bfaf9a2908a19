/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A last line on the terminal that counts down to the end of a pause or a trial. */

#include <stdbool.h>
#include <stdint.h>

#include "client/common/state.h"

typedef struct Countdown {
        int timer_fd;      /* -1: nowhere to show it, or nothing to count */
        uint64_t end;      /* CLOCK_BOOTTIME, µs; 0 while there is no deadline */
        uint64_t deadline; /* the same moment in CLOCK_REALTIME, as it is shown */
        bool is_trial;
        bool is_wanted; /* there is a terminal that can do it */
        bool is_shown;
} Countdown;

/**
 * countdown_open() - get ready to count
 * @countdown: set; to be given to countdown_close()
 * @is_wanted: whether lines for a person are printed
 *
 * Counts only where the standard output is a terminal that can write a line again; a pipe gets the
 * deadline as an event and nothing else.
 */
void countdown_open(Countdown *countdown, bool is_wanted);
void countdown_close(Countdown *countdown);

/**
 * countdown_set() - take the deadline from a state, or stop counting when it has none
 * @countdown: the countdown
 * @state: what the service has told just now
 */
void countdown_set(Countdown *countdown, const KsState *state);

/* countdown_stop() - nobody knows whether the deadline still stands */
void countdown_stop(Countdown *countdown);

/**
 * countdown_tick() - write the line anew, if a second has passed
 * @countdown: the countdown
 */
void countdown_tick(Countdown *countdown);

/* countdown_hide(), countdown_show() - make room for a line that stays, and come back below it */
void countdown_hide(Countdown *countdown);
void countdown_show(Countdown *countdown);
