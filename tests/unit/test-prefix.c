/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and prefixes: reading, writing, comparing. */

#include <string.h>

#include "common/error.h"
#include "policy/prefix.h"

static void test_parse(void)
{
        static const struct {
                const char *text, *canonical;
                int family;
                unsigned length;
        } cases[] = {
                { "192.0.2.1", "192.0.2.1", AF_INET, 32 },
                { "192.0.2.1/32", "192.0.2.1", AF_INET, 32 },
                { "192.0.2.255/24", "192.0.2.0/24", AF_INET, 24 },
                { "192.0.2.255/25", "192.0.2.128/25", AF_INET, 25 },
                { "255.255.255.255/31", "255.255.255.254/31", AF_INET, 31 },
                { "255.255.255.255/1", "128.0.0.0/1", AF_INET, 1 },
                { "1.2.3.4/0", "0.0.0.0/0", AF_INET, 0 },
                { "10.0.0.0/08", "10.0.0.0/8", AF_INET, 8 },
                { "::", "::", AF_INET6, 128 },
                { "::/0", "::/0", AF_INET6, 0 },
                { "fd00::1/8", "fd00::/8", AF_INET6, 8 },
                { "fdff::1/7", "fc00::/7", AF_INET6, 7 },
                { "2001:DB8::1", "2001:db8::1", AF_INET6, 128 },
                { "2001:db8::ffff/113", "2001:db8::8000/113", AF_INET6, 113 },
                { "2001:db8::ffff/127", "2001:db8::fffe/127", AF_INET6, 127 },
                { "::ffff:192.0.2.1", "::ffff:192.0.2.1", AF_INET6, 128 },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GError) error = NULL;
                g_autofree char *text = NULL;
                KsPrefix prefix;

                memset(&prefix, 0xaa, sizeof(prefix));
                g_assert_true(ks_prefix_parse(cases[i].text, &prefix, &error));
                g_assert_no_error(error);
                text = ks_prefix_to_string(&prefix);
                g_assert_cmpstr(text, ==, cases[i].canonical);
                g_assert_cmpint(prefix.family, ==, cases[i].family);
                g_assert_cmpuint(prefix.length, ==, cases[i].length);
                g_assert_true(ks_prefix_is_set(&prefix));
        }
}

static void test_parse_bad(void)
{
        static const char *const not_addresses[] = {
                "",          " ",          "/",         "/24",         "wg0",       "1.2.3",
                "1.2.3.4.5", "1.2.3.256",  "1.2.3.04",  "0x1.2.3.4",   "1.2.3.4 ",  " 1.2.3.4",
                "1.2.3.4\n", ":",          ":::",       "1::2::3",     "fe80::1%2", "12345::",
                "::1 ",      "1.2.3.4 /8", "localhost", "1.2.3.4;/24",
        };
        static const char *const not_lengths[] = {
                "1.2.3.4/",           "1.2.3.4/33", "1.2.3.4/-1",  "1.2.3.4/+1",
                "1.2.3.4/ 8",         "1.2.3.4/8 ", "1.2.3.4/8/8", "1.2.3.4/a",
                "1.2.3.4/4294967304", "::/129",     "::/",         "::/0x10"
        };

        for (guint i = 0; i < G_N_ELEMENTS(not_addresses); i++) {
                g_autoptr(GError) error = NULL;
                KsPrefix prefix;

                g_test_message("'%s'", not_addresses[i]);
                g_assert_false(ks_prefix_parse(not_addresses[i], &prefix, &error));
                g_assert_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT);
                g_assert_nonnull(strstr(error->message, "is not an IPv4 or IPv6 address"));
        }
        for (guint i = 0; i < G_N_ELEMENTS(not_lengths); i++) {
                g_autoptr(GError) error = NULL;
                KsPrefix prefix;

                g_test_message("'%s'", not_lengths[i]);
                g_assert_false(ks_prefix_parse(not_lengths[i], &prefix, &error));
                g_assert_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT);
                g_assert_nonnull(strstr(error->message, "is not a prefix length of IPv"));
                g_assert_false(ks_prefix_parse(not_lengths[i], &prefix, NULL));
        }
}

