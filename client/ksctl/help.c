/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints what can be asked for. */

#include "client/ksctl/help.h"

#include <stdio.h>

#include "client/ksctl/output.h"

#define COLUMNS_DEFAULT 80
#define COLUMNS_NARROW 60
#define LEFT_INDENT 2
#define LEFT_WIDTH 27
#define LEFT_WIDTH_NARROW 6

static const struct {
        const char *option;
        const char *summary;
} options[] = {
        { "-h, --help", "Show this help" },
        { "    --version", "Show the version" },
        { "    --trial[=DURATION]", "With 'on': let go again unless confirmed in time; 60s if not "
                                    "given" },
        { "    --interface=LINK", "With 'vpn add': which link to look at" },
        { "    --yes", "With 'vpn add': don't ask whether it is right" },
        { "    --dry-run", "With 'vpn add': only print what would be added" },
        { "-p, --property=NAME", "With 'show': only this property; may be given again" },
        { "    --value", "With 'show': print the value only" },
        { "    --json=MODE", "Print JSON: pretty, short or off" },
        { "-j", "Print JSON: pretty on a terminal, else short" },
        { "-q, --quiet", "Print no result; the exit status tells it" },
        { "    --no-ask-password", "Fail where a password would be asked for" },
        { "    --no-legend", "Print no hints what to do next" },
        { "    --no-pager", "Accepted; no pager is ever used" },
        { "-H, --host=[USER@]HOST", "Talk to another host, by ssh" },
        { "-M, --machine=NAME", "Talk to a local container" },
};

static const struct {
        ExitStatus status;
        const char *meaning;
} statuses[] = {
        { STATUS_DONE, "done" },
        { STATUS_FAILED, "failed" },
        { STATUS_USAGE, "the command line is wrong" },
        { STATUS_NOT_ENGAGED, "off or paused (status, is-active)" },
        { STATUS_NOT_AUTHORIZED, "not authorized" },
        { STATUS_UNSOUND, "not in force, or a hole was found (audit)" },
        { STATUS_UNAVAILABLE, "the service is not available" },
};

static void print_row(unsigned columns, const char *left, const char *right)
{
        unsigned width = columns < COLUMNS_NARROW ? LEFT_WIDTH_NARROW : LEFT_WIDTH;
        int printed = printf("%*s%s", LEFT_INDENT, "", left);

        if (printed < 0)
                return;
        if (columns < COLUMNS_NARROW || (unsigned)printed >= width) {
                putchar('\n');
                printed = 0;
        }
        printf("%*s", (int)width - printed, "");
        output_wrapped(stdout, columns, width, width, right);
        putchar('\n');
}

static void print_paragraph(unsigned columns, const char *text)
{
        output_wrapped(stdout, columns, 0, 0, text);
        putchar('\n');
}

void help_print(const Verb *verbs, size_t n)
{
        unsigned columns = output_columns(stdout);

        if (columns == 0 || columns > COLUMNS_DEFAULT)
                columns = COLUMNS_DEFAULT;

        puts("ksctl [OPTIONS] [COMMAND]\n");
        print_paragraph(columns, "Control the VPN kill switch: while it is engaged, nothing leaves "
                                 "this machine except through a VPN.");

        puts("\nCommands:");
        for (size_t i = 0; i < n; i++) {
                g_autofree char *left = g_strconcat(verbs[i].name, *verbs[i].synopsis ? " " : "",
                                                    verbs[i].synopsis, NULL);

                print_row(columns, left, verbs[i].summary);
        }

        puts("\nOptions:");
        for (size_t i = 0; i < G_N_ELEMENTS(options); i++)
                print_row(columns, options[i].option, options[i].summary);

        puts("\nExit status:");
        for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++) {
                g_autofree char *text = g_strdup_printf("%d  %s", (int)statuses[i].status,
                                                        statuses[i].meaning);

                printf("  ");
                output_wrapped(stdout, columns, 2, 5, text);
                putchar('\n');
        }

        putchar('\n');
        print_paragraph(columns, "A DURATION is a number of seconds, or has units: 90s, 5m, 1h30m, "
                                 "2 days.");
}
