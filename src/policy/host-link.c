/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which links lead to this host's own guests only: what is named, and bridges without a way out. */

#include <net/if_arp.h>
#include <string.h>

#include "policy/host-link.h"
#include "policy/vpn.h"

/* Links that are attached to each other, by place in the array of links: as a port, stacked, or
 * as the two ends of a veth. A segment leads out when one of its links does. */
typedef struct Segments {
        GPtrArray *links;
        GHashTable *by_index; /* link index -> KsLink* */
        guint *leader;        /* of each place, a place nearer to the one that stands for all */
        gboolean *leads_out;  /* of each leader */
        gboolean *has_default;
} Segments;

static gboolean is_bridge(const KsLink *link)
{
        return g_str_equal(link->kind, "bridge");
}

static const KsLink *find(const Segments *segments, int index)
{
        return index ? g_hash_table_lookup(segments->by_index, GINT_TO_POINTER(index)) : NULL;
}

static gboolean is_vpn(const KsSettings *settings, const KsLink *link)
{
        if (link->wireguard)
                return TRUE;
        for (guint i = 0; i < settings->vpns->len; i++)
                if (g_str_equal(((KsVpn *)g_ptr_array_index(settings->vpns, i))->interface,
                                link->name))
                        return TRUE;
        return FALSE;
}

/* Kinds of ports behind which guests are, or nobody (LXD keeps its bridges' MTU by a dummy). A
 * tun link without Ethernet can't be a port. */
static gboolean is_guest_port(const KsLink *link)
{
        static const char *const kinds[] = { "veth", "tun", "dummy", NULL };

        return link->type == ARPHRD_ETHER && g_strv_contains(kinds, link->kind);
}

/* Whether this link takes a segment out of the host. Hardware has no kind. */
static gboolean link_leads_out(const Segments *segments, const KsSettings *settings,
                               const KsLink *link)
{
        const KsLink *master = find(segments, link->master);

        if (link->default_route || link->kind[0] == '\0' || is_vpn(settings, link))
                return TRUE;
        return link->master && !(master && is_bridge(master) && is_guest_port(link));
}

static guint leader_of(Segments *segments, guint place)
{
        guint *leader = segments->leader;

        for (; leader[place] != place; place = leader[place])
                leader[place] = leader[leader[place]];
        return place;
}

static void join(Segments *segments, GHashTable *places, guint place, int index)
{
        gpointer other;

        if (index && g_hash_table_lookup_extended(places, GINT_TO_POINTER(index), NULL, &other))
                segments->leader[leader_of(segments, place)] = leader_of(segments,
                                                                         GPOINTER_TO_UINT(other));
}

static void segments_init(Segments *segments, const KsSettings *settings, GPtrArray *links)
{
        g_autoptr(GHashTable) places = g_hash_table_new(NULL, NULL);

        segments->links = links;
        segments->by_index = g_hash_table_new(NULL, NULL);
        segments->leader = g_new0(guint, links->len);
        segments->leads_out = g_new0(gboolean, links->len);
        segments->has_default = g_new0(gboolean, links->len);
        for (guint i = 0; i < links->len; i++) {
                KsLink *link = g_ptr_array_index(links, i);

                segments->leader[i] = i;
                g_hash_table_insert(places, GINT_TO_POINTER(link->index), GUINT_TO_POINTER(i));
                g_hash_table_insert(segments->by_index, GINT_TO_POINTER(link->index), link);
        }
        for (guint i = 0; i < links->len; i++) {
                const KsLink *link = g_ptr_array_index(links, i);

                join(segments, places, i, link->master);
                join(segments, places, i, link->parent);
        }
        for (guint i = 0; i < links->len; i++) {
                const KsLink *link = g_ptr_array_index(links, i);
                guint leader = leader_of(segments, i);

                segments->leads_out[leader] |= link_leads_out(segments, settings, link);
                segments->has_default[leader] |= link->default_route;
        }
}

static void segments_clear(Segments *segments)
{
        g_hash_table_unref(segments->by_index);
        g_free(segments->leader);
        g_free(segments->leads_out);
        g_free(segments->has_default);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Segments, segments_clear)

static gboolean is_named(const KsSettings *settings, const KsLink *link)
{
        for (guint i = 0; i < settings->host_interfaces->len; i++)
                if (g_str_equal(g_ptr_array_index(settings->host_interfaces, i), link->name))
                        return TRUE;
        return FALSE;
}

gboolean ks_host_links_need_defaults(const KsSettings *settings, GPtrArray *links)
{
        for (guint i = 0; i < links->len; i++) {
                const KsLink *link = g_ptr_array_index(links, i);

                if ((settings->host_auto && is_bridge(link)) || is_named(settings, link))
                        return TRUE;
        }
        return FALSE;
}

/* Naming an uplink would open everything, so it isn't done without a word. */
static void add_uplink_problem(GPtrArray *problems, const KsLink *link)
{
        if (problems)
                g_ptr_array_add(
                        problems,
                        g_strdup_printf("HostInterfaces= names %s, but the host's default route "
                                        "goes over it: it leads out and is treated like any "
                                        "uplink. Take it out of HostInterfaces=.",
                                        link->name));
}

GPtrArray *ks_host_links_find(const KsSettings *settings, GPtrArray *links, GPtrArray *problems)
{
        g_autoptr(GPtrArray) found = g_ptr_array_new();
        g_auto(Segments) segments = { 0 };

        segments_init(&segments, settings, links);
        for (guint i = 0; i < links->len; i++) {
                KsLink *link = g_ptr_array_index(links, i);
                guint leader = leader_of(&segments, i);

                if (is_named(settings, link)) {
                        /* Over a bridge it may go by what hangs from the bridge. */
                        if (link->default_route ||
                            (is_bridge(link) && segments.has_default[leader]))
                                add_uplink_problem(problems, link);
                        else
                                g_ptr_array_add(found, link);
                } else if (settings->host_auto && is_bridge(link) && !segments.leads_out[leader]) {
                        g_ptr_array_add(found, link);
                }
        }
        return g_steal_pointer(&found);
}
