/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs a program under ptrace, and strikes at its n-th system call: the program is killed ahead of
 * the call, or the call isn't made and comes back with an error.
 *
 * The arguments are the program and its own. One order a line:
 *
 *     start HOW CALL N [ARGUMENT]  runs it; from its start on, the N-th of these calls is struck
 *     arm HOW CALL N               the N-th from now on is struck
 *     idle                         none is struck any more
 *     errors CALL                  is answered with "errors" and the errors that the call may have
 *
 * HOW is "kill", or the number of one of the errors that the call may have; or "none": the program
 * is left alone, which is faster. CALL is the name of a system call. With N 0 none is struck, and
 * the calls are counted by their names. Only the first thread's calls are looked at. "start" is
 * answered with "pid PID", "arm" with "armed", "idle" with "idle HIT"; and whenever the program is
 * over, "ended STATUS HIT" is told, STATUS as the shell has it. HIT is the errno when it was struck
 * (0: killed), else "-", and the counts: CALL=COUNT. A start with a strike stops at that call
 * only (a seccomp filter picks it), and counts no other. */

#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "errors.h"

#define OPTIONS                                                                                    \
        (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |    \
         PTRACE_O_TRACESECCOMP)
#define KILL (-1)
#define NONE (-2)
/* Numbers of system calls are below this. */
#define CALLS 512
#define SYSCALL_STOP (SIGTRAP | 0x80)

typedef struct Fault {
        char **command;
        pid_t pid; /* 0: nothing runs */
        /* What to strike. */
        bool armed;
        bool filtered; /* it stops by itself at what to strike */
        int how;
        char call[32];
        unsigned long at;
        /* What happened. */
        unsigned long counts[CALLS];
        bool hit;
        int error;
        /* An order that waits for the first thread to stop. */
        const char *answer;
} Fault;

static void die(const char *what)
{
        perror(what);
        exit(EXIT_FAILURE);
}

static void go_on(Fault *fault, pid_t thread, int signal)
{
        bool watched = thread == fault->pid && fault->armed && !fault->filtered;

        /* A thread may be gone by now: the process was killed. */
        if (ptrace(watched ? PTRACE_SYSCALL : PTRACE_CONT, thread, NULL, (void *)(long)signal) <
                    0 &&
            errno != ESRCH)
                die("ptrace");
}

/* An event or a timer that is read or written has nothing that could be full or broken; threads
 * wait for each other by them without a way out. */
static bool is_sure(const Fault *fault, long number, unsigned long long fd)
{
        char path[64], target[32] = "";

        if (number != SYS_read && number != SYS_write)
                return false;
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)fault->pid, (int)fd);
        return readlink(path, target, sizeof(target) - 1) > 0 &&
               strncmp(target, "anon_inode:", 11) == 0;
}

/* The call that is about to be made comes back with an error instead. */
static void fail_call(Fault *fault, long number)
{
        struct user_regs_struct registers;

        if (ptrace(PTRACE_GETREGS, fault->pid, NULL, &registers) < 0)
                die("PTRACE_GETREGS");
        if (is_sure(fault, number, registers.rdi))
                fault->error = EINTR;
        /* Number -1 is no call, and leaves the outcome as it is. brk() has no errno: it tells where
         * the break is, which is refused when it is below what was asked for. */
        registers.orig_rax = ULLONG_MAX;
        registers.rax = number == SYS_brk ? 0 : (unsigned long long)-fault->error;
        if (ptrace(PTRACE_SETREGS, fault->pid, NULL, &registers) < 0)
                die("PTRACE_SETREGS");
}

/* Ahead of a call. */
static void on_call(Fault *fault, long number)
{
        if (number < 0 || number >= CALLS)
                return;
        if (++fault->counts[number] != fault->at || strcmp(name_of(number), fault->call) != 0)
                return;
        fault->armed = false;
        fault->hit = true;
        fault->error = fault->how == KILL ? 0 : error_of(number, (unsigned)fault->how);
        if (fault->how == KILL)
                kill(fault->pid, SIGKILL);
        else
                fail_call(fault, number);
}

static void on_stop_at_call(Fault *fault, __u8 kind)
{
        struct ptrace_syscall_info info = { 0 };

        /* Killed in the meantime. */
        if (!fault->armed ||
            ptrace(PTRACE_GET_SYSCALL_INFO, fault->pid, (void *)sizeof(info), &info) < 0)
                return;
        if (info.op == kind)
                on_call(fault, (long)(kind == PTRACE_SYSCALL_INFO_SECCOMP ? info.seccomp.nr
                                                                          : info.entry.nr));
}

static void tell_hit(const Fault *fault)
{
        if (fault->hit)
                printf(" %d", fault->error);
        else
                printf(" -");
        for (long number = 0; number < CALLS; number++)
                if (fault->counts[number])
                        printf(" %s=%lu", name_of(number), fault->counts[number]);
        putchar('\n');
}

