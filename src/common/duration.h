/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Spans of time as people write and read them: "1h30m" in, "1 h 30 min" out. */

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#define KS_DURATION_ERROR (ks_duration_error_quark())

/* Why a text isn't a duration. */
typedef enum KsDurationError {
        KS_DURATION_ERROR_EMPTY,
        KS_DURATION_ERROR_NEGATIVE,
        KS_DURATION_ERROR_ZERO,
        KS_DURATION_ERROR_OVERFLOW, /* more microseconds than 64 bits hold */
        KS_DURATION_ERROR_UNIT,     /* unknown or missing unit */
        KS_DURATION_ERROR_GARBAGE,  /* not a number where one has to be */
        KS_DURATION_ERROR_RANGE,    /* outside of what a trial or a pause may last */
} KsDurationError;

GQuark ks_duration_error_quark(void);

/**
 * ks_duration_parse() - read what a person typed
 * @text: one or several numbers with units, as in "90s", "1h30m", "2 h" or "1.5d"; a number alone
 *        is in seconds
 * @ret_usec: where to put the sum, in microseconds; untouched on failure
 * @error: where to put a whole sentence, in KS_DURATION_ERROR; may be NULL
 *
 * The text may hold anything. The sentence repeats the start of it, as valid UTF-8 but with its
 * control characters: whoever prints it takes care of those.
 *
 * Returns: whether it is a duration above zero.
 */
bool ks_duration_parse(const char *text, uint64_t *ret_usec, GError **error);

/**
 * ks_duration_check() - whether a trial or a pause may last that long
 * @usec: microseconds
 * @error: where to put a whole sentence, KS_DURATION_ERROR_RANGE; may be NULL
 *
 * Returns: whether it lies between KS_DURATION_MIN_USEC and KS_DURATION_MAX_USEC.
 */
bool ks_duration_check(uint64_t usec, GError **error);

/**
 * ks_duration_format() - write a span of time for people
 * @usec: microseconds
 *
 * Writes the one or two units that matter, rounded to the nearest: "1 h 30 min", "45 s", "500 ms".
 *
 * Returns: (transfer full): the text, to be freed with g_free().
 */
char *ks_duration_format(uint64_t usec);
