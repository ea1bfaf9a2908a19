/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every key of the settings: its name, its meaning, and what is wrong with its value. */

#include <linux/rtnetlink.h>
#include <pwd.h>
#include <stdarg.h>
#include <string.h>

#include "common/error.h"
#include "common/names.h"
#include "engine/settings-keys.h"
#include "policy/plan.h"
#include "policy/unit.h"

/* Limits on what files may make the service allocate. */
#define VPNS_MAX 256
#define PREFIXES_MAX 256
#define NAME_LENGTH_MAX 64

static void draft_free(KsVpnDraft *draft)
{
        ks_vpn_free(draft->vpn);
        g_free(draft->file);
        g_array_unref(draft->endpoints);
        ks_names_unref(draft->names);
        g_hash_table_unref(draft->places);
        g_free(draft);
}

KsSettingsReader *ks_settings_reader_new(void)
{
        KsSettingsReader *reader = g_new0(KsSettingsReader, 1);

        reader->settings = ks_settings_new();
        reader->drafts = g_ptr_array_new_with_free_func((GDestroyNotify)draft_free);
        reader->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        return reader;
}

void ks_settings_reader_free(KsSettingsReader *reader)
{
        if (!reader)
                return;
        ks_settings_free(reader->settings);
        g_ptr_array_unref(reader->drafts);
        g_hash_table_unref(reader->seen);
        g_free(reader->named);
        g_free(reader);
}

char *ks_settings_place(const char *file, guint line)
{
        return line ? g_strdup_printf("%s:%u", file, line) : g_strdup(file);
}

gboolean ks_settings_fail(KsSettingsReader *reader, const char *key, GError **error,
                          const char *format, ...)
{
        g_autofree char *sentence = NULL, *place = NULL, *whole = NULL, *valid = NULL;
        va_list ap;

        va_start(ap, format);
        sentence = g_strdup_vprintf(format, ap);
        va_end(ap);
        place = reader->place ? g_strdup(reader->place)
                              : ks_settings_place(reader->file, reader->line);
        /* What was cut to length may end in half a character. */
        whole = g_strdup_printf("%s: %.60s%s%s", place, key ? key : "", key ? ": " : "", sentence);
        valid = g_utf8_make_valid(whole, -1);
        g_set_error_literal(error, KS_ERROR, KS_ERROR_SETTINGS, valid);
        return FALSE;
}

/* Names are shown and logged, so they are kept plain. */
static gboolean name_is_valid(const char *name)
{
        size_t length = strlen(name);

        for (const char *c = name; *c; c++)
                if (!g_ascii_isalnum(*c) && !strchr("-_.@+ ", *c))
                        return FALSE;
        return length > 0 && length <= NAME_LENGTH_MAX;
}

static KsVpnDraft *find_draft(KsSettingsReader *reader, const char *name)
{
        for (guint i = 0; i < reader->drafts->len; i++) {
                KsVpnDraft *draft = g_ptr_array_index(reader->drafts, i);

                if (g_str_equal(draft->vpn->name, name))
                        return draft;
        }
        return NULL;
}

static KsVpnDraft *new_draft(KsSettingsReader *reader, const char *name)
{
        KsVpnDraft *draft = g_new0(KsVpnDraft, 1);

        draft->vpn = ks_vpn_new(name, "");
        draft->vpn->from_settings = TRUE;
        draft->vpn->origin = ks_settings_place(reader->file, reader->line);
        draft->vpn->default4 = draft->vpn->default6 = TRUE;
        draft->file = g_strdup(reader->file);
        draft->line = reader->line;
        draft->endpoints = g_array_new(FALSE, TRUE, sizeof(KsEndpoint));
        draft->names = ks_names_new();
        draft->places = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        g_ptr_array_add(reader->drafts, draft);
        return draft;
}

void ks_settings_begin_file(KsSettingsReader *reader)
{
        reader->in_section = FALSE;
        reader->draft = NULL;
        g_hash_table_remove_all(reader->seen);
}

void ks_settings_name_file(KsSettingsReader *reader, const char *name)
{
        char *named = g_strdup(name);

        ks_settings_begin_file(reader);
        g_free(reader->named);
        reader->file = reader->named = named;
        reader->line = 0;
}

