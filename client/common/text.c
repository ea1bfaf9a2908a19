/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes foreign text safe for a terminal, and writes times for people. */

#include "client/common/text.h"

#include "client/common/i18n.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#define USEC_PER_SEC UINT64_C(1000000)

static bool is_ascii_only;

void ks_text_ascii_only(void)
{
        is_ascii_only = true;
}

/* Control characters of both sets, line and paragraph separators, and the marks that turn the
 * direction of writing, with which a name can look like another one. */
static bool is_harmful(gunichar c)
{
        return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
               (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

static void append_escaped(GString *s, gunichar c)
{
        switch (c) {
        case '\n':
                g_string_append(s, "\\n");
                break;
        case '\r':
                g_string_append(s, "\\r");
                break;
        case '\t':
                g_string_append(s, "\\t");
                break;
        default:
                g_string_append_printf(s, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
                break;
        }
}

char *ks_text_sanitise(const char *text)
{
        g_autofree char *valid = g_utf8_make_valid(text ?: "", -1);
        GString *safe = g_string_new(NULL);

        for (const char *p = valid; *p; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);

                if (is_harmful(c) || (is_ascii_only && c >= 0x80))
                        append_escaped(safe, c);
                else
                        g_string_append_unichar(safe, c);
        }

        return g_string_free(safe, FALSE);
}

char *ks_text_time(uint64_t realtime)
{
        time_t seconds = (time_t)(realtime / USEC_PER_SEC);
        char text[64];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
                return g_strdup(_("an unknown time"));

        return g_strdup(text);
}

char *ks_text_clock(uint64_t realtime)
{
        g_autofree char *now = ks_text_time(ks_text_now()), *then = ks_text_time(realtime);
        const char *clock = strchr(then, ' ');

        if (!clock || strncmp(now, then, (size_t)(clock - then)) != 0)
                return g_steal_pointer(&then);
        return g_strdup(clock + 1);
}

uint64_t ks_text_now(void)
{
        return (uint64_t)g_get_real_time();
}
