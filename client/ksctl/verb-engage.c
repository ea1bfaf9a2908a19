/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl on, confirm, off: raises and lowers the shield. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-login.h>

#include "client/common/i18n.h"
#include "client/ksctl/answer.h"
#include "client/ksctl/call.h"
#include "client/ksctl/report.h"
#include "client/ksctl/status.h"
#include "common/duration.h"
#include "common/names.h"

typedef enum Answer {
        ANSWER_NO,
        ANSWER_YES,
        ANSWER_TRIAL,
} Answer;

/* Whether whoever types this sits at another machine. sudo hides the variable, not the session. */
static bool is_over_ssh(const Ksctl *ctl)
{
        const char *connection = getenv("SSH_CONNECTION");
        g_autofree char *session = NULL;
        char *raw = NULL;

        if (ctl->transport == KS_TRANSPORT_REMOTE)
                return true;
        if (ctl->transport == KS_TRANSPORT_MACHINE)
                return false;
        if (connection && *connection)
                return true;
        if (sd_pid_get_session(0, &raw) < 0)
                return false;

        session = g_strdup(raw);
        free(raw);
        return sd_session_is_remote(session) > 0;
}

/* Whether packets that pass now won't pass once it is engaged. */
static bool will_change(const KsState *state)
{
        return !ks_state_in_force(state);
}

static Answer ask(void)
{
        char line[16];

        /* TRANSLATORS: the letters are the first ones of "yes", "no" and "trial". */
        fputs(_("Engage anyway? [y/N/t(rial)] "), stderr);
        fflush(stderr);
        if (!fgets(line, sizeof(line), stdin)) {
                fputc('\n', stderr);
                return ANSWER_NO;
        }

        if (answer_is(line, "yes", _("yes")))
                return ANSWER_YES;
        if (answer_is(line, "trial", _("trial")))
                return ANSWER_TRIAL;
        return ANSWER_NO;
}

/* Warns who might cut the branch that they sit on, and asks where there is somebody to ask. */
static Answer warn_over_ssh(const Ksctl *ctl)
{
        g_autofree char *duration = ks_duration_format(KS_TRIAL_DEFAULT_USEC);

        report(_("You are connected by SSH. Engaging the kill switch may cut that connection, "
                 "unless "
                 "it comes through the VPN or from the LAN."));
        report(_("'ksctl on --trial' lets go again after %s, unless 'ksctl confirm' follows."),
               duration);

        if (!ctl->ask_password || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return ANSWER_YES;
        return ask();
}

static ExitStatus engage(Ksctl *ctl)
{
        ExitStatus status = call_change(ctl, DEED_ENGAGE, "Engage", NULL);

        return status == STATUS_DONE ? status_print_outcome(ctl) : status;
}

static ExitStatus engage_trial(Ksctl *ctl, uint64_t usec)
{
        ExitStatus status = call_change(ctl, DEED_ENGAGE_TRIAL, "EngageTrial", "t", usec);

        return status == STATUS_DONE ? status_print_outcome(ctl) : status;
}

ExitStatus verb_on(Ksctl *ctl)
{
        g_autoptr(KsState) state = NULL;
        ExitStatus status;

        if (ctl->trial)
                return engage_trial(ctl, ctl->trial_usec);
        if (!is_over_ssh(ctl))
                return engage(ctl);

        status = call_read_state(ctl, &state);
        if (status != STATUS_DONE)
                return status;
        if (!will_change(state))
                return engage(ctl);

        switch (warn_over_ssh(ctl)) {
        case ANSWER_YES:
                return engage(ctl);
        case ANSWER_TRIAL:
                return engage_trial(ctl, KS_TRIAL_DEFAULT_USEC);
        case ANSWER_NO:
        default:
                report(_("Nothing was changed."));
                return STATUS_FAILED;
        }
}

ExitStatus verb_confirm(Ksctl *ctl)
{
        ExitStatus status = call_change(ctl, DEED_CONFIRM, "Confirm", NULL);

        return status == STATUS_DONE ? status_print_outcome(ctl) : status;
}

ExitStatus verb_off(Ksctl *ctl)
{
        ExitStatus status = call_change(ctl, DEED_RELEASE, "Release", NULL);

        return status == STATUS_DONE ? status_print_outcome(ctl) : status;
}
