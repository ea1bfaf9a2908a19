/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a probe's messages consist of, with the headers that it writes itself. */

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "probe.h"

/* A protocol number for experiments, RFC 3692. */
#define EXPERIMENT 253

static uint16_t checksum(const guint8 *data, guint length)
{
        uint32_t sum = 0;

        for (guint i = 0; i < length; i++)
                sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t)~sum);
}

static void put_echo(GByteArray *payload, gboolean six, guint number)
{
        struct icmphdr echo = { .type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO };

        echo.un.echo.sequence = htons((uint16_t)number);
        g_byte_array_prepend(payload, (const guint8 *)&echo, sizeof(echo));
        /* The kernel computes that of ICMPv6. */
        if (!six)
                ((struct icmphdr *)payload->data)->checksum = checksum(payload->data, payload->len);
}

static void put_header4(GByteArray *payload, const Order *order)
{
        struct iphdr header = { .version = 4, .ihl = 5, .ttl = 64, .protocol = EXPERIMENT };
        const char *source = order_get(order, "from");

        header.tot_len = htons((uint16_t)(sizeof(header) + payload->len));
        inet_pton(AF_INET, order_get(order, "to"), &header.daddr);
        if (source)
                inet_pton(AF_INET, source, &header.saddr);
        header.check = checksum((const guint8 *)&header, sizeof(header));
        g_byte_array_prepend(payload, (const guint8 *)&header, sizeof(header));
}

static void put_header6(GByteArray *payload, const Order *order)
{
        struct ip6_hdr header = { 0 };
        const char *source = order_get(order, "from");

        header.ip6_vfc = 6 << 4;
        header.ip6_hlim = 64;
        header.ip6_nxt = EXPERIMENT;
        header.ip6_plen = htons((uint16_t)payload->len);
        inet_pton(AF_INET6, order_get(order, "to"), &header.ip6_dst);
        if (source)
                inet_pton(AF_INET6, source, &header.ip6_src);
        g_byte_array_prepend(payload, (const guint8 *)&header, sizeof(header));
}

/* The frame's target is the router of the tests' network. */
static void put_frame(GByteArray *payload, gboolean six)
{
        struct ether_header header = { { 2, 0, 0, 0, 0x77, 1 }, { 2, 0, 0, 0, 0x77, 2 }, 0 };

        header.ether_type = htons(six ? ETHERTYPE_IPV6 : ETHERTYPE_IP);
        g_byte_array_prepend(payload, (const guint8 *)&header, sizeof(header));
}

GByteArray *probe_payload(const Probe *probe, const Order *order, guint number)
{
        GByteArray *payload = g_byte_array_new();
        const char *tag = order_get(order, "tag");
        gboolean six = probe->target_family == AF_INET6;
        long size = order_number(order, "size");

        /* Behind a gap where a protocol may have its header. */
        if (probe->raw)
                g_byte_array_append(payload, (const guint8[8]){ 0 }, 8);
        g_byte_array_append(payload, (const guint8 *)(tag ? tag : "probe"),
                            (guint)strlen(tag ? tag : "probe"));
        if (payload->len % 2)
                g_byte_array_append(payload, (const guint8 *)" ", 1);
        while (payload->len < size)
                g_byte_array_append(payload, (const guint8 *)".", 1);
        if (probe->echo)
                put_echo(payload, six, number);
        if (probe->header && six)
                put_header6(payload, order);
        else if (probe->header)
                put_header4(payload, order);
        if (probe->family == AF_PACKET)
                put_frame(payload, six);
        return payload;
}
