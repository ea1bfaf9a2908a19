/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recognises the sentences of the service by their templates, and translates them with what was
 * filled in. */

#include "client/common/said.h"

#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "client/common/i18n.h"
#include "client/common/sentences.h"

#define SLOTS_MAX 8
/* None of the service is nearly as long. What is isn't worth the time to look through it. */
#define SENTENCE_MAX 4096
/* A sentence in a sentence in a sentence. */
#define DEPTH_MAX 4
/* The domain of the kernel's own words, which are in the C library. */
#define LIBC_DOMAIN "libc"

/* What stands in the places of "%s". */
typedef struct Slots {
        char *text[SLOTS_MAX];
        size_t n;
} Slots;

static void slots_clear(Slots *slots)
{
        for (size_t i = 0; i < slots->n; i++)
                g_free(slots->text[i]);
        slots->n = 0;
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Slots, slots_clear)

/* Each piece between two slots is taken where it comes first, and the last one at the end: if the
 * template fits at all, it fits so. */
static bool fit(const char *template, const char *text, Slots *slots)
{
        const char *slot = strstr(template, "%s");

        if (!slot)
                return g_str_equal(template, text);
        if (strncmp(template, text, (size_t)(slot - template)) != 0)
                return false;
        text += slot - template;
        while (slot && slots->n < SLOTS_MAX) {
                const char *piece = slot + strlen("%s"), *found;
                size_t left = strlen(text), length;
                g_autofree char *wanted = NULL;

                slot = strstr(piece, "%s");
                length = slot ? (size_t)(slot - piece) : strlen(piece);
                wanted = g_strndup(piece, length);
                if (length > left || (!slot && !g_str_has_suffix(text, wanted)))
                        return false;
                found = slot ? strstr(text, wanted) : text + left - length;
                if (!found)
                        return false;
                slots->text[slots->n++] = g_strndup(text, (size_t)(found - text));
                text = found + length;
        }
        return !slot;
}

/* As printf does it with "%s" and "%1$s". The catalogue is checked for its placeholders, and what
 * is filled in is never taken for one. */
static char *fill(const char *template, const Slots *slots)
{
        GString *text = g_string_new(NULL);
        size_t next = 0;

        for (const char *p = template; *p; p++) {
                size_t i = next;

                if (*p != '%') {
                        g_string_append_c(text, *p);
                        continue;
                }
                if (g_ascii_isdigit(p[1]) && p[2] == '$') {
                        i = (size_t)g_ascii_digit_value(p[1]) - 1;
                        p += 2;
                } else {
                        next++;
                }
                p++;
                if (i < slots->n)
                        g_string_append(text, slots->text[i]);
        }
        return g_string_free(text, FALSE);
}

static char *translate(const char *english, unsigned depth);

/* What is filled in may be a sentence itself, or a reason that the kernel gave. */
static void translate_slots(Slots *slots, unsigned depth)
{
        for (size_t i = 0; i < slots->n; i++) {
                char *translated = translate(slots->text[i], depth);

                if (!translated && strchr(slots->text[i], ' '))
                        translated = g_strdup(dgettext(LIBC_DOMAIN, slots->text[i]));
                if (translated) {
                        g_free(slots->text[i]);
                        slots->text[i] = translated;
                }
        }
}

/* Returns: NULL when no template fits. */
static char *translate_whole(const char *english, unsigned depth)
{
        for (const char *const *sentence = ks_sentences; *sentence; sentence++) {
                g_auto(Slots) slots = { 0 };

                if (!fit(*sentence, english, &slots))
                        continue;
                translate_slots(&slots, depth);
                return fill(_(*sentence), &slots);
        }
        return NULL;
}

/* A place in a file or the name of a key may stand before it. Returns: NULL when it isn't known. */
static char *translate(const char *english, unsigned depth)
{
        const char *colon;
        char *text;

        if (depth >= DEPTH_MAX)
                return NULL;
        text = translate_whole(english, depth + 1);
        for (colon = english; !text && (colon = strstr(colon, ": ")); colon += strlen(": ")) {
                const char *rest = colon + strlen(": ");
                g_autofree char *told = translate_whole(rest, depth + 1);

                if (told)
                        text = g_strdup_printf("%.*s%s", (int)(rest - english), english, told);
        }
        return text;
}

char *ks_said(const char *english)
{
        char *text = NULL;

        if (!english)
                return g_strdup("");
        if (strnlen(english, SENTENCE_MAX) < SENTENCE_MAX)
                text = translate(english, 0);
        return text ? text : g_strdup(english);
}
