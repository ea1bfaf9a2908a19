/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of GetBlocked: whose they are, and the rows that he may see. */

#include "common/names.h"
#include "policy/blocked.h"
#include "service/blocked.h"
#include "service/report.h"

/* Calls that wait for the bus's word, of one connection and of all; see audits.c. */
#define SENDER_MAX 16
#define WAITING_MAX (8 * 256 * SENDER_MAX)

struct KsBlockedCalls {
        sd_bus *bus;
        KsEngine *engine;
        GQueue waiting; /* of Waiting* */
};

typedef struct Waiting {
        KsBlockedCalls *calls;
        sd_bus_message *message;
        sd_bus_slot *question;
} Waiting;

KsBlockedCalls *ks_blocked_calls_new(sd_bus *bus, KsEngine *engine)
{
        KsBlockedCalls *calls = g_new0(KsBlockedCalls, 1);

        calls->bus = sd_bus_ref(bus);
        calls->engine = engine;
        g_queue_init(&calls->waiting);
        return calls;
}

static void free_waiting(gpointer userdata)
{
        Waiting *waiting = userdata;

        sd_bus_slot_unref(waiting->question);
        sd_bus_message_unref(waiting->message);
        g_free(waiting);
}

void ks_blocked_calls_free(KsBlockedCalls *calls)
{
        if (!calls)
                return;
        g_queue_clear_full(&calls->waiting, free_waiting);
        sd_bus_unref(calls->bus);
        g_free(calls);
}

/* What isn't known has no key. */
static int append_row(sd_bus_message *reply, const KsBlockedRow *row)
{
        g_autofree char *address = ks_prefix_address_to_string(&row->remote);
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}", KS_BLOCKED_LAST, "t",
                                          row->last, KS_BLOCKED_FIRST, "t", row->first,
                                          KS_BLOCKED_COUNT, "t", row->count, KS_BLOCKED_PROTOCOL,
                                          "y", row->protocol, KS_BLOCKED_ADDRESS, "s", address);
        if (r >= 0 && row->has_port)
                r = sd_bus_message_append(reply, "{sv}", KS_BLOCKED_PORT, "q", row->port);
        if (r >= 0 && row->has_uid)
                r = sd_bus_message_append(reply, "{sv}", KS_BLOCKED_USER, "u", row->uid);
        if (r >= 0 && row->group) {
                g_autofree char *group = ks_report_text(row->group);

                r = sd_bus_message_append(reply, "{sv}", KS_BLOCKED_GROUP_PATH, "s", group);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_answer(sd_bus_message *reply, const KsEngine *engine, guint32 uid)
{
        const GPtrArray *rows = ks_engine_blocked_rows(engine);
        int r = sd_bus_message_append(reply, "b", (int)ks_engine_is_recording(engine));

        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (guint i = 0; r >= 0 && i < rows->len; i++)
                if (ks_blocked_may_see(g_ptr_array_index(rows, i), uid))
                        r = append_row(reply, g_ptr_array_index(rows, i));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_uid(sd_bus_message *told, void *userdata, sd_bus_error *error)
{
        Waiting *waiting = userdata;
        sd_bus_message *reply = NULL;
        guint32 uid;

        (void)error;
        if (sd_bus_message_is_method_error(told, NULL) || sd_bus_message_read(told, "u", &uid) < 0)
                sd_bus_reply_method_errorf(waiting->message, SD_BUS_ERROR_ACCESS_DENIED,
                                           "The bus doesn't tell whose call this is");
        else if (sd_bus_message_new_method_return(waiting->message, &reply) >= 0 &&
                 append_answer(reply, waiting->calls->engine, uid) >= 0)
                sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        g_queue_remove(&waiting->calls->waiting, waiting);
        free_waiting(waiting);
        return 0;
}

static guint count_sender(const KsBlockedCalls *calls, const char *sender)
{
        guint count = 0;

        for (GList *l = calls->waiting.head; l; l = l->next)
                count += g_strcmp0(sd_bus_message_get_sender(((Waiting *)l->data)->message),
                                   sender) == 0;
        return count;
}

int ks_blocked_calls_take(KsBlockedCalls *calls, sd_bus_message *message, sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(message);
        Waiting *waiting;
        int r;

        if (calls->waiting.length >= WAITING_MAX || count_sender(calls, sender) >= SENDER_MAX)
                return sd_bus_error_set(error, KS_ERROR_PREFIX "LimitsExceeded",
                                        "Too many calls are waiting; ask again when they are "
                                        "answered");
        waiting = g_new0(Waiting, 1);
        waiting->calls = calls;
        r = sd_bus_call_method_async(calls->bus, &waiting->question, "org.freedesktop.DBus",
                                     "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                     "GetConnectionUnixUser", on_uid, waiting, "s", sender);
        if (r < 0) {
                free_waiting(waiting);
                return sd_bus_error_set_errno(error, r);
        }
        waiting->message = sd_bus_message_ref(message);
        g_queue_push_tail(&calls->waiting, waiting);
        return 1;
}
