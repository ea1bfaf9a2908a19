/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The store where it can't be written or read, and where processes die. */

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "tests/unit/store-place.h"

/* Nothing else than these is in the directory. */
static void assert_names(const Place *place, const char *expected)
{
        g_autoptr(GDir) dir = g_dir_open(place->directory, 0, NULL);
        GString *names = g_string_new(NULL);
        const char *name;

        while ((name = g_dir_read_name(dir)))
                g_string_append_printf(names, "%s ", name);
        g_assert_cmpstr(names->str, ==, expected);
        g_string_free(names, TRUE);
}

static void test_no_directory(Place *place, gconstpointer data)
{
        (void)data;
        g_assert_no_errno(g_rmdir(place->directory));
        assert_not_saved(place, g_strerror(ENOENT));
        g_assert_no_errno(g_mkdir(place->directory, 0700));
        g_assert_no_errno(g_rmdir(place->directory));
        g_assert_true(g_file_set_contents(place->directory, "", 0, NULL));
        assert_not_saved(place, g_strerror(ENOTDIR));
}

static void test_unwritable(Place *place, gconstpointer data)
{
        KsIntent intent = random_intent(), fresh = random_intent();

        (void)data;
        g_assert_no_errno(chown(place->directory, NOBODY, NOBODY));
        assert_saved(place, &intent);
        g_assert_no_errno(chmod(place->directory, 0500));
        become_nobody();
        assert_not_saved(place, g_strerror(EACCES));
        assert_stored(place, &intent);
        g_assert_false(ks_store_changed(place->store));
        become_root();
        g_assert_no_errno(chmod(place->directory, 0700));
        become_nobody();
        assert_saved(place, &fresh);
        assert_stored(place, &fresh);
        become_root();
}

static void test_unreadable(Place *place, gconstpointer data)
{
        KsIntent off = { 0 };

        (void)data;
        assert_saved(place, &off);
        g_assert_no_errno(chmod(place->directory, 0755));
        become_nobody();
        assert_unreadable(place, g_strerror(EACCES));
        become_root();
        g_assert_no_errno(chmod(place->directory, 0700));
        become_nobody();
        assert_unreadable(place, g_strerror(EACCES));
        become_root();
        assert_stored(place, &off);
}

static void test_read_only(Place *place, gconstpointer data)
{
        KsIntent intent = random_intent();

        (void)data;
        place_mount(place, "size=64k");
        assert_saved(place, &intent);
        place_remount(place, MS_RDONLY);
        assert_not_saved(place, g_strerror(EROFS));
        assert_stored(place, &intent);
        place_remount(place, 0);
        assert_saved(place, &intent);
}

/* Fills the disk to the last byte. */
static int fill(const Place *place)
{
        g_autofree char *path = g_build_filename(place->directory, "ballast", NULL);
        int fd = g_open(path, O_WRONLY | O_CREAT, 0600);
        char block[512] = { 0 };

        g_assert_cmpint(fd, >=, 0);
        for (gsize size = sizeof(block); size > 0; size /= 2)
                while (write(fd, block, size) > 0)
                        ;
        g_assert_cmpint(errno, ==, ENOSPC);
        return fd;
}

