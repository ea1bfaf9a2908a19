/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A state directory for the tests of the store, with disks that are full and users without rights.
 */

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/unit/store-place.h"

void place_set_up(Place *place, gconstpointer data)
{
        g_autoptr(GError) error = NULL;

        (void)data;
        place->directory = g_dir_make_tmp("killswitch-store-XXXXXX", &error);
        g_assert_no_error(error);
        place->intent = g_build_filename(place->directory, "intent", NULL);
        place->store = ks_store_new(place->directory);
}

void place_tear_down(Place *place, gconstpointer data)
{
        g_autofree char *command = g_strdup_printf("rm -rf '%s'", place->directory);

        (void)data;
        while (umount2(place->directory, MNT_DETACH) == 0)
                ;
        g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
        ks_store_free(place->store);
        g_free(place->directory);
        g_free(place->intent);
}

void place_own_mounts(void)
{
        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                g_error("This test needs root: %s", g_strerror(errno));
}

void place_mount(Place *place, const char *options)
{
        g_assert_no_errno(mount("tmpfs", place->directory, "tmpfs", 0, options));
}

void place_remount(Place *place, unsigned long flags)
{
        g_assert_no_errno(mount(NULL, place->directory, NULL, MS_REMOUNT | flags, NULL));
}

void become_nobody(void)
{
        g_assert_no_errno(setresuid(NOBODY, NOBODY, 0));
}

void become_root(void)
{
        g_assert_no_errno(setresuid(0, 0, 0));
}

static guint64 random_time(void)
{
        return ((guint64)(guint32)g_test_rand_int() << 20) + (guint32)g_test_rand_int() % 1000000;
}

KsIntent random_intent(void)
{
        KsIntent intent = { 0 };

        intent.engaged = g_test_rand_int_range(0, 2);
        intent.mode = (KsMode)g_test_rand_int_range(0, KS_MODE_PAUSE + 1);
        intent.since = random_time();
        if (intent.mode != KS_MODE_STEADY) {
                intent.duration = random_time();
                intent.deadline_boottime = random_time();
                intent.deadline_realtime = random_time();
                for (int i = 0; i < 36; i++)
                        intent.boot_id[i] = "0123456789abcdef-"[g_test_rand_int_range(0, 17)];
        }
        intent.n_networks = (guint)g_test_rand_int_range(0, 2) *
                            (guint)g_test_rand_int_range(0, KS_NETWORKS_MAX + 1);
        for (guint i = 0; i < intent.n_networks; i++) {
                uint8_t bytes[16] = { (uint8_t)(i + 1), (uint8_t)g_test_rand_int() };

                intent.networks[i] = ks_prefix_from_bytes(i % 2 ? AF_INET : AF_INET6, bytes, 16);
        }
        intent.has_lan = g_test_rand_int_range(0, 2);
        if (intent.has_lan) {
                intent.lan = (KsLan)g_test_rand_int_range(0, KS_LAN_MODE_ALL + 1);
                intent.lan_in_settings = (KsLan)g_test_rand_int_range(0, KS_LAN_MODE_ALL + 1);
        }
        return intent;
}

void assert_intent_equal(const KsIntent *a, const KsIntent *b)
{
        g_assert_cmpint(a->engaged, ==, b->engaged);
        g_assert_cmpint(a->mode, ==, b->mode);
        g_assert_cmpuint(a->duration, ==, b->duration);
        g_assert_cmpuint(a->deadline_boottime, ==, b->deadline_boottime);
        g_assert_cmpuint(a->deadline_realtime, ==, b->deadline_realtime);
        g_assert_cmpuint(a->saved_realtime, ==, b->saved_realtime);
        g_assert_cmpuint(a->since, ==, b->since);
        g_assert_cmpstr(a->boot_id, ==, b->boot_id);
        g_assert_cmpuint(a->n_networks, ==, b->n_networks);
        for (guint i = 0; i < a->n_networks; i++)
                g_assert_true(ks_prefix_equal(&a->networks[i], &b->networks[i]));
        g_assert_cmpint(a->has_lan, ==, b->has_lan);
        g_assert_cmpint(a->lan, ==, b->lan);
        g_assert_cmpint(a->lan_in_settings, ==, b->lan_in_settings);
}

void assert_stored(Place *place, const KsIntent *expected)
{
        g_autoptr(KsStore) other = ks_store_new(place->directory);
        g_autoptr(GError) error = NULL;
        KsIntent intent;

        memset(&intent, 0xaa, sizeof(intent));
        ks_store_load(other, &intent, &error);
        g_assert_no_error(error);
        assert_intent_equal(&intent, expected);
}

void assert_unreadable(Place *place, const char *words)
{
        const KsIntent engaged = { .engaged = TRUE };
        g_autoptr(GError) error = NULL;
        KsIntent intent;

        memset(&intent, 0xaa, sizeof(intent));
        g_assert_false(ks_store_load(place->store, &intent, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        g_assert_nonnull(strstr(error->message, place->intent));
        g_assert_nonnull(strstr(error->message, words));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        assert_intent_equal(&intent, &engaged);
        g_assert_false(ks_store_load(place->store, &intent, NULL));
}

void assert_not_saved(Place *place, const char *words)
{
        g_autoptr(GError) error = NULL;
        KsIntent intent = random_intent();

        g_assert_false(ks_store_save(place->store, &intent, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        g_assert_nonnull(strstr(error->message, place->directory));
        g_assert_nonnull(strstr(error->message, words));
        g_assert_false(ks_store_save(place->store, &intent, NULL));
}

void assert_saved(Place *place, KsIntent *intent)
{
        g_autoptr(GError) error = NULL;

        ks_store_save(place->store, intent, &error);
        g_assert_no_error(error);
}
