/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The reasoning of the audit: every way out is found and named, and nothing else is. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "common/names.h"
#include "policy/audit.h"
#include "policy/host-link.h"
#include "tests/unit/host.h"

enum { UPLINK = 2, VPN = 9, TAP = 20, BRIDGE = 21 };

/* An engaged host: an uplink, a VPN that is up, the plan's rules and routes, and the kernel's. */
typedef struct Audited {
        Host *host;
        KsPlan *plan;
        KsAuditFacts *facts;
} Audited;

static void add_kernel_rule(GArray *rules, int family, uint32_t priority, uint32_t table)
{
        KsRule rule = { .family = (uint8_t)family,
                        .priority = priority,
                        .action = FR_ACT_TO_TBL,
                        .table = table,
                        .origin = RTPROT_KERNEL };

        g_array_append_val(rules, rule);
}

static KsRoute *add_route(KsAuditFacts *facts, uint32_t table, const char *to, int oif)
{
        KsRoute route = { .table = table,
                          .metric = 1,
                          .oif = oif,
                          .type = RTN_UNICAST,
                          .origin = RTPROT_DHCP,
                          .destination = prefix(to) };

        route.family = route.destination.family;
        g_array_append_val(facts->routes, route);
        return &g_array_index(facts->routes, KsRoute, facts->routes->len - 1);
}

/* Makes the facts anew, from what settings and links are by now. */
static void engage(Audited *audited)
{
        KsAuditFacts *facts;

        ks_audit_facts_free(audited->facts);
        ks_plan_free(audited->plan);
        audited->plan = host_plan(audited->host);
        audited->facts = facts = ks_audit_facts_new();
        facts->settings = audited->host->settings;
        facts->lan = facts->settings->lan;
        facts->plan = audited->plan;
        facts->links = g_ptr_array_ref(audited->host->links);
        facts->host_links = ks_host_links_find(facts->settings, facts->links, NULL);
        facts->guard = TRUE;
        add_kernel_rule(facts->rules, AF_INET, 0, RT_TABLE_LOCAL);
        add_kernel_rule(facts->rules, AF_INET6, 0, RT_TABLE_LOCAL);
        g_array_append_vals(facts->rules, audited->plan->rules->data, audited->plan->rules->len);
        add_kernel_rule(facts->rules, AF_INET, 32766, RT_TABLE_MAIN);
        add_kernel_rule(facts->rules, AF_INET6, 32766, RT_TABLE_MAIN);
        g_array_append_vals(facts->routes, audited->plan->routes->data, audited->plan->routes->len);
        add_route(facts, RT_TABLE_MAIN, "0.0.0.0/0", UPLINK)->gateway = prefix("192.168.1.1");
        add_route(facts, RT_TABLE_MAIN, "::/0", UPLINK)->gateway = prefix("fe80::1");
        add_route(facts, RT_TABLE_MAIN, "192.168.1.0/24", UPLINK);
        add_route(facts, RT_TABLE_MAIN, "2001:db8:77::/64", UPLINK);
        g_array_append_val(
                facts->sockets,
                ((KsSocket){ .protocol = IPPROTO_UDP, .source_port = 51820, .mark = 1 }));
}

static void set_up(Audited *audited, gconstpointer data)
{
        KsVpn *vpn;

        (void)data;
        *audited = (Audited){ .host = host_new() };
        link_add_address(host_add_card(audited->host, UPLINK, "eth0"), "192.168.1.2/24");
        link_add_address(host_add_tun(audited->host, VPN, "tun0"), "10.8.0.2/24");
        vpn = host_add_vpn(audited->host, "office", "tun0");
        vpn_add_mark(vpn, IPPROTO_UDP, 1);
        engage(audited);
}

static void tear_down(Audited *audited, gconstpointer data)
{
        (void)data;
        ks_audit_facts_free(audited->facts);
        ks_plan_free(audited->plan);
        host_free(audited->host);
}

/* "SEVERITY SUBJECT" a line, in the order of the findings. */
static char *judge_with(const KsAuditFacts *facts, GArray *ways, gboolean *sound)
{
        g_autoptr(GPtrArray) findings = ks_audit_judge(facts, ways);
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < findings->len; i++) {
                const KsFinding *finding = g_ptr_array_index(findings, i);

                g_test_message("%s", finding->text);
                g_string_append_printf(text, "%s %s\n", ks_severity_to_string(finding->severity),
                                       finding->subject);
        }
        *sound = ks_audit_is_sound(findings);
        return g_string_free(text, FALSE);
}

