/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the guard refused: headers read with care, and a bounded record by sender and destination.
 */

#include <netinet/in.h>
#include <string.h>

#include "policy/blocked.h"

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define IPV4_OFFSET_MASK 0x1fff
#define IPV6_OFFSET_MASK 0xfff8
/* More extension headers than anybody sends on purpose. */
#define EXTENSIONS_MAX 8

struct KsBlocked {
        GPtrArray *rows; /* of KsBlockedRow*, the one that was seen last first */
};

static guint16 read_u16(const guint8 *bytes)
{
        return (guint16)(bytes[0] << 8 | bytes[1]);
}

static gboolean protocol_has_ports(guint8 protocol)
{
        return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
               protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static void read_ports(const guint8 *bytes, gsize length, KsBlockedPacket *packet)
{
        if (length < 4 || !protocol_has_ports(packet->protocol))
                return;
        packet->has_ports = TRUE;
        packet->source_port = read_u16(bytes);
        packet->remote_port = read_u16(bytes + 2);
}

static gboolean parse_ipv4(const guint8 *bytes, gsize length, KsBlockedPacket *packet)
{
        gsize header;

        if (length < IPV4_HEADER)
                return FALSE;
        header = (gsize)(bytes[0] & 0x0f) * 4;
        if (header < IPV4_HEADER)
                return FALSE;
        packet->protocol = bytes[9];
        packet->source = ks_prefix_from_bytes(AF_INET, bytes + 12, 32);
        packet->remote = ks_prefix_from_bytes(AF_INET, bytes + 16, 32);
        /* Only the first fragment has ports. */
        if ((read_u16(bytes + 6) & IPV4_OFFSET_MASK) == 0 && length >= header)
                read_ports(bytes + header, length - header, packet);
        return TRUE;
}

static gboolean is_extension(guint8 header)
{
        return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING ||
               header == IPPROTO_DSTOPTS || header == IPPROTO_FRAGMENT || header == IPPROTO_AH;
}

static gsize extension_length(guint8 header, const guint8 *bytes)
{
        if (header == IPPROTO_FRAGMENT)
                return 8;
        return header == IPPROTO_AH ? ((gsize)bytes[1] + 2) * 4 : ((gsize)bytes[1] + 1) * 8;
}

static gboolean parse_ipv6(const guint8 *bytes, gsize length, KsBlockedPacket *packet)
{
        gsize at = IPV6_HEADER;

        if (length < IPV6_HEADER)
                return FALSE;
        packet->protocol = bytes[6];
        packet->source = ks_prefix_from_bytes(AF_INET6, bytes + 8, 128);
        packet->remote = ks_prefix_from_bytes(AF_INET6, bytes + 24, 128);
        for (guint i = 0; i < EXTENSIONS_MAX && is_extension(packet->protocol); i++) {
                guint8 header = packet->protocol;

                if (length - at < 8)
                        return TRUE;
                packet->protocol = bytes[at];
                if (header == IPPROTO_FRAGMENT && (read_u16(bytes + at + 2) & IPV6_OFFSET_MASK))
                        return TRUE;
                if (length - at < extension_length(header, bytes + at))
                        return TRUE;
                at += extension_length(header, bytes + at);
        }
        read_ports(bytes + at, length - at, packet);
        return TRUE;
}

gboolean ks_blocked_parse(const guint8 *bytes, gsize length, KsBlockedPacket *packet)
{
        *packet = (KsBlockedPacket){ 0 };
        if (length == 0)
                return FALSE;
        switch (bytes[0] >> 4) {
        case 4:
                return parse_ipv4(bytes, length, packet);
        case 6:
                return parse_ipv6(bytes, length, packet);
        default:
                return FALSE;
        }
}

static void free_row(gpointer userdata)
{
        KsBlockedRow *row = userdata;

        g_free(row->group);
        g_free(row);
}

KsBlocked *ks_blocked_new(void)
{
        KsBlocked *blocked = g_new0(KsBlocked, 1);

        blocked->rows = g_ptr_array_new_with_free_func(free_row);
        return blocked;
}

void ks_blocked_free(KsBlocked *blocked)
{
        if (!blocked)
                return;
        g_ptr_array_unref(blocked->rows);
        g_free(blocked);
}

void ks_blocked_clear(KsBlocked *blocked)
{
        g_ptr_array_set_size(blocked->rows, 0);
}

static gboolean is_of(const KsBlockedRow *row, const KsBlockedPacket *packet,
                      const KsBlockedSender *sender)
{
        return row->has_uid == sender->has_uid && row->uid == sender->uid &&
               row->protocol == packet->protocol && row->has_port == packet->has_ports &&
               row->port == packet->remote_port && ks_prefix_equal(&row->remote, &packet->remote) &&
               g_strcmp0(row->group, sender->group) == 0;
}

static gboolean is_same_sender(const KsBlockedRow *a, const KsBlockedRow *b)
{
        return a->has_uid == b->has_uid && a->uid == b->uid;
}

/* The place of the row to give up. */
static guint find_victim(const KsBlocked *blocked)
{
        guint victim = 0, most = 0;

        for (guint i = 0; i < blocked->rows->len; i++) {
                guint count = 0;

                /* Those behind it were seen longer ago, so the last of its sender counts. */
                for (guint j = 0; j < blocked->rows->len; j++)
                        count += is_same_sender(g_ptr_array_index(blocked->rows, i),
                                                g_ptr_array_index(blocked->rows, j));
                if (count >= most) {
                        most = count;
                        victim = i;
                }
        }
        return victim;
}

void ks_blocked_add(KsBlocked *blocked, const KsBlockedPacket *packet,
                    const KsBlockedSender *sender, guint64 now)
{
        KsBlockedRow *row = NULL;

        for (guint i = 0; i < blocked->rows->len && !row; i++)
                if (is_of(g_ptr_array_index(blocked->rows, i), packet, sender))
                        row = g_ptr_array_steal_index(blocked->rows, i);
        if (!row) {
                if (blocked->rows->len >= KS_BLOCKED_MAX)
                        g_ptr_array_remove_index(blocked->rows, find_victim(blocked));
                row = g_new(KsBlockedRow, 1);
                *row = (KsBlockedRow){
                        .has_uid = sender->has_uid,
                        .uid = sender->uid,
                        .group = g_strdup(sender->group),
                        .remote = packet->remote,
                        .protocol = packet->protocol,
                        .has_port = packet->has_ports,
                        .port = packet->remote_port,
                        .first = now,
                };
        }
        row->count++;
        row->last = now;
        g_ptr_array_insert(blocked->rows, 0, row);
}

const GPtrArray *ks_blocked_rows(KsBlocked *blocked)
{
        return blocked->rows;
}

gboolean ks_blocked_may_see(const KsBlockedRow *row, guint32 caller)
{
        return caller == 0 || (row->has_uid && row->uid == caller);
}
