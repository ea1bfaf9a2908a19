/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPNs that are added while the service runs: judged as sections of files are, and kept whole. */

#include <glib/gstdio.h>
#include <string.h>

#include "common/error.h"
#include "engine/profile.h"
#include "engine/settings.h"
#include "tests/unit/settings-text.h"
#include "tests/unit/store-place.h"

/* "KEY=VALUE" each, up to NULL. */
static GPtrArray *options(const char *first, ...)
{
        GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)ks_option_free);
        va_list ap;

        va_start(ap, first);
        for (const char *text = first; text; text = va_arg(ap, const char *)) {
                g_auto(GStrv) parts = g_strsplit(text, "=", 2);

                g_ptr_array_add(list, ks_option_new(parts[0], parts[1]));
        }
        va_end(ap);
        return list;
}

static KsProfile *good(const char *name, GPtrArray *list)
{
        g_autoptr(GError) error = NULL;
        KsProfile *profile = ks_profile_new(name, list, &error);

        g_assert_no_error(error);
        return profile;
}

static void assert_bad(const char *name, GPtrArray *list, KsError code, const char *expected)
{
        g_autoptr(GError) error = NULL;

        g_assert_null(ks_profile_new(name, list, &error));
        g_assert_error(error, KS_ERROR, (gint)code);
        g_assert_cmpstr(error->message, ==, expected);
}

/* The same section in a file and from a caller comes to the same VPN. */
static void test_same_as_a_file(void)
{
        static const char file[] =
                "[VPN a b]\nInterface=tun0\nKind=tun\nMark=0x10\nUser=7\n"
                "Protocol=udp\nSourcePort=5-6\nUnit=o.service\nEndpoint=192.0.2.1:1\n"
                "Endpoint=[2001:db8::1]:2\nGateway=10.8.0.1\n"
                "Prefixes=10.8.0.0/16\nMetric=5\nDefault=no\n";
        g_autoptr(GPtrArray) profiles = ks_profiles_new();
        g_autoptr(GPtrArray) again = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) expected = ks_settings_parse(file, "f", NULL);
        g_autoptr(KsSettings) settings = NULL;
        g_autofree char *one = settings_text(expected), *other = NULL, *text = NULL;

        g_ptr_array_add(
                profiles,
                good("a b", options("Default=no", "Metric=5", "Prefixes= 10.8.0.0/16 ",
                                    "Endpoint=192.0.2.1:1", "Unit=o.service", "Gateway=10.8.0.1",
                                    "SourcePort=5-6", "Endpoint=[2001:db8::1]:2", "Protocol=udp",
                                    "User=7", "Mark=0x10", "Kind=tun", "Interface=tun0", NULL)));
        settings = ks_settings_parse_with("", "kept", profiles, &error);
        g_assert_no_error(error);
        other = settings_text(settings);
        g_assert_cmpstr(one, ==, other);
        g_assert_true(((KsVpn *)settings->vpns->pdata[0])->from_profile);
        g_assert_false(((KsVpn *)expected->vpns->pdata[0])->from_profile);
        text = ks_profiles_to_text(profiles);
        g_assert_cmpstr(text, ==, file);
        again = ks_profiles_from_text(text, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(again->len, ==, 1);
        g_assert_true(ks_profile_equal(again->pdata[0], profiles->pdata[0]));
}

