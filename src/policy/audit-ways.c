/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ways out through the routing: for every rule a packet is sought that must stay and would leave.
 */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "policy/audit-private.h"

/* What one audit and one rule may cost, in packets that are tried where there are few routes. Of
 * tables with very many a part is looked at; the samples, which the kernel itself answers for,
 * don't depend on it. */
#define COST_MAX 40000
#define RULE_COST_MAX 4000
/* Packets that are tried for one rule, each to many destinations. */
#define PACKETS_MAX 7
/* More of a kind tell nothing new. */
#define WAYS_MAX 50

static const char *const public4[] = { "203.0.113.1", "9.9.9.9" };
static const char *const public6[] = { "2001:db8::1", "2620:fe::9" };

/* Not for others at all, or for a group: the guard's business. RFC 6890, RFC 5771, RFC 4291. */
static const char *const special[] = { "0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3", "::/64",
                                       "ff00::/8" };

/* Where a forwarded packet came in, when that makes no difference. */
#define FORWARDED "(forwarded)"

/* A search under way: the rule, and the packet whose destination is sought. */
typedef struct Search {
        const KsAuditFacts *facts;
        const KsRule *rule;
        KsWayOut way;
        guint budget;
} Search;

static gboolean pay(Search *search, guint cost)
{
        gboolean enough = search->budget >= cost;

        search->budget -= MIN(search->budget, cost);
        return enough;
}

static KsPrefix prefix_of(const char *text)
{
        KsPrefix prefix = { 0 };

        ks_prefix_parse(text, &prefix, NULL);
        return prefix;
}

gboolean ks_audit_is_ahead(const KsRule *rule, guint32 priority)
{
        gboolean is_kernels = rule->priority == 0 && rule->table == RT_TABLE_LOCAL;

        return rule->origin != KS_PROTOCOL && !is_kernels &&
               rule->priority <= priority + KS_OFFSET_FLOOR;
}

static gboolean is_special(const KsPrefix *address)
{
        for (guint i = 0; i < G_N_ELEMENTS(special); i++) {
                KsPrefix prefix = prefix_of(special[i]);

                if (ks_prefix_contains(&prefix, address))
                        return TRUE;
        }
        return FALSE;
}

/* In a range that LAN access is about: the fixed private ones, and LanPrefixes=. */
static gboolean is_lan(const KsAuditFacts *facts, const KsPrefix *address)
{
        GArray *more = facts->settings->lan_prefixes;
        guint count;
        const char *const *ranges = ks_private_ranges(address->family, &count);

        for (guint i = 0; i < count; i++) {
                KsPrefix range = prefix_of(ranges[i]);

                if (ks_prefix_contains(&range, address))
                        return TRUE;
        }
        for (guint i = 0; i < more->len; i++)
                if (ks_prefix_contains(&g_array_index(more, KsPrefix, i), address))
                        return TRUE;
        return FALSE;
}

static gboolean is_claimed(const KsAuditFacts *facts, const KsPrefix *address)
{
        for (guint i = 0; i < facts->plan->claims->len; i++)
                if (ks_prefix_contains(&g_array_index(facts->plan->claims, KsPrefix, i), address))
                        return TRUE;
        return FALSE;
}

static gboolean is_dns(const KsPacket *packet)
{
        return (packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP) &&
               (packet->dport == 53 || packet->dport == 853);
}

static gboolean selector_takes(const KsSelector *selector, const KsPacket *packet)
{
        return selector->protocol == packet->protocol &&
               (!selector->has_mark || selector->mark == packet->mark) &&
               ks_selector_takes_user(selector, packet->uid) &&
               (!selector->source_first || (packet->sport >= selector->source_first &&
                                            packet->sport <= selector->source_last)) &&
               (!selector->remote_port || selector->remote_port == packet->dport) &&
               (!ks_prefix_is_set(&selector->remote) ||
                ks_prefix_contains(&selector->remote, &packet->destination));
}

/* What the rule for its answers lets out as well; the guard doesn't. */
static gboolean answers_take(const KsSelector *selector, const KsPacket *packet)
{
        uint32_t mark = ks_selector_reply_mark(selector);

        return mark != 0 && mark == packet->mark && packet->protocol == selector->protocol &&
               (!ks_prefix_is_set(&selector->remote) ||
                ks_prefix_contains(&selector->remote, &packet->destination));
}

