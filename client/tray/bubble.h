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
 * bubbles_free() - leave the bubble as it is, and forget it
 * @bubbles: (transfer full): may be NULL
 */
void bubbles_free(Bubbles *bubbles);

/**
 * bubbles_show() - show a text instead of the one before
 * @bubbles: the bubbles
 * @bubble: what to show; copied
 *
 * Those that answer nothing come no faster than one in a few seconds; of several that wait, the
 * last one is shown.
 */
void bubbles_show(Bubbles *bubbles, const Bubble *bubble);

/**
 * bubbles_close() - take back what is shown or waits
 * @bubbles: the bubbles
 */
void bubbles_close(Bubbles *bubbles);

/**
 * bubbles_can_ask() - whether the user can be asked by a bubble
 * @bubbles: the bubbles
 *
 * Returns: false when it is known that there is no server, or one without actions.
 */
bool bubbles_can_ask(const Bubbles *bubbles);
