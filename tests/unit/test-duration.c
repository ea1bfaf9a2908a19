/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people type for a span of time, and what they get to read. */

#include <string.h>

#include <glib.h>

#include "common/duration.h"
#include "common/names.h"

#define MSEC UINT64_C(1000)
#define SEC (1000 * MSEC)
#define MINUTE (60 * SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void test_parse(void)
{
        static const struct {
                const char *text;
                uint64_t usec;
        } cases[] = {
                { "90", 90 * SEC },
                { "90s", 90 * SEC },
                { "5m", 5 * MINUTE },
                { "5min", 5 * MINUTE },
                { "5 minutes", 5 * MINUTE },
                { "1 minute", MINUTE },
                { "1h30m", HOUR + 30 * MINUTE },
                { "1h 30m", HOUR + 30 * MINUTE },
                { " 1 h\t30 min ", HOUR + 30 * MINUTE },
                { "30m1h", HOUR + 30 * MINUTE },
                { "2 h", 2 * HOUR },
                { "2hr", 2 * HOUR },
                { "1d", DAY },
                { "2 days", 2 * DAY },
                { "1w", 7 * DAY },
                { "500ms", 500 * MSEC },
                { "7us", 7 },
                { "1.5h", 90 * MINUTE },
                { "0.5", 500 * MSEC },
                { "0.0000019s", 1 },
                { "1s999ms", SEC + 999 * MSEC },
                { "0h5m", 5 * MINUTE },
                { "007s", 7 * SEC },
                { "18446744073709551615us", UINT64_MAX },
                { "18446744073709s551615us", UINT64_MAX },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GError) error = NULL;
                uint64_t usec = 0;

                g_test_message("case %zu", i);
                g_assert_true(ks_duration_parse(cases[i].text, &usec, &error));
                g_assert_no_error(error);
                g_assert_cmpuint(usec, ==, cases[i].usec);
        }
}

static void test_parse_bad(void)
{
        static const struct {
                const char *text;
                KsDurationError code;
        } cases[] = {
                { "", KS_DURATION_ERROR_EMPTY },
                { "  \t", KS_DURATION_ERROR_EMPTY },
                { "-5m", KS_DURATION_ERROR_NEGATIVE },
                { " -1", KS_DURATION_ERROR_NEGATIVE },
                { "-", KS_DURATION_ERROR_NEGATIVE },
                { "0", KS_DURATION_ERROR_ZERO },
                { "0s", KS_DURATION_ERROR_ZERO },
                { "0h0m", KS_DURATION_ERROR_ZERO },
                { "0.0000001s", KS_DURATION_ERROR_ZERO },
                { "18446744073709551616us", KS_DURATION_ERROR_OVERFLOW },
                { "18446744073709551615", KS_DURATION_ERROR_OVERFLOW },
                { "18446744073709s551616us", KS_DURATION_ERROR_OVERFLOW },
                { "18446744073709551615.9us1us", KS_DURATION_ERROR_OVERFLOW },
                { "99999999999999999999999999w", KS_DURATION_ERROR_OVERFLOW },
                { "5 parsecs", KS_DURATION_ERROR_UNIT },
                { "5M", KS_DURATION_ERROR_UNIT },
                { "1h30", KS_DURATION_ERROR_UNIT },
                { "1 2", KS_DURATION_ERROR_UNIT },
                { "5m-1s", KS_DURATION_ERROR_GARBAGE },
                { "5-", KS_DURATION_ERROR_UNIT },
                { "1e3", KS_DURATION_ERROR_UNIT },
                { "0x10", KS_DURATION_ERROR_UNIT },
                { "1..5h", KS_DURATION_ERROR_GARBAGE },
                { "1.h", KS_DURATION_ERROR_GARBAGE },
                { ".5h", KS_DURATION_ERROR_GARBAGE },
                { "+5", KS_DURATION_ERROR_GARBAGE },
                { "m", KS_DURATION_ERROR_GARBAGE },
                { "forever", KS_DURATION_ERROR_GARBAGE },
                { "5m,", KS_DURATION_ERROR_UNIT },
                { "5m ,", KS_DURATION_ERROR_GARBAGE },
                { "5\n", KS_DURATION_ERROR_UNIT },
                { "\xff", KS_DURATION_ERROR_GARBAGE },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GError) error = NULL;
                uint64_t usec = 42;

                g_test_message("case %zu", i);
                g_assert_false(ks_duration_parse(cases[i].text, &usec, &error));
                g_assert_error(error, KS_DURATION_ERROR, (int)cases[i].code);
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
                g_assert_true(g_str_has_suffix(error->message, "."));
                g_assert_cmpuint(usec, ==, 42);
                g_assert_false(ks_duration_parse(cases[i].text, &usec, NULL));
        }
}

