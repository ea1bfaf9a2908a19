/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One bubble of org.freedesktop.Notifications, whose content is replaced. */

#include <stdbool.h>

#include <gio/gio.h>

typedef struct Bubbles Bubbles;

typedef struct BubbleAction {
        const char *key;   /* a static string; NULL behind the last one */
        const char *label; /* in the user's language */
} BubbleAction;

#define BUBBLE_ACTIONS_MAX 3

typedef struct Bubble {
        const char *icon;
        const char *title;
        const char *body; /* plain text, already safe to print */
        /* What to say instead where the server can't offer actions; NULL for the same. */
        const char *body_without_actions;
        BubbleAction actions[BUBBLE_ACTIONS_MAX + 1];
        bool urgent;
        bool answers; /* something that the user has done, so it doesn't wait for its turn */
        bool lapses;  /* tells what is true at the moment, and is taken back with it */
} Bubble;

typedef void (*BubbleActed)(const char *key, gpointer userdata);

/**
 * bubbles_new() - get ready; nothing is shown yet
 * @bus: the session's bus
 * @acted: called with the key of an action that was chosen
 * @userdata: for @acted
 *
 * Returns: (transfer full): to be given to bubbles_free().
 */
Bubbles *bubbles_new(GDBusConnection *bus, BubbleActed acted, gpointer userdata);

/**
 * bubbles_free() - take back what lapses, and leave any other bubble as it is
 * @bubbles: (transfer full): may be NULL
 */
void bubbles_free(Bubbles *bubbles);

/**
 * bubbles_show() - show a text instead of the one before
 * @bubbles: the bubbles
 * @bubble: what to show; copied
 *
 * Those that answer nothing come no faster than one in a few seconds; of several that wait, the
 * last one is shown. An action counts once, and while its bubble is there.
 */
void bubbles_show(Bubbles *bubbles, const Bubble *bubble);

/**
 * bubbles_withdraw() - take back what isn't true any more
 * @bubbles: the bubbles
 *
 * What is shown or waits is closed, if it is one that lapses. When another one follows at once it
 * takes that one's place instead.
 */
void bubbles_withdraw(Bubbles *bubbles);

/**
 * bubbles_may_lapse() - whether one that lapses is on the screen, or waits for its turn
 * @bubbles: the bubbles
 *
 * Returns: false when bubbles_withdraw() would have nothing to do.
 */
bool bubbles_may_lapse(const Bubbles *bubbles);

/**
 * bubbles_can_ask() - whether the user can be asked by a bubble
 * @bubbles: the bubbles
 *
 * Returns: false when it is known that there is no server, or one without actions.
 */
bool bubbles_can_ask(const Bubbles *bubbles);
