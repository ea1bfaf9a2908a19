/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VPNs: profiles and kernel WireGuard links as one value. */

#include <net/if_arp.h>
#include <string.h>

#include "config.h"
#include "policy/vpn.h"
#ifdef KS_TEST_SWITCHES
#include "policy/without.h"
#endif

KsVpn *ks_vpn_new(const char *name, const char *interface)
{
        KsVpn *vpn = g_new0(KsVpn, 1);

        vpn->name = g_strdup(name);
        vpn->interface = g_strdup(interface);
        vpn->selectors = g_array_new(FALSE, TRUE, sizeof(KsSelector));
        vpn->prefixes = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        vpn->inner_servers = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        return vpn;
}

KsVpn *ks_vpn_copy(const KsVpn *vpn)
{
        KsVpn *copy = g_memdup2(vpn, sizeof(*vpn));

        copy->name = g_strdup(vpn->name);
        copy->interface = g_strdup(vpn->interface);
        copy->kind = g_strdup(vpn->kind);
        copy->origin = g_strdup(vpn->origin);
        copy->selectors = g_array_copy(vpn->selectors);
        copy->prefixes = g_array_copy(vpn->prefixes);
        copy->names = ks_names_ref(vpn->names);
        copy->servers = vpn->servers ? g_ptr_array_ref(vpn->servers) : NULL;
        copy->inner_servers = g_array_copy(vpn->inner_servers);
        copy->unit = g_strdup(vpn->unit);
        copy->group = g_strdup(vpn->group);
        copy->through = g_strdup(vpn->through);
        return copy;
}

void ks_vpn_free(KsVpn *vpn)
{
        if (!vpn)
                return;
        g_free(vpn->name);
        g_free(vpn->interface);
        g_free(vpn->kind);
        g_free(vpn->origin);
        g_array_unref(vpn->selectors);
        g_array_unref(vpn->prefixes);
        ks_names_unref(vpn->names);
        g_clear_pointer(&vpn->servers, g_ptr_array_unref);
        g_array_unref(vpn->inner_servers);
        g_free(vpn->unit);
        g_free(vpn->group);
        g_free(vpn->through);
        g_free(vpn);
}

void ks_vpn_take_wireguard_selectors(KsVpn *vpn, const KsLink *link)
{
        const KsWireguard *wireguard = link->wireguard;
        KsSelector selector = { .protocol = IPPROTO_UDP };

        g_array_set_size(vpn->selectors, 0);
        if (wireguard->mark) {
                selector.has_mark = 1;
                selector.mark = wireguard->mark;
                g_array_append_val(vpn->selectors, selector);
                return;
        }
        if (!wireguard->listen_port || !(link->flags & IFF_UP))
                return;
        selector.by_kernel = 1;
        selector.has_uid = 1; /* fl4 of a kernel socket has the root uid: sock_net_uid(net, NULL) */
        selector.uid = 0;
        selector.source_first = selector.source_last = wireguard->listen_port;
        for (guint i = 0; i < wireguard->remotes->len; i++) {
                const KsEndpoint *remote = &g_array_index(wireguard->remotes, KsEndpoint, i);

                selector.remote = remote->address;
                selector.remote_port = remote->port;
                g_array_append_val(vpn->selectors, selector);
        }
}

/* Whether the allowed IPs reach every address of the family: 0.0.0.0/0, or the
 * two halves that some tools write to stay clear of the default route. */
static gboolean allowed_cover_family(GArray *allowed, int family)
{
        gboolean low = FALSE, high = FALSE;

        for (guint i = 0; i < allowed->len; i++) {
                const KsPrefix *prefix = &g_array_index(allowed, KsPrefix, i);

                if (prefix->family != family)
                        continue;
                if (prefix->length == 0)
                        return TRUE;
                if (prefix->length == 1)
                        *(prefix->address[0] & 0x80 ? &high : &low) = TRUE;
        }
        return low && high;
}

KsVpn *ks_vpn_from_wireguard(const KsLink *link)
{
        KsVpn *vpn = ks_vpn_new(link->name, link->name);
        const KsWireguard *wireguard = link->wireguard;

        vpn->kind = g_strdup("wireguard");
        ks_vpn_take_wireguard_selectors(vpn, link);
        vpn->default4 = allowed_cover_family(wireguard->allowed, AF_INET);
        vpn->default6 = allowed_cover_family(wireguard->allowed, AF_INET6);
        for (guint i = 0; i < wireguard->allowed->len; i++) {
                const KsPrefix *prefix = &g_array_index(wireguard->allowed, KsPrefix, i);

                /* The halves of a default are part of it, a lone one is a network. */
                if (prefix->length > 1 ||
                    !(prefix->family == AF_INET ? vpn->default4 : vpn->default6))
                        ks_prefix_array_add(vpn->prefixes, prefix);
        }
        return vpn;
}

gboolean ks_vpn_link_matches(const KsVpn *vpn, const KsLink *link)
{
        if (!g_str_equal(vpn->interface, link->name))
                return FALSE;
#ifdef KS_TEST_SWITCHES
        if (ks_without("link-kind"))
                return TRUE;
#endif
        if (vpn->kind)
                return g_str_equal(vpn->kind, link->kind);
        return link->kind[0] != '\0' && link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK;
}