static void assert_findings(const KsAuditFacts *facts, gboolean is_sound, const char *expected)
{
        g_autoptr(GArray) ways = ks_audit_ways_out(facts, FALSE);
        gboolean sound;
        g_autofree char *text = judge_with(facts, ways, &sound);

        g_assert_cmpstr(text, ==, expected);
        g_assert_cmpint(sound, ==, is_sound);
}

/* Puts a rule where the kernel would: behind those of its priority. */
static KsRule *add_rule(Audited *audited, const KsRule *rule)
{
        GArray *rules = audited->facts->rules;
        guint at = 0;

        while (at < rules->len && g_array_index(rules, KsRule, at).priority <= rule->priority)
                at++;
        g_array_insert_val(rules, at, *rule);
        return &g_array_index(rules, KsRule, at);
}

static KsRule foreign(uint32_t priority, uint32_t table)
{
        return (KsRule){
                .family = AF_INET, .priority = priority, .action = FR_ACT_TO_TBL, .table = table
        };
}

static void test_sound(Audited *audited, gconstpointer data)
{
        static const KsLan lans[] = { KS_LAN_MODE_PRIVATE, KS_LAN_MODE_NONE, KS_LAN_MODE_ALL };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(lans); i++) {
                audited->host->settings->lan = lans[i];
                engage(audited);
                assert_findings(audited->facts, TRUE, "");
        }
}

/* Whatever settings and links there are: what the plan makes is sound. */
static void test_every_plan_is_sound(void)
{
        for (int i = 0; i < 300; i++) {
                Audited audited = { .host = host_new_random() };
                g_autoptr(GArray) ways = NULL;

                engage(&audited);
                ways = ks_audit_ways_out(audited.facts, FALSE);
                for (guint j = 0; j < ways->len; j++) {
                        g_autofree char *text = ks_audit_describe(
                                audited.facts, &g_array_index(ways, KsWayOut, j));

                        g_test_message("%s", text);
                }
                g_assert_cmpuint(ways->len, ==, 0);
                tear_down(&audited, NULL);
        }
}

static void test_layers(Audited *audited, gconstpointer data)
{
        KsAuditFacts *facts = audited->facts;

        (void)data;
        facts->steering_problem = g_strdup("to mend it, one would have to add a rule");
        assert_findings(facts, TRUE, "risk steering\n");
        facts->guard = FALSE;
        assert_findings(facts, FALSE, "hole guard\nhole steering\n");
        g_clear_pointer(&facts->steering_problem, g_free);
        assert_findings(facts, FALSE, "hole guard\n");
        facts->guard = TRUE;
        for (guint i = facts->rules->len; i > 0; i--)
                if (g_array_index(facts->rules, KsRule, i - 1).family == AF_INET6 &&
                    g_array_index(facts->rules, KsRule, i - 1).origin == KS_PROTOCOL)
                        g_array_remove_index(facts->rules, i - 1);
        assert_findings(facts, TRUE, "risk IPv6\n");
}

static void test_off(Audited *audited, gconstpointer data)
{
        KsRule rule = foreign(50, RT_TABLE_MAIN);

        (void)data;
        audited->facts->off = "The kill switch is off. 'ksctl on' engages it";
        audited->facts->guard = FALSE;
        assert_findings(audited->facts, FALSE, "hole state\n");
        add_rule(audited, &rule);
        assert_findings(audited->facts, FALSE, "hole state\nrisk rule 50 (IPv4)\n");
}

/* One rule, and whether it leads out. */
static void assert_rule(Audited *audited, const KsRule *rule, gboolean leads_out)
{
        g_autoptr(GArray) foreign_only = NULL;
        g_autofree char *words = ks_rule_to_string(rule);
        g_autofree char *expected = g_strdup_printf("risk rule %u (IPv4)\n", rule->priority);

        g_test_message("%s", words);
        engage(audited);
        add_rule(audited, rule);
        audited->facts->forwards = TRUE;
        add_route(audited->facts, 60, "0.0.0.0/0", VPN);
        add_route(audited->facts, 61, "0.0.0.0/0", UPLINK);
        add_route(audited->facts, 61, "0.0.0.0/1", VPN);
        add_route(audited->facts, 61, "128.0.0.0/1", VPN);
        add_route(audited->facts, 62, "0.0.0.0/0", UPLINK);
        add_route(audited->facts, 62, "0.0.0.0/1", VPN);
        assert_findings(audited->facts, TRUE, leads_out ? expected : "");
        foreign_only = ks_audit_ways_out(audited->facts, TRUE);
        g_assert_cmpuint(foreign_only->len, ==, leads_out);
}

