/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Plans that lack one protection, for the tests; no part of an ordinary build. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "policy/without.h"

/* Edits a rule in place; FALSE takes it out. */
typedef gboolean (*RuleEdit)(const KsPlan *plan, KsRule *rule);

static guint offset_of(const KsPlan *plan, const KsRule *rule)
{
        /* The floor ends every plan. */
        const KsRule *last = &g_array_index(plan->rules, KsRule, plan->rules->len - 1);

        return rule->priority + KS_OFFSET_FLOOR - last->priority;
}

static gboolean drop_ipv6(G_GNUC_UNUSED const KsPlan *plan, KsRule *rule)
{
        return rule->family != AF_INET6;
}

static gboolean widen_lan(G_GNUC_UNUSED const KsPlan *plan, KsRule *rule)
{
        rule->suppress = 0;
        return TRUE;
}

static gboolean widen_dhcp(const KsPlan *plan, KsRule *rule)
{
        if (offset_of(plan, rule) == KS_OFFSET_DHCP) {
                rule->has_uid = 0;
                rule->uid_last = 0;
        }
        return TRUE;
}

static gboolean widen_input(G_GNUC_UNUSED const KsPlan *plan, KsRule *rule)
{
        memset(rule->iif, 0, sizeof(rule->iif));
        return TRUE;
}

static gboolean is_transport(const KsPlan *plan, const KsRule *rule)
{
        return offset_of(plan, rule) <= KS_OFFSET_TRANSPORT_LAST ||
               offset_of(plan, rule) == KS_OFFSET_TRANSPORT_FLOOR;
}

static gboolean widen_protocol(const KsPlan *plan, KsRule *rule)
{
        if (is_transport(plan, rule) && rule->mark_mask)
                rule->ipproto = 0;
        return TRUE;
}

static gboolean widen_user(const KsPlan *plan, KsRule *rule)
{
        if (is_transport(plan, rule))
                rule->has_uid = 0, rule->uid_first = rule->uid_last = 0;
        return TRUE;
}

static gboolean widen_endpoint(const KsPlan *plan, KsRule *rule)
{
        if (is_transport(plan, rule)) {
                rule->dport_first = rule->dport_last = 0;
                memset(&rule->destination, 0, sizeof(rule->destination));
                rule->destination.family = AF_UNSPEC;
        }
        return TRUE;
}

/* What stands in the guard's text, and what stands there without the protection;
 * for "" every place is taken out. @is_pattern: find is a regular expression. */
typedef struct TextEdit {
        const char *name;
        const char *find, *replace;
        gboolean is_pattern;
} TextEdit;

static const TextEdit text_edits[] = {
        { "guard-source-address", "oif . meta oiftype . ip saddr @vpn4 accept",
          "oif . meta oiftype @vpn_link accept" },
        { "guard-link-type", "oif . meta oiftype . ip saddr @vpn4 accept",
          "oifname \"wg0\" accept" },
        { "guard-vpn-link-floor", "\t\toif . meta oiftype @vpn_link goto refuse\n", "" },
        { "guard-vpn-address", "\t\tip6? saddr @vpn_address[46] goto refuse\n", "", TRUE },
        { "guard-source-route", "\t\t(ip option ..rr|exthdr rt) exists goto refuse\n", "", TRUE },
        { "guard-dhcp-user", " meta skuid 0-999", "" },
        { "guard-neighbour-discovery", "ip6 hoplimit 255 icmpv6 type { 133, 135, 136 }",
          "icmpv6 type 0-255" },
        { "guard-vpn-networks", "\t\tip6? daddr @vpn_network[46] goto refuse\n", "", TRUE },
        { "guard-dns", "\t\tmeta l4proto { 6, 17 } th dport { 53, 853 } goto refuse\n", "" },
        { "guard-lan-ranges", "ip daddr @lan4 accept", "ip version { 4, 6 } accept" },
        { "guard-groups", "\t\tip daddr 224.0.0.251 udp dport 5353 accept\n",
          "\t\tip daddr 224.0.0.0/4 accept\n\t\tip6 daddr ff00::/8 accept\n" },
        { "guard-refusal", "\t\tgoto refuse\n\t}\n\tchain forward",
          "\t\taccept\n\t}\n\tchain forward" },
        { "guard-forward", "hook forward priority 0; policy drop;",
          "hook forward priority 0; policy accept; accept" },
        { "guard-vpn-address-input", "\t\tip6? daddr @vpn_address[46] drop\n", "", TRUE },
        { "guard-redirects", "\t\ticmp type 5 drop\n\t\ticmpv6 type 137 drop\n", "" },
        { "guard-mark-restored", "\t\tct mark @transport_mark meta mark set ct mark\n", "" },
        { "guard-mark-saved", "\t\tmeta mark @transport_mark ct mark set meta mark\n", "" },
        /* Both layers have these. */
        { "selector-protocol", "meta l4proto [0-9]+ meta mark", "meta mark", TRUE },
        { "selector-user", " meta skuid [0-9]+ th sport", " th sport", TRUE },
        { "selector-endpoint", " ip6? daddr [0-9a-f.:]+(/[0-9]+)? th dport [0-9]+", "", TRUE },
        { "ipv6", "policy drop;\n\t\toif 1 accept\n",
          "policy drop;\n\t\toif 1 accept\n\t\tmeta nfproto 10 accept\n" },
        { "guard", "policy drop;\n\t\toif 1 accept\n", "policy accept;\n\t\taccept\n" },
};

