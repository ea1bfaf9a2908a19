/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The program that asks for a password on this terminal when polkit wants one. */

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "client/ksctl/wait.h"

typedef struct Agent {
        pid_t pid; /* 0 when none runs */
        bool has_terminal;
        struct termios terminal; /* as it was before */
} Agent;

/**
 * agent_open() - start pkttyagent(1) for this process, and wait until polkit knows it
 * @agent: zeroed
 * @waiter: an open waiter
 *
 * Does nothing for the administrator, who is asked for nothing, and where there is no terminal.
 * Being without an agent is no error: a graphical one may do.
 *
 * Returns: 0 or a negative errno: -EINTR when a signal came.
 */
int agent_open(Agent *agent, Waiter *waiter);

/**
 * agent_close() - end the agent, and put the terminal back as it was
 * @agent: does nothing when none runs
 */
void agent_close(Agent *agent);
