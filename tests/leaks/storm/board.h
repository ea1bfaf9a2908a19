/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* What the senders and the program that turns the switch share: a file of numbers in memory.
 *
 * Every datagram carries the stamp that was in force when its send began. So one that began while
 * the switch was known to be engaged is recognised on the wire, however late it gets there. */

#define BOARD_SENDERS 8

typedef struct Board {
        uint64_t stop;  /* the senders end */
        uint64_t stamp; /* BOARD_RELEASED or BOARD_ENGAGED */
        struct {
                uint64_t attempts, successes;
                uint64_t engaged; /* attempts under that stamp */
                uint32_t rounds;  /* every way was tried once more; also a futex */
                uint32_t waited;  /* somebody waits for the end of a round */
        } senders[BOARD_SENDERS];
} Board;

#define BOARD_RELEASED UINT64_C(0)
#define BOARD_ENGAGED UINT64_C(0x656e67616765642e) /* "engaged." */

static inline Board *board_open(const char *path)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);
        void *board = fd < 0 ? MAP_FAILED
                             : mmap(NULL, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (board == MAP_FAILED) {
                perror(path);
                exit(EXIT_FAILURE);
        }
        close(fd);
        return board;
}

/* Sender: a round is over. */
static inline void board_round(Board *board, int slot)
{
        __atomic_add_fetch(&board->senders[slot].rounds, 1, __ATOMIC_SEQ_CST);
        if (__atomic_exchange_n(&board->senders[slot].waited, 0, __ATOMIC_SEQ_CST))
                syscall(SYS_futex, &board->senders[slot].rounds, FUTEX_WAKE, INT_MAX, NULL, NULL,
                        0);
}

/* Returns once every sender has ended so many rounds; with two, each way was tried once from its
 * beginning to its end. The limit is generous: a sender that died is an error. */
static inline int board_wait(Board *board, int senders, uint32_t rounds)
{
        for (int i = 0; i < senders; i++) {
                uint32_t first = __atomic_load_n(&board->senders[i].rounds, __ATOMIC_SEQ_CST), now;

                while ((now = __atomic_load_n(&board->senders[i].rounds, __ATOMIC_SEQ_CST)) -
                               first <
                       rounds) {
                        struct timespec limit = { .tv_sec = 30 };

                        __atomic_store_n(&board->senders[i].waited, 1, __ATOMIC_SEQ_CST);
                        if (syscall(SYS_futex, &board->senders[i].rounds, FUTEX_WAIT, now, &limit,
                                    NULL, 0) < 0 &&
                            __atomic_load_n(&board->senders[i].rounds, __ATOMIC_SEQ_CST) == now &&
                            errno == ETIMEDOUT)
                                return -1;
                }
        }
        return 0;
}
