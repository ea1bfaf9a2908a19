/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the word that was meant by one that was mistyped. */

#include "client/ksctl/suggest.h"

#include <string.h>

#include <glib.h>

/* Longer words than this aren't slips of one of ours. */
#define WORD_MAX 24

/*
 * How many letters have to be inserted, dropped, replaced or swapped with their neighbour to make
 * one word of the other.
 */
static size_t distance(const char *a, const char *b)
{
        size_t table[WORD_MAX + 1][WORD_MAX + 1];
        size_t a_length = strlen(a), b_length = strlen(b);

        for (size_t i = 0; i <= a_length; i++)
                table[i][0] = i;
        for (size_t j = 0; j <= b_length; j++)
                table[0][j] = j;

        for (size_t i = 1; i <= a_length; i++)
                for (size_t j = 1; j <= b_length; j++) {
                        size_t best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

                        best = MIN(best, table[i - 1][j] + 1);
                        best = MIN(best, table[i][j - 1] + 1);
                        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                                best = MIN(best, table[i - 2][j - 2] + 1);
                        table[i][j] = best;
                }

        return table[a_length][b_length];
}

const char *suggest_nearest(const char *word, const char *const *candidates, size_t n)
{
        size_t length = strlen(word), best = G_MAXSIZE;
        const char *nearest = NULL;

        if (length == 0 || length > WORD_MAX)
                return NULL;

        for (size_t i = 0; i < n; i++) {
                size_t far;

                if (strlen(candidates[i]) > WORD_MAX)
                        continue;

                far = distance(word, candidates[i]);
                /* The beginning of a word is no slip at all. */
                if (length >= 2 && g_str_has_prefix(candidates[i], word))
                        far = 0;
                if (far < best) {
                        best = far;
                        nearest = candidates[i];
                }
        }

        return best <= 1 + length / 4 && best < length ? nearest : NULL;
}
