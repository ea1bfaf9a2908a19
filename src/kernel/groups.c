/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control groups by number: the tree is read, since only root may open a directory by its handle.
 */

#include <dirent.h>
#include <sys/stat.h>

#include "kernel/groups.h"

#define DEPTH_MAX 12
#define DIRECTORIES_MAX 4096
#define KNOWN_MAX 256
#define GAP_USEC G_USEC_PER_SEC

struct KsGroups {
        char *root;
        GHashTable *known; /* number -> path; groups end, so it is a memory and no more */
        gint64 ready;      /* CLOCK_MONOTONIC µs: the tree isn't read before */
        guint left;        /* directories that may still be read */
};

KsGroups *ks_groups_new(const char *root)
{
        KsGroups *groups = g_new0(KsGroups, 1);

        groups->root = g_strdup(root);
        groups->known = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
        return groups;
}

void ks_groups_free(KsGroups *groups)
{
        if (!groups)
                return;
        g_hash_table_unref(groups->known);
        g_free(groups->root);
        g_free(groups);
}

/* @path: below the root, "" for the root itself. Returns: (transfer full): where it is. */
static char *walk(KsGroups *groups, const char *path, guint64 id, guint depth)
{
        g_autofree char *whole = g_build_filename(groups->root, path, NULL);
        DIR *directory = opendir(whole);
        struct dirent *entry;
        char *found = NULL;

        if (!directory)
                return NULL;
        while (!found && groups->left > 0 && (entry = readdir(directory))) {
                g_autofree char *inner = NULL;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                groups->left--;
                inner = *path ? g_strdup_printf("%s/%s", path, entry->d_name)
                              : g_strdup(entry->d_name);
                if (entry->d_ino == id)
                        found = g_steal_pointer(&inner);
                else if (depth < DEPTH_MAX)
                        found = walk(groups, inner, id, depth + 1);
        }
        closedir(directory);
        return found;
}

/* The kernel gives a number to one group only as long as it lives. */
static gboolean is_still(KsGroups *groups, const char *path, guint64 id)
{
        g_autofree char *whole = g_build_filename(groups->root, path, NULL);
        struct stat st;

        return lstat(whole, &st) == 0 && st.st_ino == id;
}

const char *ks_groups_find(KsGroups *groups, guint64 id)
{
        char *path = g_hash_table_lookup(groups->known, &id);
        gint64 now = g_get_monotonic_time();

        if (path && is_still(groups, path, id))
                return path;
        g_hash_table_remove(groups->known, &id);
        if (now < groups->ready)
                return NULL;
        groups->ready = now + GAP_USEC;
        groups->left = DIRECTORIES_MAX;
        path = walk(groups, "", id, 0);
        if (!path)
                return NULL;
        if (g_hash_table_size(groups->known) >= KNOWN_MAX)
                g_hash_table_remove_all(groups->known);
        g_hash_table_insert(groups->known, g_memdup2(&id, sizeof(id)), path);
        return path;
}
