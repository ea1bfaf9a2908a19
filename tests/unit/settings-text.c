/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings as text that tests can compare. */

#include "tests/unit/settings-text.h"

static const char *yes_no(gboolean value)
{
        return value ? "yes" : "no";
}

static void append_prefix(GString *text, const char *what, const KsPrefix *prefix)
{
        g_autofree char *words = ks_prefix_to_string(prefix);

        if (ks_prefix_is_set(prefix))
                g_string_append_printf(text, " %s %s", what, words);
}

static void append_vpn(GString *text, const KsVpn *vpn)
{
        g_assert_true(vpn->from_settings);
        g_string_append_printf(text, "VPN %s: %s", vpn->name, vpn->interface);
        if (vpn->kind)
                g_string_append_printf(text, " kind %s", vpn->kind);
        if (vpn->unit)
                g_string_append_printf(text, " unit %s", vpn->unit);
        if (vpn->through)
                g_string_append_printf(text, " through %s", vpn->through);
        append_prefix(text, "via", &vpn->gateway4);
        append_prefix(text, "via", &vpn->gateway6);
        for (guint i = 0; i < vpn->prefixes->len; i++)
                append_prefix(text, "prefix", &g_array_index(vpn->prefixes, KsPrefix, i));
        if (vpn->metric)
                g_string_append_printf(text, " metric %u", vpn->metric);
        if (!vpn->default4)
                g_string_append(text, " no-default4");
        if (!vpn->default6)
                g_string_append(text, " no-default6");
        for (guint i = 0; i < vpn->selectors->len; i++) {
                g_autofree char *words = ks_selector_to_string(
                        &g_array_index(vpn->selectors, KsSelector, i));

                g_string_append_printf(text, " | %s", words);
        }
        g_string_append_c(text, '\n');
}

char *settings_text(const KsSettings *settings)
{
        GString *text = g_string_new(NULL);

        g_string_append_printf(text, "table %u priority %u lan %s dns %s %s guard %s auto %s host",
                               settings->table, settings->priority, ks_lan_to_string(settings->lan),
                               yes_no(settings->lan_dns),
                               ks_block_with_to_string(settings->block_with),
                               settings->guard_required ? "require" : "optional",
                               yes_no(settings->auto_wireguard));
        if (!settings->reset_connections)
                g_string_append(text, " no-reset");
        if (settings->host_auto)
                g_string_append(text, " auto");
        for (guint i = 0; i < settings->host_interfaces->len; i++)
                g_string_append_printf(text, " %s",
                                       (char *)g_ptr_array_index(settings->host_interfaces, i));
        for (guint i = 0; i < settings->lan_prefixes->len; i++)
                append_prefix(text, "lan", &g_array_index(settings->lan_prefixes, KsPrefix, i));
        if (settings->egress_guard)
                g_string_append(text, " egress");
        if (settings->record_blocked)
                g_string_append(text, " record");
        g_string_append_c(text, '\n');
        for (guint i = 0; i < settings->vpns->len; i++)
                append_vpn(text, g_ptr_array_index(settings->vpns, i));
        return g_string_free(text, FALSE);
}
