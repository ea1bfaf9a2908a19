/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the audit reads of the kernel: its answers about packets, rules of others, sockets. */

#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "kernel/query.h"
#include "kernel/sockets.h"
#include "kernel/sysctl.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

static void set_up(void)
{
        netns_fresh();
        run("ip link add v0 type veth peer name v1\n"
            "ip link set v0 up\nip link set v1 up\n"
            "ip addr add 10.1.0.1/16 dev v0\nip addr add fd01::1/64 dev v0\n"
            "ip route add 203.0.113.0/24 via 10.1.0.2 table 60\n"
            "ip -6 route add 2001:db8::/32 via fd01::2 table 60");
}

static KsWayOut way_to(const char *address)
{
        KsWayOut way = { .askable = TRUE };

        way.packet = (KsPacket){ .destination = prefix(address),
                                 .iif = "lo",
                                 .uid = 1000,
                                 .protocol = IPPROTO_TCP,
                                 .sport = 40000,
                                 .dport = 443 };
        way.packet.family = way.packet.destination.family;
        return way;
}

static KsAnswer ask(const KsWayOut *way)
{
        g_autoptr(GArray) ways = g_array_new(FALSE, TRUE, sizeof(KsWayOut));
        g_autoptr(GError) error = NULL;
        KsWayOut *answered;

        g_array_append_val(ways, *way);
        g_assert_true(ks_query_routes(ways, &error));
        g_assert_no_error(error);
        answered = &g_array_index(ways, KsWayOut, 0);
        if (answered->answer == KS_ANSWER_LEAVES)
                g_assert_cmpint(answered->oif, ==, index_of("v0"));
        return answered->answer;
}

static void test_answers(void)
{
        KsWayOut four = way_to("203.0.113.9"), six = way_to("2001:db8::9");
        KsWayOut own = way_to("10.1.0.1"), near = way_to("10.1.7.7");

        set_up();
        g_assert_cmpint(ask(&four), ==, KS_ANSWER_STAYS);
        g_assert_cmpint(ask(&six), ==, KS_ANSWER_STAYS);
        g_assert_cmpint(ask(&own), ==, KS_ANSWER_STAYS);
        g_assert_cmpint(ask(&near), ==, KS_ANSWER_LEAVES);
        run("ip rule add pref 50 lookup 60\nip -6 rule add pref 50 lookup 60");
        g_assert_cmpint(ask(&four), ==, KS_ANSWER_LEAVES);
        g_assert_cmpint(ask(&six), ==, KS_ANSWER_LEAVES);
        run("ip rule add pref 40 unreachable\nip -6 rule add pref 40 blackhole");
        g_assert_cmpint(ask(&four), ==, KS_ANSWER_STAYS);
        g_assert_cmpint(ask(&six), ==, KS_ANSWER_STAYS);
        four.askable = FALSE;
        g_assert_cmpint(ask(&four), ==, KS_ANSWER_NONE);
        /* A protocol that the kernel takes no questions about. */
        six.packet.protocol = IPPROTO_GRE;
        g_assert_cmpint(ask(&six), ==, KS_ANSWER_NONE);
}

/* Everything that the question says counts. */
static void test_attributes(void)
{
        static const char *const rules[] = { "fwmark 7",
                                             "uidrange 1000-1000",
                                             "ipproto tcp",
                                             "sport 40000-40000",
                                             "dport 443",
                                             "from 10.1.0.1",
                                             "oif v0",
                                             "tos 0x10",
                                             "ipproto tcp dport 443 uidrange 1000-1001" };

        for (guint i = 0; i < G_N_ELEMENTS(rules); i++) {
                KsWayOut way = way_to("203.0.113.9"), other = way_to("203.0.113.9");

                set_up();
                g_test_message("%s", rules[i]);
                run("ip rule add pref 50 %s lookup 60", rules[i]);
                way.packet.mark = 7;
                way.packet.tos = 0x10;
                way.packet.source = prefix("10.1.0.1");
                if (g_str_has_prefix(rules[i], "oif"))
                        way.packet.oif_index = index_of("v0");
                g_assert_cmpint(ask(&way), ==, KS_ANSWER_LEAVES);
                other.packet.uid = 2000;
                other.packet.protocol = IPPROTO_UDP;
                other.packet.sport = 1;
                other.packet.dport = 2;
                g_assert_cmpint(ask(&other), ==, KS_ANSWER_STAYS);
        }
}

