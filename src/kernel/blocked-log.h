/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* What the guard's log rule tells of packets that were refused, by nfnetlink_log. */
typedef struct KsBlockedLog KsBlockedLog;

/* One packet as it was told. */
typedef struct KsLoggedPacket {
        const guint8 *bytes; /* its beginning, from the IP header on */
        gsize length;
        gboolean has_uid;
        guint32 uid;
        int link; /* that it would have left by; 0: not told */
} KsLoggedPacket;

typedef void (*KsLoggedPacketFunc)(const KsLoggedPacket *packet, gpointer userdata);

/**
 * ks_blocked_log_new() - listen to KS_BLOCKED_GROUP
 * @error: KS_ERROR_KERNEL, with a sentence
 */
KsBlockedLog *ks_blocked_log_new(GError **error);
void ks_blocked_log_free(KsBlockedLog *log);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsBlockedLog, ks_blocked_log_free)

/* Descriptor to poll for reading. */
int ks_blocked_log_fd(const KsBlockedLog *log);

/**
 * ks_blocked_log_drain() - take what waits, up to a limit; never blocks
 *
 * What the kernel had no room for is lost, and does no harm.
 */
void ks_blocked_log_drain(KsBlockedLog *log, KsLoggedPacketFunc take, gpointer userdata);