static gboolean is_transport(const KsAuditFacts *facts, const KsPacket *packet)
{
        for (guint i = 0; i < facts->plan->vpns->len; i++) {
                GArray *selectors = ((KsPlanVpn *)g_ptr_array_index(facts->plan->vpns, i))
                                            ->vpn->selectors;

                for (guint j = 0; j < selectors->len; j++) {
                        const KsSelector *selector = &g_array_index(selectors, KsSelector, j);

                        if (selector_takes(selector, packet) || answers_take(selector, packet))
                                return TRUE;
                }
        }
        return FALSE;
}

static gboolean is_dhcp(const KsPacket *packet)
{
        return packet->family == AF_INET && packet->protocol == IPPROTO_UDP &&
               packet->sport == 68 && packet->dport == 67 && packet->uid <= KS_SYSTEM_UID_MAX;
}

/* Whether a packet may leave by what it is. Without a destination: to wherever it goes. */
static gboolean is_exempt(const KsAuditFacts *facts, const KsPacket *packet)
{
        return g_str_equal(packet->iif, "lo") && (is_transport(facts, packet) || is_dhcp(packet));
}

/* Whether a packet that a route would send out by an uplink has to stay. */
static gboolean must_stay(const KsAuditFacts *facts, const KsPacket *packet, const KsRoute *route)
{
        gboolean lan = facts->lan != KS_LAN_MODE_NONE && is_lan(facts, &packet->destination);

        if (is_special(&packet->destination) || is_exempt(facts, packet))
                return FALSE;
        if (facts->lan == KS_LAN_MODE_ALL && route->table == RT_TABLE_MAIN)
                lan |= route->destination.length > 1;
        if (is_dns(packet) && !facts->settings->lan_dns)
                lan = FALSE;
        return !lan || is_claimed(facts, &packet->destination);
}

/* A blanket rule to main that suppresses the default, which leads to a network on the link itself:
 * wg-quick adds one, and without a priority it gets one before ours. What it lets pass beyond LAN
 * access, which is DNS to the LAN and a public network on the link, the guard refuses; that is no
 * alarm worth on every machine that runs wg-quick. A route by a gateway is. */
static gboolean is_blanket(const KsAuditFacts *facts, const KsRule *rule, const KsRoute *route)
{
        return (facts->guard || facts->off) && rule->suppress &&
               !ks_prefix_is_set(&route->gateway) && route->destination.length > 1;
}

/* Whose doing a verdict is: that of a rule of somebody else, or of a goto that left ours out. */
static const KsRule *culprit_of(const KsAuditFacts *facts, const KsVerdict *verdict)
{
        if (verdict->jump &&
            (verdict->rule->origin == KS_PROTOCOL ||
             verdict->rule->priority > facts->settings->priority + KS_OFFSET_FLOOR))
                return verdict->jump;
        return verdict->rule;
}

/* Whether the packet, sent to this address, leaves, and by the rule's doing. */
static gboolean try(Search *search, const KsPrefix *address)
{
        KsVerdict verdict;

        if (!pay(search, 1 + search->facts->routes->len / 64))
                return FALSE;
        search->way.packet.destination = ks_prefix_host(*address);
        verdict = ks_lookup(search->facts->rules, search->facts->routes, &search->way.packet);
        if (!verdict.leaves || culprit_of(search->facts, &verdict) != search->rule ||
            !ks_audit_is_uplink(search->facts, verdict.route->oif) ||
            is_blanket(search->facts, search->rule, verdict.route) ||
            !must_stay(search->facts, &search->way.packet, verdict.route))
                return FALSE;
        search->way.rule = *search->rule;
        search->way.route = *verdict.route;
        search->way.found = TRUE;
        return TRUE;
}

/* The first address behind the network's own; a host is its only one. */
static KsPrefix first_address(const KsPrefix *prefix)
{
        unsigned bits = ks_family_bits(prefix->family);
        KsPrefix address = ks_prefix_host(*prefix);

        if (prefix->length < bits)
                address.address[bits / 8 - 1] |= 1;
        return address;
}

/* One half of a network, by its next bit. */
static KsPrefix half(const KsPrefix *prefix, gboolean upper)
{
        KsPrefix part = *prefix;

        if (upper)
                part.address[part.length / 8] |= (uint8_t)(0x80 >> (part.length % 8));
        part.length++;
        return part;
}

