/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/enforcer.h"
#include "kernel/monitor.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

/* A namespace with an uplink (eth0, 192.168.1.2/24, fd01::2/64, defaults), a VPN that is up (tun0,
 * 10.8.0.2/24, recognised by mark 1 and UDP), and an enforcer. */
typedef struct Steered {
        KsEnforcer *enforcer;
        KsSettings *settings;
        KsRtnl *rtnl;       /* of the test's own */
        KsMonitor *monitor; /* after watch() */
        int tun;            /* -1 while the VPN is gone */
} Steered;

void steered_set_up(Steered *steered, gconstpointer data);
void steered_tear_down(Steered *steered, gconstpointer data);

/* Another process begins, which knows nothing of this one. */
void new_enforcer(Steered *steered);

/* Raises what settings and links say now; it has to succeed. */
void raise_with(Steered *steered, gboolean links_changed, KsRepair *repair);
void raise_now(Steered *steered);
/* Likewise, and nothing may have been repaired. */
void raise_quietly(Steered *steered);
void lower(Steered *steered);

/* The VPN goes, or comes back; each time as another link. */
void flap(Steered *steered);
void drop_vpn(Steered *steered);

/* The kernel holds the present plan, whole and nothing else of ours, and the guard. */
void assert_in_place(Steered *steered);

/* Listens to all changes, and tells what there was since. */
void watch(Steered *steered);
guint seen(Steered *steered);