static void test_rules(Audited *audited, gconstpointer data)
{
        KsRule rule = foreign(50, RT_TABLE_MAIN);

        (void)data;
        assert_rule(audited, &rule, TRUE);
        /* wg-quick's, until a route leads further than the link. */
        rule.suppress = 1;
        assert_rule(audited, &rule, FALSE);
        add_route(audited->facts, RT_TABLE_MAIN, "198.51.100.0/24", UPLINK)->gateway = prefix(
                "192.168.1.1");
        assert_findings(audited->facts, TRUE, "risk rule 50 (IPv4)\n");
        audited->facts->guard = FALSE;
        assert_findings(audited->facts, FALSE, "hole guard\nhole rule 50 (IPv4)\n");
        rule = foreign(50, 60);
        assert_rule(audited, &rule, FALSE);
        /* Two halves that win over a default. */
        rule.table = 61;
        assert_rule(audited, &rule, FALSE);
        rule.table = 62;
        assert_rule(audited, &rule, TRUE);
        rule.table = 4711;
        assert_rule(audited, &rule, FALSE);
        /* As wg-quick does it. */
        rule = foreign(50, 60);
        rule.inverted = 1;
        rule.mark = 0xca6c;
        rule.mark_mask = 0xffffffff;
        assert_rule(audited, &rule, FALSE);
        rule.table = RT_TABLE_MAIN;
        assert_rule(audited, &rule, TRUE);
        /* The transport, and only that; then more than that. */
        rule = foreign(50, RT_TABLE_MAIN);
        rule.mark = 1;
        rule.mark_mask = 0xffffffff;
        assert_rule(audited, &rule, TRUE);
        rule.ipproto = IPPROTO_UDP;
        assert_rule(audited, &rule, FALSE);
        rule.ipproto = IPPROTO_TCP;
        assert_rule(audited, &rule, TRUE);
}

static void test_rules_and_destinations(Audited *audited, gconstpointer data)
{
        KsRule rule = foreign(50, RT_TABLE_MAIN);

        (void)data;
        rule.destination = prefix("203.0.113.9");
        assert_rule(audited, &rule, TRUE);
        /* A network with bits behind its length, which the kernel passes over. */
        rule.destination.length = 24;
        assert_rule(audited, &rule, TRUE);
        /* The LAN; without DNS, which must not go there. */
        rule.destination = prefix("192.168.0.0/16");
        assert_rule(audited, &rule, TRUE);
        rule.ipproto = IPPROTO_TCP;
        rule.dport_first = rule.dport_last = 80;
        assert_rule(audited, &rule, FALSE);
        rule.destination = prefix("10.8.0.0/24");
        assert_rule(audited, &rule, TRUE);
        rule.destination = prefix("10.9.0.0/24");
        assert_rule(audited, &rule, FALSE);
        rule.destination = prefix("224.0.0.0/4");
        assert_rule(audited, &rule, FALSE);
        rule.destination = prefix("0.0.0.0/0");
        rule.dport_first = rule.dport_last = 0;
        assert_rule(audited, &rule, TRUE);
        rule.inverted = 1;
        assert_rule(audited, &rule, TRUE); /* whatever isn't TCP */
        rule = foreign(50, RT_TABLE_MAIN);
        rule.inverted = 1;
        assert_rule(audited, &rule, FALSE);
        rule.destination = prefix("203.0.113.0/24");
        assert_rule(audited, &rule, TRUE);
}

static void test_rules_and_their_place(Audited *audited, gconstpointer data)
{
        static const struct {
                uint32_t priority;
                gboolean leads_out;
        } places[] = { { 1, TRUE },    { 99, TRUE },   { 100, TRUE },
                       { 140, TRUE },  { 189, TRUE },  { 190, FALSE },
                       { 191, FALSE }, { 192, FALSE }, { 5000, FALSE } };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
                KsRule rule = foreign(places[i].priority, RT_TABLE_MAIN);

                assert_rule(audited, &rule, places[i].leads_out);
        }
}

static void test_other_conditions(Audited *audited, gconstpointer data)
{
        KsRule rule = foreign(50, RT_TABLE_MAIN);

        (void)data;
        rule.has_uid = 1;
        rule.uid_first = 500;
        rule.uid_last = 600;
        assert_rule(audited, &rule, TRUE);
        rule = foreign(50, RT_TABLE_MAIN);
        rule.tos = 0x10;
        assert_rule(audited, &rule, TRUE);
        rule = foreign(50, RT_TABLE_MAIN);
        g_strlcpy(rule.oif, "eth0", sizeof(rule.oif));
        assert_rule(audited, &rule, TRUE);
        g_strlcpy(rule.oif, "tun0", sizeof(rule.oif));
        assert_rule(audited, &rule, FALSE);
        rule = foreign(50, RT_TABLE_MAIN);
        g_strlcpy(rule.iif, "br0", sizeof(rule.iif));
        assert_rule(audited, &rule, TRUE);
        /* A condition that is not known: taken as met. */
        rule = foreign(50, RT_TABLE_MAIN);
        rule.unknown = 1;
        assert_rule(audited, &rule, TRUE);
        rule = foreign(50, 0);
        rule.action = FR_ACT_UNREACHABLE;
        assert_rule(audited, &rule, FALSE);
}

