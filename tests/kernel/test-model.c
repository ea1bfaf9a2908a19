/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FIB in miniature that the unit tests trust, held against the kernel's. */

#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>

#include "tests/kernel/netns.h"
#include "tests/unit/fib.h"
#include "tests/unit/host.h"

static int below(int limit)
{
        return g_test_rand_int_range(0, limit);
}

static void apply_to_both(KsRtnl *rtnl, Fib *fib, const KsOp *op)
{
        g_autoptr(GArray) ops = g_array_new(FALSE, FALSE, sizeof(KsOp));
        g_autofree char *words = ks_op_to_string(op, NULL);

        g_test_message("%s", words);
        g_array_append_val(ops, *op);
        apply(rtnl, ops);
        fib_apply(fib, op);
}

/* From a small world, so that rules cover one another all the time. */
static KsRule random_rule(void)
{
        KsRule rule = { .family = AF_INET,
                        .priority = 1 + (uint32_t)below(2),
                        .origin = 83,
                        .action = FR_ACT_TO_TBL,
                        .table = 83 + (uint32_t)below(2) };

        if (below(4) == 0) {
                rule.action = FR_ACT_UNREACHABLE;
                rule.table = 0;
        }
        if (below(2)) {
                rule.mark = 1;
                rule.mark_mask = 0xffffffff;
        }
        if (below(2))
                rule.ipproto = IPPROTO_UDP;
        if (below(2))
                rule.destination = prefix(below(2) ? "10.0.0.0/8" : "10.1.0.0/16");
        if (below(2))
                rule.dport_first = rule.dport_last = 53;
        if (below(3) == 0)
                rule.has_uid = 1;
        if (below(3) == 0)
                g_strlcpy(rule.iif, "lo", sizeof(rule.iif));
        return rule;
}

/* What is added, what is "there already", and which one is deleted: the same list, in order. */
static void test_rules(void)
{
        for (int i = 0; i < 20; i++) {
                g_autoptr(KsRtnl) rtnl = NULL;
                g_autoptr(Fib) fib = fib_new();

                netns_fresh();
                rtnl = rtnl_new();
                for (int j = 0; j < 100; j++) {
                        KsOp op = { .kind = below(3) ? KS_OP_ADD_RULE : KS_OP_DELETE_RULE,
                                    .rule = random_rule() };
                        g_autoptr(GArray) there = NULL;

                        apply_to_both(rtnl, fib, &op);
                        there = read_rules(rtnl);
                        g_assert_cmpuint(there->len, ==, fib->rules->len);
                        for (guint k = 0; k < there->len; k++)
                                g_assert_true(ks_rule_equal(&g_array_index(there, KsRule, k),
                                                            &g_array_index(fib->rules, KsRule, k)));
                }
        }
}

static KsRoute random_route(int family)
{
        static const uint8_t types[] = { RTN_UNREACHABLE, RTN_BLACKHOLE, RTN_PROHIBIT };
        KsRoute route = { .table = 83,
                          .metric = 1 + (uint32_t)below(2),
                          .family = (uint8_t)family,
                          .origin = 83,
                          .destination = { .family = (uint8_t)family } };

        if (below(2))
                route.destination = prefix(family == AF_INET ? "10.0.0.0/8" : "fd00::/8");
        if (below(3) == 0) {
                route.type = types[below(G_N_ELEMENTS(types))];
        } else {
                route.type = RTN_UNICAST;
                route.oif = index_of(below(2) ? "v0" : "v1");
        }
        return route;
}

/* What the service sends: additions, replacements, and deletions of what is there. */
static void test_routes(void)
{
        for (int i = 0; i < 20; i++) {
                g_autoptr(KsRtnl) rtnl = NULL;
                g_autoptr(Fib) fib = fib_new();

                netns_fresh();
                run("ip link add v0 type veth peer name v1\nip link set v0 up\nip link set v1 up");
                rtnl = rtnl_new();
                for (int j = 0; j < 60; j++) {
                        KsOp op = { .kind = below(2) ? KS_OP_ADD_ROUTE : KS_OP_REPLACE_ROUTE,
                                    .route = random_route(below(2) ? AF_INET : AF_INET6) };
                        g_autoptr(GArray) there = NULL;

                        if (below(4) == 0 && fib->routes->len > 0) {
                                op.kind = KS_OP_DELETE_ROUTE;
                                op.route = g_array_index(fib->routes, KsRoute,
                                                         (guint)below((int)fib->routes->len));
                        }
                        apply_to_both(rtnl, fib, &op);
                        there = read_routes(rtnl, 83, 83);
                        assert_same_routes(there, fib->routes);
                }
        }
}

/* Where packets go */

typedef struct Answer {
        int oif;
        gboolean refused;
} Answer;

static int take_answer(struct nl_msg *message, void *userdata)
{
        struct nlmsghdr *header = nlmsg_hdr(message);
        struct nlattr *oif = nlmsg_find_attr(header, sizeof(struct rtmsg), RTA_OIF);
        const struct rtmsg *route = nlmsg_data(header);
        Answer *answer = userdata;

        answer->refused = route->rtm_type != RTN_UNICAST;
        answer->oif = oif ? (int)nla_get_u32(oif) : 0;
        return NL_OK;
}