/* Keeps those that lie inside, and are smaller. */
static GArray *inside(GArray *prefixes, const KsPrefix *outer)
{
        GArray *kept = g_array_new(FALSE, FALSE, sizeof(KsPrefix));

        for (guint i = 0; i < prefixes->len; i++) {
                const KsPrefix *prefix = &g_array_index(prefixes, KsPrefix, i);

                if (prefix->family == outer->family && prefix->length > outer->length &&
                    ks_prefix_contains(outer, prefix))
                        g_array_append_val(kept, *prefix);
        }
        return kept;
}

/* What nothing distinguishes is one case: halves a network until none of @borders lies inside. */
static gboolean descend(Search *search, const KsPrefix *prefix, GArray *borders)
{
        g_autoptr(GArray) within = inside(borders, prefix);
        KsPrefix address = first_address(prefix);

        if (!pay(search, borders->len / 64))
                return FALSE;
        if (within->len == 0)
                return try(search, &address);
        for (int upper = 0; upper <= 1; upper++) {
                KsPrefix part = half(prefix, upper);

                if (descend(search, &part, within))
                        return TRUE;
        }
        return FALSE;
}

static void add_texts(GArray *borders, const char *const *texts, guint count)
{
        for (guint i = 0; i < count; i++) {
                KsPrefix prefix = prefix_of(texts[i]);

                g_array_append_val(borders, prefix);
        }
}

/* Every network that makes a difference to anything. */
static GArray *find_borders(const KsAuditFacts *facts, int family)
{
        GArray *borders = g_array_new(FALSE, FALSE, sizeof(KsPrefix));
        guint count;
        const char *const *ranges = ks_private_ranges(family, &count);

        add_texts(borders, ranges, count);
        add_texts(borders, special, G_N_ELEMENTS(special));
        g_array_append_vals(borders, facts->settings->lan_prefixes->data,
                            facts->settings->lan_prefixes->len);
        g_array_append_vals(borders, facts->plan->claims->data, facts->plan->claims->len);
        for (guint i = 0; i < facts->routes->len; i++)
                g_array_append_val(borders, g_array_index(facts->routes, KsRoute, i).destination);
        for (guint i = 0; i < facts->rules->len; i++) {
                const KsRule *rule = &g_array_index(facts->rules, KsRule, i);

                if (ks_prefix_is_set(&rule->destination))
                        g_array_append_val(borders, rule->destination);
        }
        return borders;
}

/* Looks for a destination behind one route of the rule's table: among addresses that people know
 * first, then in all of it. */
static gboolean try_route(Search *search, const KsRoute *route, GArray *borders)
{
        const KsPrefix *to = &search->rule->destination;
        KsPrefix range = ks_prefix_network(route->destination);

        if (ks_prefix_is_set(to) && !search->rule->inverted) {
                if (!ks_prefix_contains(to, &range) && !ks_prefix_contains(&range, to))
                        return FALSE;
                if (to->length > range.length)
                        range = ks_prefix_network(*to);
        }
        for (guint i = 0; i < G_N_ELEMENTS(public4); i++) {
                KsPrefix address = prefix_of(range.family == AF_INET ? public4[i] : public6[i]);

                if (ks_prefix_contains(&range, &address) && try(search, &address))
                        return TRUE;
        }
        return descend(search, &range, borders);
}

static gboolean leads_out(const Search *search, const KsRoute *route)
{
        /* A goto may lead to any table. */
        return (!search->rule->table || route->table == search->rule->table) &&
               route->family == search->rule->family && route->type == RTN_UNICAST &&
               !(search->rule->suppress &&
                 route->destination.length <= search->rule->suppress - 1) &&
               ks_audit_is_uplink(search->facts, route->oif);
}

static gboolean try_packet(Search *search, const KsPacket *packet, GArray *borders)
{
        if (is_exempt(search->facts, packet) ||
            (!g_str_equal(packet->iif, "lo") && !search->facts->forwards))
                return FALSE;
        search->way.packet = *packet;
        for (guint i = 0; i < search->facts->routes->len; i++) {
                const KsRoute *route = &g_array_index(search->facts->routes, KsRoute, i);

                if (leads_out(search, route) && try_route(search, route, borders))
                        return TRUE;
        }
        return FALSE;
}

/* An address of this host inside a rule's source; another one makes it about forwarded packets,
 * which the kernel can't be asked about. */
