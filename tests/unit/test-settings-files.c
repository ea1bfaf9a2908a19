/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which settings files are read, in what order, and what is said of those that can't be. */

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "engine/settings.h"
#include "tests/unit/settings-text.h"

#define K "[Killswitch]\n"
#define NOBODY 65534

/* Three directories of their own. */
typedef struct Place {
        char *top, *etc, *run, *lib;
        KsSettingsDirs dirs;
} Place;

static char *make_directory(const char *top, const char *name)
{
        char *path = g_build_filename(top, name, NULL);
        g_autofree char *drop_ins = g_build_filename(path, "killswitch.conf.d", NULL);

        g_assert_no_errno(g_mkdir_with_parents(drop_ins, 0755));
        return path;
}

static void set_up(Place *place, gconstpointer data)
{
        g_autoptr(GError) error = NULL;

        (void)data;
        place->top = g_dir_make_tmp("killswitch-settings-XXXXXX", &error);
        g_assert_no_error(error);
        g_assert_no_errno(chmod(place->top, 0755));
        place->etc = make_directory(place->top, "etc");
        place->run = make_directory(place->top, "run");
        place->lib = make_directory(place->top, "lib");
        place->dirs = (KsSettingsDirs){ place->etc, place->run, place->lib };
}

static void tear_down(Place *place, gconstpointer data)
{
        g_autofree char *command = g_strdup_printf("rm -rf '%s'", place->top);

        (void)data;
        g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
        g_free(place->top);
        g_free(place->etc);
        g_free(place->run);
        g_free(place->lib);
}

static void put(const char *directory, const char *name, const char *text)
{
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_autoptr(GError) error = NULL;

        g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
}

static void put_link(const char *directory, const char *name, const char *target)
{
        g_autofree char *path = g_build_filename(directory, name, NULL);

        g_unlink(path);
        g_assert_no_errno(symlink(target, path));
}

static void assert_loaded(const Place *place, const char *expected)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = ks_settings_load(&place->dirs, NULL, &error);
        g_autofree char *text = NULL;

        g_assert_no_error(error);
        text = settings_text(settings);
        g_assert_cmpstr(text, ==, expected);
}

