/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link table: interfaces and their addresses, by libnl-route. */

#include <netlink/cache.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>

#include "common/error.h"
#include "kernel/links.h"
#include "kernel/wireguard.h"

static KsLink *find_index(GPtrArray *links, int index)
{
        for (guint i = 0; i < links->len; i++)
                if (((KsLink *)g_ptr_array_index(links, i))->index == index)
                        return g_ptr_array_index(links, i);
        return NULL;
}

static void take_link(struct nl_object *object, void *userdata)
{
        struct rtnl_link *nl_link = (struct rtnl_link *)object;
        GPtrArray *links = userdata;
        const char *name = rtnl_link_get_name(nl_link);
        const char *kind = rtnl_link_get_type(nl_link);
        int32_t namespace_id;
        KsLink *link;

        /* libnl calls a bridge's own entry AF_BRIDGE, so the family says nothing. */
        if (!name || find_index(links, rtnl_link_get_ifindex(nl_link)))
                return;
        link = ks_link_new(rtnl_link_get_ifindex(nl_link), name);
        g_strlcpy(link->kind, kind ? kind : "", sizeof(link->kind));
        link->type = (uint16_t)rtnl_link_get_arptype(nl_link);
        link->flags = rtnl_link_get_flags(nl_link);
        link->master = rtnl_link_get_master(nl_link);
        /* An index of another namespace says nothing here. */
        if (rtnl_link_get_link_netnsid(nl_link, &namespace_id) < 0)
                link->parent = rtnl_link_get_link(nl_link);
        g_ptr_array_add(links, link);
}

static gboolean prefix_from_nl(struct nl_addr *nl_addr, unsigned length, KsPrefix *prefix)
{
        int family = nl_addr ? nl_addr_get_family(nl_addr) : AF_UNSPEC;

        if (ks_family_bits(family) == 0 || nl_addr_get_len(nl_addr) != ks_family_bits(family) / 8)
                return FALSE;
        *prefix = ks_prefix_from_bytes(family, nl_addr_get_binary_addr(nl_addr), length);
        return TRUE;
}

static void take_address(struct nl_object *object, void *userdata)
{
        struct rtnl_addr *nl_address = (struct rtnl_addr *)object;
        KsLink *link = find_index(userdata, rtnl_addr_get_ifindex(nl_address));
        struct nl_addr *peer = rtnl_addr_get_peer(nl_address);
        struct nl_addr *local = rtnl_addr_get_local(nl_address);
        KsAddress address = { 0 };
        KsPrefix network;

        if (!link || !prefix_from_nl(local, 0, &address.local))
                return;
        address.local = ks_prefix_host(address.local);
        /* A point-to-point link stands in the other end's network. */
        if (prefix_from_nl(peer ? peer : local, (unsigned)rtnl_addr_get_prefixlen(nl_address),
                           &network))
                address.network = ks_prefix_network(network);
        g_array_append_val(link->addresses, address);
}

GPtrArray *ks_links_read(KsRtnl *rtnl, GError **error)
{
        g_autoptr(GPtrArray) links = g_ptr_array_new_with_free_func((GDestroyNotify)ks_link_free);
        struct nl_cache *link_cache = NULL, *address_cache = NULL;
        KsRequestSocket *caches = ks_rtnl_caches(rtnl);
        gboolean has_wireguard = FALSE;
        int r = ks_request_socket_open(caches);

        if (r >= 0)
                r = rtnl_link_alloc_cache(caches->socket, AF_UNSPEC, &link_cache);
        if (r >= 0)
                r = rtnl_addr_alloc_cache(caches->socket, &address_cache);
        ks_request_socket_settle(caches, r);
        if (r >= 0) {
                nl_cache_foreach(link_cache, take_link, links);
                nl_cache_foreach(address_cache, take_address, links);
        }
        nl_cache_free(link_cache);
        nl_cache_free(address_cache);
        if (r < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "Can't read the network interfaces from the kernel: %s",
                            nl_geterror(r));
                return NULL;
        }
        for (guint i = 0; i < links->len; i++)
                has_wireguard |= g_str_equal(((KsLink *)g_ptr_array_index(links, i))->kind,
                                             "wireguard");
        if (has_wireguard && !ks_wireguard_read(links, error))
                return NULL;
        return g_steal_pointer(&links);
}
