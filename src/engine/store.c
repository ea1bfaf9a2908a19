/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The intent on disk: atomic, synced, checked, and read as "engaged" when in doubt. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "engine/store.h"

#define INTENT_FILE "intent"
#define SETTINGS_FILE "settings.good"
#define PROFILES_FILE "profiles"
#define PROFILES_COPY "profiles.good"
/* The first line, with the rest's checksum. */
#define PROFILES_HEAD "# VPNs that were added, sha256 "
#define GROUP "Intent"
#define FORMAT_VERSION 1
#define FILE_SIZE_MAX (8 * 1024 * 1024)

struct KsStore {
        char *directory;
        char *marker;     /* NULL: none is looked at */
        struct stat seen; /* the file as we last read or wrote it; st_ino 0: none */
        struct stat seen_marker;
};

static const char *const mode_names[] = {
        [KS_MODE_STEADY] = "steady",
        [KS_MODE_TRIAL] = "trial",
        [KS_MODE_PAUSE] = "pause",
};

static guint64 read_clock(clockid_t clock)
{
        struct timespec ts = { 0 };

        clock_gettime(clock, &ts);
        return (guint64)ts.tv_sec * G_USEC_PER_SEC + (guint64)ts.tv_nsec / 1000;
}

KsNow ks_now(void)
{
        static char *boot_id;
        KsNow now = {
                .boottime = read_clock(CLOCK_BOOTTIME),
                .realtime = read_clock(CLOCK_REALTIME),
        };

        /* A process lives in one boot; unreadable is asked for again. */
        if (boot_id || g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot_id, NULL, NULL))
                g_strlcpy(now.boot_id, g_strstrip(boot_id), sizeof(now.boot_id));
        return now;
}

void ks_intent_set_deadline(KsIntent *intent, KsMode mode, guint64 duration, const KsNow *now)
{
        intent->mode = mode;
        intent->duration = duration;
        intent->deadline_boottime = now->boottime + duration;
        intent->deadline_realtime = now->realtime + duration;
        intent->saved_realtime = now->realtime;
        g_strlcpy(intent->boot_id, now->boot_id, sizeof(intent->boot_id));
}

static guint64 until(guint64 deadline, guint64 now)
{
        return deadline > now ? deadline - now : 0;
}

guint64 ks_intent_remaining(const KsIntent *intent, const KsNow *now)
{
        guint64 remaining;

        if (intent->mode == KS_MODE_STEADY)
                return 0;
        if (*now->boot_id && g_str_equal(intent->boot_id, now->boot_id))
                remaining = until(intent->deadline_boottime, now->boottime);
        else if (now->realtime >= intent->saved_realtime)
                remaining = until(intent->deadline_realtime, now->realtime);
        else
                remaining = intent->mode == KS_MODE_TRIAL ? intent->duration : 0;
        return MIN(remaining, intent->duration);
}

static gboolean has_network(const KsIntent *intent, const KsPrefix *network)
{
        for (guint i = 0; i < intent->n_networks; i++)
                if (ks_prefix_equal(&intent->networks[i], network))
                        return TRUE;
        return FALSE;
}

gboolean ks_intent_add_networks(KsIntent *intent, GArray *networks)
{
        guint before = intent->n_networks;

        for (guint i = 0; i < networks->len && intent->n_networks < KS_NETWORKS_MAX; i++)
                if (!has_network(intent, &g_array_index(networks, KsPrefix, i)))
                        intent->networks[intent->n_networks++] = g_array_index(networks, KsPrefix,
                                                                               i);
        return intent->n_networks > before;
}

KsStore *ks_store_new(const char *directory)
{
        KsStore *store = g_new0(KsStore, 1);

        store->directory = g_strdup(directory);
        return store;
}

void ks_store_free(KsStore *store)
{
        if (!store)
                return;
        g_free(store->directory);
        g_free(store->marker);
        g_free(store);
}

/* Serialised intent */

static char *checksum_of(GKeyFile *file)
{
        g_autofree char *text = NULL;
        gsize length;

        g_key_file_remove_key(file, GROUP, "Checksum", NULL);
        text = g_key_file_to_data(file, &length, NULL);
        return g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, length);
}

