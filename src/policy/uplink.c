/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Uplinks: which links lead out of the host, and how they frame what they send. */

#include <net/if_arp.h>
#include <string.h>

#include "policy/uplink.h"

/* <net/if_arp.h> lacks it, and <linux/if_arp.h> does not go with <net/if.h>. */
#ifndef ARPHRD_IP6GRE
#define ARPHRD_IP6GRE 823
#endif

typedef enum Framing {
        FRAMING_NONE,    /* sends nothing, or hands on to links that are guarded themselves */
        FRAMING_UNKNOWN, /* may send in a way that the guard can't read */
        FRAMING_BARE,    /* IP packets as they are */
        FRAMING_ETHERNET,
} Framing;

static Framing framing_of(const KsLink *link)
{
        /* ifb gives back what was received, a vrf hands on to its ports. */
        static const char *const silent[] = { "dummy",    "ifb", "nlmon", "vcan", "vrf",
                                              "vsockmon", "can", "vxcan", NULL };

        if (g_strv_contains(silent, link->kind))
                return FRAMING_NONE;
        switch (link->type) {
        case ARPHRD_LOOPBACK:
                return FRAMING_NONE;
        case ARPHRD_ETHER:
                return FRAMING_ETHERNET;
        case ARPHRD_NONE:
        case ARPHRD_RAWIP:
        case ARPHRD_PPP:
        case ARPHRD_SLIP:
        case ARPHRD_TUNNEL:
        case ARPHRD_TUNNEL6:
        case ARPHRD_SIT:
        case ARPHRD_IPGRE:
        case ARPHRD_IP6GRE:
                return FRAMING_BARE;
        default:
                return FRAMING_UNKNOWN;
        }
}

static gboolean is_vpn(const Planner *planner, const KsLink *link)
{
        GPtrArray *vpns = planner->plan->vpns;

        for (guint i = 0; i < vpns->len; i++)
                if (ks_vpn_link_matches(((KsPlanVpn *)g_ptr_array_index(vpns, i))->vpn, link))
                        return TRUE;
        return FALSE;
}

/* A link to this host's guests, or a port of one. */
static gboolean is_host_local(const Planner *planner, const KsLink *link)
{
        for (guint i = 0; i < planner->host_links->len; i++) {
                const KsLink *host = g_ptr_array_index(planner->host_links, i);

                if (host->index == link->index || host->index == link->master)
                        return TRUE;
        }
        return FALSE;
}

static void add_problem(Planner *planner, const KsLink *link, const char *why)
{
        g_autofree char *name = g_strescape(link->name, NULL);

        g_ptr_array_add(planner->plan->problems,
                        g_strdup_printf("EgressGuard= does not hold on the interface \"%s\": %s",
                                        name, why));
}

void ks_planner_add_uplinks(Planner *planner)
{
        for (guint i = 0; i < planner->links->len; i++) {
                const KsLink *link = g_ptr_array_index(planner->links, i);
                Framing framing = framing_of(link);

                if (framing == FRAMING_NONE || is_vpn(planner, link) ||
                    is_host_local(planner, link))
                        continue;
                if (!ks_interface_name_is_valid(link->name))
                        add_problem(planner, link,
                                    "its name has more than letters, digits and -_.@+; rename it");
                else if (framing == FRAMING_UNKNOWN)
                        add_problem(planner, link,
                                    "it is neither Ethernet nor a link for plain IP packets");
                else
                        ks_guard_add_uplink(planner->plan->guard, link->index, link->name,
                                            framing == FRAMING_ETHERNET);
        }
}
