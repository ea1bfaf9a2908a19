/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* What events were about. */
typedef enum KsChange {
        KS_CHANGE_LINKS = 1 << 0, /* links or addresses */
        KS_CHANGE_RULES = 1 << 1,
        KS_CHANGE_ROUTES = 1 << 2,   /* in our table */
        KS_CHANGE_MAIN = 1 << 3,     /* in table main */
        KS_CHANGE_NFTABLES = 1 << 4, /* any table: the generation says if it matters */
        KS_CHANGE_LOST = 1 << 5,     /* events were lost (ENOBUFS): everything may differ */
        KS_CHANGE_DEFAULTS = 1 << 6, /* default routes of table main, besides KS_CHANGE_MAIN */
        KS_CHANGE_OTHERS = 1 << 7,   /* routes in any other table */
        KS_CHANGE_UNITS = 1 << 8,    /* control groups of VPNs; told by units.h */
} KsChange;

/* The event sockets of rtnetlink and nftables. */
typedef struct KsMonitor KsMonitor;

/**
 * ks_monitor_new() - subscribe
 * @own_port: netlink port whose changes are our own and of no interest
 * @error: KS_ERROR_KERNEL
 *
 * nftables events are left out where the kernel has no nftables.
 */
KsMonitor *ks_monitor_new(guint32 own_port, GError **error);
void ks_monitor_free(KsMonitor *monitor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsMonitor, ks_monitor_free)

/* Whose routes count as ours, once the settings say so. */
void ks_monitor_set_table(KsMonitor *monitor, guint32 table);

/* Descriptors to poll for reading; -1 when there is none. */
int ks_monitor_route_fd(const KsMonitor *monitor);
int ks_monitor_nftables_fd(const KsMonitor *monitor);

/**
 * ks_monitor_drain() - take the events that are waiting
 *
 * Never blocks and takes a limited number, so that a storm can't keep the caller
 * from everything else; what is left makes the descriptor readable again.
 *
 * Returns: a set of KsChange.
 */
guint ks_monitor_drain(KsMonitor *monitor);
