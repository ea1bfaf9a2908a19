/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The intent on disk: what is written is read again, and what is damaged counts as engaged. */

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/unit/store-place.h"

static void test_never_saved(Place *place, gconstpointer data)
{
        const KsIntent off = { 0 };
        Place absent = *place;

        (void)data;
        assert_stored(place, &off);
        absent.directory = place->intent;
        assert_stored(&absent, &off);
}

static void test_round_trip(Place *place, gconstpointer data)
{
        (void)data;
        for (int i = 0; i < 200; i++) {
                KsIntent intent = random_intent();

                assert_saved(place, &intent);
                g_assert_cmpuint(intent.saved_realtime, >, 0);
                assert_stored(place, &intent);
        }
}

static void test_extremes(Place *place, gconstpointer data)
{
        KsIntent intent = { .engaged = TRUE,
                            .mode = KS_MODE_PAUSE,
                            .duration = G_MAXUINT64,
                            .deadline_boottime = G_MAXUINT64,
                            .deadline_realtime = G_MAXUINT64,
                            .since = G_MAXUINT64 };

        (void)data;
        assert_saved(place, &intent);
        assert_stored(place, &intent);
        /* Without a boot's name, from a kernel that gives none. */
        intent.mode = KS_MODE_TRIAL;
        g_assert_cmpstr(intent.boot_id, ==, "");
        assert_saved(place, &intent);
        assert_stored(place, &intent);
}

/* An intent of every kind, since each has lines of its own. */
static KsIntent intent_of_kind(int kind)
{
        KsIntent intent;

        do
                intent = random_intent();
        while ((int)intent.mode != kind % 3 || intent.has_lan != kind / 3 % 2 ||
               intent.engaged != kind / 6);
        return intent;
}
#define KINDS 12

static void write_bytes(const Place *place, const char *bytes, gsize length)
{
        int fd = g_open(place->intent, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, bytes, length), ==, length);
        g_assert_no_errno(close(fd));
}

/* At every byte. Only the newline at the very end may be missing: nothing is lost with it. */
static void test_truncated(Place *place, gconstpointer data)
{
        (void)data;
        place_mount(place, "size=1m");
        for (int kind = 0; kind < KINDS; kind++) {
                KsIntent intent = intent_of_kind(kind);
                g_autofree char *text = NULL;
                gsize length;

                assert_saved(place, &intent);
                g_assert_true(g_file_get_contents(place->intent, &text, &length, NULL));
                g_assert_cmpint(text[length - 1], ==, '\n');
                for (gsize cut = 0; cut < length - 1; cut++) {
                        write_bytes(place, text, cut);
                        assert_unreadable(place, "");
                }
                write_bytes(place, text, length - 1);
                assert_stored(place, &intent);
        }
}

/* Any byte changed to any other kind of byte: an error and engaged, or nothing of meaning was
 * changed (a blank that isn't part of any value). */
static void test_corrupted(Place *place, gconstpointer data)
{
        static const char replacements[] = "\0\n\r\t #=[];\\xX0\x7f\xff";
        guint harmless = 0, told = 0;

        (void)data;
        place_mount(place, "size=1m");
        for (int kind = 0; kind < KINDS; kind++) {
                KsIntent intent = intent_of_kind(kind);
                g_autofree char *text = NULL;
                gsize length;

                assert_saved(place, &intent);
                g_assert_true(g_file_get_contents(place->intent, &text, &length, NULL));
                for (gsize i = 0; i < length; i++)
                        for (guint r = 0; r < sizeof(replacements) - 1 + 8; r++) {
                                char good = text[i];
                                KsIntent got;

                                text[i] = r < 8 ? (char)(good ^ (1 << r)) : replacements[r - 8];
                                write_bytes(place, text, length);
                                if (text[i] == good) {
                                        assert_stored(place, &intent);
                                } else if (ks_store_load(place->store, &got, NULL)) {
                                        assert_intent_equal(&got, &intent);
                                        harmless++;
                                } else {
                                        assert_unreadable(place, "");
                                        told++;
                                }
                                text[i] = good;
                        }
        }
        g_assert_cmpuint(told, >, 100 * harmless);
}

/* Blocks of zeros or of rubbish, as a disk leaves them. */
static void test_rubbish(Place *place, gconstpointer data)
{
        g_autofree char *bytes = g_malloc0(1 << 20);

        (void)data;
        write_bytes(place, "", 0);
        assert_unreadable(place, "damaged");
        write_bytes(place, bytes, 512);
        assert_unreadable(place, "damaged");
        write_bytes(place, bytes, 1 << 20);
        assert_unreadable(place, "damaged");
        for (int i = 0; i < 1 << 20; i++)
                bytes[i] = (char)g_test_rand_int();
        for (int length = 1; length <= 1 << 20; length *= 2) {
                write_bytes(place, bytes, (gsize)length);
                assert_unreadable(place, "damaged");
        }
        write_bytes(place, "[Intent]\n", 9);
        assert_unreadable(place, "damaged");
}

/* Rewrites one key and the checksum with it, as another version of the service would. */
static void rewrite(Place *place, const char *key, const char *value)
{
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autofree char *text = NULL, *checksum = NULL, *whole = NULL;
        gsize length;

        g_assert_true(g_key_file_load_from_file(file, place->intent, G_KEY_FILE_NONE, NULL));
        g_key_file_set_string(file, "Intent", key, value);
        g_key_file_remove_key(file, "Intent", "Checksum", NULL);
        text = g_key_file_to_data(file, &length, NULL);
        checksum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, (gssize)length);
        g_key_file_set_string(file, "Intent", "Checksum", checksum);
        whole = g_key_file_to_data(file, &length, NULL);
        write_bytes(place, whole, length);
}

