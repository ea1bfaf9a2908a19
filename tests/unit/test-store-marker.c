/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The marker by which root's rescue speaks when the intent can't be written. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/unit/store-place.h"

typedef struct Marked {
        Place place;
        char *runtime, *marker;
} Marked;

static void set_up(Marked *marked, gconstpointer data)
{
        g_autoptr(GError) error = NULL;

        place_set_up(&marked->place, data);
        place_mount(&marked->place, "size=64k");
        marked->runtime = g_dir_make_tmp("killswitch-run-XXXXXX", &error);
        g_assert_no_error(error);
        marked->marker = g_build_filename(marked->runtime, "sub", "rescued", NULL);
        ks_store_set_marker(marked->place.store, marked->marker);
}

static void tear_down(Marked *marked, gconstpointer data)
{
        g_autofree char *command = g_strdup_printf("rm -rf '%s'", marked->runtime);

        g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
        g_free(marked->runtime);
        g_free(marked->marker);
        place_tear_down(&marked->place, data);
}

/* A process of its own, as rescue and service are. */
static KsStore *other_store(const Marked *marked)
{
        KsStore *store = ks_store_new(marked->place.directory);

        ks_store_set_marker(store, marked->marker);
        return store;
}

static void mark(const Marked *marked)
{
        g_autoptr(KsStore) rescue = other_store(marked);
        g_autoptr(GError) error = NULL;

        ks_store_mark(rescue, &error);
        g_assert_no_error(error);
}

/* Sets a file's time, in seconds from the epoch. */
static void set_time(const char *path, time_t seconds)
{
        const struct timespec times[2] = { { .tv_sec = seconds }, { .tv_sec = seconds } };

        g_assert_no_errno(utimensat(AT_FDCWD, path, times, 0));
}

static gboolean loads_engaged(const Marked *marked)
{
        g_autoptr(KsStore) store = other_store(marked);
        g_autoptr(GError) error = NULL;
        KsIntent intent;

        ks_store_load(store, &intent, &error);
        g_assert_no_error(error);
        return intent.engaged;
}

static void engage(Marked *marked)
{
        KsIntent intent = { .engaged = TRUE };

        assert_saved(&marked->place, &intent);
}

/* The service that is alive hears it once, and a new one reads it. */
static void test_heard(Marked *marked, gconstpointer data)
{
        KsIntent intent;

        (void)data;
        engage(marked);
        set_time(marked->place.intent, 1000);
        g_assert_true(ks_store_load(marked->place.store, &intent, NULL));
        g_assert_false(ks_store_changed(marked->place.store));
        place_remount(&marked->place, MS_RDONLY);
        mark(marked);
        g_assert_false(loads_engaged(marked));
        g_assert_true(ks_store_changed(marked->place.store));
        g_assert_true(ks_store_load(marked->place.store, &intent, NULL));
        g_assert_false(intent.engaged);
        g_assert_false(ks_store_changed(marked->place.store));
        place_remount(&marked->place, 0);
}

/* Also where the intent is damaged, which without it would mean "engaged". */
static void test_over_damage(Marked *marked, gconstpointer data)
{
        (void)data;
        g_assert_true(g_file_set_contents(marked->place.intent, "damaged", -1, NULL));
        set_time(marked->place.intent, 1000);
        mark(marked);
        g_assert_false(loads_engaged(marked));
}

/* What was asked for later counts, also when the clock has been set back since. */
static void test_older_than_the_intent(Marked *marked, gconstpointer data)
{
        (void)data;
        engage(marked);
        set_time(marked->place.intent, 2000);
        mark(marked);
        engage(marked);
        set_time(marked->place.intent, 1000);
        g_assert_true(ks_store_load(marked->place.store, &(KsIntent){ 0 }, NULL));
        g_assert_false(ks_store_changed(marked->place.store));
        g_assert_true(loads_engaged(marked));
}

/* A clock set back between the two makes the rescue no older. */
static void test_clock_set_back(Marked *marked, gconstpointer data)
{
        (void)data;
        engage(marked);
        set_time(marked->place.intent, 4000000000);
        mark(marked);
        g_assert_false(loads_engaged(marked));
}

/* Nobody but root lets go this way. */
static void test_of_another_user(Marked *marked, gconstpointer data)
{
        KsIntent intent;

        (void)data;
        engage(marked);
        set_time(marked->place.intent, 1000);
        g_assert_true(ks_store_load(marked->place.store, &intent, NULL));
        mark(marked);
        g_assert_no_errno(chown(marked->marker, NOBODY, NOBODY));
        g_assert_false(ks_store_changed(marked->place.store));
        g_assert_true(loads_engaged(marked));
}

static void test_link_in_the_way(Marked *marked, gconstpointer data)
{
        g_autofree char *target = g_build_filename(marked->runtime, "target", NULL);
        g_autofree char *directory = g_path_get_dirname(marked->marker);
        g_autofree char *text = NULL;

        (void)data;
        g_assert_no_errno(g_mkdir(directory, 0755));
        g_assert_true(g_file_set_contents(target, "precious", -1, NULL));
        g_assert_no_errno(symlink(target, marked->marker));
        mark(marked);
        g_assert_true(g_file_get_contents(target, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "precious");
        g_assert_false(g_file_test(marked->marker, G_FILE_TEST_IS_SYMLINK));
}

static void test_unwritable(Marked *marked, gconstpointer data)
{
        g_autofree char *marker = g_build_filename(marked->marker, "x", NULL);
        g_autoptr(GError) error = NULL;

        (void)data;
        mark(marked);
        ks_store_set_marker(marked->place.store, marker);
        g_assert_false(ks_store_mark(marked->place.store, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        g_assert_nonnull(strstr(error->message, marker));
}

/* Without a marker to look at, none counts. */
static void test_unset(Marked *marked, gconstpointer data)
{
        g_autoptr(KsStore) store = ks_store_new(marked->place.directory);
        KsIntent intent;

        (void)data;
        engage(marked);
        set_time(marked->place.intent, 1000);
        mark(marked);
        g_assert_true(ks_store_load(store, &intent, NULL));
        g_assert_true(intent.engaged);
}

#define ADD(name, function)                                                                        \
        g_test_add("/store-marker/" name, Marked, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        place_own_mounts();

        ADD("heard", test_heard);
        ADD("over-damage", test_over_damage);
        ADD("older-than-the-intent", test_older_than_the_intent);
        ADD("clock-set-back", test_clock_set_back);
        ADD("of-another-user", test_of_another_user);
        ADD("link-in-the-way", test_link_in_the_way);
        ADD("unwritable", test_unwritable);
        ADD("unset", test_unset);

        return g_test_run();
}
