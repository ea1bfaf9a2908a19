/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waits for descriptors and signals at once. */

#include "client/ksctl/wait.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define USEC_PER_SEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

enum {
        POLL_SIGNAL,
        POLL_FD,
        POLL_OUTPUT,
        POLL_TIMER,
        N_POLL,
};

int waiter_open(Waiter *waiter)
{
        sigset_t mask;

        sigemptyset(&mask);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        sigaddset(&mask, SIGHUP);

        waiter->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (waiter->signal_fd < 0)
                return -errno;
        if (sigprocmask(SIG_BLOCK, &mask, &waiter->saved_mask) < 0) {
                int r = -errno;

                waiter->signal_fd = ks_close(waiter->signal_fd);
                return r;
        }
        return 0;
}

void waiter_close(Waiter *waiter)
{
        if (waiter->signal_fd < 0)
                return;
        waiter->signal_fd = ks_close(waiter->signal_fd);
        (void)sigprocmask(SIG_SETMASK, &waiter->saved_mask, NULL);
}

void waiter_die(Waiter *waiter)
{
        int number = waiter->signal;

        waiter_close(waiter);
        (void)signal(number, SIG_DFL);
        (void)raise(number);
        _exit(128 + number);
}

/* Polls the descriptors, of which negative ones are left out, and takes the signal if there is one.
 */
static int wait_poll(Waiter *waiter, struct pollfd fds[static N_POLL],
                     const struct timespec *timeout)
{
        struct signalfd_siginfo info;

        fds[POLL_SIGNAL] = (struct pollfd){ .fd = waiter->signal_fd, .events = POLLIN };

        if (ppoll(fds, N_POLL, timeout, NULL) < 0)
                return errno == EINTR ? 0 : -errno;

        if (fds[POLL_SIGNAL].revents != 0) {
                if (read(waiter->signal_fd, &info, sizeof(info)) != sizeof(info))
                        return -EIO;
                waiter->signal = (int)info.ssi_signo;
                return -EINTR;
        }
        if (fds[POLL_OUTPUT].revents & (POLLERR | POLLHUP))
                return -EPIPE;
        return 0;
}

int waiter_wait_fd(Waiter *waiter, int fd)
{
        struct pollfd fds[N_POLL] = {
                [POLL_FD] = { .fd = fd, .events = POLLIN },
                [POLL_OUTPUT] = { .fd = -1 },
                [POLL_TIMER] = { .fd = -1 },
        };
        int r;

        do
                r = wait_poll(waiter, fds, NULL);
        while (r == 0 && fds[POLL_FD].revents == 0);

        return r;
}

/* How long until the bus wants to be looked at again. Returns whether there is a limit. */
static bool bus_timeout(sd_bus *bus, struct timespec *ret)
{
        uint64_t deadline, now_usec;
        struct timespec now;

        if (sd_bus_get_timeout(bus, &deadline) < 0 || deadline == UINT64_MAX)
                return false;

        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        now_usec = (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)now.tv_nsec / NSEC_PER_USEC;
        deadline = deadline > now_usec ? deadline - now_usec : 0;

        ret->tv_sec = (time_t)(deadline / USEC_PER_SEC);
        ret->tv_nsec = (long)(deadline % USEC_PER_SEC * NSEC_PER_USEC);
        return true;
}

int waiter_wait_bus(Waiter *waiter, sd_bus *bus, int output_fd, int timer_fd)
{
        struct timespec timeout;
        bool limited;
        int events = sd_bus_get_events(bus);

        if (events < 0)
                return events;
        limited = bus_timeout(bus, &timeout);

        struct pollfd fds[N_POLL] = {
                [POLL_FD] = { .fd = sd_bus_get_fd(bus), .events = (short)events },
                [POLL_OUTPUT] = { .fd = output_fd },
                [POLL_TIMER] = { .fd = timer_fd, .events = POLLIN },
        };

        if (fds[POLL_FD].fd < 0)
                return fds[POLL_FD].fd;
        return wait_poll(waiter, fds, limited ? &timeout : NULL);
}
