/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "engine/engine.h"

/* Has the names of VPN servers looked up: before requests that depend on them, and now and
 * then while a VPN carries all traffic. */
typedef struct KsResolver KsResolver;

typedef enum KsResolved {
        KS_RESOLVED,           /* or could not be; the request can be carried out */
        KS_RESOLVER_CANCELLED, /* it must not be carried out any more */
        KS_RESOLVER_FULL,      /* nor when too many wait already */
} KsResolved;

/**
 * KsResolverDone - what became of it
 * @userdata: freed by it
 */
typedef void (*KsResolverDone)(KsResolved result, gpointer userdata);

/* @bus: a reference is taken. */
KsResolver *ks_resolver_new(sd_bus *bus, KsEngine *engine);
void ks_resolver_free(KsResolver *resolver);

/**
 * ks_resolver_before() - look up what a request depends on
 * @done: called at once when there is nothing to ask or no more can wait, else from the main loop,
 * within seconds, whatever is answered
 * @free_userdata: frees @userdata when @done will not be called
 */
void ks_resolver_before(KsResolver *resolver, const KsRequest *request, KsResolverDone done,
                        gpointer userdata, GDestroyNotify free_userdata);

/* Whether a request that raises the kill switch waits for names. */
gboolean ks_resolver_is_raising(const KsResolver *resolver);

/* Cancels those: somebody wants it off. */
void ks_resolver_cancel_raising(KsResolver *resolver);

/* The state may have changed: there may be reason to ask, or none any more. */
void ks_resolver_follow(KsResolver *resolver);
