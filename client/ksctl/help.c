/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints what can be asked for. */

#include "client/ksctl/help.h"

#include <stdio.h>

#include "client/common/i18n.h"
#include "client/ksctl/output.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_NARROW 60
#define LEFT_WIDTH 27
#define LEFT_WIDTH_NARROW 6

static const struct {
        const char *option;
        const char *summary;
} options[] = {
        { "-h, --help", N_("Show this help") },
        { "    --version", N_("Show the version") },
        { N_("    --trial[=DURATION]"),
          N_("With 'on': let go again unless confirmed in time; 60s if not "
             "given") },
        { N_("    --interface=LINK"), N_("With 'vpn add': which link to look at") },
        { "    --yes", N_("With 'vpn add': don't ask whether it is right") },
        { "    --dry-run", N_("With 'vpn add': only print what would be added") },
        { N_("-p, --property=NAME"), N_("With 'show': only this property; may be given again") },
        { "    --value", N_("With 'show': print the value only") },
        { N_("    --json=MODE"), N_("Print JSON: pretty, short or off") },
        { "-j", N_("Print JSON: pretty on a terminal, else short") },
        { "-q, --quiet", N_("Print no result; the exit status tells it") },
        { "    --no-ask-password", N_("Fail where a password would be asked for") },
        { "    --no-legend", N_("Print no hints what to do next") },
        { "    --no-pager", N_("Accepted; no pager is ever used") },
        { N_("-H, --host=[USER@]HOST"), N_("Talk to another host, by ssh") },
        { N_("-M, --machine=NAME"), N_("Talk to a local container") },
};

static const struct {
        ExitStatus status;
        const char *meaning;
} statuses[] = {
        { STATUS_DONE, N_("done") },
        { STATUS_FAILED, N_("failed") },
        { STATUS_USAGE, N_("the command line is wrong") },
        { STATUS_NOT_ENGAGED, N_("off or paused (status, is-active)") },
        { STATUS_NOT_AUTHORIZED, N_("not authorized") },
        { STATUS_UNSOUND, N_("not in force, or a hole was found (audit)") },
        { STATUS_UNAVAILABLE, N_("the service is not available") },
};

static unsigned help_columns(void)
{
        unsigned columns = output_columns(stdout);

        return columns == 0 ? COLUMNS_DEFAULT : MIN(columns, COLUMNS_DEFAULT);
}

void help_print_row(unsigned width, const char *left, const char *right)
{
        unsigned columns = help_columns(), printed = output_width(left);

        fputs(left, stdout);
        if (columns < COLUMNS_NARROW)
                width = LEFT_WIDTH_NARROW;
        if (columns < COLUMNS_NARROW || printed >= width) {
                putchar('\n');
                printed = 0;
        }
        printf("%*s", (int)(width - printed), "");
        output_wrapped(stdout, columns, width, width, right);
        putchar('\n');
}

void help_print_paragraph(const char *text)
{
        output_wrapped(stdout, help_columns(), 0, 0, text);
        putchar('\n');
}

static void print_verb(const Verb *verb)
{
        g_autofree char *left = g_strdup_printf("  %s%s%s", verb->name, *verb->synopsis ? " " : "",
                                                *verb->synopsis ? _(verb->synopsis) : "");

        help_print_row(LEFT_WIDTH, left, _(verb->summary));
}

void help_print(const Verb *verbs, size_t n)
{
        puts(_("ksctl [OPTIONS] [COMMAND]"));
        putchar('\n');
        help_print_paragraph(_("Control the VPN kill switch: while it is engaged, nothing leaves "
                               "this machine except through a VPN."));

        putchar('\n');
        puts(_("Commands:"));
        for (size_t i = 0; i < n; i++)
                print_verb(&verbs[i]);

        putchar('\n');
        puts(_("Options:"));
        for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
                g_autofree char *left = g_strdup_printf("  %s", _(options[i].option));

                help_print_row(LEFT_WIDTH, left, _(options[i].summary));
        }

        putchar('\n');
        puts(_("Exit status:"));
        for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
                g_autofree char *text = g_strdup_printf("%d  %s", (int)statuses[i].status,
                                                        _(statuses[i].meaning));

                printf("  ");
                output_wrapped(stdout, help_columns(), 2, 5, text);
                putchar('\n');
        }

        putchar('\n');
        help_print_paragraph(_("A DURATION is a number of seconds, or has units: 90s, 5m, 1h30m, "
                               "2 days."));
}