static void put_networks(GKeyFile *file, const KsIntent *intent)
{
        g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
        g_auto(GStrv) texts = NULL;

        for (guint i = 0; i < intent->n_networks; i++) {
                g_autofree char *text = ks_prefix_to_string(&intent->networks[i]);

                g_strv_builder_add(builder, text);
        }
        texts = g_strv_builder_end(builder);
        g_key_file_set_string_list(file, GROUP, "Networks", (const char *const *)texts,
                                   intent->n_networks);
}

static void get_networks(GKeyFile *file, KsIntent *intent)
{
        g_auto(GStrv) texts = g_key_file_get_string_list(file, GROUP, "Networks", NULL, NULL);

        for (guint i = 0; texts && texts[i] && intent->n_networks < KS_NETWORKS_MAX; i++)
                if (ks_prefix_parse(texts[i], &intent->networks[intent->n_networks], NULL))
                        intent->n_networks++;
}

static char *intent_to_text(const KsIntent *intent, gsize *length)
{
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autofree char *checksum = NULL;

        g_key_file_set_integer(file, GROUP, "Version", FORMAT_VERSION);
        g_key_file_set_boolean(file, GROUP, "Engaged", intent->engaged);
        g_key_file_set_string(file, GROUP, "Mode", mode_names[intent->mode]);
        g_key_file_set_uint64(file, GROUP, "Since", intent->since);
        g_key_file_set_uint64(file, GROUP, "Saved", intent->saved_realtime);
        if (intent->mode != KS_MODE_STEADY) {
                g_key_file_set_uint64(file, GROUP, "Duration", intent->duration);
                g_key_file_set_uint64(file, GROUP, "DeadlineBoottime", intent->deadline_boottime);
                g_key_file_set_uint64(file, GROUP, "DeadlineRealtime", intent->deadline_realtime);
                g_key_file_set_string(file, GROUP, "BootId", intent->boot_id);
        }
        if (intent->n_networks)
                put_networks(file, intent);
        if (intent->has_lan) {
                g_key_file_set_string(file, GROUP, "Lan", ks_lan_to_string(intent->lan));
                g_key_file_set_string(file, GROUP, "LanInSettings",
                                      ks_lan_to_string(intent->lan_in_settings));
        }
        checksum = checksum_of(file);
        g_key_file_set_string(file, GROUP, "Checksum", checksum);
        return g_key_file_to_data(file, length, NULL);
}

static gboolean fields_from_file(GKeyFile *file, KsIntent *intent, GError **error)
{
        g_autofree char *mode = g_key_file_get_string(file, GROUP, "Mode", NULL);
        g_autofree char *lan = g_key_file_get_string(file, GROUP, "Lan", NULL);
        g_autofree char *lan_in_settings = g_key_file_get_string(file, GROUP, "LanInSettings",
                                                                 NULL);
        g_autofree char *boot_id = g_key_file_get_string(file, GROUP, "BootId", NULL);
        g_autoptr(GError) local = NULL;
        int found = -1;

        for (guint i = 0; i < G_N_ELEMENTS(mode_names); i++)
                if (g_strcmp0(mode, mode_names[i]) == 0)
                        found = (int)i;
        intent->engaged = g_key_file_get_boolean(file, GROUP, "Engaged", &local);
        if (found < 0 || local ||
            g_key_file_get_integer(file, GROUP, "Version", NULL) != FORMAT_VERSION) {
                g_set_error(error, KS_ERROR, KS_ERROR_STORAGE,
                            "it was written by another version of this service");
                return FALSE;
        }
        intent->mode = (KsMode)found;
        intent->since = g_key_file_get_uint64(file, GROUP, "Since", NULL);
        intent->saved_realtime = g_key_file_get_uint64(file, GROUP, "Saved", NULL);
        intent->duration = g_key_file_get_uint64(file, GROUP, "Duration", NULL);
        intent->deadline_boottime = g_key_file_get_uint64(file, GROUP, "DeadlineBoottime", NULL);
        intent->deadline_realtime = g_key_file_get_uint64(file, GROUP, "DeadlineRealtime", NULL);
        g_strlcpy(intent->boot_id, boot_id ? boot_id : "", sizeof(intent->boot_id));
        get_networks(file, intent);
        intent->has_lan = ks_lan_from_string(lan, &intent->lan) &&
                          ks_lan_from_string(lan_in_settings, &intent->lan_in_settings);
        return TRUE;
}

