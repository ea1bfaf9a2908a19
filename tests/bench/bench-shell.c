/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times shell commands: each order is given to one /bin/sh, from its start to its end. */

#include <spawn.h>
#include <sys/wait.h>

#include "stopwatch.h"

extern char **environ;

static const char *run(char *command)
{
        char shell[] = "/bin/sh", option[] = "-c";
        char *const argv[] = { shell, option, command, NULL };
        pid_t pid;
        int status;

        if (posix_spawn(&pid, shell, NULL, NULL, argv, environ) != 0)
                return "it can't be started";
        if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return "it failed";
        return NULL;
}

int main(void)
{
        char line[4096];

        while (next_order(line, sizeof(line))) {
                int64_t begun = now_nsec();
                const char *failure = run(line);

                begun = now_nsec() - begun;
                if (failure)
                        answer_error(line, failure);
                else
                        answer(begun);
        }
        return EXIT_SUCCESS;
}
