/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules and routes to netlink messages and back; the only place with raw FRA_ and RTA_ attributes.
 */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stddef.h>
#include <string.h>

#include "kernel/message.h"

/* Since Linux 6.15; every rule for a single port comes back with the full mask. */
enum { SPORT_MASK = 28, DPORT_MASK = 29 };
#define PORT_MASK_FULL 0xffff

/* Room for any of our messages: a header and a dozen attributes. */
#define MESSAGE_SIZE 512

static void put_prefix(struct nl_msg *message, int attribute, const KsPrefix *prefix)
{
        if (ks_prefix_is_set(prefix) && prefix->length > 0)
                nla_put(message, attribute, (int)ks_family_bits(prefix->family) / 8,
                        prefix->address);
}

static void put_port_range(struct nl_msg *message, int attribute, uint16_t first, uint16_t last)
{
        struct fib_rule_port_range range = { first, last };

        if (first)
                nla_put(message, attribute, sizeof(range), &range);
}

static void build_rule(struct nl_msg *message, const KsRule *rule)
{
        struct fib_rule_hdr header = {
                .family = rule->family,
                .dst_len = rule->destination.length,
                .src_len = rule->source.length,
                .tos = rule->tos,
                .table = rule->table < 256 ? (uint8_t)rule->table : RT_TABLE_UNSPEC,
                .action = rule->action,
                .flags = rule->inverted ? FIB_RULE_INVERT : 0,
        };

        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        put_prefix(message, FRA_DST, &rule->destination);
        put_prefix(message, FRA_SRC, &rule->source);
        nla_put_u32(message, FRA_PRIORITY, rule->priority);
        nla_put_u8(message, FRA_PROTOCOL, rule->origin);
        if (rule->table)
                nla_put_u32(message, FRA_TABLE, rule->table);
        if (rule->target)
                nla_put_u32(message, FRA_GOTO, rule->target);
        if (rule->mark_mask) {
                nla_put_u32(message, FRA_FWMARK, rule->mark);
                nla_put_u32(message, FRA_FWMASK, rule->mark_mask);
        }
        if (rule->iif[0])
                nla_put_string(message, FRA_IIFNAME, rule->iif);
        if (rule->oif[0])
                nla_put_string(message, FRA_OIFNAME, rule->oif);
        if (rule->ipproto)
                nla_put_u8(message, FRA_IP_PROTO, rule->ipproto);
        put_port_range(message, FRA_SPORT_RANGE, rule->sport_first, rule->sport_last);
        put_port_range(message, FRA_DPORT_RANGE, rule->dport_first, rule->dport_last);
        if (rule->suppress)
                nla_put_u32(message, FRA_SUPPRESS_PREFIXLEN, rule->suppress - 1);
        if (rule->has_uid) {
                struct fib_rule_uid_range range = { rule->uid_first, rule->uid_last };

                nla_put(message, FRA_UID_RANGE, sizeof(range), &range);
        }
}

static void build_route(struct nl_msg *message, const KsRoute *route, gboolean deletes)
{
        struct rtmsg header = {
                .rtm_family = route->family,
                .rtm_dst_len = route->destination.length,
                .rtm_table = route->table < 256 ? (uint8_t)route->table : RT_TABLE_COMPAT,
                .rtm_protocol = route->origin,
                .rtm_type = route->type,
                .rtm_scope = deletes ? RT_SCOPE_NOWHERE : RT_SCOPE_UNIVERSE,
        };

        /* A route without a next hop reaches its destination on the link. */
        if (!deletes && route->type == RTN_UNICAST && !ks_prefix_is_set(&route->gateway))
                header.rtm_scope = RT_SCOPE_LINK;
        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        put_prefix(message, RTA_DST, &route->destination);
        nla_put_u32(message, RTA_TABLE, route->table);
        nla_put_u32(message, RTA_PRIORITY, route->metric);
        put_prefix(message, RTA_GATEWAY, &route->gateway);
        if (route->oif)
                nla_put_u32(message, RTA_OIF, (uint32_t)route->oif);
}

struct nl_msg *ks_message_build(const KsOp *op)
{
        static const struct {
                int type, flags;
        } kinds[] = {
                [KS_OP_ADD_ROUTE] = { RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL },
                [KS_OP_REPLACE_ROUTE] = { RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE },
                [KS_OP_ADD_RULE] = { RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL },
                [KS_OP_DELETE_RULE] = { RTM_DELRULE, 0 },
                [KS_OP_DELETE_ROUTE] = { RTM_DELROUTE, 0 },
        };
        struct nl_msg *message = nlmsg_alloc_size(MESSAGE_SIZE);

