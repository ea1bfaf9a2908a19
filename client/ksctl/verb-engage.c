/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl on, confirm, off: raises and lowers the shield. */

#include <stdio.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/ksctl/answer.h"
#include "client/ksctl/call.h"
#include "client/ksctl/lockout.h"
#include "client/ksctl/report.h"
#include "client/ksctl/status.h"
#include "common/duration.h"
#include "common/names.h"

typedef enum Answer {
        ANSWER_NO,
        ANSWER_YES,
        ANSWER_TRIAL,
} Answer;

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

/*
 * Warns who might cut the branch that they sit on, and asks where there is somebody to ask. A
 * script gets what it says: it may be the very thing that has to bring the shield up.
 */
static Answer warn(const Ksctl *ctl, const char *what)
{
        g_autofree char *duration = ks_duration_format(KS_TRIAL_DEFAULT_USEC);

        report("%s", what);
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
        g_autofree char *warning = NULL;
        g_autoptr(KsState) state = NULL;
        g_auto(Login) login = { 0 };
        ExitStatus status;

        if (ctl->trial)
                return engage_trial(ctl, ctl->trial_usec);
        if (!lockout_is_remote(ctl, &login))
                return engage(ctl);

        status = call_read_state(ctl, &state);
        if (status != STATUS_DONE)
                return status;
        warning = will_change(state) ? lockout_foresee(ctl, &login, state, state->lan) : NULL;
        if (!warning)
                return engage(ctl);

        switch (warn(ctl, warning)) {
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
