/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: which are told, which are nobody's business, and what is left of a flood of them. */

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/monitor.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

/* Generous: an event comes at once, or never. */
#define WAIT_MSEC 20000

typedef struct Kernel {
        KsRtnl *rtnl;
        KsMonitor *monitor;
} Kernel;

static void set_up(Kernel *kernel, gconstpointer data)
{
        g_autoptr(GError) error = NULL;

        (void)data;
        netns_fresh();
        /* An address of the kernel's own, and its route, would come whenever it sees to the
         * carrier.
         */
        run("ip link add v0 type veth peer name v1\n"
            "ip link set v0 addrgenmode none\nip link set v1 addrgenmode none\n"
            "ip link set v0 up\nip link set v1 up\nip addr add 10.1.0.1/16 dev v0");
        kernel->rtnl = rtnl_new();
        kernel->monitor = ks_monitor_new(ks_rtnl_port(kernel->rtnl), &error);
        g_assert_no_error(error);
        ks_monitor_set_table(kernel->monitor, 83);
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        ks_monitor_free(kernel->monitor);
        ks_rtnl_free(kernel->rtnl);
}

/* Waits until something can be read. */
static gboolean is_readable(Kernel *kernel, int timeout)
{
        struct pollfd fds[] = { { .fd = ks_monitor_route_fd(kernel->monitor), .events = POLLIN },
                                { .fd = ks_monitor_nftables_fd(kernel->monitor),
                                  .events = POLLIN } };

        return poll(fds, G_N_ELEMENTS(fds), timeout) > 0;
}

/* Collects until all of @wanted have been told. Returns: all that have. */
static guint collect(Kernel *kernel, guint wanted)
{
        guint changes = 0;

        while ((changes & wanted) != wanted) {
                g_assert_true(is_readable(kernel, WAIT_MSEC));
                changes |= ks_monitor_drain(kernel->monitor);
        }
        return changes;
}

/* Takes what the set-up and the kernel itself still have to tell. An address of our own stands
 * for its end; the kernel may give one of its own at any time, which is LINKS too. */
static void settle(Kernel *kernel)
{
        run("ip addr add 10.7.7.7/32 dev lo\nip addr del 10.7.7.7/32 dev lo");
        collect(kernel, KS_CHANGE_LINKS);
        while (is_readable(kernel, 0))
                ks_monitor_drain(kernel->monitor);
}

/* Carries out commands and tells what they changed, besides links and other tables: an address
 * that comes and goes behind them, and in the local table, marks their end. */
static guint changes_of(Kernel *kernel, const char *commands)
{
        guint changes;

        settle(kernel);
        g_test_message("%s", commands);
        run("%s\nip addr add 10.7.7.7/32 dev lo\nip addr del 10.7.7.7/32 dev lo", commands);
        changes = collect(kernel, KS_CHANGE_LINKS);
        while (is_readable(kernel, 0))
                changes |= ks_monitor_drain(kernel->monitor);
        return changes & ~(guint)(KS_CHANGE_LINKS | KS_CHANGE_OTHERS);
}

static void test_quiet(Kernel *kernel, gconstpointer data)
{
        (void)data;
        settle(kernel);
        for (int i = 0; i < 1000; i++)
                ks_monitor_drain(kernel->monitor);
        g_assert_cmpint(fcntl(ks_monitor_route_fd(kernel->monitor), F_GETFL) & O_NONBLOCK, !=, 0);
        g_assert_cmpint(fcntl(ks_monitor_nftables_fd(kernel->monitor), F_GETFL) & O_NONBLOCK, !=,
                        0);
}

static void test_links(Kernel *kernel, gconstpointer data)
{
        static const char *const deeds[] = {
                "ip link add br0 type bridge",
                "ip link set br0 name br1",
                "ip link set br1 up",
                "ip addr add 10.2.0.1/24 dev br1",
                "ip addr add fd02::1/64 dev br1",
                "ip addr del 10.2.0.1/24 dev br1",
                "ip addr del fd02::1/64 dev br1",
                "ip link set br1 mtu 1400",
                "ip link set br1 down",
                "ip link del br1",
                "ip tuntap add tun0 mode tun",
        };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(deeds); i++) {
                settle(kernel);
                g_test_message("%s", deeds[i]);
                run("%s", deeds[i]);
                collect(kernel, KS_CHANGE_LINKS);
        }
}

static void test_rules(Kernel *kernel, gconstpointer data)
{
        static const char *const deeds[] = { "ip rule add pref 5 lookup 7",
                                             "ip rule del pref 5",
                                             "ip -6 rule add pref 5 lookup 7",
                                             "ip -6 rule del pref 5",
                                             "ip rule add pref 5 lookup 83 protocol 83",
                                             "ip rule flush" };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(deeds); i++)
                g_assert_cmpuint(changes_of(kernel, deeds[i]), ==, KS_CHANGE_RULES);
}