static gboolean intent_from_text(const char *text, gsize length, KsIntent *intent, GError **error)
{
        g_autoptr(GKeyFile) file = g_key_file_new();
        g_autofree char *claimed = NULL, *actual = NULL;

        if (!g_key_file_load_from_data(file, text, length, G_KEY_FILE_NONE, NULL) ||
            !(claimed = g_key_file_get_string(file, GROUP, "Checksum", NULL))) {
                g_set_error(error, KS_ERROR, KS_ERROR_STORAGE, "it is damaged");
                return FALSE;
        }
        actual = checksum_of(file);
        if (!g_str_equal(claimed, actual)) {
                g_set_error(error, KS_ERROR, KS_ERROR_STORAGE, "its checksum is wrong");
                return FALSE;
        }
        return fields_from_file(file, intent, error);
}

/* Files */

static gboolean fail_errno(GError **error, const char *what, const char *path)
{
        int saved = errno;

        g_set_error(error, KS_ERROR, KS_ERROR_STORAGE, "Can't %s %s: %s", what, path,
                    g_strerror(saved));
        return FALSE;
}

static gboolean write_all(int fd, const char *data, gsize length)
{
        while (length > 0) {
                ssize_t n = write(fd, data, length);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return FALSE;
                data += n;
                length -= (gsize)n;
        }
        return TRUE;
}

/* A rescue by root leaves files that the service, which isn't root, can read. */
static void give_to_owner(int fd, int directory)
{
        struct stat st;

        if (geteuid() == 0 && fstat(directory, &st) == 0 && st.st_uid != 0 &&
            fchown(fd, st.st_uid, st.st_gid) < 0)
                g_debug("fchown: %s", g_strerror(errno));
}

