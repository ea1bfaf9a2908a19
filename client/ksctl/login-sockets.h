/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Connections of this machine, and who has them open. */

#include "client/ksctl/login.h"

/* What the parents of this process tell about where its user sits. */
typedef enum LoginWay {
        LOGIN_WAY_LOCAL,
        LOGIN_WAY_MULTIPLEXER, /* nothing, but it may be looked at from anywhere */
        LOGIN_WAY_REMOTE,      /* a program lets people in from elsewhere */
} LoginWay;

/**
 * login_connections() - every connection of TCP that stands
 * @ret: (transfer full): an array of LoginConnection
 *
 * Takes no rights.
 *
 * Returns: 0 or a negative errno.
 */
int login_connections(GArray **ret);

/**
 * login_parents() - look at this process and those that it comes from
 * @inodes: (transfer none): a set of guint64*; the sockets that they have open are added, as far as
 *          we may see
 *
 * Returns: what their names tell.
 */
LoginWay login_parents(GHashTable *inodes);