static void test_other_version(Place *place, gconstpointer data)
{
        KsIntent intent = { .engaged = TRUE };

        (void)data;
        assert_saved(place, &intent);
        rewrite(place, "Unheard", "of");
        assert_stored(place, &intent); /* a key more is no harm */
        rewrite(place, "Version", "2");
        assert_unreadable(place, "another version");
        rewrite(place, "Version", "0");
        assert_unreadable(place, "another version");
        rewrite(place, "Version", "1");
        assert_stored(place, &intent);
        rewrite(place, "Mode", "nap");
        assert_unreadable(place, "another version");
        /* Off in a form that we don't write is no clear word either. */
        intent.engaged = FALSE;
        assert_saved(place, &intent);
        rewrite(place, "Engaged", "maybe");
        assert_unreadable(place, "");
}

static void test_not_a_file(Place *place, gconstpointer data)
{
        (void)data;
        g_assert_no_errno(g_mkdir(place->intent, 0700));
        assert_unreadable(place, "");
        g_assert_no_errno(g_rmdir(place->intent));
        g_assert_no_errno(symlink("intent", place->intent));
        assert_unreadable(place, g_strerror(ELOOP));
}

static void test_changed(Place *place, gconstpointer data)
{
        g_autoptr(KsStore) other = ks_store_new(place->directory);
        KsIntent intent = random_intent(), again;

        (void)data;
        g_assert_false(ks_store_changed(place->store));
        assert_saved(place, &intent);
        g_assert_false(ks_store_changed(place->store));
        g_assert_true(ks_store_changed(other));
        g_assert_true(ks_store_load(other, &again, NULL));
        g_assert_false(ks_store_changed(other));
        g_assert_true(ks_store_save(other, &again, NULL));
        g_assert_false(ks_store_changed(other));
        g_assert_true(ks_store_changed(place->store));
        g_assert_true(ks_store_changed(place->store));
        assert_saved(place, &intent);
        g_assert_false(ks_store_changed(place->store));
        /* One that vanished says nothing; one that comes back does. */
        g_assert_no_errno(g_unlink(place->intent));
        g_assert_false(ks_store_changed(place->store));
        g_assert_true(ks_store_save(other, &again, NULL));
        g_assert_true(ks_store_changed(place->store));
}

/* Networks are remembered once each, and no more of them than there is room for. */
static void test_networks(Place *place, gconstpointer data)
{
        g_autoptr(GArray) networks = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        KsIntent intent = { .engaged = TRUE };

        (void)data;
        g_assert_false(ks_intent_add_networks(&intent, networks));
        for (uint8_t i = 0; i < 100; i++) {
                uint8_t bytes[16] = { 10, i };
                KsPrefix network = ks_prefix_from_bytes(AF_INET, bytes, 16);

                g_array_append_val(networks, network);
                g_assert_cmpint(ks_intent_add_networks(&intent, networks), ==, i < KS_NETWORKS_MAX);
                g_assert_false(ks_intent_add_networks(&intent, networks));
        }
        g_assert_cmpuint(intent.n_networks, ==, KS_NETWORKS_MAX);
        assert_saved(place, &intent);
        assert_stored(place, &intent);
        rewrite(place, "Networks", "10.0.0.0/8;nonsense;fd00::/8;");
        g_assert_true(ks_store_load(place->store, &intent, NULL));
        g_assert_true(intent.engaged);
        g_assert_cmpuint(intent.n_networks, <=, 2);
}

/* A damaged file was seen too: it isn't "changed" until somebody writes again. */
static void test_changed_while_damaged(Place *place, gconstpointer data)
{
        KsIntent intent;

        (void)data;
        write_bytes(place, "x", 1);
        g_assert_true(ks_store_changed(place->store));
        g_assert_false(ks_store_load(place->store, &intent, NULL));
        g_assert_false(ks_store_changed(place->store));
}

static void test_settings(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->directory, "settings.good", NULL);
        g_autofree char *again = NULL, *twice = NULL;
        g_autoptr(GError) error = NULL;
        GStatBuf before, after;

        (void)data;
        g_assert_null(ks_store_load_settings(place->store));
        g_assert_true(ks_store_save_settings(place->store, "[Killswitch]\nLan=none\n", &error));
        again = ks_store_load_settings(place->store);
        g_assert_cmpstr(again, ==, "[Killswitch]\nLan=none\n");
        /* The same once more is not written: a start costs no disk. */
        g_assert_no_errno(g_stat(path, &before));
        g_assert_true(ks_store_save_settings(place->store, "[Killswitch]\nLan=none\n", &error));
        g_assert_no_errno(g_stat(path, &after));
        g_assert_cmpuint(before.st_ino, ==, after.st_ino);
        g_assert_true(ks_store_save_settings(place->store, "", &error));
        twice = ks_store_load_settings(place->store);
        g_assert_cmpstr(twice, ==, "");
        g_assert_no_errno(truncate(path, 8 * 1024 * 1024 + 1));
        g_assert_null(ks_store_load_settings(place->store));
        g_assert_false(ks_store_changed(place->store));
}

#define ADD(name, function)                                                                        \
        g_test_add("/store/" name, Place, NULL, place_set_up, function, place_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        place_own_mounts();

        ADD("never-saved", test_never_saved);
        ADD("round-trip", test_round_trip);
        ADD("extremes", test_extremes);
        ADD("truncated", test_truncated);
        ADD("corrupted", test_corrupted);
        ADD("rubbish", test_rubbish);
        ADD("other-version", test_other_version);
        ADD("not-a-file", test_not_a_file);
        ADD("changed", test_changed);
        ADD("changed-while-damaged", test_changed_while_damaged);
        ADD("networks", test_networks);
        ADD("settings", test_settings);

        return g_test_run();
}
