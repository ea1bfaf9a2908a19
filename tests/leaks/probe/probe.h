/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>

/* An order: words of the form key=value. */
typedef struct Order {
        GHashTable *fields; /* char* to char* */
} Order;

/* The value of a field, NULL when it was not given. */
const char *order_get(const Order *order, const char *key);
/* Its value as a number in C's notation, 0 when it was not given. */
long order_number(const Order *order, const char *key);

/* A socket and what it was opened as. */
typedef struct Probe {
        int fd;
        int family;        /* of the socket; AF_PACKET for frames */
        int target_family; /* of where it sends to; AF_INET6 sockets may be told IPv4 addresses */
        int protocol;
        gboolean raw, echo, header, stream;
} Probe;

/**
 * probe_open() - a socket as the order describes it, with its options set
 *
 * kind=udp|tcp|icmp|udplite|raw|packet, family=4|6, protocol= for raw, header=1 for
 * one that writes its own IP header; options: see options.c.
 *
 * Returns: FALSE with errno set, and no descriptor left open.
 */
gboolean probe_open(Probe *probe, const Order *order);

/* Sets the options that the order names; FALSE with errno set. */
gboolean probe_set_options(const Probe *probe, const Order *order);

/* The address and port of the fields, as this socket wants them; its length, 0 with errno set. */
socklen_t probe_address(const Probe *probe, const Order *order, const char *address,
                        const char *port, struct sockaddr_storage *storage);

/**
 * probe_payload() - what one message of the probe consists of
 * @order: tag=, and to= and source= where it writes headers
 * @number: counts the messages, for echo requests
 */
GByteArray *probe_payload(const Probe *probe, const Order *order, guint number);

/* The interface's index, 0 with errno set when there is none. */
int probe_index(const char *interface);
