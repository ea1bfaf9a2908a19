/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl vpn add: by keys, or by looking. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/ksctl/answer.h"
#include "client/ksctl/call.h"
#include "client/ksctl/output.h"
#include "client/ksctl/propose.h"
#include "client/ksctl/report.h"
#include "client/ksctl/vpn.h"
#include "common/names.h"

/* Options grouped by their keys, as AddVpn takes them: "s" each, "as" for what is repeated. */
static int append_option(sd_bus_message *call, GPtrArray *options, guint first)
{
        const char *option = g_ptr_array_index(options, first);
        size_t length = strcspn(option, "=") + 1;
        g_autofree char *key = g_strndup(option, length - 1);
        g_autoptr(GPtrArray) values = g_ptr_array_new();
        int r;

        for (guint i = 0; i < options->len; i++) {
                const char *other = g_ptr_array_index(options, i);

                if (strncmp(option, other, length) != 0)
                        continue;
                if (i < first)
                        return 0; /* went along with the first of them */
                g_ptr_array_add(values, (char *)other + length);
        }
        if (values->len == 1)
                return sd_bus_message_append(call, "{sv}", key, "s", values->pdata[0]);
        g_ptr_array_add(values, NULL);
        r = sd_bus_message_open_container(call, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(call, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(call, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(call, (char **)values->pdata);
        if (r >= 0)
                r = sd_bus_message_close_container(call);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

static int append_arguments(sd_bus_message *call, void *userdata)
{
        const Proposal *proposal = userdata;
        int r = sd_bus_message_append(call, "s", proposal->name);

        if (r >= 0)
                r = sd_bus_message_open_container(call, 'a', "{sv}");
        for (guint i = 0; r >= 0 && i < proposal->options->len; i++)
                r = append_option(call, proposal->options, i);
        return r < 0 ? r : sd_bus_message_close_container(call);
}

/* What was found as comments, so that it can go into a file as it is. */
static void print_section(FILE *f, const Proposal *proposal)
{
        g_autofree char *name = ks_text_sanitise(proposal->name);

        for (guint i = 0; i < proposal->findings->len; i++) {
                g_autofree char *text = ks_text_sanitise(proposal->findings->pdata[i]);

                fprintf(f, "# %s\n", text);
        }
        fprintf(f, "[VPN %s]\n", name);
        for (guint i = 0; i < proposal->options->len; i++) {
                g_autofree char *text = ks_text_sanitise(proposal->options->pdata[i]);

                fprintf(f, "%s\n", text);
        }
}

static void print_json(const Ksctl *ctl, const Proposal *proposal)
{
        json_auto_t *options = json_array(), *findings = json_array(), *object = NULL;

        for (guint i = 0; i < proposal->options->len; i++)
                json_array_append_new(options, json_string(proposal->options->pdata[i]));
        for (guint i = 0; i < proposal->findings->len; i++)
                json_array_append_new(findings, json_string(proposal->findings->pdata[i]));
        object = json_pack("{s:s, s:O, s:O}", KS_VPN_NAME, proposal->name, "Options", options,
                           "Findings", findings);
        output_json(ctl->json, object);
}

static ExitStatus add(Ksctl *ctl, Proposal *proposal)
{
        ExitStatus status = call_change_with(ctl, DEED_ADD_VPN, "AddVpn", append_arguments,
                                             proposal);

        if (status != STATUS_DONE || ctl->quiet)
                return status;
        if (ctl->json != JSON_MODE_OFF) {
                print_json(ctl, proposal);
        } else {
                g_autofree char *name = ks_text_sanitise(proposal->name);
                g_autofree char *text = g_strdup_printf(_("The VPN %s was added."), name);

                output_sentence(COLOUR_NONE, text);
        }
        return STATUS_DONE;
}

static ExitStatus dry_run(const Ksctl *ctl, const Proposal *proposal)
{
        if (!ctl->quiet && ctl->json != JSON_MODE_OFF)
                print_json(ctl, proposal);
        else if (!ctl->quiet)
                print_section(stdout, proposal);
        return STATUS_DONE;
}

/* By keys */

static ExitStatus add_by_keys(Ksctl *ctl, const char *name, char **keys)
{
        g_autoptr(Proposal) proposal = g_new0(Proposal, 1);
        bool has_interface = false;

        proposal->name = g_strdup(name);
        proposal->findings = g_ptr_array_new_with_free_func(g_free);
        proposal->options = g_ptr_array_new_with_free_func(g_free);
        for (; *keys; keys++) {
                if (!strchr(*keys, '='))
                        return report_vpn_usage(_("'%s' isn't KEY=VALUE."), *keys);
                has_interface |= g_str_has_prefix(*keys, "Interface=");
                g_ptr_array_add(proposal->options, g_strdup(*keys));
        }
        if (ctl->interface && has_interface)
                return report_vpn_usage(_("Either --interface or Interface= can be given."));
        if (ctl->interface)
                g_ptr_array_add(proposal->options, g_strconcat("Interface=", ctl->interface, NULL));
        return ctl->dry_run ? dry_run(ctl, proposal) : add(ctl, proposal);
}

/* By looking */

/* The interfaces that are VPNs already; those of an unavailable service are none. */
static bool is_known(const json_t *vpns, const char *link)
{
        const json_t *vpn;
        size_t i;

        json_array_foreach(vpns, i, vpn)
        {
                if (g_strcmp0(json_string_value(json_object_get(vpn, KS_VPN_INTERFACE)), link) == 0)
                        return true;
        }
        return false;
}

static const LookLink *find_link(GArray *links, const char *name)
{
        for (guint i = 0; i < links->len; i++)
                if (g_str_equal(g_array_index(links, LookLink, i).name, name))
                        return &g_array_index(links, LookLink, i);
        return NULL;
}

/* The one link that may be meant. Returns: NULL after saying why there is none. */
static const LookLink *choose_link(GArray *links, const json_t *vpns)
{
        g_autoptr(GString) names = g_string_new(NULL);
        const LookLink *found = NULL;
        guint n = 0;

        for (guint i = 0; i < links->len; i++) {
                const LookLink *link = &g_array_index(links, LookLink, i);

                if (!propose_is_candidate(link) || is_known(vpns, link->name))
                        continue;
                g_string_append_printf(names, "%s%s", n++ ? ", " : "", link->name);
                found = link;
        }
        if (n == 1)
                return found;
        if (n == 0)
                report(_("There is no link that could be a VPN's and isn't known yet. Start the "
                         "VPN, "
                         "and look again; 'ksctl vpn list' shows those that are known."));
        else
                report(_("There are several links that could be a VPN's: %s. Say which one: ksctl "
                         "vpn "
                         "add --interface=LINK"),
                       names->str);
        return NULL;
}

static const LookLink *pick_link(Ksctl *ctl, GArray *links, const char *name, ExitStatus *status)
{
        const char *wanted = ctl->interface;
        json_auto_t *vpns = NULL;
        const LookLink *link;

        *status = STATUS_FAILED;
        if (!wanted && name && find_link(links, name))
                wanted = name;
        if (wanted) {
                link = find_link(links, wanted);
                if (!link)
                        report(_("There is no link %s. Start the VPN, and look again."), wanted);
                return link;
        }
        *status = vpn_read_all(ctl, &vpns);
        if (*status != STATUS_DONE)
                return NULL;
        *status = STATUS_FAILED;
        return choose_link(links, vpns);
}

/* Returns: whether the answer was yes. */
static bool ask(const Proposal *proposal)
{
        char answer[16] = "";

        print_section(stderr, proposal);
        fputc('\n', stderr);
        /* TRANSLATORS: the letters are the first ones of "yes" and "no". */
        fputs(_("Add this VPN? [y/N] "), stderr);
        if (!fgets(answer, sizeof(answer), stdin))
                fputc('\n', stderr);
        return answer_is(answer, "yes", _("yes"));
}

static void report_gap(const Proposal *proposal)
{
        for (guint i = 0; i < proposal->findings->len; i++)
                report("%s", (const char *)proposal->findings->pdata[i]);
        report("%s", proposal->gap);
}

static ExitStatus add_proposal(Ksctl *ctl, Proposal *proposal)
{
        bool is_terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);

        if (proposal->gap) {
                report_gap(proposal);
                return STATUS_FAILED;
        }
        if (ctl->dry_run)
                return dry_run(ctl, proposal);
        if (ctl->yes) {
                if (!ctl->quiet && ctl->json == JSON_MODE_OFF)
                        print_section(stdout, proposal);
                return add(ctl, proposal);
        }
        if (!is_terminal)
                return report_vpn_usage(
                        _("There is nobody to ask whether the proposal is right. --yes "
                          "adds it, --dry-run prints it."));
        if (ask(proposal))
                return add(ctl, proposal);
        report(_("Nothing was changed."));
        return STATUS_FAILED;
}

static ExitStatus add_by_looking(Ksctl *ctl, const char *name)
{
        g_autoptr(Proposal) proposal = NULL;
        g_autoptr(GArray) links = NULL;
        const LookLink *link;
        ExitStatus status;
        int r;

        if (ctl->transport != KS_TRANSPORT_LOCAL)
                return report_vpn_usage(
                        _("Only the VPNs of this machine can be looked at. Name the keys, "
                          "or run it there."));
        /* What is found goes into the answer, which is one for programs. */
        if (ctl->json != JSON_MODE_OFF)
                ks_i18n_neutral();
        r = look_links(&links);
        if (r < 0) {
                report(_("The links can't be read: %s."), g_strerror(-r));
                return STATUS_FAILED;
        }
        link = pick_link(ctl, links, name, &status);
        if (!link)
                return status;
        proposal = propose(name ? name : link->name, link);
        return add_proposal(ctl, proposal);
}

ExitStatus vpn_add(Ksctl *ctl, char **arguments)
{
        const char *name = arguments[0];

        if (name && strchr(name, '='))
                return report_vpn_usage(_("'vpn add' takes a name before the keys."));
        if (name && arguments[1])
                return add_by_keys(ctl, name, arguments + 1);
        return add_by_looking(ctl, name);
}
