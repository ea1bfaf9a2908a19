/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decides what is worth a bubble. */

#include "client/tray/tell.h"

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/common/words.h"
#include "client/tray/alarm.h"
#include "client/tray/face.h"
#include "client/tray/failure.h"
#include "common/names.h"
#include "config.h"

#define KEY_TURN_ON "turn-on"
#define KEY_TURN_OFF "turn-off"
#define KEY_PAUSE "pause"
#define KEY_KEEP "keep"

/* Before a pause ends by itself. */
#define WARNING_USEC (60 * G_USEC_PER_SEC)

/* The deadline is told in a clock that may be set a little now and then. */
#define JITTER_USEC (2 * G_USEC_PER_SEC)

/* How long a restart of the service may take before its absence is worth a word. */
#define ABSENCE_USEC (5 * G_USEC_PER_SEC)

/* How long the service may take to tell the details of a new state, and one bubble takes the place
 * of another; after that the old one is taken back. */
#define CHANGE_USEC (G_USEC_PER_SEC / 2)

/* What the bubble is about. */
typedef enum Topic {
        TOPIC_OTHER,
        TOPIC_STATE,
        TOPIC_PAUSE_END,
        TOPIC_QUESTION,
        TOPIC_WAITING,
} Topic;

struct Tell {
        Bubbles *bubbles;
        const Prefs *prefs;
        TellAnswered answered;
        gpointer userdata;
        Topic topic; /* of the last bubble */

        /* What was true when it was last known. */
        char *word;
        char *problems;

        char *known;   /* everything there is to say now */
        char *told;    /* what the last bubble has said of that, or relies on */
        Alarm *change; /* from a change until its details are known */

        Alarm *alarm; /* only during a pause */
        uint64_t alarm_deadline;

        Alarm *absence; /* only while the state isn't known any more */
        Unknown why;
        bool was_absent; /* and that was said */
};

static void show(Tell *tell, Topic topic, Bubble *bubble)
{
        tell->topic = topic;
        g_free(tell->told);
        tell->told = g_strdup(tell->known);
        bubble->lapses = topic != TOPIC_OTHER;
        bubbles_show(tell->bubbles, bubble);
}

static void withdraw(Tell *tell)
{
        tell->topic = TOPIC_OTHER;
        bubbles_withdraw(tell->bubbles);
}

static void on_action(const char *key, gpointer userdata)
{
        Tell *tell = userdata;

        /* Not every server closes a bubble that was answered. */
        withdraw(tell);
        /* Up is safe at any time; down was meant for a state that has ended meanwhile. */
        if (g_str_equal(key, KEY_TURN_ON))
                tell->answered(TELL_TURN_ON, tell->userdata);
        else if (g_str_equal(key, KEY_PAUSE) && !tell->change)
                tell->answered(TELL_PAUSE, tell->userdata);
        else if (g_str_equal(key, KEY_TURN_OFF) && !tell->change)
                tell->answered(TELL_TURN_OFF, tell->userdata);
}

Tell *tell_new(GDBusConnection *bus, const Prefs *prefs, TellAnswered answered, gpointer userdata)
{
        Tell *tell = g_new0(Tell, 1);

        tell->prefs = prefs;
        tell->answered = answered;
        tell->userdata = userdata;
        tell->bubbles = bubbles_new(bus, on_action, tell);
        return tell;
}

void tell_free(Tell *tell)
{
        if (!tell)
                return;
        bubbles_free(tell->bubbles);
        alarm_free(tell->alarm);
        alarm_free(tell->absence);
        alarm_free(tell->change);
        g_free(tell->word);
        g_free(tell->problems);
        g_free(tell->known);
        g_free(tell->told);
        g_free(tell);
}

/* What can be done at once in a state. */
static void add_actions(Bubble *bubble, const KsState *state)
{
        if (!state || !ks_state_in_force(state))
                bubble->actions[0] = (BubbleAction){ KEY_TURN_ON, _("Turn on") };
        else if (g_str_equal(state->state, KS_STATE_BLOCKING) && !state->trial)
                bubble->actions[0] = (BubbleAction){ KEY_PAUSE, _("Pause for 5 minutes") };
}

