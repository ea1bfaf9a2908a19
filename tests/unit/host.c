/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hosts for tests: links and settings by the line, and plans as text that can be compared. */

#include <string.h>

#include "tests/unit/host.h"

Host *host_new(void)
{
        Host *host = g_new0(Host, 1);

        host->settings = ks_settings_new();
        host->links = g_ptr_array_new_with_free_func((GDestroyNotify)ks_link_free);
        host->lan_routes = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        return host;
}

void host_free(Host *host)
{
        if (!host)
                return;
        ks_settings_free(host->settings);
        g_ptr_array_unref(host->links);
        g_array_unref(host->lan_routes);
        g_free(host);
}

KsPrefix prefix(const char *text)
{
        g_autoptr(GError) error = NULL;
        KsPrefix prefix;

        ks_prefix_parse(text, &prefix, &error);
        g_assert_no_error(error);
        return prefix;
}

KsEndpoint endpoint(const char *address, uint16_t port)
{
        KsEndpoint endpoint = { .address = prefix(address), .port = port };

        return endpoint;
}

KsLink *host_add_link(Host *host, int index, const char *name, const char *kind, uint16_t type)
{
        KsLink *link = ks_link_new(index, name);

        g_strlcpy(link->kind, kind, sizeof(link->kind));
        link->type = type;
        link->flags = IFF_UP | IFF_RUNNING;
        g_ptr_array_add(host->links, link);
        return link;
}

KsLink *host_add_tun(Host *host, int index, const char *name)
{
        return host_add_link(host, index, name, "tun", ARPHRD_NONE);
}

KsLink *host_add_card(Host *host, int index, const char *name)
{
        return host_add_link(host, index, name, "", ARPHRD_ETHER);
}

KsLink *host_add_wireguard(Host *host, int index, const char *name, uint32_t mark, uint16_t port)
{
        KsLink *link = host_add_link(host, index, name, "wireguard", ARPHRD_NONE);

        link->wireguard = ks_wireguard_new();
        link->wireguard->mark = mark;
        link->wireguard->listen_port = port;
        return link;
}

void link_add_peer(KsLink *link, const char *address, uint16_t port, const char *allowed)
{
        g_auto(GStrv) texts = g_strsplit(allowed, " ", -1);

        if (address) {
                KsEndpoint remote = endpoint(address, port);

                g_array_append_val(link->wireguard->remotes, remote);
        }
        for (guint i = 0; texts[i]; i++) {
                KsPrefix one = prefix(texts[i]);

                ks_prefix_array_add(link->wireguard->allowed, &one);
        }
}

void link_add_peer_address(KsLink *link, const char *local, const char *network)
{
        KsAddress address = { .local = prefix(local), .network = prefix(network) };

        g_array_append_val(link->addresses, address);
}

void link_add_address(KsLink *link, const char *text)
{
        g_autofree char *local = g_strndup(text, strcspn(text, "/"));

        link_add_peer_address(link, local, text);
}

KsVpn *host_add_vpn(Host *host, const char *name, const char *interface)
{
        KsVpn *vpn = ks_vpn_new(name, interface);

        vpn->from_settings = TRUE;
        vpn->default4 = vpn->default6 = TRUE;
        g_ptr_array_add(host->settings->vpns, vpn);
        return vpn;
}

static KsSelector *add_selector(KsVpn *vpn, const KsSelector *selector)
{
        g_array_append_val(vpn->selectors, *selector);
        return &g_array_index(vpn->selectors, KsSelector, vpn->selectors->len - 1);
}

KsSelector *vpn_add_mark(KsVpn *vpn, uint8_t protocol, uint32_t mark)
{
        return add_selector(vpn,
                            &(KsSelector){ .protocol = protocol, .has_mark = 1, .mark = mark });
}

KsSelector *vpn_add_user(KsVpn *vpn, uint8_t protocol, uint32_t uid)
{
        return add_selector(vpn, &(KsSelector){ .protocol = protocol, .has_uid = 1, .uid = uid });
}

KsPlan *host_plan(const Host *host)
{
        return ks_plan_new(host->settings, host->settings->lan, host->links, host->lan_routes,
                           NULL);
}

/* Appends a line, and leaves out the family at its end. */
static void append_line(GString *text, char *line)
{
        char *family = g_strrstr(line, " (IPv");

        g_assert_nonnull(family);
        *family = '\0';
        g_string_append_printf(text, "%s\n", line);
        g_free(line);
}

char *plan_rules_text(const KsPlan *plan, int family)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < plan->rules->len; i++) {
                const KsRule *rule = &g_array_index(plan->rules, KsRule, i);

                if (rule->family == family)
                        append_line(text, ks_rule_to_string(rule));
        }
        return g_string_free(text, FALSE);
}

char *plan_routes_text(const KsPlan *plan, int family)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < plan->routes->len; i++) {
                const KsRoute *route = &g_array_index(plan->routes, KsRoute, i);

                if (route->family == family)
                        append_line(text, ks_route_to_string(route, NULL));
        }
        return g_string_free(text, FALSE);
}

char *plan_sets_text(const KsPlan *plan)
{
        GString *text = g_string_new(NULL);

        for (int i = 0; i < _KS_SET_MAX; i++) {
                const KsGuardSet *set = &plan->guard->sets[i];

                if (set->elements->len > 0 && i != KS_SET_LAN4 && i != KS_SET_LAN6)
                        g_string_append_printf(text, "%s: %s\n", set->name, set->elements->str);
        }
        return g_string_free(text, FALSE);
}

/* Random hosts */

static int below(int limit)
{
        return g_test_rand_int_range(0, limit);
}

static const char *pick(const char *const *texts, int count)
{
        return texts[below(count)];
}

