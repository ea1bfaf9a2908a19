/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <linux/inet_diag.h>
#include <stdint.h>

#include "policy/plan.h"
#include "policy/prefix.h"

/* A socket of TCP, UDP or UDP-Lite. Addresses of an IPv6 socket that talks IPv4 are IPv4 here;
 * "any" is AF_UNSPEC. */
typedef struct KsSocket {
        uint8_t family;   /* of the socket itself, AF_INET or AF_INET6 */
        uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP or IPPROTO_UDPLITE */
        uint32_t mark;    /* SO_MARK */
        uint32_t uid;
        int link;                          /* that it is bound to; 0: none */
        KsPrefix source, remote;           /* full length */
        uint16_t source_port, remote_port; /* host byte order */
        struct inet_diag_sockid id;        /* what the kernel calls it */
} KsSocket;

/**
 * ks_socket_is_stranded() - whether a socket has an address of outside, and its packets are refused
 * @socket: the socket
 * @plan: what the kernel holds
 *
 * Such a socket was opened before, over an uplink; nothing of it gets anywhere any more, and the
 * VPN can't carry it on, because its source would show inside. Left alone are sockets that stay on
 * this host, go to its guests or to what the LAN settings allow, are a VPN's transport or a DHCP
 * client's, and all whose source is a VPN's address, or one that no link has now: a VPN that comes
 * back with it carries them on.
 */
gboolean ks_socket_is_stranded(const KsSocket *socket, const KsPlan *plan);
