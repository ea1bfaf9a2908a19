/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The record of what the guard refused (RecordBlocked=): begun, ended, forgotten. In memory only.
 */

#include <glib-unix.h>

#include "engine/engine-private.h"

/* Who sent it. A program that has closed its socket since is not known any more; its user is. */
static KsBlockedSender find_sender(KsEngine *engine, const KsLoggedPacket *logged,
                                   const KsBlockedPacket *packet)
{
        KsBlockedSender sender = { logged->has_uid, logged->uid, NULL };
        guint64 group;

        if (!logged->has_uid || !packet->has_ports || !engine->blocked_sockets)
                return sender;
        group = ks_sockets_group(engine->blocked_sockets, packet->protocol, &packet->source,
                                 packet->source_port, &packet->remote, packet->remote_port,
                                 logged->link, logged->uid);
        if (group)
                sender.group = ks_groups_find(engine->groups, group);
        return sender;
}

static void take_packet(const KsLoggedPacket *logged, gpointer userdata)
{
        KsEngine *engine = userdata;
        KsBlockedPacket packet;
        KsBlockedSender sender;

        if (!ks_blocked_parse(logged->bytes, logged->length, &packet))
                return;
        sender = find_sender(engine, logged, &packet);
        ks_blocked_add(engine->blocked, &packet, &sender, ks_now().realtime);
}

static gboolean on_packets(gint fd, GIOCondition condition, gpointer userdata)
{
        KsEngine *engine = userdata;

        (void)fd;
        (void)condition;
        ks_blocked_log_drain(engine->blocked_log, take_packet, engine);
        return G_SOURCE_CONTINUE;
}

void ks_engine_stop_recording(KsEngine *engine)
{
        if (engine->blocked_source)
                g_source_remove(engine->blocked_source);
        engine->blocked_source = 0;
        g_clear_pointer(&engine->blocked_log, ks_blocked_log_free);
        g_clear_pointer(&engine->blocked_sockets, ks_sockets_free);
        g_clear_pointer(&engine->blocked_problem, g_free);
}

static void start_recording(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;

        engine->blocked_log = ks_blocked_log_new(&local);
        if (!engine->blocked_log) {
                engine->blocked_problem = g_strdup(local->message);
                return;
        }
        engine->blocked_sockets = ks_sockets_new(NULL);
        engine->blocked_source = g_unix_fd_add(ks_blocked_log_fd(engine->blocked_log),
                                               G_IO_IN | G_IO_ERR, on_packets, engine);
}

void ks_engine_follow_blocked(KsEngine *engine)
{
        gboolean is_wanted = engine->settings->record_blocked && engine->intent.engaged;

        if (!is_wanted)
                ks_blocked_clear(engine->blocked);
        if (!is_wanted || !ks_intent_is_up(&engine->intent) || !engine->monitor ||
            ks_enforcer_log_problem(engine->enforcer))
                ks_engine_stop_recording(engine);
        else if (!engine->blocked_log && !engine->blocked_problem)
                start_recording(engine);
}

gboolean ks_engine_is_recording(const KsEngine *engine)
{
        return engine->blocked_log != NULL;
}

const GPtrArray *ks_engine_blocked_rows(const KsEngine *engine)
{
        return ks_blocked_rows(engine->blocked);
}