static void test_rules_of_others(void)
{
        g_autoptr(KsRtnl) rtnl = NULL;
        g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(KsRule));
        g_autoptr(GError) error = NULL;
        uint32_t last = 0;
        guint jumps = 0, ours = 0;

        set_up();
        rtnl = rtnl_new();
        run("ip rule add pref 50 goto 32766\nip rule add pref 60 fwmark 1 lookup 60\n"
            "ip rule add pref 55 protocol 83 lookup 83\nip -6 rule add pref 70 lookup 60");
        g_assert_true(ks_rtnl_dump_all_rules(rtnl, rules, &error));
        g_assert_no_error(error);
        g_assert_cmpuint(rules->len, ==, 3 + 3 + 2 + 1);
        for (guint i = 0; i < rules->len; i++) {
                const KsRule *rule = &g_array_index(rules, KsRule, i);

                if (i > 0 && rule->family == g_array_index(rules, KsRule, i - 1).family)
                        g_assert_cmpuint(rule->priority, >=, last);
                last = rule->priority;
                jumps += rule->action == FR_ACT_GOTO && rule->target == 32766;
                ours += rule->origin == 83;
        }
        g_assert_cmpuint(jumps, ==, 1);
        g_assert_cmpuint(ours, ==, 1);
}

static gboolean has_socket(uint8_t protocol, uint16_t sport, uint32_t mark, const char *remote)
{
        g_autoptr(GArray) sockets = g_array_new(FALSE, TRUE, sizeof(KsSocket));
        g_autoptr(KsSockets) reader = NULL;
        g_autoptr(GError) error = NULL;
        KsPrefix to = remote ? prefix(remote) : (KsPrefix){ 0 };

        reader = ks_sockets_new(&error);
        g_assert_no_error(error);
        g_assert_true(ks_sockets_find(reader, KS_SOCKETS_SENDING, NULL, NULL, sockets, &error));
        g_assert_no_error(error);
        for (guint i = 0; i < sockets->len; i++) {
                const KsSocket *one = &g_array_index(sockets, KsSocket, i);

                if (one->protocol == protocol && one->source_port == sport && one->mark == mark &&
                    one->uid == 0 && ks_prefix_equal(&one->remote, &to) &&
                    (remote != NULL) == (one->remote_port != 0))
                        return TRUE;
        }
        return FALSE;
}

static void connect_to(int fd, int family, const char *address)
{
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(443) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(443) };
        int r;

        if (family == AF_INET) {
                g_assert_cmpint(inet_pton(AF_INET, address, &in.sin_addr), ==, 1);
                r = connect(fd, (struct sockaddr *)&in, sizeof(in));
        } else {
                g_assert_cmpint(inet_pton(AF_INET6, address, &in6.sin6_addr), ==, 1);
                r = connect(fd, (struct sockaddr *)&in6, sizeof(in6));
        }
        g_assert_no_errno(r);
}

static void test_sockets(void)
{
        struct sockaddr_in6 own = { .sin6_family = AF_INET6, .sin6_port = htons(4500) };
        _cleanup_(ks_closep) int six = -1, listener = -1;
        uint32_t mark = 0xca6c;

        set_up();
        g_assert_false(has_socket(IPPROTO_UDP, 4500, 0, NULL));
        six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        g_assert_no_errno(bind(six, (struct sockaddr *)&own, sizeof(own)));
        g_assert_true(has_socket(IPPROTO_UDP, 4500, 0, NULL));
        g_assert_no_errno(setsockopt(six, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)));
        g_assert_true(has_socket(IPPROTO_UDP, 4500, 0xca6c, NULL));
        connect_to(six, AF_INET6, "fd01::7");
        g_assert_true(has_socket(IPPROTO_UDP, 4500, 0xca6c, "fd01::7"));
        /* An IPv6 socket that talks IPv4. */
        connect_to(six, AF_INET6, "::ffff:10.1.0.7");
        g_assert_true(has_socket(IPPROTO_UDP, 4500, 0xca6c, "10.1.0.7"));
        /* Nothing is sent by a socket that only listens. */
        listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_no_errno(bind(listener, (struct sockaddr *)&own, sizeof(own)));
        g_assert_no_errno(listen(listener, 1));
        g_assert_false(has_socket(IPPROTO_TCP, 4500, 0, NULL));
}

static void test_numbers(void)
{
        set_up();
        run("sysctl -qw net.ipv4.conf.v0.rp_filter=2");
        g_assert_cmpint(ks_sysctl_read_number("ipv4/conf/v0/rp_filter"), ==, 2);
        g_assert_cmpint(ks_sysctl_read_number("ipv4/conf/absent/rp_filter"), ==, -1);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/query/answers", test_answers);
        g_test_add_func("/query/attributes", test_attributes);
        g_test_add_func("/query/rules-of-others", test_rules_of_others);
        g_test_add_func("/query/sockets", test_sockets);
        g_test_add_func("/query/numbers", test_numbers);

        return g_test_run();
}
