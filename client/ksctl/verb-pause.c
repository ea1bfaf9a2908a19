/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl pause, resume: lets go for a while. */

#include "client/common/i18n.h"
#include "client/ksctl/call.h"
#include "client/ksctl/report.h"
#include "client/ksctl/status.h"
#include "common/duration.h"

ExitStatus verb_pause(Ksctl *ctl)
{
        /* "ksctl pause 1h 30m" reads as well as "1h30m". */
        g_autofree char *text = g_strjoinv(" ", ctl->arguments);
        g_autoptr(GError) error = NULL;
        ExitStatus status;
        uint64_t usec;

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
