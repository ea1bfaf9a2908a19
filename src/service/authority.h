/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/* The one place that decides who may do what, by asking polkit. */
typedef struct KsAuthority KsAuthority;

/**
 * KsAuthorityDone - the verdict
 * @message: the method call that was asked about
 * @error: NULL when allowed; otherwise a D-Bus error name and sentence to reply
 *
 * Not called when the caller has left the bus meanwhile.
 */
typedef void (*KsAuthorityDone)(sd_bus_message *message, const sd_bus_error *error,
                                gpointer userdata);

/* Called instead when an earlier question of the same sender was still open: that
 * one is answered, things may have changed, the call is to be handled anew. */
typedef void (*KsAuthorityAgain)(sd_bus_message *message, gpointer userdata);

/**
 * ks_authority_new() - an authority on a bus
 * @again: see above
 * @userdata: for @again
 */
KsAuthority *ks_authority_new(sd_bus *bus, KsAuthorityAgain again, gpointer userdata);
void ks_authority_free(KsAuthority *authority);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsAuthority, ks_authority_free)

/**
 * ks_authority_check() - ask whether the sender of a call may do an action
 * @message: the call; kept until the verdict
 * @action: a polkit action
 * @done: called from the main loop, never from inside
 * @userdata: for @done; freed by it
 * @free_userdata: frees @userdata when @done will not be called
 * @error: set when too many are waiting, of the sender or at all
 *
 * One question a sender is open at a time; the calls behind it wait, in limits.
 * Interaction is allowed when the message allows it. uid 0 needs no polkit, which
 * would say yes (polkitbackendinteractiveauthority.c) but may be missing or hang.
 *
 * Returns: 0, or negative with @error set and @userdata freed.
 */
int ks_authority_check(KsAuthority *authority, sd_bus_message *message, const char *action,
                       KsAuthorityDone done, gpointer userdata, GDestroyNotify free_userdata,
                       sd_bus_error *error);