/* @expected: what follows "DIRECTORY/" */
static void assert_refused(const Place *place, const char *directory, const char *expected)
{
        g_autoptr(GError) error = NULL;
        g_autofree char *message = g_strdup_printf("%s/%s", directory, expected);
        char *text = NULL;

        g_assert_null(ks_settings_load(&place->dirs, &text, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_cmpstr(error->message, ==, message);
        g_assert_null(text);
}

static char *lan_line(const char *lan)
{
        return g_strdup_printf("table 83 priority 100 lan %s dns no unreachable guard require auto "
                               "yes host auto\n",
                               lan);
}

static void assert_lan(const Place *place, const char *lan)
{
        g_autofree char *expected = lan_line(lan);

        assert_loaded(place, expected);
}

static void test_no_files(Place *place, gconstpointer data)
{
        static const KsSettingsDirs none = { NULL, NULL, NULL };
        static const KsSettingsDirs absent = { "/nonexistent/a", "/nonexistent/b", "/dev/null/c" };

        (void)data;
        assert_loaded(place, DEFAULTS);
        place->dirs = none;
        assert_loaded(place, DEFAULTS);
        place->dirs = absent;
        assert_loaded(place, DEFAULTS);
}

/* One main file, the first of /etc, /run, /usr/lib; nothing of the others. */
static void test_main_precedence(Place *place, gconstpointer data)
{
        (void)data;
        put(place->lib, "killswitch.conf", K "Lan=all\nTable=90\n");
        assert_loaded(place, "table 90 priority 100 lan all dns no unreachable guard require auto "
                             "yes host auto\n");
        put(place->run, "killswitch.conf", K "Lan=none\n");
        assert_lan(place, "none");
        put(place->etc, "killswitch.conf", K "Lan=private\n");
        assert_lan(place, "private");
}

static void test_main_masked(Place *place, gconstpointer data)
{
        (void)data;
        put(place->lib, "killswitch.conf", K "Lan=all\n");
        put(place->etc, "killswitch.conf", "");
        assert_lan(place, "private");
        put_link(place->etc, "killswitch.conf", "/dev/null");
        assert_lan(place, "private");
        put(place->run, "killswitch.conf.d/9.conf", K "Lan=none\n");
        assert_lan(place, "none");
}

/* By name across the directories, behind the main file wherever that is. */
static void test_drop_in_order(Place *place, gconstpointer data)
{
        (void)data;
        put(place->etc, "killswitch.conf", K "Lan=none\n");
        put(place->lib, "killswitch.conf.d/10-a.conf", K "Lan=all\n");
        assert_lan(place, "all");
        put(place->run, "killswitch.conf.d/20-a.conf", K "Lan=none\n");
        assert_lan(place, "none");
        put(place->etc, "killswitch.conf.d/15-a.conf", K "Lan=private\n");
        assert_lan(place, "none");
        put(place->lib, "killswitch.conf.d/9.conf", K "Lan=all\n");
        assert_lan(place, "all");
        put(place->lib, "killswitch.conf.d/99.conf.bak", K "Lan=private\n");
        put(place->lib, "killswitch.conf.d/99.conf~", K "Lan=private\n");
        put(place->lib, "killswitch.conf.d/README", "not settings at all");
        assert_lan(place, "all");
}

/* Of one name only the first directory's is read, and it may be nothing. */
static void test_drop_in_masked(Place *place, gconstpointer data)
{
        (void)data;
        put(place->lib, "killswitch.conf.d/50.conf", K "Lan=all\nTable=90\n");
        put(place->etc, "killswitch.conf.d/50.conf", K "Lan=none\n");
        assert_lan(place, "none");
        put_link(place->etc, "killswitch.conf.d/50.conf", "/dev/null");
        assert_lan(place, "private");
        put_link(place->etc, "killswitch.conf.d/50.conf", "../../lib/killswitch.conf.d/50.conf");
        assert_loaded(place, "table 90 priority 100 lan all dns no unreachable guard require auto "
                             "yes host auto\n");
        put(place->etc, "killswitch.conf.d/50.conf", "");
        assert_lan(place, "private");
        put(place->run, "killswitch.conf.d/50.conf", "an error that nobody reads");
        assert_lan(place, "private");
}

/* Lists grow from file to file until an empty value ends what was there; others are replaced. */
static void test_merging(Place *place, gconstpointer data)
{
        (void)data;
        put(place->lib, "killswitch.conf",
            K "HostInterfaces=br0\n"
              "[VPN a]\nInterface=tun0\nMark=1\nProtocol=udp\nEndpoint=192.0.2.1:1\n"
              "Prefixes=10.0.0.0/8\n");
        put(place->lib, "killswitch.conf.d/1.conf",
            "[VPN b]\nInterface=tun1\nKind=wireguard\n"
            "[VPN a]\nMark=2\nEndpoint=192.0.2.2:2\nPrefixes=10.1.0.0/16\n" K
            "HostInterfaces=br1\n");
        assert_loaded(place, "table 83 priority 100 lan private dns no unreachable guard require "
                             "auto yes host br0 br1\n"
                             "VPN a: tun0 prefix 10.0.0.0/8 prefix 10.1.0.0/16 | mark 0x2, udp, to "
                             "192.0.2.1 port 1 | mark 0x2, udp, to 192.0.2.2 port 2\n"
                             "VPN b: tun1 kind wireguard\n");
        put(place->etc, "killswitch.conf.d/2.conf",
            "[VPN a]\nEndpoint=\nPrefixes=\nEndpoint=192.0.2.3:3\n" K "HostInterfaces=\n");
        assert_loaded(place, "table 83 priority 100 lan private dns no unreachable guard require "
                             "auto yes host\n"
                             "VPN a: tun0 | mark 0x2, udp, to 192.0.2.3 port 3\n"
                             "VPN b: tun1 kind wireguard\n");
}

/* Each mistake is told by its own file and line, wherever its section began. */
static void test_places_of_mistakes(Place *place, gconstpointer data)
{
        g_autofree char *sentence = NULL;

        (void)data;
        put(place->lib, "killswitch.conf", "[VPN a]\nInterface=tun0\nMark=1\n");
        put(place->run, "killswitch.conf.d/1.conf", "\n\n[VPN a]\nMark=x\n");
        assert_refused(place, place->run,
                       "killswitch.conf.d/1.conf:4: Mark: 'x' is not a number from 1 to "
                       "4294967295");
        put(place->run, "killswitch.conf.d/1.conf", "Mark=1\n");
        assert_refused(place, place->run,
                       "killswitch.conf.d/1.conf:1: Mark: stands before any section; write "
                       "[Killswitch] or [VPN name] above it");
        put(place->run, "killswitch.conf.d/1.conf", "[VPN b]\nMark=2\n\nInterface=tun0\n");
        sentence = g_strdup_printf("killswitch.conf.d/1.conf:4: Interface: [VPN b] has the "
                                   "interface tun0, which [VPN a] in %s/killswitch.conf:1 has "
                                   "already; give each VPN an interface of its own",
                                   place->lib);
        assert_refused(place, place->run, sentence);
        put(place->run, "killswitch.conf.d/1.conf", "[VPN b]\nMark=2\n");
        assert_refused(place, place->run, "killswitch.conf.d/1.conf:1: [VPN b] lacks Interface=");
}

static void test_bytes_that_are_no_text(Place *place, gconstpointer data)
{
        static const char nul[] = K "Lan=none\0\nTable=84\n";
        g_autofree char *path = g_build_filename(place->etc, "killswitch.conf", NULL);

        (void)data;
        g_assert_true(g_file_set_contents(path, nul, sizeof(nul) - 1, NULL));
        assert_refused(place, place->etc, "killswitch.conf: holds a NUL byte; it must be text");
        put(place->etc, "killswitch.conf", K "# caf\xe9\n");
        assert_refused(place, place->etc, "killswitch.conf:2: the line is not UTF-8 text");
        put(place->etc, "killswitch.conf", K "# caf\xc3\xa9\n");
        assert_lan(place, "private");
}

static void test_size(Place *place, gconstpointer data)
{
        const gsize limit = 1024 * 1024;
        g_autofree char *text = g_malloc(limit + 2);

        (void)data;
        memset(text, '#', limit + 1);
        memcpy(text, K "Lan=none\n", strlen(K "Lan=none\n"));
        text[limit] = '\0';
        put(place->etc, "killswitch.conf", text);
        assert_lan(place, "none");
        text[limit] = '#';
        text[limit + 1] = '\0';
        put(place->etc, "killswitch.conf", text);
        assert_refused(place, place->etc, "killswitch.conf: is larger than 1 MiB");
}

static void test_directory_in_place_of_a_file(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->etc, "killswitch.conf.d", "a.conf", NULL);
        g_autoptr(GError) error = NULL;
        g_autofree char *start = g_strconcat(path, ": can't be read: ", NULL);

        (void)data;
        g_assert_no_errno(g_mkdir(path, 0755));
        /* A directory without an entry has size 0 on some file systems. */
        put(path, "x", "x");
        g_assert_null(ks_settings_load(&place->dirs, NULL, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_true(g_str_has_prefix(error->message, start));
}

/* What the service may not read is told, not taken for absent: it may have forbidden the LAN. */
static void assert_told(const Place *place, const char *path)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = NULL;

        g_assert_no_errno(setresuid(NOBODY, NOBODY, 0));
        settings = ks_settings_load(&place->dirs, NULL, &error);
        g_assert_no_errno(setresuid(0, 0, 0));
        g_assert_null(settings);
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_nonnull(strstr(error->message, path));
        g_assert_nonnull(strstr(error->message, g_strerror(EACCES)));
}

static void test_unreadable_file(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->etc, "killswitch.conf", NULL);

        (void)data;
        put(place->etc, "killswitch.conf", K "Lan=none\n");
        g_assert_no_errno(chmod(path, 0600));
        assert_told(place, path);
}

static void test_unreadable_drop_ins(Place *place, gconstpointer data)
{
        g_autofree char *path = g_build_filename(place->etc, "killswitch.conf.d", NULL);

        (void)data;
        put(place->etc, "killswitch.conf.d/1.conf", K "Lan=none\n");
        g_assert_no_errno(chmod(path, 0700));
        assert_told(place, path);
}

static void test_unreadable_directory(Place *place, gconstpointer data)
{
        (void)data;
        put(place->etc, "killswitch.conf", K "Lan=none\n");
        g_assert_no_errno(chmod(place->etc, 0700));
        assert_told(place, place->etc);
}

/* The text that is kept as "last good" has to mean the same when it is read again. */
static void test_text_means_the_same(Place *place, gconstpointer data)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = NULL, again = NULL;
        g_autofree char *text = NULL, *first = NULL, *second = NULL;

        (void)data;
        put(place->lib, "killswitch.conf",
            K "Lan=none\nHostInterfaces=br0\n[VPN a]\nInterface=tun0\nMark=1\nEndpoint=192.0.2.1");
        put(place->run, "killswitch.conf.d/1.conf",
            K "Lan=all\nHostInterfaces=\n[VPN a]\nMark=2\nEndpoint=192.0.2.2\n");
        put(place->etc, "killswitch.conf.d/2.conf",
            "[VPN a]\nMark=3\n[VPN b]\nInterface=tun1\n"
            "Kind=wireguard");
        settings = ks_settings_load(&place->dirs, &text, &error);
        g_assert_no_error(error);
        first = settings_text(settings);
        again = ks_settings_parse_with(text, "kept", NULL, &error);
        g_assert_no_error(error);
        second = settings_text(again);
        g_assert_cmpstr(first, ==, second);
}

