/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "engine/settings-keys.h"

/* Limits on what callers may make the service keep. */
#define KS_PROFILES_MAX 64
#define KS_PROFILE_OPTIONS_MAX 512
#define KS_PROFILE_SIZE_MAX (32 * 1024)

/* One KEY=VALUE that a caller gave. */
typedef struct KsOption {
        char *key;
        char *value;
} KsOption;

KsOption *ks_option_new(const char *key, const char *value);
void ks_option_free(KsOption *option);

/* A VPN that was added while the service ran: what a [VPN name] section would hold. */
typedef struct KsProfile {
        char *name;
        char *interface;
        GPtrArray *options; /* of KsOption*, in the order in which the keys are documented */
} KsProfile;

/**
 * ks_profile_new() - check options by the rules of the settings' files
 * @name: of the VPN
 * @options: (transfer full): of KsOption*, in any order; a key that takes a list may be repeated
 * @error: KS_ERROR_INVALID_ARGUMENT, "options: KEY: sentence", or KS_ERROR_LIMITS_EXCEEDED
 *
 * What only all settings together can tell (an interface that another VPN has) isn't checked here.
 */
KsProfile *ks_profile_new(const char *name, GPtrArray *options, GError **error);
KsProfile *ks_profile_copy(const KsProfile *profile);
void ks_profile_free(KsProfile *profile);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsProfile, ks_profile_free)

gboolean ks_profile_equal(const KsProfile *a, const KsProfile *b);

/* An empty list, of KsProfile*. */
GPtrArray *ks_profiles_new(void);

/* Returns: whether there is one of that name. @place: set to where; may be NULL. */
gboolean ks_profiles_find(GPtrArray *profiles, const char *name, guint *place);

/* As the text of a settings file. Caller frees. */
char *ks_profiles_to_text(GPtrArray *profiles);

/**
 * ks_profiles_from_text() - what ks_profiles_to_text() wrote
 * @error: KS_ERROR_STORAGE when it is anything else
 *
 * Values aren't checked: that is done when settings are made of them, every time.
 */
GPtrArray *ks_profiles_from_text(const char *text, GError **error);

/* Puts a profile behind the sections of the files; as those, it fails with KS_ERROR_SETTINGS. */
gboolean ks_settings_take_profile(KsSettingsReader *reader, const KsProfile *profile,
                                  GError **error);
