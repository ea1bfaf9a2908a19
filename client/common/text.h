/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Text from elsewhere, made safe for a terminal, and times for people. */

#include <stdint.h>

/**
 * ks_text_sanitise() - make a text from elsewhere safe to print
 * @text: any bytes; NULL is an empty text
 *
 * Whatever moves a cursor, rings, colours, breaks a line or turns its direction becomes visible
 * ("\x1b", "\u202e"); bytes that aren't UTF-8 become U+FFFD.
 *
 * Returns: (transfer full): the text, to be freed with g_free().
 */
char *ks_text_sanitise(const char *text);

/**
 * ks_text_ascii_only() - from now on, make everything visible that isn't ASCII
 *
 * For a terminal that shows something else for it.
 */
void ks_text_ascii_only(void);

/**
 * ks_text_time() - write a moment in the local time zone
 * @realtime: CLOCK_REALTIME in microseconds
 *
 * Returns: (transfer full): "2024-11-23 14:02:11", to be freed with g_free().
 */
char *ks_text_time(uint64_t realtime);

/**
 * ks_text_clock() - write a moment in the local time zone, without the day if that is today
 * @realtime: CLOCK_REALTIME in microseconds
 *
 * Returns: (transfer full): "14:02:11", to be freed with g_free().
 */
char *ks_text_clock(uint64_t realtime);

/**
 * ks_text_now() - what time it is
 *
 * Returns: CLOCK_REALTIME in microseconds.
 */
uint64_t ks_text_now(void);
