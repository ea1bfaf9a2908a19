/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/diff.h"
#include "policy/lookup.h"

/* The kernel's routing in miniature: rules in their order, routes of all tables, and what becomes
 * of a packet. Behaves as net/core/fib_rules.c and the FIBs do where operations meet each other:
 * an addition that "is there already", a deletion that takes the first that fits. */
typedef struct Fib {
        GArray *rules;  /* of KsRule, by priority; of one priority in the order of addition */
        GArray *routes; /* of KsRoute */
} Fib;

Fib *fib_new(void);
Fib *fib_copy(const Fib *fib);
void fib_free(Fib *fib);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Fib, fib_free)

/* One operation. Returns: FALSE when it changed nothing. */
gboolean fib_apply(Fib *fib, const KsOp *op);

/* One that rules and routes of host_new_random() may be about. Follows g_test_rand_int(). */
KsPacket fib_random_packet(void);

/* A route of table main, as DHCP gives it. */
void fib_add_main(Fib *fib, const char *destination, int oif);

/* The link that a packet leaves by; 0 when it is refused. Table main is asked last. */
int fib_lookup(const Fib *fib, const KsPacket *packet);

/* What ks_diff() takes: all rules and routes of protocol 83. */
KsSteering fib_steering(const Fib *fib);
void steering_clear(KsSteering *steering);
