/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says what went wrong and what can be done about it. */

#include "client/ksctl/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/common/said.h"
#include "client/common/text.h"
#include "client/ksctl/output.h"
#include "common/names.h"
#include "config.h"

#define SERVICE_UNIT "killswitchd.service"

static void report_list(const char *format, va_list arguments) G_GNUC_PRINTF(1, 0);

static void report_list(const char *format, va_list arguments)
{
        g_autofree char *raw = g_strdup_vprintf(format, arguments);
        g_autofree char *text = ks_text_sanitise(raw);

        /* What was printed before has to come before. */
        fflush(stdout);
        output_wrapped(stderr, output_columns(stderr), 0, 0, text);
        fputc('\n', stderr);
}

void report(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        report_list(format, arguments);
        va_end(arguments);
}

ExitStatus report_usage(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        report_list(format, arguments);
        va_end(arguments);
        report(_("'ksctl --help' tells what can be given."));
        return STATUS_USAGE;
}

ExitStatus report_vpn_usage(const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        report_list(format, arguments);
        va_end(arguments);
        report(_("'ksctl vpn help' tells what can be given."));
        return STATUS_USAGE;
}

ExitStatus report_said(const char *sentence)
{
        g_autofree char *said = ks_said(sentence);

        return report_usage("%s", said);
}

/* The present command line, as an administrator would have to type it. */
static char *administrators_command(const Ksctl *ctl)
{
        GString *s = g_string_new("sudo ksctl");
        const char *at;

        switch (ctl->transport) {
        case KS_TRANSPORT_REMOTE:
                at = strrchr(ctl->where, '@');
                g_string_printf(s, "ksctl -H root@%s", at ? at + 1 : ctl->where);
                break;
        case KS_TRANSPORT_MACHINE:
                g_string_append_printf(s, " -M %s", ctl->where);
                break;
        case KS_TRANSPORT_LOCAL:
        default:
                break;
        }

        g_string_append_printf(s, " %s", ctl->verb);
        if (ctl->trial)
                g_string_append_printf(s, *ctl->trial ? " --trial=%s" : " --trial", ctl->trial);
        if (ctl->interface)
                g_string_append_printf(s, " --interface=%s", ctl->interface);
        if (ctl->yes)
                g_string_append(s, " --yes");
        for (char **argument = ctl->arguments; *argument; argument++) {
                gboolean is_plain = **argument && !strpbrk(*argument, " \t\n\"'`$&|;<>()*?[]#~!\\");
                g_autofree char *quoted = is_plain ? NULL : g_shell_quote(*argument);

                g_string_append_printf(s, " %s", quoted ?: *argument);
        }

        return g_string_free(s, FALSE);
}

ExitStatus report_connection(const Ksctl *ctl, int r)
{
        switch (ctl->transport) {
        case KS_TRANSPORT_REMOTE:
                report(_("Cannot reach the system bus of %s: %s."), ctl->where, g_strerror(-r));
                report(_("Does 'ssh %s systemd-stdio-bridge' work? It is what this goes through."),
                       ctl->where);
                break;
        case KS_TRANSPORT_MACHINE:
                report(_("Cannot reach the system bus of machine %s: %s."), ctl->where,
                       g_strerror(-r));
                report(_("Is it running ('machinectl list'), and are you the administrator?"));
                break;
        case KS_TRANSPORT_LOCAL:
        default:
                report(_("Cannot reach the system bus: %s."), g_strerror(-r));
                report(_("Is D-Bus running ('systemctl status dbus.socket')? What the kill switch "
                         "has set up in the kernel stays in force without it. Should that lock you "
                         "out: sudo %s --rescue"),
                       KS_SERVICE_PATH);
                break;
        }
        return STATUS_UNAVAILABLE;
}

static ExitStatus report_service(const Ksctl *ctl, const char *message)
{
        report(_("The kill switch service is not available: %s"), message);
        if (ctl->transport != KS_TRANSPORT_LOCAL) {
                report(_("Is killswitch installed on %s, and does 'systemctl status %s' there tell "
                         "why it isn't running?"),
                       ctl->where, SERVICE_UNIT);
                return STATUS_UNAVAILABLE;
        }

        report(_("If killswitch is installed, start it with 'sudo systemctl start %s'; "
                 "'journalctl -u %s' tells why it doesn't run."),
               SERVICE_UNIT, SERVICE_UNIT);
        report(_("What it has set up in the kernel stays in force meanwhile. Should that lock you "
                 "out: sudo %s --rescue"),
               KS_SERVICE_PATH);
        return STATUS_UNAVAILABLE;
}

