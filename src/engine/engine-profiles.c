/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPNs that come and go while the service runs: what may be added and removed, and how. */

#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/messages.h"
#include "engine/engine-private.h"
#include "engine/names.h"

/* What the text of all files is called where it doesn't name one. */
#define KEPT "last good settings"
#define REMEDY "'ksctl vpn list' shows all VPNs"

static GPtrArray *copy_profiles(GPtrArray *profiles)
{
        GPtrArray *copy = ks_profiles_new();

        for (guint i = 0; i < profiles->len; i++)
                g_ptr_array_add(copy, ks_profile_copy(g_ptr_array_index(profiles, i)));
        return copy;
}

static const KsVpn *find_vpn(const KsEngine *engine, const char *name, const char *interface)
{
        GPtrArray *vpns = engine->settings->vpns;

        for (guint i = 0; i < vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(vpns, i);

                if (g_strcmp0(vpn->name, name) == 0 || g_strcmp0(vpn->interface, interface) == 0)
                        return vpn;
        }
        return NULL;
}

static gboolean fail_used(const KsVpn *vpn, const char *what, GError **error)
{
        if (vpn->from_profile)
                g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                            "%s the VPN '%s' already, which was added with 'ksctl vpn add'; to "
                            "change it, first say: ksctl vpn remove '%s'",
                            what, vpn->name, vpn->name);
        else
                g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                            "%s the VPN '%s' already, which is from %s; change that section and "
                            "say 'ksctl reload', or choose another",
                            what, vpn->name, vpn->origin);
        return FALSE;
}

static gboolean check_unused(const KsEngine *engine, const KsProfile *profile, GError **error)
{
        GPtrArray *host = engine->settings->host_interfaces;
        const KsVpn *vpn = find_vpn(engine, profile->name, NULL);
        g_autofree char *interface = g_strdup_printf("The interface %s belongs to",
                                                     profile->interface);

        if (vpn)
                return fail_used(vpn, "There is", error);
        vpn = find_vpn(engine, NULL, profile->interface);
        if (vpn)
                return fail_used(vpn, interface, error);
        if (ks_profiles_find(engine->profiles, profile->name, NULL)) {
                g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                            "A VPN '%s' was added already, and isn't used because it doesn't go "
                            "with the settings; 'ksctl vpn remove' removes it",
                            profile->name);
                return FALSE;
        }
        for (guint i = 0; i < host->len; i++)
                if (g_str_equal(g_ptr_array_index(host, i), profile->interface)) {
                        g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                                    "HostInterfaces= has the interface %s; take it out there and "
                                    "say 'ksctl reload', or choose another",
                                    profile->interface);
                        return FALSE;
                }
        return TRUE;
}

/* All settings with another list of profiles. */
static KsSettings *settings_with(const KsEngine *engine, GPtrArray *profiles, KsError code,
                                 GError **error)
{
        g_autoptr(GError) local = NULL;
        KsSettings *settings = ks_settings_parse_with(engine->settings_text, KEPT, profiles,
                                                      &local);

        if (!settings)
                g_set_error_literal(error, KS_ERROR, code, local->message);
        return settings;
}

static gboolean check_add(KsEngine *engine, const KsProfile *profile, gboolean *nothing_to_do,
                          GError **error)
{
        const KsVpn *vpn = find_vpn(engine, profile->name, NULL);
        g_autoptr(GPtrArray) next = NULL;
        g_autoptr(KsSettings) settings = NULL;
        guint place;

        if (vpn && vpn->from_profile && ks_profiles_find(engine->profiles, profile->name, &place) &&
            ks_profile_equal(profile, g_ptr_array_index(engine->profiles, place))) {
                *nothing_to_do = !engine->profiles_problem && !engine->kernel_problem;
                return TRUE;
        }
        if (!check_unused(engine, profile, error))
                return FALSE;
        if (engine->profiles->len >= KS_PROFILES_MAX) {
                g_set_error(error, KS_ERROR, KS_ERROR_LIMITS_EXCEEDED,
                            "%d VPNs have been added already; remove one, or put this one into a "
                            "file",
                            KS_PROFILES_MAX);
                return FALSE;
        }
        next = copy_profiles(engine->profiles);
        g_ptr_array_add(next, ks_profile_copy(profile));
        settings = settings_with(engine, next, KS_ERROR_INVALID_ARGUMENT, error);
        return settings != NULL;
}

/* A WireGuard link that nobody had to name. */
static gboolean is_automatic(const KsEngine *engine, const char *name)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);

        if (!plan)
                plan = engine->idle_plan;
        for (guint i = 0; plan && i < plan->vpns->len; i++)
                if (g_str_equal(((KsPlanVpn *)g_ptr_array_index(plan->vpns, i))->vpn->name, name))
                        return TRUE;
        return FALSE;
}

