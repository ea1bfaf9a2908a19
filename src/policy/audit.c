/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The audit: from everything that was read to findings, each with its culprit and a remedy. */

#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "common/names.h"
#include "policy/audit-private.h"

const char *ks_severity_to_string(KsSeverity severity)
{
        static const char *const names[] = {
                [KS_SEVERITY_HOLE] = KS_AUDIT_HOLE,
                [KS_SEVERITY_RISK] = KS_AUDIT_RISK,
                [KS_SEVERITY_NOTE] = KS_AUDIT_NOTE,
        };

        return names[severity];
}

void ks_finding_free(KsFinding *finding)
{
        if (!finding)
                return;
        g_free(finding->subject);
        g_free(finding->text);
        g_free(finding);
}

KsAuditFacts *ks_audit_facts_new(void)
{
        KsAuditFacts *facts = g_new0(KsAuditFacts, 1);

        facts->rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        facts->routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));
        facts->sockets = g_array_new(FALSE, TRUE, sizeof(KsSocket));
        facts->filters = g_array_new(FALSE, TRUE, sizeof(KsReverseFilter));
        return facts;
}

void ks_audit_facts_free(KsAuditFacts *facts)
{
        if (!facts)
                return;
        g_array_unref(facts->rules);
        g_array_unref(facts->routes);
        g_array_unref(facts->sockets);
        g_array_unref(facts->filters);
        if (facts->host_links)
                g_ptr_array_unref(facts->host_links);
        if (facts->links)
                g_ptr_array_unref(facts->links);
        g_free(facts->steering_problem);
        g_free(facts);
}

void ks_audit_add(GPtrArray *findings, KsSeverity severity, const char *subject, char *text)
{
        KsFinding *finding = g_new(KsFinding, 1);

        *finding = (KsFinding){ severity, g_strdup(subject), text };
        g_ptr_array_add(findings, finding);
}

/* Links */

const KsLink *ks_audit_link(const KsAuditFacts *facts, int index)
{
        for (guint i = 0; i < facts->links->len; i++) {
                const KsLink *link = g_ptr_array_index(facts->links, i);

                if (link->index == index)
                        return link;
        }
        return NULL;
}

char *ks_audit_link_word(const KsAuditFacts *facts, int index)
{
        const KsLink *link = ks_audit_link(facts, index);

        if (link && (g_str_equal(link->name, "lo") || ks_interface_name_is_valid(link->name)))
                return g_strdup(link->name);
        return g_strdup_printf("#%d", index);
}

gboolean ks_audit_is_vpn(const KsAuditFacts *facts, const KsLink *link)
{
        for (guint i = 0; i < facts->plan->vpns->len; i++) {
                const KsVpn *vpn = ((KsPlanVpn *)g_ptr_array_index(facts->plan->vpns, i))->vpn;

                if (g_str_equal(vpn->interface, link->name) && ks_vpn_link_matches(vpn, link))
                        return TRUE;
        }
        return FALSE;
}

gboolean ks_audit_is_uplink(const KsAuditFacts *facts, int index)
{
        const KsLink *link = ks_audit_link(facts, index);

        if (!link)
                return TRUE;
        if (link->type == ARPHRD_LOOPBACK || g_str_equal(link->kind, "dummy"))
                return FALSE;
        return !ks_audit_is_vpn(facts, link) && !g_ptr_array_find(facts->host_links, link, NULL);
}

/* Ways out */

static gboolean is_ours(const KsWayOut *way)
{
        return way->rule.origin == KS_PROTOCOL && !way->rule.unknown;
}

/* Whether a packet went where its rules sent it because of a route that stands in a table where
 * only ours, or the kernel's own, should. */
static gboolean is_the_routes_doing(const KsAuditFacts *facts, const KsWayOut *way)
{
        return way->route.family &&
               ((way->rule.table == facts->settings->table && way->route.origin != KS_PROTOCOL) ||
                (way->rule.priority == 0 && way->rule.table == RT_TABLE_LOCAL));
}