static void on_end(Fault *fault, int status)
{
        printf("ended %d", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        tell_hit(fault);
        fault->pid = 0;
        fault->armed = false;
        fault->answer = NULL;
}

static void give_answer(Fault *fault)
{
        if (!fault->answer)
                return;
        fputs(fault->answer, stdout);
        if (strcmp(fault->answer, "idle") == 0)
                tell_hit(fault);
        else
                putchar('\n');
        fault->answer = NULL;
}

static void on_change(Fault *fault, pid_t thread, int status)
{
        int event = status >> 16, signal = 0;

        if (WIFEXITED(status) || WIFSIGNALED(status)) {
                if (thread == fault->pid)
                        on_end(fault, status);
                return;
        }
        if (WSTOPSIG(status) == SYSCALL_STOP) {
                on_stop_at_call(fault, PTRACE_SYSCALL_INFO_ENTRY);
        } else if (event == PTRACE_EVENT_SECCOMP) {
                if (thread == fault->pid && fault->filtered)
                        on_stop_at_call(fault, PTRACE_SYSCALL_INFO_SECCOMP);
        } else if (event == PTRACE_EVENT_EXEC) {
                fault->armed = fault->how != NONE;
        } else if (event == 0) {
                signal = WSTOPSIG(status);
        }
        /* Interrupted inside a call that is watched, it stops at the call's end, and only there. */
        if (thread == fault->pid)
                give_answer(fault);
        go_on(fault, thread, signal);
}

static void aim(Fault *fault, const char *how, const char *call, unsigned long at)
{
        fault->how = strcmp(how, "kill") == 0 ? KILL : strcmp(how, "none") == 0 ? NONE : atoi(how);
        snprintf(fault->call, sizeof(fault->call), "%s", call);
        fault->at = at;
        fault->hit = false;
        memset(fault->counts, 0, sizeof(fault->counts));
}

static long number_of(const char *call)
{
        long number = 0;

        while (number < CALLS && strcmp(name_of(number), call) != 0)
                number++;
        return number;
}

/* Has the tracer told of these calls, and of no others. */
static int filter(long number)
{
        struct sock_filter rules[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)number, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { sizeof(rules) / sizeof(rules[0]), rules };

        return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The child waits for its tracer, then becomes the program. */
static void become(Fault *fault, int gate, char *argument)
{
        char *arguments[64] = { NULL };
        sigset_t none;
        char byte;
        size_t n = 0;

        while (fault->command[n] && n < sizeof(arguments) / sizeof(arguments[0]) - 2) {
                arguments[n] = fault->command[n];
                n++;
        }
        arguments[n] = argument;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (read(gate, &byte, 1) != 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                _exit(126);
        if (fault->filtered && filter(number_of(fault->call)) < 0)
                _exit(126);
        execvp(arguments[0], arguments);
        _exit(127);
}

static void start(Fault *fault, char *argument)
{
        int gate[2];

        fault->armed = false;
        fault->filtered = fault->at > 0;
        if (pipe2(gate, O_CLOEXEC) < 0)
                die("pipe2");
        fault->pid = fork();
        if (fault->pid < 0)
                die("fork");
        if (fault->pid == 0) {
                close(gate[1]);
                become(fault, gate[0], argument);
        }
        if (ptrace(PTRACE_SEIZE, fault->pid, NULL, (void *)OPTIONS) < 0)
                die("PTRACE_SEIZE");
        close(gate[0]);
        close(gate[1]);
        printf("pid %d\n", (int)fault->pid);
}

static void interrupt(Fault *fault, const char *answer)
{
        /* What is over has told so. */
        if (!fault->pid || ptrace(PTRACE_INTERRUPT, fault->pid, NULL, NULL) < 0)
                return;
        fault->answer = answer;
}

static void tell_errors(const char *call)
{
        long number = number_of(call);

        printf("errors");
        for (unsigned i = 0; i < VARIANTS; i++)
                if (error_of(number, i))
                        printf(" %d", error_of(number, i));
        putchar('\n');
}

static void on_order(Fault *fault, char *line)
{
        char how[16], call[32], argument[32] = "";
        unsigned long at;

        if (sscanf(line, "start %15s %31s %lu %31s", how, call, &at, argument) >= 3) {
                aim(fault, how, call, at);
                start(fault, argument[0] ? argument : NULL);
        } else if (sscanf(line, "arm %15s %31s %lu", how, call, &at) == 3) {
                aim(fault, how, call, at);
                fault->armed = true;
                fault->filtered = false;
                interrupt(fault, "armed");
        } else if (sscanf(line, "errors %31s", call) == 1) {
                tell_errors(call);
        } else {
                fault->armed = false;
                interrupt(fault, "idle");
        }
}

int main(int argc, char **argv)
{
        Fault fault = { .command = argv + 1 };
        struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
        struct signalfd_siginfo ignored;
        char line[256];
        sigset_t mask;

        if (argc < 2)
                return 2;
        setvbuf(stdout, NULL, _IOLBF, 0);
        /* Orders that nobody has read yet wait in the pipe, where poll() sees them. */
        setvbuf(stdin, NULL, _IONBF, 0);
        sigemptyset(&mask);
        sigaddset(&mask, SIGCHLD);
        sigprocmask(SIG_BLOCK, &mask, NULL);
        fds[1].fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fds[1].fd < 0)
                die("signalfd");
        while (poll(fds, 2, -1) >= 0) {
                pid_t thread;
                int status;

                if (fds[1].revents && read(fds[1].fd, &ignored, sizeof(ignored)) < 0 &&
                    errno != EAGAIN)
                        die("signalfd");
                while ((thread = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
                        on_change(&fault, thread, status);
                if (!fds[0].revents)
                        continue;
                if (!fgets(line, sizeof(line), stdin))
                        break;
                on_order(&fault, line);
        }
        return EXIT_SUCCESS;
}