/* A mistake in it, and where a VPN is from, are told by the file's own name and line. */
static void test_text_names_its_files(Place *place, gconstpointer data)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = NULL, again = NULL;
        g_autofree char *text = NULL, *first = NULL, *second = NULL, *changed = NULL;
        g_auto(GStrv) parts = NULL;

        (void)data;
        put(place->etc, "killswitch.conf", "# one\n[VPN a]\nInterface=tun0\nMark=1\n");
        put(place->lib, "killswitch.conf.d/a\nb.conf", "\n\n[VPN b]\nInterface=tun1\nMark=2\n");
        settings = ks_settings_load(&place->dirs, &text, &error);
        g_assert_no_error(error);
        again = ks_settings_parse_with(text, "kept", NULL, &error);
        g_assert_no_error(error);
        first = g_strdup_printf("%s/killswitch.conf:2", place->etc);
        second = g_strdup_printf("%s/killswitch.conf.d/a\\nb.conf:3", place->lib);
        g_assert_cmpstr(((KsVpn *)settings->vpns->pdata[0])->origin, ==, first);
        g_assert_cmpstr(((KsVpn *)again->vpns->pdata[0])->origin, ==, first);
        g_assert_cmpstr(((KsVpn *)again->vpns->pdata[1])->origin, ==, second);
        parts = g_strsplit(text, "tun1", 2);
        changed = g_strjoinv("tun0", parts);
        g_assert_null(ks_settings_parse_with(changed, "kept", NULL, &error));
        g_assert_nonnull(strstr(error->message, first));
        /* What is kept isn't a settings file. */
        put(place->etc, "killswitch.conf", text);
        g_assert_null(ks_settings_load(&place->dirs, NULL, NULL));
}

