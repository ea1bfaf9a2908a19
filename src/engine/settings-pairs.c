/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What VPNs can get wrong together: what two claim that only one can have, and ways that lead
 * nowhere. */

#include "common/names.h"
#include "engine/settings-keys.h"

static gboolean ranges_meet(guint a_first, guint a_last, guint b_first, guint b_last)
{
        return !a_first || !b_first || (a_first <= b_last && b_first <= a_last);
}

/* One of a VPN's selectors, as far as the settings tell it. */
typedef struct Claim {
        KsSelector selector;
        const char *host; /* the server by its name, whose addresses aren't known here; NULL: by
                           * address, or any */
} Claim;

static GArray *claims_of(const KsVpn *vpn)
{
        GArray *claims = g_array_new(FALSE, TRUE, sizeof(Claim));

        for (guint i = 0; i < vpn->selectors->len; i++) {
                Claim claim = { .selector = g_array_index(vpn->selectors, KsSelector, i) };

                g_array_append_val(claims, claim);
        }
        for (guint i = 0; vpn->names && i < vpn->names->templates->len; i++)
                for (guint j = 0; j < vpn->names->endpoints->len; j++) {
                        const KsNamedEndpoint *endpoint = vpn->names->endpoints->pdata[j];
                        Claim claim = { .selector = g_array_index(vpn->names->templates, KsSelector,
                                                                  i),
                                        .host = endpoint->host };

                        claim.selector.remote_port = endpoint->port;
                        g_array_append_val(claims, claim);
                }
        return claims;
}

/* Those that say nothing of a server take all. Two names count as two servers, and so do a name
 * and an address. */
static gboolean claimed_servers_meet(const Claim *a, const Claim *b)
{
        if ((!a->host && !ks_prefix_is_set(&a->selector.remote)) ||
            (!b->host && !ks_prefix_is_set(&b->selector.remote)))
                return TRUE;
        return g_strcmp0(a->host, b->host) == 0 &&
               ks_prefix_equal(&a->selector.remote, &b->selector.remote);
}

/* Whether one packet could be both's. */
static gboolean claims_meet(const Claim *one, const Claim *other)
{
        const KsSelector *a = &one->selector, *b = &other->selector;

        return a->has_mark && b->has_mark && a->mark == b->mark && a->protocol == b->protocol &&
               ranges_meet(a->source_first, a->source_last, b->source_first, b->source_last) &&
               ranges_meet(a->remote_port, a->remote_port, b->remote_port, b->remote_port) &&
               (!a->has_uid || !b->has_uid || a->uid == b->uid) && claimed_servers_meet(one, other);
}

static gboolean marks_meet(const KsVpn *a, const KsVpn *b)
{
        g_autoptr(GArray) ours = NULL, theirs = NULL;

        if (g_strcmp0(a->unit, b->unit) != 0)
                return FALSE;
        ours = claims_of(a);
        theirs = claims_of(b);
        for (guint i = 0; i < ours->len; i++)
                for (guint j = 0; j < theirs->len; j++)
                        if (claims_meet(&g_array_index(ours, Claim, i),
                                        &g_array_index(theirs, Claim, j)))
                                return TRUE;
        return FALSE;
}

static const KsPrefix *shared_prefix(GArray *a, GArray *b)
{
        for (guint i = 0; i < a->len; i++)
                for (guint j = 0; j < b->len; j++)
                        if (ks_prefix_equal(&g_array_index(a, KsPrefix, i),
                                            &g_array_index(b, KsPrefix, j)))
                                return &g_array_index(a, KsPrefix, i);
        return NULL;
}

static gboolean fail_pair(KsSettingsReader *reader, const KsVpnDraft *draft, const char *key,
                          const KsVpnDraft *other, GError **error, const char *before,
                          const char *after)
{
        g_autofree char *sentence = g_strdup_printf("%s [VPN %s] in %s %s", before,
                                                    other->vpn->name, other->vpn->origin, after);

        return ks_settings_fail_draft(reader, draft, key, error, sentence);
}

