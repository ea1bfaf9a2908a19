/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl status, is-active: what is in force. */

#include <stdio.h>

#include "client/common/i18n.h"
#include "client/common/said.h"
#include "client/common/text.h"
#include "client/common/words.h"
#include "client/ksctl/blocked.h"
#include "client/ksctl/call.h"
#include "client/ksctl/output.h"
#include "client/ksctl/report.h"
#include "client/ksctl/status.h"
#include "client/ksctl/value.h"
#include "common/cleanup.h"
#include "common/duration.h"
#include "common/names.h"
#include "config.h"

#define USEC_PER_SEC UINT64_C(1000000)

static Colour state_colour(const KsState *state)
{
        if (!ks_state_in_force(state))
                return COLOUR_BAD;
        if (state->degraded[0] || !g_str_equal(state->state, KS_STATE_PROTECTING))
                return COLOUR_WARNING;
        return COLOUR_GOOD;
}

static void print_since(const KsState *state)
{
        uint64_t now = ks_text_now();
        g_autofree char *text = NULL;

        if (state->since == 0)
                return;

        g_autofree char *since = ks_text_time(state->since);

        /* Another host's clock, or one that was set back, may make it the future. */
        if (state->since <= now) {
                uint64_t seconds = (now - state->since) / USEC_PER_SEC;
                g_autofree char *ago = ks_duration_format(seconds * USEC_PER_SEC);

                text = seconds == 0 ? g_strdup_printf(_("%s, just now"), since)
                                    : g_strdup_printf(_("%s, %s ago"), since, ago);
        }
        output_row(_("Since"), COLOUR_NONE, text ?: since);
}

/* What the user can do before the deadline. */
static const char *deadline_hint(const KsState *state)
{
        return state->trial ? _("'ksctl confirm' keeps it engaged.")
                            : _("'ksctl resume' engages it now.");
}

static void print_deadline(const KsState *state)
{
        g_autofree char *text = ks_words_deadline(state);

        if (text)
                output_row(_("Until"), COLOUR_NONE, text);
}

/* "vpn.example.org:51820 is 198.51.100.10, 2001:db8:51::10" */
static void print_servers(const KsVpn *vpn)
{
        for (char **server = vpn->servers; *server; server++) {
                g_autofree char *text = ks_text_sanitise(*server);
                g_auto(GStrv) words = g_strsplit(text, " ", -1);

                /* Of an empty text there is no first word either. */
                if (!words[0])
                        continue;
                g_autofree char *list = g_strjoinv(", ", words + 1);
                g_autofree char *row = *list ? g_strdup_printf(_("%s is %s"), words[0], list)
                                             : g_strdup_printf(_("%s is not known"), words[0]);

                output_row(_("Server"), COLOUR_NONE, row);
        }
}

static void print_vpns(const KsState *state)
{
        if (state->n_vpns == 0)
                output_row(_("VPN"), COLOUR_NONE, _("none known"));

        for (size_t i = 0; i < state->n_vpns; i++) {
                g_autofree char *text = ks_words_vpn(&state->vpns[i]);

                output_row(_("VPN"), COLOUR_NONE, text);
                print_servers(&state->vpns[i]);
        }
}

static void print_layers(const KsState *state)
{
        g_autofree char *lan = ks_words_lan(state->lan);

        if (!state->engaged) {
                g_autofree char *text = g_strdup_printf(_("when engaged, %s"), lan);

                output_row(_("LAN"), COLOUR_NONE, text);
                return;
        }
        output_row(_("LAN"), COLOUR_NONE, lan);

        if (!ks_state_in_force(state))
                return;

        g_autofree char *guard = ks_words_guard(state->guard);
        g_autofree char *blocked = g_strdup_printf(
                P_("%llu packet", "%llu packets", (unsigned long)state->blocked),
                (unsigned long long)state->blocked);
        bool is_active = g_str_equal(state->guard, KS_GUARD_ACTIVE);

        output_row(_("Guard"), is_active ? COLOUR_NONE : COLOUR_WARNING, guard);
        output_row(_("Blocked"), COLOUR_NONE, blocked);
}

/* Asked for only where there is something to ask for. */
static void print_last_blocked(Ksctl *ctl, const KsState *state)
{
        g_autofree char *last = state->recording ? blocked_describe_last(ctl) : NULL;

        if (last)
                output_row(_("Last"), COLOUR_NONE, last);
}

static void print_problems(const KsState *state)
{
        for (char **sentence = state->degraded; *sentence; sentence++) {
                g_autofree char *said = ks_said(*sentence);
                g_autofree char *text = ks_text_sanitise(said);

                output_row(_("Problem"), COLOUR_WARNING, text);
        }
}

