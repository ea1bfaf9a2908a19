/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/prefix.h"

/* Where a packet was going that the guard refused. */
typedef struct KsBlockedPacket {
        KsPrefix source, remote;
        guint8 protocol;
        gboolean has_ports; /* else both are 0 */
        guint16 source_port, remote_port;
} KsBlockedPacket;

/**
 * ks_blocked_parse() - read the headers of a packet
 * @bytes: its beginning, from the IP header on; anything may be in there
 * @length: how much there is of it
 * @packet: set on success
 *
 * Where headers are cut off or are none of IP, what is not known is left out.
 *
 * Returns: whether there is a whole IPv4 or IPv6 header.
 */
gboolean ks_blocked_parse(const guint8 *bytes, gsize length, KsBlockedPacket *packet);

/* Rows that are kept at most. */
#define KS_BLOCKED_MAX 64

/* Who sent it, as far as the kernel can tell. */
typedef struct KsBlockedSender {
        gboolean has_uid;
        guint32 uid;
        const char *group; /* control group of the socket, "user.slice/…"; NULL: not known */
} KsBlockedSender;

/* Packets of one sender to one destination. */
typedef struct KsBlockedRow {
        gboolean has_uid;
        guint32 uid;
        char *group; /* NULL: not known */
        KsPrefix remote;
        guint8 protocol;
        gboolean has_port;
        guint16 port;
        guint64 count;
        guint64 first, last; /* CLOCK_REALTIME, µs */
} KsBlockedRow;

/* The record: bounded, in memory only. */
typedef struct KsBlocked KsBlocked;

KsBlocked *ks_blocked_new(void);
void ks_blocked_free(KsBlocked *blocked);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsBlocked, ks_blocked_free)

/**
 * ks_blocked_add() - count one packet
 * @now: CLOCK_REALTIME, µs
 *
 * When all rows are taken, the sender with the most rows loses the one that was seen longest ago,
 * so that one user's flood drives out his own rows first.
 */
void ks_blocked_add(KsBlocked *blocked, const KsBlockedPacket *packet,
                    const KsBlockedSender *sender, guint64 now);

/* Forgets everything. */
void ks_blocked_clear(KsBlocked *blocked);

/* All rows, of KsBlockedRow*, the one that was seen last first; borrowed until the next change. */
const GPtrArray *ks_blocked_rows(KsBlocked *blocked);

/* Whether a caller may see a row: his own, and root every one. */
gboolean ks_blocked_may_see(const KsBlockedRow *row, guint32 caller);