static KsPrefix random_prefix(void)
{
        static const int families[] = { AF_INET, AF_INET6 };
        int family = families[g_test_rand_int_range(0, 2)];
        uint8_t bytes[16];

        for (guint i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)g_test_rand_int();
        return ks_prefix_from_bytes(
                family, bytes, (unsigned)g_test_rand_int_range(0, (int)ks_family_bits(family) + 1));
}

static void test_round_trip(void)
{
        for (int i = 0; i < 2000; i++) {
                KsPrefix network = ks_prefix_network(random_prefix()), again;
                g_autofree char *text = ks_prefix_to_string(&network);

                g_assert_true(ks_prefix_parse(text, &again, NULL));
                g_assert_true(ks_prefix_equal(&network, &again));
                again = ks_prefix_network(network);
                g_assert_true(ks_prefix_equal(&network, &again));
        }
}

static gboolean bit(const KsPrefix *prefix, unsigned i)
{
        return (prefix->address[i / 8] >> (7 - i % 8)) & 1;
}

/* Bit by bit, against what the code does by bytes. */
static void test_network_by_bits(void)
{
        for (int i = 0; i < 1000; i++) {
                KsPrefix any = random_prefix(), network = ks_prefix_network(any);

                for (unsigned j = 0; j < ks_family_bits(any.family); j++)
                        g_assert_cmpint(bit(&network, j), ==, j < any.length && bit(&any, j));
        }
}

static void test_contains_by_bits(void)
{
        for (int i = 0; i < 4000; i++) {
                KsPrefix outer = ks_prefix_network(random_prefix());
                KsPrefix inner = ks_prefix_network(random_prefix());
                gboolean inside = outer.family == inner.family && outer.length <= inner.length;

                if (i % 2 && outer.family == inner.family && outer.length <= inner.length) {
                        for (unsigned j = 0; j < outer.length / 8; j++)
                                inner.address[j] = outer.address[j];
                }
                for (unsigned j = 0; inside && j < outer.length; j++)
                        inside = bit(&outer, j) == bit(&inner, j);
                g_assert_cmpint(ks_prefix_contains(&outer, &inner), ==, inside);
                g_assert_true(ks_prefix_contains(&outer, &outer));
        }
}

static void test_kinds(void)
{
        static const struct {
                const char *text;
                gboolean link_local;
        } cases[] = {
                { "169.254.0.0", TRUE },
                { "169.254.255.255", TRUE },
                { "169.253.255.255", FALSE },
                { "169.255.0.0", FALSE },
                { "fe80::1", TRUE },
                { "febf::1", TRUE },
                { "fec0::1", FALSE },
                { "fe7f::1", FALSE },
                { "fd00::1", FALSE },
                { "10.8.0.2", FALSE },
                { "::", FALSE },
                { "0.0.0.0", FALSE },
        };

        for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
                KsPrefix prefix;

                g_assert_true(ks_prefix_parse(cases[i].text, &prefix, NULL));
                g_assert_cmpint(ks_prefix_is_link_local(&prefix), ==, cases[i].link_local);
        }
        g_assert_cmpuint(ks_family_bits(AF_INET), ==, 32);
        g_assert_cmpuint(ks_family_bits(AF_INET6), ==, 128);
        g_assert_cmpuint(ks_family_bits(AF_UNSPEC), ==, 0);
        g_assert_cmpuint(ks_family_bits(AF_PACKET), ==, 0);
}

static void test_words(void)
{
        static const uint8_t bytes[4] = { 192, 0, 2, 77 };
        KsPrefix none = { 0 };
        KsPrefix address = ks_prefix_from_bytes(AF_INET, bytes, 24);
        KsPrefix host = ks_prefix_host(address), network = ks_prefix_network(address);
        g_autofree char *any = ks_prefix_address_to_string(&none);
        g_autofree char *with_length = ks_prefix_to_string(&address);
        g_autofree char *bare = ks_prefix_address_to_string(&address);
        g_autofree char *host_text = ks_prefix_to_string(&host);
        g_autofree char *network_text = ks_prefix_to_string(&network);

        g_assert_false(ks_prefix_is_set(&none));
        g_assert_cmpstr(any, ==, "any");
        g_assert_cmpstr(with_length, ==, "192.0.2.77/24");
        g_assert_cmpstr(bare, ==, "192.0.2.77");
        g_assert_cmpstr(host_text, ==, "192.0.2.77");
        g_assert_cmpstr(network_text, ==, "192.0.2.0/24");
}