gboolean ks_settings_enter_section(KsSettingsReader *reader, const char *name, GError **error)
{
        g_autofree char *vpn_name = NULL;

        reader->in_section = TRUE;
        reader->draft = NULL;
        if (g_str_equal(name, "Killswitch"))
                return TRUE;
        if (!g_str_has_prefix(name, "VPN "))
                return ks_settings_fail(
                        reader, NULL, error,
                        "there is no section [%.60s]; sections are [Killswitch] and "
                        "[VPN name]",
                        name);
        vpn_name = g_strstrip(g_strdup(name + strlen("VPN ")));
        if (!name_is_valid(vpn_name))
                return ks_settings_fail(reader, NULL, error,
                                        "the name of a VPN has 1 to %d letters, digits, spaces and "
                                        "-_.@+",
                                        NAME_LENGTH_MAX);
        reader->draft = find_draft(reader, vpn_name);
        if (!reader->draft && reader->drafts->len >= VPNS_MAX)
                return ks_settings_fail(reader, NULL, error, "more than %d VPNs", VPNS_MAX);
        if (!reader->draft)
                reader->draft = new_draft(reader, vpn_name);
        return TRUE;
}

gboolean ks_settings_enter_profile(KsSettingsReader *reader, const char *name, GError **error)
{
        g_autofree char *section = g_strconcat("VPN ", name, NULL);
        const KsVpnDraft *other = name_is_valid(name) ? find_draft(reader, name) : NULL;

        if (other)
                return ks_settings_fail(
                        reader, NULL, error,
                        "%s has a section [VPN %s], too; remove one of them ('ksctl "
                        "vpn remove' removes the added one)",
                        other->vpn->origin, name);
        if (!ks_settings_enter_section(reader, section, error))
                return FALSE;
        if (!g_str_equal(reader->draft->vpn->name, name))
                return ks_settings_fail(reader, NULL, error,
                                        "the name of the VPN begins or ends with a blank");
        reader->draft->vpn->from_profile = TRUE;
        return TRUE;
}

/* Values */

static gboolean parse_number(KsSettingsReader *reader, const char *key, const char *value,
                             guint64 min, guint64 max, guint64 *number, GError **error)
{
        gboolean hex = g_str_has_prefix(value, "0x") || g_str_has_prefix(value, "0X");

        if (g_ascii_string_to_unsigned(hex ? value + 2 : value, hex ? 16 : 10, min, max, number,
                                       NULL))
                return TRUE;
        return ks_settings_fail(reader, key, error,
                                "'%.40s' is not a number from %" G_GUINT64_FORMAT
                                " to %" G_GUINT64_FORMAT,
                                value, min, max);
}

static gboolean parse_boolean(KsSettingsReader *reader, const char *key, const char *value,
                              gboolean *boolean, GError **error)
{
        static const char *const yes[] = { "yes", "true", "on", "1", NULL };
        static const char *const no[] = { "no", "false", "off", "0", NULL };

        *boolean = g_strv_contains(yes, value);
        if (*boolean || g_strv_contains(no, value))
                return TRUE;
        return ks_settings_fail(reader, key, error, "'%.40s' is neither yes nor no", value);
}

gboolean ks_settings_check_interface(KsSettingsReader *reader, const char *key, const char *value,
                                     GError **error)
{
        if (ks_interface_name_is_valid(value))
                return TRUE;
        return ks_settings_fail(reader, key, error,
                                "'%.40s' can't be the name of an interface: 1 to 15 letters, "
                                "digits and -_.@+, and not 'lo'",
                                value);
}

gboolean ks_settings_parse_prefix(KsSettingsReader *reader, const char *key, const char *value,
                                  KsPrefix *prefix, GError **error)
{
        g_autoptr(GError) local = NULL;

        if (ks_prefix_parse(value, prefix, &local))
                return TRUE;
        return ks_settings_fail(reader, key, error, "%s", local->message);
}

/* [Killswitch] */

static gboolean take_table(KsSettingsReader *reader, const char *key, const char *value,
                           GError **error)
{
        guint64 number;

        if (!parse_number(reader, key, value, 1, G_MAXUINT32, &number, error))
                return FALSE;
        if (number >= RT_TABLE_DEFAULT && number <= RT_TABLE_LOCAL)
                return ks_settings_fail(reader, key, error,
                                        "253 to 255 are the kernel's own tables; take a free one");
        reader->settings->table = (guint32)number;
        return TRUE;
}