static void test_routes(Kernel *kernel, gconstpointer data)
{
        static const struct {
                const char *deed;
                guint changes;
        } cases[] = {
                { "ip route add unreachable default table 83", KS_CHANGE_ROUTES },
                { "ip route del unreachable default table 83", KS_CHANGE_ROUTES },
                { "ip -6 route add unreachable default table 83", KS_CHANGE_ROUTES },
                { "ip -6 route flush table 83", KS_CHANGE_ROUTES },
                { "ip route add unreachable 10.9.0.0/16 table 84", 0 },
                { "ip -6 route add unreachable fd09::/64 table 84", 0 },
                { "ip route add unreachable 10.9.0.0/16 table 8300 proto 83", 0 },
                { "ip route add 10.9.0.0/16 dev v0", KS_CHANGE_MAIN },
                { "ip route replace 10.9.0.0/16 via 10.1.0.9", KS_CHANGE_MAIN },
                { "ip route del 10.9.0.0/16", KS_CHANGE_MAIN },
                { "ip -6 route add fd09::/64 dev v0", KS_CHANGE_MAIN },
                { "ip route add default dev v0", KS_CHANGE_MAIN | KS_CHANGE_DEFAULTS },
                { "ip route add 128.0.0.0/1 dev v0", KS_CHANGE_MAIN | KS_CHANGE_DEFAULTS },
                { "ip -6 route add default dev v0", KS_CHANGE_MAIN | KS_CHANGE_DEFAULTS },
                { "ip route del default dev v0", KS_CHANGE_MAIN | KS_CHANGE_DEFAULTS },
                { "ip route add 192.0.0.0/2 dev v0", KS_CHANGE_MAIN },
                { "ip route add default dev v0 table 84", 0 },
                { "ip route add 10.9.0.0/16 dev v0 table 83\nip route add 10.9.0.0/16 dev v0",
                  KS_CHANGE_ROUTES | KS_CHANGE_MAIN },
        };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
                g_assert_cmpuint(changes_of(kernel, cases[i].deed), ==, cases[i].changes);
}

static void test_other_table(Kernel *kernel, gconstpointer data)
{
        (void)data;
        ks_monitor_set_table(kernel->monitor, 4000);
        g_assert_cmpuint(changes_of(kernel, "ip route add unreachable default table 83"), ==, 0);
        g_assert_cmpuint(changes_of(kernel, "ip route add unreachable default table 4000"), ==,
                         KS_CHANGE_ROUTES);
}

/* What we do ourselves comes back as an event, and is no news. The same by others is. */
static void test_own_changes(Kernel *kernel, gconstpointer data)
{
        KsRule rule = { .family = AF_INET,
                        .priority = 100,
                        .action = FR_ACT_TO_TBL,
                        .table = 83,
                        .origin = 83 };
        KsRoute route = { .table = 83,
                          .metric = 1,
                          .family = AF_INET6,
                          .type = RTN_UNREACHABLE,
                          .origin = 83,
                          .destination = { .family = AF_INET6 } };
        g_autoptr(KsRtnl) other = rtnl_new();

        (void)data;
        settle(kernel);
        apply_rule(kernel->rtnl, KS_OP_ADD_RULE, &rule);
        apply_route(kernel->rtnl, KS_OP_ADD_ROUTE, &route);
        apply_rule(kernel->rtnl, KS_OP_DELETE_RULE, &rule);
        apply_route(kernel->rtnl, KS_OP_DELETE_ROUTE, &route);
        g_assert_cmpuint(changes_of(kernel, "true"), ==, 0);
        settle(kernel);
        apply_rule(other, KS_OP_ADD_RULE, &rule);
        apply_route(other, KS_OP_ADD_ROUTE, &route);
        collect(kernel, KS_CHANGE_RULES | KS_CHANGE_ROUTES);
}

static void test_nftables(Kernel *kernel, gconstpointer data)
{
        (void)data;
        g_assert_cmpint(ks_monitor_nftables_fd(kernel->monitor), >=, 0);
        settle(kernel);
        run("nft add table inet killswitch");
        g_assert_cmpuint(collect(kernel, KS_CHANGE_NFTABLES) & ~(guint)KS_CHANGE_LINKS, ==,
                         KS_CHANGE_NFTABLES);
        run("nft flush ruleset");
        collect(kernel, KS_CHANGE_NFTABLES);
}

