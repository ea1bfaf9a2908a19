/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "kernel/rtnl.h"
#include "policy/diff.h"

/**
 * netns_fresh() - put this process into a network namespace of its own, without anything in it
 *
 * lo is up, and IPv6 addresses are good at once. Sockets that are open stay where they are.
 */
void netns_fresh(void);

/* Runs shell commands, each a line; one that fails fails the test. */
void run(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Whether the commands succeed. */
gboolean succeeds(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* What they print. Caller frees. */
char *output_of(const char *format, ...) G_GNUC_PRINTF(1, 2);

/* The index of a link that has to be there. */
int index_of(const char *name);

/* Makes a tun link that carries as long as the descriptor is open, which is the caller's. */
int open_tun(const char *name);

/* Links with the indices that host_new_random() gives: 2, 10 to 14, 20 to 24, 50. */
void add_random_links(void);

/* Runs nft commands in another process, which stays until it is stopped, and owns the tables that
 * it made with "flags owner". @for_ever: again and again until then */
pid_t start_nft(const char *commands, gboolean for_ever);
void stop_nft(pid_t pid);

/* A request socket that has to open. */
KsRtnl *rtnl_new(void);

/* Applies one operation, or several; they have to succeed. */
void apply(KsRtnl *rtnl, GArray *ops);
void apply_rule(KsRtnl *rtnl, KsOpKind kind, const KsRule *rule);
void apply_route(KsRtnl *rtnl, KsOpKind kind, const KsRoute *route);

/* All rules and routes of protocol 83, as the service reads them. */
KsSteering read_steering(KsRtnl *rtnl);
GArray *read_rules(KsRtnl *rtnl);
GArray *read_routes(KsRtnl *rtnl, guint32 table, guint8 origin);
void steering_free(KsSteering *steering);

/* The same rules, or routes, in whatever order. */
void assert_same_rules(GArray *a, GArray *b);
void assert_same_routes(GArray *a, GArray *b);

/* An IPv4 or IPv6 address and a port. Returns: the length that connect() takes. */
socklen_t address_of(const char *text, guint16 port, struct sockaddr_storage *address);