static gboolean take_priority(KsSettingsReader *reader, const char *key, const char *value,
                              GError **error)
{
        guint64 number;

        /* All of them behind the local table (0) and ahead of main (32766). */
        if (!parse_number(reader, key, value, 1, 32765 - KS_OFFSET_END, &number, error))
                return FALSE;
        reader->settings->priority = (guint32)number;
        return TRUE;
}

static gboolean take_lan(KsSettingsReader *reader, const char *key, const char *value,
                         GError **error)
{
        return ks_lan_from_string(value, &reader->settings->lan) ||
               ks_settings_fail(reader, key, error, "'%.40s' is none of private, none, all", value);
}

static gboolean take_lan_dns(KsSettingsReader *reader, const char *key, const char *value,
                             GError **error)
{
        return parse_boolean(reader, key, value, &reader->settings->lan_dns, error);
}

static gboolean take_block_with(KsSettingsReader *reader, const char *key, const char *value,
                                GError **error)
{
        return ks_block_with_from_string(value, &reader->settings->block_with) ||
               ks_settings_fail(reader, key, error,
                                "'%.40s' is none of unreachable, blackhole, prohibit", value);
}

static gboolean take_guard(KsSettingsReader *reader, const char *key, const char *value,
                           GError **error)
{
        reader->settings->guard_required = g_str_equal(value, "require");
        return reader->settings->guard_required || g_str_equal(value, "optional") ||
               ks_settings_fail(reader, key, error, "'%.40s' is neither require nor optional",
                                value);
}

static gboolean take_record_blocked(KsSettingsReader *reader, const char *key, const char *value,
                                    GError **error)
{
        return parse_boolean(reader, key, value, &reader->settings->record_blocked, error);
}

static gboolean take_egress_guard(KsSettingsReader *reader, const char *key, const char *value,
                                  GError **error)
{
        return parse_boolean(reader, key, value, &reader->settings->egress_guard, error);
}

static gboolean take_auto_wireguard(KsSettingsReader *reader, const char *key, const char *value,
                                    GError **error)
{
        return parse_boolean(reader, key, value, &reader->settings->auto_wireguard, error);
}

static gboolean take_reset_connections(KsSettingsReader *reader, const char *key, const char *value,
                                       GError **error)
{
        return parse_boolean(reader, key, value, &reader->settings->reset_connections, error);
}

/* [VPN name] */

static gboolean take_interface(KsSettingsReader *reader, const char *key, const char *value,
                               GError **error)
{
        if (!ks_settings_check_interface(reader, key, value, error))
                return FALSE;
        g_free(reader->draft->vpn->interface);
        reader->draft->vpn->interface = g_strdup(value);
        return TRUE;
}

static gboolean take_kind(KsSettingsReader *reader, const char *key, const char *value,
                          GError **error)
{
        for (const char *c = value; *c; c++)
                if (!g_ascii_isalnum(*c) && !strchr("-_", *c))
                        return ks_settings_fail(reader, key, error,
                                                "'%.40s' is no kind of link; 'ip -d link' shows it",
                                                value);
        if (!*value || strlen(value) >= sizeof(((KsLink *)NULL)->kind))
                return ks_settings_fail(reader, key, error, "'%.40s' is no kind of link", value);
        g_free(reader->draft->vpn->kind);
        reader->draft->vpn->kind = g_strdup(value);
        return TRUE;
}

static gboolean take_mark(KsSettingsReader *reader, const char *key, const char *value,
                          GError **error)
{
        guint64 number;

        if (!parse_number(reader, key, value, 1, G_MAXUINT32, &number, error))
                return FALSE;
        reader->draft->selector.has_mark = 1;
        reader->draft->selector.mark = (guint32)number;
        return TRUE;
}

static gboolean take_user(KsSettingsReader *reader, const char *key, const char *value,
                          GError **error)
{
        struct passwd *entry = getpwnam(value);
        guint64 number;

        if (entry)
                number = entry->pw_uid;
        else if (!g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT32 - 1, &number, NULL))
                return ks_settings_fail(reader, key, error, "there is no user '%.40s'", value);
        reader->draft->selector.has_uid = 1;
        reader->draft->selector.uid = (guint32)number;
        return TRUE;
}