static KsPrefix choose_source(const KsAuditFacts *facts, const KsPrefix *range, gboolean *own)
{
        *own = TRUE;
        for (guint i = 0; ks_prefix_is_set(range) && i < facts->links->len; i++) {
                GArray *addresses = ((KsLink *)g_ptr_array_index(facts->links, i))->addresses;

                for (guint j = 0; j < addresses->len; j++) {
                        const KsAddress *address = &g_array_index(addresses, KsAddress, j);

                        if (ks_prefix_contains(range, &address->local))
                                return address->local;
                }
        }
        *own = !ks_prefix_is_set(range);
        return *own ? (KsPrefix){ 0 } : first_address(range);
}

/* A packet of an ordinary program, without anything special about it. */
static KsPacket plain_packet(int family)
{
        KsPacket packet = { .family = family,
                            .iif = "lo",
                            .uid = KS_SYSTEM_UID_MAX + 1,
                            .protocol = IPPROTO_TCP,
                            .sport = 40000,
                            .dport = 443 };

        return packet;
}

/* The plainest packet that a rule is about. */
static KsPacket packet_for(const KsAuditFacts *facts, const KsRule *rule, gboolean *askable)
{
        KsPacket packet = plain_packet(rule->family);
        gboolean own = TRUE;

        packet.mark = rule->mark & rule->mark_mask;
        packet.source = choose_source(facts, &rule->source, &own);
        packet.tos = rule->tos;
        if (rule->has_uid)
                packet.uid = CLAMP(packet.uid, rule->uid_first, rule->uid_last);
        if (rule->ipproto)
                packet.protocol = rule->ipproto;
        if (rule->sport_first)
                packet.sport = CLAMP(packet.sport, rule->sport_first, rule->sport_last);
        if (rule->dport_first)
                packet.dport = CLAMP(packet.dport, rule->dport_first, rule->dport_last);
        if (rule->iif[0])
                g_strlcpy(packet.iif, rule->iif, sizeof(packet.iif));
        if (rule->oif[0]) {
                const KsLink *link = ks_links_find(facts->links, rule->oif);

                g_strlcpy(packet.oif, rule->oif, sizeof(packet.oif));
                packet.oif_index = link ? link->index : 0;
        }
        if (!own && !rule->iif[0])
                g_strlcpy(packet.iif, FORWARDED, sizeof(packet.iif));
        if (!g_str_equal(packet.iif, "lo") && !rule->has_uid)
                packet.uid = 0; /* to the rules, what is forwarded is root's */
        *askable = own && g_str_equal(packet.iif, "lo") && !(rule->oif[0] && !packet.oif_index) &&
                   (packet.protocol == IPPROTO_TCP || packet.protocol == IPPROTO_UDP ||
                    packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6);
        return packet;
}

/* Packets that a "not" rule is about: plain ones that differ from what it names in one thing. */
static guint packets_for_inverted(const KsRule *rule, KsPacket packets[PACKETS_MAX])
{
        guint count = 0;

        for (guint i = 0; i < PACKETS_MAX; i++)
                packets[i] = plain_packet(rule->family);
        count++;
        packets[count++].mark = ~rule->mark;
        packets[count++].uid = rule->uid_last + 1;
        packets[count++].protocol = IPPROTO_UDP;
        packets[count++].sport = (uint16_t)(rule->sport_last + 1);
        packets[count++].dport = (uint16_t)(rule->dport_last + 1);
        g_strlcpy(packets[count++].iif, FORWARDED, IFNAMSIZ);
        return count;
}

static gboolean search_rule(Search *search, GArray *borders)
{
        const KsRule *rule = search->rule;
        KsPacket packets[PACKETS_MAX];
        guint count = 1;

        if (rule->inverted) {
                count = packets_for_inverted(rule, packets);
        } else {
                packets[0] = packet_for(search->facts, rule, &search->way.askable);
                if (!rule->dport_first && (!rule->ipproto || rule->ipproto == IPPROTO_UDP ||
                                           rule->ipproto == IPPROTO_TCP)) {
                        packets[count] = packets[0];
                        packets[count++].dport = 53;
                }
                if (!rule->dport_first && !rule->sport_first && !rule->ipproto) {
                        packets[count] = packets[0];
                        packets[count++].protocol = rule->family == AF_INET ? IPPROTO_ICMP
                                                                            : IPPROTO_ICMPV6;
                }
        }
        for (guint i = 0; i < count; i++) {
                if (rule->inverted)
                        search->way.askable = g_str_equal(packets[i].iif, "lo");
                if (try_packet(search, &packets[i], borders))
                        return TRUE;
        }
        return FALSE;
}

