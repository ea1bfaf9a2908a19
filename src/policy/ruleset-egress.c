/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard's third place: a netdev table hooked to the egress of each uplink (Linux 5.16), behind
 * the IP layer. Packet sockets, macvlan, ipvlan and the guests of a bridge pass there too. */

#include "common/names.h"
#include "policy/ruleset-private.h"

/* Every packet of an IP layer has been routed, and its route is still with it here, also below a
 * bridge. A packet socket's and a bridged guest's frames have none. */
#define ROUTED "meta rtclassid 0-0xffffffff"

void ks_guard_append_egress(GString *text, const KsSettings *settings, KsLan lan)
{
        ks_guard_append_transport(text, settings, KS_GUARD_EGRESS);
        g_string_append(text,
                        "\tchain refuse {\n"
                        "\t\tcounter name blocked drop\n"
                        "\t}\n"
                        "\tchain packet {\n"
                        "\t\t" ROUTED " jump transport\n"
                        /* No neighbour is told to pass a packet on. The kernel can't look for
                         * an option here (ipv4_find_option() takes the frame's start for the
                         * packet's), so any will do; groups have them, and pass nothing on. */
                        "\t\tip hdrlength != 5 ip daddr != 224.0.0.0/4 goto refuse\n"
                        "\t\texthdr rt exists goto refuse\n");
        ks_guard_append_direct_rules(text, settings, lan);
        g_string_append(text, "\t}\n"
                              /* What the frame says and what its sender told the kernel must be
                               * one: a packet socket may claim any protocol. The kernel keeps a
                               * VLAN's tag beside the frame, and sees what is in it; a tag that
                               * stands in the frame hides it. The rule about l4proto holds for
                               * sound headers only. 0x888e: IEEE 802.1X, for Wi-Fi. */
                              "\tchain frame {\n"
                              "\t\tether type { 0x0806, 0x888e } accept\n"
                              "\t\tether type 0x0800 meta protocol 0x0800 goto packet\n"
                              "\t\tether type 0x86dd meta protocol 0x86dd goto packet\n"
                              "\t\tether type 0x8100 vlan type 0x0806 accept\n"
                              "\t\tether type 0x8100 vlan type 0x0800 meta protocol 0x0800 "
                              "meta l4proto 0-255 goto packet\n"
                              "\t\tether type 0x8100 vlan type 0x86dd meta protocol 0x86dd "
                              "meta l4proto 0-255 goto packet\n"
                              "\t\tgoto refuse\n"
                              "\t}\n"
                              /* Links that have no Ethernet: PPP, modems. */
                              "\tchain bare {\n"
                              "\t\tmeta protocol { 0x0800, 0x86dd } goto packet\n"
                              "\t\tgoto refuse\n"
                              "\t}\n");
}

void ks_guard_add_uplink(KsGuard *guard, int index, const char *name, gboolean is_ethernet)
{
        g_string_append_printf(
                guard->hooks,
                "\tchain uplink_%d {\n"
                "\t\ttype filter hook egress device \"%s\" priority 0; policy drop;\n"
                "\t\tgoto %s\n"
                "\t}\n",
                index, name, is_ethernet ? "frame" : "bare");
}
