/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings that mean harm: what they may make the service allocate, say, or believe. */

#include <string.h>

#include "common/error.h"
#include "engine/settings.h"
#include "policy/ruleset.h"
#include "tests/unit/settings-text.h"

#define K "[Killswitch]\n"
#define V "[VPN a]\nInterface=tun0\n"
/* A sentence that a person shall read, and that goes over the bus. */
#define SENTENCE_MAX 512

static const char *const general_keys[] = { "Table",         "Priority",
                                            "Lan",           "LanDns",
                                            "BlockWith",     "Guard",
                                            "AutoWireGuard", "HostInterfaces",
                                            "EgressGuard",   "ResetConnections",
                                            "RecordBlocked" };
static const char *const vpn_keys[] = { "Interface", "Kind",       "Mark",     "User",
                                        "Protocol",  "SourcePort", "Endpoint", "EndpointRange",
                                        "Gateway",   "Prefixes",   "Metric",   "Default" };

/* Whatever was in the text, the error can be shown and sent. */
static void assert_presentable(const char *text)
{
        g_autoptr(GError) error = NULL;

        g_assert_null(ks_settings_parse(text, "f", &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_true(g_str_has_prefix(error->message, "f:"));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_cmpuint(strlen(error->message), <, SENTENCE_MAX);
}

/* Characters of several bytes at every distance from where a sentence may be cut. */
static void test_cut_characters(void)
{
        static const char *const characters[] = { "\xc3\xa9", "\xe6\x97\xa5", "\xf0\x9f\x94\x92" };

        for (guint c = 0; c < G_N_ELEMENTS(characters); c++)
                for (guint shift = 0; shift < 4; shift++) {
                        GString *value = g_string_new(NULL);

                        g_string_append_printf(value, "%.*s", (int)shift, "xxxx");
                        for (int i = 0; i < 100; i++)
                                g_string_append(value, characters[c]);
                        for (guint i = 0; i < G_N_ELEMENTS(general_keys); i++) {
                                g_autofree char *text = g_strdup_printf(K "%s=%s", general_keys[i],
                                                                        value->str);

                                assert_presentable(text);
                        }
                        for (guint i = 1; i < G_N_ELEMENTS(vpn_keys); i++) {
                                g_autofree char *text = g_strdup_printf(V "%s=%s", vpn_keys[i],
                                                                        value->str);

                                assert_presentable(text);
                        }
                        assert_presentable(value->str);
                        g_string_free(value, TRUE);
                }
}

static void test_long_values(void)
{
        g_autofree char *long_one = g_strnfill(1000000, 'x');

        for (guint i = 0; i < G_N_ELEMENTS(general_keys); i++) {
                g_autofree char *text = g_strdup_printf(K "%s=%s", general_keys[i], long_one);

                g_test_message("%s", general_keys[i]);
                assert_presentable(text);
        }
        for (guint i = 1; i < G_N_ELEMENTS(vpn_keys); i++) {
                g_autofree char *text = g_strdup_printf(V "%s=%s", vpn_keys[i], long_one);

                g_test_message("%s", vpn_keys[i]);
                assert_presentable(text);
        }
}

static void test_long_lines(void)
{
        static const char *const forms[] = { "%s",
                                             "[%s",
                                             "[%s]",
                                             "[VPN %s]",
                                             K "%s=1",
                                             V "%s=1",
                                             V "Endpoint=%s:1",
                                             V "Prefixes=10.0.0.0/%s",
                                             V "SourcePort=1-%s" };
        g_autofree char *long_one = g_strnfill(1000000, 'x');

        for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
                g_auto(GStrv) parts = g_strsplit(forms[i], "%s", 2);
                g_autofree char *text = g_strjoin(long_one, parts[0], parts[1], NULL);

                g_test_message("%s", forms[i]);
                assert_presentable(text);
        }
}

static void append_vpns(GString *text, guint from, guint to)
{
        for (guint i = from; i < to; i++)
                g_string_append_printf(text, "[VPN v%u]\nInterface=v%u\nKind=wireguard\n", i, i);
}

static void test_many_vpns(void)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = NULL;
        GString *text = g_string_new(NULL);

        append_vpns(text, 0, 256);
        settings = ks_settings_parse(text->str, "f", &error);
        g_assert_no_error(error);
        g_assert_cmpuint(settings->vpns->len, ==, 256);
        append_vpns(text, 256, 10000);
        g_assert_null(ks_settings_parse(text->str, "f", &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_cmpstr(error->message, ==, "f:769: more than 256 VPNs");
        g_string_free(text, TRUE);
}

/* @limit times the line, numbered; and once more. */
static void assert_limit(const char *section, const char *format, guint limit, guint on_a_line,
                         const char *expected)
{
        g_autoptr(GError) error = NULL;
        GString *text = g_string_new(section);
        g_auto(GStrv) parts = g_strsplit(format, "%u", 2);

        for (guint i = 0; i <= limit; i++) {
                if (i == limit) {
                        g_autoptr(KsSettings) settings = ks_settings_parse(text->str, "f", &error);

                        g_assert_no_error(error);
                        g_assert_nonnull(settings);
                }
                g_string_append_printf(text, "%s%u%s\n", parts[0], i % on_a_line, parts[1]);
        }
        g_assert_null(ks_settings_parse(text->str, "f", &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_cmpstr(error->message, ==, expected);
        g_string_free(text, TRUE);
}

static void test_limits(void)
{
        assert_limit(V "Mark=1\n", "Endpoint=192.0.2.%u:1", 64, 256,
                     "f:68: Endpoint: more than 64 endpoints");
        assert_limit(V "Mark=1\n", "Endpoint=192.0.2.%u:1", 64, 1,
                     "f:68: Endpoint: more than 64 endpoints");
        assert_limit(V "Mark=1\n", "Prefixes=2001:db8:%u::/48", 256, 1000,
                     "f:260: Prefixes: more than 256 prefixes");
        assert_limit(K, "HostInterfaces=br%u", 64, 1000,
                     "f:66: HostInterfaces: more than 64 interfaces");
}

/* The limits do not multiply: what the sections bring together is bounded too. */
static void test_all_limits_at_once(void)
{
        for (guint endpoints = 2; endpoints <= 64; endpoints += 62) {
                g_autoptr(GError) error = NULL;
                g_autoptr(KsSettings) settings = NULL;
                GString *text = g_string_new(NULL);

                for (guint i = 0; i < 256; i++) {
                        g_string_append_printf(text, "[VPN v%u]\nInterface=v%u\nMark=%u\n", i, i,
                                               i + 1);
                        for (guint j = 0; j < endpoints; j++)
                                g_string_append_printf(text, "Endpoint=192.0.2.%u:%u\n", j, i + 1);
                }
                settings = ks_settings_parse(text->str, "f", &error);
                g_string_free(text, TRUE);
                if (endpoints == 2) {
                        g_assert_no_error(error);
                        g_assert_cmpuint(settings->vpns->len, ==, 256);
                        continue;
                }
                g_assert_null(settings);
                g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
                g_assert_nonnull(strstr(error->message, "[VPN v8]"));
                g_assert_nonnull(strstr(error->message, "1024"));
        }
}

/* No byte of a value reaches nft: the chains of any settings that are taken hold only what we
 * wrote, numbers and addresses. */
static void test_nothing_reaches_nft(void)
{
        static const char *const harm[] = { "\"; flush ruleset; #",
                                            "1; flush ruleset",
                                            "1 accept comment \"x\"",
                                            "} chain output {",
                                            "1\\\nflush ruleset",
                                            "$(reboot)",
                                            "@lan4" };

        for (guint h = 0; h < G_N_ELEMENTS(harm); h++)
                for (guint i = 0; i < G_N_ELEMENTS(vpn_keys); i++) {
                        g_autofree char *text = g_strdup_printf(
                                "[VPN a]\nInterface=tun0\n[VPN b]\n%s=%s\n", vpn_keys[i], harm[h]);
                        g_autoptr(GError) error = NULL;

                        g_assert_null(ks_settings_parse(text, "f", &error));
                        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
                }
}

/* Text that is changed anywhere is read or refused with a place, and nothing else happens. */
static void test_random_changes(void)
{
        static const char text[] = K
                "Table=90\nPriority=200\nLan=all\nLanDns=yes\nBlockWith=prohibit\nGuard=optional\n"
                "AutoWireGuard=no\nHostInterfaces=auto br0 "
                "br1\nEgressGuard=yes\nResetConnections=no\nRecordBlocked=yes\n"
                "[VPN a]\nInterface=tun0\nKind=tun\nMark=0x1\nUser=0\nProtocol=udp\n"
                "SourcePort=1-2\nEndpoint=192.0.2.1:1\nEndpoint=[2001:db8::1]:2\n"
                "Gateway=10.8.0.1\nPrefixes=10.0.0.0/8 fd00::/8\nMetric=5\nDefault=no\n"
                "[VPN b]\nInterface=wg0\nKind=wireguard\n";

        for (int i = 0; i < 20000; i++) {
                g_autofree char *changed = g_strdup(text);
                g_autoptr(GError) error = NULL;
                g_autoptr(KsSettings) settings = NULL;

                for (int j = g_test_rand_int_range(1, 4); j > 0; j--)
                        changed[g_test_rand_int_range(0, sizeof(text) - 1)] = (char)
                                g_test_rand_int_range(1, 256);
                settings = ks_settings_parse(changed, "f", &error);
                if (settings) {
                        g_autofree char *words = settings_text(settings);

                        g_assert_no_error(error);
                        g_assert_nonnull(words);
                        continue;
                }
                g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
                g_assert_true(g_str_has_prefix(error->message, "f:"));
                g_assert_true(g_ascii_isdigit(error->message[2]));
                g_assert_true(g_utf8_validate(error->message, -1, NULL));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/settings-hostile/cut-characters", test_cut_characters);
        g_test_add_func("/settings-hostile/long-values", test_long_values);
        g_test_add_func("/settings-hostile/long-lines", test_long_lines);
        g_test_add_func("/settings-hostile/many-vpns", test_many_vpns);
        g_test_add_func("/settings-hostile/limits", test_limits);
        g_test_add_func("/settings-hostile/all-limits-at-once", test_all_limits_at_once);
        g_test_add_func("/settings-hostile/nothing-reaches-nft", test_nothing_reaches_nft);
        g_test_add_func("/settings-hostile/random-changes", test_random_changes);

        return g_test_run();
}
