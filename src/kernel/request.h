/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

struct nl_sock;

/* A socket for requests to the kernel, opened when it is needed. Where sending or receiving
 * failed, an answer may still be on its way, and libnl would take every later one for out of
 * order: the socket is given up then, and the next request gets a fresh one. */
typedef struct KsRequestSocket {
        int protocol;
        int (*prepare)(struct nl_sock *socket); /* options of a fresh one; may be NULL */
        struct nl_sock *socket;                 /* NULL: to be opened */
        guint32 port;                           /* the same for every one; 0: none was open yet */
} KsRequestSocket;

/**
 * ks_request_socket_open() - the socket to send by
 *
 * Returns: 0, or a libnl error when it can't be opened; self->socket is NULL then.
 */
int ks_request_socket_open(KsRequestSocket *self);

/**
 * ks_request_socket_settle() - looks at how a request went
 * @r: what libnl said
 *
 * Gives the socket up when it may be out of step. Returns: r.
 */
int ks_request_socket_settle(KsRequestSocket *self, int r);

void ks_request_socket_clear(KsRequestSocket *self);