static gboolean take_protocol(KsSettingsReader *reader, const char *key, const char *value,
                              GError **error)
{
        guint64 number;

        if (g_str_equal(value, "udp"))
                number = IPPROTO_UDP;
        else if (g_str_equal(value, "tcp"))
                number = IPPROTO_TCP;
        else if (g_str_equal(value, "esp"))
                number = IPPROTO_ESP;
        else if (!parse_number(reader, key, value, 1, 254, &number, NULL))
                return ks_settings_fail(reader, key, error,
                                        "'%.40s' is none of udp, tcp, esp or a protocol number",
                                        value);
        reader->draft->selector.protocol = (uint8_t)number;
        return TRUE;
}

static gboolean take_source_port(KsSettingsReader *reader, const char *key, const char *value,
                                 GError **error)
{
        g_auto(GStrv) ends = g_strsplit(value, "-", 2);
        guint64 first, last;

        if (!parse_number(reader, key, ends[0] ? ends[0] : "", 1, 65535, &first, error))
                return FALSE;
        last = first;
        if (ends[1] && !parse_number(reader, key, ends[1], first, 65535, &last, error))
                return FALSE;
        reader->draft->selector.source_first = (uint16_t)first;
        reader->draft->selector.source_last = (uint16_t)last;
        return TRUE;
}

static gboolean take_unit(KsSettingsReader *reader, const char *key, const char *value,
                          GError **error)
{
        if (!ks_unit_name_is_valid(value))
                return ks_settings_fail(reader, key, error,
                                        "'%.60s' is not the name of a unit that can run: "
                                        "NAME.service, NAME@INSTANCE.service or NAME.slice",
                                        value);
        if (ks_unit_holds_everything(value))
                return ks_settings_fail(reader, key, error,
                                        "in %.60s are everybody's programs; name the VPN's own",
                                        value);
        g_free(reader->draft->vpn->unit);
        reader->draft->vpn->unit = g_strdup(value);
        reader->draft->selector.in_unit = 1;
        return TRUE;
}

static gboolean take_through(KsSettingsReader *reader, const char *key, const char *value,
                             GError **error)
{
        if (!name_is_valid(value))
                return ks_settings_fail(reader, key, error, "'%.60s' can't be the name of a VPN",
                                        value);
        g_free(reader->draft->vpn->through);
        reader->draft->vpn->through = g_strdup(value);
        return TRUE;
}

static gboolean take_gateway(KsSettingsReader *reader, const char *key, const char *value,
                             GError **error)
{
        KsPrefix prefix;

        if (!ks_settings_parse_prefix(reader, key, value, &prefix, error))
                return FALSE;
        if (prefix.length != ks_family_bits(prefix.family))
                return ks_settings_fail(reader, key, error, "'%.60s' is not a single address",
                                        value);
        *(prefix.family == AF_INET ? &reader->draft->vpn->gateway4
                                   : &reader->draft->vpn->gateway6) = prefix;
        return TRUE;
}

static gboolean take_prefixes(KsSettingsReader *reader, const char *key, const char *value,
                              GError **error)
{
        g_auto(GStrv) texts = g_strsplit_set(value, " \t;,", -1);
        GArray *prefixes = reader->draft->vpn->prefixes;

        if (!*value)
                g_array_set_size(prefixes, 0);
        for (guint i = 0; texts[i]; i++) {
                KsPrefix prefix;

                if (!*texts[i])
                        continue;
                if (!ks_settings_parse_prefix(reader, key, texts[i], &prefix, error))
                        return FALSE;
                if (prefix.length == 0)
                        return ks_settings_fail(
                                reader, key, error,
                                "for all traffic write Default=yes instead of %.60s", texts[i]);
                if (prefixes->len >= PREFIXES_MAX)
                        return ks_settings_fail(reader, key, error, "more than %d prefixes",
                                                PREFIXES_MAX);
                ks_prefix_array_add(prefixes, &prefix);
        }
        return TRUE;
}

static gboolean take_metric(KsSettingsReader *reader, const char *key, const char *value,
                            GError **error)
{
        guint64 number;

        if (!parse_number(reader, key, value, 1, KS_METRIC_BLOCK - 1, &number, error))
                return FALSE;
        reader->draft->vpn->metric = (guint32)number;
        return TRUE;
}

