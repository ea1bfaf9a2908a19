/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules and routes to the kernel and back: what is built is what is read, whatever its parts. */

#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <string.h>

#include "kernel/message.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

typedef struct Kernel {
        KsRtnl *rtnl;
} Kernel;

static void set_up(Kernel *kernel, gconstpointer data)
{
        (void)data;
        netns_fresh();
        run("ip link add v0 type veth peer name v1\n"
            "ip link set v0 up\nip link set v1 up\n"
            "ip addr add 10.1.0.1/16 dev v0\nip addr add fd01::1/64 dev v0");
        kernel->rtnl = rtnl_new();
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        ks_rtnl_free(kernel->rtnl);
}

static int below(int limit)
{
        return g_test_rand_int_range(0, limit);
}

static gboolean now_and_then(void)
{
        return below(3) == 0;
}

/* Of any size, and never 0: that is "unset". */
static uint32_t number(void)
{
        uint32_t any = (uint32_t)g_test_rand_int() >> below(32);

        return any ? any : 1;
}

static KsPrefix random_network(int family)
{
        uint8_t bytes[16];

        for (guint i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)g_test_rand_int();
        return ks_prefix_network(ks_prefix_from_bytes(
                family, bytes, 1 + (unsigned)below((int)ks_family_bits(family))));
}

static void random_ports(uint16_t *first, uint16_t *last)
{
        *first = (uint16_t)(1 + below(65534));
        *last = now_and_then() ? *first : (uint16_t)(*first + below(65536 - *first));
        /* The kernel takes 65535 for a port, but not for the end of a range. */
        if (*last == 65535)
                *last = 65534;
        if (*last < *first)
                *first = *last;
}

static void random_action(KsRule *rule)
{
        static const uint8_t refusing[] = { FR_ACT_BLACKHOLE, FR_ACT_UNREACHABLE, FR_ACT_PROHIBIT };

        if (now_and_then()) {
                rule->action = refusing[below(G_N_ELEMENTS(refusing))];
                return;
        }
        rule->action = FR_ACT_TO_TBL;
        rule->table = number();
        if (below(2))
                rule->suppress = 1 + (uint32_t)below(129);
}

/* Any rule that the structure can hold and the kernel takes. */
static KsRule random_rule(void)
{
        static const char *const names[] = { "lo", "v0", "v1", "absent0", "fifteen-letters" };
        KsRule rule = { .family = below(2) ? AF_INET : AF_INET6,
                        .priority = number(),
                        .origin = 83 };

        random_action(&rule);
        if (below(2)) {
                rule.mark = number();
                rule.mark_mask = below(2) ? 0xffffffff : number() | rule.mark;
                rule.mark &= rule.mark_mask;
        }
        if (now_and_then()) {
                rule.has_uid = 1;
                rule.uid_first = number() & 0x7fffffff;
                rule.uid_last = rule.uid_first + (uint32_t)below(1000);
        }
        if (now_and_then())
                rule.ipproto = (uint8_t)(1 + below(255));
        if (now_and_then())
                random_ports(&rule.sport_first, &rule.sport_last);
        if (now_and_then())
                random_ports(&rule.dport_first, &rule.dport_last);
        if (now_and_then())
                rule.source = random_network(rule.family);
        if (now_and_then())
                rule.destination = random_network(rule.family);
        if (now_and_then())
                g_strlcpy(rule.iif, names[below(G_N_ELEMENTS(names))], sizeof(rule.iif));
        if (now_and_then())
                g_strlcpy(rule.oif, names[below(G_N_ELEMENTS(names))], sizeof(rule.oif));
        if (now_and_then())
                rule.tos = (uint8_t)(below(8) << 2);
        rule.inverted = now_and_then();
        return rule;
}

/* Adds rules, and checks that the kernel has them all and nothing else of ours. */
static GArray *add_random_rules(Kernel *kernel, guint count)
{
        GArray *rules = g_array_new(FALSE, TRUE, sizeof(KsRule));

        for (guint i = 0; i < count; i++) {
                KsRule rule = random_rule();
                g_autofree char *text = ks_rule_to_string(&rule);

                g_test_message("%s", text);
                /* Of one priority each, since the kernel compares neighbours loosely. */
                rule.priority = (rule.priority & 0xfffff000) + i + 1;
                apply_rule(kernel->rtnl, KS_OP_ADD_RULE, &rule);
                g_array_append_val(rules, rule);
        }
        return rules;
}

static void test_rules(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GArray) rules = add_random_rules(kernel, 400);
        g_autoptr(GArray) there = read_rules(kernel->rtnl);

        (void)data;
        assert_same_rules(rules, there);
}

