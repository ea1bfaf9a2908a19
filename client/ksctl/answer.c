/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Understands "y", "Yes" and the same in the user's language. */

#include "client/ksctl/answer.h"

#include <string.h>

#include <glib.h>

static bool is_word(const char *folded, const char *word)
{
        g_autofree char *wanted = g_utf8_casefold(word, -1);
        size_t letter = (size_t)(g_utf8_next_char(wanted) - wanted);

        return strcmp(folded, wanted) == 0 ||
               (strlen(folded) == letter && strncmp(folded, wanted, letter) == 0);
}

bool answer_is(const char *answer, const char *word, const char *translated)
{
        g_autofree char *valid = g_utf8_make_valid(answer, -1);
        g_autofree char *folded = g_utf8_casefold(g_strstrip(valid), -1);

        return is_word(folded, word) || is_word(folded, translated);
}