/* Whether no other one goes through it. */
static gboolean check_outer(const KsEngine *engine, const char *name, GError **error)
{
        for (guint i = 0; i < engine->settings->vpns->len; i++) {
                const KsVpn *inner = g_ptr_array_index(engine->settings->vpns, i);

                if (g_strcmp0(inner->through, name) != 0)
                        continue;
                g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                            "The VPN '%s' goes through '%s'; first say: ksctl vpn remove '%s'",
                            inner->name, name, inner->name);
                return FALSE;
        }
        return TRUE;
}

static gboolean check_remove(const KsEngine *engine, const char *name, GError **error)
{
        const KsVpn *vpn = find_vpn(engine, name, NULL);

        if (ks_profiles_find(engine->profiles, name, NULL))
                return !vpn || !vpn->from_profile || check_outer(engine, name, error);
        if (vpn)
                g_set_error(
                        error, KS_ERROR, KS_ERROR_CONFLICT,
                        "The VPN '%s' is from %s; remove the section there, or mask a package's "
                        "file by an empty one of the same name in "
                        "/etc/killswitch/killswitch.conf.d, and say 'ksctl reload'",
                        name, vpn->origin);
        else if (is_automatic(engine, name))
                g_set_error(error, KS_ERROR, KS_ERROR_CONFLICT,
                            "The VPN '%s' is a WireGuard link, which counts as a VPN by itself; "
                            "delete the link, or set AutoWireGuard=no",
                            name);
        else
                g_set_error(error, KS_ERROR, KS_ERROR_NO_SUCH_VPN,
                            "There is no VPN '%.64s'; " REMEDY, name);
        return FALSE;
}

gboolean ks_engine_check_profile(KsEngine *engine, const KsRequest *request,
                                 gboolean *nothing_to_do, GError **error)
{
        if (request->verb == KS_VERB_ADD_VPN)
                return check_add(engine, request->profile, nothing_to_do, error);
        return check_remove(engine, request->name, error);
}

static gboolean save_profiles(KsEngine *engine, GPtrArray *profiles, GError **error)
{
        g_autofree char *text = ks_profiles_to_text(profiles);

        if (!ks_store_save_profiles(engine->store, text, error))
                return FALSE;
        g_clear_pointer(&engine->profiles_problem, g_free);
        engine->profiles_unread = FALSE;
        return TRUE;
}

/* Undoes what could not be carried out, or was written only in part. */
static void put_back(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;

        if (save_profiles(engine, engine->profiles, &local))
                return;
        ks_log_event(LOG_ERR, KS_MESSAGE_STORAGE_FAILED, NULL, "%s", local->message);
        g_free(engine->profiles_problem);
        engine->profiles_problem = g_strdup(local->message);
}

/* The list as it is to be. */
static GPtrArray *profiles_after(const KsEngine *engine, const KsRequest *request)
{
        GPtrArray *next = copy_profiles(engine->profiles);
        gboolean is_added = request->verb == KS_VERB_ADD_VPN;
        guint place;

        if (!ks_profiles_find(next, is_added ? request->profile->name : request->name, &place))
                place = next->len;
        /* The same once more mends what is wrong on disk. */
        if (place < next->len)
                g_ptr_array_remove_index(next, place);
        if (is_added)
                g_ptr_array_insert(next, (gint)place, ks_profile_copy(request->profile));
        return next;
}

KsSettings *ks_engine_settings_after(const KsEngine *engine, const KsRequest *request,
                                     GError **error)
{
        g_autoptr(GPtrArray) next = profiles_after(engine, request);

        return settings_with(engine, next, KS_ERROR_SETTINGS, error);
}

static void log_change(gboolean is_added, const char *name)
{
        ks_log_event(LOG_NOTICE, is_added ? KS_MESSAGE_VPN_ADDED : KS_MESSAGE_VPN_REMOVED,
                     KS_FIELDS(KS_FIELD_VPN, name), "%s the VPN '%s'",
                     is_added ? "Added" : "Removed", name);
}

gboolean ks_engine_change_profiles(KsEngine *engine, const KsRequest *request, GError **error)
{
        g_autoptr(GPtrArray) next = profiles_after(engine, request);
        g_autoptr(KsSettings) settings = NULL;
        KsIntent was = engine->intent;
        gboolean is_added = request->verb == KS_VERB_ADD_VPN;

        settings = settings_with(engine, next, KS_ERROR_SETTINGS, error);
        if (!settings || !ks_engine_check_names(engine, settings, error))
                return FALSE;
        if (!save_profiles(engine, next, error) ||
            !ks_engine_take_settings(engine, g_steal_pointer(&settings), &was, error)) {
                put_back(engine);
                return FALSE;
        }
        log_change(is_added, is_added ? request->profile->name : request->name);
        g_ptr_array_unref(engine->profiles);
        engine->profiles = g_steal_pointer(&next);
        ks_engine_prune_names(engine);
        ks_engine_update_state(engine, "settings");
        return TRUE;
}

