/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Reads what a person answers to a question. */

#include <stdbool.h>

/**
 * answer_is() - whether an answer means a word
 * @answer: the line that was typed
 * @word: the word in English
 * @translated: the same in the user's language
 *
 * Returns: true for either word or its first letter, in upper or lower case.
 */
bool answer_is(const char *answer, const char *word, const char *translated);
