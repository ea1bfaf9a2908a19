/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Chooses icon and words for a state. */

#include "client/tray/face.h"

#include <time.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/common/words.h"
#include "common/duration.h"
#include "common/names.h"
#include "config.h"

static const struct {
        const char *icon, *symbolic, *title;
} faces[_FACE_MAX] = {
        [FACE_UNKNOWN] = { "killswitch-unknown", "killswitch-unknown-symbolic",
                           N_("Kill switch: state unknown") },
        [FACE_OFF] = { "killswitch-off", "killswitch-off-symbolic",
                       N_("Kill switch: off, not protected") },
        [FACE_BLOCKING] = { "killswitch-blocking", "killswitch-blocking-symbolic",
                            N_("Kill switch: blocking, no VPN") },
        [FACE_PROTECTING] = { "killswitch-protecting", "killswitch-protecting-symbolic",
                              N_("Kill switch: protected") },
        [FACE_PAUSED] = { "killswitch-paused", "killswitch-paused-symbolic",
                          N_("Kill switch: paused, not protected") },
        [FACE_DEGRADED] = { "killswitch-degraded", "killswitch-degraded-symbolic",
                            N_("Kill switch: on, with problems") },
};

Face face_of(const KsState *state)
{
        if (!state)
                return FACE_UNKNOWN;
        if (g_str_equal(state->state, KS_STATE_OFF))
                return FACE_OFF;
        if (g_str_equal(state->state, KS_STATE_PAUSED))
                return FACE_PAUSED;
        if (g_str_equal(state->state, KS_STATE_BLOCKING))
                return state->degraded[0] ? FACE_DEGRADED : FACE_BLOCKING;
        if (g_str_equal(state->state, KS_STATE_PROTECTING))
                return state->degraded[0] ? FACE_DEGRADED : FACE_PROTECTING;
        return FACE_UNKNOWN;
}

const char *face_icon(Face face, bool symbolic)
{
        return symbolic ? faces[face].symbolic : faces[face].icon;
}

bool face_is_urgent(Face face)
{
        return face == FACE_BLOCKING || face == FACE_DEGRADED;
}

const char *face_title(Face face)
{
        return _(faces[face].title);
}

/* Why the state isn't known, and below it what can be done. */
static const struct {
        const char *sentence, *remedy;
} unknowns[] = {
        [UNKNOWN_NOT_YET] = { N_("The service has not said yet what state it is in."), NULL },
        [UNKNOWN_BUS] = { N_("The state is unknown: the system bus can't be reached."),
                          N_("What the kill switch has set up in the kernel stays in force. Is "
                             "D-Bus running ('systemctl status dbus.socket')?") },
        [UNKNOWN_SERVICE] = { N_("The state is unknown: the kill switch service isn't running."),
                              N_("What it has set up in the kernel stays in force. Start it with "
                                 "'sudo systemctl start killswitchd.service'; 'journalctl -u "
                                 "killswitchd' tells why it doesn't run.") },
        [UNKNOWN_ANSWER] = { N_("The state is unknown: the service doesn't answer, or not as this "
                                "program understands."),
                             N_("Service and tray may be of different versions: 'sudo systemctl "
                                "restart killswitchd.service' starts the installed service, and "
                                "the tray starts with the next login.") },
};

char *face_sentence(const KsState *state, Unknown why)
{
        return state ? ks_words_headline(state) : g_strdup(_(unknowns[why].sentence));
}

char **face_problems(const KsState *state, Unknown why)
{
        g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);

        if (state) {
                for (char **sentence = state->degraded; *sentence; sentence++)
                        g_ptr_array_add(list, ks_text_sanitise(*sentence));
        } else if (unknowns[why].remedy) {
                g_ptr_array_add(list, g_strdup(_(unknowns[why].sentence)));
                g_ptr_array_add(list, g_strdup(_(unknowns[why].remedy)));
        }
        g_ptr_array_add(list, NULL);
        return (char **)g_ptr_array_steal(list, NULL);
}

char *face_deadline(const KsState *state)
{
        if (!state || state->deadline == 0)
                return NULL;

        time_t seconds = (time_t)(state->deadline / G_USEC_PER_SEC);
        g_autoptr(GDateTime) moment = g_date_time_new_from_unix_local(seconds);
        g_autofree char *clock = moment ? g_date_time_format(moment, "%H:%M") : NULL;

        if (!clock)
                return NULL;
        return g_strdup_printf(state->trial ? _("On trial until %s, then it releases itself")
                                            : _("Paused until %s, then it engages by itself"),
                               clock);
}

char *face_countdown(const KsState *state, uint64_t now)
{
        if (!state || state->deadline == 0)
                return NULL;

        uint64_t left = state->deadline > now ? state->deadline - now : 0;
        g_autofree char *text = ks_duration_format(left / G_USEC_PER_SEC * G_USEC_PER_SEC);

        return g_strdup_printf(state->trial ? _("On trial: releases itself in %s")
                                            : _("Paused: engages by itself in %s"),
                               text);
}
