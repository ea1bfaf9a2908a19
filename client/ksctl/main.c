/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl: reads the command line and hands it to a verb. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/ksctl/help.h"
#include "client/ksctl/ksctl.h"
#include "client/ksctl/report.h"
#include "client/ksctl/suggest.h"
#include "common/duration.h"
#include "common/names.h"
#include "config.h"

#define NO_LIMIT G_MAXUINT

enum {
        OPTION_VERSION = 0x100,
        OPTION_JSON,
        OPTION_NO_ASK_PASSWORD,
        OPTION_NO_LEGEND,
        OPTION_NO_PAGER,
        OPTION_VALUE,
        OPTION_TRIAL,
        OPTION_INTERFACE,
        OPTION_YES,
        OPTION_DRY_RUN,
};

/* What reading the options came to. */
typedef enum Parsed {
        PARSED_RUN,
        PARSED_HELP,
        PARSED_VERSION,
        PARSED_BAD,
} Parsed;

static ExitStatus verb_help(Ksctl *ctl);

static const Verb verbs[] = {
        { "status", "", N_("Show what is in force (the default)"), 0, 0, 0, verb_status },
        { "on", N_("[--trial[=DURATION]]"), N_("Engage: nothing leaves except through a VPN"), 0, 0,
          VERB_TAKES_TRIAL, verb_on },
        { "confirm", "", N_("Keep it engaged after the trial"), 0, 0, 0, verb_confirm },
        { "off", "", N_("Release: traffic leaves as without a kill switch"), 0, 0, 0, verb_off },
        { "pause", N_("DURATION"), N_("Let go for a while, then engage again"), 1, NO_LIMIT, 0,
          verb_pause },
        { "resume", "", N_("End a pause"), 0, 0, 0, verb_resume },
        { "lan", "[private|none|all]",
          N_("Show or set which LAN addresses can be reached directly"), 0, 1, 0, verb_lan },
        { "vpn", "[list|show|add|remove]",
          N_("Show VPNs, add or remove one; 'ksctl vpn help' tells how"), 0, NO_LIMIT,
          VERB_TAKES_VPN, verb_vpn },
        { "show", "", N_("Show the state as properties"), 0, 0, VERB_TAKES_PROPERTIES, verb_show },
        { "is-active", "", N_("Tell whether it is engaged and not paused"), 0, 0, 0,
          verb_is_active },
        { "monitor", "", N_("Show what happens, as it happens"), 0, 0, 0, verb_monitor },
        { "audit", "", N_("Look for ways past the kill switch, and say what to do"), 0, 0, 0,
          verb_audit },
        { "blocked", "", N_("Show the last destinations that were refused"), 0, 0, 0,
          verb_blocked },
        { "reload", "", N_("Read the configuration files again"), 0, 0, 0, verb_reload },
        { "help", "", N_("Show this help"), 0, 0, 0, verb_help },
};

/* What people type who know other programs. */
static const struct {
        const char *word;
        const char *verb;
} synonyms[] = {
        { "enable", "on" },   { "engage", "on" },       { "start", "on" },
        { "up", "on" },       { "disable", "off" },     { "release", "off" },
        { "stop", "off" },    { "down", "off" },        { "state", "status" },
        { "info", "status" }, { "continue", "resume" }, { "version", "--version" },
};

static const struct option long_options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, OPTION_VERSION },
        { "json", required_argument, NULL, OPTION_JSON },
        { "no-ask-password", no_argument, NULL, OPTION_NO_ASK_PASSWORD },
        { "no-legend", no_argument, NULL, OPTION_NO_LEGEND },
        { "no-pager", no_argument, NULL, OPTION_NO_PAGER },
        { "quiet", no_argument, NULL, 'q' },
        { "host", required_argument, NULL, 'H' },
        { "machine", required_argument, NULL, 'M' },
        { "property", required_argument, NULL, 'p' },
        { "value", no_argument, NULL, OPTION_VALUE },
        { "trial", optional_argument, NULL, OPTION_TRIAL },
        { "interface", required_argument, NULL, OPTION_INTERFACE },
        { "yes", no_argument, NULL, OPTION_YES },
        { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
        { NULL },
};

static ExitStatus verb_help(Ksctl *ctl)
{
        (void)ctl;
        help_print(verbs, G_N_ELEMENTS(verbs));
        return STATUS_DONE;
}

