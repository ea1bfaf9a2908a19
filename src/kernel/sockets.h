/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/audit.h"

/**
 * ks_sockets_read() - the UDP and TCP sockets of this network namespace (sock_diag(7))
 * @sockets: of KsSocket, appended to
 * @error: KS_ERROR_KERNEL
 *
 * Those that packets may come from: no listening ones, and none that are over. Marks
 * are told to those with CAP_NET_ADMIN only.
 */
gboolean ks_sockets_read(GArray *sockets, GError **error);
