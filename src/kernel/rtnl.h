/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "kernel/request.h"
#include "policy/diff.h"

/* The request socket of rtnetlink. Events have a socket of their own. */
typedef struct KsRtnl KsRtnl;

/**
 * ks_rtnl_new() - open the socket
 * @error: KS_ERROR_KERNEL
 *
 * Returns: a new socket, or NULL.
 */
KsRtnl *ks_rtnl_new(GError **error);
void ks_rtnl_free(KsRtnl *rtnl);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsRtnl, ks_rtnl_free)

/* The netlink port of the socket: events about its own changes carry it. */
guint32 ks_rtnl_port(const KsRtnl *rtnl);

/* For other files of this layer: a socket for libnl's caches. */
KsRequestSocket *ks_rtnl_caches(KsRtnl *rtnl);

/**
 * ks_rtnl_dump_rules() - all rules of both families that carry our protocol
 * @rules: of KsRule, appended to
 * @error: KS_ERROR_KERNEL
 */
gboolean ks_rtnl_dump_rules(KsRtnl *rtnl, GArray *rules, GError **error);

/* Likewise all rules, whosever they are, in the kernel's order. */
gboolean ks_rtnl_dump_all_rules(KsRtnl *rtnl, GArray *rules, GError **error);

/**
 * ks_rtnl_dump_routes() - routes of both families by table or by protocol
 * @table: only of this table; 0: of all
 * @origin: only with this protocol; 0: of all
 * @routes: of KsRoute, appended to
 * @error: KS_ERROR_KERNEL
 */
gboolean ks_rtnl_dump_routes(KsRtnl *rtnl, guint32 table, guint8 origin, GArray *routes,
                             GError **error);

/**
 * ks_rtnl_dump_default_links() - the links that default routes of a table lead over
 * @links: of int, appended to, perhaps several times; KS_SOME_LINK (kernel/message.h) for one
 *   that the kernel doesn't tell
 * @error: KS_ERROR_KERNEL
 *
 * Halves of a default (0.0.0.0/1) count as one.
 */
gboolean ks_rtnl_dump_default_links(KsRtnl *rtnl, guint32 table, GArray *links, GError **error);

/* In words, with the names that interfaces have now. Caller frees. */
char *ks_rtnl_describe_op(const KsOp *op);
char *ks_rtnl_describe_route(const KsRoute *route);

/**
 * ks_rtnl_apply() - carry out operations in their order
 * @ops: of KsOp
 * @error: KS_ERROR_KERNEL, naming the operation and the kernel's reason
 *
 * Sends them in few system calls and waits for every acknowledgement. What is
 * already there or already gone is no error: the caller reads back what counts.
 * The kernel goes on behind an operation that fails, and so does this; the first
 * error is reported.
 */
gboolean ks_rtnl_apply(KsRtnl *rtnl, GArray *ops, GError **error);