/* Each by itself, in any order, until none is left. */
static void test_delete_rules(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GArray) rules = add_random_rules(kernel, 150);
        g_autofree char *left = NULL;

        (void)data;
        while (rules->len > 0) {
                guint i = (guint)below((int)rules->len);
                g_autoptr(GArray) there = NULL;

                apply_rule(kernel->rtnl, KS_OP_DELETE_RULE, &g_array_index(rules, KsRule, i));
                g_array_remove_index(rules, i);
                there = read_rules(kernel->rtnl);
                assert_same_rules(rules, there);
        }
        left = output_of("ip rule; ip -6 rule");
        g_assert_cmpstr(left, ==,
                        "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"
                        "32767:\tfrom all lookup default\n"
                        "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n");
}

/* Rules that differ from one another in one value. */
static GArray *siblings(void)
{
        const KsRule rule = { .family = AF_INET,
                              .priority = 100,
                              .table = 83,
                              .mark = 1,
                              .mark_mask = 0xffffffff,
                              .uid_first = 5,
                              .uid_last = 5,
                              .has_uid = 1,
                              .suppress = 1,
                              .sport_first = 7,
                              .sport_last = 7,
                              .dport_first = 8,
                              .dport_last = 8,
                              .action = FR_ACT_TO_TBL,
                              .ipproto = IPPROTO_UDP,
                              .origin = 83,
                              .source = prefix("192.0.2.0/24"),
                              .destination = prefix("198.51.100.0/24"),
                              .iif = "lo",
                              .oif = "v0" };
        GArray *rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        KsRule *all;

        for (int i = 0; i < 17; i++)
                g_array_append_val(rules, rule);
        all = (KsRule *)(void *)rules->data;
        all[1].family = AF_INET6;
        all[1].source = prefix("2001:db8::/32");
        all[1].destination = prefix("2001:db8::/32");
        all[2].priority = 101;
        all[3].table = 84;
        all[4].mark = 2;
        all[5].mark_mask = 0xff;
        all[6].uid_last = 6;
        all[7].suppress = 2;
        all[8].sport_last = 8;
        all[9].dport_first = 7;
        all[10].ipproto = IPPROTO_TCP;
        all[11].source.length = 25;
        all[12].destination = prefix("198.51.101.0/24");
        g_strlcpy(all[13].iif, "v1", IFNAMSIZ);
        g_strlcpy(all[14].oif, "v1", IFNAMSIZ);
        all[15].inverted = 1;
        all[15].priority = 102; /* the kernel doesn't tell "not" when it deletes */
        all[16].tos = 4;
        all[16].priority = 103; /* nor TOS, of a request without one */
        return rules;
}

/* One goes, and of all that are nearly the same none. */
static void test_delete_leaves_siblings(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GArray) rules = siblings();

        (void)data;
        for (guint i = 0; i < rules->len; i++)
                apply_rule(kernel->rtnl, KS_OP_ADD_RULE, &g_array_index(rules, KsRule, i));
        while (rules->len > 0) {
                guint i = (guint)below((int)rules->len);
                g_autoptr(GArray) there = read_rules(kernel->rtnl);

                assert_same_rules(rules, there);
                apply_rule(kernel->rtnl, KS_OP_DELETE_RULE, &g_array_index(rules, KsRule, i));
                g_array_remove_index(rules, i);
        }
}

/* The same rule of another protocol is somebody else's: neither in the way nor taken away. */
static void test_foreign_twins(Kernel *kernel, gconstpointer data)
{
        const char *add = "ip rule add pref 150 to 10.0.0.0/8 lookup main suppress_prefixlength 1 ";
        KsRule rule = { .family = AF_INET,
                        .priority = 150,
                        .table = RT_TABLE_MAIN,
                        .suppress = 2,
                        .action = FR_ACT_TO_TBL,
                        .origin = 83,
                        .destination = prefix("10.0.0.0/8") };
        g_autoptr(GArray) ours = NULL, none = NULL;
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        run("%s protocol static\n%s protocol 99\n%s", add, add, add);
        before = output_of("ip rule");
        apply_rule(kernel->rtnl, KS_OP_ADD_RULE, &rule);
        ours = read_rules(kernel->rtnl);
        g_assert_cmpuint(ours->len, ==, 1);
        g_assert_true(ks_rule_equal(&g_array_index(ours, KsRule, 0), &rule));
        apply_rule(kernel->rtnl, KS_OP_DELETE_RULE, &rule);
        none = read_rules(kernel->rtnl);
        g_assert_cmpuint(none->len, ==, 0);
        /* Once more: there is none of ours to take. */
        apply_rule(kernel->rtnl, KS_OP_DELETE_RULE, &rule);
        after = output_of("ip rule");
        g_assert_cmpstr(before, ==, after);
}

