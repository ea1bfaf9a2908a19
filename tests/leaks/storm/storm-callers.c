/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Callers without manners: many connections to the bus, each with as many calls under way at any
 * time as it is told, and the next one sent as soon as an answer is here.
 *
 * Arguments: how many connections, how many calls of each are under way, and files with one
 * marshalled call each, of which the first is Hello; serial numbers are put in here. Says "1" once
 * all are at it. Goes on until there is something to read, then tells how many calls it has sent,
 * how many answers and errors came back, and how many connections the bus has closed. It speaks the
 * protocol itself: a library would be the slowest part. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BUS "/run/dbus/system_bus_socket"
#define CONNECTIONS_MAX 250
#define CALLS_MAX 16
#define CALL_SIZE_MAX (4 * 1024 * 1024)
#define HEADER 16

typedef struct Call {
        unsigned char *data;
        size_t length;
} Call;

typedef struct Connection {
        int fd;
        uint32_t serial;
        unsigned next;      /* call */
        unsigned char *out; /* a copy of it, under way */
        size_t length, done;
        unsigned under_way;
        unsigned char header[HEADER];
        size_t have;   /* of the header of what comes in */
        uint64_t skip; /* the rest of that message */
} Connection;

static Call calls[CALLS_MAX];
static unsigned n_calls, window;
static uint64_t sent, answers, errors, lost;

static void fail(const char *what)
{
        perror(what);
        exit(EXIT_FAILURE);
}

static void read_call(const char *path)
{
        FILE *file = fopen(path, "re");
        Call *call = &calls[n_calls++];

        call->data = malloc(CALL_SIZE_MAX);
        if (!file || !call->data)
                fail(path);
        call->length = fread(call->data, 1, CALL_SIZE_MAX, file);
        fclose(file);
}

static void say(int fd, const void *text, size_t length)
{
        if (write(fd, text, length) != (ssize_t)length)
                fail("write to the bus");
}

static void expect_line(int fd, const char *start)
{
        char line[256] = { 0 };

        for (size_t i = 0; i < sizeof(line) - 1 && (i == 0 || line[i - 1] != '\n'); i++)
                if (read(fd, line + i, 1) != 1)
                        fail("read from the bus");
        if (strncmp(line, start, strlen(start)) != 0) {
                fprintf(stderr, "the bus said: %s\n", line);
                exit(EXIT_FAILURE);
        }
}

/* Who has this uid is checked by the bus; the number goes over in hexadecimal digits of digits. */
static void open_connection(Connection *connection)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = BUS };
        char uid[16], text[128] = { '\0' };
        size_t length = (size_t)snprintf(text + 1, sizeof(text) - 1, "AUTH EXTERNAL ") + 1;

        connection->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connection->fd < 0 ||
            connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                fail(BUS);
        snprintf(uid, sizeof(uid), "%u", getuid());
        for (const char *digit = uid; *digit; digit++)
                length += (size_t)snprintf(text + length, sizeof(text) - length, "%02x", *digit);
        length += (size_t)snprintf(text + length, sizeof(text) - length, "\r\n");
        say(connection->fd, text, length);
        expect_line(connection->fd, "OK");
        say(connection->fd, "BEGIN\r\n", 7);
        /* The first file is Hello; from its answer on nothing is waited for. */
        say(connection->fd, calls[0].data, calls[0].length);
        fcntl(connection->fd, F_SETFL, O_NONBLOCK);
        connection->serial = 1;
        connection->under_way = 1;
        connection->out = malloc(CALL_SIZE_MAX);
        if (!connection->out)
                abort();
}

static void close_connection(Connection *connection)
{
        close(connection->fd);
        connection->fd = -1;
        lost++;
}

static void send_calls(Connection *connection)
{
        for (int i = 0; i < 64; i++) {
                ssize_t length;

                if (connection->done == connection->length) {
                        if (connection->under_way >= window)
                                return;
                        const Call *call = &calls[1 + connection->next++ % (n_calls - 1)];
                        uint32_t serial = ++connection->serial;

                        memcpy(connection->out, call->data, call->length);
                        memcpy(connection->out + 8, &serial, sizeof(serial));
                        connection->length = call->length;
                        connection->done = 0;
                        connection->under_way++;
                }
                length = send(connection->fd, connection->out + connection->done,
                              connection->length - connection->done, MSG_NOSIGNAL);
                if (length < 0 && errno != EAGAIN)
                        close_connection(connection);
                if (length < 0)
                        return;
                connection->done += (size_t)length;
                sent += connection->done == connection->length;
        }
}

static void take_header(Connection *connection)
{
        uint32_t body, fields;

        memcpy(&body, connection->header + 4, sizeof(body));
        memcpy(&fields, connection->header + 12, sizeof(fields));
        connection->skip = ((uint64_t)fields + 7) / 8 * 8 + body;
        connection->have = 0;
        answers += connection->header[1] == 2;
        errors += connection->header[1] == 3;
        connection->under_way -= connection->header[1] == 2 || connection->header[1] == 3;
}

static void receive_answers(Connection *connection)
{
        unsigned char data[65536];
        ssize_t length = read(connection->fd, data, sizeof(data));

        if (length == 0 || (length < 0 && errno != EAGAIN))
                close_connection(connection);
        for (ssize_t i = 0; i < length;) {
                uint64_t left = (uint64_t)(length - i);
                uint64_t part = connection->skip < left ? connection->skip : left;

                connection->skip -= part;
                i += (ssize_t)part;
                while (!connection->skip && i < length && connection->have < HEADER)
                        connection->header[connection->have++] = data[i++];
                if (connection->have == HEADER)
                        take_header(connection);
        }
}

static struct pollfd poller_of(const Connection *connection)
{
        int sending = connection->done < connection->length || connection->under_way < window;

        return (struct pollfd){ .fd = connection->fd,
                                .events = (short)(sending ? POLLIN | POLLOUT : POLLIN) };
}

int main(int argc, char **argv)
{
        static Connection connections[CONNECTIONS_MAX];
        static struct pollfd pollers[CONNECTIONS_MAX + 1];
        int count = argc > 4 ? atoi(argv[1]) : 0;
        int ready = 0;

        if (count < 1 || count > CONNECTIONS_MAX || argc - 3 > CALLS_MAX)
                return 2;
        window = (unsigned)atoi(argv[2]);
        for (int i = 3; i < argc; i++)
                read_call(argv[i]);
        for (int i = 0; i < count; i++)
                open_connection(&connections[i]);
        pollers[count] = (struct pollfd){ .fd = STDIN_FILENO, .events = POLLIN };
        while (!pollers[count].revents) {
                for (int i = 0; i < count; i++)
                        pollers[i] = poller_of(&connections[i]);
                if (poll(pollers, (nfds_t)count + 1, -1) < 0)
                        fail("poll");
                for (int i = 0; i < count; i++) {
                        if (pollers[i].revents & (POLLIN | POLLHUP | POLLERR))
                                receive_answers(&connections[i]);
                        if (connections[i].fd >= 0 && pollers[i].revents & POLLOUT)
                                send_calls(&connections[i]);
                }
                if (!ready && sent > (uint64_t)count && answers + errors > (uint64_t)count) {
                        ready = 1;
                        printf("1\n");
                        fflush(stdout);
                }
        }
        printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", sent, answers, errors, lost);
        return EXIT_SUCCESS;
}
