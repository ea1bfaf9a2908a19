/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Explains failed calls in sentences. */

#include "client/tray/failure.h"

#include "client/common/i18n.h"
#include "client/common/text.h"

static const struct {
        const char *method, *title, *command;
} methods[] = {
        { "Engage", N_("The kill switch was not turned on"), "sudo ksctl on" },
        { "Release", N_("The kill switch was not turned off"), "sudo ksctl off" },
        { "Confirm", N_("The trial was not confirmed"), "sudo ksctl confirm" },
        { "Pause", N_("The kill switch was not paused"), "sudo ksctl pause 5m" },
        { "SetLan", N_("Access to the local network was not changed"), "sudo ksctl lan" },
};

static gsize find_method(const Outcome *outcome)
{
        for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
                if (g_str_equal(methods[i].method, outcome->method))
                        return i;
        g_return_val_if_reached(0);
}

const char *failure_title(const Outcome *outcome)
{
        return _(methods[find_method(outcome)].title);
}

/* What helps, with the place of a command in it; NULL when the service's own sentence says it. */
static const char *remedy(KsFailure failure)
{
        switch (failure) {
        case KS_FAILURE_BUS:
                return _("The system bus can't be reached. What the kill switch has set up in the "
                         "kernel stays in force without it.");
        case KS_FAILURE_SERVICE:
                return _("The service isn't available; 'journalctl -u killswitchd' tells why. What "
                         "it has set up in the kernel stays in force.");
        case KS_FAILURE_DENIED:
                return _("If you were asked for a password, try again; or, on a terminal: %s");
        case KS_FAILURE_NOT_ASKED:
                return _("This takes a password, and there is no program in this session that asks "
                         "for one. Start the polkit agent of your desktop (mate-polkit, lxpolkit, "
                         "polkit-kde-agent-1, or another one); or, on a terminal: %s");
        case KS_FAILURE_TOO_OLD:
                return _("The service that runs may be older than this program: 'sudo systemctl "
                         "restart killswitchd.service' starts the installed one.");
        case KS_FAILURE_OTHER:
                return _("'journalctl -u killswitchd' may tell more.");
        case KS_FAILURE_REFUSED:
        default:
                return NULL;
        }
}

char *failure_explain(const Outcome *outcome)
{
        g_autofree char *message = ks_text_sanitise(outcome->message);
        const char *text = remedy(outcome->failure);

        if (!text)
                return g_steal_pointer(&message);

        g_auto(GStrv) parts = g_strsplit(text, "%s", 2);
        g_autofree char *help = g_strjoinv(methods[find_method(outcome)].command, parts);

        return *message ? g_strdup_printf("%s\n%s", message, help) : g_steal_pointer(&help);
}
