/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FIB rules as plain values with equality of their own. */

#include <linux/rtnetlink.h>
#include <string.h>

#include "policy/link.h"
#include "policy/rule.h"
#include "policy/selector.h"

G_STATIC_ASSERT(sizeof(KsRule) == 8 * 4 + 4 * 2 + 8 + 2 * sizeof(KsPrefix) + 2 * IFNAMSIZ);

gboolean ks_rule_equal(const KsRule *a, const KsRule *b)
{
        return memcmp(a, b, sizeof(*a)) == 0;
}

static gboolean prefix_fits(const KsPrefix *request, const KsPrefix *prefix)
{
        return !ks_prefix_is_set(request) || ks_prefix_equal(request, prefix);
}

static gboolean ports_fit(uint16_t first, uint16_t last, uint16_t rule_first, uint16_t rule_last)
{
        return first == 0 || (first == rule_first && last == rule_last);
}

gboolean ks_rule_matches_request(const KsRule *request, const KsRule *rule)
{
        if (request->family != rule->family || request->priority != rule->priority ||
            request->action != rule->action || request->inverted != rule->inverted)
                return FALSE;
        if ((request->table && request->table != rule->table) ||
            (request->mark_mask &&
             (request->mark != rule->mark || request->mark_mask != rule->mark_mask)) ||
            (request->suppress && request->suppress != rule->suppress) ||
            (request->ipproto && request->ipproto != rule->ipproto) ||
            (request->tos && request->tos != rule->tos))
                return FALSE;
        if (request->has_uid && (!rule->has_uid || request->uid_first != rule->uid_first ||
                                 request->uid_last != rule->uid_last))
                return FALSE;
        if ((request->iif[0] && !g_str_equal(request->iif, rule->iif)) ||
            (request->oif[0] && !g_str_equal(request->oif, rule->oif)))
                return FALSE;
        return ports_fit(request->sport_first, request->sport_last, rule->sport_first,
                         rule->sport_last) &&
               ports_fit(request->dport_first, request->dport_last, rule->dport_first,
                         rule->dport_last) &&
               prefix_fits(&request->source, &rule->source) &&
               prefix_fits(&request->destination, &rule->destination);
}

static void append_ports(GString *text, const char *what, uint16_t first, uint16_t last)
{
        if (first && first == last)
                g_string_append_printf(text, " %s %u", what, first);
        else if (first)
                g_string_append_printf(text, " %s %u-%u", what, first, last);
}

static void append_action(GString *text, const KsRule *rule)
{
        switch (rule->action) {
        case FR_ACT_TO_TBL:
                if (rule->table == RT_TABLE_MAIN)
                        g_string_append(text, " lookup main");
                else
                        g_string_append_printf(text, " lookup %u", rule->table);
                break;
        case FR_ACT_BLACKHOLE:
                g_string_append(text, " blackhole");
                break;
        case FR_ACT_UNREACHABLE:
                g_string_append(text, " unreachable");
                break;
        case FR_ACT_PROHIBIT:
                g_string_append(text, " prohibit");
                break;
        case FR_ACT_GOTO:
                g_string_append_printf(text, " goto %u", rule->target);
                break;
        case FR_ACT_NOP:
                g_string_append(text, " nop");
                break;
        default:
                g_string_append_printf(text, " action %u", rule->action);
        }
        if (rule->suppress)
                g_string_append_printf(text, " suppress_prefixlength %u", rule->suppress - 1);
}

/* Everything behind the priority, in the words that ip takes. */
static void append_specification(GString *text, const KsRule *rule)
{
        g_autofree char *source = ks_prefix_to_string(&rule->source);
        g_autofree char *destination = ks_prefix_to_string(&rule->destination);

        g_string_append_printf(text, "%s from %s", rule->inverted ? " not" : "",
                               ks_prefix_is_set(&rule->source) ? source : "all");
        if (ks_prefix_is_set(&rule->destination))
                g_string_append_printf(text, " to %s", destination);
        if (rule->tos)
                g_string_append_printf(text, " tos 0x%02x", rule->tos);
        if (rule->mark_mask == 0xffffffff)
                g_string_append_printf(text, " fwmark 0x%x", rule->mark);
        else if (rule->mark_mask)
                g_string_append_printf(text, " fwmark 0x%x/0x%x", rule->mark, rule->mark_mask);
        if (rule->iif[0])
                g_string_append_printf(text, " iif %s", rule->iif);
        if (rule->oif[0])
                g_string_append_printf(text, " oif %s", rule->oif);
        if (rule->has_uid)
                g_string_append_printf(text, " uidrange %u-%u", rule->uid_first, rule->uid_last);
        if (rule->ipproto) {
                g_autofree char *protocol = ks_protocol_to_string(rule->ipproto);

                /* ip takes a number as it is. */
                g_string_append_printf(text, " ipproto %s",
                                       g_str_has_prefix(protocol, "protocol ")
                                               ? protocol + strlen("protocol ")
                                               : protocol);
        }
        append_ports(text, "sport", rule->sport_first, rule->sport_last);
        append_ports(text, "dport", rule->dport_first, rule->dport_last);
        append_action(text, rule);
}

char *ks_rule_to_string(const KsRule *rule)
{
        GString *text = g_string_new(NULL);

        g_string_append_printf(text, "%u:", rule->priority);
        append_specification(text, rule);
        g_string_append(text, rule->family == AF_INET ? " (IPv4)" : " (IPv6)");
        return g_string_free(text, FALSE);
}

static gboolean is_one_word(const char *name)
{
        return !*name || g_str_equal(name, "lo") || ks_interface_name_is_valid(name);
}

char *ks_rule_to_deletion(const KsRule *rule)
{
        GString *text = g_string_new("ip ");

        g_string_append_printf(text, "%s rule delete priority %u",
                               rule->family == AF_INET ? "-4" : "-6", rule->priority);
        if (!rule->unknown && is_one_word(rule->iif) && is_one_word(rule->oif))
                append_specification(text, rule);
        /* Ours at the same priority may say all of that, and more. */
        if (rule->origin)
                g_string_append_printf(text, " protocol %u", rule->origin);
        return g_string_free(text, FALSE);
}