/* Whatever is typed, the sentence stays short and valid, a character cut in two included. */
static void test_parse_long(void)
{
        for (size_t length = 50; length < 80; length++) {
                g_autofree char *text = g_strnfill(length + 200, 'x');
                g_autoptr(GError) error = NULL;
                uint64_t usec;

                memcpy(text + length, "\xe2\x82\xac", 3);
                g_assert_false(ks_duration_parse(text, &usec, &error));
                g_assert_error(error, KS_DURATION_ERROR, KS_DURATION_ERROR_GARBAGE);
                g_assert_cmpuint(strlen(error->message), <, 160);
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        }
}

static void test_check(void)
{
        static const uint64_t good[] = { KS_DURATION_MIN_USEC, KS_TRIAL_DEFAULT_USEC,
                                         KS_DURATION_MAX_USEC };
        static const uint64_t bad[] = { 0, KS_DURATION_MIN_USEC - 1, KS_DURATION_MAX_USEC + 1,
                                        UINT64_MAX };

        for (size_t i = 0; i < G_N_ELEMENTS(good); i++)
                g_assert_true(ks_duration_check(good[i], NULL));

        for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
                g_autoptr(GError) error = NULL;

                g_assert_false(ks_duration_check(bad[i], &error));
                g_assert_error(error, KS_DURATION_ERROR, KS_DURATION_ERROR_RANGE);
        }
}

static void test_format(void)
{
        static const struct {
                uint64_t usec;
                const char *text;
        } cases[] = {
                { 0, "0 s" },
                { 1, "1 ms" },
                { 500 * MSEC, "500 ms" },
                { 999 * MSEC + 499, "999 ms" },
                { 999 * MSEC + 500, "1 s" },
                { SEC, "1 s" },
                { SEC + 499 * MSEC, "1 s" },
                { SEC + 500 * MSEC, "2 s" },
                { 45 * SEC, "45 s" },
                { 59 * SEC + 900 * MSEC, "1 min" },
                { 60 * SEC, "1 min" },
                { 90 * SEC, "1 min 30 s" },
                { HOUR - 1, "1 h" },
                { HOUR, "1 h" },
                { HOUR + 29 * SEC, "1 h" },
                { HOUR + 30 * MINUTE, "1 h 30 min" },
                { DAY - 1, "1 d" },
                { DAY, "1 d" },
                { DAY + 2 * HOUR, "1 d 2 h" },
                { 7 * DAY, "7 d" },
                { UINT64_MAX, "213503982 d 8 h" },
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = ks_duration_format(cases[i].usec);

                g_assert_cmpstr(text, ==, cases[i].text);
        }
}

/* What is written can be read again, and means the same to the second unit. */
static void test_round_trip(void)
{
        for (uint64_t usec = SEC; usec < 400 * DAY; usec += usec / 7) {
                g_autofree char *once = ks_duration_format(usec);
                g_autofree char *twice = NULL;
                uint64_t again;

                g_assert_true(ks_duration_parse(once, &again, NULL));
                twice = ks_duration_format(again);
                g_assert_cmpstr(once, ==, twice);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/duration/parse", test_parse);
        g_test_add_func("/duration/parse-bad", test_parse_bad);
        g_test_add_func("/duration/parse-long", test_parse_long);
        g_test_add_func("/duration/check", test_check);
        g_test_add_func("/duration/format", test_format);
        g_test_add_func("/duration/round-trip", test_round_trip);

        return g_test_run();
}
