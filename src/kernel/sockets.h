/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/socket.h"

/* The sockets of this network namespace, by sock_diag(7). */
typedef struct KsSockets KsSockets;

/**
 * ks_sockets_new() - open the request socket
 * @error: KS_ERROR_KERNEL
 */
KsSockets *ks_sockets_new(GError **error);
void ks_sockets_free(KsSockets *sockets);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsSockets, ks_sockets_free)

typedef gboolean (*KsSocketFilter)(const KsSocket *socket, gconstpointer userdata);

typedef enum KsSocketScope {
        KS_SOCKETS_CONNECTED, /* those with another end */
        KS_SOCKETS_SENDING,   /* and UDP ones without, which may send to anybody */
} KsSocketScope;

/**
 * ks_sockets_find() - sockets that a filter wants: TCP, UDP and UDP-Lite
 * @scope: which of them; TCP ones that wait for a caller (LISTEN), and what no program holds
 *   open, are left out in any case
 * @wants: asked about each of them, IPv4 and IPv6; NULL: all
 * @userdata: for @wants
 * @found: of KsSocket, appended to
 * @error: KS_ERROR_KERNEL
 *
 * Marks are told to CAP_NET_ADMIN only; without it nothing has a mark.
 */
gboolean ks_sockets_find(KsSockets *sockets, KsSocketScope scope, KsSocketFilter wants,
                         gconstpointer userdata, GArray *found, GError **error);

/**
 * ks_sockets_group() - the control group of the socket that sent a packet
 * @protocol: TCP, UDP or UDP-Lite; others have none that can be asked for
 * @source: the packet's source address, and @source_port
 * @remote: where it was to go, and @remote_port
 * @link: that it would have left by
 * @uid: of the packet; a socket of another user isn't the one
 *
 * Returns: the group's number, or 0 when the socket has gone, is another's, or can't be found.
 */
guint64 ks_sockets_group(KsSockets *sockets, uint8_t protocol, const KsPrefix *source,
                         uint16_t source_port, const KsPrefix *remote, uint16_t remote_port,
                         int link, guint32 uid);

typedef enum KsDestroyed {
        KS_DESTROYED,
        KS_DESTROY_GONE,        /* it had gone, or became another one, meanwhile */
        KS_DESTROY_UNSUPPORTED, /* a kernel without CONFIG_INET_DIAG_DESTROY */
        KS_DESTROY_FAILED,
} KsDestroyed;

/**
 * ks_sockets_destroy() - end one socket from outside
 * @error: with KS_DESTROY_FAILED, KS_ERROR_KERNEL
 *
 * Its program sees ECONNABORTED at once, waiting in recv() too (tcp_abort(), udp_abort()). The
 * kernel sends a reset to the other end of a TCP connection, as a packet of this socket: the guard
 * judges it like any other. Needs CAP_NET_ADMIN.
 */
KsDestroyed ks_sockets_destroy(KsSockets *sockets, const KsSocket *socket, GError **error);