/* What goes to a server takes one way, whoever sends it. */
static gboolean check_servers(KsSettingsReader *reader, const KsVpnDraft *draft,
                              const KsVpnDraft *other, GError **error)
{
        for (guint i = 0; i < draft->endpoints->len; i++)
                for (guint j = 0; j < other->endpoints->len; j++) {
                        const KsPrefix *a = &g_array_index(draft->endpoints, KsEndpoint, i).address;
                        const KsPrefix *b = &g_array_index(other->endpoints, KsEndpoint, j).address;

                        if (ks_prefix_equal(a, b) &&
                            g_strcmp0(draft->vpn->through, other->vpn->through) != 0)
                                return fail_pair(reader, draft, "Endpoint", other, error,
                                                 "has the address of a server that",
                                                 "reaches another way: Through= holds for all that "
                                                 "goes to an address");
                }
        return TRUE;
}

gboolean ks_settings_check_pairs(KsSettingsReader *reader, guint i, GError **error)
{
        const KsVpnDraft *draft = g_ptr_array_index(reader->drafts, i);

        if (draft->selector.has_mark && draft->selector.mark == KS_REPLY_MARK)
                return ks_settings_fail_draft(reader, draft, "Mark", error,
                                              "has the mark that the kill switch itself gives to "
                                              "transport; choose another");
        for (guint j = 0; j < i; j++) {
                const KsVpnDraft *other = g_ptr_array_index(reader->drafts, j);
                const KsPrefix *prefix = shared_prefix(draft->vpn->prefixes, other->vpn->prefixes);

                if (marks_meet(draft->vpn, other->vpn))
                        return fail_pair(reader, draft, "Mark", other, error, "has the mark that",
                                         "has already, so that one's packets would be taken for "
                                         "the other's; give each a mark of its own");
                if (prefix) {
                        g_autofree char *text = ks_prefix_to_string(prefix);
                        g_autofree char *before = g_strdup_printf("has %s, which", text);

                        return fail_pair(reader, draft, "Prefixes", other, error, before,
                                         "claims already; a network belongs to one VPN");
                }
                if (!check_servers(reader, draft, other, error))
                        return FALSE;
        }
        return TRUE;
}

static const KsVpnDraft *find_draft(const KsSettingsReader *reader, const char *name)
{
        for (guint i = 0; i < reader->drafts->len; i++) {
                const KsVpnDraft *draft = g_ptr_array_index(reader->drafts, i);

                if (g_str_equal(draft->vpn->name, name))
                        return draft;
        }
        return NULL;
}

/* The files have to be right by themselves: what was added may be removed, and isn't there yet
 * when they are read at the start. */
static gboolean check_in_file(KsSettingsReader *reader, const KsVpnDraft *draft, GError **error)
{
        const KsVpnDraft *outer = find_draft(reader, draft->vpn->through);
        g_autofree char *sentence = NULL;

        if (draft->vpn->from_profile || !outer || !outer->vpn->from_profile)
                return TRUE;
        sentence = g_strdup_printf("names a VPN that was added with 'ksctl vpn add', and a section "
                                   "goes through another section only; write one, [VPN %s]",
                                   outer->vpn->name);
        return ks_settings_fail_draft(reader, draft, "Through", error, sentence);
}

gboolean ks_settings_check_through(KsSettingsReader *reader, GError **error)
{
        for (guint i = 0; i < reader->drafts->len; i++) {
                const KsVpnDraft *draft = g_ptr_array_index(reader->drafts, i);
                const KsVpnDraft *outer = draft;
                g_autofree char *sentence = NULL;

                /* More steps than there are VPNs lead in a circle. */
                for (guint steps = 0; outer && outer->vpn->through; steps++) {
                        if (steps > reader->drafts->len)
                                return ks_settings_fail_draft(reader, draft, "Through", error,
                                                              "leads in a circle; in the end a VPN "
                                                              "has to go by the uplink");
                        outer = find_draft(reader, outer->vpn->through);
                }
                if (draft->vpn->through && !check_in_file(reader, draft, error))
                        return FALSE;
                if (outer)
                        continue;
                sentence = g_strdup_printf(
                        "goes through a VPN that has no section; write [VPN %s], for a "
                        "WireGuard link of the kernel with Interface= and "
                        "Kind=wireguard",
                        draft->vpn->through);
                if (!find_draft(reader, draft->vpn->through))
                        return ks_settings_fail_draft(reader, draft, "Through", error, sentence);
        }
        return TRUE;
}