/* What our structure can't hold makes a rule unequal to all that we want. */
static void test_unknown_rules(Kernel *kernel, gconstpointer data)
{
        static const char *const extras[] = { "suppress_ifgroup 7", "tun_id 5", "realms 3/4",
                                              "fwmark 1 suppress_ifgroup 0" };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(extras); i++) {
                g_autoptr(GArray) there = NULL;

                if (g_str_has_prefix(extras[i], "realms") &&
                    !succeeds("ip rule add pref 100 protocol 83 lookup 83 %s", extras[i]))
                        continue; /* a kernel without CONFIG_IP_ROUTE_CLASSID */
                if (!g_str_has_prefix(extras[i], "realms"))
                        run("ip rule add pref 100 protocol 83 lookup 83 %s", extras[i]);
                there = read_rules(kernel->rtnl);
                g_test_message("%s", extras[i]);
                g_assert_cmpuint(there->len, ==, 1);
                g_assert_cmpuint(g_array_index(there, KsRule, 0).unknown, ==, 1);
                run("ip rule del pref 100 protocol 83");
        }
        run("ip rule add pref 100 protocol 83 goto 32766");
        {
                g_autoptr(GArray) there = read_rules(kernel->rtnl);

                g_assert_cmpuint(there->len, ==, 1);
                g_assert_cmpuint(g_array_index(there, KsRule, 0).unknown, ==, 0);
                g_assert_cmpuint(g_array_index(there, KsRule, 0).action, ==, FR_ACT_GOTO);
                g_assert_cmpuint(g_array_index(there, KsRule, 0).target, ==, 32766);
                apply_rule(kernel->rtnl, KS_OP_DELETE_RULE, &g_array_index(there, KsRule, 0));
                g_assert_false(succeeds("ip rule show pref 100 | grep -q ."));
        }
}

static KsRoute random_route(Kernel *kernel)
{
        static const uint8_t refusing[] = { RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT };
        int family = below(2) ? AF_INET : AF_INET6;
        KsRoute route = { .table = 256 + (uint32_t)below(5),
                          .metric = number(),
                          .family = (uint8_t)family,
                          .type = RTN_UNICAST,
                          .origin = 83,
                          .destination = { .family = (uint8_t)family } };

        (void)kernel;
        if (below(4)) {
                route.destination = random_network(family);
                /* No place for multicast and the like. */
                route.destination.address[0] = family == AF_INET ? 10 : 0x20;
                route.destination = ks_prefix_network(route.destination);
        }
        if (now_and_then()) {
                route.type = refusing[below(G_N_ELEMENTS(refusing))];
                return route;
        }
        route.oif = index_of(below(2) ? "v0" : "v1");
        if (route.oif == index_of("v0") && below(2))
                route.gateway = prefix(family == AF_INET ? "10.1.0.9" : "fd01::9");
        return route;
}

static GArray *add_random_routes(Kernel *kernel, guint count)
{
        GArray *routes = g_array_new(FALSE, TRUE, sizeof(KsRoute));

        for (guint i = 0; i < count; i++) {
                KsRoute route = random_route(kernel);
                g_autofree char *text = ks_route_to_string(&route, NULL);

                g_test_message("%s", text);
                route.metric = (route.metric & 0xfffff000) + i + 1;
                apply_route(kernel->rtnl, KS_OP_ADD_ROUTE, &route);
                g_array_append_val(routes, route);
        }
        return routes;
}

static void test_routes(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GArray) routes = add_random_routes(kernel, 300);
        g_autoptr(GArray) there = read_routes(kernel->rtnl, 0, 83);

        (void)data;
        assert_same_routes(routes, there);
}

static void test_delete_routes(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GArray) routes = add_random_routes(kernel, 100);

        (void)data;
        while (routes->len > 0) {
                guint i = (guint)below((int)routes->len);
                g_autoptr(GArray) there = NULL;

                apply_route(kernel->rtnl, KS_OP_DELETE_ROUTE, &g_array_index(routes, KsRoute, i));
                g_array_remove_index(routes, i);
                there = read_routes(kernel->rtnl, 0, 83);
                assert_same_routes(routes, there);
        }
}