static char *describe_packet(const KsPacket *packet)
{
        g_autofree char *to = ks_prefix_address_to_string(&packet->destination);
        gboolean icmp = packet->protocol == IPPROTO_ICMP || packet->protocol == IPPROTO_ICMPV6;
        g_autofree char *protocol = ks_protocol_to_string(packet->protocol);
        GString *text = g_string_new(icmp ? "icmp" : protocol);

        g_string_append_printf(text, " to %s", to);
        if (packet->dport && (packet->protocol == IPPROTO_UDP || packet->protocol == IPPROTO_TCP))
                g_string_append_printf(text, " port %u", packet->dport);
        if (ks_prefix_is_set(&packet->source)) {
                g_autofree char *from = ks_prefix_address_to_string(&packet->source);

                g_string_append_printf(text, " from %s", from);
        }
        if (packet->mark)
                g_string_append_printf(text, " with mark 0x%x", packet->mark);
        if (!g_str_equal(packet->iif, "lo"))
                g_string_append(text, ", forwarded");
        if (packet->oif[0])
                g_string_append(text, ", bound to that interface");
        return g_string_free(text, FALSE);
}

static int way_oif(const KsWayOut *way)
{
        return way->answer == KS_ANSWER_LEAVES ? way->oif : way->route.oif;
}

static char *describe_culprit(const KsAuditFacts *facts, const KsWayOut *way)
{
        g_autofree char *rule = ks_rule_to_string(&way->rule);
        g_autofree char *device = ks_audit_link_word(facts, way->route.oif);
        g_autofree char *route = ks_route_to_string(&way->route, device);

        if (is_the_routes_doing(facts, way))
                return g_strdup_printf("The route '%s', which another program has put there,",
                                       route);
        if (is_ours(way))
                return g_strdup_printf("The kill switch's own routing rule '%s'", rule);
        if (way->rule.family)
                return g_strdup_printf("The routing rule '%s', which another program has put "
                                       "before the kill switch's,",
                                       rule);
        return g_strdup("What stands in the routing tables");
}

/* Whether the kernel could take a rule that stands before for the one that is to be deleted. */
static gboolean has_twin_ahead(const KsAuditFacts *facts, const KsRule *wanted)
{
        for (guint i = 0; i < facts->rules->len; i++) {
                const KsRule *rule = &g_array_index(facts->rules, KsRule, i);

                if (ks_rule_equal(rule, wanted))
                        return FALSE;
                if (ks_rule_matches_request(wanted, rule) &&
                    (!wanted->origin || wanted->origin == rule->origin))
                        return TRUE;
        }
        return FALSE;
}

static char *describe_remedy(const KsAuditFacts *facts, const KsWayOut *way)
{
        if (is_the_routes_doing(facts, way)) {
                g_autofree char *device = ks_audit_link_word(facts, way->route.oif);
                g_autofree char *to = ks_prefix_to_string(&way->route.destination);

                return g_strdup_printf("'ip %s route delete %s dev %s table %u'",
                                       way->route.family == AF_INET ? "-4" : "-6",
                                       way->route.destination.length ? to : "default", device,
                                       way->route.table);
        }
        if (way->rule.family && !is_ours(way)) {
                g_autofree char *command = ks_rule_to_deletion(&way->rule);

                return g_strdup_printf("'%s'%s", command,
                                       has_twin_ahead(facts, &way->rule)
                                               ? ", until it is gone: what the kernel takes for it "
                                                 "first comes back behind it"
                                               : "");
        }
        return g_strdup("'ksctl reload'");
}

char *ks_audit_describe(const KsAuditFacts *facts, const KsWayOut *way)
{
        g_autofree char *culprit = describe_culprit(facts, way);
        g_autofree char *device = ks_audit_link_word(facts, way_oif(way));
        g_autofree char *packet = describe_packet(&way->packet);
        g_autofree char *remedy = describe_remedy(facts, way);
        gboolean unsure = way->rule.unknown && way->answer != KS_ANSWER_LEAVES;
        const char *guard = "the guard stops it";

        if (facts->off)
                guard = "it would do so when engaged, and only the guard would stop it";
        else if (!facts->guard)
                guard = "nothing stops it";
        return g_strdup_printf("%s leads out by %s: %s, say%s; %s. Remedy: %s", culprit, device,
                               packet,
                               unsure ? " (it has a condition that is not known here, so this is "
                                        "not certain)"
                                      : "",
                               guard, remedy);
}

gboolean ks_audit_is_real(const KsAuditFacts *facts, const KsWayOut *way)
{
        if (way->answer == KS_ANSWER_LEAVES)
                return ks_audit_is_uplink(facts, way->oif);
        return way->found && way->answer == KS_ANSWER_NONE;
}

static char *way_subject(const KsAuditFacts *facts, const KsWayOut *way)
{
        const char *family = way->packet.family == AF_INET ? "IPv4" : "IPv6";

        if (is_the_routes_doing(facts, way)) {
                g_autofree char *to = ks_prefix_to_string(&way->route.destination);

                return g_strdup_printf("route %s in table %u (%s)",
                                       way->route.destination.length ? to : "default",
                                       way->route.table, family);
        }
        if (way->rule.family)
                return g_strdup_printf("rule %u (%s)", way->rule.priority, family);
        return g_strdup_printf("routing (%s)", family);
}