/* What wasn't done, and the service's sentence. */
static void report_reason(const char *what, const char *message)
{
        g_autofree char *said = ks_said(message);

        /* TRANSLATORS: "Cannot engage: the reason" */
        report(_("%s: %s"), what, said);
}

/* How it stands after what is refused, where the service's sentence doesn't tell it. */
static void report_how_it_stands(Deed deed, const char *name)
{
        if (deed == DEED_RELOAD && g_str_equal(name, KS_ERROR_PREFIX "Settings"))
                report(_("The settings from before stay in force."));
        if (g_str_equal(name, KS_ERROR_PREFIX "NoTrial") ||
            g_str_equal(name, KS_ERROR_PREFIX "NotEngaged"))
                report(_("'ksctl status' tells what is in force, and what can be done."));
}

static ExitStatus report_denied(const Ksctl *ctl, Deed deed, const char *message)
{
        g_autofree char *command = administrators_command(ctl);

        report_reason(deed_denied(deed), message);
        if (ctl->transport == KS_TRANSPORT_LOCAL && geteuid() == 0)
                report(_("The administrator is refused only by the bus itself or without polkit: "
                         "'journalctl -u %s -u dbus -u polkit' tells more."),
                       SERVICE_UNIT);
        else
                report(_("If you were asked for a password, try again; else do it on a local "
                         "session, or as administrator: %s"),
                       command);
        return STATUS_NOT_AUTHORIZED;
}

static ExitStatus report_not_asked(const Ksctl *ctl, Deed deed, const char *message)
{
        g_autofree char *command = administrators_command(ctl);

        report_reason(deed_denied(deed), message);
        if (ctl->ask_password)
                report(_("This takes a password, and there is nobody to ask for it. Do it on a "
                         "terminal, or as administrator: %s"),
                       command);
        else
                report(_("This takes a password. Leave out --no-ask-password, or do it as "
                         "administrator: %s"),
                       command);
        return STATUS_NOT_AUTHORIZED;
}

ExitStatus report_failure(const Ksctl *ctl, Deed deed, const sd_bus_error *error, int r)
{
        const char *message = error->message && *error->message ? error->message
                              : error->name                     ? error->name
                                                                : g_strerror(-r);

        /* libsystemd lets every open call fail with "no reply" when the connection breaks. */
        if (ctl->bus && sd_bus_is_open(ctl->bus) == 0)
                return report_connection(ctl, -ECONNRESET);

        switch (ks_failure_classify(error, r)) {
        case KS_FAILURE_BUS:
                return report_connection(ctl, r);
        case KS_FAILURE_SERVICE:
                return report_service(ctl, message);
        case KS_FAILURE_DENIED:
                return report_denied(ctl, deed, message);
        case KS_FAILURE_NOT_ASKED:
                return report_not_asked(ctl, deed, message);
        case KS_FAILURE_TOO_OLD:
                report_reason(deed_failed(deed), message);
                report(_("The service that runs may be older than this program (%s): 'sudo "
                         "systemctl "
                         "restart %s' starts the installed one. The protection stays in force "
                         "meanwhile."),
                       KS_VERSION, SERVICE_UNIT);
                return STATUS_FAILED;
        case KS_FAILURE_REFUSED:
                report_reason(deed_failed(deed), message);
                report_how_it_stands(deed, error->name);
                return STATUS_FAILED;
        case KS_FAILURE_OTHER:
        default:
                report_reason(deed_failed(deed), message);
                report(_("'journalctl -u %s' may tell more."), SERVICE_UNIT);
                return STATUS_FAILED;
        }
}

ExitStatus report_bad_answer(int r)
{
        report(_("The answer of the service can't be understood: %s."), g_strerror(-r));
        report(_("Is ksctl (%s) older than the service? 'busctl introspect %s %s' shows what that "
                 "offers."),
               KS_VERSION, KS_BUS_NAME, KS_OBJECT_PATH);
        return STATUS_FAILED;
}
