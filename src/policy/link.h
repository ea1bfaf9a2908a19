/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <net/if.h>
#include <stdint.h>

#include "policy/prefix.h"

/* One address of a link: the local address, and the network it stands in (for
 * a point-to-point link the other end). */
typedef struct KsAddress {
        KsPrefix local;
        KsPrefix network;
} KsAddress;

/* What kernel WireGuard tells of a link by generic netlink. */
typedef struct KsWireguard {
        uint32_t mark;        /* 0: none */
        uint16_t listen_port; /* host byte order; 0: none yet */
        GArray *remotes;      /* of KsEndpoint: where the peers are */
        GArray *allowed;      /* of KsPrefix: what may go through */
} KsWireguard;

typedef struct KsEndpoint {
        KsPrefix address; /* full length */
        uint16_t port;    /* host byte order; 0: any */
} KsEndpoint;

/* A network interface as the kernel has it now. */
typedef struct KsLink {
        int index;
        char name[IFNAMSIZ];
        char kind[16];          /* IFLA_INFO_KIND: "wireguard", "tun", "veth"; "" for hardware */
        uint16_t type;          /* ARPHRD_* */
        unsigned flags;         /* IFF_* */
        int master;             /* index of the bridge or bond that it is a port of; 0: none */
        int parent;             /* IFLA_LINK: index of the link below, for a veth of its other end;
                                 * 0: none in this namespace */
        gboolean default_route; /* main has a default route over it; filled in where it counts */
        GArray *addresses;      /* of KsAddress */
        KsWireguard *wireguard; /* NULL unless kernel WireGuard */
} KsLink;

KsLink *ks_link_new(int index, const char *name);
void ks_link_free(KsLink *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsLink, ks_link_free)

KsWireguard *ks_wireguard_new(void);
void ks_wireguard_free(KsWireguard *wireguard);

/* Up, and for a link with a carrier, carrying. */
gboolean ks_link_is_up(const KsLink *link);

/* Links by name; NULL when there is none. @links: of KsLink*. */
KsLink *ks_links_find(GPtrArray *links, const char *name);

/**
 * ks_interface_name_is_valid() - whether the kernel would take it as a name
 * @name: any bytes
 *
 * Stricter than dev_valid_name() in net/core/dev.c: printable ASCII only, and
 * nothing that has a meaning to nft or a shell, so that a name can never change
 * what a text around it means.
 */
gboolean ks_interface_name_is_valid(const char *name);