static int take_error(struct sockaddr_nl *address, struct nlmsgerr *error, void *userdata)
{
        Answer *answer = userdata;

        (void)address;
        /* The answers of routes and rules that refuse; anything else is a wrong question. */
        g_assert_true(error->error == -EHOSTUNREACH || error->error == -ENETUNREACH ||
                      error->error == -EACCES || error->error == -EINVAL);
        answer->refused = TRUE;
        return NL_STOP;
}

/* Asks the kernel where it would send the packet. */
static int kernel_lookup(struct nl_sock *socket, const KsPacket *packet)
{
        struct rtmsg header = { .rtm_family = (unsigned char)packet->family,
                                .rtm_dst_len = (unsigned char)packet->destination.length };
        struct nl_msg *message = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
        Answer answer = { 0 };

        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        nla_put(message, RTA_DST, packet->family == AF_INET ? 4 : 16, packet->destination.address);
        nla_put_u32(message, RTA_MARK, packet->mark);
        nla_put_u32(message, RTA_UID, packet->uid);
        nla_put_u8(message, RTA_IP_PROTO, packet->protocol);
        nla_put_u16(message, RTA_SPORT, htons(packet->sport));
        nla_put_u16(message, RTA_DPORT, htons(packet->dport));
        nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_answer, &answer);
        nl_socket_modify_err_cb(socket, NL_CB_CUSTOM, take_error, &answer);
        g_assert_cmpint(nl_send_auto(socket, message), >=, 0);
        nlmsg_free(message);
        nl_recvmsgs_default(socket);
        return answer.refused ? 0 : answer.oif;
}

/* A packet that the kernel lets one ask about. */
static KsPacket local_packet(void)
{
        KsPacket packet;

        do
                packet = fib_random_packet();
        while (packet.iif[0] != 'l' || packet.sport == 0 ||
               ks_prefix_is_link_local(&packet.destination));
        return packet;
}

static void add_main_to_both(Fib *fib, const char *destination, int oif)
{
        fib_add_main(fib, destination, oif);
        run("ip route add %s dev %s metric 100", destination, oif == 2 ? "l2" : "l50");
}

static void show(const KsPacket *packet, const Fib *fib)
{
        g_autofree char *to = ks_prefix_to_string(&packet->destination);

        g_test_message("to %s mark %u uid %u protocol %u ports %u %u", to, packet->mark,
                       packet->uid, packet->protocol, packet->sport, packet->dport);
        for (guint i = 0; i < fib->rules->len; i++) {
                g_autofree char *text = ks_rule_to_string(&g_array_index(fib->rules, KsRule, i));

                g_test_message("%s", text);
        }
}

static void raise_both(KsRtnl *rtnl, Fib *fib, const KsPlan *plan)
{
        g_autoptr(GArray) ops = g_array_new(FALSE, TRUE, sizeof(KsOp));

        for (guint i = 0; i < plan->routes->len; i++) {
                KsOp op = { .kind = KS_OP_ADD_ROUTE,
                            .route = g_array_index(plan->routes, KsRoute, i) };

                /* No address stands on these links, so that no gateway could be reached. */
                op.route.gateway = (KsPrefix){ 0 };
                g_array_append_val(ops, op);
        }
        for (guint i = 0; i < plan->rules->len; i++) {
                KsOp op = { .kind = KS_OP_ADD_RULE, .rule = g_array_index(plan->rules, KsRule, i) };

                g_array_append_val(ops, op);
        }
        apply(rtnl, ops);
        for (guint i = 0; i < ops->len; i++)
                fib_apply(fib, &g_array_index(ops, KsOp, i));
}

static void compare_lookups(struct nl_sock *socket, const Fib *fib)
{
        for (int i = 0; i < 300; i++) {
                KsPacket packet = local_packet();
                int ours = fib_lookup(fib, &packet), kernel = kernel_lookup(socket, &packet);

                if (ours != kernel)
                        show(&packet, fib);
                g_assert_cmpint(ours, ==, kernel);
        }
}

static void test_lookups(void)
{
        for (int i = 0; i < 25; i++) {
                g_autoptr(KsRtnl) rtnl = NULL;
                g_autoptr(Fib) fib = fib_new();
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = host_plan(host);
                struct nl_sock *socket = nl_socket_alloc();

                netns_fresh();
                add_random_links();
                rtnl = rtnl_new();
                nl_socket_disable_auto_ack(socket);
                g_assert_cmpint(nl_connect(socket, NETLINK_ROUTE), ==, 0);
                if (i % 5) {
                        add_main_to_both(fib, "0.0.0.0/0", 2);
                        add_main_to_both(fib, "::/0", 2);
                }
                add_main_to_both(fib, "128.0.0.0/1", 2);
                add_main_to_both(fib, "203.0.113.0/24", 2);
                add_main_to_both(fib, "192.168.1.0/24", 2);
                add_main_to_both(fib, "172.17.0.0/16", 50);
                add_main_to_both(fib, "fd77::/64", 2);
                compare_lookups(socket, fib);
                raise_both(rtnl, fib, plan);
                compare_lookups(socket, fib);
                nl_socket_free(socket);
        }
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/model/rules", test_rules);
        g_test_add_func("/model/routes", test_routes);
        g_test_add_func("/model/lookups", test_lookups);

        return g_test_run();
}
