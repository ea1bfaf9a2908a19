/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* "Did you mean …?" */

#include <stddef.h>

/**
 * suggest_nearest() - the word that was probably meant
 * @word: what was typed
 * @candidates: what could have been typed
 * @n: how many
 *
 * Returns: one of the candidates, or NULL when none is near.
 */
const char *suggest_nearest(const char *word, const char *const *candidates, size_t n);
