/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the running system shows of a VPN. As an ordinary user it shows less. */

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

typedef struct LookLink {
        char name[IFNAMSIZ];
        char kind[16]; /* as the kernel has it; "" for hardware */
        unsigned type; /* ARPHRD_* */
} LookLink;

/* A socket of the program that runs a VPN. */
typedef struct LookSocket {
        uint64_t inode;
        uint8_t protocol; /* IPPROTO_UDP or IPPROTO_TCP */
        uint16_t port;    /* the own one */
        char *remote;     /* as Endpoint= takes it; NULL when it isn't connected */
        uid_t uid;        /* to the kernel, whatever its program is now */
        uint32_t mark;    /* 0: none, or not told to us */
} LookSocket;

/* A program that has a tun device open. */
typedef struct LookProgram {
        pid_t pid;
        char *name;
        uid_t uid;          /* whom it runs as now */
        int doubt;          /* a negative errno: why the device may be another namespace's */
        bool is_here;       /* in our network namespace */
        GPtrArray *sockets; /* of LookSocket*: those that may lead to a server. None when in doubt
                               or not here */
} LookProgram;

/* A WireGuard in user space, by its own word. */
typedef struct LookWireguard {
        uint16_t port;
        uint32_t mark;
        GPtrArray *endpoints; /* of char*, as Endpoint= takes them */
        GPtrArray *allowed;   /* of char*, as Prefixes= takes them */
} LookWireguard;

/**
 * look_links() - all links
 * @links: set to an array of LookLink, the caller's
 *
 * Returns: 0 or a negative errno.
 */
int look_links(GArray **links);

/**
 * look_is_tunnel() - whether a link may send what it is given inside packets of its own
 * @name: of the link
 *
 * Returns: true as well when that can't be told.
 */
bool look_is_tunnel(const char *name);

/**
 * look_route() - by which link an address is reached now
 * @endpoint: as Endpoint= takes it
 * @mark: of the packets
 * @link: set
 *
 * Returns: 0 or a negative errno.
 */
int look_route(const char *endpoint, uint32_t mark, char link[IFNAMSIZ]);

/**
 * look_way() - by which link an address is reached now, and whether on the way of last resort
 * @family: AF_INET or AF_INET6
 * @to: the address' bytes
 * @from: the bytes of the own one; NULL for whichever the kernel takes
 * @link: set
 * @is_default: set: it is a default route that leads there, or half of one
 *
 * Returns: 0 or a negative errno.
 */
int look_way(int family, const void *to, const void *from, char link[IFNAMSIZ], bool *is_default);

/**
 * look_programs() - who has a tun device of our network namespace open
 * @link: the device
 * @ret: (transfer full): an array of LookProgram*, empty when nobody has it open that we may see.
 *       Who has one of that name open whose namespace can't be told is among them, in doubt
 *
 * Returns: 0 or a negative errno.
 */
int look_programs(const char *link, GPtrArray **ret);

/**
 * look_wireguard() - ask a WireGuard in user space by its control socket
 * @link: its device
 * @ret: (transfer full): what it says; never its keys
 *
 * Returns: 0; -ENOENT when it has no such socket; -EACCES when that is for the administrator; or
 * another negative errno.
 */
int look_wireguard(const char *link, LookWireguard **ret);
void look_wireguard_free(LookWireguard *wireguard);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LookWireguard, look_wireguard_free)
