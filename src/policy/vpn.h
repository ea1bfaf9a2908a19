/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/link.h"
#include "policy/names.h"
#include "policy/prefix.h"
#include "policy/selector.h"

/* A VPN: an interface that may carry traffic while engaged, with what is known
 * about it, from a settings section or from kernel WireGuard. */
typedef struct KsVpn {
        char *name;
        char *interface;
        char *kind;   /* the link kind it must have; NULL: any but Ethernet-like */
        char *origin; /* the place in the settings that it is from; NULL: kernel WireGuard */
        gboolean from_settings;
        gboolean from_profile; /* added by a caller, and in no file */
        char *unit;       /* systemd's name of what its own packets come from; NULL: not asked */
        char *group;      /* the unit's control group while it runs, below the root of all;
                           * filled in where it counts */
        guint64 group_id; /* which it is: one that comes back is another */
        char *through;    /* name of the VPN that its own packets go through; NULL: the uplink */
        GArray *inner_servers; /* of KsPrefix: with through, where its own packets go */
        GArray *selectors;     /* of KsSelector */
        GArray *prefixes;      /* of KsPrefix: networks that belong to it */
        KsNames *names;        /* servers that are given by name; NULL: none is */
        GPtrArray *servers;    /* of char*: "NAME:PORT ADDRESS ..." of each; NULL: not known yet */
        KsPrefix gateway4, gateway6;
        guint32 metric;              /* 0: by order */
        gboolean default4, default6; /* may carry all traffic of the family */
} KsVpn;

KsVpn *ks_vpn_new(const char *name, const char *interface);
KsVpn *ks_vpn_copy(const KsVpn *vpn);
void ks_vpn_free(KsVpn *vpn);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsVpn, ks_vpn_free)

/**
 * ks_vpn_from_wireguard() - the VPN that a kernel WireGuard link is
 * @link: a link with ->wireguard set
 *
 * Transport is recognised by the mark when there is one; otherwise by the listen
 * port together with the endpoints, since a port alone would let any program out
 * that binds it when WireGuard lets go of it. It is a default for a family when
 * its peers' allowed IPs cover that family.
 *
 * Returns: a new VPN named after the interface.
 */
KsVpn *ks_vpn_from_wireguard(const KsLink *link);

/**
 * ks_vpn_take_wireguard_selectors() - replace the selectors by what kernel WireGuard says
 * @link: a link with ->wireguard set
 *
 * For a profile that names none. A port counts only while the link is up: then
 * WireGuard holds it, and nobody else can bind it (wg_socket_init()).
 */
void ks_vpn_take_wireguard_selectors(KsVpn *vpn, const KsLink *link);

/**
 * ks_vpn_link_matches() - whether a link may be this VPN
 *
 * The name is not enough: a physical or Ethernet-like link could have taken it.
 * With a kind given, that kind; without, any link that isn't Ethernet-like.
 */
gboolean ks_vpn_link_matches(const KsVpn *vpn, const KsLink *link);
