/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/link.h"
#include "policy/settings.h"

/**
 * ks_host_links_need_defaults() - whether it matters which links carry a default route of main
 * @settings: for HostInterfaces= and the VPNs
 * @links: of KsLink*; ->default_route is not read
 *
 * Routes of a large table cost time to read, and on most machines nothing hangs on them.
 */
gboolean ks_host_links_need_defaults(const KsSettings *settings, GPtrArray *links);

/**
 * ks_host_links_find() - the links that lead to nobody but this host's own guests
 * @settings: for HostInterfaces= and the VPNs
 * @links: of KsLink*, all links of the host
 * @problems: of char*, sentences for the administrator are added; may be NULL
 *
 * Those that HostInterfaces= names, unless the host's default route goes over them. With "auto"
 * also every bridge that nothing leads out of: its ports are veth, tap or dummy links; neither it
 * nor anything attached to it (ports, what is stacked on it, the other end of a veth in this
 * namespace, and what hangs from that) is a VPN, hardware, a port of anything but a bridge, or
 * carries a default route of main. What the other end of a veth does in another namespace can't
 * be seen from here.
 *
 * Returns: of KsLink*, borrowed from @links.
 */
GPtrArray *ks_host_links_find(const KsSettings *settings, GPtrArray *links, GPtrArray *problems);
