/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Where the control groups are, and nft looks for them. */
#define KS_GROUPS_ROOT "/sys/fs/cgroup"

/* The control groups of systemd's units: where they are, and when they come and go. */
typedef struct KsUnits KsUnits;

/**
 * ks_units_new() - begin to watch, nothing yet
 * @root: KS_GROUPS_ROOT
 */
KsUnits *ks_units_new(const char *root);
void ks_units_free(KsUnits *units);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsUnits, ks_units_free)

/* Descriptor to poll for reading; -1 where nothing can be watched. */
int ks_units_fd(const KsUnits *units);

/**
 * ks_units_look() - fill in the control group of each VPN that has a unit
 * @vpns: of KsVpn*
 *
 * Only slices are looked into that belong to root: a user's own service manager may call a
 * service what it likes, below a control group that belongs to the user. Whatever a VPN's unit
 * is, from here on it is watched.
 */
void ks_units_look(KsUnits *units, GPtrArray *vpns);

/**
 * ks_units_drain() - take the events that are waiting; never blocks
 *
 * Returns: whether a unit that was looked for may have come or gone.
 */
gboolean ks_units_drain(KsUnits *units);
