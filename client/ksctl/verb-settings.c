/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl lan, reload: what applies while engaged. */

#include <stdio.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/common/words.h"
#include "client/ksctl/answer.h"
#include "client/ksctl/call.h"
#include "client/ksctl/lockout.h"
#include "client/ksctl/output.h"
#include "client/ksctl/report.h"
#include "client/ksctl/suggest.h"
#include "common/names.h"

static const char *const lan_words[] = { KS_LAN_PRIVATE, KS_LAN_NONE, KS_LAN_ALL };

static bool is_lan_word(const char *word)
{
        for (size_t i = 0; i < G_N_ELEMENTS(lan_words); i++)
                if (g_str_equal(lan_words[i], word))
                        return true;
        return false;
}

static ExitStatus print_lan(Ksctl *ctl)
{
        g_autoptr(KsState) state = NULL;
        ExitStatus status = call_read_state(ctl, &state);

        if (status != STATUS_DONE || ctl->quiet)
                return status;

        if (ctl->json != JSON_MODE_OFF) {
                json_auto_t *object = json_pack("{s:s}", KS_KEY_LAN, state->lan);

                output_json(ctl->json, object);
        } else {
                g_autofree char *word = ks_text_sanitise(state->lan);

                puts(word);
        }
        return STATUS_DONE;
}

/* Asks who sits on a connection that the setting cuts, as 'ksctl on' does. Returns: STATUS_DONE to
 * go on, or what the program has to end with. */
static ExitStatus check_connection(Ksctl *ctl, const char *lan)
{
        g_autofree char *before = NULL, *after = NULL;
        g_autoptr(KsState) state = NULL;
        g_auto(Login) login = { 0 };
        ExitStatus status;
        char line[16] = "";

        if (!lockout_is_remote(ctl, &login))
                return STATUS_DONE;
        status = call_read_state(ctl, &state);
        if (status != STATUS_DONE || !ks_state_in_force(state))
                return status;
        before = lockout_foresee(ctl, &login, state, state->lan);
        after = lockout_foresee(ctl, &login, state, lan);
        if (before || !after)
                return STATUS_DONE;

        report("%s", after);
        if (!ctl->ask_password || !isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return STATUS_DONE;
        /* TRANSLATORS: the letters are the first ones of "yes" and "no". */
        fputs(_("Change it anyway? [y/N] "), stderr);
        if (!fgets(line, sizeof(line), stdin))
                fputc('\n', stderr);
        if (answer_is(line, "yes", _("yes")))
                return STATUS_DONE;
        report(_("Nothing was changed."));
        return STATUS_FAILED;
}

ExitStatus verb_lan(Ksctl *ctl)
{
        const char *lan = ctl->arguments[0];
        ExitStatus status;

        if (!lan)
                return print_lan(ctl);
        if (!is_lan_word(lan)) {
                const char *nearest = suggest_nearest(lan, lan_words, G_N_ELEMENTS(lan_words));

                if (nearest)
                        return report_usage(_("'%s' isn't a LAN setting. Did you mean '%s'?"), lan,
                                            nearest);
                return report_usage(_("'%s' isn't a LAN setting; those are private, none and all."),
                                    lan);
        }

        status = check_connection(ctl, lan);
        if (status != STATUS_DONE)
                return status;
        status = call_change(ctl, DEED_SET_LAN, "SetLan", "s", lan);
        if (status != STATUS_DONE)
                return status;
        if (ctl->json != JSON_MODE_OFF)
                return print_lan(ctl);
        if (!ctl->quiet) {
                g_autofree char *words = ks_words_lan(lan);
                g_autofree char *text = g_strdup_printf(_("While engaged, %s."), words);

                output_sentence(COLOUR_NONE, text);
        }
        return STATUS_DONE;
}

ExitStatus verb_reload(Ksctl *ctl)
{
        ExitStatus status = call_change(ctl, DEED_RELOAD, "Reload", NULL);

        if (status == STATUS_DONE && !ctl->quiet && ctl->json == JSON_MODE_OFF)
                output_sentence(COLOUR_NONE,
                                _("The settings have been read again and are in force."));
        return status;
}
