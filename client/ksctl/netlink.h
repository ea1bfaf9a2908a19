/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Questions to the kernel that take no rights, or get a shorter answer without them. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

typedef void (*NetlinkFunction)(const struct nlmsghdr *message, void *userdata);

/**
 * netlink_ask() - send a request and hand on every message of the answer
 * @protocol: NETLINK_ROUTE or NETLINK_SOCK_DIAG
 * @request: whole, with its type; whether it is a dump says NLM_F_DUMP
 * @function: called for each message
 *
 * Returns: 0 or a negative errno.
 */
int netlink_ask(int protocol, struct nlmsghdr *request, NetlinkFunction function, void *userdata);

/**
 * netlink_find() - an attribute in a row of them
 * @first: the first
 * @length: bytes of all
 * @type: which
 *
 * Returns: it, or NULL.
 */
const struct rtattr *netlink_find(const struct rtattr *first, int length, unsigned short type);
