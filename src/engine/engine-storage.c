/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The intent between memory and disk: written, read, and looked at again after a failure. */

#include "common/error.h"
#include "common/log.h"
#include "common/messages.h"
#include "engine/engine-private.h"
#include "engine/names.h"

#define RETRY_FIRST_MSEC 100
#define RETRY_MAX_MSEC 5000

static gboolean on_storage(gpointer userdata)
{
        KsEngine *engine = userdata;

        engine->storage_source = 0;
        ks_engine_follow_disk(engine);
        ks_engine_retry_storage(engine);
        return G_SOURCE_REMOVE;
}

/* There is no event for a disk that has room again, or may be written again. */
static void schedule(KsEngine *engine)
{
        if (!engine->monitor || engine->storage_source)
                return;
        engine->storage_delay = CLAMP(engine->storage_delay * 2, RETRY_FIRST_MSEC, RETRY_MAX_MSEC);
        engine->storage_source = g_timeout_add(engine->storage_delay, on_storage, engine);
}

void ks_engine_cancel_storage(KsEngine *engine)
{
        engine->storage_delay = 0;
        if (engine->storage_source)
                g_source_remove(engine->storage_source);
        engine->storage_source = 0;
}

static void note_problem(KsEngine *engine, const GError *error)
{
        if (g_strcmp0(engine->storage_problem, error->message) != 0) {
                ks_log_event(LOG_ERR, KS_MESSAGE_STORAGE_FAILED, NULL, "%s", error->message);
                g_free(engine->storage_problem);
                engine->storage_problem = g_strdup(error->message);
        }
        schedule(engine);
}

static void note_well(KsEngine *engine)
{
        if (engine->storage_problem)
                ks_log_event(LOG_NOTICE, KS_MESSAGE_STORAGE_WELL, NULL,
                             "What is asked for can be kept again");
        g_clear_pointer(&engine->storage_problem, g_free);
        engine->intent_due = engine->intent_unread = FALSE;
        ks_engine_cancel_storage(engine);
}

gboolean ks_engine_save(KsEngine *engine, KsIntent *next, gboolean must_hold, GError **error)
{
        g_autoptr(GError) local = NULL;

        if (ks_store_save(engine->store, next, &local)) {
                note_well(engine);
                return TRUE;
        }
        /* A request that is refused leaves memory and disk as they were to each other. */
        engine->intent_due |= must_hold;
        note_problem(engine, local);
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
}

void ks_engine_load(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;

        if (ks_store_load(engine->store, &engine->intent, &local))
                return;
        engine->intent_due = engine->intent_unread = TRUE;
        note_problem(engine, local);
}

/* What else could not be read then; settings and VPNs first, for the intent is carried out by them.
 */
static void read_the_rest(KsEngine *engine)
{
        if (!engine->profiles_problem)
                return;
        g_clear_pointer(&engine->profiles_problem, g_free);
        g_clear_pointer(&engine->settings_problem, g_free);
        ks_engine_load_settings(engine);
        ks_engine_load_pins(engine);
}

/* What could not be read may be readable now, or have been put right by hand. A file that
 * is gone says nothing. */
static void read_again(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;
        KsNow now = ks_now();
        KsIntent disk;

        if (!ks_store_load(engine->store, &disk, &local)) {
                note_problem(engine, local);
                return;
        }
        if (!ks_store_exists(engine->store)) {
                schedule(engine);
                return;
        }
        note_well(engine);
        read_the_rest(engine);
        engine->intent = disk;
        engine->reset_due = TRUE;
        if (disk.mode != KS_MODE_STEADY && ks_intent_remaining(&disk, &now) == 0) {
                ks_engine_deadline(engine);
                return;
        }
        ks_engine_sync(engine, KS_CHANGE_LOST, NULL, NULL);
        ks_engine_arm_deadline(engine);
}

void ks_engine_retry_storage(KsEngine *engine)
{
        if (!engine->storage_problem)
                return;
        if (engine->intent_unread)
                read_again(engine);
        else
                ks_engine_save(engine, &engine->intent, FALSE, NULL);
        ks_engine_update_state(engine, "start");
}
