/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <net/if.h>
#include <net/if_arp.h>

#include "policy/plan.h"

/* A host for tests: the settings, the links, and what main leads to. */
typedef struct Host {
        KsSettings *settings;
        GPtrArray *links;   /* of KsLink* */
        GArray *lan_routes; /* of KsPrefix */
} Host;

Host *host_new(void);
void host_free(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)

/* A prefix or an address of a known form; a test with another one fails. */
KsPrefix prefix(const char *text);

/* An endpoint from "192.0.2.1" or "2001:db8::1". */
KsEndpoint endpoint(const char *address, uint16_t port);

/* A link that is up. @kind: "" for hardware. */
KsLink *host_add_link(Host *host, int index, const char *name, const char *kind, uint16_t type);

/* Links by their usual types: a tunnel of a program, a network card. */
KsLink *host_add_tun(Host *host, int index, const char *name);
KsLink *host_add_card(Host *host, int index, const char *name);

/* Kernel WireGuard; peers are added one by one. @allowed: prefixes with blanks between. */
KsLink *host_add_wireguard(Host *host, int index, const char *name, uint32_t mark, uint16_t port);
void link_add_peer(KsLink *link, const char *address, uint16_t port, const char *allowed);

/* "10.8.0.2/24" */
void link_add_address(KsLink *link, const char *text);

/* A point-to-point address: the own end, and the network of the other one. */
void link_add_peer_address(KsLink *link, const char *local, const char *network);

/* A profile that carries all traffic, as a [VPN] section makes it. */
KsVpn *host_add_vpn(Host *host, const char *name, const char *interface);

/* Selectors of the two usual forms; change what is returned for others. The pointer is good until
 * the next one is added. */
KsSelector *vpn_add_mark(KsVpn *vpn, uint8_t protocol, uint32_t mark);
KsSelector *vpn_add_user(KsVpn *vpn, uint8_t protocol, uint32_t uid);

/* The plan with the LAN of the settings. */
KsPlan *host_plan(const Host *host);

/* One rule a line and nothing about the family, in the plan's order. */
char *plan_rules_text(const KsPlan *plan, int family);
/* One route a line, likewise. */
char *plan_routes_text(const KsPlan *plan, int family);
/* "NAME: ELEMENTS" a line; sets without elements are left out, and the LAN's too. */
char *plan_sets_text(const KsPlan *plan);

/* A host of any shape that settings and kernel can have: VPNs of all kinds, up and down and
 * missing, all settings. Follows g_test_rand_int(). */
Host *host_new_random(void);
