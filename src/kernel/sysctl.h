/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/**
 * ks_sysctl_read_number() - a number under /proc/sys/net
 * @path: "ipv4/conf/all/rp_filter"
 *
 * Returns: the number, -1 when it can't be read.
 */
int ks_sysctl_read_number(const char *path);

/**
 * ks_sysctl_use_marks_in_reverse_lookups() - set net.ipv4.conf.all.src_valid_mark
 * @error: KS_ERROR_KERNEL with what to do
 *
 * While engaged, an answer to the VPN's own packet passes rp_filter only when the
 * reverse lookup takes the packet's mark, which the guard restores (wg-quick(8)
 * sets the same). Does nothing when it is set already. It stays set: without
 * marks on incoming packets it has no effect.
 */
gboolean ks_sysctl_use_marks_in_reverse_lookups(GError **error);
