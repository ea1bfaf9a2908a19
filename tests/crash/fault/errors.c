/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What can go wrong with each system call. Those that aren't here don't fail where the service
 * makes them: they only close, ask for what the process knows, or end it. */

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "errors.h"

typedef struct Failure {
        long number;
        const char *name;
        int errors[VARIANTS];
} Failure;

#define CALL(name, ...)                                                                            \
        {                                                                                          \
                SYS_##name, #name,                                                                 \
                {                                                                                  \
                        __VA_ARGS__                                                                \
                }                                                                                  \
        }

static const Failure failures[] = {
        /* memory */
        CALL(brk, ENOMEM),
        CALL(mmap, ENOMEM),
        CALL(mremap, ENOMEM),
        CALL(mprotect, ENOMEM),
        CALL(madvise, ENOMEM),
        /* descriptors */
        CALL(openat, EMFILE, ENOMEM, EIO),
        CALL(socket, EMFILE, ENOBUFS, ENOMEM),
        CALL(socketpair, EMFILE, ENOMEM),
        CALL(pipe2, EMFILE, ENFILE),
        CALL(eventfd2, EMFILE, ENOMEM),
        CALL(timerfd_create, EMFILE, ENOMEM),
        CALL(epoll_create1, EMFILE, ENOMEM),
        CALL(epoll_ctl, ENOMEM),
        CALL(inotify_init1, EMFILE, ENOMEM),
        CALL(inotify_add_watch, ENOSPC, ENOMEM),
        CALL(dup, EMFILE),
        CALL(dup3, EMFILE),
        CALL(fcntl, EMFILE, ENOMEM),
        CALL(close, EIO, EINTR),
        /* files */
        CALL(read, EIO, EINTR, ENOMEM),
        CALL(pread64, EIO, EINTR),
        CALL(write, ENOSPC, EINTR, EIO),
        CALL(writev, ENOSPC, EINTR),
        CALL(fsync, EIO, ENOSPC),
        CALL(renameat, ENOSPC, EIO),
        CALL(rename, ENOSPC, EIO),
        CALL(unlinkat, EIO, EROFS),
        CALL(unlink, EIO, EROFS),
        CALL(fchown, EIO),
        CALL(mkdir, ENOSPC, EROFS),
        CALL(newfstatat, ENOMEM, EIO),
        CALL(fstat, EIO),
        CALL(statx, ENOMEM, EIO),
        CALL(statfs, ENOMEM, EIO),
        CALL(getdents64, ENOMEM, EIO),
        CALL(readlink, ENOMEM, EIO),
        CALL(readlinkat, ENOMEM, EIO),
        CALL(access, ENOMEM, EIO),
        CALL(faccessat, ENOMEM, EIO),
        CALL(faccessat2, ENOMEM, EIO),
        CALL(lseek, EIO),
        CALL(ioctl, EINTR, ENOMEM),
        /* sockets */
        CALL(bind, EADDRINUSE, ENOMEM),
        CALL(connect, ECONNREFUSED, EINTR, EAGAIN),
        CALL(getsockname, ENOBUFS),
        CALL(getpeername, ENOBUFS),
        CALL(getsockopt, ENOBUFS),
        CALL(setsockopt, ENOBUFS, ENOMEM),
        CALL(sendto, ENOBUFS, EINTR, ENOMEM),
        CALL(sendmsg, ENOBUFS, EINTR, ENOMEM),
        CALL(recvfrom, ENOBUFS, EINTR, ENOMEM),
        CALL(recvmsg, ENOBUFS, EINTR, ENOMEM),
        /* waiting, clocks, threads */
        CALL(poll, EINTR, ENOMEM),
        CALL(ppoll, EINTR, ENOMEM),
        CALL(select, EINTR, ENOMEM),
        CALL(getrandom, EINTR),
        CALL(clone, EAGAIN, ENOMEM),
        CALL(clone3, EAGAIN, ENOMEM),
};

/* Calls that only need a name. */
static const Failure others[] = {
        CALL(arch_prctl, 0),      CALL(clock_gettime, 0),   CALL(clock_nanosleep, 0),
        CALL(execve, 0),          CALL(exit_group, 0),      CALL(futex, 0),
        CALL(getegid, 0),         CALL(geteuid, 0),         CALL(getgid, 0),
        CALL(getpid, 0),          CALL(gettid, 0),          CALL(getuid, 0),
        CALL(pselect6, 0),        CALL(munmap, 0),          CALL(prctl, 0),
        CALL(prlimit64, 0),       CALL(restart_syscall, 0), CALL(rseq, 0),
        CALL(rt_sigaction, 0),    CALL(rt_sigprocmask, 0),  CALL(sched_getaffinity, 0),
        CALL(sched_getattr, 0),   CALL(set_robust_list, 0), CALL(set_tid_address, 0),
        CALL(timerfd_settime, 0), CALL(umask, 0),           CALL(uname, 0),
};

static const Failure *find(const Failure *table, size_t count, long number)
{
        for (size_t i = 0; i < count; i++)
                if (table[i].number == number)
                        return &table[i];
        return NULL;
}

int error_of(long number, unsigned variant)
{
        const Failure *failure = find(failures, sizeof(failures) / sizeof(failures[0]), number);

        return failure && variant < VARIANTS ? failure->errors[variant] : 0;
}

const char *name_of(long number)
{
        static char text[32];
        const Failure *found = find(failures, sizeof(failures) / sizeof(failures[0]), number);

        if (!found)
                found = find(others, sizeof(others) / sizeof(others[0]), number);
        if (found)
                return found->name;
        snprintf(text, sizeof(text), "%ld", number);
        return text;
}