static void test_full_disk(Place *place, gconstpointer data)
{
        KsIntent intent = random_intent(), fresh = random_intent();
        g_autoptr(GError) error = NULL;
        g_autofree char *good = NULL;
        int ballast;

        (void)data;
        place_mount(place, "size=64k");
        assert_saved(place, &intent);
        g_assert_true(ks_store_save_settings(place->store, "good", NULL));
        ballast = fill(place);
        assert_not_saved(place, g_strerror(ENOSPC));
        assert_stored(place, &intent);
        g_assert_false(ks_store_save_settings(place->store, "better", &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_STORAGE);
        good = ks_store_load_settings(place->store);
        g_assert_cmpstr(good, ==, "good");
        g_assert_false(ks_store_changed(place->store));
        g_assert_no_errno(ftruncate(ballast, 0));
        g_assert_no_errno(close(ballast));
        assert_saved(place, &fresh);
        assert_stored(place, &fresh);
}

/* Without inodes not even an empty file can be made. */
static void test_no_inodes(Place *place, gconstpointer data)
{
        KsIntent intent = random_intent();

        (void)data;
        place_mount(place, "size=64k,nr_inodes=2");
        assert_saved(place, &intent);
        assert_not_saved(place, g_strerror(ENOSPC));
        assert_stored(place, &intent);
        assert_names(place, "intent ");
}

/* A failure leaves nothing behind that takes the room of the next try. */
static void test_nothing_left_behind(Place *place, gconstpointer data)
{
        KsIntent intent = random_intent();
        int ballast;

        (void)data;
        place_mount(place, "size=64k");
        ballast = fill(place);
        assert_not_saved(place, g_strerror(ENOSPC));
        assert_names(place, "ballast ");
        g_assert_no_errno(close(ballast));
        g_assert_no_errno(umount2(place->directory, MNT_DETACH));
        assert_saved(place, &intent);
        assert_names(place, "intent ");
}

/* What a process left that was killed while it wrote, whoever it ran as. */
static void test_leftovers(Place *place, gconstpointer data)
{
        g_autofree char *aside = g_strconcat(place->intent, ".new", NULL);
        KsIntent intent = random_intent();

        (void)data;
        g_assert_no_errno(chown(place->directory, NOBODY, NOBODY));
        g_assert_true(g_file_set_contents_full(aside, "half of an int", -1,
                                               G_FILE_SET_CONTENTS_NONE, 0644, NULL));
        assert_saved(place, &intent);
        assert_stored(place, &intent);
        /* A rescue is root's; the service isn't. */
        g_assert_true(g_file_set_contents_full(aside, "half of an int", -1,
                                               G_FILE_SET_CONTENTS_NONE, 0600, NULL));
        become_nobody();
        assert_saved(place, &intent);
        assert_stored(place, &intent);
        become_root();
}

/* A link in the way is not followed, so root's rescue overwrites nothing of others. */
static void test_link_in_the_way(Place *place, gconstpointer data)
{
        g_autofree char *aside = g_strconcat(place->intent, ".new", NULL);
        g_autofree char *target = g_strconcat(place->directory, "/target", NULL);
        g_autofree char *text = NULL;
        KsIntent intent = random_intent();

        (void)data;
        g_assert_true(g_file_set_contents(target, "precious", -1, NULL));
        g_assert_no_errno(symlink(target, aside));
        ks_store_save(place->store, &intent, NULL);
        g_assert_true(g_file_get_contents(target, &text, NULL, NULL));
        g_assert_cmpstr(text, ==, "precious");
}

static void assert_owner(const char *path, uid_t owner)
{
        struct stat st;

        g_assert_no_errno(stat(path, &st));
        g_assert_cmpuint(st.st_uid, ==, owner);
        g_assert_cmpuint(st.st_mode & 07777, ==, 0600);
}

/* Root's rescue leaves a file that the service can read; nobody else can. */
static void test_owner(Place *place, gconstpointer data)
{
        KsIntent intent = random_intent();

        (void)data;
        assert_saved(place, &intent);
        assert_owner(place->intent, 0);
        g_assert_no_errno(chown(place->directory, NOBODY, NOBODY));
        assert_saved(place, &intent);
        assert_owner(place->intent, NOBODY);
        become_nobody();
        assert_stored(place, &intent);
        assert_saved(place, &intent);
        become_root();
        assert_owner(place->intent, NOBODY);
}

/* Saves for ever; tells by a byte that it has begun. */
G_GNUC_NORETURN static void save_for_ever(Place *place, int told)
{
        KsIntent intents[2] = { { .engaged = TRUE }, { .engaged = FALSE, .has_lan = TRUE } };

        for (guint i = 0;; i++) {
                if (!ks_store_save(place->store, &intents[i % 2], NULL))
                        _exit(1);
                if (i == 0 && write(told, "", 1) != 1)
                        _exit(1);
        }
}

static pid_t start_saving(Place *place)
{
        int ends[2];
        char byte;
        pid_t pid;

        g_assert_no_errno(pipe2(ends, O_CLOEXEC));
        pid = fork();
        if (pid == 0)
                save_for_ever(place, ends[1]);
        g_assert_cmpint(pid, >, 0);
        g_assert_cmpint(read(ends[0], &byte, 1), ==, 1);
        close(ends[0]);
        close(ends[1]);
        return pid;
}

static void stop_saving(pid_t pid)
{
        int status;

        g_assert_no_errno(kill(pid, SIGKILL));
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFSIGNALED(status));
}

static void assert_one_of_two(Place *place)
{
        g_autoptr(GError) error = NULL;
        KsIntent intent;

        ks_store_load(place->store, &intent, &error);
        g_assert_no_error(error);
        g_assert_cmpint(intent.engaged, !=, intent.has_lan);
}

/* Whoever reads meanwhile finds the old one or the new one, never a part. */
static void test_readers_see_whole_files(Place *place, gconstpointer data)
{
        pid_t pid;

        (void)data;
        place_mount(place, "size=1m");
        pid = start_saving(place);
        for (int i = 0; i < 5000; i++)
                assert_one_of_two(place);
        stop_saving(pid);
}

static void test_killed_while_saving(Place *place, gconstpointer data)
{
        (void)data;
        place_mount(place, "size=1m");
        for (int i = 0; i < 200; i++) {
                KsIntent intent = random_intent();
                pid_t pid = start_saving(place);

                for (int reads = g_test_rand_int_range(0, 20); reads > 0; reads--)
                        assert_one_of_two(place);
                stop_saving(pid);
                assert_one_of_two(place);
                assert_saved(place, &intent);
                assert_stored(place, &intent);
        }
}

#define ADD(name, function)                                                                        \
        g_test_add("/store-trouble/" name, Place, NULL, place_set_up, function, place_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);
        place_own_mounts();

        ADD("no-directory", test_no_directory);
        ADD("unwritable", test_unwritable);
        ADD("unreadable", test_unreadable);
        ADD("read-only", test_read_only);
        ADD("full-disk", test_full_disk);
        ADD("no-inodes", test_no_inodes);
        ADD("nothing-left-behind", test_nothing_left_behind);
        ADD("leftovers", test_leftovers);
        ADD("link-in-the-way", test_link_in_the_way);
        ADD("owner", test_owner);
        ADD("readers-see-whole-files", test_readers_see_whole_files);
        ADD("killed-while-saving", test_killed_while_saving);

        return g_test_run();
}