        if (!message)
                g_error("out of memory");
        nlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, kinds[op->kind].type, 0,
                  NLM_F_REQUEST | kinds[op->kind].flags);
        if (op->kind == KS_OP_ADD_RULE || op->kind == KS_OP_DELETE_RULE)
                build_rule(message, &op->rule);
        else
                build_route(message, &op->route, op->kind == KS_OP_DELETE_ROUTE);
        return message;
}

static gboolean get_prefix(struct nlattr *attribute, int family, unsigned length, KsPrefix *prefix)
{
        unsigned bits = ks_family_bits(family);
        KsPrefix found;

        if (length > bits || nla_len(attribute) != (int)bits / 8)
                return FALSE;
        found = ks_prefix_from_bytes(family, nla_data(attribute), length);
        *prefix = found;
        return TRUE;
}

static gboolean get_port_range(struct nlattr *attribute, uint16_t *first, uint16_t *last)
{
        struct fib_rule_port_range range;

        if (nla_len(attribute) != sizeof(range))
                return FALSE;
        memcpy(&range, nla_data(attribute), sizeof(range));
        *first = range.start;
        *last = range.end;
        return TRUE;
}

/* Attributes that are one 32-bit number, and where it goes. */
static const struct {
        int attribute;
        size_t offset;
} rule_numbers[] = {
        { FRA_PRIORITY, offsetof(KsRule, priority) },
        { FRA_TABLE, offsetof(KsRule, table) },
        { FRA_FWMARK, offsetof(KsRule, mark) },
        { FRA_FWMASK, offsetof(KsRule, mark_mask) },
        { FRA_SUPPRESS_PREFIXLEN, offsetof(KsRule, suppress) },
        { FRA_GOTO, offsetof(KsRule, target) },
};

/* Returns whether it was one of them. */
static gboolean take_rule_number(struct nlattr *attribute, KsRule *rule, gboolean *fine)
{
        for (guint i = 0; i < G_N_ELEMENTS(rule_numbers); i++) {
                uint32_t *number = (uint32_t *)(void *)((char *)rule + rule_numbers[i].offset);

                if (nla_type(attribute) != rule_numbers[i].attribute)
                        continue;
                *fine = nla_len(attribute) >= 4;
                if (*fine)
                        *number = nla_get_u32(attribute);
                /* The kernel says -1 for unset. */
                if (number == &rule->suppress)
                        *number += 1;
                return TRUE;
        }
        return FALSE;
}

static gboolean take_uid_range(struct nlattr *attribute, KsRule *rule)
{
        struct fib_rule_uid_range uids;

        if (nla_len(attribute) < (int)sizeof(uids))
                return FALSE;
        memcpy(&uids, nla_data(attribute), sizeof(uids));
        rule->has_uid = 1;
        rule->uid_first = uids.start;
        rule->uid_last = uids.end;
        return TRUE;
}

static gboolean take_port_mask(struct nlattr *attribute, KsRule *rule)
{
        if (nla_len(attribute) < 2)
                return FALSE;
        rule->unknown |= nla_get_u16(attribute) != PORT_MASK_FULL;
        return TRUE;
}

static gboolean take_byte(struct nlattr *attribute, uint8_t *byte)
{
        if (nla_len(attribute) < 1)
                return FALSE;
        *byte = nla_get_u8(attribute);
        return TRUE;
}

/* Takes one attribute into the rule; what it can't hold sets ->unknown. */
static gboolean take_rule_attribute(struct nlattr *attribute, const struct fib_rule_hdr *header,
                                    KsRule *rule)
{
        gboolean fine;

        if (take_rule_number(attribute, rule, &fine))
                return fine;
        switch (nla_type(attribute)) {
        case FRA_DST:
                return get_prefix(attribute, header->family, header->dst_len, &rule->destination);
        case FRA_SRC:
                return get_prefix(attribute, header->family, header->src_len, &rule->source);
        case FRA_IIFNAME:
                nla_strlcpy(rule->iif, attribute, sizeof(rule->iif));
                return TRUE;
        case FRA_OIFNAME:
                nla_strlcpy(rule->oif, attribute, sizeof(rule->oif));
                return TRUE;
        case FRA_PROTOCOL:
                return take_byte(attribute, &rule->origin);
        case FRA_IP_PROTO:
                return take_byte(attribute, &rule->ipproto);
        case FRA_UID_RANGE:
                return take_uid_range(attribute, rule);
        case FRA_SPORT_RANGE:
                return get_port_range(attribute, &rule->sport_first, &rule->sport_last);
        case FRA_DPORT_RANGE:
                return get_port_range(attribute, &rule->dport_first, &rule->dport_last);
        case SPORT_MASK:
        case DPORT_MASK:
                return take_port_mask(attribute, rule);
        case FRA_PAD:
                return TRUE;
        default:
                rule->unknown = 1;
                return TRUE;
        }
}

