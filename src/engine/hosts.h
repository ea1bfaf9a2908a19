/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/pins.h"

/**
 * ks_hosts_text() - a hosts file for the VPNs' own programs
 * @up: whether the pinned names are wanted in it, since nobody can be asked
 *
 * Pins that are in force come ahead of what the machine's own file has.
 */
char *ks_hosts_text(GPtrArray *pins, gboolean up);

/* Writes "hosts" there. What is bound over a unit's /etc/hosts is the file, not its name,
 * so one that is there is changed in its place. Returns: FALSE, and it is told, when it
 * can't be. */
gboolean ks_hosts_write(const char *directory, const char *text);
