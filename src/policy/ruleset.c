/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard as text: nftables tables, chains from the settings, sets from the links. */

#include <stdarg.h>
#include <string.h>

#include "common/names.h"
#include "policy/ruleset-private.h"

#define INET KS_GUARD_FAMILY " " KS_GUARD_TABLE
#define EGRESS KS_EGRESS_FAMILY " " KS_GUARD_TABLE
#define BOTH (KS_GUARD_INET | KS_GUARD_EGRESS)

/* What a flood of refused packets can make the service do is limited here, by the kernel. It ends
 * no packet's way through the chain, and nobody need listen. */
#define LOG_RULE                                                                                      \
        "\t\tlimit rate " G_STRINGIFY(KS_BLOCKED_RATE) "/second burst " G_STRINGIFY(                  \
                KS_BLOCKED_RATE) " packets log group " G_STRINGIFY(KS_BLOCKED_GROUP) " snaplen"       \
                                                                                     " " G_STRINGIFY( \
                                                                                             KS_BLOCKED_SNAPLEN) "\n"

static const KsGuardSet set_templates[_KS_SET_MAX] = {
        [KS_SET_VPN] = { "vpn_link", "type iface_index . iface_type;", KS_GUARD_INET },
        [KS_SET_VPN4] = { "vpn4", "type iface_index . iface_type . ipv4_addr;", KS_GUARD_INET },
        [KS_SET_VPN6] = { "vpn6", "type iface_index . iface_type . ipv6_addr;", KS_GUARD_INET },
        [KS_SET_VPN_ADDRESS4] = { "vpn_address4", "type ipv4_addr;", KS_GUARD_INET },
        [KS_SET_VPN_ADDRESS6] = { "vpn_address6", "type ipv6_addr;", KS_GUARD_INET },
        [KS_SET_VPN_NETWORK4] = { "vpn_network4", "type ipv4_addr; flags interval; auto-merge;",
                                  BOTH },
        [KS_SET_VPN_NETWORK6] = { "vpn_network6", "type ipv6_addr; flags interval; auto-merge;",
                                  BOTH },
        [KS_SET_WG_MARK] = { "wg_mark", "type mark;", BOTH },
        [KS_SET_WG_PORT4] = { "wg_port4", "type inet_service . ipv4_addr . inet_service;", BOTH },
        [KS_SET_WG_PORT6] = { "wg_port6", "type inet_service . ipv6_addr . inet_service;", BOTH },
        [KS_SET_MARK] = { "transport_mark", "type mark;", KS_GUARD_INET },
        [KS_SET_HOST] = { "host_link", "type iface_index;", KS_GUARD_INET },
        [KS_SET_INNER4] = { "inner4", "type ipv4_addr;", KS_GUARD_INET },
        [KS_SET_INNER6] = { "inner6", "type ipv6_addr;", KS_GUARD_INET },
        [KS_SET_INNER_WAY4] = { "inner_way4", "type ipv4_addr . iface_index;", KS_GUARD_INET },
        [KS_SET_INNER_WAY6] = { "inner_way6", "type ipv6_addr . iface_index;", KS_GUARD_INET },
        [KS_SET_LAN4] = { "lan4", "type ipv4_addr; flags interval; auto-merge;", BOTH },
        [KS_SET_LAN6] = { "lan6", "type ipv6_addr; flags interval; auto-merge;", BOTH },
};

static gboolean has_ports(const KsSelector *selector)
{
        return selector->source_first || selector->remote_port;
}

/* What every packet of a transport shows, fragments too. On an uplink a control group can't be
 * asked for any more (EOPNOTSUPP); what the other table let pass for it has the mark there. */
static void append_selector_start(GString *text, const KsSelector *selector, KsGuardTable table)
{
        g_string_append_printf(text, "meta l4proto %u", selector->protocol);
        if (selector->has_mark)
                g_string_append_printf(text, " meta mark 0x%08x", selector->mark);
        else if (selector->in_unit && table == KS_GUARD_EGRESS)
                g_string_append_printf(text, " meta mark 0x%08x", KS_REPLY_MARK);
        if (selector->has_uid && !selector->by_kernel)
                g_string_append_printf(text, " meta skuid %u", selector->uid);
        if (ks_prefix_is_set(&selector->remote)) {
                g_autofree char *remote = ks_prefix_to_string(&selector->remote);

                g_string_append_printf(text, " %s daddr %s",
                                       selector->remote.family == AF_INET ? "ip" : "ip6", remote);
        }
}

