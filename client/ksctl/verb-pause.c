/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl pause, resume: lets go for a while. */

#include "client/common/i18n.h"
#include "client/ksctl/call.h"
#include "client/ksctl/report.h"
#include "client/ksctl/status.h"
#include "common/duration.h"

/* What has no end isn't a pause. */
static bool is_endless(const char *text)
{
        static const char *const words[] = { "forever", "infinity", "infinite", "inf", "always" };

        for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
                if (g_ascii_strcasecmp(text, words[i]) == 0)
                        return true;
        return false;
}

ExitStatus verb_pause(Ksctl *ctl)
{
        /* "ksctl pause 1h 30m" reads as well as "1h30m". */
        g_autofree char *text = g_strjoinv(" ", ctl->arguments);
        g_autoptr(GError) error = NULL;
        ExitStatus status;
        uint64_t usec;

        if (is_endless(text))
                return report_usage(
                        _("A pause ends by itself. 'ksctl off' releases the kill switch "
                          "until 'ksctl on' follows."));
        if (!ks_duration_parse(text, &usec, &error) || !ks_duration_check(usec, &error))
                return report_said(error->message);

        status = call_change(ctl, DEED_PAUSE, "Pause", "t", usec);
        return status == STATUS_DONE ? status_print_outcome(ctl) : status;
}

ExitStatus verb_resume(Ksctl *ctl)
{
        ExitStatus status = call_change(ctl, DEED_RESUME, "Resume", NULL);

        return status == STATUS_DONE ? status_print_outcome(ctl) : status;
}
