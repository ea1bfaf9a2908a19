/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/link.h"

/**
 * ks_wireguard_read() - fill in ->wireguard of every kernel WireGuard link
 * @links: of KsLink*
 * @error: KS_ERROR_KERNEL
 *
 * Asks the generic netlink family "wireguard" (linux/wireguard.h) for port, mark,
 * endpoints and allowed IPs; keys are passed over. A link that goes away
 * meanwhile keeps ->wireguard NULL. Needs CAP_NET_ADMIN.
 */
gboolean ks_wireguard_read(GPtrArray *links, GError **error);