/* A unit's control group, as the kernel has it now. The comment makes one that has come back
 * another text, so that the rule is written again: the kernel compares identities, not names. */
static void append_group(GString *text, const KsVpn *vpn)
{
        guint level = 1;

        for (const char *c = vpn->group; *c; c++)
                level += *c == '/';
        g_string_append_printf(text, "socket cgroupv2 level %u \"%s\" ", level, vpn->group);
}

/* A profile's selector as a guard rule. Values are numbers, parsed addresses and names of
 * control groups that were checked, so nothing from a file reaches nft as text. */
static void append_selector(GString *text, const KsVpn *vpn, const KsSelector *selector,
                            KsGuardTable table)
{
        gboolean by_group = selector->in_unit && table == KS_GUARD_INET;

        if (by_group && !vpn->group)
                return; /* nothing runs in it */
        g_string_append(text, "\t\t");
        if (by_group)
                append_group(text, vpn);
        append_selector_start(text, selector, table);
        if (selector->source_first && selector->source_first == selector->source_last)
                g_string_append_printf(text, " th sport %u", selector->source_first);
        else if (selector->source_first)
                g_string_append_printf(text, " th sport %u-%u", selector->source_first,
                                       selector->source_last);
        if (selector->remote_port)
                g_string_append_printf(text, " th dport %u", selector->remote_port);
        if (table == KS_GUARD_INET && ks_selector_marks_replies(selector))
                g_string_append_printf(text, " ct mark set 0x%08x", KS_REPLY_MARK);
        if (by_group && !selector->has_mark)
                g_string_append_printf(text, " meta mark set 0x%08x", KS_REPLY_MARK);
        g_string_append(text, " accept");
        if (by_group)
                g_string_append_printf(text, " comment \"%" G_GUINT64_FORMAT "\"", vpn->group_id);
        g_string_append_c(text, '\n');
}

/* A packet that the other table let pass whole may come to an uplink in pieces, and only the
 * first has ports. */
static void append_fragments(GString *text, const KsSelector *selector)
{
        static const struct {
                int family;
                const char *is_later;
        } fragments[] = { { AF_INET, "ip frag-off & 0x1fff != 0" },
                          { AF_INET6, "frag frag-off != 0" } };

        for (guint i = 0; i < G_N_ELEMENTS(fragments); i++) {
                if (!has_ports(selector) ||
                    !ks_selector_covers_family(selector, fragments[i].family))
                        continue;
                g_string_append_printf(text, "\t\t%s ", fragments[i].is_later);
                append_selector_start(text, selector, KS_GUARD_EGRESS);
                g_string_append(text, " accept\n");
        }
}

void ks_guard_append_transport(GString *text, const KsSettings *settings, KsGuardTable table)
{
        g_autofree char *marked = table == KS_GUARD_INET
                                          ? g_strdup_printf("ct mark set 0x%08x ", KS_REPLY_MARK)
                                          : g_strdup("");

        g_string_append_printf(text,
                               "\tchain transport {\n"
                               "\t\tmeta l4proto 17 meta mark @wg_mark accept\n"
                               "\t\tudp sport . ip daddr . udp dport @wg_port4 %saccept\n"
                               "\t\tudp sport . ip6 daddr . udp dport @wg_port6 %saccept\n",
                               marked, marked);
        for (guint i = 0; i < settings->vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(settings->vpns, i);

                for (guint j = 0; j < vpn->selectors->len; j++) {
                        const KsSelector *selector = &g_array_index(vpn->selectors, KsSelector, j);

                        append_selector(text, vpn, selector, table);
                        if (table == KS_GUARD_EGRESS)
                                append_fragments(text, selector);
                }
        }
        g_string_append(text, "\t}\n");
}

