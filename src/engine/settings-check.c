/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only a whole section, or all of them together, can get wrong; and sections to VPNs. */

#include <string.h>

#include "engine/settings-keys.h"
#include "policy/pins.h"

/* Each is two rules a family, and every packet may have to pass all of them. */
#define SELECTORS_MAX 1024

/* Ports of a VPN that is known by root and its ports alone. Far less than the range
 * that programs of root get their ports from (ip_local_port_range). */
#define ROOT_PORTS_MAX 256

gboolean ks_settings_fail_draft(KsSettingsReader *reader, const KsVpnDraft *draft, const char *key,
                                GError **error, const char *sentence)
{
        reader->file = draft->file;
        reader->line = draft->line;
        reader->place = key ? g_hash_table_lookup(draft->places, key) : NULL;
        return ks_settings_fail(reader, reader->place ? key : NULL, error, "[VPN %s] %s",
                                draft->vpn->name, sentence);
}

static gboolean protocol_has_ports(uint8_t protocol)
{
        return protocol == 0 || protocol == IPPROTO_UDP || protocol == IPPROTO_TCP ||
               protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static gboolean check_ranges(KsSettingsReader *reader, const KsVpnDraft *draft, GError **error)
{
        if (draft->names->ranges->len > 0 && draft->names->endpoints->len == 0)
                return ks_settings_fail_draft(
                        reader, draft, "EndpointRange", error,
                        "is about servers that Endpoint= gives by name, and there is "
                        "none");
        return TRUE;
}

static gboolean check_names(KsSettingsReader *reader, const KsVpnDraft *draft, GError **error)
{
        gboolean has_ports = protocol_has_ports(draft->selector.protocol);

        for (guint i = 0; i < draft->names->endpoints->len; i++) {
                const KsNamedEndpoint *endpoint = draft->names->endpoints->pdata[i];

                if (endpoint->port && !has_ports)
                        return ks_settings_fail_draft(reader, draft, "Endpoint", error,
                                                      "the protocol has no ports");
                if (!endpoint->port && has_ports)
                        return ks_settings_fail_draft(reader, draft, "Endpoint", error,
                                                      "names a server without its port; write "
                                                      "NAME:PORT");
        }
        return check_ranges(reader, draft, error);
}

/* By address or by name. A name without an address yet matches nothing, so it is no weaker. */
static gboolean has_endpoint(const KsVpnDraft *draft)
{
        return draft->endpoints->len > 0 || draft->names->endpoints->len > 0;
}

/* Whether it says something that an unprivileged program can't have. */
static gboolean is_known(const KsSelector *selector)
{
        return selector->has_mark || selector->has_uid || selector->in_unit;
}

/* The way of a packet is looked up before there is a hook that could ask for the control group it
 * came from, so that something else has to send it to the uplink. Others that it is true of get
 * nowhere by that: the guard knows better. */
static gboolean check_unit(KsSettingsReader *reader, const KsVpnDraft *draft, GError **error)
{
        const KsSelector *selector = &draft->selector;

        if (selector->has_mark || selector->has_uid || has_endpoint(draft))
                return TRUE;
        if (!selector->source_first)
                return ks_settings_fail_draft(
                        reader, draft, "Unit", error,
                        "alone can't be told apart when the kernel looks a packet's way "
                        "up; add Endpoint= or SourcePort=, or User= if it runs as a user "
                        "of its own");
        if (selector->source_last - selector->source_first >= ROOT_PORTS_MAX)
                return ks_settings_fail_draft(
                        reader, draft, "SourcePort", error,
                        "with Unit= alone, more than 256 ports would stop too much of "
                        "what the system itself sends; name fewer, or add Endpoint=");
        return TRUE;
}

/* A selector must not let strangers out. What an unprivileged program can't
 * have: a mark (CAP_NET_ADMIN), another's uid. What any program can: an address
 * (MUL-02-002), a port that is free. */
static gboolean check_selector(KsSettingsReader *reader, const KsVpnDraft *draft, GError **error)
{
        const KsSelector *selector = &draft->selector;
        gboolean has_server = has_endpoint(draft);
        gboolean has_any = selector->has_mark || selector->has_uid || selector->source_first ||
                           selector->in_unit || has_server || selector->protocol;

        if (!has_any && g_strcmp0(draft->vpn->kind, "wireguard") == 0)
                return TRUE;
        if (selector->in_unit && !check_unit(reader, draft, error))
                return FALSE;
        if (!is_known(selector))
                return ks_settings_fail_draft(
                        reader, draft, NULL, error,
                        has_any ? "an address, a port or a protocol alone is too weak: "
                                  "any program could use it to get out; add Mark=, User= or "
                                  "Unit="
                                : "says nothing about how the VPN's own packets are "
                                  "recognised; add Mark=, or User= or Unit= with Endpoint= or "
                                  "SourcePort=");
        if (selector->has_uid && !selector->has_mark && selector->uid == 0 &&
            !selector->source_first && !has_server)
                return ks_settings_fail_draft(
                        reader, draft, "User", error,
                        "everything that root sends would pass; add SourcePort= or "
                        "Endpoint=");
        if (selector->has_uid && !selector->has_mark && selector->uid == 0 && !has_server &&
            selector->source_last - selector->source_first >= ROOT_PORTS_MAX)
                return ks_settings_fail_draft(
                        reader, draft, "SourcePort", error,
                        "with User=root alone, more than 256 ports would let too much "
                        "of what root sends pass; name fewer, or add Endpoint=");
        if (selector->source_first && !protocol_has_ports(selector->protocol))
                return ks_settings_fail_draft(reader, draft, "SourcePort", error,
                                              "the protocol has no ports");
        for (guint i = 0; i < draft->endpoints->len; i++)
                if (g_array_index(draft->endpoints, KsEndpoint, i).port &&
                    !protocol_has_ports(selector->protocol))
                        return ks_settings_fail_draft(reader, draft, "Endpoint", error,
                                                      "the protocol has no ports");
        return check_names(reader, draft, error);
}

static void add_selectors(KsVpnDraft *draft, uint8_t protocol)
{
        KsSelector selector = draft->selector;

        selector.protocol = protocol;
        if (draft->names->endpoints->len > 0)
                g_array_append_val(draft->names->templates, selector);
        else if (draft->endpoints->len == 0)
                g_array_append_val(draft->vpn->selectors, selector);
        for (guint i = 0; i < draft->endpoints->len; i++) {
                const KsEndpoint *endpoint = &g_array_index(draft->endpoints, KsEndpoint, i);

                selector.remote = endpoint->address;
                selector.remote_port = endpoint->port;
                g_array_append_val(draft->vpn->selectors, selector);
        }
}

/* Through another VPN its own packets are like any others, and need no exemption: all that counts
 * is where they go. That is a route for whatever anybody sends there, so whoever answers DNS has no
 * say in it. */
static gboolean finish_through(KsSettingsReader *reader, KsVpnDraft *draft, GError **error)
{
        if (draft->names->endpoints->len > 0)
                return ks_settings_fail_draft(
                        reader, draft, "Endpoint", error,
                        "gives a server by name, and with Through= it has to be an address");
        if (!check_ranges(reader, draft, error))
                return FALSE;
        if (draft->endpoints->len == 0)
                return ks_settings_fail_draft(
                        reader, draft, "Through", error,
                        "needs Endpoint=, the server that is reached through the other "
                        "VPN");
        for (guint i = 0; i < draft->endpoints->len; i++)
                ks_prefix_array_add(draft->vpn->inner_servers,
                                    &g_array_index(draft->endpoints, KsEndpoint, i).address);
        return TRUE;
}

static gboolean finish_draft(KsSettingsReader *reader, KsVpnDraft *draft, GError **error)
{
        const KsSelector *selector = &draft->selector;

        if (!*draft->vpn->interface)
                return ks_settings_fail_draft(reader, draft, "Interface", error,
                                              "lacks Interface=");
        if (draft->vpn->through)
                return finish_through(reader, draft, error);
        if (!check_selector(reader, draft, error))
                return FALSE;
        if (!is_known(selector))
                return TRUE; /* kernel WireGuard tells the rest */
        if (selector->protocol) {
                add_selectors(draft, selector->protocol);
        } else {
                add_selectors(draft, IPPROTO_UDP);
                add_selectors(draft, IPPROTO_TCP);
        }
        draft->names->fixed = draft->vpn->selectors->len;
        if (draft->names->endpoints->len > 0)
                draft->vpn->names = ks_names_ref(draft->names);
        return TRUE;
}

static gboolean check_unique(KsSettingsReader *reader, guint i, GError **error)
{
        const KsVpnDraft *draft = g_ptr_array_index(reader->drafts, i);

        for (guint j = 0; j < i; j++) {
                const KsVpnDraft *other = g_ptr_array_index(reader->drafts, j);
                g_autofree char *sentence = NULL;

                if (!g_str_equal(draft->vpn->interface, other->vpn->interface))
                        continue;
                sentence = g_strdup_printf("has the interface %s, which [VPN %s] in %s has "
                                           "already; give each VPN an interface of its own",
                                           draft->vpn->interface, other->vpn->name,
                                           other->vpn->origin);
                return ks_settings_fail_draft(reader, draft, "Interface", error, sentence);
        }
        for (guint j = 0; j < reader->settings->host_interfaces->len; j++)
                if (g_str_equal(draft->vpn->interface,
                                g_ptr_array_index(reader->settings->host_interfaces, j)))
                        return ks_settings_fail_draft(
                                reader, draft, "Interface", error,
                                "names an interface that HostInterfaces= has too");
        return TRUE;
}

KsSettings *ks_settings_finish(KsSettingsReader *reader, GError **error)
{
        guint selectors = 0;

        for (guint i = 0; i < reader->drafts->len; i++) {
                KsVpnDraft *draft = g_ptr_array_index(reader->drafts, i);

                if (!finish_draft(reader, draft, error) || !check_unique(reader, i, error) ||
                    !ks_settings_check_pairs(reader, i, error))
                        return NULL;
                selectors += draft->vpn->selectors->len + draft->names->templates->len *
                                                                  draft->names->endpoints->len *
                                                                  KS_PIN_ADDRESSES_MAX;
                if (selectors > SELECTORS_MAX) {
                        ks_settings_fail_draft(
                                reader, draft, "Endpoint", error,
                                "brings the sections together above 1024 combinations of "
                                "protocol and endpoint (a name counts as 16 addresses); give "
                                "Protocol=, or name fewer");
                        return NULL;
                }
                g_ptr_array_add(reader->settings->vpns, g_steal_pointer(&draft->vpn));
                /* The draft's name and interface are still compared with later ones. */
                draft->vpn = ks_vpn_copy(g_ptr_array_index(reader->settings->vpns, i));
        }
        if (!reader->is_alone && !ks_settings_check_through(reader, error))
                return NULL;
        return g_steal_pointer(&reader->settings);
}
