/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/prefix.h"
#include "policy/selector.h"

/* The longest name that DNS has, without the dot at its end. */
#define KS_HOST_LENGTH_MAX 253

/* One server that a section gives by its name. */
typedef struct KsNamedEndpoint {
        char *host;    /* in small letters */
        uint16_t port; /* 0: any */
        char *place;   /* "FILE:LINE" where it was given */
} KsNamedEndpoint;

/* The servers of a VPN that are known by name, and what is to be made of their addresses.
 * Never changed once it is made; counted, so that copies of a VPN share it. */
typedef struct KsNames {
        GPtrArray *endpoints; /* of KsNamedEndpoint* */
        GArray *templates;    /* of KsSelector: one a protocol, without a server */
        GArray *ranges; /* of KsPrefix: where the addresses have to be; empty: anywhere public */
        guint fixed;    /* selectors of the VPN that come from addresses in the settings */
} KsNames;

KsNames *ks_names_new(void);
KsNames *ks_names_ref(KsNames *names);
void ks_names_unref(KsNames *names);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsNames, ks_names_unref)

/**
 * ks_names_add() - one more server
 * @host: a name that ks_host_problem() has nothing against
 */
void ks_names_add(KsNames *names, const char *host, uint16_t port, const char *place);

/* Whether one of its servers has this name. */
gboolean ks_names_have(const KsNames *names, const char *host);

/**
 * ks_host_problem() - what is wrong with a text as the name of a server
 *
 * A name has a dot: what has none is completed by search domains, which the local
 * network tells.
 *
 * Returns: the end of a sentence, static; NULL when nothing is.
 */
const char *ks_host_problem(const char *host);

/**
 * ks_names_judge() - whether an address that DNS gave may be a VPN's server
 * @lan: of KsPrefix: networks of the LAN besides the fixed private ranges
 * @tunnels: of KsPrefix: networks inside VPNs
 *
 * Whoever answers DNS must not be able to turn a VPN's own packets to the LAN, to this
 * host, or into a tunnel. EndpointRange= says otherwise for the LAN and for tunnels.
 *
 * Returns: the end of a sentence about the address, static; NULL when it may.
 */
const char *ks_names_judge(const KsNames *names, const GArray *lan, const GArray *tunnels,
                           const KsPrefix *address);