static void append_lan_rules(GString *text, const KsSettings *settings, KsLan lan)
{
        if (!settings->lan_dns)
                g_string_append(text,
                                "\t\tmeta l4proto { 6, 17 } th dport { 53, 853 } goto refuse\n");
        g_string_append(text, "\t\tip daddr @lan4 accept\n"
                              "\t\tip6 daddr @lan6 accept\n");
        if (lan == KS_LAN_MODE_NONE)
                /* The kernel's own membership reports, not worth counting. */
                g_string_append(text, "\t\tip protocol 2 drop\n"
                                      "\t\tip6 daddr ff02::16 icmpv6 type 143 drop\n"
                                      "\t\ticmpv6 type { 131, 132 } drop\n");
        else
                /* Fixed groups only: group membership on the link, mDNS, SSDP. */
                g_string_append(text, "\t\tip protocol 2 ip daddr 224.0.0.0/24 accept\n"
                                      "\t\tip daddr 224.0.0.251 udp dport 5353 accept\n"
                                      "\t\tip daddr 239.255.255.250 udp dport 1900 accept\n"
                                      "\t\tip6 daddr ff02::16 icmpv6 type 143 accept\n"
                                      "\t\tip6 daddr ff02::/16 icmpv6 type { 131, 132 } accept\n"
                                      "\t\tip6 daddr ff02::fb udp dport 5353 accept\n"
                                      "\t\tip6 daddr ff02::c udp dport 1900 accept\n");
}

void ks_guard_append_direct_rules(GString *text, const KsSettings *settings, KsLan lan)
{
        g_string_append(text, "\t\tip version 4 udp sport 68 udp dport 67 meta skuid 0-999 accept\n"
                              "\t\tip6 daddr { fe80::/10, ff02::1:2 } udp sport 546 udp dport 547 "
                              "meta skuid 0-999 accept\n"
                              "\t\tip6 hoplimit 255 icmpv6 type { 133, 135, 136 } accept\n"
                              "\t\tip daddr @vpn_network4 goto refuse\n"
                              "\t\tip6 daddr @vpn_network6 goto refuse\n");
        append_lan_rules(text, settings, lan);
        g_string_append(text, "\t\tgoto refuse\n");
}

/* What goes to the server of a VPN inside another one takes that one's link. */
static const char *inner_rules(const KsSettings *settings)
{
        for (guint i = 0; i < settings->vpns->len; i++)
                if (((KsVpn *)g_ptr_array_index(settings->vpns, i))->through)
                        return "\t\tip daddr @inner4 ip daddr . oif != @inner_way4 goto refuse\n"
                               "\t\tip6 daddr @inner6 ip6 daddr . oif != @inner_way6 goto refuse\n";
        return "";
}

static void append_output_chain(GString *text, const KsSettings *settings, KsLan lan)
{
        g_string_append(text, "\tchain output {\n"
                              "\t\ttype filter hook output priority 0; policy drop;\n"
                              "\t\toif 1 accept\n");
        g_string_append(text, inner_rules(settings));
        g_string_append(text, /* A VPN, and only with the VPN's own address as the source. */
                        "\t\toif . meta oiftype . ip saddr @vpn4 accept\n"
                        "\t\toif . meta oiftype . ip6 saddr @vpn6 accept\n"
                        "\t\tjump transport\n"
                        "\t\toif @host_link accept\n"
                        "\t\toif . meta oiftype @vpn_link goto refuse\n"
                        /* What comes by the VPN from a LAN address is not answered by the
                         * LAN: that would show the VPN's address there. */
                        "\t\tip saddr @vpn_address4 goto refuse\n"
                        "\t\tip6 saddr @vpn_address6 goto refuse\n"
                        /* A neighbour that is told to pass a packet on is a way out. */
                        "\t\tip option lsrr exists goto refuse\n"
                        "\t\tip option ssrr exists goto refuse\n"
                        "\t\texthdr rt exists goto refuse\n");
        ks_guard_append_direct_rules(text, settings, lan);
        g_string_append(text, "\t}\n");
}