/* Everything there is to say about a state, a line each. To be freed with g_free(). */
static char *describe(const KsState *state, Unknown why, const char *reason)
{
        g_autofree char *sentence = face_sentence(state, why);
        g_autofree char *deadline = face_deadline(state);
        g_auto(GStrv) problems = face_problems(state, why);
        GString *text = g_string_new(state ? sentence : problems[0] ? NULL : sentence);

        if (*reason) {
                g_autofree char *words = ks_words_reason(reason);

                g_string_append_printf(text, "\n%s", words);
        }
        if (deadline)
                g_string_append_printf(text, "\n%s", deadline);
        for (char **problem = problems; *problem; problem++)
                g_string_append_printf(text, "%s%s", text->len > 0 ? "\n" : "", *problem);
        return g_string_free(text, FALSE);
}

static void show_state(Tell *tell, const KsState *state, Unknown why, const char *reason,
                       bool answers)
{
        g_autofree char *body = describe(state, why, reason);
        Face face = face_of(state);
        Bubble bubble = {
                .icon = face_icon(face, false),
                .title = face_title(face),
                .body = body,
                .urgent = face_is_urgent(face),
                /* A question is no longer the right one. */
                .answers = answers || tell->topic == TOPIC_QUESTION,
        };

        add_actions(&bubble, state);
        show(tell, TOPIC_STATE, &bubble);
}

static void on_alarm(gpointer userdata)
{
        Tell *tell = userdata;
        Bubble bubble = {
                .icon = face_icon(FACE_PAUSED, false),
                .title = _("The pause is about to end"),
                .body = _("In a minute the kill switch engages again. Without a VPN nothing leaves "
                          "this machine for the internet then."),
                .actions = { { KEY_TURN_ON, _("Turn on now") },
                             { KEY_PAUSE, _("Pause for 5 minutes more") } },
                .answers = true,
        };

        if (tell->prefs->notifications)
                show(tell, TOPIC_PAUSE_END, &bubble);
}

static void set_alarm(Tell *tell, const KsState *state)
{
        bool is_paused = state && g_str_equal(state->state, KS_STATE_PAUSED);
        uint64_t deadline = is_paused ? state->deadline : 0;

        if (deadline == tell->alarm_deadline ||
            (deadline > 0 && deadline + JITTER_USEC > tell->alarm_deadline &&
             deadline < tell->alarm_deadline + JITTER_USEC))
                return;
        tell->alarm_deadline = deadline;
        alarm_free(tell->alarm);
        tell->alarm = NULL;
        if (deadline > 0 && state->remaining > WARNING_USEC)
                tell->alarm = alarm_new(state->remaining - WARNING_USEC, on_alarm, tell);
}

/* A change that the one who sees it may not have made, and wouldn't understand otherwise. */
static const char *telling_reason(const KsState *state, const char *reason)
{
        bool is_telling = g_str_equal(state->state, KS_STATE_OFF) &&
                          (g_str_equal(reason, "trial-expired") || g_str_equal(reason, "rescue"));

        return is_telling ? reason : "";
}

static void on_absence(gpointer userdata)
{
        Tell *tell = userdata;

        if (tell->prefs->notifications)
                show_state(tell, NULL, tell->why, "", false);
        /* What the state is then is worth a word again. */
        g_clear_pointer(&tell->word, g_free);
        tell->was_absent = true;
}

/* Nothing is known, so what may be on the screen need not be true. */
static void note_absence(Tell *tell, Unknown why)
{
        if (g_strcmp0(tell->told, tell->known) != 0)
                withdraw(tell);
        tell->why = why;
        if (!tell->absence && tell->word)
                tell->absence = alarm_new(ABSENCE_USEC, on_absence, tell);
}

/* Keeps what is known now. Returns: whether it is new. */
static bool note_state(Tell *tell, const KsState *state)
{
        g_autofree char *problems = g_strjoinv("\n", state->degraded);
        bool is_first = !tell->word && !tell->was_absent;
        bool is_news = g_strcmp0(tell->word, state->state) != 0 ||
                       g_strcmp0(tell->problems, problems) != 0;

        g_free(tell->word);
        g_free(tell->problems);
        tell->word = g_strdup(state->state);
        tell->problems = g_steal_pointer(&problems);
        tell->was_absent = false;
        alarm_free(tell->absence);
        tell->absence = NULL;

        /* What is there at the start is no news, unless something is wrong. */
        return is_news && (!is_first || state->degraded[0]);
}

