/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines of trials and pauses over restarts and reboots, with clocks that tell nonsense. */

#include <string.h>
#include <time.h>

#include "engine/store.h"

#define SECOND G_GUINT64_CONSTANT(1000000)
#define MINUTE (60 * SECOND)
#define YEAR (365 * 24 * 60 * MINUTE)
#define HERE "00000000-0000-4000-8000-000000000001"
#define ELSEWHERE "00000000-0000-4000-8000-000000000002"
/* When the intent is made: a minute after boot, in 2025. */
#define BOOTTIME (1 * MINUTE)
#define REALTIME (55 * YEAR)

static KsNow now_at(const char *boot, guint64 boottime, guint64 realtime)
{
        KsNow now = { .boottime = boottime, .realtime = realtime };

        g_strlcpy(now.boot_id, boot, sizeof(now.boot_id));
        return now;
}

static KsIntent made(KsMode mode, guint64 duration)
{
        KsIntent intent = { .engaged = TRUE };
        KsNow now = now_at(HERE, BOOTTIME, REALTIME);

        ks_intent_set_deadline(&intent, mode, duration, &now);
        return intent;
}

static void test_set(void)
{
        KsIntent intent = made(KS_MODE_TRIAL, 5 * MINUTE);

        g_assert_cmpint(intent.mode, ==, KS_MODE_TRIAL);
        g_assert_cmpuint(intent.duration, ==, 5 * MINUTE);
        g_assert_cmpuint(intent.deadline_boottime, ==, 6 * MINUTE);
        g_assert_cmpuint(intent.deadline_realtime, ==, REALTIME + 5 * MINUTE);
        g_assert_cmpuint(intent.saved_realtime, ==, REALTIME);
        g_assert_cmpstr(intent.boot_id, ==, HERE);
}

typedef struct Case {
        const char *boot;
        guint64 boottime, realtime;
        guint64 trial, pause; /* what remains of five minutes */
} Case;

static void assert_cases(const Case *cases, guint count)
{
        const KsIntent trial = made(KS_MODE_TRIAL, 5 * MINUTE);
        const KsIntent pause = made(KS_MODE_PAUSE, 5 * MINUTE);

        for (guint i = 0; i < count; i++) {
                KsNow now = now_at(cases[i].boot, cases[i].boottime, cases[i].realtime);

                g_test_message("case %u", i);
                g_assert_cmpuint(ks_intent_remaining(&trial, &now), ==, cases[i].trial);
                g_assert_cmpuint(ks_intent_remaining(&pause, &now), ==, cases[i].pause);
        }
}

/* In the same boot only CLOCK_BOOTTIME counts: nobody can set it, and it runs on in sleep. */
static void test_same_boot(void)
{
        static const Case cases[] = {
                { HERE, BOOTTIME, REALTIME, 5 * MINUTE, 5 * MINUTE },
                { HERE, BOOTTIME + 1, REALTIME, 5 * MINUTE - 1, 5 * MINUTE - 1 },
                { HERE, BOOTTIME + 5 * MINUTE - 1, REALTIME, 1, 1 },
                { HERE, BOOTTIME + 5 * MINUTE, REALTIME, 0, 0 },
                { HERE, BOOTTIME + 5 * MINUTE + 1, REALTIME, 0, 0 },
                { HERE, G_MAXUINT64, REALTIME, 0, 0 },
                { HERE, BOOTTIME + MINUTE, 0, 4 * MINUTE, 4 * MINUTE },
                { HERE, BOOTTIME + MINUTE, REALTIME + YEAR, 4 * MINUTE, 4 * MINUTE },
                { HERE, BOOTTIME + MINUTE, G_MAXUINT64, 4 * MINUTE, 4 * MINUTE },
                /* Never more than was asked for, whatever the clock says. */
                { HERE, 0, REALTIME, 5 * MINUTE, 5 * MINUTE },
        };

        assert_cases(cases, G_N_ELEMENTS(cases));
}

static void test_other_boot(void)
{
        static const Case cases[] = {
                { ELSEWHERE, 0, REALTIME, 5 * MINUTE, 5 * MINUTE },
                { ELSEWHERE, G_MAXUINT64, REALTIME, 5 * MINUTE, 5 * MINUTE },
                { ELSEWHERE, 0, REALTIME + MINUTE, 4 * MINUTE, 4 * MINUTE },
                { ELSEWHERE, 0, REALTIME + 5 * MINUTE - 1, 1, 1 },
                { ELSEWHERE, 0, REALTIME + 5 * MINUTE, 0, 0 },
                { ELSEWHERE, 0, REALTIME + YEAR, 0, 0 },
                { ELSEWHERE, 0, G_MAXUINT64, 0, 0 },
                /* A kernel that doesn't name its boots. */
                { "", BOOTTIME, REALTIME + MINUTE, 4 * MINUTE, 4 * MINUTE },
        };

        assert_cases(cases, G_N_ELEMENTS(cases));
}

