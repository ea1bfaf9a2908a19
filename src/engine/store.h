/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/settings.h"

typedef enum KsMode {
        KS_MODE_STEADY, /* as engaged says, without end */
        KS_MODE_TRIAL,  /* engaged until the deadline, then off */
        KS_MODE_PAUSE,  /* let go until the deadline, then engaged */
} KsMode;

/* More than any machine's VPNs have; what is beyond is not remembered. */
#define KS_NETWORKS_MAX 64

/* What the user last asked for. All times in microseconds. */
typedef struct KsIntent {
        gboolean engaged; /* paused counts as engaged */
        KsMode mode;
        guint64 duration;          /* of the trial or the pause, as asked for */
        guint64 deadline_boottime; /* CLOCK_BOOTTIME of the boot below */
        guint64 deadline_realtime; /* for other boots */
        guint64 saved_realtime;    /* when this was written */
        guint64 since;             /* CLOCK_REALTIME when the state began */
        char boot_id[37];
        /* Networks of VPNs that were up since it was engaged: still theirs while no VPN is. */
        guint n_networks;
        KsPrefix networks[KS_NETWORKS_MAX];
        gboolean has_lan; /* SetLan was called; valid while Lan= is what it was */
        KsLan lan;
        KsLan lan_in_settings; /* what Lan= was then */
} KsIntent;

/* The clocks and the boot, read once for one decision. */
typedef struct KsNow {
        guint64 boottime;
        guint64 realtime;
        char boot_id[37];
} KsNow;

/* Reads clocks and /proc/sys/kernel/random/boot_id. */
KsNow ks_now(void);

/* Sets mode, duration and both deadlines from now. */
void ks_intent_set_deadline(KsIntent *intent, KsMode mode, guint64 duration, const KsNow *now);

/**
 * ks_intent_remaining() - microseconds until the deadline; 0 when it is over
 *
 * In the boot that it was made in, CLOCK_BOOTTIME counts, which no one can set.
 * In another boot only CLOCK_REALTIME is left. Never more than was asked for.
 * When that clock is earlier than at writing it tells nothing: a pause is over
 * then (closed is the safe side), and a trial starts again (it ends all the same).
 */
guint64 ks_intent_remaining(const KsIntent *intent, const KsNow *now);

/* Adds to the networks. Returns: whether there was a new one. */
gboolean ks_intent_add_networks(KsIntent *intent, GArray *networks);

/* Where the intent is kept. */
typedef struct KsStore KsStore;

KsStore *ks_store_new(const char *directory);
void ks_store_free(KsStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsStore, ks_store_free)

/**
 * ks_store_set_marker() - where a rescue speaks when the directory can't be written
 * @path: a file that lives until the next boot; it names the intent on disk that it
 *   turns off, so that it counts until another one is saved
 */
void ks_store_set_marker(KsStore *store, const char *path);

/* Makes the marker. @error: KS_ERROR_STORAGE. */
gboolean ks_store_mark(KsStore *store, GError **error);

/**
 * ks_store_load() - read the intent
 * @intent: set in every case; {0}, off, when none was ever saved
 * @error: KS_ERROR_STORAGE when it is there and can't be read or is damaged;
 *   the intent is then "engaged", the safe side
 */
gboolean ks_store_load(KsStore *store, KsIntent *intent, GError **error);

/**
 * ks_store_save() - write the intent
 * @error: KS_ERROR_STORAGE; what was saved before is still there whole
 *
 * Written aside, synced, renamed, directory synced: after a power cut either the
 * old or the new one is there.
 */
gboolean ks_store_save(KsStore *store, KsIntent *intent, GError **error);

/* Whether there was a file when it was last read or written. */
gboolean ks_store_exists(const KsStore *store);

/* Whether somebody else (a rescue) has written the intent since we last did or read. */
gboolean ks_store_changed(KsStore *store);

/* Other files beside it, written as it is. @error: KS_ERROR_STORAGE; of G_FILE_ERROR. */
gboolean ks_store_write(KsStore *store, const char *name, const char *text, GError **error);
char *ks_store_read(KsStore *store, const char *name, GError **error);

/* A second file beside it, for the settings that were last found good. */
gboolean ks_store_save_settings(KsStore *store, const char *text, GError **error);
char *ks_store_load_settings(KsStore *store);

/**
 * ks_store_save_profiles() - write the VPNs that were added, atomic and synced as the intent
 * @text: as ks_profiles_to_text() makes it
 * @error: KS_ERROR_STORAGE
 */
gboolean ks_store_save_profiles(KsStore *store, const char *text, GError **error);

/**
 * ks_store_load_profiles() - read them again
 * @text: set in every case: NULL when none was ever saved or nothing can be read. Caller frees.
 * @error: KS_ERROR_STORAGE when they can't be read as they were; @text may then be that of the copy
 */
gboolean ks_store_load_profiles(KsStore *store, char **text, GError **error);
