/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/audit.h"

/**
 * ks_query_routes() - ask the kernel where it would send packets (RTM_GETROUTE)
 * @ways: of KsWayOut; ->answer and ->oif are set of those that are ->askable
 * @error: KS_ERROR_KERNEL when the kernel can't be asked at all
 *
 * No packet is sent. A question that the kernel doesn't take stays unanswered. A
 * packet to an address of this host, or that its rules refuse, stays.
 */
gboolean ks_query_routes(GArray *ways, GError **error);
