/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel WireGuard's port, mark, endpoints and allowed IPs by generic netlink. */

#include <arpa/inet.h>
#include <linux/wireguard.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "common/error.h"
#include "kernel/wireguard.h"

/* Networks of one link; each becomes a route. What is beyond stays blocked. */
#define ALLOWED_MAX 1024

static void take_endpoint(struct nlattr *attribute, KsWireguard *wireguard)
{
        const struct sockaddr *address = nla_data(attribute);
        KsEndpoint endpoint = { 0 };

        if (nla_len(attribute) == sizeof(struct sockaddr_in) && address->sa_family == AF_INET) {
                const struct sockaddr_in *in = nla_data(attribute);

                endpoint.address = ks_prefix_from_bytes(AF_INET, &in->sin_addr, 32);
                endpoint.port = ntohs(in->sin_port);
        } else if (nla_len(attribute) == sizeof(struct sockaddr_in6) &&
                   address->sa_family == AF_INET6) {
                const struct sockaddr_in6 *in6 = nla_data(attribute);

                endpoint.address = ks_prefix_from_bytes(AF_INET6, &in6->sin6_addr, 128);
                endpoint.port = ntohs(in6->sin6_port);
        } else {
                return;
        }
        g_array_append_val(wireguard->remotes, endpoint);
}

static void take_allowed(struct nlattr *list, KsWireguard *wireguard)
{
        struct nlattr *entry;
        int remaining;

        nla_for_each_nested(entry, list, remaining)
        {
                struct nlattr *attributes[WGALLOWEDIP_A_MAX + 1];
                int family, length;
                KsPrefix prefix;

                if (nla_parse_nested(attributes, WGALLOWEDIP_A_MAX, entry, NULL) < 0 ||
                    !attributes[WGALLOWEDIP_A_FAMILY] || !attributes[WGALLOWEDIP_A_IPADDR] ||
                    !attributes[WGALLOWEDIP_A_CIDR_MASK])
                        continue;
                family = nla_get_u16(attributes[WGALLOWEDIP_A_FAMILY]);
                length = nla_get_u8(attributes[WGALLOWEDIP_A_CIDR_MASK]);
                if (nla_len(attributes[WGALLOWEDIP_A_IPADDR]) != (int)ks_family_bits(family) / 8 ||
                    length > (int)ks_family_bits(family))
                        continue;
                prefix = ks_prefix_network(ks_prefix_from_bytes(
                        family, nla_data(attributes[WGALLOWEDIP_A_IPADDR]), (unsigned)length));
                /* What says "everything" counts however long the list is. */
                if (wireguard->allowed->len < ALLOWED_MAX || length <= 1)
                        ks_prefix_array_add(wireguard->allowed, &prefix);
        }
}

static void take_peers(struct nlattr *list, KsWireguard *wireguard)
{
        struct nlattr *peer;
        int remaining;

        nla_for_each_nested(peer, list, remaining)
        {
                struct nlattr *attributes[WGPEER_A_MAX + 1];

                if (nla_parse_nested(attributes, WGPEER_A_MAX, peer, NULL) < 0)
                        continue;
                if (attributes[WGPEER_A_ENDPOINT])
                        take_endpoint(attributes[WGPEER_A_ENDPOINT], wireguard);
                if (attributes[WGPEER_A_ALLOWEDIPS])
                        take_allowed(attributes[WGPEER_A_ALLOWEDIPS], wireguard);
        }
}

/* A device with many peers comes in several messages; each adds to the link. */
static int take_device(struct nl_msg *message, void *userdata)
{
        struct nlattr *attributes[WGDEVICE_A_MAX + 1];
        KsLink *link = userdata;

        if (genlmsg_parse(nlmsg_hdr(message), 0, attributes, WGDEVICE_A_MAX, NULL) < 0)
                return NL_SKIP;
        if (!link->wireguard)
                link->wireguard = ks_wireguard_new();
        if (attributes[WGDEVICE_A_LISTEN_PORT])
                link->wireguard->listen_port = nla_get_u16(attributes[WGDEVICE_A_LISTEN_PORT]);
        if (attributes[WGDEVICE_A_FWMARK])
                link->wireguard->mark = nla_get_u32(attributes[WGDEVICE_A_FWMARK]);
        if (attributes[WGDEVICE_A_PEERS])
                take_peers(attributes[WGDEVICE_A_PEERS], link->wireguard);
        return NL_OK;
}

static int ask_device(struct nl_sock *socket, int family, KsLink *link)
{
        struct nl_msg *message = nlmsg_alloc();
        int r;

        if (!message)
                g_error("out of memory");
        genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, NLM_F_DUMP, WG_CMD_GET_DEVICE,
                    WG_GENL_VERSION);
        nla_put_u32(message, WGDEVICE_A_IFINDEX, (uint32_t)link->index);
        nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_device, link);
        r = nl_send_auto(socket, message);
        nlmsg_free(message);
        return r < 0 ? r : nl_recvmsgs_default(socket);
}

gboolean ks_wireguard_read(GPtrArray *links, GError **error)
{
        struct nl_sock *socket = nl_socket_alloc();
        int family, r;

        if (!socket)
                g_error("out of memory");
        r = genl_connect(socket);
        family = r < 0 ? r : genl_ctrl_resolve(socket, WG_GENL_NAME);
        for (guint i = 0; family >= 0 && i < links->len; i++) {
                KsLink *link = g_ptr_array_index(links, i);

                if (!g_str_equal(link->kind, "wireguard"))
                        continue;
                for (int try = 0; try < 5; try++) {
                        g_clear_pointer(&link->wireguard, ks_wireguard_free);
                        r = ask_device(socket, family, link);
                        if (r != -NLE_DUMP_INTR)
                                break;
                }
                /* Gone meanwhile: an event about that is on its way. */
                if (r < 0)
                        g_clear_pointer(&link->wireguard, ks_wireguard_free);
        }
        nl_socket_free(socket);
        if (family < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL,
                            "Can't ask the kernel about WireGuard: %s", nl_geterror(family));
                return FALSE;
        }
        return TRUE;
}