KsGuard *ks_guard_new(const KsSettings *settings, KsLan lan)
{
        KsGuard *guard = g_new0(KsGuard, 1);

        for (int i = 0; i < _KS_SET_MAX; i++) {
                guard->sets[i] = set_templates[i];
                guard->sets[i].elements = g_string_new(NULL);
        }
        guard->chains = g_string_new(NULL);
        guard->egress = g_string_new(NULL);
        guard->hooks = g_string_new(NULL);
        if (settings->egress_guard)
                ks_guard_append_egress(guard->egress, settings, lan);
        ks_guard_append_transport(guard->chains, settings, KS_GUARD_INET);
        g_string_append_printf(guard->chains,
                               "\tchain refuse {\n"
                               "\t\tcounter name blocked\n"
                               "%s"
                               "\t\tmeta l4proto 6 reject with tcp reset\n"
                               "\t\treject with icmpx admin-prohibited\n"
                               "\t}\n",
                               settings->record_blocked ? LOG_RULE : "");
        append_output_chain(guard->chains, settings, lan);
        g_string_append(guard->chains, "\tchain forward {\n"
                                       "\t\ttype filter hook forward priority 0; policy drop;\n");
        g_string_append(guard->chains, inner_rules(settings));
        g_string_append(guard->chains,
                        "\t\toif . meta oiftype @vpn_link accept\n"
                        "\t\tiif . meta iiftype @vpn_link oif @host_link accept\n"
                        "\t\tiif @host_link oif @host_link accept\n"
                        "\t\tgoto refuse\n"
                        "\t}\n"
                        /* -150: behind connection tracking, ahead of routing and rp_filter. */
                        "\tchain prerouting {\n"
                        "\t\ttype filter hook prerouting priority -150; policy accept;\n"
                        "\t\tiif 1 accept\n"
                        "\t\tct mark @transport_mark meta mark set ct mark\n"
                        "\t\tiif . meta iiftype . ip daddr @vpn4 accept\n"
                        "\t\tiif . meta iiftype . ip6 daddr @vpn6 accept\n"
                        "\t\tip daddr @vpn_address4 drop\n"
                        "\t\tip6 daddr @vpn_address6 drop\n"
                        "\t\ticmp type 5 drop\n"
                        "\t\ticmpv6 type 137 drop\n"
                        "\t}\n"
                        "\tchain postrouting {\n"
                        "\t\ttype filter hook postrouting priority -150; policy accept;\n"
                        "\t\tmeta mark @transport_mark ct mark set meta mark\n"
                        "\t}\n");
        return guard;
}

void ks_guard_drop_log(KsGuard *guard)
{
        g_string_replace(guard->chains, LOG_RULE, "", 1);
}

void ks_guard_free(KsGuard *guard)
{
        if (!guard)
                return;
        for (int i = 0; i < _KS_SET_MAX; i++)
                g_string_free(guard->sets[i].elements, TRUE);
        g_string_free(guard->chains, TRUE);
        g_string_free(guard->egress, TRUE);
        g_string_free(guard->hooks, TRUE);
        g_free(guard);
}

void ks_guard_add(KsGuard *guard, int set, const char *format, ...)
{
        GString *elements = guard->sets[set].elements;
        va_list ap;

        if (elements->len > 0)
                g_string_append(elements, ", ");
        va_start(ap, format);
        g_string_append_vprintf(elements, format, ap);
        va_end(ap);
}

void ks_guard_add_prefix(KsGuard *guard, int set4, int set6, const KsPrefix *prefix)
{
        g_autofree char *text = ks_prefix_to_string(prefix);

        ks_guard_add(guard, prefix->family == AF_INET ? set4 : set6, "%s", text);
}

gboolean ks_guard_has_egress(const KsGuard *guard)
{
        return guard->egress->len > 0;
}