static const char *const some_addresses[] = {
        "10.8.0.2/24", "10.8.0.3/24", "192.168.1.7/24",   "198.51.100.7/30", "169.254.3.4/16",
        "fd08::2/64",  "fd08::3/128", "2001:db8:8::2/64", "fe80::8/64"
};
static const char *const some_prefixes[] = { "10.0.0.0/8",     "10.8.0.0/24",   "192.168.1.0/24",
                                             "203.0.113.0/24", "0.0.0.0/1",     "128.0.0.0/1",
                                             "fd08::/64",      "2001:db8::/32", "8000::/1" };
static const char *const some_remotes[] = { "198.51.100.10", "203.0.113.9", "2001:db8:1::10" };

static void randomise_selector(KsSelector *selector)
{
        if (below(2)) {
                selector->source_first = (uint16_t)(1 + below(3));
                selector->source_last = (uint16_t)(selector->source_first + below(2));
        }
        if (below(2))
                selector->remote = prefix(pick(some_remotes, G_N_ELEMENTS(some_remotes)));
        if (below(3) == 0)
                selector->remote_port = (uint16_t)(443 + below(2));
}

static void add_random_profile(Host *host, const char *name)
{
        static const uint8_t protocols[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ESP };
        KsVpn *vpn = host_add_vpn(host, name, name);

        for (int i = below(4); i > 0; i--) {
                uint8_t protocol = protocols[below(G_N_ELEMENTS(protocols))];

                randomise_selector(below(2) ? vpn_add_mark(vpn, protocol, 1 + (uint32_t)below(3))
                                            : vpn_add_user(vpn, protocol, (uint32_t)below(3)));
        }
        if (below(3) == 0) {
                KsPrefix one = prefix(pick(some_prefixes, G_N_ELEMENTS(some_prefixes)));

                ks_prefix_array_add(vpn->prefixes, &one);
        }
        if (below(5) == 0) {
                KsPrefix server = prefix(pick(some_remotes, G_N_ELEMENTS(some_remotes)));

                vpn->through = g_strdup_printf("vpn%d", below(5));
                g_array_append_val(vpn->inner_servers, server);
                g_array_set_size(vpn->selectors, 0);
        } else if (below(5) == 0) {
                vpn->unit = g_strdup("office.service");
                for (guint i = 0; i < vpn->selectors->len; i++)
                        g_array_index(vpn->selectors, KsSelector, i).in_unit = 1;
        }
        if (below(4) == 0)
                vpn->gateway4 = prefix("10.8.0.1");
        if (below(4) == 0)
                vpn->metric = 1 + (guint32)below(1000);
        vpn->default4 = vpn->default6 = below(4) != 0;
}

static void add_random_link(Host *host, int index, const char *name)
{
        KsLink *link;

        if (below(3) == 0) {
                link = host_add_wireguard(host, index, name, (uint32_t)below(3),
                                          (uint16_t)(51820 + below(2)));
                for (int i = below(3); i > 0; i--)
                        link_add_peer(link, pick(some_remotes, G_N_ELEMENTS(some_remotes)), 51820,
                                      below(2) ? "0.0.0.0/0 ::/0" : "10.9.0.0/16 0.0.0.0/1");
        } else {
                link = below(4) ? host_add_tun(host, index, name)
                                : host_add_link(host, index, name, "veth", ARPHRD_ETHER);
        }
        if (below(4) == 0)
                link->flags = below(2) ? IFF_UP : 0;
        for (int i = below(4); i > 0; i--)
                link_add_address(link, pick(some_addresses, G_N_ELEMENTS(some_addresses)));
}

/* LanPrefixes=: beside the private ranges, and in them. */
static const char *const some_lans[] = { "100.64.0.0/10", "100.64.9.0/24", "10.8.0.0/16",
                                         "198.18.0.0/15", "2001:db8:7::/48" };

Host *host_new_random(void)
{
        static const guint32 tables[] = { 83, 83, 84, 8300 }, priorities[] = { 100, 100, 150, 900 };
        Host *host = host_new();
        KsSettings *settings = host->settings;
        KsLink *card = host_add_card(host, 2, "eth0");

        settings->table = tables[below(G_N_ELEMENTS(tables))];
        settings->priority = priorities[below(G_N_ELEMENTS(priorities))];
        settings->lan = (KsLan)below(3);
        settings->lan_dns = below(2);
        settings->block_with = (KsBlockWith)below(3);
        settings->auto_wireguard = below(4) != 0;
        settings->egress_guard = below(2);
        settings->record_blocked = below(2);
        link_add_address(card, "192.168.1.2/24");
        link_add_address(card, "2001:db8:77::2/64");
        for (int i = 0; i < 5; i++) {
                g_autofree char *name = g_strdup_printf("vpn%d", i);

                if (below(2))
                        add_random_profile(host, name);
                if (below(2))
                        add_random_link(host, 10 + i + 10 * below(2), name);
        }
        if (below(3) == 0) {
                KsLink *bridge = host_add_link(host, 50, "br0", "bridge", ARPHRD_ETHER);

                link_add_address(bridge, "172.17.0.1/16");
                link_add_address(bridge, "fe80::50/64");
                settings->host_auto = below(2);
                if (!settings->host_auto)
                        g_ptr_array_add(settings->host_interfaces, g_strdup("br0"));
                bridge->default_route = below(4) == 0;
        }
        for (int i = below(3); i > 0; i--) {
                KsPrefix one = prefix(pick(some_prefixes, G_N_ELEMENTS(some_prefixes)));

                g_array_append_val(host->lan_routes, one);
        }
        for (int i = below(3); i > 0; i--) {
                KsPrefix one = prefix(pick(some_lans, G_N_ELEMENTS(some_lans)));

                ks_prefix_array_add(settings->lan_prefixes, &one);
        }
        return host;
}