/* The start */

static GPtrArray *read_profiles(KsEngine *engine)
{
        g_autofree char *text = NULL;
        g_autoptr(GError) local = NULL;
        GPtrArray *profiles = NULL;

        if (ks_store_load_profiles(engine->store, &text, &local) && !text)
                return ks_profiles_new();
        if (text)
                profiles = ks_profiles_from_text(text, local ? NULL : &local);
        if (local) {
                ks_log_event(LOG_ERR, KS_MESSAGE_STORAGE_FAILED, NULL, "%s", local->message);
                engine->profiles_problem = g_strdup(local->message);
                engine->profiles_unread = TRUE;
        }
        return profiles ? profiles : ks_profiles_new();
}

GPtrArray *ks_engine_read_profiles_again(KsEngine *engine)
{
        g_autofree char *text = NULL;

        if (!engine->profiles_unread || !ks_store_load_profiles(engine->store, &text, NULL))
                return NULL;
        return text ? ks_profiles_from_text(text, NULL) : ks_profiles_new();
}

void ks_engine_take_profiles(KsEngine *engine, GPtrArray *profiles)
{
        if (!profiles)
                return;
        g_ptr_array_unref(engine->profiles);
        engine->profiles = g_ptr_array_ref(profiles);
        g_clear_pointer(&engine->profiles_problem, g_free);
        engine->profiles_unread = FALSE;
}

/* One by one: those that don't go with the settings are left out, and each is a problem. */
static KsSettings *settings_with_good_ones(KsEngine *engine, const char *text)
{
        g_autoptr(GPtrArray) taken = ks_profiles_new();
        KsSettings *settings = ks_settings_parse_with(text, KEPT, NULL, NULL);

        for (guint i = 0; settings && i < engine->profiles->len; i++) {
                const KsProfile *profile = g_ptr_array_index(engine->profiles, i);
                g_autoptr(GError) local = NULL;
                KsSettings *more;

                g_ptr_array_add(taken, ks_profile_copy(profile));
                more = ks_settings_parse_with(text, KEPT, taken, &local);
                if (more) {
                        ks_settings_free(settings);
                        settings = more;
                        continue;
                }
                g_ptr_array_set_size(taken, (gint)taken->len - 1);
                ks_log_event(LOG_ERR, KS_MESSAGE_VPN_LEFT_OUT,
                             KS_FIELDS(KS_FIELD_VPN, profile->name), "%s", local->message);
                g_free(engine->profiles_problem);
                engine->profiles_problem = g_strdup_printf("%s; it is not used", local->message);
        }
        return settings;
}

/* The files' text. A mistake must not weaken a service that is engaged: what was last found good
 * is used until the files are right again. */
static char *read_files(KsEngine *engine)
{
        g_autofree char *text = NULL;
        g_autoptr(GError) local = NULL;
        g_autoptr(KsSettings) settings = ks_settings_load(&engine->dirs, &text, &local);

        if (!settings) {
                ks_log_event(LOG_ERR, KS_MESSAGE_SETTINGS_REFUSED, NULL, "%s", local->message);
                engine->settings_problem = g_strdup(local->message);
                text = ks_store_load_settings(engine->store);
        } else if (!ks_store_save_settings(engine->store, text, &local)) {
                /* Without a copy the next start has only the files; worth a line. */
                ks_log_event(LOG_WARNING, KS_MESSAGE_STORAGE_FAILED, NULL, "%s", local->message);
        }
        return text ? g_steal_pointer(&text) : g_strdup("");
}

void ks_engine_load_settings(KsEngine *engine)
{
        g_autofree char *text = read_files(engine);
        KsSettings *settings;

        g_ptr_array_unref(engine->profiles);
        engine->profiles = read_profiles(engine);
        settings = ks_settings_parse_with(text, KEPT, engine->profiles, NULL);
        if (!settings)
                settings = settings_with_good_ones(engine, text);
        if (!settings) {
                /* Kept by another version, say. */
                *text = '\0';
                settings = settings_with_good_ones(engine, text);
        }
        ks_settings_free(engine->settings);
        engine->settings = settings;
        g_free(engine->settings_text);
        engine->settings_text = g_steal_pointer(&text);
}
