/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Waiting that Ctrl-C ends, without losing one. */

#include <signal.h>

#include <systemd/sd-bus.h>

/* SIGINT, SIGTERM and SIGHUP, held back from open to close. */
typedef struct Waiter {
        int signal_fd;
        int signal; /* the one that came; 0 before */
        sigset_t saved_mask;
} Waiter;

#define WAITER_INIT                                                                                \
        (Waiter)                                                                                   \
        {                                                                                          \
                .signal_fd = -1                                                                    \
        }

/**
 * waiter_open() - take the signals that end a wait from their default action
 * @waiter: WAITER_INIT
 *
 * Returns: 0 or a negative errno.
 */
int waiter_open(Waiter *waiter);

/**
 * waiter_close() - give the signals back; does nothing the second time
 * @waiter: opened or WAITER_INIT
 */
void waiter_close(Waiter *waiter);

/**
 * waiter_die() - close, and end the process by the signal that came
 * @waiter: a waiter with a signal
 *
 * For one that asked for something that isn't done: shells and scripts see the interruption.
 */
_Noreturn void waiter_die(Waiter *waiter);

/**
 * waiter_wait_fd() - wait until a descriptor is readable or hung up
 * @waiter: an open waiter
 * @fd: the descriptor
 *
 * Returns: 0, -EINTR when a signal came (see @waiter->signal), or another negative errno.
 */
int waiter_wait_fd(Waiter *waiter, int fd);

/**
 * waiter_wait_bus() - wait until the bus has something to do
 * @waiter: an open waiter
 * @bus: the connection
 * @output_fd: also end the wait when nobody reads this pipe any more; -1 for none
 * @timer_fd: also end the wait when this is readable; -1 for none
 *
 * Returns: 0, -EINTR when a signal came, -EPIPE when @output_fd lost its reader, or another
 * negative errno.
 */
int waiter_wait_bus(Waiter *waiter, sd_bus *bus, int output_fd, int timer_fd);
