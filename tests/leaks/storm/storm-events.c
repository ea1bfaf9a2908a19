/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Other programs that keep the kernel's network events busy, none of which concerns the service.
 *
 * "storm RATE COUNT" adds and deletes rules, routes, addresses, links and nftables tables: so many
 * link and rule events a second, or as many as go with 0; and so many of them, or until the next
 * line comes with 0. The answer is the nanoseconds that it took, and the events of links,
 * addresses, rules, routes and nftables as the kernel told them to a subscriber of this program's,
 * and how often that one lost some. */

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/bench/stopwatch.h"

#define LINK "storm0"
#define COMES_AND_GOES "storm1"
#define TABLE 4242
#define PRIORITY 31000
/* Of one round: a rule of each family added and deleted, and the link changed twice. */
#define PACED_EVENTS 6
#define ROUNDS_PER_LINK 1024
#define ROUNDS_PER_NFTABLES 16
#define TICK_NSEC 2000000
#define RECEIVE_BUFFER (32 * 1024 * 1024)

enum { LINKS, ADDRESSES, RULES, ROUTES, NFTABLES, KINDS };

static struct nl_sock *route, *netfilter;
static int link_index;
static uint64_t events[KINDS], lost;

static void must(int result, const char *what)
{
        if (result >= 0)
                return;
        answer_error(what, nl_geterror(result));
        exit(EXIT_FAILURE);
}

/* Sends a request, which it frees, and waits for the kernel's word. */
static void ask(struct nl_sock *socket, struct nl_msg *message, const char *what)
{
        must(nl_send_sync(socket, message), what);
}

static struct nl_msg *request(int type, int flags, const void *header, size_t size)
{
        struct nl_msg *message = nlmsg_alloc_simple(type, flags);

        if (!message || nlmsg_append(message, (void *)header, size, NLMSG_ALIGNTO) < 0)
                abort();
        return message;
}

/* What is added with @add, and deleted without. */
static int type_of(int new_type, int add)
{
        return add ? new_type : new_type + 1;
}

static int flags_of(int add)
{
        return add ? NLM_F_CREATE | NLM_F_EXCL : 0;
}

static void change_rule(int family, int add)
{
        struct fib_rule_hdr header = { .family = (uint8_t)family, .action = FR_ACT_TO_TBL };
        struct nl_msg *message = request(type_of(RTM_NEWRULE, add), flags_of(add), &header,
                                         sizeof(header));

        nla_put_u32(message, FRA_PRIORITY, PRIORITY);
        nla_put_u32(message, FRA_TABLE, TABLE);
        nla_put_u8(message, FRA_PROTOCOL, RTPROT_STATIC);
        ask(route, message, "change a rule");
}

static void change_route(int family, int add)
{
        static const unsigned char four[4] = { 10, 99, 0, 0 }, six[16] = { 0xfd, 0x99 };
        struct rtmsg header = { .rtm_family = (unsigned char)family,
                                .rtm_dst_len = 16,
                                .rtm_protocol = RTPROT_STATIC,
                                .rtm_type = RTN_UNICAST,
                                .rtm_scope = family == AF_INET ? RT_SCOPE_LINK
                                                               : RT_SCOPE_UNIVERSE };
        struct nl_msg *message = request(type_of(RTM_NEWROUTE, add), flags_of(add), &header,
                                         sizeof(header));

        nla_put(message, RTA_DST, family == AF_INET ? 4 : 16, family == AF_INET ? four : six);
        nla_put_u32(message, RTA_TABLE, TABLE);
        nla_put_u32(message, RTA_OIF, (uint32_t)link_index);
        ask(route, message, "change a route");
}

static void change_address(int add)
{
        static const unsigned char address[4] = { 10, 98, 0, 1 };
        struct ifaddrmsg header = { .ifa_family = AF_INET,
                                    .ifa_prefixlen = 24,
                                    .ifa_index = (uint32_t)link_index };
        struct nl_msg *message = request(type_of(RTM_NEWADDR, add), flags_of(add), &header,
                                         sizeof(header));

        nla_put(message, IFA_LOCAL, 4, address);
        nla_put(message, IFA_ADDRESS, 4, address);
        ask(route, message, "change an address");
}

static void change_link(uint32_t mtu)
{
        struct ifinfomsg header = { .ifi_index = link_index };
        struct nl_msg *message = request(RTM_NEWLINK, 0, &header, sizeof(header));

        nla_put_u32(message, IFLA_MTU, mtu);
        ask(route, message, "change a link");
}

static void change_links(const char *name, int add)
{
        struct ifinfomsg header = { .ifi_flags = add ? IFF_UP : 0, .ifi_change = add ? IFF_UP : 0 };
        struct nl_msg *message = request(type_of(RTM_NEWLINK, add), flags_of(add), &header,
                                         sizeof(header));

        nla_put_string(message, IFLA_IFNAME, name);
        if (add) {
                struct nlattr *info = nla_nest_start(message, IFLA_LINKINFO);

                nla_put_string(message, IFLA_INFO_KIND, "bridge");
                nla_nest_end(message, info);
        }
        ask(route, message, "add or delete a link");
}

static void append(char *batch, size_t *length, int type, int flags, int family, const char *table)
{
        struct nfgenmsg header = { .nfgen_family = (uint8_t)family, .version = NFNETLINK_V0 };
        struct nl_msg *message;

        if (!table)
                header.res_id = htons(NFNL_SUBSYS_NFTABLES);
        message = request(type, NLM_F_REQUEST | flags, &header, sizeof(header));
        if (table)
                nla_put_string(message, NFTA_TABLE_NAME, table);
        memcpy(batch + *length, nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len);
        *length += NLMSG_ALIGN(nlmsg_hdr(message)->nlmsg_len);
        nlmsg_free(message);
}

