/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the user is told, and asked, by a bubble. */

#include "client/tray/bubble.h"
#include "client/tray/prefs.h"
#include "client/tray/service.h"

typedef struct Tell Tell;

/* What was chosen in a bubble. */
typedef enum TellAnswer {
        TELL_TURN_ON,
        TELL_TURN_OFF,
        TELL_PAUSE,
} TellAnswer;

#define TELL_PAUSE_MINUTES 5

typedef void (*TellAnswered)(TellAnswer answer, gpointer userdata);

/**
 * tell_new() - get ready; nothing is said yet
 * @bus: the session's bus
 * @prefs: what the user wants; has to outlive it
 * @answered: called with what was chosen
 * @userdata: for @answered
 *
 * Returns: (transfer full): to be given to tell_free().
 */
Tell *tell_new(GDBusConnection *bus, const Prefs *prefs, TellAnswered answered, gpointer userdata);

/**
 * tell_free() - say nothing any more
 * @tell: (transfer full): may be NULL
 */
void tell_free(Tell *tell);

/**
 * tell_state() - say what is new about the state, if anything is
 * @tell: the teller
 * @state: the state with all its details; NULL when it isn't known
 * @why: why it isn't
 * @reason: why it changed, as StateChanged has it
 *
 * What a bubble says of another state is taken back at once. That nothing is known is said once it
 * has lasted: a restart of the service takes a moment.
 */
void tell_state(Tell *tell, const KsState *state, Unknown why, const char *reason);

/**
 * tell_changing() - have nothing more said of the state before, as there is another one
 * @tell: the teller
 *
 * What it is like is told by tell_state(), in a moment if the service answers as it should.
 */
void tell_changing(Tell *tell);

/**
 * tell_now() - say what the state is, because somebody wants to know
 * @tell: the teller
 * @state: the state; NULL when it isn't known
 * @why: why it isn't
 */
void tell_now(Tell *tell, const KsState *state, Unknown why);

/**
 * tell_question() - ask whether it is really to go down
 * @tell: the teller
 * @state: the state
 *
 * Returns: false when the desktop has no way to ask; the menu has to be used then.
 */
bool tell_question(Tell *tell, const KsState *state);

/**
 * tell_waiting() - say that something else has to be answered first
 * @tell: the teller
 */
void tell_waiting(Tell *tell);

/**
 * tell_outcome() - say why something wasn't done, or no more that it is waited for
 * @tell: the teller
 * @outcome: of a call
 */
void tell_outcome(Tell *tell, const Outcome *outcome);

/**
 * tell_missing_tray() - say that this desktop shows no icons of programs
 * @tell: the teller
 */
void tell_missing_tray(Tell *tell);

/**
 * tell_about() - say what this is
 * @tell: the teller
 */
void tell_about(Tell *tell);