/* A clock behind the time of writing (an empty battery says 1970) tells nothing: a pause is over,
 * a trial begins anew. */
static void test_clock_backwards(void)
{
        static const Case cases[] = {
                { ELSEWHERE, 0, REALTIME - 1, 5 * MINUTE, 0 },
                { ELSEWHERE, 0, REALTIME - MINUTE, 5 * MINUTE, 0 },
                { ELSEWHERE, 0, 0, 5 * MINUTE, 0 },
                { ELSEWHERE, G_MAXUINT64, 0, 5 * MINUTE, 0 },
        };

        assert_cases(cases, G_N_ELEMENTS(cases));
}

static void test_boots_without_names(void)
{
        KsIntent intent = { .engaged = TRUE };
        KsNow nameless = now_at("", BOOTTIME, REALTIME);

        ks_intent_set_deadline(&intent, KS_MODE_PAUSE, MINUTE, &nameless);
        nameless.realtime += SECOND;
        nameless.boottime += 2 * SECOND;
        g_assert_cmpuint(ks_intent_remaining(&intent, &nameless), ==, 59 * SECOND);
}

static void test_steady_has_none(void)
{
        KsIntent intent = made(KS_MODE_STEADY, 5 * MINUTE);
        KsNow now = now_at(HERE, BOOTTIME, REALTIME);

        g_assert_cmpuint(ks_intent_remaining(&intent, &now), ==, 0);
}

/* Whatever is on disk and whatever the clocks say, what remains is never above what was asked
 * for, and does not grow while a boot lasts. */
static void test_never_more(void)
{
        for (int i = 0; i < 20000; i++) {
                KsIntent intent = { .engaged = TRUE, .mode = KS_MODE_TRIAL };
                gboolean here = g_test_rand_int_range(0, 2);
                KsNow now = now_at(here ? HERE : ELSEWHERE, 0, 0), later;
                guint64 *values[] = { &intent.duration,
                                      &intent.deadline_boottime,
                                      &intent.deadline_realtime,
                                      &intent.saved_realtime,
                                      &now.boottime,
                                      &now.realtime };

                for (guint j = 0; j < G_N_ELEMENTS(values); j++)
                        *values[j] = (guint64)(guint32)g_test_rand_int()
                                     << g_test_rand_int_range(0, 32);
                if (g_test_rand_int_range(0, 2))
                        intent.mode = KS_MODE_PAUSE;
                g_strlcpy(intent.boot_id, HERE, sizeof(intent.boot_id));
                g_assert_cmpuint(ks_intent_remaining(&intent, &now), <=, intent.duration);
                later = now;
                later.boottime += now.boottime / 2;
                if (here || later.realtime >= intent.saved_realtime)
                        g_assert_cmpuint(ks_intent_remaining(&intent, &later), <=,
                                         ks_intent_remaining(&intent, &now));
        }
}

static void test_now(void)
{
        KsNow first = ks_now(), second = ks_now();
        guint64 wall = (guint64)time(NULL) * SECOND;

        g_assert_cmpuint(second.boottime, >=, first.boottime);
        g_assert_cmpuint(first.boottime, >, 0);
        g_assert_cmpuint(first.realtime, <=, wall + SECOND);
        g_assert_cmpuint(first.realtime + 60 * SECOND, >=, wall);
        g_assert_cmpuint(strlen(first.boot_id), ==, 36);
        g_assert_cmpstr(first.boot_id, ==, second.boot_id);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/deadline/set", test_set);
        g_test_add_func("/deadline/same-boot", test_same_boot);
        g_test_add_func("/deadline/other-boot", test_other_boot);
        g_test_add_func("/deadline/clock-backwards", test_clock_backwards);
        g_test_add_func("/deadline/boots-without-names", test_boots_without_names);
        g_test_add_func("/deadline/steady-has-none", test_steady_has_none);
        g_test_add_func("/deadline/never-more", test_never_more);
        g_test_add_func("/deadline/now", test_now);

        return g_test_run();
}