static void change_nftables(int add)
{
        char batch[512] = { 0 };
        size_t length = 0;
        int type = (NFNL_SUBSYS_NFTABLES << 8) | (add ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE);

        append(batch, &length, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NULL);
        append(batch, &length, type, NLM_F_ACK | (add ? NLM_F_CREATE : 0), AF_INET, "storm");
        append(batch, &length, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NULL);
        must(nl_sendto(netfilter, batch, length), "send to nftables");
        must(nl_wait_for_ack(netfilter), "change nftables");
}

static void one_round(unsigned long number)
{
        static const int families[] = { AF_INET, AF_INET6 };

        for (int add = 1; add >= 0; add--) {
                for (int i = 0; i < 2; i++) {
                        change_rule(families[i], add);
                        change_route(families[i], add);
                }
                change_address(add);
                change_link(add ? 1400 : 1500);
                if (number % ROUNDS_PER_LINK == 0)
                        change_links(COMES_AND_GOES, add);
                if (number % ROUNDS_PER_NFTABLES == 0)
                        change_nftables(add);
        }
}

/* The subscriber */

static int kind_of(const struct nlmsghdr *header)
{
        if (header->nlmsg_type >> 8 == NFNL_SUBSYS_NFTABLES)
                return NFTABLES;
        switch (header->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
                return LINKS;
        case RTM_NEWADDR:
        case RTM_DELADDR:
                return ADDRESSES;
        case RTM_NEWRULE:
        case RTM_DELRULE:
                return RULES;
        default:
                return ROUTES;
        }
}

static struct nl_sock *subscribe(int protocol, const int *groups, int count)
{
        struct nl_sock *socket = nl_socket_alloc();
        int size = RECEIVE_BUFFER;

        must(nl_connect(socket, protocol), "connect");
        for (int i = 0; i < count; i++)
                must(nl_socket_add_membership(socket, groups[i]), "subscribe");
        setsockopt(nl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        return socket;
}

static void *count_events(void *userdata)
{
        static char buffer[64 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));
        int fd = nl_socket_get_fd(userdata);

        for (;;) {
                ssize_t length = recv(fd, buffer, sizeof(buffer), 0);
                int remaining = (int)length;

                if (length < 0 && errno == ENOBUFS)
                        __atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
                else if (length < 0)
                        return NULL;
                for (struct nlmsghdr *header = (struct nlmsghdr *)buffer;
                     length > 0 && nlmsg_ok(header, remaining);
                     header = nlmsg_next(header, &remaining))
                        __atomic_add_fetch(&events[kind_of(header)], 1, __ATOMIC_RELAXED);
        }
}

static void start_counting(void)
{
        static const int route_groups[] = {
                RTNLGRP_LINK,      RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_RULE,
                RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_ROUTE,  RTNLGRP_IPV6_ROUTE,
        };
        static const int nftables_groups[] = { NFNLGRP_NFTABLES };
        pthread_t thread;

        if (pthread_create(&thread, NULL, count_events,
                           subscribe(NETLINK_ROUTE, route_groups, 7)) != 0 ||
            pthread_create(&thread, NULL, count_events,
                           subscribe(NETLINK_NETFILTER, nftables_groups, 1)) != 0)
                abort();
}

/* Orders */

static int told_to_end(void)
{
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

        return poll(&input, 1, 0) != 0;
}

static void storm(unsigned long rate, unsigned long count)
{
        struct itimerspec tick = { { 0, TICK_NSEC }, { 0, TICK_NSEC } };
        int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        int64_t begun = now_nsec();
        uint64_t before[KINDS], lost_before = __atomic_load_n(&lost, __ATOMIC_RELAXED);
        unsigned long number = 0;

        for (int i = 0; i < KINDS; i++)
                before[i] = __atomic_load_n(&events[i], __ATOMIC_RELAXED);
        timerfd_settime(timer, 0, &tick, NULL);
        while (count ? number * PACED_EVENTS < count : !told_to_end()) {
                uint64_t due = (uint64_t)(now_nsec() - begun) * rate / 1000000000 / PACED_EVENTS;
                uint64_t ticks;

                if (rate && number >= due) {
                        if (read(timer, &ticks, sizeof(ticks)) < 0)
                                break;
                        continue;
                }
                one_round(number++);
        }
        close(timer);
        printf("%" PRId64, now_nsec() - begun);
        for (int i = 0; i < KINDS; i++)
                printf(" %" PRIu64, __atomic_load_n(&events[i], __ATOMIC_RELAXED) - before[i]);
        printf(" %" PRIu64 "\n", __atomic_load_n(&lost, __ATOMIC_RELAXED) - lost_before);
        fflush(stdout);
}

int main(void)
{
        char line[256];
        unsigned long rate, count;

        setvbuf(stdin, NULL, _IONBF, 0);
        route = nl_socket_alloc();
        netfilter = nl_socket_alloc();
        /* Of a batch only the message in its midst is answered. */
        nl_socket_disable_seq_check(netfilter);
        must(nl_connect(route, NETLINK_ROUTE), "connect");
        must(nl_connect(netfilter, NETLINK_NETFILTER), "connect");
        change_links(LINK, 1);
        link_index = (int)if_nametoindex(LINK);
        start_counting();
        while (next_order(line, sizeof(line)))
                if (sscanf(line, "storm %lu %lu", &rate, &count) == 2)
                        storm(rate, count);
        change_links(LINK, 0);
        return EXIT_SUCCESS;
}
