/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the tray shows of a state: which icon, and which words. Pure functions of the state. */

#include "client/common/state.h"
#include "client/tray/service.h"

typedef enum Face {
        FACE_UNKNOWN,
        FACE_OFF,
        FACE_BLOCKING,
        FACE_PROTECTING,
        FACE_PAUSED,
        FACE_DEGRADED, /* in force, with problems */
        _FACE_MAX,
} Face;

/**
 * face_of() - how a state looks
 * @state: the state; NULL when it isn't known
 *
 * What is off or paused looks so even with problems: that nothing is held back is the worse news.
 *
 * Returns: the face.
 */
Face face_of(const KsState *state);

/**
 * face_icon() - the icon's name in the theme
 * @face: the face
 * @symbolic: in one colour, which the theme gives
 *
 * Returns: a static string.
 */
const char *face_icon(Face face, bool symbolic);

/**
 * face_is_urgent() - whether somebody should look
 * @face: the face
 *
 * Returns: true when the network doesn't work, or something is wrong.
 */
bool face_is_urgent(Face face);

/**
 * face_title() - the state in a few words, without anything from elsewhere in them
 * @face: the face
 *
 * Returns: a static string in the user's language.
 */
const char *face_title(Face face);

/**
 * face_sentence() - the answer to "am I protected?", in ksctl's words
 * @state: the state; NULL when it isn't known
 * @why: why it isn't
 *
 * Returns: (transfer full): sentences that are safe to print, to be freed with g_free().
 */
char *face_sentence(const KsState *state, Unknown why);

/**
 * face_problems() - what is wrong and what to do
 * @state: the state; NULL when it isn't known
 * @why: why it isn't
 *
 * Returns: (transfer full): safe sentences, none when all is well; to be freed with g_strfreev().
 */
char **face_problems(const KsState *state, Unknown why);

/**
 * face_deadline() - what happens by itself, and at what time
 * @state: the state; may be NULL
 *
 * Returns: (transfer full): words without a countdown, NULL when nothing will happen; to be freed
 * with g_free().
 */
char *face_deadline(const KsState *state);

/**
 * face_countdown() - what happens by itself, and in what time
 * @state: the state; may be NULL
 * @now: CLOCK_REALTIME in microseconds
 *
 * Returns: (transfer full): words, NULL when nothing will happen; to be freed with g_free().
 */
char *face_countdown(const KsState *state, uint64_t now);