static void print_next_steps(const KsState *state)
{
        if (state->degraded[0])
                output_row(_("Next"), COLOUR_NONE,
                           _("'journalctl -u killswitchd' tells more of the problem, 'ksctl audit' "
                             "whether anything gets past."));
        if (state->deadline > 0)
                output_row(_("Next"), COLOUR_NONE, deadline_hint(state));

        if (g_str_equal(state->state, KS_STATE_OFF)) {
                output_row(_("Next"), COLOUR_NONE, _("'ksctl on' engages it."));
        } else if (g_str_equal(state->state, KS_STATE_BLOCKING)) {
                output_row(_("Next"), COLOUR_NONE,
                           _("Bring a VPN up, and traffic goes through it by itself."));
                if (!state->trial)
                        output_row(_("Next"), COLOUR_NONE,
                                   _("'ksctl pause 5m' lets go for a while, to log in to a hotspot "
                                     "say."));
                output_row(_("Next"), COLOUR_NONE, _("'ksctl off' releases it."));
        } else if (g_str_equal(state->state, KS_STATE_PROTECTING)) {
                output_row(_("Next"), COLOUR_NONE, _("'ksctl off' releases it."));
        }

        if (state->n_vpns == 0) {
                g_autofree char *text = g_strdup_printf(
                        _("A WireGuard link of the kernel is found by itself; another VPN is "
                          "added by 'sudo ksctl vpn add' while it is up, or by a section in %s."),
                        KS_CONFIG_DIR_ETC "/killswitch.conf");

                output_row(_("Next"), COLOUR_NONE, text);
        }
}

static void print_status(Ksctl *ctl, const KsState *state)
{
        g_autofree char *headline = ks_words_headline(state);
        g_autofree char *word = ks_text_sanitise(state->state);

        output_sentence(state_colour(state), headline);
        putchar('\n');
        output_row(_("State"), COLOUR_NONE, word);
        print_since(state);
        print_deadline(state);
        print_vpns(state);
        print_layers(state);
        print_last_blocked(ctl, state);
        print_problems(state);
        if (ctl->legend)
                print_next_steps(state);
}

/* Prints the answer of GetState as an object with the D-Bus names. */
static ExitStatus print_json(const Ksctl *ctl, sd_bus_message *reply)
{
        json_auto_t *object = NULL;
        int r;

        r = value_read_state(reply, &object);
        if (r < 0)
                return report_bad_answer(r);
        output_json(ctl->json, object);
        return STATUS_DONE;
}

static void print_brief(const KsState *state)
{
        g_autofree char *headline = ks_words_headline(state);
        g_autofree char *deadline = ks_words_deadline(state);

        output_sentence(state_colour(state), headline);
        if (deadline) {
                g_autofree char *text = g_strdup_printf(_("Until %s. %s"), deadline,
                                                        deadline_hint(state));

                output_sentence(COLOUR_NONE, text);
        }
        print_problems(state);
}

ExitStatus status_print_outcome(Ksctl *ctl)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        g_autoptr(KsState) state = NULL;
        int r;

        if (ctl->quiet || call_get_state(ctl, &reply) != STATUS_DONE)
                return STATUS_DONE;
        if (ctl->json != JSON_MODE_OFF) {
                (void)print_json(ctl, reply);
                return STATUS_DONE;
        }

        r = ks_state_read(reply, &state);
        if (r < 0)
                (void)report_bad_answer(r);
        else
                print_brief(state);
        return STATUS_DONE;
}

ExitStatus verb_status(Ksctl *ctl)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        g_autoptr(KsState) state = NULL;
        ExitStatus status;
        int r;

        status = call_get_state(ctl, &reply);
        if (status != STATUS_DONE)
                return status;
        r = ks_state_read(reply, &state);
        if (r < 0)
                return report_bad_answer(r);

        if (!ctl->quiet && ctl->json != JSON_MODE_OFF) {
                r = sd_bus_message_rewind(reply, true);
                if (r < 0)
                        return report_bad_answer(r);
                status = print_json(ctl, reply);
                if (status != STATUS_DONE)
                        return status;
        } else if (!ctl->quiet) {
                print_status(ctl, state);
        }

        return ks_state_in_force(state) ? STATUS_DONE : STATUS_NOT_ENGAGED;
}

ExitStatus verb_is_active(Ksctl *ctl)
{
        g_autoptr(KsState) state = NULL;
        ExitStatus status;

        status = call_read_state(ctl, &state);
        if (status != STATUS_DONE)
                return status;

        if (!ctl->quiet && ctl->json != JSON_MODE_OFF) {
                json_auto_t *object = json_pack("{s:s, s:b}", KS_KEY_STATE, state->state, "Active",
                                                ks_state_in_force(state));

                output_json(ctl->json, object);
        } else if (!ctl->quiet) {
                g_autofree char *word = ks_text_sanitise(state->state);

                puts(word);
        }

        return ks_state_in_force(state) ? STATUS_DONE : STATUS_NOT_ENGAGED;
}