static void test_forwarding(Audited *audited, gconstpointer data)
{
        KsRule rule = foreign(50, RT_TABLE_MAIN);

        (void)data;
        rule.source = prefix("192.0.2.0/24");
        add_rule(audited, &rule);
        assert_findings(audited->facts, TRUE, "");
        audited->facts->forwards = TRUE;
        assert_findings(audited->facts, TRUE, "risk rule 50 (IPv4)\n");
        engage(audited);
        rule.source = prefix("192.168.0.0/16");
        add_rule(audited, &rule);
        assert_findings(audited->facts, TRUE, "risk rule 50 (IPv4)\n");
}

static void test_goto(Audited *audited, gconstpointer data)
{
        KsRule jump = foreign(50, 0), refuse = foreign(52, 0);

        (void)data;
        jump.action = FR_ACT_GOTO;
        jump.target = 32766;
        assert_rule(audited, &jump, TRUE);
        jump.target = 190;
        assert_rule(audited, &jump, FALSE);
        /* Straight to the LAN's rules, past those for DNS. */
        jump.target = 152;
        assert_rule(audited, &jump, TRUE);
        /* No such rule: does nothing. */
        jump.target = 60;
        assert_rule(audited, &jump, FALSE);
        /* Past a way out, which is no way out then. */
        engage(audited);
        jump.target = 52;
        refuse.action = FR_ACT_NOP;
        add_rule(audited, &jump);
        add_rule(audited, &refuse);
        jump = foreign(51, RT_TABLE_MAIN);
        add_rule(audited, &jump);
        assert_findings(audited->facts, TRUE, "");
}

static void test_foreign_routes(Audited *audited, gconstpointer data)
{
        (void)data;
        add_route(audited->facts, 83, "203.0.113.0/24", UPLINK);
        assert_findings(audited->facts, TRUE, "risk route 203.0.113.0/24 in table 83 (IPv4)\n");
        engage(audited);
        add_route(audited->facts, 83, "203.0.113.0/24", VPN);
        assert_findings(audited->facts, TRUE, "");
        add_route(audited->facts, RT_TABLE_LOCAL, "2001:db8::/32", UPLINK);
        assert_findings(audited->facts, TRUE, "risk route 2001:db8::/32 in table 255 (IPv6)\n");
        engage(audited);
        add_route(audited->facts, RT_TABLE_MAIN, "203.0.113.0/24", UPLINK);
        add_route(audited->facts, RT_TABLE_MAIN, "0.0.0.0/1", UPLINK);
        assert_findings(audited->facts, TRUE, "");
}

/* The kernel has the last word. */
static void test_answers(Audited *audited, gconstpointer data)
{
        KsRule rule = foreign(50, RT_TABLE_MAIN);
        g_autoptr(GArray) ways = NULL, samples = ks_audit_samples(audited->facts);
        g_autofree char *quiet = NULL, *loud = NULL, *sample = NULL, *inside = NULL;
        KsWayOut *way;
        gboolean sound;

        (void)data;
        add_rule(audited, &rule);
        ways = ks_audit_ways_out(audited->facts, FALSE);
        g_assert_cmpuint(ways->len, ==, 1);
        way = &g_array_index(ways, KsWayOut, 0);
        g_assert_true(way->askable);
        way->answer = KS_ANSWER_STAYS;
        quiet = judge_with(audited->facts, ways, &sound);
        g_assert_cmpstr(quiet, ==, "");
        way->answer = KS_ANSWER_LEAVES;
        way->oif = UPLINK;
        loud = judge_with(audited->facts, ways, &sound);
        g_assert_cmpstr(loud, ==, "risk rule 50 (IPv4)\n");
        /* A sample that leaves although no reason was found. */
        engage(audited);
        g_assert_cmpuint(samples->len, >, 10);
        way = &g_array_index(samples, KsWayOut, 0);
        way->answer = KS_ANSWER_LEAVES;
        way->oif = UPLINK;
        sample = judge_with(audited->facts, samples, &sound);
        g_assert_cmpstr(sample, ==, "risk rule 190 (IPv4)\n");
        way->oif = VPN;
        inside = judge_with(audited->facts, samples, &sound);
        g_assert_cmpstr(inside, ==, "");
}

