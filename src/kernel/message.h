/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <netlink/msg.h>

#include "policy/diff.h"

/**
 * ks_message_build() - the netlink request of one operation
 * @op: the operation
 *
 * Rules are added with NLM_F_EXCL (without it the kernel makes duplicates, and
 * NLM_F_REPLACE duplicates them as well) and deleted with all of their
 * attributes (RTM_DELRULE matches only those that it names; fib_nl_delrule() in
 * net/core/fib_rules.c).
 *
 * Returns: a message that the caller frees with nlmsg_free().
 */
struct nl_msg *ks_message_build(const KsOp *op);

/**
 * ks_message_parse_rule() - from RTM_NEWRULE or RTM_DELRULE to a value
 * @header: the message
 * @rule: set on success
 *
 * The inverse of ks_message_build() for rules.
 *
 * Returns: FALSE when it is no well-formed rule of IPv4 or IPv6.
 */
gboolean ks_message_parse_rule(struct nlmsghdr *header, KsRule *rule);

/* Likewise from RTM_NEWROUTE or RTM_DELROUTE. */
gboolean ks_message_parse_route(struct nlmsghdr *header, KsRoute *route);

/* A link that the kernel doesn't name: a next hop object with nexthop_compat_mode off. */
#define KS_SOME_LINK (-1)

/**
 * ks_message_is_default() - whether it is about a default route, or about half of one
 * @header: RTM_NEWROUTE or RTM_DELROUTE
 *
 * Cheap: a storm of other routes costs next to nothing.
 */
gboolean ks_message_is_default(struct nlmsghdr *header);

/* Appends the links, of int, that a unicast route leads over: all of its next hops. */
void ks_message_route_links(struct nlmsghdr *header, GArray *links);
