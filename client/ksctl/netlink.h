/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Questions to the kernel that take no rights, or get a shorter answer without them. */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdint.h>

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
 * netlink_ask_sockets() - hand on every socket of the network namespace, IPv4 and IPv6
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @states: a bit for each TCP state
 * @function: called for each, with a struct inet_diag_msg
 *
 * Returns: 0 or a negative errno.
 */
int netlink_ask_sockets(uint8_t protocol, uint32_t states, NetlinkFunction function,
                        void *userdata);

/**
 * netlink_find() - an attribute in a row of them
 * @first: the first
 * @length: bytes of all
 * @type: which
 *
 * Returns: it, or NULL.
 */
const struct rtattr *netlink_find(const struct rtattr *first, int length, unsigned short type);