/* Everything up to, and with, the directory's sync. Leaves errno. */
static gboolean write_synced(int directory, const char *name, const char *data, gsize length)
{
        g_autofree char *aside = g_strconcat(name, ".new", NULL);
        gboolean fine;
        int fd, saved;

        /* A rescue that was killed may have left one of root's. */
        unlinkat(directory, aside, 0);
        fd = openat(directory, aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return FALSE;
        give_to_owner(fd, directory);
        fine = write_all(fd, data, length) && fsync(fd) == 0;
        saved = errno;
        if (close(fd) < 0 && fine) {
                fine = FALSE;
                saved = errno;
        }
        if (fine && (renameat(directory, aside, directory, name) < 0 || fsync(directory) < 0)) {
                fine = FALSE;
                saved = errno;
        }
        if (!fine)
                unlinkat(directory, aside, 0);
        errno = saved;
        return fine;
}

static gboolean write_file(KsStore *store, const char *name, const char *data, gsize length,
                           GError **error)
{
        g_autofree char *path = g_build_filename(store->directory, name, NULL);
        int directory = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        gboolean fine;
        int saved;

        if (directory < 0)
                return fail_errno(error, "open", store->directory);
        fine = write_synced(directory, name, data, length);
        saved = errno;
        close(directory);
        errno = saved;
        return fine || fail_errno(error, "write", path);
}

void ks_store_set_marker(KsStore *store, const char *path)
{
        g_free(store->marker);
        store->marker = g_strdup(path);
}

static void remember(KsStore *store)
{
        g_autofree char *path = g_build_filename(store->directory, INTENT_FILE, NULL);

        if (stat(path, &store->seen) < 0)
                store->seen = (struct stat){ 0 };
}

static gboolean same_file(const struct stat *a, const struct stat *b)
{
        return a->st_ino == b->st_ino && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
               a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Tells one intent on disk from every later one, whatever the clock does meanwhile. */
static char *name_intent(const struct stat *st)
{
        return g_strdup_printf("%" G_GUINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld\n",
                               (guint64)st->st_ino, (gint64)st->st_mtim.tv_sec,
                               st->st_mtim.tv_nsec);
}

/* Whether a rescue that could not write the intent has spoken since it was written.
 * Only root's word counts. */
static gboolean marker_says_off(const KsStore *store, struct stat *st)
{
        g_autofree char *expected = name_intent(&store->seen);
        g_autofree char *text = NULL;

        return store->marker && lstat(store->marker, st) == 0 && S_ISREG(st->st_mode) &&
               st->st_uid == 0 && st->st_size < FILE_SIZE_MAX &&
               g_file_get_contents(store->marker, &text, NULL, NULL) && g_str_equal(text, expected);
}

static gboolean write_marker(int fd, const char *text)
{
        gboolean fine = write(fd, text, strlen(text)) == (ssize_t)strlen(text);

        return close(fd) == 0 && fine;
}

gboolean ks_store_mark(KsStore *store, GError **error)
{
        g_autofree char *directory = g_path_get_dirname(store->marker);
        g_autofree char *fresh = g_strconcat(store->marker, ".new", NULL);
        g_autofree char *text = NULL;
        int fd;

        remember(store);
        text = name_intent(&store->seen);
        /* Renamed when it is whole: a service that is alive may look at any time. */
        unlink(fresh);
        if (g_mkdir_with_parents(directory, 0755) < 0 ||
            (fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644)) < 0 ||
            !write_marker(fd, text) || rename(fresh, store->marker) < 0)
                return fail_errno(error, "write", store->marker);
        return TRUE;
}

gboolean ks_store_exists(const KsStore *store)
{
        return store->seen.st_ino != 0;
}

gboolean ks_store_changed(KsStore *store)
{
        g_autofree char *path = g_build_filename(store->directory, INTENT_FILE, NULL);
        struct stat st;

        if (marker_says_off(store, &st) && !same_file(&st, &store->seen_marker))
                return TRUE;
        if (stat(path, &st) < 0)
                /* A file that vanished is no word of anybody's. */
                return FALSE;
        return !same_file(&st, &store->seen);
}

gboolean ks_store_load(KsStore *store, KsIntent *intent, GError **error)
{
        g_autofree char *path = g_build_filename(store->directory, INTENT_FILE, NULL);
        g_autofree char *text = NULL;
        g_autoptr(GError) local = NULL;
        gsize length;

        *intent = (KsIntent){ 0 };
        remember(store);
        if (marker_says_off(store, &store->seen_marker))
                return TRUE;
        if (!g_file_get_contents(path, &text, &length, &local)) {
                if (g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                        return TRUE;
        } else {
                g_clear_error(&local);
                if (intent_from_text(text, length, intent, &local))
                        return TRUE;
        }
        *intent = (KsIntent){ .engaged = TRUE };
        g_set_error(error, KS_ERROR, KS_ERROR_STORAGE,
                    "What was last asked for can't be read from %s (%s), which counts as engaged. "
                    "'ksctl on' or 'ksctl off' writes it anew.",
                    path, local->message);
        return FALSE;
}

/* What was refused must not come into force with the next start: the new file may have its name
 * already when the directory can't be synced. */
static void undo_write(KsStore *store, const char *path, const char *before, gboolean was_there)
{
        struct stat st;

        if (stat(path, &st) == 0 && same_file(&st, &store->seen))
                return;
        if (before)
                write_file(store, INTENT_FILE, before, strlen(before), NULL);
        else if (!was_there)
                unlink(path);
}

gboolean ks_store_save(KsStore *store, KsIntent *intent, GError **error)
{
        g_autofree char *path = g_build_filename(store->directory, INTENT_FILE, NULL);
        g_autofree char *text = NULL, *before = NULL;
        g_autoptr(GError) unread = NULL;
        gboolean fine;
        gsize length;

        intent->saved_realtime = read_clock(CLOCK_REALTIME);
        text = intent_to_text(intent, &length);
        g_file_get_contents(path, &before, NULL, &unread);
        fine = write_file(store, INTENT_FILE, text, length, error);
        if (!fine)
                undo_write(store, path, before,
                           !g_error_matches(unread, G_FILE_ERROR, G_FILE_ERROR_NOENT));
        /* Whatever is there now is our doing, not a rescue's. */
        remember(store);
        return fine;
}

gboolean ks_store_save_settings(KsStore *store, const char *text, GError **error)
{
        g_autofree char *present = ks_store_load_settings(store);

        if (g_strcmp0(present, text) == 0)
                return TRUE;
        return write_file(store, SETTINGS_FILE, text, strlen(text), error);
}

char *ks_store_load_settings(KsStore *store)
{
        g_autofree char *path = g_build_filename(store->directory, SETTINGS_FILE, NULL);
        g_autofree char *text = NULL;
        gsize length;

        if (!g_file_get_contents(path, &text, &length, NULL) || length > FILE_SIZE_MAX)
                return NULL;
        return g_steal_pointer(&text);
}

/* Profiles: twice, one behind the other, so that one whole file is there whatever happens */

gboolean ks_store_save_profiles(KsStore *store, const char *text, GError **error)
{
        g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
        g_autofree char *whole = g_strdup_printf(PROFILES_HEAD "%s\n%s", sum, text);
        gsize length = strlen(whole);

        return write_file(store, PROFILES_FILE, whole, length, error) &&
               write_file(store, PROFILES_COPY, whole, length, error);
}

/* Returns: the text, or NULL; then @problem is set unless there is no such file. */
static char *read_profiles(KsStore *store, const char *name, char **problem)
{
        g_autofree char *path = g_build_filename(store->directory, name, NULL);
        g_autofree char *whole = NULL, *sum = NULL;
        g_autoptr(GError) local = NULL;
        gsize length, head = strlen(PROFILES_HEAD);
        const char *text;

        if (!g_file_get_contents(path, &whole, &length, &local)) {
                if (!g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                        *problem = g_strdup(local->message);
                return NULL;
        }
        text = strchr(whole, '\n');
        if (text && length <= FILE_SIZE_MAX && strlen(whole) == length &&
            g_str_has_prefix(whole, PROFILES_HEAD))
                sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text + 1, -1);
        if (sum && strlen(sum) == (gsize)(text - whole) - head &&
            g_str_has_prefix(whole + head, sum))
                return g_strdup(text + 1);
        *problem = g_strdup_printf("%s is damaged", path);
        return NULL;
}

gboolean ks_store_load_profiles(KsStore *store, char **text, GError **error)
{
        g_autofree char *problem = NULL, *other = NULL;

        *text = read_profiles(store, PROFILES_FILE, &problem);
        if (*text)
                return TRUE;
        *text = read_profiles(store, PROFILES_COPY, &other);
        if (!problem && !other && !*text)
                return TRUE;
        g_set_error(
                error, KS_ERROR, KS_ERROR_STORAGE,
                "The VPNs that were added can't be read (%s); %s. 'ksctl vpn add' or 'ksctl vpn "
                "remove' writes them anew.",
                problem ? problem
                : other ? other
                        : PROFILES_FILE " is gone",
                *text ? "the copy beside it is used" : "none of them is used");
        return FALSE;
}

gboolean ks_store_write(KsStore *store, const char *name, const char *text, GError **error)
{
        return write_file(store, name, text, strlen(text), error);
}

char *ks_store_read(KsStore *store, const char *name, GError **error)
{
        g_autofree char *path = g_build_filename(store->directory, name, NULL);
        char *text = NULL;
        gsize length;

        if (!g_file_get_contents(path, &text, &length, error))
                return NULL;
        if (length > FILE_SIZE_MAX || strlen(text) != length) {
                g_set_error(error, KS_ERROR, KS_ERROR_STORAGE, "%s is no text, or too large", path);
                g_clear_pointer(&text, g_free);
        }
        return text;
}