/* The blocking defaults have the highest metric that there is. */
static void test_blocking_defaults(Kernel *kernel, gconstpointer data)
{
        static const uint8_t types[] = { RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(types) * 2; i++) {
                uint8_t family = i % 2 ? AF_INET : AF_INET6;
                KsRoute route = { .table = 83,
                                  .metric = KS_METRIC_BLOCK,
                                  .family = family,
                                  .type = types[i / 2],
                                  .origin = 83,
                                  .destination = { .family = family } };
                g_autoptr(GArray) there = NULL;

                /* Each takes the place of the one before it. */
                apply_route(kernel->rtnl, i < 2 ? KS_OP_ADD_ROUTE : KS_OP_REPLACE_ROUTE, &route);
                there = read_routes(kernel->rtnl, 83, 0);
                g_assert_cmpuint(there->len, ==, i == 0 ? 1 : 2);
                g_assert_true(ks_route_equal(&route, &g_array_index(there, KsRoute, 0)) ||
                              ks_route_equal(&route, &g_array_index(there, KsRoute, 1)));
        }
}

/* Somebody changed a route of ours in a way that the structure can't hold. */
static void test_unknown_routes(Kernel *kernel, gconstpointer data)
{
        static const char *const forms[] = {
                "10.9.0.0/16 nexthop dev v0 nexthop dev v1",
                "10.9.0.0/16 dev v0 src 10.1.0.1",
                "10.9.0.0/16 dev v0 mtu 1300",
                "10.9.0.0/16 via 10.1.0.9 dev v0 onlink",
                "10.9.0.0/16 via inet6 fd01::9 dev v0",
                "10.9.0.0/16 dev v0 tos 4",
                "10.9.0.0/16 nhid 7",
                "10.9.0.0/16 encap ip id 5 dst 10.1.0.9 dev v0",
        };
        static const char *const plain[] = { "10.9.0.0/16 dev v0",
                                             "10.9.0.0/16 via 10.1.0.9 dev v0" };

        (void)data;
        run("ip nexthop add id 7 dev v0");
        for (guint i = 0; i < G_N_ELEMENTS(forms) + G_N_ELEMENTS(plain); i++) {
                gboolean is_plain = i >= G_N_ELEMENTS(forms);
                const char *form = is_plain ? plain[i - G_N_ELEMENTS(forms)] : forms[i];
                g_autoptr(GArray) there = NULL;

                g_test_message("%s", form);
                run("ip route add table 83 proto 83 metric 5 %s", form);
                there = read_routes(kernel->rtnl, 83, 83);
                g_assert_cmpuint(there->len, ==, 1);
                g_assert_cmpint(g_array_index(there, KsRoute, 0).unknown != 0, ==, !is_plain);
                run("ip route del table 83 proto 83 metric 5 %s", form);
        }
}

/* Cut off anywhere, or with any byte changed, a message is refused or read, and nothing else. */
static void test_malformed(Kernel *kernel, gconstpointer data)
{
        (void)data;
        for (int i = 0; i < 2000; i++) {
                KsOp op = { .kind = i % 2 ? KS_OP_ADD_RULE : KS_OP_ADD_ROUTE };
                g_autofree struct nlmsghdr *copy = NULL;
                struct nl_msg *message;
                KsRule rule;
                KsRoute route;

                if (i % 2)
                        op.rule = random_rule();
                else
                        op.route = random_route(kernel);
                message = ks_message_build(&op);
                copy = g_memdup2(nlmsg_hdr(message), nlmsg_hdr(message)->nlmsg_len);
                nlmsg_free(message);
                for (int changes = below(4); changes > 0; changes--)
                        ((uint8_t *)copy)[16 + below((int)copy->nlmsg_len - 16)] = (uint8_t)below(
                                256);
                if (below(2)) {
                        guint32 length = (guint32)below((int)copy->nlmsg_len + 1);

                        /* So short a copy that a reader behind its end is seen. */
                        copy = g_realloc(copy, MAX(length, sizeof(*copy)));
                        copy->nlmsg_len = length;
                }
                ks_message_parse_rule(copy, &rule);
                ks_message_parse_route(copy, &route);
        }
}

#define ADD(name, function) g_test_add("/message/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("rules", test_rules);
        ADD("delete-rules", test_delete_rules);
        ADD("delete-leaves-siblings", test_delete_leaves_siblings);
        ADD("foreign-twins", test_foreign_twins);
        ADD("unknown-rules", test_unknown_rules);
        ADD("routes", test_routes);
        ADD("delete-routes", test_delete_routes);
        ADD("blocking-defaults", test_blocking_defaults);
        ADD("unknown-routes", test_unknown_routes);
        ADD("malformed", test_malformed);

        return g_test_run();
}