static void test_bad_options(void)
{
        assert_bad("", options("Interface=tun0", "Mark=1", NULL), KS_ERROR_INVALID_ARGUMENT,
                   "options: the name of a VPN has 1 to 64 letters, digits, spaces and -_.@+");
        assert_bad("a]\nLan=all", options("Interface=tun0", "Mark=1", NULL),
                   KS_ERROR_INVALID_ARGUMENT,
                   "options: the name of a VPN has 1 to 64 letters, digits, spaces and -_.@+");
        assert_bad(" a", options("Interface=tun0", "Mark=1", NULL), KS_ERROR_INVALID_ARGUMENT,
                   "options: the name of the VPN begins or ends with a blank");
        assert_bad("a", options("Mark=1", NULL), KS_ERROR_INVALID_ARGUMENT,
                   "options: [VPN a] lacks Interface=");
        assert_bad("a", options("Interface=tun0", "Mark=red", NULL), KS_ERROR_INVALID_ARGUMENT,
                   "options: Mark: 'red' is not a number from 1 to 4294967295");
        assert_bad("a", options("Interface=tun0", "Mark=1", "Mark=2", NULL),
                   KS_ERROR_INVALID_ARGUMENT, "options: Mark: is given twice in this section");
        assert_bad("a", options("Interface=tun0", "Mark=1\nUser=0", NULL),
                   KS_ERROR_INVALID_ARGUMENT,
                   "options: Mark: has a line break or another control character in it; leave it "
                   "out");
        assert_bad("a", options("Interface=tun0", "Lan=all", NULL), KS_ERROR_INVALID_ARGUMENT,
                   "options: Lan: there is no such key in a [VPN] section; there are Interface, "
                   "Kind, Mark, User, Protocol, SourcePort, Unit, Endpoint, EndpointRange, "
                   "Through, Gateway, Prefixes, Metric, Default");
        assert_bad("a", options("Interface=tun0", "SourcePort=5", NULL), KS_ERROR_INVALID_ARGUMENT,
                   "options: [VPN a] an address, a port or a protocol alone is too weak: any "
                   "program could use it to get out; add Mark=, User= or Unit=");
}

static void test_limits(void)
{
        GPtrArray *many = options("Interface=tun0", "Mark=1", NULL);
        GPtrArray *large = options("Interface=tun0", "Mark=1", NULL);
        g_autofree char *value = g_strnfill(KS_PROFILE_SIZE_MAX, ' ');
        static const char sentence[] = "options: a VPN takes no more than 512 values and 32 KiB; a "
                                       "larger one goes into a file, "
                                       "/etc/killswitch/killswitch.conf";

        for (int i = 0; i < KS_PROFILE_OPTIONS_MAX; i++)
                g_ptr_array_add(many, ks_option_new("Endpoint", ""));
        assert_bad("a", many, KS_ERROR_LIMITS_EXCEEDED, sentence);
        value[0] = value[KS_PROFILE_SIZE_MAX - 1] = 'x';
        g_ptr_array_add(large, ks_option_new("Kind", value));
        assert_bad("a", large, KS_ERROR_LIMITS_EXCEEDED, sentence);
}

static void test_beside_files(void)
{
        g_autoptr(GPtrArray) profiles = ks_profiles_new();
        g_autoptr(GError) error = NULL;

        g_ptr_array_add(profiles, good("a", options("Interface=tun0", "Mark=1", NULL)));
        g_assert_null(ks_settings_parse_with("\n[VPN a]\nInterface=tun1\nMark=1\n", "f", profiles,
                                             &error));
        g_assert_cmpstr(error->message, ==,
                        "added VPN 'a': f:2 has a section [VPN a], too; remove one of them ('ksctl "
                        "vpn remove' removes the added one)");
        g_clear_error(&error);
        g_assert_null(
                ks_settings_parse_with("[VPN b]\nInterface=tun0\nMark=1\n", "f", profiles, &error));
        g_assert_cmpstr(
                error->message, ==,
                "added VPN 'a': Interface: [VPN a] has the interface tun0, which [VPN b] in "
                "f:1 has already; give each VPN an interface of its own");
}

