/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets that were opened before: which of them have no way on. */

#include <netinet/in.h>
#include <string.h>

#include "common/names.h"
#include "policy/socket.h"

static gboolean is_one_of(GArray *prefixes, const KsPrefix *address)
{
        for (guint i = 0; i < prefixes->len; i++)
                if (ks_prefix_contains(&g_array_index(prefixes, KsPrefix, i), address))
                        return TRUE;
        return FALSE;
}

/* Multicast has no other end that would miss the packets. */
static gboolean is_nobody(const KsPrefix *address)
{
        static const uint8_t none[sizeof(address->address)] = { 0 };

        if (memcmp(address->address, none, sizeof(none)) == 0)
                return TRUE;
        return address->family == AF_INET ? address->address[0] >= 224
                                          : address->address[0] == 0xff;
}

static gboolean is_loopback(const KsPrefix *address)
{
        struct in6_addr in6;

        memcpy(&in6, address->address, sizeof(in6));
        return address->family == AF_INET ? address->address[0] == 127 : IN6_IS_ADDR_LOOPBACK(&in6);
}

/* As the guard's transport chain has it, whose other half are the rules. */
static gboolean selects(const KsSelector *selector, const KsSocket *socket)
{
        return selector->protocol == socket->protocol &&
               (!selector->has_mark || selector->mark == socket->mark) &&
               (selector->by_kernel || ks_selector_takes_user(selector, socket->uid)) &&
               (!selector->source_first || (socket->source_port >= selector->source_first &&
                                            socket->source_port <= selector->source_last)) &&
               (!ks_prefix_is_set(&selector->remote) ||
                ks_prefix_contains(&selector->remote, &socket->remote)) &&
               (!selector->remote_port || selector->remote_port == socket->remote_port);
}

static gboolean is_transport(const KsSocket *socket, const KsPlan *plan)
{
        for (guint i = 0; i < plan->vpns->len; i++) {
                GArray *selectors = ((KsPlanVpn *)g_ptr_array_index(plan->vpns, i))->vpn->selectors;

                for (guint j = 0; j < selectors->len; j++)
                        if (selects(&g_array_index(selectors, KsSelector, j), socket))
                                return TRUE;
        }
        return FALSE;
}

static gboolean is_dhcp(const KsSocket *socket)
{
        uint16_t from = socket->source_port, to = socket->remote_port;

        return socket->protocol == IPPROTO_UDP && socket->uid <= KS_SYSTEM_UID_MAX &&
               ((from == 68 && to == 67) || (from == 546 && to == 547));
}

static gboolean goes_to_guests(const KsSocket *socket, const KsReach *reach)
{
        for (guint i = 0; i < reach->guest_links->len; i++)
                if (socket->link && g_array_index(reach->guest_links, int, i) == socket->link)
                        return TRUE;
        return is_one_of(reach->guests, &socket->remote);
}

static gboolean goes_to_lan(const KsSocket *socket, const KsPlan *plan)
{
        gboolean dns = (socket->remote_port == 53 || socket->remote_port == 853) &&
                       (socket->protocol == IPPROTO_TCP || socket->protocol == IPPROTO_UDP);

        if (dns && !plan->reach.lan_dns)
                return FALSE;
        return is_one_of(plan->reach.lan, &socket->remote) &&
               !is_one_of(plan->claims, &socket->remote);
}

gboolean ks_socket_is_stranded(const KsSocket *socket, const KsPlan *plan)
{
        const KsReach *reach = &plan->reach;

        if (is_nobody(&socket->remote) || is_loopback(&socket->remote) ||
            is_one_of(reach->own, &socket->remote))
                return FALSE;
        if (!is_one_of(reach->outside, &socket->source) || is_loopback(&socket->source))
                return FALSE;
        return !is_transport(socket, plan) && !is_dhcp(socket) && !goes_to_guests(socket, reach) &&
               !goes_to_lan(socket, plan);
}