static bool parse_json(Ksctl *ctl, const char *mode)
{
        static const char *const modes[] = {
                [JSON_MODE_OFF] = "off",
                [JSON_MODE_SHORT] = "short",
                [JSON_MODE_PRETTY] = "pretty",
        };

        for (size_t i = 0; i < G_N_ELEMENTS(modes); i++)
                if (g_str_equal(mode, modes[i])) {
                        ctl->json = (JsonMode)i;
                        return true;
                }

        (void)report_usage(_("--json takes pretty, short or off, not '%s'."), mode);
        return false;
}

static bool parse_trial(Ksctl *ctl, const char *duration)
{
        g_autoptr(GError) error = NULL;

        ctl->trial = duration ?: "";
        ctl->trial_usec = KS_TRIAL_DEFAULT_USEC;
        if (!duration || (ks_duration_parse(duration, &ctl->trial_usec, &error) &&
                          ks_duration_check(ctl->trial_usec, &error)))
                return true;

        (void)report_said(error->message);
        return false;
}

/* Several names may be given at once, separated by commas. */
static bool parse_properties(Ksctl *ctl, const char *names)
{
        g_auto(GStrv) list = g_strsplit(names, ",", -1);

        for (char **name = list; *name; name++)
                if (**name)
                        g_ptr_array_add(ctl->properties, g_strdup(*name));

        if (ctl->properties->len > 0)
                return true;
        (void)report_usage(_("--property takes the name of a property."));
        return false;
}

static bool parse_transport(Ksctl *ctl, KsTransport transport, const char *where)
{
        if (ctl->transport != KS_TRANSPORT_LOCAL && ctl->transport != transport)
                (void)report_usage(_("Either --host or --machine can be given."));
        else if (!*where)
                (void)report_usage(_("--%s takes a name."),
                                   transport == KS_TRANSPORT_REMOTE ? "host" : "machine");
        else {
                ctl->transport = transport;
                ctl->where = where;
                return true;
        }
        return false;
}

/* Explains an option that isn't one. Behind a refused one, optind has moved on. */
static void report_option(const char *argument)
{
        const char *names[G_N_ELEMENTS(long_options)];
        g_autofree char *word = NULL;
        const char *nearest;
        size_t n = 0;

        if (!g_str_has_prefix(argument, "--")) {
                if (g_ascii_isdigit(optopt))
                        (void)report_usage(_("A duration has to be above zero."));
                else
                        (void)report_usage(_("Unknown option -%c."), optopt);
                return;
        }

        word = g_strndup(argument + 2, strcspn(argument + 2, "="));
        for (const struct option *option = long_options; option->name; option++) {
                if (option->val == optopt) {
                        (void)report_usage(_("--%s takes no value."), option->name);
                        return;
                }
                names[n++] = option->name;
        }

        nearest = suggest_nearest(word, names, n);
        if (nearest)
                (void)report_usage(_("Unknown option --%s. Did you mean --%s?"), word, nearest);
        else
                (void)report_usage(_("Unknown option --%s."), word);
}

static Parsed parse_options(Ksctl *ctl, int argc, char **argv)
{
        int option;

        opterr = 0;
        while ((option = getopt_long(argc, argv, ":hqjH:M:p:", long_options, NULL)) >= 0) {
                bool is_good = true;

                switch (option) {
                case 'h':
                        return PARSED_HELP;
                case OPTION_VERSION:
                        return PARSED_VERSION;
                case 'q':
                        ctl->quiet = true;
                        break;
                case 'j':
                        ctl->json = JSON_MODE_AUTO;
                        break;
                case OPTION_JSON:
                        is_good = parse_json(ctl, optarg);
                        break;
                case OPTION_NO_ASK_PASSWORD:
                        ctl->ask_password = false;
                        break;
                case OPTION_NO_LEGEND:
                        ctl->legend = false;
                        break;
                case OPTION_NO_PAGER:
                        break;
                case OPTION_VALUE:
                        ctl->value_only = true;
                        break;
                case OPTION_TRIAL:
                        is_good = parse_trial(ctl, optarg);
                        break;
                case OPTION_INTERFACE:
                        ctl->interface = optarg;
                        break;
                case OPTION_YES:
                        ctl->yes = true;
                        break;
                case OPTION_DRY_RUN:
                        ctl->dry_run = true;
                        break;
                case 'H':
                        is_good = parse_transport(ctl, KS_TRANSPORT_REMOTE, optarg);
                        break;
                case 'M':
                        is_good = parse_transport(ctl, KS_TRANSPORT_MACHINE, optarg);
                        break;
                case 'p':
                        is_good = parse_properties(ctl, optarg);
                        break;
                case ':':
                        (void)report_usage(_("%s takes a value."), argv[optind - 1]);
                        return PARSED_BAD;
                default:
                        report_option(argv[optind - 1]);
                        return PARSED_BAD;
                }
                if (!is_good)
                        return PARSED_BAD;
        }
        return PARSED_RUN;
}

