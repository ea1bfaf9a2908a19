/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Says in plain words what the state means for the user. */

#include "client/common/words.h"

#include "client/common/text.h"
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
                        return g_strdup(words[i].meaning);
        return ks_text_sanitise(word);
}

/* The interfaces that are up, as "wg0", "wg0 or wg1": those that carry everything, or the others.
 */
static char *list_interfaces(const KsState *state, bool is_default)
{
        GString *list = g_string_new(NULL);

        for (size_t i = 0; i < state->n_vpns; i++) {
                const KsVpn *vpn = &state->vpns[i];
                g_autofree char *interface = ks_text_sanitise(vpn->interface);

                if (!vpn->up || vpn->is_default != is_default)
                        continue;
                if (list->len > 0)
                        g_string_append(list, is_default ? " or " : " and ");
                g_string_append(list, interface);
        }

        return g_string_free(list, FALSE);
}

static char *headline_off(const KsState *state)
{
        g_autofree char *carriers = list_interfaces(state, true);

        if (*carriers)
                return g_strdup_printf(
                        "Not protected: the kill switch is off. %s is up, but nothing "
                        "holds traffic to it.",
                        carriers);
        return g_strdup("Not protected: the kill switch is off, and traffic leaves this machine "
                        "directly.");
}

static char *headline_protecting(const KsState *state)
{
        g_autofree char *carriers = list_interfaces(state, true);
        g_autofree char *others = list_interfaces(state, false);
        const char *start = state->degraded[0] ? "Protected, with problems" : "Protected";

        if (*carriers)
                return g_strdup_printf("%s: all traffic to the internet goes through %s.", start,
                                       carriers);
        if (*others)
                return g_strdup_printf("%s: only the networks behind %s can be reached.", start,
                                       others);
        return g_strdup_printf("%s: traffic leaves this machine only through a VPN.", start);
}

char *ks_words_headline(const KsState *state)
{
        if (g_str_equal(state->state, KS_STATE_OFF))
                return headline_off(state);
        if (g_str_equal(state->state, KS_STATE_PAUSED))
                return g_strdup("Not protected: the kill switch is paused, and traffic leaves this "
                                "machine directly.");
        if (g_str_equal(state->state, KS_STATE_BLOCKING))
                return g_strdup_printf("%s: no VPN is up, so nothing leaves this machine for the "
                                       "internet.",
                                       state->degraded[0] ? "Blocking, with problems" : "Blocking");
        if (g_str_equal(state->state, KS_STATE_PROTECTING))
                return headline_protecting(state);

        g_autofree char *word = ks_text_sanitise(state->state);

        return g_strdup_printf("The state is '%s', which this program is too old to explain.",
                               word);
}

char *ks_words_vpn(const KsVpn *vpn)
{
        GString *text = g_string_new(NULL);

        if (*vpn->name && !g_str_equal(vpn->name, vpn->interface))
                g_string_append_printf(text, "%s on ", vpn->name);
        g_string_append(text, vpn->interface);
        if (*vpn->kind)
                g_string_append_printf(text, " (%s)", vpn->kind);
        g_string_append(text, vpn->up ? ", up" : ", down");
        if (!vpn->is_default)
                g_string_append(text, ", for its own networks only");
        for (char **address = vpn->addresses; *address; address++)
                g_string_append_printf(text, ", %s", *address);

        g_autofree char *raw = g_string_free(text, FALSE);

        return ks_text_sanitise(raw);
}

char *ks_words_lan(const char *lan)
{
        static const Word words[] = {
                { KS_LAN_PRIVATE, "private addresses can be reached directly (private)" },
                { KS_LAN_NONE, "no address can be reached directly (none)" },
                { KS_LAN_ALL,
                  "every network in the routing table can be reached directly, also one "
                  "that the local network announces (all)" },
        };

        return look_up(words, G_N_ELEMENTS(words), lan);
}

char *ks_words_guard(const char *guard)
{
        static const Word words[] = {
                { KS_GUARD_ACTIVE, "active" },
                { KS_GUARD_ABSENT, "not there" },
                { KS_GUARD_UNAVAILABLE, "unavailable; only the routing rules hold" },
        };

        return look_up(words, G_N_ELEMENTS(words), guard);
}

char *ks_words_reason(const char *reason)
{
        static const Word words[] = {
                { "engage", "engaged" },
                { "release", "released" },
                { "trial", "engaged on trial" },
                { "trial-expired", "the trial ended without a confirmation" },
                { "pause", "paused" },
                { "pause-expired", "the pause is over" },
                { "resume", "resumed" },
                { "vpn-up", "a VPN came up" },
                { "vpn-down", "the VPN went down" },
                { "settings", "the settings changed" },
                { "rescue", "taken away by the administrator" },
                { "start", "the service started" },
        };

        return look_up(words, G_N_ELEMENTS(words), reason);
}
