/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins: what an answer adds, when an address goes, and how they are kept on disk. */

#include <glib/gstdio.h>
#include <string.h>

#include "common/error.h"
#include "engine/hosts.h"
#include "engine/store-pins.h"
#include "tests/unit/host.h"
#include "tests/unit/store-place.h"

#define NOW G_GUINT64_CONSTANT(1700000000000000)
#define HOUR (3600 * G_GUINT64_CONSTANT(1000000))

/* @answer: addresses with blanks between. */
static void learn(KsPin *pin, const char *answer, gboolean by_tunnel, guint64 now)
{
        g_auto(GStrv) texts = g_strsplit(answer, " ", -1);
        g_autoptr(GArray) addresses = g_array_new(FALSE, FALSE, sizeof(KsPrefix));

        for (guint i = 0; texts[i]; i++) {
                const KsPrefix address = prefix(texts[i]);

                g_array_append_val(addresses, address);
        }
        ks_pin_learn(pin, addresses, by_tunnel, now);
}

static void assert_pinned(const KsPin *pin, const char *expected)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < pin->addresses->len; i++) {
                g_autofree char *address = ks_prefix_address_to_string(
                        &g_array_index(pin->addresses, KsPinned, i).address);

                g_string_append_printf(text, "%s%s", i ? " " : "", address);
        }
        g_assert_cmpstr(text->str, ==, expected);
        g_string_free(text, TRUE);
}

static void test_old_and_new_are_kept(void)
{
        g_autoptr(GPtrArray) pins = ks_pins_new();
        KsPin *pin = ks_pins_get(pins, "a", "vpn.example.org");

        learn(pin, "192.0.2.1 2001:db8::1", FALSE, NOW);
        assert_pinned(pin, "192.0.2.1 2001:db8::1");
        learn(pin, "192.0.2.2", FALSE, NOW + HOUR);
        assert_pinned(pin, "192.0.2.2 192.0.2.1 2001:db8::1");
        /* Without a tunnel nothing ever goes, however late it is. */
        learn(pin, "192.0.2.2", FALSE, NOW + 1000 * HOUR);
        learn(pin, "192.0.2.2", FALSE, NOW + 2000 * HOUR);
        assert_pinned(pin, "192.0.2.2 192.0.2.1 2001:db8::1");
}

/* The first answer through the tunnel that lacks an address lets it stay: the VPN may be using it.
 */
static void test_goes_after_a_day_of_answers_by_tunnel(void)
{
        g_autoptr(GPtrArray) pins = ks_pins_new();
        KsPin *pin = ks_pins_get(pins, "a", "vpn.example.org");

        learn(pin, "192.0.2.1", FALSE, NOW);
        learn(pin, "192.0.2.2", TRUE, NOW + 1000 * HOUR);
        assert_pinned(pin, "192.0.2.2 192.0.2.1");
        learn(pin, "192.0.2.2", TRUE, NOW + 1023 * HOUR);
        assert_pinned(pin, "192.0.2.2 192.0.2.1");
        /* Back in an answer, it begins anew. */
        learn(pin, "192.0.2.1", TRUE, NOW + 1024 * HOUR);
        assert_pinned(pin, "192.0.2.1 192.0.2.2");
        learn(pin, "192.0.2.2", TRUE, NOW + 1025 * HOUR);
        learn(pin, "192.0.2.2", TRUE, NOW + 1048 * HOUR);
        assert_pinned(pin, "192.0.2.2 192.0.2.1");
        learn(pin, "192.0.2.2", TRUE, NOW + 1049 * HOUR);
        assert_pinned(pin, "192.0.2.2");
}

static void test_clock_set_back(void)
{
        g_autoptr(GPtrArray) pins = ks_pins_new();
        KsPin *pin = ks_pins_get(pins, "a", "vpn.example.org");

        learn(pin, "192.0.2.1", TRUE, NOW);
        learn(pin, "192.0.2.2", TRUE, NOW + 500 * HOUR);
        learn(pin, "192.0.2.2", TRUE, HOUR);
        assert_pinned(pin, "192.0.2.2 192.0.2.1");
        learn(pin, "192.0.2.2", TRUE, 25 * HOUR);
        assert_pinned(pin, "192.0.2.2");
}

static void test_one_answer_takes_half_at_most(void)
{
        g_autoptr(GPtrArray) pins = ks_pins_new();
        KsPin *pin = ks_pins_get(pins, "a", "vpn.example.org");
        GString *many = g_string_new(NULL), *forged = g_string_new(NULL);

        for (int i = 1; i <= 20; i++) {
                g_string_append_printf(many, "%s192.0.2.%d", i > 1 ? " " : "", i);
                g_string_append_printf(forged, "%s203.0.113.%d", i > 1 ? " " : "", i);
        }
        learn(pin, many->str, TRUE, NOW);
        g_assert_cmpuint(pin->addresses->len, ==, KS_PIN_ANSWER_MAX);
        learn(pin, forged->str, FALSE, NOW + 1);
        g_assert_cmpuint(pin->addresses->len, ==, KS_PIN_ADDRESSES_MAX);
        learn(pin, "198.51.100.1", FALSE, NOW + 2);
        g_assert_cmpuint(pin->addresses->len, ==, KS_PIN_ADDRESSES_MAX);
        /* What was true is still there, but for the last of it. */
        for (guint i = 1; i < KS_PIN_ANSWER_MAX; i++) {
                g_autofree char *text = g_strdup_printf("192.0.2.%u", i);
                const KsPrefix address = prefix(text);
                gboolean found = FALSE;

                for (guint j = 0; j < pin->addresses->len; j++)
                        found |= ks_prefix_equal(
                                &g_array_index(pin->addresses, KsPinned, j).address, &address);
                g_assert_true(found);
        }
        g_string_free(many, TRUE);
        g_string_free(forged, TRUE);
}

