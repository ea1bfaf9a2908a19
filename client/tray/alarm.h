/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* One moment ahead, which comes at its time also after the machine has slept. */

#include <stdint.h>

#include <glib.h>

typedef struct Alarm Alarm;

/**
 * alarm_new() - set an alarm
 * @usec: how far ahead; 0 is now
 * @ring: called once, from the main loop
 * @userdata: for @ring
 *
 * Returns: (transfer full): to be given to alarm_free(), after it has rung as well; NULL when the
 * system has no more descriptors.
 */
Alarm *alarm_new(uint64_t usec, void (*ring)(gpointer userdata), gpointer userdata);

/**
 * alarm_free() - take an alarm back
 * @alarm: (transfer full): may be NULL, and may be the one that rings
 */
void alarm_free(Alarm *alarm);