/* What an added VPN goes through is in a file or was added as well; a file goes without. */
static void test_through(void)
{
        g_autoptr(GPtrArray) profiles = ks_profiles_new(), alone = ks_profiles_new();
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = NULL;
        const KsVpn *inner;

        g_ptr_array_add(profiles, good("b", options("Interface=tun1", "Through=a",
                                                    "Endpoint=192.0.2.1", NULL)));
        settings = ks_settings_parse_with("[VPN a]\nInterface=tun0\nMark=1\n", "f", profiles,
                                          &error);
        g_assert_no_error(error);
        inner = settings->vpns->pdata[1];
        g_assert_cmpstr(inner->name, ==, "b");
        g_assert_true(ks_settings_outer(settings, inner) == settings->vpns->pdata[0]);
        g_assert_cmpuint(inner->inner_servers->len, ==, 1);
        g_assert_null(ks_settings_parse_with("", "f", profiles, &error));
        g_assert_cmpstr(
                error->message, ==,
                "added VPN 'b': Through: [VPN b] goes through a VPN that has no section; write "
                "[VPN a], for a WireGuard link of the kernel with Interface= and Kind=wireguard");
        g_clear_error(&error);
        g_ptr_array_add(alone, good("a", options("Interface=tun0", "Mark=1", NULL)));
        g_assert_null(ks_settings_parse_with(
                "[VPN b]\nInterface=tun1\nThrough=a\nEndpoint=192.0.2.1\n", "f", alone, &error));
        g_assert_cmpstr(error->message, ==,
                        "f:3: Through: [VPN b] names a VPN that was added with 'ksctl vpn add', "
                        "and a section goes through another section only; write one, [VPN a]");
}

static void test_text_of_others(void)
{
        static const char *const texts[] = { "Mark=1\n", "[VPN a]\nMark\n", "[VPN a]\n[VPN a]\n",
                                             "[Killswitch]\n", "[VPN a\n" };

        for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
                g_autoptr(GError) error = NULL;

                g_assert_null(ks_profiles_from_text(texts[i], &error));
                g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        }
}

/* The store */

static void assert_loaded(Place *place, const char *expected, const char *words)
{
        g_autofree char *text = NULL;
        g_autoptr(GError) error = NULL;
        gboolean fine = ks_store_load_profiles(place->store, &text, &error);

        g_assert_cmpstr(text, ==, expected);
        g_assert_true(fine == !words);
        if (!words)
                return;
        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        g_assert_nonnull(strstr(error->message, words));
}

static void spoil(Place *place, const char *name, gboolean cut)
{
        g_autofree char *path = g_build_filename(place->directory, name, NULL), *text = NULL;
        gsize length;

        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        if (cut)
                length /= 2;
        else
                text[length - 1] ^= 1;
        g_assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
}

/* Whatever is wrong with one of the two files, what was saved last is there. */
static void test_damage(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->directory, "profiles", NULL);

        (void)data;
        assert_loaded(place, NULL, NULL);
        g_assert_true(ks_store_save_profiles(place->store, "[VPN a]\n", NULL));
        assert_loaded(place, "[VPN a]\n", NULL);
        spoil(place, "profiles", FALSE);
        assert_loaded(place, "[VPN a]\n", "profiles is damaged); the copy beside it is used");
        g_assert_no_errno(g_unlink(path));
        assert_loaded(place, "[VPN a]\n", "is gone");
        g_assert_true(ks_store_save_profiles(place->store, "", NULL));
        assert_loaded(place, "", NULL);
        g_assert_true(ks_store_save_profiles(place->store, "[VPN b]\n", NULL));
        spoil(place, "profiles.good", TRUE);
        assert_loaded(place, "[VPN b]\n", NULL);
        spoil(place, "profiles", TRUE);
        assert_loaded(place, NULL, "none of them is used");
}

static void test_no_room(Place *place, gconstpointer data)
{
        g_autofree char *large = g_strnfill(256 * 1024, '#');
        g_autoptr(GError) error = NULL;

        (void)data;
        place_mount(place, "size=64k");
        g_assert_true(ks_store_save_profiles(place->store, "[VPN a]\n", NULL));
        g_assert_false(ks_store_save_profiles(place->store, large, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        assert_loaded(place, "[VPN a]\n", NULL);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        place_own_mounts();

        g_test_add_func("/profile/same-as-a-file", test_same_as_a_file);
        g_test_add_func("/profile/bad-options", test_bad_options);
        g_test_add_func("/profile/limits", test_limits);
        g_test_add_func("/profile/beside-files", test_beside_files);
        g_test_add_func("/profile/through", test_through);
        g_test_add_func("/profile/text-of-others", test_text_of_others);
        g_test_add("/profile/damage", Place, NULL, place_set_up, test_damage, place_tear_down);
        g_test_add("/profile/no-room", Place, NULL, place_set_up, test_no_room, place_tear_down);

        return g_test_run();
}