GArray *ks_audit_ways_out(const KsAuditFacts *facts, gboolean foreign_only)
{
        GArray *ways = g_array_new(FALSE, TRUE, sizeof(KsWayOut));
        g_autoptr(GArray) borders4 = find_borders(facts, AF_INET);
        g_autoptr(GArray) borders6 = find_borders(facts, AF_INET6);
        guint budget = COST_MAX;

        for (guint i = 0; i < facts->rules->len && ways->len < WAYS_MAX; i++) {
                const KsRule *rule = &g_array_index(facts->rules, KsRule, i);
                guint share = MIN(budget, RULE_COST_MAX);
                Search search = { .facts = facts, .rule = rule, .budget = share };
                gboolean ahead = ks_audit_is_ahead(rule, facts->settings->priority);

                if ((rule->action != FR_ACT_TO_TBL && rule->action != FR_ACT_GOTO) ||
                    rule->priority > facts->settings->priority + KS_OFFSET_FLOOR ||
                    (foreign_only && !ahead))
                        continue;
                if (search_rule(&search, rule->family == AF_INET ? borders4 : borders6))
                        g_array_append_val(ways, search.way);
                budget -= share - search.budget;
        }
        return ways;
}

/* Samples */

static void add_sample(GArray *samples, const KsPacket *packet)
{
        KsWayOut sample = { .packet = *packet, .askable = TRUE };

        g_array_append_val(samples, sample);
}

static void add_public_samples(GArray *samples, int family)
{
        for (guint i = 0; i < G_N_ELEMENTS(public4); i++) {
                KsPacket packet = plain_packet(family);

                packet.destination = prefix_of(family == AF_INET ? public4[i] : public6[i]);
                add_sample(samples, &packet);
                packet.uid = 0;
                packet.protocol = IPPROTO_UDP;
                add_sample(samples, &packet);
                packet.dport = 53;
                add_sample(samples, &packet);
        }
}

/* What depends on where the default of table main leads. */
static void add_uplink_samples(const KsAuditFacts *facts, GArray *samples, const KsRoute *route)
{
        const KsLink *link = ks_audit_link(facts, route->oif);
        KsPacket packet = plain_packet(route->family);

        if (!link || !ks_audit_is_uplink(facts, route->oif))
                return;
        if (ks_prefix_is_set(&route->gateway) && !ks_prefix_is_link_local(&route->gateway) &&
            !facts->settings->lan_dns) {
                packet.destination = route->gateway;
                packet.protocol = IPPROTO_UDP;
                packet.dport = 53;
                add_sample(samples, &packet);
        }
        if (route->family != AF_INET6)
                return;
        packet = plain_packet(AF_INET6);
        packet.destination = prefix_of(public6[0]);
        g_strlcpy(packet.oif, link->name, sizeof(packet.oif));
        packet.oif_index = link->index;
        add_sample(samples, &packet);
}

GArray *ks_audit_samples(const KsAuditFacts *facts)
{
        GArray *samples = g_array_new(FALSE, TRUE, sizeof(KsWayOut));

        add_public_samples(samples, AF_INET);
        add_public_samples(samples, AF_INET6);
        for (guint i = 0; i < facts->routes->len; i++) {
                const KsRoute *route = &g_array_index(facts->routes, KsRoute, i);

                if (route->table == RT_TABLE_MAIN && route->destination.length == 0 &&
                    route->type == RTN_UNICAST)
                        add_uplink_samples(facts, samples, route);
        }
        for (guint i = samples->len; i > 0; i--) {
                KsWayOut *sample = &g_array_index(samples, KsWayOut, i - 1);
                KsVerdict verdict = ks_lookup(facts->rules, facts->routes, &sample->packet);

                if (verdict.rule)
                        sample->rule = *culprit_of(facts, &verdict);
                if (verdict.route)
                        sample->route = *verdict.route;
                if (verdict.leaves && is_blanket(facts, &sample->rule, verdict.route))
                        g_array_remove_index(samples, i - 1);
        }
        return samples;
}
