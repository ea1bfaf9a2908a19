/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings as a value, with the defaults of a machine without a file. */

#include "common/names.h"
#include "policy/settings.h"

KsSettings *ks_settings_new(void)
{
        KsSettings *settings = g_new0(KsSettings, 1);

        settings->table = KS_DEFAULT_TABLE;
        settings->priority = KS_DEFAULT_PRIORITY;
        settings->lan = KS_LAN_MODE_PRIVATE;
        settings->block_with = KS_BLOCK_UNREACHABLE;
        settings->guard_required = TRUE;
        settings->auto_wireguard = TRUE;
        settings->host_auto = TRUE;
        settings->reset_connections = TRUE;
        settings->host_interfaces = g_ptr_array_new_with_free_func(g_free);
        settings->lan_prefixes = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        settings->vpns = g_ptr_array_new_with_free_func((GDestroyNotify)ks_vpn_free);
        return settings;
}

void ks_settings_free(KsSettings *settings)
{
        if (!settings)
                return;
        g_ptr_array_unref(settings->host_interfaces);
        g_array_unref(settings->lan_prefixes);
        g_ptr_array_unref(settings->vpns);
        g_free(settings);
}

const KsVpn *ks_settings_outer(const KsSettings *settings, const KsVpn *vpn)
{
        for (guint i = 0; vpn->through && i < settings->vpns->len; i++) {
                const KsVpn *outer = g_ptr_array_index(settings->vpns, i);

                if (g_str_equal(outer->name, vpn->through))
                        return outer;
        }
        return NULL;
}

static const char *const lan_names[] = {
        [KS_LAN_MODE_PRIVATE] = KS_LAN_PRIVATE,
        [KS_LAN_MODE_NONE] = KS_LAN_NONE,
        [KS_LAN_MODE_ALL] = KS_LAN_ALL,
};

static const char *const block_with_names[] = {
        [KS_BLOCK_UNREACHABLE] = "unreachable",
        [KS_BLOCK_BLACKHOLE] = "blackhole",
        [KS_BLOCK_PROHIBIT] = "prohibit",
};

static gboolean find_name(const char *const *names, guint count, const char *text, guint *found)
{
        for (guint i = 0; i < count; i++)
                if (g_strcmp0(names[i], text) == 0) {
                        *found = i;
                        return TRUE;
                }
        return FALSE;
}

const char *ks_lan_to_string(KsLan lan)
{
        return lan_names[lan];
}

gboolean ks_lan_from_string(const char *text, KsLan *lan)
{
        guint i;

        if (!find_name(lan_names, G_N_ELEMENTS(lan_names), text, &i))
                return FALSE;
        *lan = (KsLan)i;
        return TRUE;
}

const char *ks_block_with_to_string(KsBlockWith block_with)
{
        return block_with_names[block_with];
}

gboolean ks_block_with_from_string(const char *text, KsBlockWith *block_with)
{
        guint i;

        if (!find_name(block_with_names, G_N_ELEMENTS(block_with_names), text, &i))
                return FALSE;
        *block_with = (KsBlockWith)i;
        return TRUE;
}