static gboolean has_subject(GPtrArray *findings, const char *subject)
{
        for (guint i = 0; i < findings->len; i++)
                if (g_str_equal(((KsFinding *)g_ptr_array_index(findings, i))->subject, subject))
                        return TRUE;
        return FALSE;
}

static void judge_ways(const KsAuditFacts *facts, GArray *ways, GPtrArray *findings)
{
        gboolean stopped = facts->guard || facts->off;

        for (guint i = 0; i < ways->len; i++) {
                const KsWayOut *way = &g_array_index(ways, KsWayOut, i);
                g_autofree char *subject = way_subject(facts, way);

                if (!ks_audit_is_real(facts, way))
                        continue;
                /* A sample finds what reasoning has found already, and one route may be found by
                 * several rules. */
                if ((!way->found || is_the_routes_doing(facts, way)) &&
                    has_subject(findings, subject))
                        continue;
                ks_audit_add(findings, stopped ? KS_SEVERITY_RISK : KS_SEVERITY_HOLE, subject,
                             ks_audit_describe(facts, way));
        }
}

/* Layers */

static gboolean has_rules(const KsAuditFacts *facts, int family)
{
        for (guint i = 0; i < facts->rules->len; i++) {
                const KsRule *rule = &g_array_index(facts->rules, KsRule, i);

                if (rule->family == family && rule->origin == KS_PROTOCOL)
                        return TRUE;
        }
        return FALSE;
}

static void judge_layers(const KsAuditFacts *facts, GPtrArray *findings)
{
        KsSeverity severity = facts->guard ? KS_SEVERITY_RISK : KS_SEVERITY_HOLE;
        const char *problem = facts->guard_problem
                                      ? facts->guard_problem
                                      : "It is not there, or not as it was put in place";

        if (!facts->guard)
                ks_audit_add(
                        findings, KS_SEVERITY_HOLE, KS_LAYER_GUARD,
                        g_strdup_printf("The guard, which is the nftables table " KS_GUARD_FAMILY
                                        " " KS_GUARD_TABLE
                                        ", does not work. Without it every program that binds "
                                        "to an interface gets out, past all routing rules. %s. "
                                        "When that is mended: 'ksctl reload'",
                                        problem));
        for (int family = AF_INET;; family = AF_INET6) {
                const char *name = family == AF_INET ? "IPv4" : "IPv6";

                if (!has_rules(facts, family))
                        ks_audit_add(findings, severity, name,
                                     g_strdup_printf(
                                             "None of the kill switch's routing rules for "
                                             "%s is in the kernel%s. 'ksctl reload' puts "
                                             "them there; 'journalctl -u killswitchd' says "
                                             "why they are not",
                                             name, facts->guard ? "; the guard alone holds" : ""));
                if (family == AF_INET6)
                        break;
        }
        if (facts->steering_problem)
                ks_audit_add(findings, severity, KS_LAYER_STEERING,
                             g_strdup_printf("The kill switch's rules and routes are not as they "
                                             "should be: %s. 'ksctl reload' puts them in place; "
                                             "'journalctl -u killswitchd' says why they are not",
                                             facts->steering_problem));
}

static gint compare_findings(gconstpointer a, gconstpointer b)
{
        const KsFinding *const *first = a, *const *second = b;

        return (int)(*first)->severity - (int)(*second)->severity;
}

GPtrArray *ks_audit_judge(const KsAuditFacts *facts, GArray *ways)
{
        GPtrArray *findings = g_ptr_array_new_with_free_func((GDestroyNotify)ks_finding_free);

        if (facts->off)
                ks_audit_add(findings, KS_SEVERITY_HOLE, "state",
                             g_strdup_printf("%s", facts->off));
        else
                judge_layers(facts, findings);
        judge_ways(facts, ways, findings);
        ks_audit_judge_links(facts, findings);
        ks_audit_judge_vpns(facts, findings);
        g_ptr_array_sort(findings, compare_findings);
        return findings;
}

gboolean ks_audit_is_sound(GPtrArray *findings)
{
        for (guint i = 0; i < findings->len; i++)
                if (((KsFinding *)g_ptr_array_index(findings, i))->severity == KS_SEVERITY_HOLE)
                        return FALSE;
        return TRUE;
}
