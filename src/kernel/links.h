/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "kernel/rtnl.h"
#include "policy/link.h"

/**
 * ks_links_read() - all links with their addresses, and what WireGuard says of its own
 * @rtnl: request socket
 * @error: KS_ERROR_KERNEL
 *
 * Returns: an array of KsLink*, or NULL.
 */
GPtrArray *ks_links_read(KsRtnl *rtnl, GError **error);
