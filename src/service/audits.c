/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls of Audit: coalesced, so that no flood of them keeps the service from its work. */

#include "common/error.h"
#include "common/names.h"
#include "engine/audit.h"
#include "service/audits.h"
#include "service/report.h"

/* Between two audits: this many times what the last one took, and not below this, µs. */
#define AUDIT_SHARE 10
#define AUDIT_GAP_MIN (10 * G_TIME_SPAN_MILLISECOND)
/* Calls that wait, of one connection and of all. The bus lets a user have 256 connections
 * (max_connections_per_user), so one alone can't use up the places of others. */
#define SENDER_MAX 16
#define WAITING_MAX (8 * 256 * SENDER_MAX)

struct KsAudits {
        KsEngine *engine;
        GQueue waiting; /* of sd_bus_message* */
        guint source;
        gint64 ready; /* CLOCK_MONOTONIC µs */
};

KsAudits *ks_audits_new(KsEngine *engine)
{
        KsAudits *audits = g_new0(KsAudits, 1);

        audits->engine = engine;
        g_queue_init(&audits->waiting);
        return audits;
}

static void free_message(gpointer message)
{
        sd_bus_message_unref(message);
}

void ks_audits_free(KsAudits *audits)
{
        if (!audits)
                return;
        if (audits->source)
                g_source_remove(audits->source);
        g_queue_clear_full(&audits->waiting, free_message);
        g_free(audits);
}

static int append_finding(sd_bus_message *reply, const KsFinding *finding)
{
        g_autofree char *subject = ks_report_text(finding->subject);
        g_autofree char *text = ks_report_text(finding->text);

        return sd_bus_message_append(reply, "(sss)", ks_severity_to_string(finding->severity),
                                     subject, text);
}

static int append_findings(sd_bus_message *reply, GPtrArray *findings)
{
        int r = sd_bus_message_append(reply, "b", (int)ks_audit_is_sound(findings));

        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(sss)");
        for (guint i = 0; r >= 0 && i < findings->len; i++)
                r = append_finding(reply, g_ptr_array_index(findings, i));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static void answer(sd_bus_message *message, GPtrArray *findings, const GError *error)
{
        sd_bus_message *reply = NULL;

        if (!findings) {
                g_autofree char *text = ks_report_text(error->message);

                sd_bus_reply_method_errorf(message, ks_error_to_name(error->code), "%s", text);
        } else if (sd_bus_message_new_method_return(message, &reply) >= 0 &&
                   append_findings(reply, findings) >= 0) {
                sd_bus_send(NULL, reply, NULL);
        }
        sd_bus_message_unref(reply);
}

static gboolean on_turn(gpointer userdata)
{
        KsAudits *audits = userdata;
        gint64 begin = g_get_monotonic_time(), end;
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) findings = ks_engine_audit(audits->engine, &error);

        audits->source = 0;
        while (!g_queue_is_empty(&audits->waiting)) {
                sd_bus_message *message = g_queue_pop_head(&audits->waiting);

                answer(message, findings, error);
                sd_bus_message_unref(message);
        }
        end = g_get_monotonic_time();
        audits->ready = end + MAX(AUDIT_GAP_MIN, (end - begin) * AUDIT_SHARE);
        return G_SOURCE_REMOVE;
}

static guint count_sender(KsAudits *audits, const char *sender)
{
        guint count = 0;

        for (GList *l = audits->waiting.head; l; l = l->next)
                count += g_strcmp0(sd_bus_message_get_sender(l->data), sender) == 0;
        return count;
}

int ks_audits_call(KsAudits *audits, sd_bus_message *message, sd_bus_error *error)
{
        gint64 left = audits->ready - g_get_monotonic_time();

        if (audits->waiting.length >= WAITING_MAX ||
            count_sender(audits, sd_bus_message_get_sender(message)) >= SENDER_MAX)
                return sd_bus_error_set(error, KS_ERROR_PREFIX "LimitsExceeded",
                                        "Too many audits are waiting; ask again when they are "
                                        "answered");
        g_queue_push_tail(&audits->waiting, sd_bus_message_ref(message));
        if (!audits->source)
                audits->source = g_timeout_add(left > 0 ? (guint)(left / 1000) + 1 : 0, on_turn,
                                               audits);
        return 1;
}
