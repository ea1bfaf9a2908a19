/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program on the bus that calls the service again and again.
 *
 * "cycle BOARD SENDERS N" engages and releases so often under the board's senders. The stamp says
 * engaged from the moment Engage's reply is here until Release is about to be called, and every
 * sender begins and ends a round under each stamp. The answer is the nanoseconds of all, the
 * longest Engage, the longest Release. "poll" asks for the state without a pause until the next
 * line comes; the answer is the nanoseconds of all, how many answers came, the median and the
 * longest of one. */

#include <poll.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>

#include "common/names.h"
#include "tests/bench/stopwatch.h"
#include "tests/leaks/storm/board.h"

/* So long may one call take; the test holds it to much less. */
#define PATIENCE_USEC (60 * UINT64_C(1000000))

static int call(sd_bus *bus, const char *member, int64_t *longest)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int64_t begun = now_nsec();
        int r = sd_bus_call_method(bus, KS_BUS_NAME, KS_OBJECT_PATH, KS_INTERFACE, member, &error,
                                   NULL, NULL);

        begun = now_nsec() - begun;
        if (begun > *longest)
                *longest = begun;
        if (r < 0)
                answer_error(member, error.message ? error.message : strerror(-r));
        sd_bus_error_free(&error);
        return r;
}

static void cycle(sd_bus *bus, Board *board, int senders, unsigned long count)
{
        int64_t begun = now_nsec(), engage = 0, release = 0;

        for (unsigned long i = 0; i < count; i++) {
                if (call(bus, "Engage", &engage) < 0)
                        return;
                __atomic_store_n(&board->stamp, BOARD_ENGAGED, __ATOMIC_SEQ_CST);
                if (board_wait(board, senders, 2) < 0)
                        break;
                __atomic_store_n(&board->stamp, BOARD_RELEASED, __ATOMIC_SEQ_CST);
                if (board_wait(board, senders, 1) < 0)
                        break;
                if (call(bus, "Release", &release) < 0)
                        return;
                if (board_wait(board, senders, 2) < 0)
                        break;
                if (i == count - 1) {
                        printf("%" PRId64 " %" PRId64 " %" PRId64 "\n", now_nsec() - begun, engage,
                               release);
                        fflush(stdout);
                        return;
                }
        }
        answer_error("cycle", "a sender has ended");
}

static int by_size(const void *a, const void *b)
{
        int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

        return one < other ? -1 : one > other;
}

static void poll_state(sd_bus *bus)
{
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        int64_t begun = now_nsec(), *times = NULL;
        size_t count = 0, room = 0;

        do {
                int64_t longest = 0;

                if (call(bus, "GetState", &longest) < 0) {
                        free(times);
                        return;
                }
                if (count == room) {
                        room = room ? room * 2 : 4096;
                        times = realloc(times, room * sizeof(*times));
                        if (!times)
                                abort();
                }
                times[count++] = longest;
        } while (poll(&input, 1, 0) == 0);
        qsort(times, count, sizeof(*times), by_size);
        printf("%" PRId64 " %zu %" PRId64 " %" PRId64 "\n", now_nsec() - begun, count,
               times[count / 2], times[count - 1]);
        fflush(stdout);
        free(times);
}

int main(void)
{
        char line[256], path[200];
        unsigned long count;
        sd_bus *bus = NULL;
        int senders, r = sd_bus_open_system(&bus);

        setvbuf(stdin, NULL, _IONBF, 0);
        if (r < 0) {
                answer_error("the system bus", strerror(-r));
                return EXIT_FAILURE;
        }
        sd_bus_set_method_call_timeout(bus, PATIENCE_USEC);
        while (next_order(line, sizeof(line))) {
                if (sscanf(line, "cycle %199s %d %lu", path, &senders, &count) == 3)
                        cycle(bus, board_open(path), senders, count);
                else if (strcmp(line, "poll") == 0)
                        poll_state(bus);
                else
                        answer(0);
        }
        sd_bus_flush_close_unref(bus);
        return EXIT_SUCCESS;
}