static void append_table(GString *text, const KsGuard *guard, KsGuardTable table, guint64 packets,
                         guint64 bytes)
{
        g_string_append_printf(text,
                               "table %s {\n"
                               "\tcounter blocked { packets %" G_GUINT64_FORMAT
                               " bytes %" G_GUINT64_FORMAT " }\n",
                               table == KS_GUARD_INET ? INET : EGRESS, packets, bytes);
        for (int i = 0; i < _KS_SET_MAX; i++) {
                const KsGuardSet *set = &guard->sets[i];

                if (!(set->tables & table))
                        continue;
                g_string_append_printf(text, "\tset %s { %s", set->name, set->declaration);
                if (set->elements->len > 0)
                        g_string_append_printf(text, " elements = { %s };", set->elements->str);
                g_string_append(text, " }\n");
        }
        if (table == KS_GUARD_INET)
                g_string_append(text, guard->chains->str);
        else
                g_string_append_printf(text, "%s%s", guard->egress->str, guard->hooks->str);
        g_string_append(text, "}\n");
}

char *ks_guard_replace_text(const KsGuard *guard, guint tables, guint64 packets, guint64 bytes)
{
        GString *text = g_string_new(ks_guard_remove_text(tables));

        if (tables & KS_GUARD_INET)
                append_table(text, guard, KS_GUARD_INET, packets, bytes);
        if ((tables & KS_GUARD_EGRESS) && ks_guard_has_egress(guard))
                append_table(text, guard, KS_GUARD_EGRESS, 0, 0);
        return g_string_free(text, FALSE);
}

/* Appends a command about those elements of a set that another one lacks. */
static void append_missing(GString *text, const char *command, const char *table, const char *set,
                           const char *elements, const char *others)
{
        g_auto(GStrv) all = g_strsplit(elements, ", ", -1), known = g_strsplit(others, ", ", -1);
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
        gsize begun = text->len;

        for (guint i = 0; known[i]; i++)
                g_hash_table_add(seen, known[i]);
        for (guint i = 0; all[i]; i++) {
                if (!g_hash_table_add(seen, all[i]))
                        continue;
                if (text->len == begun)
                        g_string_append_printf(text, "%s element %s %s { %s", command, table, set,
                                               all[i]);
                else
                        g_string_append_printf(text, ", %s", all[i]);
        }
        if (text->len > begun)
                g_string_append(text, " }\n");
}

/* Of many VPNs one that comes or goes changes its own elements only. Networks are written anew:
 * elements that were merged can't be taken out one by one. */
static void append_set_update(GString *text, const KsGuardSet *present, const KsGuardSet *wanted,
                              const char *table)
{
        if (!strstr(wanted->declaration, "interval")) {
                append_missing(text, "delete", table, wanted->name, present->elements->str,
                               wanted->elements->str);
                append_missing(text, "add", table, wanted->name, wanted->elements->str,
                               present->elements->str);
                return;
        }
        g_string_append_printf(text, "flush set %s %s\n", table, wanted->name);
        if (wanted->elements->len > 0)
                g_string_append_printf(text, "add element %s %s { %s }\n", table, wanted->name,
                                       wanted->elements->str);
}

char *ks_guard_update_text(const KsGuard *present, const KsGuard *wanted, guint tables)
{
        GString *text = NULL;

        if (!g_string_equal(present->chains, wanted->chains) ||
            !g_string_equal(present->egress, wanted->egress) ||
            !g_string_equal(present->hooks, wanted->hooks))
                return NULL;
        text = g_string_new(NULL);
        for (int i = 0; i < _KS_SET_MAX; i++) {
                const KsGuardSet *set = &wanted->sets[i];

                if (g_string_equal(present->sets[i].elements, set->elements))
                        continue;
                if (tables & KS_GUARD_INET)
                        append_set_update(text, &present->sets[i], set, INET);
                if ((set->tables & tables & KS_GUARD_EGRESS) && ks_guard_has_egress(wanted))
                        append_set_update(text, &present->sets[i], set, EGRESS);
        }
        return g_string_free(text, FALSE);
}

/* Adding first makes the deletion succeed when there was none. */
#define REMOVE(table) "add table " table "\ndelete table " table "\n"

const char *ks_guard_remove_text(guint tables)
{
        static const char *const texts[] = {
                [0] = "",
                [KS_GUARD_INET] = REMOVE(INET),
                [KS_GUARD_EGRESS] = REMOVE(EGRESS),
                [BOTH] = REMOVE(INET) REMOVE(EGRESS),
        };

        return texts[tables];
}