/* Adds and deletes routes of a table that is of no interest. */
static void flood(KsRtnl *rtnl, int rounds)
{
        g_autoptr(GArray) ops = g_array_new(FALSE, TRUE, sizeof(KsOp));

        for (guint i = 0; i < 1000; i++) {
                KsOp op = { .kind = i % 2 ? KS_OP_DELETE_ROUTE : KS_OP_ADD_ROUTE,
                            .route = { .table = 84,
                                       .metric = 1,
                                       .family = AF_INET,
                                       .type = RTN_UNREACHABLE,
                                       .origin = 83,
                                       .destination = { .family = AF_INET } } };

                g_array_append_val(ops, op);
        }
        while (rounds-- > 0)
                apply(rtnl, ops);
}

/* One look takes so much and no more, so that whoever looks gets to do other things. */
static void test_limited(Kernel *kernel, gconstpointer data)
{
        g_autoptr(KsRtnl) other = rtnl_new();
        guint looks = 0;

        (void)data;
        settle(kernel);
        flood(other, 3);
        while (is_readable(kernel, 0)) {
                g_assert_false(ks_monitor_drain(kernel->monitor) & KS_CHANGE_LOST);
                looks++;
        }
        g_assert_cmpuint(looks, >, 1);
        g_assert_cmpuint(looks, <=, 3000);
}

/* More than the buffer holds: that something was lost is told, and then all is as before. */
static void test_lost(Kernel *kernel, gconstpointer data)
{
        g_autoptr(KsRtnl) other = rtnl_new();

        (void)data;
        for (int i = 0; i < 3; i++) {
                guint changes = 0;

                settle(kernel);
                flood(other, 40);
                while (is_readable(kernel, 0))
                        changes |= ks_monitor_drain(kernel->monitor);
                g_assert_true(changes & KS_CHANGE_LOST);
                g_assert_cmpuint(changes_of(kernel, "ip rule add pref 5 lookup 7"), ==,
                                 KS_CHANGE_RULES);
                g_assert_cmpuint(changes_of(kernel, "ip rule del pref 5"), ==, KS_CHANGE_RULES);
        }
}

static void test_flood_of_nftables(Kernel *kernel, gconstpointer data)
{
        (void)data;
        settle(kernel);
        run("nft add table inet flood\n"
            "nft 'add set inet flood s { type ipv4_addr; }'\n"
            "for i in $(seq 1 100); do\n"
            "seq -f 'add element inet flood s { 10.0.%%g.'$i' }' 1 250\n"
            "done | nft -f -");
        collect(kernel, KS_CHANGE_NFTABLES);
        while (is_readable(kernel, 0))
                ks_monitor_drain(kernel->monitor);
        run("nft delete table inet flood");
        collect(kernel, KS_CHANGE_NFTABLES);
}

/* While a storm goes on, every look ends; and what is of interest is heard in it. */
static void test_storm(Kernel *kernel, gconstpointer data)
{
        KsRule rule = { .family = AF_INET,
                        .priority = 100,
                        .action = FR_ACT_TO_TBL,
                        .table = 83,
                        .origin = 83 };
        g_autoptr(KsRtnl) other = NULL;
        pid_t pid = fork();

        (void)data;
        if (pid == 0) {
                KsRtnl *rtnl = rtnl_new();

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                        flood(rtnl, 1);
        }
        g_assert_cmpint(pid, >, 0);
        other = rtnl_new();
        for (int i = 0; i < 200; i++) {
                guint changes = 0;

                apply_rule(other, i % 2 ? KS_OP_DELETE_RULE : KS_OP_ADD_RULE, &rule);
                while (!(changes & (KS_CHANGE_RULES | KS_CHANGE_LOST))) {
                        g_assert_true(is_readable(kernel, WAIT_MSEC));
                        changes |= ks_monitor_drain(kernel->monitor);
                }
        }
        g_assert_no_errno(kill(pid, SIGKILL));
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static void test_free(Kernel *kernel, gconstpointer data)
{
        int fds[] = { ks_monitor_route_fd(kernel->monitor),
                      ks_monitor_nftables_fd(kernel->monitor) };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
                g_assert_cmpint(fcntl(fds[i], F_GETFD) & FD_CLOEXEC, !=, 0);
        g_clear_pointer(&kernel->monitor, ks_monitor_free);
        for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
                g_assert_true(fcntl(fds[i], F_GETFD) == -1 && errno == EBADF);
        ks_monitor_free(NULL);
}

#define ADD(name, function) g_test_add("/monitor/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("quiet", test_quiet);
        ADD("links", test_links);
        ADD("rules", test_rules);
        ADD("routes", test_routes);
        ADD("other-table", test_other_table);
        ADD("own-changes", test_own_changes);
        ADD("nftables", test_nftables);
        ADD("limited", test_limited);
        ADD("lost", test_lost);
        ADD("flood-of-nftables", test_flood_of_nftables);
        ADD("storm", test_storm);
        ADD("free", test_free);

        return g_test_run();
}