/* What differs in one byte is another prefix; the same prefix of the other family too. */
static void test_equal(void)
{
        KsPrefix a = random_prefix();
        KsPrefix zero4 = { .family = AF_INET }, zero6 = { .family = AF_INET6 };

        for (guint i = 0; i < sizeof(a); i++) {
                KsPrefix b = a;

                g_assert_true(ks_prefix_equal(&a, &b));
                ((uint8_t *)&b)[i] ^= 1;
                g_assert_false(ks_prefix_equal(&a, &b));
        }
        g_assert_false(ks_prefix_equal(&zero4, &zero6));
        g_assert_false(ks_prefix_contains(&zero4, &zero6));
        g_assert_false(ks_prefix_contains(&zero6, &zero4));
        /* No byte of it is padding that a copy could miss. */
        g_assert_cmpuint(sizeof(KsPrefix), ==, 2 + 16);
}

static void test_public(void)
{
        static const char *const near[] = { "10.0.0.0/8",      "10.255.255.255", "172.16.0.0/12",
                                            "192.168.3.0/24",  "169.254.1.1",    "100.64.0.0/10",
                                            "100.127.255.255", "198.19.0.0/16",  "fd00::/8",
                                            "fe80::1" };
        static const char *const far[] = { "0.0.0.0/0",   "10.0.0.0/7",     "172.32.0.0/16",
                                           "192.169.0.1", "100.63.255.255", "100.128.0.0",
                                           "198.20.0.0",  "224.0.0.1",      "8.8.8.8",
                                           "::/0",        "2001:db8::1",    "fec0::1" };
        KsPrefix prefix, group, mapped;

        for (guint i = 0; i < G_N_ELEMENTS(near); i++) {
                g_assert_true(ks_prefix_parse(near[i], &prefix, NULL));
                g_assert_false(ks_prefix_is_public(&prefix));
        }
        for (guint i = 0; i < G_N_ELEMENTS(far); i++) {
                g_assert_true(ks_prefix_parse(far[i], &prefix, NULL));
                g_assert_true(ks_prefix_is_public(&prefix));
        }
        g_assert_true(ks_prefix_parse("224.0.0.251", &group, NULL));
        g_assert_true(ks_prefix_parse("192.0.0.0/2", &prefix, NULL));
        g_assert_true(ks_prefix_parse("::", &mapped, NULL));
        g_assert_true(ks_prefix_is_multicast(&group));
        g_assert_true(ks_prefix_is_multicast(&prefix));
        g_assert_false(ks_prefix_is_multicast(&mapped));
        g_assert_true(ks_prefix_overlaps(&group, &prefix) && ks_prefix_overlaps(&prefix, &group));
        g_assert_false(ks_prefix_overlaps(&group, &mapped));
}

static void test_array(void)
{
        g_autoptr(GArray) array = g_array_new(FALSE, TRUE, sizeof(KsPrefix));

        for (int i = 0; i < 100; i++) {
                uint8_t bytes[16] = { (uint8_t)(i % 10) };
                KsPrefix prefix = ks_prefix_from_bytes(i % 2 ? AF_INET : AF_INET6, bytes, 8);

                ks_prefix_array_add(array, &prefix);
                g_assert_cmpuint(array->len, ==, MIN(i + 1, 10));
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/prefix/parse", test_parse);
        g_test_add_func("/prefix/parse-bad", test_parse_bad);
        g_test_add_func("/prefix/round-trip", test_round_trip);
        g_test_add_func("/prefix/network-by-bits", test_network_by_bits);
        g_test_add_func("/prefix/contains-by-bits", test_contains_by_bits);
        g_test_add_func("/prefix/kinds", test_kinds);
        g_test_add_func("/prefix/public", test_public);
        g_test_add_func("/prefix/words", test_words);
        g_test_add_func("/prefix/equal", test_equal);
        g_test_add_func("/prefix/array", test_array);

        return g_test_run();
}
