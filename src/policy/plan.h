/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/ruleset.h"
#include "policy/route.h"
#include "policy/rule.h"
#include "policy/settings.h"

/* Where each rule stands, counted from Priority=. Rules may share a place. */
enum {
        KS_OFFSET_TRANSPORT = 0, /* 0..29, one VPN a place */
        KS_OFFSET_TRANSPORT_LAST = 29,
        KS_OFFSET_DHCP = 30,
        KS_OFFSET_TRANSPORT_FLOOR = 31, /* transport that main can't route goes nowhere */
        KS_OFFSET_REPLIES = 32, /* answers to transport that is known by its user, unit or ports */
        KS_OFFSET_HOST = 35,    /* networks of this host's guests; DNS in them is no LAN's */
        KS_OFFSET_VPN_PREFIXES = 40, /* one a prefix that LAN could claim */
        KS_OFFSET_DNS = 41,          /* 41..44 */
        KS_OFFSET_HOST_SHARED = 45,  /* guests' networks that a VPN has a part in */
        KS_OFFSET_LAN = 50,          /* 50..79 */
        KS_OFFSET_LAN_MORE = 70,     /* LanPrefixes= */
        KS_OFFSET_LAN_ALL = 79,      /* the blanket rule, at a place of its own */
        KS_OFFSET_SENT = 80,         /* what is sent, by protocol; questions about routes pass */
        KS_OFFSET_SENT_FLOOR = 81,   /* in IPv6 a socket bound to a device gets no answer there */
        KS_OFFSET_SERVERS = 82, /* questions are answered where they are about a VPN's server */
        KS_OFFSET_ALL = 90,
        KS_OFFSET_FLOOR = 91,
        KS_OFFSET_END = 100,
};

/* The blocking default loses against every other route of the table. */
#define KS_METRIC_BLOCK 0xffffffffu
#define KS_METRIC_FIRST 100u

/* What the plan knows about one VPN, for those who ask. */
typedef struct KsPlanVpn {
        KsVpn *vpn;
        char kind[16];        /* of the link that is there; "" when none is */
        int index;            /* of the link; 0 when none is */
        gboolean up;          /* carries traffic now */
        gboolean up4, up6;    /* of which family: it has an address of it */
        GPtrArray *addresses; /* of char* */
        char *transport;      /* its selectors in words */
} KsPlanVpn;

/* Which addresses are what, for those who judge single sockets. */
typedef struct KsReach {
        GArray *own;         /* of KsPrefix: all addresses of this host */
        GArray *outside;     /* of KsPrefix: those that are not a VPN's */
        GArray *guests;      /* of KsPrefix: networks of this host's guests */
        GArray *guest_links; /* of int: links that lead to them */
        GArray *lan;         /* of KsPrefix: what may be reached directly */
        gboolean lan_dns;    /* DNS included */
} KsReach;

/* The complete wanted kernel state while engaged. */
typedef struct KsPlan {
        GArray *rules;  /* of KsRule, from exemption to floor */
        GArray *routes; /* of KsRoute, the blocking defaults first */
        KsGuard *guard;
        GPtrArray *vpns;     /* of KsPlanVpn* */
        GPtrArray *problems; /* of char*: sentences for the administrator */
        GArray *claims;      /* of KsPrefix: networks of VPNs that a LAN could claim */
        KsReach reach;
        gboolean protecting; /* a VPN that carries all traffic is up */
} KsPlan;

/**
 * ks_plan_new() - from what is wanted and what is there to what the kernel shall hold
 * @settings: the settings
 * @lan: LAN access in force (SetLan may have overridden the settings)
 * @links: of KsLink*, all links of the host
 * @lan_routes: of KsPrefix, destinations of main's routes over uplinks that are
 *   no default; only read with KS_LAN_MODE_ALL; may be NULL
 * @kept: of KsPrefix, networks of VPNs that were up before; they stay theirs when
 *   the VPN is gone, or its private traffic would go to whoever claims them on
 *   the LAN; may be NULL
 *
 * Pure: no I/O, no clock, same input same plan.
 */
KsPlan *ks_plan_new(const KsSettings *settings, KsLan lan, GPtrArray *links, GArray *lan_routes,
                    GArray *kept);
void ks_plan_free(KsPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsPlan, ks_plan_free)

/* The fixed private ranges of a family, AF_INET or AF_INET6. @count: set. */
const char *const *ks_private_ranges(int family, guint *count);