static gboolean take_default(KsSettingsReader *reader, const char *key, const char *value,
                             GError **error)
{
        KsVpn *vpn = reader->draft->vpn;

        if (!parse_boolean(reader, key, value, &vpn->default4, error))
                return FALSE;
        vpn->default6 = vpn->default4;
        return TRUE;
}

typedef struct Key {
        const char *name;
        gboolean in_vpn;
        gboolean is_list; /* may be given several times */
        gboolean (*take)(KsSettingsReader *, const char *, const char *, GError **);
} Key;

static const Key keys[] = {
        { "Table", FALSE, FALSE, take_table },
        { "Priority", FALSE, FALSE, take_priority },
        { "Lan", FALSE, FALSE, take_lan },
        { "LanDns", FALSE, FALSE, take_lan_dns },
        { "BlockWith", FALSE, FALSE, take_block_with },
        { "Guard", FALSE, FALSE, take_guard },
        { "EgressGuard", FALSE, FALSE, take_egress_guard },
        { "AutoWireGuard", FALSE, FALSE, take_auto_wireguard },
        { "HostInterfaces", FALSE, TRUE, ks_settings_take_host_interfaces },
        { "LanPrefixes", FALSE, TRUE, ks_settings_take_lan_prefixes },
        { "ResetConnections", FALSE, FALSE, take_reset_connections },
        { "RecordBlocked", FALSE, FALSE, take_record_blocked },
        { "Interface", TRUE, FALSE, take_interface },
        { "Kind", TRUE, FALSE, take_kind },
        { "Mark", TRUE, FALSE, take_mark },
        { "User", TRUE, FALSE, take_user },
        { "Protocol", TRUE, FALSE, take_protocol },
        { "SourcePort", TRUE, FALSE, take_source_port },
        { "Unit", TRUE, FALSE, take_unit },
        { "Endpoint", TRUE, TRUE, ks_settings_take_endpoint },
        { "EndpointRange", TRUE, TRUE, ks_settings_take_endpoint_range },
        { "Through", TRUE, FALSE, take_through },
        { "Gateway", TRUE, TRUE, take_gateway },
        { "Prefixes", TRUE, TRUE, take_prefixes },
        { "Metric", TRUE, FALSE, take_metric },
        { "Default", TRUE, FALSE, take_default },
};

gint ks_settings_key_place(const char *name)
{
        guint i = 0;

        while (i < G_N_ELEMENTS(keys) && !(keys[i].in_vpn && g_str_equal(keys[i].name, name)))
                i++;
        return (gint)i;
}

static gboolean fail_unknown(KsSettingsReader *reader, const char *name, GError **error)
{
        GString *known = g_string_new(NULL);

        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
                if (keys[i].in_vpn == (reader->draft != NULL))
                        g_string_append_printf(known, "%s%s", known->len ? ", " : "", keys[i].name);
        if (reader->draft)
                ks_settings_fail(reader, name, error,
                                 "there is no such key in a [VPN] section; there are %s",
                                 known->str);
        else
                ks_settings_fail(reader, name, error,
                                 "there is no such key in [Killswitch]; there are %s", known->str);
        g_string_free(known, TRUE);
        return FALSE;
}

gboolean ks_settings_take_key(KsSettingsReader *reader, const char *name, const char *value,
                              GError **error)
{
        g_autofree char *place = NULL;
        const Key *key = NULL;

        if (!reader->in_section)
                return ks_settings_fail(reader, name, error,
                                        "stands before any section; write [Killswitch] or "
                                        "[VPN name] above it");
        for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
                if (keys[i].in_vpn == (reader->draft != NULL) && g_str_equal(keys[i].name, name))
                        key = &keys[i];
        if (!key)
                return fail_unknown(reader, name, error);
        place = g_strdup_printf("%s/%s", reader->draft ? reader->draft->vpn->name : "", name);
        if (!g_hash_table_add(reader->seen, g_steal_pointer(&place)) && !key->is_list)
                return ks_settings_fail(reader, name, error, "is given twice in this section");
        if (reader->draft)
                g_hash_table_replace(reader->draft->places, g_strdup(name),
                                     ks_settings_place(reader->file, reader->line));
        return key->take(reader, name, value, error);
}