static void test_text_of_nothing(Place *place, gconstpointer data)
{
        g_autoptr(KsSettings) settings = NULL, again = NULL;
        g_autofree char *text = NULL, *words = NULL;

        (void)data;
        settings = ks_settings_load(&place->dirs, &text, NULL);
        g_assert_nonnull(settings);
        g_assert_cmpstr(text, ==, "");
        again = ks_settings_parse_with(text, "kept", NULL, NULL);
        words = settings_text(again);
        g_assert_cmpstr(words, ==, DEFAULTS);
}

#define ADD(name, function)                                                                        \
        g_test_add("/settings-files/" name, Place, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("none", test_no_files);
        ADD("main-precedence", test_main_precedence);
        ADD("main-masked", test_main_masked);
        ADD("drop-in-order", test_drop_in_order);
        ADD("drop-in-masked", test_drop_in_masked);
        ADD("merging", test_merging);
        ADD("places-of-mistakes", test_places_of_mistakes);
        ADD("bytes-that-are-no-text", test_bytes_that_are_no_text);
        ADD("size", test_size);
        ADD("directory-in-place-of-a-file", test_directory_in_place_of_a_file);
        ADD("unreadable-file", test_unreadable_file);
        ADD("unreadable-drop-ins", test_unreadable_drop_ins);
        ADD("unreadable-directory", test_unreadable_directory);
        ADD("text-means-the-same", test_text_means_the_same);
        ADD("text-names-its-files", test_text_names_its_files);
        ADD("text-of-nothing", test_text_of_nothing);

        return g_test_run();
}