/* With an edit, or by their places alone. */
static const struct RuleSwitch {
        const char *name;
        RuleEdit edit;
        guint first, last;
} rule_edits[] = {
        { "steering", NULL, 0, KS_OFFSET_END },
        { "transport", NULL, KS_OFFSET_TRANSPORT, KS_OFFSET_TRANSPORT_LAST },
        { "transport-floor", NULL, KS_OFFSET_TRANSPORT_FLOOR, KS_OFFSET_TRANSPORT_FLOOR },
        { "dhcp", NULL, KS_OFFSET_DHCP, KS_OFFSET_DHCP },
        { "replies", NULL, KS_OFFSET_REPLIES, KS_OFFSET_REPLIES },
        { "claims", NULL, KS_OFFSET_VPN_PREFIXES, KS_OFFSET_VPN_PREFIXES },
        { "dns", NULL, KS_OFFSET_DNS, KS_OFFSET_DNS + 3 },
        { "host-networks", NULL, KS_OFFSET_HOST, KS_OFFSET_HOST },
        { "lan", NULL, KS_OFFSET_LAN, KS_OFFSET_LAN_ALL },
        { "sent", NULL, KS_OFFSET_SENT, KS_OFFSET_SENT_FLOOR },
        { "catch-all", NULL, KS_OFFSET_SENT, KS_OFFSET_ALL },
        { "floor", NULL, KS_OFFSET_FLOOR, KS_OFFSET_FLOOR },
        { "dhcp-user", widen_dhcp },
        { "lan-suppress", widen_lan },
        { "only-local", widen_input },
        { "selector-protocol", widen_protocol },
        { "selector-user", widen_user },
        { "selector-endpoint", widen_endpoint },
        { "ipv6", drop_ipv6 },
};

/* Protections that are neither a rule nor text of the guard. */
static const char *const others[] = { "blocking-default", "egress", "link-kind" };

static const char *chosen;

gboolean ks_without(const char *name)
{
        return chosen && g_str_equal(chosen, name);
}

gboolean ks_without_choose(const char *name)
{
        gboolean known = !name || !*name;

        for (guint i = 0; i < G_N_ELEMENTS(text_edits) && !known; i++)
                known = g_str_equal(text_edits[i].name, name);
        for (guint i = 0; i < G_N_ELEMENTS(rule_edits) && !known; i++)
                known = g_str_equal(rule_edits[i].name, name);
        for (guint i = 0; i < G_N_ELEMENTS(others) && !known; i++)
                known = g_str_equal(others[i], name);
        chosen = known && name && *name ? name : NULL;
        return known;
}

static void edit_text(GString *chains, const TextEdit *edit)
{
        g_autofree char *find = edit->is_pattern ? g_strdup(edit->find)
                                                 : g_regex_escape_string(edit->find, -1);
        g_autoptr(GRegex) pattern = g_regex_new(find, 0, 0, NULL);
        g_autofree char *changed = g_regex_replace_literal(pattern, chains->str, -1, 0,
                                                           edit->replace, 0, NULL);

        if (changed)
                g_string_assign(chains, changed);
}

/* Whether the rule stays. */
static gboolean edit_rule(const KsPlan *plan, const struct RuleSwitch *edit, KsRule *rule)
{
        guint offset = offset_of(plan, rule);

        return edit->edit ? edit->edit(plan, rule) : offset < edit->first || offset > edit->last;
}

static void edit_rules(KsPlan *plan, const struct RuleSwitch *edit)
{
        g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(KsRule));

        for (guint i = 0; i < plan->rules->len; i++) {
                KsRule rule = g_array_index(plan->rules, KsRule, i);
                gboolean kept = edit_rule(plan, edit, &rule);

                /* Without what told them apart two may be one. */
                for (guint j = 0; j < rules->len && kept; j++)
                        kept = !ks_rule_equal(&rule, &g_array_index(rules, KsRule, j));
                if (kept)
                        g_array_append_val(rules, rule);
        }
        g_array_set_size(plan->rules, 0);
        g_array_append_vals(plan->rules, rules->data, rules->len);
}

static void drop_blocking_defaults(KsPlan *plan)
{
        for (guint i = plan->routes->len; i > 0; i--)
                if (g_array_index(plan->routes, KsRoute, i - 1).type != RTN_UNICAST)
                        g_array_remove_index(plan->routes, i - 1);
}

void ks_without_apply(KsPlan *plan)
{
        for (guint i = 0; i < G_N_ELEMENTS(text_edits); i++)
                if (ks_without(text_edits[i].name))
                        edit_text(plan->guard->chains, &text_edits[i]);
        for (guint i = 0; i < G_N_ELEMENTS(rule_edits); i++)
                if (ks_without(rule_edits[i].name))
                        edit_rules(plan, &rule_edits[i]);
        if (ks_without("blocking-default"))
                drop_blocking_defaults(plan);
        if (ks_without("egress"))
                g_string_truncate(plan->guard->hooks, 0);
        if (ks_without("steering"))
                g_array_set_size(plan->routes, 0);
}
