/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs polkit's text agent for as long as a call takes. */

#include "client/ksctl/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <systemd/sd-login.h>

#include "common/cleanup.h"

#define AGENT "pkttyagent"

static bool is_wanted(void)
{
        return geteuid() != 0 && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/*
 * Whether polkit knows a session of the caller, in the way in which it looks for one. Only then it
 * takes a fallback agent, which leaves a graphical one the precedence; without a session (a
 * container, ssh without logind) there is no other agent, and polkit would take none at all.
 */
static bool has_session(void)
{
        char *session = NULL;
        bool found;
        uid_t uid;

        found = sd_pid_get_session(0, &session) >= 0 ||
                (sd_pid_get_owner_uid(0, &uid) >= 0 && sd_uid_get_display(uid, &session) >= 0);
        free(session);
        return found;
}

/* In the child: becomes the agent, which reports on @notify_fd that it is ready by closing it. */
_Noreturn static void run_agent(int notify_fd, pid_t parent, const sigset_t *mask)
{
        char notify[16], process[16];

        /* The agent must not outlive a parent that was killed. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(EXIT_FAILURE);

        (void)sigprocmask(SIG_SETMASK, mask, NULL);
        if (fcntl(notify_fd, F_SETFD, 0) < 0)
                _exit(EXIT_FAILURE);
        /* It talks to the terminal; what it writes isn't the output of this program. */
        if (!isatty(STDOUT_FILENO))
                (void)dup2(STDERR_FILENO, STDOUT_FILENO);

        snprintf(notify, sizeof(notify), "%d", notify_fd);
        snprintf(process, sizeof(process), "%d", (int)parent);
        execlp(AGENT, AGENT, "--notify-fd", notify, "--process", process,
               has_session() ? "--fallback" : (char *)NULL, (char *)NULL);
        _exit(EXIT_FAILURE);
}

int agent_open(Agent *agent, Waiter *waiter)
{
        _cleanup_close_ int ready_fd = -1;
        pid_t parent = getpid();
        int pipe_fds[2], r;

        if (!is_wanted())
                return 0;
        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return -errno;
        ready_fd = pipe_fds[0];

        agent->has_terminal = tcgetattr(STDIN_FILENO, &agent->terminal) == 0;
        fflush(NULL);
        agent->pid = fork();
        if (agent->pid == 0)
                run_agent(pipe_fds[1], parent, &waiter->saved_mask);
        r = agent->pid < 0 ? -errno : 0;
        (void)ks_close(pipe_fds[1]);
        if (r < 0) {
                agent->pid = 0;
                return r;
        }

        /* Hung up when the agent is registered, and as well when there is none or it has failed. */
        return waiter_wait_fd(waiter, ready_fd);
}

/* An agent that dies while it asks leaves the echo off. */
static void restore_terminal(const Agent *agent)
{
        sigset_t block, saved;

        if (!agent->has_terminal)
                return;

        sigemptyset(&block);
        sigaddset(&block, SIGTTOU);
        (void)sigprocmask(SIG_BLOCK, &block, &saved);
        if (tcgetpgrp(STDIN_FILENO) == getpgrp())
                (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &agent->terminal);
        (void)sigprocmask(SIG_SETMASK, &saved, NULL);
}

void agent_close(Agent *agent)
{
        if (agent->pid <= 0)
                return;

        /* SIGCONT for one that was stopped along with its terminal. */
        (void)kill(agent->pid, SIGTERM);
        (void)kill(agent->pid, SIGCONT);
        while (waitpid(agent->pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        agent->pid = 0;
        restore_terminal(agent);
}