gboolean ks_message_parse_rule(struct nlmsghdr *header, KsRule *rule)
{
        struct fib_rule_hdr *rule_header = nlmsg_data(header);
        struct nlattr *attribute;
        int remaining;

        if (!nlmsg_valid_hdr(header, sizeof(*rule_header)))
                return FALSE;
        if (rule_header->family != AF_INET && rule_header->family != AF_INET6)
                return FALSE;
        *rule = (KsRule){
                .family = rule_header->family,
                .action = rule_header->action,
                .tos = rule_header->tos,
                .table = rule_header->table,
                .inverted = (rule_header->flags & FIB_RULE_INVERT) != 0,
        };
        nlmsg_for_each_attr(
                attribute, header, sizeof(*rule_header),
                remaining) if (!take_rule_attribute(attribute, rule_header, rule)) return FALSE;
        /* The kernel sends a mask with every mark, and a mark without one never. */
        if (rule->mark && !rule->mark_mask)
                rule->mark_mask = 0xffffffff;
        return TRUE;
}

gboolean ks_message_parse_route(struct nlmsghdr *header, KsRoute *route)
{
        static const int beyond[] = {
                RTA_MULTIPATH, RTA_VIA,   RTA_SRC,   RTA_PREFSRC,
                RTA_METRICS,   RTA_NH_ID, RTA_ENCAP, RTA_FLOW,
        };
        struct rtmsg *route_header = nlmsg_data(header);
        struct nlattr *attributes[RTA_MAX + 1];
        struct nlattr *a;

        if (!nlmsg_valid_hdr(header, sizeof(*route_header)))
                return FALSE;
        if (route_header->rtm_family != AF_INET && route_header->rtm_family != AF_INET6)
                return FALSE;
        if (nlmsg_parse(header, sizeof(*route_header), attributes, RTA_MAX, NULL) < 0)
                return FALSE;
        *route = (KsRoute){
                .family = route_header->rtm_family,
                .type = route_header->rtm_type,
                .origin = route_header->rtm_protocol,
                .table = route_header->rtm_table,
                .destination = { .family = route_header->rtm_family },
        };
        if ((a = attributes[RTA_TABLE]) && nla_len(a) >= 4)
                route->table = nla_get_u32(a);
        if ((a = attributes[RTA_PRIORITY]) && nla_len(a) >= 4)
                route->metric = nla_get_u32(a);
        /* IPv6 hangs blocking routes on lo; they have no interface to us. */
        if ((a = attributes[RTA_OIF]) && nla_len(a) >= 4 && route->type == RTN_UNICAST)
                route->oif = (int32_t)nla_get_u32(a);
        if ((a = attributes[RTA_DST]) &&
            !get_prefix(a, route->family, route_header->rtm_dst_len, &route->destination))
                return FALSE;
        if ((a = attributes[RTA_GATEWAY]) &&
            !get_prefix(a, route->family, ks_family_bits(route->family), &route->gateway))
                return FALSE;
        for (guint i = 0; i < G_N_ELEMENTS(beyond); i++)
                route->unknown |= attributes[beyond[i]] != NULL;
        route->unknown |= route_header->rtm_tos || (route_header->rtm_flags & RTNH_F_ONLINK);
        return TRUE;
}

gboolean ks_message_is_default(struct nlmsghdr *header)
{
        const struct rtmsg *route_header = nlmsg_data(header);

        return nlmsg_valid_hdr(header, sizeof(*route_header)) && route_header->rtm_dst_len <= 1;
}

static void append_link(GArray *links, int index)
{
        g_array_append_val(links, index);
}

void ks_message_route_links(struct nlmsghdr *header, GArray *links)
{
        const struct rtmsg *route_header = nlmsg_data(header);
        struct nlattr *attributes[RTA_MAX + 1];
        struct rtnexthop *hop;
        int remaining;

        if (nlmsg_parse(header, sizeof(*route_header), attributes, RTA_MAX, NULL) < 0 ||
            route_header->rtm_type != RTN_UNICAST)
                return;
        if (attributes[RTA_OIF] && nla_len(attributes[RTA_OIF]) >= 4)
                append_link(links, (int)nla_get_u32(attributes[RTA_OIF]));
        else if (!attributes[RTA_MULTIPATH])
                append_link(links, KS_SOME_LINK);
        if (!attributes[RTA_MULTIPATH])
                return;
        hop = nla_data(attributes[RTA_MULTIPATH]);
        remaining = nla_len(attributes[RTA_MULTIPATH]);
        /* RTNH_OK() looks at the length before it asks whether there is one. */
        while (remaining >= (int)sizeof(*hop) && RTNH_OK(hop, remaining)) {
                append_link(links, hop->rtnh_ifindex);
                remaining -= RTNH_ALIGN(hop->rtnh_len);
                hop = RTNH_NEXT(hop);
        }
}
