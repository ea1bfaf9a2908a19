/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets for requests, made anew after a failure. */

#include <netlink/netlink.h>
#include <netlink/socket.h>

#include "kernel/request.h"

int ks_request_socket_open(KsRequestSocket *self)
{
        struct nl_sock *socket;
        int r;

        if (self->socket)
                return 0;
        socket = nl_socket_alloc();
        if (!socket)
                g_error("out of memory");
        /* Events about our own changes are known by the port. */
        if (self->port)
                nl_socket_set_local_port(socket, self->port);
        r = nl_connect(socket, self->protocol);
        /* The kernel has answered, or begun to, when it has taken a request; what was never sent
         * is not waited for. libnl 3.7 doesn't notice when it fails to ask for the links. */
        if (r >= 0)
                r = nl_socket_set_nonblocking(socket);
        if (r >= 0 && self->prepare)
                r = self->prepare(socket);
        if (r < 0) {
                nl_socket_free(socket);
                return r;
        }
        self->port = nl_socket_get_local_port(socket);
        self->socket = socket;
        return 0;
}

int ks_request_socket_settle(KsRequestSocket *self, int r)
{
        /* The one error that is an answer of the kernel's in everyday life. */
        if (r < 0 && r != -NLE_OBJ_NOTFOUND)
                ks_request_socket_clear(self);
        return r;
}

void ks_request_socket_clear(KsRequestSocket *self)
{
        if (self->socket)
                nl_socket_free(self->socket);
        self->socket = NULL;
}
