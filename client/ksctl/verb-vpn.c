/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl vpn: which VPNs there are; remove one. */

#include <stdio.h>
#include <string.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/ksctl/call.h"
#include "client/ksctl/help.h"
#include "client/ksctl/output.h"
#include "client/ksctl/report.h"
#include "client/ksctl/suggest.h"
#include "client/ksctl/value.h"
#include "client/ksctl/vpn.h"
#include "common/cleanup.h"
#include "common/names.h"

#define N_COLUMNS 5

ExitStatus vpn_read_all(Ksctl *ctl, json_t **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        json_auto_t *state = NULL;
        ExitStatus status = call_get_state(ctl, &reply);
        int r;

        if (status != STATUS_DONE)
                return status;
        r = value_read_state(reply, &state);
        if (r < 0)
                return report_bad_answer(r);
        *ret = json_incref(json_object_get(state, KS_KEY_VPNS));
        if (!*ret)
                *ret = json_array();
        return STATUS_DONE;
}

char *vpn_text(const json_t *vpn, const char *key)
{
        return ks_text_sanitise(json_string_value(json_object_get(vpn, key)));
}

/* Where a VPN is known from: a place in a file, or a word. */
static char *describe_source(const json_t *vpn)
{
        g_autofree char *source = vpn_text(vpn, KS_VPN_SOURCE);
        char *origin = vpn_text(vpn, KS_VPN_ORIGIN);

        if (*origin)
                return origin;
        g_free(origin);
        if (g_str_equal(source, KS_SOURCE_WIREGUARD))
                return g_strdup(_("kernel WireGuard"));
        if (g_str_equal(source, KS_SOURCE_ADDED))
                return g_strdup(_("added"));
        if (g_str_equal(source, KS_SOURCE_SETTINGS))
                return g_strdup(_("settings"));
        return g_steal_pointer(&source);
}

static void print_table(const json_t *vpns, bool legend)
{
        static const char *const titles[N_COLUMNS] = { N_("NAME"), N_("INTERFACE"), N_("KIND"),
                                                       N_("STATE"), N_("FROM") };
        g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
        const json_t *vpn;
        size_t i;

        for (size_t c = 0; legend && c < N_COLUMNS; c++)
                g_ptr_array_add(cells, g_strdup(_(titles[c])));
        json_array_foreach(vpns, i, vpn)
        {
                bool up = json_is_true(json_object_get(vpn, KS_VPN_UP));

                g_ptr_array_add(cells, vpn_text(vpn, KS_VPN_NAME));
                g_ptr_array_add(cells, vpn_text(vpn, KS_VPN_INTERFACE));
                g_ptr_array_add(cells, vpn_text(vpn, KS_VPN_KIND));
                g_ptr_array_add(cells, g_strdup(up ? _("up") : _("down")));
                g_ptr_array_add(cells, describe_source(vpn));
        }
        output_table(cells, N_COLUMNS);
}

static ExitStatus list(Ksctl *ctl, char **arguments)
{
        json_auto_t *vpns = NULL;
        ExitStatus status;

        if (*arguments)
                return report_vpn_usage(_("'vpn list' takes no arguments."));
        status = vpn_read_all(ctl, &vpns);
        if (status != STATUS_DONE || ctl->quiet)
                return status;
        if (ctl->json != JSON_MODE_OFF)
                output_json(ctl->json, vpns);
        else if (json_array_size(vpns) > 0)
                print_table(vpns, ctl->legend);
        else if (ctl->legend)
                output_sentence(COLOUR_NONE,
                                _("No VPN is known. When one is up, 'sudo ksctl vpn add' "
                                  "adds it by looking at it."));
        return STATUS_DONE;
}

