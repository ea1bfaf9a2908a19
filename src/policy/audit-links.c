/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passes by the host's IP layer, what lets no answers in, and VPNs that no selector fits. */

#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "policy/audit-private.h"

/* Links on links on links. */
#define DEPTH_MAX 8

static gboolean is_one_of(const char *kind, const char *const *kinds)
{
        return g_strv_contains(kinds, kind);
}

/* Kinds that put frames of their own on the link below. */
static const char *const parasites[] = { "macvlan", "macvtap", "ipvlan", "ipvtap", NULL };
/* Kinds that stand on a link below, and lead where that leads. */
static const char *const stacked[] = { "macvlan", "macvtap", "ipvlan", "ipvtap", "vlan", NULL };
/* Kinds that lead where one of their ports leads. */
static const char *const gathering[] = { "bridge", "bond", "team", NULL };
/* Kinds whose other end is a guest, unless a route says otherwise. */
static const char *const guests[] = { "tun", "veth", NULL };

/* Whether table main sends what is not on the link itself over this link. */
static gboolean carries_routes(const KsAuditFacts *facts, int index)
{
        for (guint i = 0; i < facts->routes->len; i++) {
                const KsRoute *route = &g_array_index(facts->routes, KsRoute, i);

                if (route->table == RT_TABLE_MAIN && route->oif == index &&
                    route->type == RTN_UNICAST &&
                    (ks_prefix_is_set(&route->gateway) || route->destination.length <= 1))
                        return TRUE;
        }
        return FALSE;
}

static gboolean leads_outside(const KsAuditFacts *facts, const KsLink *link, int depth)
{
        if (!link || depth == 0 || link->type == ARPHRD_LOOPBACK || ks_audit_is_vpn(facts, link))
                return FALSE;
        if (carries_routes(facts, link->index) || (!link->kind[0] && link->type == ARPHRD_ETHER))
                return TRUE;
        if (is_one_of(link->kind, stacked))
                return leads_outside(facts, ks_audit_link(facts, link->parent), depth - 1);
        for (guint i = 0; is_one_of(link->kind, gathering) && i < facts->links->len; i++) {
                const KsLink *port = g_ptr_array_index(facts->links, i);

                if (port->master == link->index && leads_outside(facts, port, depth - 1))
                        return TRUE;
        }
        return FALSE;
}

gboolean ks_audit_leads_outside(const KsAuditFacts *facts, const KsLink *link)
{
        return leads_outside(facts, link, DEPTH_MAX);
}

/* Whether a link, or the bridge that it is a port of, leads outside. */
static gboolean is_way_outside(const KsAuditFacts *facts, const KsLink *link)
{
        return ks_audit_leads_outside(facts, link) ||
               ks_audit_leads_outside(facts, ks_audit_link(facts, link->master));
}

static void judge_parasite(const KsAuditFacts *facts, const KsLink *link, GPtrArray *findings)
{
        const KsLink *below = ks_audit_link(facts, link->parent);
        g_autofree char *word = ks_audit_link_word(facts, link->index);
        g_autofree char *below_word = NULL;

        if (!below || !is_way_outside(facts, below))
                return;
        below_word = ks_audit_link_word(facts, below->index);
        ks_audit_add(
                findings, KS_SEVERITY_RISK, link->name,
                g_strdup_printf("The %s link %s stands on %s, which leads outside. What a "
                                "container or virtual machine sends by it passes by both "
                                "layers. 'EgressGuard=yes' stops it; or 'ip link delete %s'; for "
                                "guests use a bridge of their own and HostInterfaces=",
                                link->kind, word, below_word, word));
}

/* Whether a port belongs to a guest: by its kind, and no route says that it is the way outside. */
static gboolean is_guest_port(const KsAuditFacts *facts, const KsLink *port)
{
        return is_one_of(port->kind, guests) && !carries_routes(facts, port->index) &&
               !ks_audit_is_vpn(facts, port);
}

/* A bridge that has guests as ports and leads outside. When all ports look like guests', which is
 * so where the machine is a container itself, one of them is the way outside. */
static void judge_bridge(const KsAuditFacts *facts, const KsLink *bridge, GPtrArray *findings)
{
        g_autoptr(GString) named = g_string_new(NULL);
        g_autofree char *word = ks_audit_link_word(facts, bridge->index);
        g_autofree char *first = NULL;
        guint of_guests = 0, others = 0;

        if (!ks_audit_leads_outside(facts, bridge))
                return;
        for (guint i = 0; i < facts->links->len; i++) {
                const KsLink *port = g_ptr_array_index(facts->links, i);
                g_autofree char *port_word = ks_audit_link_word(facts, port->index);

                if (port->master != bridge->index)
                        continue;
                if (!is_guest_port(facts, port)) {
                        others++;
                        continue;
                }
                of_guests++;
                g_string_append_printf(named, "%s%s", named->len ? ", " : "", port_word);
                if (!first)
                        first = g_steal_pointer(&port_word);
        }
        if (of_guests == 0 || of_guests + others < 2)
                return;
        ks_audit_add(findings, KS_SEVERITY_RISK, bridge->name,
                     g_strdup_printf("The bridge %s leads outside and has ports that look like "
                                     "guests': %s. What virtual machines or containers send by "
                                     "them passes by both layers. 'EgressGuard=yes' stops it; or "
                                     "give them a bridge of their own "
                                     "and HostInterfaces=, or take them off: 'ip link set %s "
                                     "nomaster'",
                                     word, named->str, first));
}

