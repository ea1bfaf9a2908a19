/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units' control groups by inotify. A control group is a directory; when its unit starts again, it
 * is another one of the same name. systemd is not asked: before the bus is there it can't be, and
 * the file system is what nft looks at. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/units.h"
#include "policy/unit.h"
#include "policy/vpn.h"

/* Slices in slices; systemd's own nest by the dashes in their names. */
#define DEPTH_MAX 8
#define EVENTS (IN_CREATE | IN_DELETE | IN_ONLYDIR | IN_EXCL_UNLINK)

struct KsUnits {
        char *root;
        int inotify;
        GHashTable *names; /* of char*: units that were looked for */
};

KsUnits *ks_units_new(const char *root)
{
        KsUnits *units = g_new0(KsUnits, 1);

        units->root = g_strdup(root);
        units->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        units->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        return units;
}

void ks_units_free(KsUnits *units)
{
        if (!units)
                return;
        if (units->inotify >= 0)
                close(units->inotify);
        g_hash_table_unref(units->names);
        g_free(units->root);
        g_free(units);
}

int ks_units_fd(const KsUnits *units)
{
        return units->inotify;
}

static void found(GPtrArray *vpns, const char *name, const char *path, guint64 id)
{
        for (guint i = 0; i < vpns->len; i++) {
                KsVpn *vpn = g_ptr_array_index(vpns, i);

                if (g_strcmp0(vpn->unit, name) != 0 || vpn->group)
                        continue;
                vpn->group = g_strdup(path);
                vpn->group_id = id;
        }
}

/* @path: below the root, "" for the root itself */
static void walk(KsUnits *units, GPtrArray *vpns, const char *path, guint depth)
{
        g_autofree char *whole = g_build_filename(units->root, path, NULL);
        struct dirent *entry;
        DIR *directory;

        /* Watched before it is read, so that nothing is missed in between. */
        if (units->inotify >= 0)
                inotify_add_watch(units->inotify, whole, EVENTS);
        directory = opendir(whole);
        if (!directory)
                return;
        while ((entry = readdir(directory))) {
                gboolean wanted = g_hash_table_contains(units->names, entry->d_name);
                gboolean is_slice = g_str_has_suffix(entry->d_name, ".slice");
                g_autofree char *inner = NULL;
                struct stat st;

                if ((!wanted && !is_slice) || !ks_unit_characters_are_valid(entry->d_name) ||
                    fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                    !S_ISDIR(st.st_mode))
                        continue;
                inner = *path ? g_strdup_printf("%s/%s", path, entry->d_name)
                              : g_strdup(entry->d_name);
                if (wanted)
                        found(vpns, entry->d_name, inner, st.st_ino);
                if (is_slice && st.st_uid == 0 && depth < DEPTH_MAX)
                        walk(units, vpns, inner, depth + 1);
        }
        closedir(directory);
}

void ks_units_look(KsUnits *units, GPtrArray *vpns)
{
        g_hash_table_remove_all(units->names);
        for (guint i = 0; i < vpns->len; i++) {
                KsVpn *vpn = g_ptr_array_index(vpns, i);

                g_clear_pointer(&vpn->group, g_free);
                vpn->group_id = 0;
                if (vpn->unit)
                        g_hash_table_add(units->names, g_strdup(vpn->unit));
        }
        if (g_hash_table_size(units->names) > 0)
                walk(units, vpns, "", 0);
}

gboolean ks_units_drain(KsUnits *units)
{
        char buffer[16 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
        gboolean changed = FALSE;
        ssize_t length;

        while (units->inotify >= 0 && (length = read(units->inotify, buffer, sizeof(buffer))) > 0)
                for (char *at = buffer; at < buffer + length;) {
                        const struct inotify_event *event = (const struct inotify_event *)at;

                        /* Slices may hold what is looked for; of the rest only that counts. */
                        changed |= (event->mask & IN_Q_OVERFLOW) ||
                                   (event->len > 0 &&
                                    (g_hash_table_contains(units->names, event->name) ||
                                     g_str_has_suffix(event->name, ".slice")));
                        at += sizeof(*event) + event->len;
                }
        return changed && g_hash_table_size(units->names) > 0;
}
