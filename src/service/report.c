/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's report as D-Bus values. */

#include <string.h>

#include "common/names.h"
#include "config.h"
#include "service/report.h"

const char *const ks_report_signalling[] = {
        KS_KEY_STATE,    KS_KEY_ENGAGED, KS_KEY_LAN,   KS_KEY_VPNS,     KS_KEY_SINCE,
        KS_KEY_DEADLINE, KS_KEY_TRIAL,   KS_KEY_GUARD, KS_KEY_DEGRADED, NULL,
};

static int append_entry(sd_bus_message *message, const char *key, const char *type,
                        const char *string, gboolean boolean)
{
        if (*type == 's')
                return sd_bus_message_append(message, "{sv}", key, "s", string);
        return sd_bus_message_append(message, "{sv}", key, "b", (int)boolean);
}

char *ks_report_text(const char *text)
{
        return g_utf8_make_valid(text, -1);
}

static int append_strings(sd_bus_message *message, GPtrArray *strings)
{
        int r = sd_bus_message_open_container(message, 'a', "s");

        for (guint i = 0; r >= 0 && i < strings->len; i++) {
                g_autofree char *text = ks_report_text(strings->pdata[i]);

                r = sd_bus_message_append(message, "s", text);
        }
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_list(sd_bus_message *message, const char *key, GPtrArray *strings)
{
        int r = sd_bus_message_open_container(message, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(message, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "as");
        if (r >= 0)
                r = append_strings(message, strings);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static const char *source_of(const KsVpn *vpn)
{
        if (vpn->from_profile)
                return KS_SOURCE_ADDED;
        return vpn->from_settings ? KS_SOURCE_SETTINGS : KS_SOURCE_WIREGUARD;
}

static int append_origin(sd_bus_message *message, const KsVpn *vpn)
{
        gboolean is_place = vpn->origin && !vpn->from_profile;
        g_autofree char *origin = ks_report_text(is_place ? vpn->origin : "");

        return append_entry(message, KS_VPN_ORIGIN, "s", origin, FALSE);
}

static int append_vpn(sd_bus_message *message, const KsPlanVpn *entry)
{
        const KsVpn *vpn = entry->vpn;
        int r = sd_bus_message_open_container(message, 'a', "{sv}");

        if (r >= 0)
                r = append_entry(message, KS_VPN_NAME, "s", vpn->name, FALSE);
        if (r >= 0)
                r = append_entry(message, KS_VPN_INTERFACE, "s", vpn->interface, FALSE);
        if (r >= 0)
                r = append_entry(message, KS_VPN_UP, "b", NULL, entry->up);
        if (r >= 0)
                r = append_entry(message, KS_VPN_DEFAULT, "b", NULL,
                                 vpn->default4 || vpn->default6);
        if (r >= 0)
                r = append_entry(message, KS_VPN_KIND, "s", entry->kind, FALSE);
        if (r >= 0)
                r = append_entry(message, KS_VPN_TRANSPORT, "s", entry->transport, FALSE);
        if (r >= 0)
                r = append_entry(message, KS_VPN_SOURCE, "s", source_of(vpn), FALSE);
        if (r >= 0)
                r = append_origin(message, vpn);
        if (r >= 0)
                r = append_list(message, KS_VPN_ADDRESSES, entry->addresses);
        if (r >= 0 && vpn->servers)
                r = append_list(message, KS_VPN_SERVERS, vpn->servers);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static int append_vpns(sd_bus_message *message, GPtrArray *vpns)
{
        int r = sd_bus_message_open_container(message, 'a', "a{sv}");

        for (guint i = 0; r >= 0 && vpns && i < vpns->len; i++)
                r = append_vpn(message, g_ptr_array_index(vpns, i));
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int ks_report_append_property(sd_bus_message *message, const KsReport *report, const char *name)
{
        if (g_str_equal(name, KS_KEY_STATE))
                return sd_bus_message_append(message, "s", ks_state_to_string(report->state));
        if (g_str_equal(name, KS_KEY_ENGAGED))
                return sd_bus_message_append(message, "b", report->state != KS_OFF);
        if (g_str_equal(name, KS_KEY_LAN))
                return sd_bus_message_append(message, "s", ks_lan_to_string(report->lan));
        if (g_str_equal(name, KS_KEY_VPNS))
                return append_vpns(message, report->vpns);
        if (g_str_equal(name, KS_KEY_SINCE))
                return sd_bus_message_append(message, "t", report->since);
        if (g_str_equal(name, KS_KEY_DEADLINE))
                return sd_bus_message_append(message, "t", report->deadline);
        if (g_str_equal(name, KS_KEY_REMAINING))
                return sd_bus_message_append(message, "t", report->remaining);
        if (g_str_equal(name, KS_KEY_TRIAL))
                return sd_bus_message_append(message, "b", report->trial);
        if (g_str_equal(name, KS_KEY_GUARD))
                return sd_bus_message_append(message, "s", report->guard);
        if (g_str_equal(name, KS_KEY_DEGRADED))
                return append_strings(message, report->degraded);
        if (g_str_equal(name, KS_KEY_VERSION))
                return sd_bus_message_append(message, "s", KS_VERSION);
        g_return_val_if_reached(-EINVAL);
}

static int append_detail(sd_bus_message *message, const KsReport *report, const char *name,
                         const char *signature)
{
        int r = sd_bus_message_open_container(message, 'e', "sv");

        if (r >= 0)
                r = sd_bus_message_append(message, "s", name);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', signature);
        if (r >= 0)
                r = ks_report_append_property(message, report, name);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int ks_report_append_state(sd_bus_message *message, const KsReport *report, guint64 blocked,
                           gboolean recording)
{
        static const struct {
                const char *name, *signature;
        } details[] = {
                { KS_KEY_ENGAGED, "b" },   { KS_KEY_VPNS, "aa{sv}" }, { KS_KEY_LAN, "s" },
                { KS_KEY_GUARD, "s" },     { KS_KEY_SINCE, "t" },     { KS_KEY_DEADLINE, "t" },
                { KS_KEY_REMAINING, "t" }, { KS_KEY_TRIAL, "b" },     { KS_KEY_DEGRADED, "as" },
                { KS_KEY_VERSION, "s" },
        };
        int r = ks_report_append_property(message, report, KS_KEY_STATE);

        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "{sv}");
        for (guint i = 0; r >= 0 && i < G_N_ELEMENTS(details); i++)
                r = append_detail(message, report, details[i].name, details[i].signature);
        if (r >= 0)
                r = sd_bus_message_append(message, "{sv}", KS_KEY_BLOCKED, "t", blocked);
        if (r >= 0)
                r = sd_bus_message_append(message, "{sv}", KS_KEY_RECORDING, "b", (int)recording);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

static char *join(GPtrArray *strings)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < strings->len; i++)
                g_string_append_printf(text, "%s\n", (char *)g_ptr_array_index(strings, i));
        return g_string_free(text, FALSE);
}

static char *digest_vpns(GPtrArray *vpns)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; vpns && i < vpns->len; i++) {
                const KsPlanVpn *entry = g_ptr_array_index(vpns, i);
                g_autofree char *addresses = join(entry->addresses);

                g_string_append_printf(text, "%s|%s|%s|%s|%d|%d|%s|%s|%s\n", entry->vpn->name,
                                       source_of(entry->vpn),
                                       entry->vpn->origin ? entry->vpn->origin : "",
                                       entry->vpn->interface, entry->up,
                                       entry->vpn->default4 || entry->vpn->default6, entry->kind,
                                       entry->transport, addresses);
        }
        return g_string_free(text, FALSE);
}

GPtrArray *ks_report_digests(const KsReport *report)
{
        GPtrArray *digests = g_ptr_array_new_with_free_func(g_free);

        g_ptr_array_add(digests, g_strdup(ks_state_to_string(report->state)));
        g_ptr_array_add(digests, g_strdup(report->state != KS_OFF ? "1" : "0"));
        g_ptr_array_add(digests, g_strdup(ks_lan_to_string(report->lan)));
        g_ptr_array_add(digests, digest_vpns(report->vpns));
        g_ptr_array_add(digests, g_strdup_printf("%" G_GUINT64_FORMAT, report->since));
        /* The deadline is told in a clock that may be set; whole seconds do. */
        g_ptr_array_add(digests,
                        g_strdup_printf("%" G_GUINT64_FORMAT,
                                        (report->deadline + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC));
        g_ptr_array_add(digests, g_strdup(report->trial ? "1" : "0"));
        g_ptr_array_add(digests, g_strdup(report->guard));
        g_ptr_array_add(digests, join(report->degraded));
        return digests;
}
