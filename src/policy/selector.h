/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdint.h>

#include "policy/prefix.h"

/* How a VPN's own packets to its server (its transport) are recognised. All
 * parts that are set must match. One selector has one protocol and at most one
 * endpoint; a profile that names several becomes several selectors. */
typedef struct KsSelector {
        uint32_t mark;
        uint32_t uid;
        uint8_t protocol; /* IPPROTO_*; never 0: the protocol is always part of it, because
                           * ping(8) may set any mark on ICMP (CAP_NET_RAW, Linux 5.17) */
        uint8_t has_mark;
        uint8_t has_uid;
        uint8_t by_kernel;     /* sent by kernel WireGuard: uid 0 to the routing rules, while
                                * the packet may still carry the inner socket in the guard */
        uint16_t source_first; /* host byte order; 0: any */
        uint16_t source_last;
        uint16_t remote_port; /* host byte order; 0: any */
        uint16_t pad;
        KsPrefix remote; /* AF_UNSPEC: any */
        uint8_t in_unit; /* sent from the control group of the VPN's unit: the guard asks for that
                          */
        uint8_t pad2[1];
} KsSelector;

gboolean ks_selector_equal(const KsSelector *a, const KsSelector *b);

/* The mark by which the way back of its answers is looked up, or 0 where its own rule does: the
 * kernel asks for it as root (__fib_validate_source()), and nftables' fib expression, by which
 * firewalls do the same, without ports. */
uint32_t ks_selector_reply_mark(const KsSelector *selector);

/* Whether that mark is KS_REPLY_MARK, which the guard has to give to the connection, and to a
 * unit's packets themselves. */
gboolean ks_selector_marks_replies(const KsSelector *selector);

/* The users whose packets it takes. Steering can't see control groups: without User= a unit's
 * selector is about the system's own users there, root among them. Returns whether there is a
 * limit. */
gboolean ks_selector_users(const KsSelector *selector, uint32_t *first, uint32_t *last);

/* Whether it takes packets of this user, as far as can be told from outside a control group. */
gboolean ks_selector_takes_user(const KsSelector *selector, uint32_t uid);

/* Whether it can match packets of this family. */
gboolean ks_selector_covers_family(const KsSelector *selector, int family);

/* "mark 0xca6c, udp, to 198.51.100.10 port 51820". Caller frees. */
char *ks_selector_to_string(const KsSelector *selector);

/* "udp", "tcp", or the number. Caller frees. */
char *ks_protocol_to_string(uint8_t protocol);