/* What the last bubble has said is brought up to date, or taken back, as it is true no longer. */
static void correct(Tell *tell, const KsState *state, Unknown why)
{
        if (tell->topic == TOPIC_STATE && tell->prefs->notifications &&
            bubbles_may_lapse(tell->bubbles))
                show_state(tell, state, why, "", false);
        else
                withdraw(tell);
}

static void note_known(Tell *tell, const KsState *state, Unknown why)
{
        g_free(tell->known);
        tell->known = describe(state, why, "");
}

void tell_state(Tell *tell, const KsState *state, Unknown why, const char *reason)
{
        alarm_free(tell->change);
        tell->change = NULL;
        set_alarm(tell, state);
        note_known(tell, state, why);
        if (!state) {
                note_absence(tell, why);
        } else if (note_state(tell, state)) {
                if (tell->prefs->notifications)
                        show_state(tell, state, why, telling_reason(state, reason), false);
                else
                        withdraw(tell);
        } else if (tell->topic != TOPIC_QUESTION && g_strcmp0(tell->told, tell->known) != 0) {
                correct(tell, state, why);
        }
}

static void on_change_lasts(gpointer userdata)
{
        withdraw(userdata);
}

void tell_changing(Tell *tell)
{
        if (!tell->change)
                tell->change = alarm_new(CHANGE_USEC, on_change_lasts, tell);
}

void tell_now(Tell *tell, const KsState *state, Unknown why)
{
        note_known(tell, state, why);
        show_state(tell, state, why, "", true);
}

bool tell_question(Tell *tell, const KsState *state)
{
        Face face = face_of(state);
        Bubble bubble = {
                .icon = face_icon(face, false),
                .title = _("Turn the kill switch off?"),
                .body = _("It is on. Without it, traffic leaves this machine directly whenever no "
                          "VPN carries it, and everybody on the way sees it."),
                .body_without_actions = _("It stays on. To turn it off or to pause it, open the "
                                          "menu of the icon."),
                .actions = { { KEY_KEEP, _("Keep it on") },
                             { KEY_PAUSE, _("Pause for 5 minutes") },
                             { KEY_TURN_OFF, _("Turn off") } },
                .urgent = true,
                .answers = true,
        };
        bool can_ask = bubbles_can_ask(tell->bubbles);

        /* A trial can't be paused. */
        if (state->trial) {
                bubble.actions[1] = bubble.actions[2];
                bubble.actions[2] = (BubbleAction){ 0 };
        }
        if (!can_ask)
                bubble.title = face_title(face);
        show(tell, TOPIC_QUESTION, &bubble);
        return can_ask;
}

void tell_waiting(Tell *tell)
{
        Bubble bubble = {
                .icon = "killswitch",
                .title = _("Kill switch"),
                .body = _("Waiting for the service; a password may be asked for"),
                .answers = true,
        };

        show(tell, TOPIC_WAITING, &bubble);
}

static void tell_failure(Tell *tell, const Outcome *outcome)
{
        g_autofree char *body = failure_explain(outcome);
        Bubble bubble = {
                .icon = "killswitch",
                .title = failure_title(outcome),
                .body = body,
                .answers = true,
        };

        show(tell, TOPIC_OTHER, &bubble);
}

void tell_outcome(Tell *tell, const Outcome *outcome)
{
        if (outcome->message)
                tell_failure(tell, outcome);
        else if (tell->topic == TOPIC_WAITING)
                withdraw(tell);
}

void tell_missing_tray(Tell *tell)
{
        Bubble bubble = {
                .icon = "killswitch",
                .title = _("This desktop has no place for the kill switch's icon"),
                .body = _("GNOME shows such icons with the extension \"AppIndicator and "
                          "KStatusNotifierItem Support\", and 'gnome-extensions enable "
                          "killswitch@killswitch1.org' adds a toggle to its quick settings. "
                          "Without a place there are bubbles only, and 'ksctl' has everything "
                          "else."),
                .answers = true,
        };

        show(tell, TOPIC_OTHER, &bubble);
}

void tell_about(Tell *tell)
{
        Bubble bubble = {
                .icon = "killswitch",
                .title = "killswitch " KS_VERSION,
                .body = _("While it is on, nothing leaves this machine except through a VPN. The "
                          "icon may be closed: the kill switch stays as it is. More by 'ksctl "
                          "--help' and 'man killswitch-tray'."),
                .answers = true,
        };

        show(tell, TOPIC_OTHER, &bubble);
}
