/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends datagrams several ways until the board says stop, at full speed or with rests.
 *
 * Arguments: the board, this sender's number on it, the microseconds of rest after each round of
 * all ways, and ways: ADDRESS or ADDRESS%DEVICE to bind to. Every way has two sockets, one of them
 * connected, because that one remembers its route. */

#include <arpa/inet.h>
#include <endian.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/leaks/storm/board.h"

#define PORT 9
#define WAYS_MAX 8
/* Rounds until sockets are made anew: one may have been reset, or could not be connected. */
#define ROUNDS 64

typedef struct Way {
        union {
                struct sockaddr any;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
        } target;
        socklen_t length;
        const char *device;
        int sockets[2]; /* free and connected, -1 when there is none */
} Way;

static void parse_way(Way *way, char *text)
{
        char *device = strchr(text, '%');

        memset(way, 0, sizeof(*way));
        if (device) {
                *device = '\0';
                way->device = device + 1;
        }
        if (inet_pton(AF_INET, text, &way->target.in.sin_addr) == 1) {
                way->target.in.sin_family = AF_INET;
                way->target.in.sin_port = htons(PORT);
                way->length = sizeof(way->target.in);
        } else if (inet_pton(AF_INET6, text, &way->target.in6.sin6_addr) == 1) {
                way->target.in6.sin6_family = AF_INET6;
                way->target.in6.sin6_port = htons(PORT);
                way->length = sizeof(way->target.in6);
        } else {
                fprintf(stderr, "no address: %s\n", text);
                exit(EXIT_FAILURE);
        }
        way->sockets[0] = way->sockets[1] = -1;
}

static void open_sockets(Way *way)
{
        for (int i = 0; i < 2; i++) {
                if (way->sockets[i] >= 0)
                        close(way->sockets[i]);
                way->sockets[i] = socket(way->target.any.sa_family,
                                         SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                if (way->sockets[i] < 0 ||
                    (way->device && setsockopt(way->sockets[i], SOL_SOCKET, SO_BINDTODEVICE,
                                               way->device, (socklen_t)strlen(way->device)) < 0)) {
                        perror("a socket of one's own");
                        exit(EXIT_FAILURE);
                }
        }
        if (connect(way->sockets[1], &way->target.any, way->length) < 0) {
                close(way->sockets[1]);
                way->sockets[1] = -1;
        }
}

static void try(Board *board, int slot, const Way *way, int which)
{
        uint64_t stamp = __atomic_load_n(&board->stamp, __ATOMIC_SEQ_CST);
        uint64_t data = htobe64(stamp);
        ssize_t sent;

        if (way->sockets[which] < 0)
                return;
        if (which == 0)
                sent = sendto(way->sockets[0], &data, sizeof(data), 0, &way->target.any,
                              way->length);
        else
                sent = send(way->sockets[1], &data, sizeof(data), 0);
        board->senders[slot].attempts++;
        board->senders[slot].successes += sent >= 0;
        board->senders[slot].engaged += stamp == BOARD_ENGAGED;
}

int main(int argc, char **argv)
{
        Way ways[WAYS_MAX];
        int count = argc - 4, slot = argc > 4 ? atoi(argv[2]) : -1;
        struct timespec rest = { .tv_nsec = argc > 4 ? atol(argv[3]) * 1000 : 0 };
        Board *board;

        if (slot < 0 || slot >= BOARD_SENDERS || count > WAYS_MAX)
                return 2;
        board = board_open(argv[1]);
        for (int i = 0; i < count; i++)
                parse_way(&ways[i], argv[4 + i]);
        for (unsigned round = 0; !__atomic_load_n(&board->stop, __ATOMIC_SEQ_CST); round++) {
                for (int i = 0; i < count; i++) {
                        if (round % ROUNDS == 0)
                                open_sockets(&ways[i]);
                        try(board, slot, &ways[i], 0);
                        try(board, slot, &ways[i], 1);
                }
                board_round(board, slot);
                /* The flood's pace; nobody waits by it. */
                if (rest.tv_nsec > 0)
                        ppoll(NULL, 0, &rest, NULL);
        }
        return EXIT_SUCCESS;
}