static void test_links(Audited *audited, gconstpointer data)
{
        KsLink *bridge, *tap, *macvlan;

        (void)data;
        macvlan = host_add_link(audited->host, 30, "mv0", "macvlan", ARPHRD_ETHER);
        assert_findings(audited->facts, TRUE, "");
        macvlan->parent = UPLINK;
        assert_findings(audited->facts, TRUE, "risk mv0\n");
        macvlan->parent = VPN;
        assert_findings(audited->facts, TRUE, "");
        bridge = host_add_link(audited->host, BRIDGE, "br0", "bridge", ARPHRD_ETHER);
        tap = host_add_link(audited->host, TAP, "tap0", "tun", ARPHRD_ETHER);
        tap->master = BRIDGE;
        assert_findings(audited->facts, TRUE, "");
        ks_links_find(audited->host->links, "eth0")->master = BRIDGE;
        assert_findings(audited->facts, TRUE, "risk br0\n");
        macvlan->parent = bridge->index;
        assert_findings(audited->facts, TRUE, "risk mv0\nrisk br0\n");
        audited->facts->egress = TRUE;
        assert_findings(audited->facts, TRUE, "");
        audited->facts->egress = FALSE;
        macvlan->parent = 0;
        tap->master = 0;
        assert_findings(audited->facts, TRUE, "");
        g_ptr_array_add(audited->host->settings->host_interfaces, g_strdup("br0"));
        engage(audited);
        assert_findings(audited->facts, FALSE, "hole br0\n");
}

static void test_filters(Audited *audited, gconstpointer data)
{
        KsReverseFilter filter = { .link = UPLINK, .mode = 1 };

        (void)data;
        g_array_append_val(audited->facts->filters, filter);
        assert_findings(audited->facts, TRUE, "note eth0\n");
        g_array_index(audited->facts->filters, KsReverseFilter, 0).uses_marks = TRUE;
        assert_findings(audited->facts, TRUE, "");
        filter.mode = 0;
        g_array_index(audited->facts->filters, KsReverseFilter, 0) = filter;
        assert_findings(audited->facts, TRUE, "");
        filter.mode = 1;
        filter.link = VPN;
        g_array_index(audited->facts->filters, KsReverseFilter, 0) = filter;
        assert_findings(audited->facts, TRUE, "");
}

static KsSocket *the_socket(Audited *audited)
{
        return &g_array_index(audited->facts->sockets, KsSocket, 0);
}

static void test_sockets(Audited *audited, gconstpointer data)
{
        KsVpn *vpn = g_ptr_array_index(audited->host->settings->vpns, 0);
        KsSelector *selector = &g_array_index(vpn->selectors, KsSelector, 0);

        (void)data;
        the_socket(audited)->mark = 2;
        assert_findings(audited->facts, TRUE, "note office\n");
        the_socket(audited)->mark = 1;
        the_socket(audited)->protocol = IPPROTO_TCP;
        assert_findings(audited->facts, TRUE, "note office\n");
        selector->remote = prefix("198.51.100.10");
        selector->remote_port = 443;
        engage(audited);
        assert_findings(audited->facts, TRUE, "");
        the_socket(audited)->remote = prefix("198.51.100.11");
        the_socket(audited)->remote_port = 443;
        assert_findings(audited->facts, TRUE, "note office\n");
        /* What has no ports has no sockets to look at. */
        selector->protocol = IPPROTO_ESP;
        selector->remote_port = 0;
        engage(audited);
        the_socket(audited)->mark = 2;
        assert_findings(audited->facts, TRUE, "");
}

#define ADD(name, function) g_test_add("/audit/" name, Audited, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("sound", test_sound);
        g_test_add_func("/audit/every-plan-is-sound", test_every_plan_is_sound);
        ADD("layers", test_layers);
        ADD("off", test_off);
        ADD("rules", test_rules);
        ADD("rules-and-destinations", test_rules_and_destinations);
        ADD("rules-and-their-place", test_rules_and_their_place);
        ADD("other-conditions", test_other_conditions);
        ADD("forwarding", test_forwarding);
        ADD("goto", test_goto);
        ADD("foreign-routes", test_foreign_routes);
        ADD("answers", test_answers);
        ADD("links", test_links);
        ADD("filters", test_filters);
        ADD("sockets", test_sockets);

        return g_test_run();
}
