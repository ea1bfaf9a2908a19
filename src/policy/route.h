/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "policy/prefix.h"

/* A route. Zero means unset; the default route's destination is the prefix of
 * length 0 with its family. No implicit padding. */
typedef struct KsRoute {
        uint32_t table;
        uint32_t metric; /* RTA_PRIORITY */
        int32_t oif;     /* link index; 0: none */
        uint8_t family;
        uint8_t type;    /* RTN_* */
        uint8_t origin;  /* RTPROT_*; KS_PROTOCOL is ours */
        uint8_t unknown; /* carries what this structure can't hold: several next hops, say */
        KsPrefix destination;
        KsPrefix gateway; /* AF_UNSPEC: none */
} KsRoute;

gboolean ks_route_equal(const KsRoute *a, const KsRoute *b);

/* Whether the kernel would take both for one place: NLM_F_REPLACE of one puts
 * the other there (fib_table_insert() in net/ipv4/fib_trie.c). */
gboolean ks_route_same_place(const KsRoute *a, const KsRoute *b);

/* As iproute2 writes it. @device: the name of ->oif; NULL: its number is shown.
 * Caller frees. */
char *ks_route_to_string(const KsRoute *route, const char *device);
