/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says in plain words what the state means for the user. */

#include "client/common/words.h"

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "common/duration.h"
#include "common/names.h"

typedef struct Word {
        const char *word;
        const char *meaning;
} Word;

/* The meaning of a word, or the word itself, made safe, when it isn't known. */
static char *look_up(const Word *words, size_t n, const char *word)
{
        for (size_t i = 0; i < n; i++)
                if (g_str_equal(words[i].word, word))
                        return g_strdup(_(words[i].meaning));
        return ks_text_sanitise(word);
}

/* The interfaces that are up, as "wg0", "wg0 or wg1": those that carry everything, or the others.
 */
static char *list_interfaces(const KsState *state, bool is_default)
{
        g_autofree char *list = NULL;

        for (size_t i = 0; i < state->n_vpns; i++) {
                const KsVpn *vpn = &state->vpns[i];
                g_autofree char *interface = ks_text_sanitise(vpn->interface);
                g_autofree char *before = g_steal_pointer(&list);

                if (!vpn->up || vpn->is_default != is_default)
                        list = g_steal_pointer(&before);
                else if (!before)
                        list = g_steal_pointer(&interface);
                else
                        list = g_strdup_printf(is_default ? _("%s or %s") : _("%s and %s"), before,
                                               interface);
        }

        return list ? g_steal_pointer(&list) : g_strdup("");
}

static char *headline_off(const KsState *state)
{
        g_autofree char *carriers = list_interfaces(state, true);

        if (*carriers)
                return g_strdup_printf(_("Not protected: the kill switch is off. %s is up, but "
                                         "nothing holds traffic to it."),
                                       carriers);
        return g_strdup(_("Not protected: the kill switch is off, and traffic leaves this machine "
                          "directly."));
}

static char *headline_protecting(const KsState *state)
{
        g_autofree char *carriers = list_interfaces(state, true);
        g_autofree char *others = list_interfaces(state, false);
        bool is_degraded = state->degraded[0];

        if (*carriers)
                return g_strdup_printf(
                        is_degraded ? _("Protected, with problems: all traffic to the internet "
                                        "goes through %s.")
                                    : _("Protected: all traffic to the internet goes through %s."),
                        carriers);
        if (*others)
                return g_strdup_printf(
                        is_degraded ? _("Protected, with problems: only the networks behind %s can "
                                        "be reached.")
                                    : _("Protected: only the networks behind %s can be reached."),
                        others);
        return g_strdup(is_degraded ? _("Protected, with problems: traffic leaves this machine "
                                        "only through a VPN.")
                                    : _("Protected: traffic leaves this machine only through a "
                                        "VPN."));
}

char *ks_words_headline(const KsState *state)
{
        if (g_str_equal(state->state, KS_STATE_OFF))
                return headline_off(state);
        if (g_str_equal(state->state, KS_STATE_PAUSED))
                return g_strdup(_("Not protected: the kill switch is paused, and traffic leaves "
                                  "this machine directly."));
        if (g_str_equal(state->state, KS_STATE_BLOCKING))
                return g_strdup(state->degraded[0]
                                        ? _("Blocking, with problems: no VPN is up, so nothing "
                                            "leaves this machine for the internet.")
                                        : _("Blocking: no VPN is up, so nothing leaves this "
                                            "machine for the internet."));
        if (g_str_equal(state->state, KS_STATE_PROTECTING))
                return headline_protecting(state);

        g_autofree char *word = ks_text_sanitise(state->state);

        return g_strdup_printf(_("The state is '%s', which this program is too old to explain."),
                               word);
}

char *ks_words_deadline(const KsState *state)
{
        if (state->deadline == 0)
                return NULL;

        g_autofree char *deadline = ks_text_time(state->deadline);
        g_autofree char *remaining = ks_duration_format(state->remaining);

        /* TRANSLATORS: a time, and how long it is until then. */
        return g_strdup_printf(state->trial ? _("%s, in %s; then it releases itself")
                                            : _("%s, in %s; then it engages again by itself"),
                               deadline, remaining);
}

char *ks_words_vpn(const KsVpn *vpn)
{
        GString *text = g_string_new(NULL);

        if (*vpn->name && !g_str_equal(vpn->name, vpn->interface))
                /* TRANSLATORS: a VPN's name, and its interface. */
                g_string_append_printf(text, _("%s on %s"), vpn->name, vpn->interface);
        else
                g_string_append(text, vpn->interface);
        if (*vpn->kind)
                g_string_append_printf(text, " (%s)", vpn->kind);
        g_string_append_printf(text, ", %s", vpn->up ? _("up") : _("down"));
        if (!vpn->is_default)
                g_string_append_printf(text, ", %s", _("for its own networks only"));
        for (char **address = vpn->addresses; *address; address++)
                g_string_append_printf(text, ", %s", *address);

        g_autofree char *raw = g_string_free(text, FALSE);

        return ks_text_sanitise(raw);
}

char *ks_words_lan(const char *lan)
{
        static const Word words[] = {
                { KS_LAN_PRIVATE, N_("private addresses can be reached directly (private)") },
                { KS_LAN_NONE, N_("no address can be reached directly (none)") },
                { KS_LAN_ALL,
                  N_("every network in the routing table can be reached directly, also one "
                     "that the local network announces (all)") },
        };

        return look_up(words, G_N_ELEMENTS(words), lan);
}

char *ks_words_guard(const char *guard)
{
        static const Word words[] = {
                { KS_GUARD_ACTIVE, N_("active") },
                { KS_GUARD_ABSENT, N_("not there") },
                { KS_GUARD_UNAVAILABLE, N_("unavailable; only the routing rules hold") },
        };

        return look_up(words, G_N_ELEMENTS(words), guard);
}

char *ks_words_reason(const char *reason)
{
        static const Word words[] = {
                { "engage", N_("engaged") },
                { "release", N_("released") },
                { "trial", N_("engaged on trial") },
                { "trial-expired", N_("the trial ended without a confirmation") },
                { "pause", N_("paused") },
                { "pause-expired", N_("the pause is over") },
                { "resume", N_("resumed") },
                { "vpn-up", N_("a VPN came up") },
                { "vpn-down", N_("the VPN went down") },
                { "settings", N_("the settings changed") },
                { "rescue", N_("taken away by the administrator") },
                { "start", N_("the service started") },
        };

        return look_up(words, G_N_ELEMENTS(words), reason);
}
