/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What the helpers of the benchmarks share: each reads orders, one a line, and answers each with
 * the nanoseconds that it took, or with "error: SENTENCE". */

static inline int64_t now_nsec(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The next order without its newline; NULL at the end of the input. */
static inline char *next_order(char *line, size_t size)
{
        if (!fgets(line, (int)size, stdin))
                return NULL;
        line[strcspn(line, "\n")] = '\0';
        return line;
}

static inline void answer(int64_t nsec)
{
        printf("%" PRId64 "\n", nsec);
        fflush(stdout);
}

static inline void answer_error(const char *what, const char *why)
{
        printf("error: %s: %s\n", what, why);
        fflush(stdout);
}