/* The guard lets everything out by these. One with a default route over it is none of them. */
static void judge_host_link(const KsAuditFacts *facts, const KsLink *link, GPtrArray *findings)
{
        g_autofree char *word = ks_audit_link_word(facts, link->index);

        if (!ks_audit_leads_outside(facts, link))
                return;
        ks_audit_add(findings, KS_SEVERITY_HOLE, link->name,
                     g_strdup_printf("%s counts as a link to this host's own guests "
                                     "(HostInterfaces=), but leads outside: programs that bind to "
                                     "it get out. Take it out of HostInterfaces= in "
                                     "killswitch.conf, then 'ksctl reload'",
                                     word));
}

static void judge_filters(const KsAuditFacts *facts, GPtrArray *findings)
{
        if (facts->plan->guard->sets[KS_SET_MARK].elements->len == 0)
                return;
        for (guint i = 0; i < facts->filters->len; i++) {
                const KsReverseFilter *filter = &g_array_index(facts->filters, KsReverseFilter, i);
                const KsLink *link = ks_audit_link(facts, filter->link);

                if (!link || filter->mode == 0 || filter->uses_marks ||
                    !ks_audit_is_uplink(facts, link->index) || !is_way_outside(facts, link))
                        continue;
                ks_audit_add(findings, KS_SEVERITY_NOTE, link->name,
                             g_strdup_printf("rp_filter drops the answers to the VPN's own packets "
                                             "that come in by %s (mode %d), because marks do not "
                                             "count there; the VPN can't connect. 'sysctl -w "
                                             "net.ipv4.conf.all.src_valid_mark=1'",
                                             link->name, filter->mode));
        }
}

void ks_audit_judge_links(const KsAuditFacts *facts, GPtrArray *findings)
{
        for (guint i = 0; i < facts->host_links->len; i++)
                judge_host_link(facts, g_ptr_array_index(facts->host_links, i), findings);
        for (guint i = 0; i < facts->links->len; i++) {
                const KsLink *link = g_ptr_array_index(facts->links, i);

                /* What can't be filtered there is a problem of the plan already. */
                if (facts->egress)
                        continue;
                if (is_one_of(link->kind, parasites))
                        judge_parasite(facts, link, findings);
                else if (g_str_equal(link->kind, "bridge"))
                        judge_bridge(facts, link, findings);
        }
        judge_filters(facts, findings);
}

/* VPNs */

static gboolean fits_socket(const KsSelector *selector, const KsSocket *socket)
{
        return selector->protocol == socket->protocol &&
               (!selector->has_mark || selector->mark == socket->mark) &&
               ks_selector_takes_user(selector, socket->uid) &&
               (!selector->source_first || (socket->source_port >= selector->source_first &&
                                            socket->source_port <= selector->source_last)) &&
               (!selector->remote_port || !socket->remote_port ||
                selector->remote_port == socket->remote_port) &&
               (!ks_prefix_is_set(&selector->remote) || !ks_prefix_is_set(&socket->remote) ||
                ks_prefix_contains(&selector->remote, &socket->remote));
}

/* Kernel WireGuard's socket shows its port, but not the mark. */
static gboolean fits_wireguard(const KsSelector *selector, const KsWireguard *wireguard)
{
        const KsSocket socket = { .protocol = IPPROTO_UDP,
                                  .source_port = wireguard->listen_port,
                                  .mark = wireguard->mark };

        return fits_socket(selector, &socket);
}

static gboolean is_recognised(const KsAuditFacts *facts, const KsVpn *vpn, const KsLink *link)
{
        for (guint i = 0; i < vpn->selectors->len; i++) {
                const KsSelector *selector = &g_array_index(vpn->selectors, KsSelector, i);

                if (link->wireguard && fits_wireguard(selector, link->wireguard))
                        return TRUE;
                /* What has no ports has no sockets that could be looked at. */
                if (selector->protocol != IPPROTO_UDP && selector->protocol != IPPROTO_TCP)
                        return TRUE;
                for (guint j = 0; !link->wireguard && j < facts->sockets->len; j++)
                        if (fits_socket(selector, &g_array_index(facts->sockets, KsSocket, j)))
                                return TRUE;
        }
        return FALSE;
}

void ks_audit_judge_vpns(const KsAuditFacts *facts, GPtrArray *findings)
{
        for (guint i = 0; i < facts->plan->vpns->len; i++) {
                const KsPlanVpn *entry = g_ptr_array_index(facts->plan->vpns, i);
                const KsVpn *vpn = entry->vpn;
                const KsLink *link = ks_links_find(facts->links, vpn->interface);

                /* Inside another VPN nothing has to be recognised. */
                if (!entry->up || !link || !vpn->from_settings || vpn->through ||
                    is_recognised(facts, vpn, link))
                        continue;
                ks_audit_add(
                        findings, KS_SEVERITY_NOTE, vpn->name,
                        g_strdup_printf("The VPN %s on %s is up, but no socket of this machine "
                                        "is as its section says (%s), so its own packets can't "
                                        "get out. Compare 'ss -uatnpe' and 'wg show %s' with "
                                        "the section [VPN %s], mend it, then 'ksctl reload'",
                                        vpn->name, vpn->interface, entry->transport, vpn->interface,
                                        vpn->name));
        }
}