static const Verb *find_verb(const char *name)
{
        const char *names[G_N_ELEMENTS(verbs)], *nearest = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(verbs); i++) {
                if (g_str_equal(verbs[i].name, name))
                        return &verbs[i];
                names[i] = verbs[i].name;
        }

        for (size_t i = 0; i < G_N_ELEMENTS(synonyms); i++)
                if (g_str_equal(synonyms[i].word, name))
                        nearest = synonyms[i].verb;
        if (!nearest)
                nearest = suggest_nearest(name, names, G_N_ELEMENTS(names));

        if (nearest)
                (void)report_usage(_("Unknown command '%s'. Did you mean '%s'?"), name, nearest);
        else
                (void)report_usage(_("Unknown command '%s'."), name);
        return NULL;
}

/* Whether the verb takes what was given along with it. */
static bool check_verb(const Ksctl *ctl, const Verb *verb)
{
        unsigned n = g_strv_length(ctl->arguments);

        if (ctl->trial && !(verb->flags & VERB_TAKES_TRIAL))
                (void)report_usage(_("--trial goes with 'on', not with '%s'."), verb->name);
        else if ((ctl->properties->len > 0 || ctl->value_only) &&
                 !(verb->flags & VERB_TAKES_PROPERTIES))
                (void)report_usage(_("--property and --value go with 'show', not with '%s'."),
                                   verb->name);
        else if ((ctl->interface || ctl->yes || ctl->dry_run) && !(verb->flags & VERB_TAKES_VPN))
                (void)report_usage(_("--interface, --yes and --dry-run go with 'vpn add'."));
        else if (n < verb->min_arguments)
                /* It is "pause" alone that can't do without. */
                (void)report_usage(_("'%s' takes a duration; write for example 90s, 5m or 1h30m."),
                                   verb->name);
        else if (n > verb->max_arguments && ctl->trial)
                (void)report_usage(_("'%s' takes no arguments. Did you mean --trial=%s?"),
                                   verb->name, ctl->arguments[0]);
        else if (n > verb->max_arguments)
                (void)report_usage(verb->max_arguments == 0 ? _("'%s' takes no arguments.")
                                                            : _("'%s' takes one argument."),
                                   verb->name);
        else
                return true;
        return false;
}

static ExitStatus run(Ksctl *ctl, int argc, char **argv)
{
        const Verb *verb;

        switch (parse_options(ctl, argc, argv)) {
        case PARSED_HELP:
                return verb_help(ctl);
        case PARSED_VERSION:
                puts("ksctl " KS_VERSION);
                return STATUS_DONE;
        case PARSED_BAD:
                return STATUS_USAGE;
        case PARSED_RUN:
        default:
                break;
        }

        ctl->verb = optind < argc ? argv[optind++] : "status";
        ctl->arguments = argv + optind;

        /* No verb of a person's: the completion of the shells asks so. */
        if (g_str_equal(ctl->verb, VERB_COMPLETE))
                return verb_complete(ctl);

        verb = find_verb(ctl->verb);
        if (!verb || !check_verb(ctl, verb))
                return STATUS_USAGE;
        return verb->run(ctl);
}

/* A socket that got the number of a closed stream would take what is printed for its own. Whoever
 * reads or writes the stream gets an error, as with a closed one. */
static void reserve_streams(void)
{
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) < 0)
                        (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
        Ksctl ctl = {
                .legend = true,
                .ask_password = true,
                .properties = g_ptr_array_new_with_free_func(g_free),
        };
        ExitStatus status;

        reserve_streams();
        ks_i18n_init();
        status = run(&ctl, argc, argv);

        g_ptr_array_unref(ctl.properties);
        sd_bus_flush_close_unref(ctl.bus);

        /* A result that didn't reach the disk or the pipe isn't one. */
        if (fflush(stdout) != 0 || ferror(stdout)) {
                report(_("Cannot write to the standard output: %s."), g_strerror(errno));
                return STATUS_FAILED;
        }
        return (int)status;
}
