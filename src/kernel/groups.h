/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Names of control groups by their numbers. */
typedef struct KsGroups KsGroups;

/**
 * ks_groups_new() - nothing is read yet
 * @root: KS_GROUPS_ROOT
 */
KsGroups *ks_groups_new(const char *root);
void ks_groups_free(KsGroups *groups);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsGroups, ks_groups_free)

/**
 * ks_groups_find() - the control group that has a number
 * @id: as the kernel tells it of a socket; the number of the directory's inode
 *
 * A user may make control groups without end below his own: so there is a limit to how many are
 * looked at, and to how often. What isn't found is not known.
 *
 * Returns: its path below the root, valid until the next call, or NULL.
 */
const char *ks_groups_find(KsGroups *groups, guint64 id);
