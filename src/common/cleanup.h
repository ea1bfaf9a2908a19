/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Scope-bound release of what GLib's g_autoptr() doesn't know: descriptors and foreign handles. */

#include <errno.h>
#include <unistd.h>

/* Calls f(&variable) when the variable goes out of scope. */
#define _cleanup_(f) __attribute__((cleanup(f)))

/* Defines func##p() for use with _cleanup_() from a destructor of one pointer, which it never sees
 * as NULL. */
#define KS_DEFINE_CLEANUP(type, func)                                                              \
        static inline void func##p(type *p)                                                        \
        {                                                                                          \
                if (*p)                                                                            \
                        func(*p);                                                                  \
        }                                                                                          \
        struct ks_cleanup_##func##_needs_a_semicolon

/**
 * ks_close() - close a descriptor, and keep errno
 * @fd: the descriptor; a negative one is ignored
 *
 * Returns: -1, so that "fd = ks_close(fd)" forgets it.
 */
static inline int ks_close(int fd)
{
        int saved_errno = errno;

        if (fd >= 0)
                (void)close(fd);
        errno = saved_errno;
        return -1;
}

/* For use with _cleanup_(). */
static inline void ks_closep(int *fd)
{
        (void)ks_close(*fd);
}

/**
 * ks_steal_fd() - hand a descriptor to somebody else
 * @fd: the variable that owns it, -1 afterwards
 *
 * Returns: (transfer full): the descriptor.
 */
static inline int ks_steal_fd(int *fd)
{
        int taken = *fd;

        *fd = -1;
        return taken;
}

#define _cleanup_close_ _cleanup_(ks_closep)
