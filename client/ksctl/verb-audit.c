/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl audit: is the kill switch sound, and if not, why. */

#include <stdio.h>

#include "client/common/i18n.h"
#include "client/common/said.h"
#include "client/common/text.h"
#include "client/ksctl/call.h"
#include "client/ksctl/output.h"
#include "client/ksctl/report.h"
#include "client/ksctl/value.h"
#include "common/cleanup.h"
#include "common/names.h"

/* The answer as an object with names. */
static int read_audit(sd_bus_message *reply, json_t **ret)
{
        json_auto_t *sound = NULL, *rows = NULL, *findings = json_array();
        size_t i;
        json_t *row;
        int r = value_read(reply, &sound);

        if (r >= 0)
                r = value_read(reply, &rows);
        if (r < 0)
                return r;

        json_array_foreach(rows, i, row)
        {
                json_t *finding = json_pack("{s:O, s:O, s:O}", "Severity", json_array_get(row, 0),
                                            "Subject", json_array_get(row, 1), "Text",
                                            json_array_get(row, 2));

                (void)json_array_append_new(findings, finding);
        }
        *ret = json_pack("{s:O, s:O}", "Sound", sound, "Findings", findings);
        return 0;
}

static Colour severity_colour(const char *severity)
{
        if (g_str_equal(severity, KS_AUDIT_HOLE))
                return COLOUR_BAD;
        return g_str_equal(severity, KS_AUDIT_RISK) ? COLOUR_WARNING : COLOUR_NONE;
}

static char *severity_label(const char *severity)
{
        static const char *const labels[][2] = {
                { KS_AUDIT_HOLE, N_("Hole") },
                { KS_AUDIT_RISK, N_("Risk") },
                { KS_AUDIT_NOTE, N_("Note") },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(labels); i++)
                if (g_str_equal(labels[i][0], severity))
                        return g_strdup(_(labels[i][1]));
        return ks_text_sanitise(severity);
}

static void print_headline(bool sound, size_t n)
{
        if (!sound)
                output_sentence(COLOUR_BAD, _("Not sound: packets may leave this machine past the "
                                              "kill switch."));
        else if (n > 0)
                output_sentence(COLOUR_WARNING, _("Sound: no packet gets past the kill switch. But "
                                                  "mind what follows."));
        else
                output_sentence(COLOUR_GOOD,
                                _("Sound: no packet gets past the kill switch, and both "
                                  "layers hold."));
}

static void print_audit(const json_t *audit)
{
        const json_t *findings = json_object_get(audit, "Findings"), *finding;
        size_t i;

        print_headline(json_is_true(json_object_get(audit, "Sound")), json_array_size(findings));
        json_array_foreach(findings, i, finding)
        {
                const char *severity = json_string_value(json_object_get(finding, "Severity"));
                g_autofree char *label = severity_label(severity);
                g_autofree char *subject = ks_said(
                        json_string_value(json_object_get(finding, "Subject")));
                g_autofree char *text = ks_said(
                        json_string_value(json_object_get(finding, "Text")));
                g_autofree char *raw = g_strdup_printf("%s. %s.", subject, text);
                g_autofree char *row = ks_text_sanitise(raw);

                putchar('\n');
                output_row(label, severity_colour(severity), row);
        }
}

ExitStatus verb_audit(Ksctl *ctl)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        json_auto_t *audit = NULL;
        ExitStatus status = call_ask(ctl, DEED_AUDIT, "Audit", &reply);
        int r;

        if (status != STATUS_DONE)
                return status;
        r = read_audit(reply, &audit);
        if (r < 0)
                return report_bad_answer(r);

        if (!ctl->quiet && ctl->json != JSON_MODE_OFF)
                output_json(ctl->json, audit);
        else if (!ctl->quiet)
                print_audit(audit);
        return json_is_true(json_object_get(audit, "Sound")) ? STATUS_DONE : STATUS_UNSOUND;
}