static void test_prune(void)
{
        g_autoptr(GPtrArray) pins = ks_pins_new();
        g_autoptr(GPtrArray) vpns = g_ptr_array_new_with_free_func((GDestroyNotify)ks_vpn_free);
        KsVpn *vpn = ks_vpn_new("a", "tun0");

        g_ptr_array_add(vpns, vpn);
        vpn->names = ks_names_new();
        ks_names_add(vpn->names, "vpn.example.org", 1, "f:1");
        ks_pins_get(pins, "a", "vpn.example.org");
        g_assert_false(ks_pins_prune(pins, vpns));
        ks_pins_get(pins, "a", "old.example.org");
        ks_pins_get(pins, "b", "vpn.example.org");
        g_assert_true(ks_pins_prune(pins, vpns));
        g_assert_cmpuint(pins->len, ==, 1);
        g_assert_nonnull(ks_pins_find(pins, "a", "vpn.example.org"));
}

static void test_stored(Place *place, gconstpointer data)
{
        g_autoptr(GPtrArray) pins = ks_pins_new(), none = NULL, read = NULL;
        g_autoptr(GError) error = NULL;
        KsPin *pin = ks_pins_get(pins, "a b", "vpn.example.org");
        const KsPinned *pinned;

        (void)data;
        none = ks_store_load_pins(place->store, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(none->len, ==, 0);
        learn(pin, "192.0.2.1 2001:db8::1", TRUE, NOW);
        learn(pin, "2001:db8::1", TRUE, NOW + HOUR);
        ks_pins_get(pins, "c", "empty.example.org");
        g_assert_true(ks_store_save_pins(place->store, pins, &error));
        read = ks_store_load_pins(place->store, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(read->len, ==, 1);
        pin = ks_pins_find(read, "a b", "vpn.example.org");
        assert_pinned(pin, "2001:db8::1 192.0.2.1");
        pinned = &g_array_index(pin->addresses, KsPinned, 1);
        g_assert_cmpuint(pinned->seen, <=, NOW);
        g_assert_cmpuint(pinned->missed, ==, NOW + HOUR);
}

/* Every single bit that is turned, every length that is cut: no pin, and no crash. */
static void test_damaged(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->directory, "pins", NULL);
        g_autoptr(GPtrArray) pins = ks_pins_new();
        g_autofree char *text = NULL;
        gsize length;

        (void)data;
        learn(ks_pins_get(pins, "a", "vpn.example.org"), "192.0.2.1", TRUE, NOW);
        g_assert_true(ks_store_save_pins(place->store, pins, NULL));
        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        for (gsize i = 0; i + 1 < length; i++)
                for (int cut = 0; cut <= 1; cut++) {
                        g_autofree char *bad = g_memdup2(text, length);
                        g_autoptr(GPtrArray) read = NULL;
                        g_autoptr(GError) error = NULL;

                        bad[i] ^= 1;
                        g_assert_true(g_file_set_contents(path, cut ? text : bad,
                                                          (gssize)(cut ? i : length), NULL));
                        read = ks_store_load_pins(place->store, &error);
                        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
                        g_assert_cmpuint(read->len, ==, 0);
                }
}

/* Only what is in force is told to the VPNs' programs. */
static void test_hosts_text(void)
{
        g_autoptr(GPtrArray) pins = ks_pins_new();
        KsPin *pin = ks_pins_get(pins, "a", "vpn.example.org");
        g_autofree char *up = NULL, *off = NULL;

        learn(pin, "192.0.2.1 2001:db8::1 192.0.2.2", FALSE, NOW);
        learn(ks_pins_get(pins, "b", "other.example.org"), "192.0.2.3", FALSE, NOW);
        g_array_index(pin->addresses, KsPinned, 0).in_force = TRUE;
        g_array_index(pin->addresses, KsPinned, 1).in_force = TRUE;
        up = ks_hosts_text(pins, TRUE);
        g_assert_nonnull(strstr(up, "\n192.0.2.1 vpn.example.org\n2001:db8::1 vpn.example.org\n"));
        g_assert_null(strstr(up, "192.0.2.2"));
        g_assert_null(strstr(up, "other.example.org"));
        off = ks_hosts_text(pins, FALSE);
        g_assert_null(strstr(off, "example.org"));
}

static void test_hosts_written(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->directory, "hosts", NULL);
        g_autofree char *text = NULL;

        (void)data;
        g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
        g_assert_false(ks_hosts_write(place->directory, "one\n"));
        g_assert_cmpint(g_rmdir(path), ==, 0);
        g_assert_false(ks_hosts_write(path, "one\n"));
        g_assert_true(ks_hosts_write(place->directory, "first\n"));
        g_assert_true(ks_hosts_write(place->directory, "two\n"));
        g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "two\n");
        g_assert_cmpint(g_remove(path), ==, 0);
}

#define ADD(name, function)                                                                        \
        g_test_add("/pins/" name, Place, NULL, place_set_up, function, place_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pins/old-and-new-are-kept", test_old_and_new_are_kept);
        g_test_add_func("/pins/goes-after-a-day-of-answers-by-tunnel",
                        test_goes_after_a_day_of_answers_by_tunnel);
        g_test_add_func("/pins/clock-set-back", test_clock_set_back);
        g_test_add_func("/pins/one-answer-takes-half-at-most", test_one_answer_takes_half_at_most);
        g_test_add_func("/pins/prune", test_prune);
        g_test_add_func("/pins/hosts-text", test_hosts_text);
        ADD("hosts-written", test_hosts_written);
        ADD("stored", test_stored);
        ADD("damaged", test_damaged);
        return g_test_run();
}
