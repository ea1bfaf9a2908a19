/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Selectors: when two are the same, which family they are about, and their words. */

#include <string.h>

#include "common/names.h"
#include "policy/selector.h"
#include "tests/unit/host.h"

/* Equality is that of bytes, so none of them may be the compiler's. */
static void test_equal(void)
{
        KsSelector a = { 0 };
        KsSelector copy;

        g_assert_cmpuint(sizeof(KsSelector), ==, 2 * 4 + 4 + 4 * 2 + sizeof(KsPrefix) + 2);
        for (guint i = 0; i < sizeof(a); i++)
                ((uint8_t *)&a)[i] = (uint8_t)g_test_rand_int();
        copy = a;
        g_assert_true(ks_selector_equal(&a, &copy));
        for (guint i = 0; i < sizeof(a); i++) {
                ((uint8_t *)&copy)[i] ^= 1;
                g_assert_false(ks_selector_equal(&a, &copy));
                copy = a;
        }
}

static void test_family(void)
{
        KsSelector any = { .protocol = IPPROTO_UDP };
        KsSelector to4 = { .protocol = IPPROTO_UDP, .remote = prefix("192.0.2.1") };
        KsSelector to6 = { .protocol = IPPROTO_UDP, .remote = prefix("2001:db8::1") };

        g_assert_true(ks_selector_covers_family(&any, AF_INET));
        g_assert_true(ks_selector_covers_family(&any, AF_INET6));
        g_assert_true(ks_selector_covers_family(&to4, AF_INET));
        g_assert_false(ks_selector_covers_family(&to4, AF_INET6));
        g_assert_false(ks_selector_covers_family(&to6, AF_INET));
        g_assert_true(ks_selector_covers_family(&to6, AF_INET6));
}

/* A unit's packets get the mark of the service's own by the guard, whatever else is known of them,
 * but never in place of the VPN's. */
static void test_reply_marks(void)
{
        static const struct {
                KsSelector selector;
                uint32_t mark;
        } cases[] = {
                { { .has_mark = 1, .mark = 5 }, 0 },
                { { .has_mark = 1, .mark = 5, .remote_port = 1 }, 5 },
                { { .has_mark = 1, .mark = 5, .has_uid = 1, .uid = 7 }, 5 },
                { { .has_uid = 1, .uid = 0 }, 0 },
                { { .has_uid = 1, .uid = 7 }, KS_REPLY_MARK },
                { { .has_uid = 1, .uid = 0, .source_first = 1 }, KS_REPLY_MARK },
                { { .in_unit = 1 }, KS_REPLY_MARK },
                { { .in_unit = 1, .remote_port = 1 }, KS_REPLY_MARK },
                { { .in_unit = 1, .has_uid = 1, .uid = 0 }, KS_REPLY_MARK },
                { { .in_unit = 1, .has_mark = 1, .mark = 5 }, 0 },
                { { .in_unit = 1, .has_mark = 1, .mark = 5, .source_first = 1 }, 5 },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                const KsSelector *selector = &cases[i].selector;

                g_assert_cmpuint(ks_selector_reply_mark(selector), ==, cases[i].mark);
                g_assert_true(ks_selector_marks_replies(selector) ==
                              (cases[i].mark == KS_REPLY_MARK));
        }
}

static void test_words(void)
{
        const struct {
                KsSelector selector;
                const char *text;
        } cases[] = {
                { { .protocol = IPPROTO_UDP }, "udp" },
                { { .protocol = IPPROTO_TCP }, "tcp" },
                { { .protocol = IPPROTO_ESP }, "esp" },
                { { .protocol = 47 }, "protocol 47" },
                { { .protocol = IPPROTO_UDP, .has_mark = 1, .mark = 0xca6c }, "mark 0xca6c, udp" },
                { { .protocol = IPPROTO_UDP, .has_mark = 1, .mark = 0xffffffff },
                  "mark 0xffffffff, udp" },
                { { .protocol = IPPROTO_TCP, .has_uid = 1, .uid = 0 }, "uid 0, tcp" },
                { { .protocol = IPPROTO_TCP, .has_uid = 1, .uid = 4294967294 },
                  "uid 4294967294, tcp" },
                { { .protocol = IPPROTO_UDP, .source_first = 51820, .source_last = 51820 },
                  "udp, from port 51820" },
                { { .protocol = IPPROTO_UDP, .source_first = 500, .source_last = 4500 },
                  "udp, from ports 500-4500" },
                { { .protocol = IPPROTO_UDP, .remote = prefix("198.51.100.10") },
                  "udp, to 198.51.100.10" },
                { { .protocol = IPPROTO_UDP, .remote_port = 1194 }, "udp port 1194" },
                { { .protocol = IPPROTO_UDP,
                    .has_mark = 1,
                    .mark = 1,
                    .has_uid = 1,
                    .uid = 7,
                    .source_first = 1,
                    .source_last = 2,
                    .remote = prefix("2001:db8::1"),
                    .remote_port = 3 },
                  "mark 0x1, uid 7, udp, from ports 1-2, to 2001:db8::1 port 3" },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *text = ks_selector_to_string(&cases[i].selector);

                g_assert_cmpstr(text, ==, cases[i].text);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/selector/equal", test_equal);
        g_test_add_func("/selector/family", test_family);
        g_test_add_func("/selector/reply-marks", test_reply_marks);
        g_test_add_func("/selector/words", test_words);

        return g_test_run();
}
