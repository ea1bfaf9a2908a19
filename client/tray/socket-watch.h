/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Waits for the system bus to come back, without asking for it again and again. */

#include <glib-object.h>

typedef struct SocketWatch SocketWatch;

/**
 * socket_watch_new() - be told when the system bus may be there again
 * @again: called with @userdata alone whenever its socket appears
 * @userdata: for @again
 *
 * Returns: (transfer full): to be given to socket_watch_free().
 */
SocketWatch *socket_watch_new(GCallback again, gpointer userdata);

/**
 * socket_watch_free() - stop waiting
 * @watch: (transfer full): may be NULL
 */
void socket_watch_free(SocketWatch *watch);