static ExitStatus show(Ksctl *ctl, char **arguments)
{
        json_auto_t *vpns = NULL;
        const char *key;
        json_t *vpn, *value;
        ExitStatus status;
        size_t i;

        if (!*arguments || arguments[1])
                return report_vpn_usage(_("'vpn show' takes the name of a VPN."));
        status = vpn_read_all(ctl, &vpns);
        if (status != STATUS_DONE)
                return status;
        json_array_foreach(vpns, i, vpn)
        {
                if (g_strcmp0(json_string_value(json_object_get(vpn, KS_VPN_NAME)), *arguments))
                        continue;
                if (!ctl->quiet && ctl->json != JSON_MODE_OFF)
                        output_json(ctl->json, vpn);
                else if (!ctl->quiet)
                        json_object_foreach(vpn, key, value) value_print(key, value, false);
                return STATUS_DONE;
        }
        report(_("There is no VPN '%s'; 'ksctl vpn list' shows all."), *arguments);
        return STATUS_FAILED;
}

static ExitStatus remove_vpn(Ksctl *ctl, char **arguments)
{
        ExitStatus status;

        if (!*arguments || arguments[1])
                return report_vpn_usage(_("'vpn remove' takes the name of a VPN."));
        status = call_change(ctl, DEED_REMOVE_VPN, "RemoveVpn", "s", *arguments);
        if (status == STATUS_DONE && !ctl->quiet && ctl->json == JSON_MODE_OFF) {
                g_autofree char *text = g_strdup_printf(_("The VPN %s was removed."), *arguments);

                output_sentence(COLOUR_NONE, text);
        }
        return status;
}

static ExitStatus help(Ksctl *ctl, char **arguments)
{
        static const struct {
                const char *left;
                const char *right;
        } rows[] = {
                { "ksctl vpn list", N_("Show all VPNs (the default)") },
                { N_("ksctl vpn show NAME"), N_("Show one of them") },
                { N_("ksctl vpn add [NAME]"), N_("Look at a VPN that is up, ask, add it") },
                { N_("    --interface=LINK"), N_("Which one, where there are several") },
                { "    --yes", N_("Don't ask") },
                { "    --dry-run", N_("Only print the section, as for a file") },
                { N_("ksctl vpn add NAME KEY=VALUE..."),
                  N_("Add one by the keys of a [VPN] section") },
                { N_("ksctl vpn remove NAME"), N_("Remove one that was added") },
        };

        (void)ctl;
        (void)arguments;
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
                help_print_row(HELP_WIDE, _(rows[i].left), _(rows[i].right));
        putchar('\n');
        help_print_paragraph(_("Keys: Interface, Kind, Mark, User, Protocol, SourcePort, Unit, "
                               "Endpoint, EndpointRange, Through, Gateway, Prefixes, Metric, "
                               "Default. Endpoint, EndpointRange, Prefixes and Gateway may be "
                               "repeated. A VPN that is added is kept until it is removed, and "
                               "takes effect at once."));
        return STATUS_DONE;
}

ExitStatus verb_vpn(Ksctl *ctl)
{
        static const struct {
                const char *word;
                ExitStatus (*run)(Ksctl *, char **);
        } commands[] = {
                { "list", list },         { "show", show }, { "add", vpn_add },
                { "remove", remove_vpn }, { "help", help },
        };
        const char *words[G_N_ELEMENTS(commands)], *nearest;
        const char *word = ctl->arguments[0] ? ctl->arguments[0] : "list";
        bool is_add = g_str_equal(word, "add");

        if ((ctl->interface || ctl->yes || ctl->dry_run) && !is_add)
                return report_vpn_usage(_("--interface, --yes and --dry-run go with 'vpn add'."));
        for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
                words[i] = commands[i].word;
                if (g_str_equal(commands[i].word, word))
                        return commands[i].run(ctl, ctl->arguments + (ctl->arguments[0] ? 1 : 0));
        }
        nearest = suggest_nearest(word, words, G_N_ELEMENTS(words));
        if (nearest)
                return report_vpn_usage(_("Unknown command 'vpn %s'. Did you mean 'vpn %s'?"), word,
                                        nearest);
        return report_vpn_usage(
                _("Unknown command 'vpn %s'; there are list, show, add, remove and help."), word);
}
