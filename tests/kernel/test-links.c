/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The link table as the kernel has it: kinds, flags, addresses of both families, far ends. */

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/links.h"
#include "kernel/monitor.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

typedef struct Kernel {
        KsRtnl *rtnl;
        KsMonitor *monitor;
        GPtrArray *links;
} Kernel;

static void set_up(Kernel *kernel, gconstpointer data)
{
        (void)data;
        netns_fresh();
        kernel->rtnl = rtnl_new();
        kernel->monitor = ks_monitor_new(0, NULL);
        g_assert_nonnull(kernel->monitor);
        kernel->links = NULL;
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        g_clear_pointer(&kernel->links, g_ptr_array_unref);
        ks_monitor_free(kernel->monitor);
        ks_rtnl_free(kernel->rtnl);
}

static void read_links(Kernel *kernel)
{
        g_autoptr(GError) error = NULL;

        g_clear_pointer(&kernel->links, g_ptr_array_unref);
        kernel->links = ks_links_read(kernel->rtnl, &error);
        g_assert_no_error(error);
}

static const KsLink *find(Kernel *kernel, const char *name)
{
        const KsLink *link = ks_links_find(kernel->links, name);

        g_assert_nonnull(link);
        return link;
}

/* Reads again with every event, until the link is up, or down: the kernel takes its time to tell
 * that a carrier is gone. */
static void wait_for(Kernel *kernel, const char *name, gboolean up)
{
        struct pollfd fd = { .fd = ks_monitor_route_fd(kernel->monitor), .events = POLLIN };

        for (;;) {
                read_links(kernel);
                if (ks_link_is_up(find(kernel, name)) == up)
                        return;
                g_assert_cmpint(poll(&fd, 1, 20000), ==, 1);
                ks_monitor_drain(kernel->monitor);
        }
}

/* "LOCAL in NETWORK, …" */
static void assert_addresses(const KsLink *link, const char *expected)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < link->addresses->len; i++) {
                const KsAddress *address = &g_array_index(link->addresses, KsAddress, i);
                g_autofree char *local = ks_prefix_to_string(&address->local);
                g_autofree char *network = ks_prefix_to_string(&address->network);

                /* The kernel gives these itself, by the hardware's address. */
                if (address->local.family == AF_INET6 && ks_prefix_is_link_local(&address->local))
                        continue;
                g_string_append_printf(text, "%s%s in %s", text->len ? ", " : "", local, network);
        }
        g_assert_cmpstr(text->str, ==, expected);
        g_string_free(text, TRUE);
}

static void test_loopback(Kernel *kernel, gconstpointer data)
{
        const KsLink *lo;

        (void)data;
        read_links(kernel);
        lo = find(kernel, "lo");
        g_assert_cmpint(lo->index, ==, 1);
        g_assert_cmpuint(lo->type, ==, ARPHRD_LOOPBACK);
        g_assert_cmpstr(lo->kind, ==, "");
        g_assert_null(lo->wireguard);
        assert_addresses(lo, "127.0.0.1 in 127.0.0.0/8, ::1 in ::1");
}

static void test_kinds(Kernel *kernel, gconstpointer data)
{
        (void)data;
        run("ip link add v0 type veth peer name v1\n"
            "ip link add br0 type bridge\n"
            "ip link set v1 master br0\n"
            "ip tuntap add tun0 mode tun\n"
            "ip tuntap add tap0 mode tap\n"
            "ip link add mv0 link v0 type macvlan");
        read_links(kernel);
        g_assert_cmpstr(find(kernel, "v0")->kind, ==, "veth");
        g_assert_cmpuint(find(kernel, "v0")->type, ==, ARPHRD_ETHER);
        g_assert_cmpstr(find(kernel, "br0")->kind, ==, "bridge");
        g_assert_cmpstr(find(kernel, "tun0")->kind, ==, "tun");
        g_assert_cmpuint(find(kernel, "tun0")->type, ==, ARPHRD_NONE);
        g_assert_cmpstr(find(kernel, "tap0")->kind, ==, "tun");
        g_assert_cmpuint(find(kernel, "tap0")->type, ==, ARPHRD_ETHER);
        g_assert_cmpstr(find(kernel, "mv0")->kind, ==, "macvlan");
        g_assert_cmpint(find(kernel, "mv0")->index, ==, index_of("mv0"));
        g_assert_cmpint(find(kernel, "mv0")->parent, ==, index_of("v0"));
        g_assert_cmpint(find(kernel, "v1")->master, ==, index_of("br0"));
        g_assert_cmpint(find(kernel, "br0")->master, ==, 0);
        g_assert_cmpint(find(kernel, "br0")->parent, ==, 0);
        /* A port of a bridge is told of twice, and is one link. */
        for (guint i = 0; i < kernel->links->len; i++)
                for (guint j = 0; j < i; j++)
                        g_assert_cmpint(((KsLink *)g_ptr_array_index(kernel->links, i))->index, !=,
                                        ((KsLink *)g_ptr_array_index(kernel->links, j))->index);
}

/* A process in a network namespace of its own, for ends of links to be put there. */
static pid_t start_elsewhere(void)
{
        int ready[2];
        char byte;
        pid_t pid;

        g_assert_no_errno(pipe(ready));
        pid = fork();
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "r", 1) == 1)
                        pause();
                _exit(1);
        }
        g_assert_cmpint(pid, >, 0);
        g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
        close(ready[0]);
        close(ready[1]);
        return pid;
}

/* What is attached to what, and nothing about another namespace. */
static void test_attached(Kernel *kernel, gconstpointer data)
{
        pid_t elsewhere = start_elsewhere();

        (void)data;
        run("ip link add br0 type bridge\n"
            "ip link add v0 type veth peer name v1\n"
            "ip link add c0 index 40 type veth peer name c1 index 41 netns %d\n"
            "ip link set v1 master br0\nip link set c0 master br0\n"
            "ip link add top link br0 type macvlan\n"
            "ip link add mv0 link v0 type macvlan",
            elsewhere);
        read_links(kernel);
        g_assert_cmpint(find(kernel, "lo")->master, ==, 0);
        g_assert_cmpint(find(kernel, "lo")->parent, ==, 0);
        g_assert_cmpint(find(kernel, "br0")->master, ==, 0);
        g_assert_cmpint(find(kernel, "br0")->parent, ==, 0);
        g_assert_cmpint(find(kernel, "v1")->master, ==, index_of("br0"));
        g_assert_cmpint(find(kernel, "v1")->parent, ==, index_of("v0"));
        g_assert_cmpint(find(kernel, "v0")->master, ==, 0);
        g_assert_cmpint(find(kernel, "v0")->parent, ==, index_of("v1"));
        g_assert_cmpint(find(kernel, "c0")->master, ==, index_of("br0"));
        g_assert_cmpint(find(kernel, "c0")->parent, ==, 0);
        g_assert_cmpint(find(kernel, "top")->parent, ==, index_of("br0"));
        g_assert_cmpint(find(kernel, "mv0")->parent, ==, index_of("v0"));
        run("ip link set v1 nomaster");
        read_links(kernel);
        g_assert_cmpint(find(kernel, "v1")->master, ==, 0);
        g_assert_no_errno(kill(elsewhere, SIGKILL));
        g_assert_cmpint(waitpid(elsewhere, NULL, 0), ==, elsewhere);
}

static void test_up(Kernel *kernel, gconstpointer data)
{
        (void)data;
        run("ip link add v0 type veth peer name v1\nip tuntap add tun0 mode tun\n"
            "ip link set tun0 up\nip link set v0 up");
        wait_for(kernel, "v0", FALSE);
        wait_for(kernel, "v1", FALSE);
        /* A tun link whose program isn't there carries nothing. */
        wait_for(kernel, "tun0", FALSE);
        run("ip link set v1 up");
        wait_for(kernel, "v0", TRUE);
        wait_for(kernel, "v1", TRUE);
        run("ip link set v1 down");
        wait_for(kernel, "v0", FALSE);
}

static void test_addresses(Kernel *kernel, gconstpointer data)
{
        (void)data;
        run("ip link add v0 type veth peer name v1\nip link set v0 up\nip link set v1 up\n"
            "ip addr add 10.8.0.2/24 dev v0\n"
            "ip addr add 10.8.0.3/24 dev v0\n"
            "ip addr add 198.51.100.7/32 dev v0\n"
            "ip addr add fd08::2/64 dev v0\n"
            "ip addr add 2001:db8::7/128 dev v0\n"
            "ip addr add 10.9.0.1/30 broadcast + label v0:x dev v0");
        read_links(kernel);
        assert_addresses(
                find(kernel, "v0"),
                "10.8.0.2 in 10.8.0.0/24, 198.51.100.7 in 198.51.100.7, 10.9.0.1 in "
                "10.9.0.0/30, 10.8.0.3 in 10.8.0.0/24, 2001:db8::7 in 2001:db8::7, fd08::2 "
                "in fd08::/64");
        assert_addresses(find(kernel, "v1"), "");
}

/* A point-to-point link: the own end, and the network of the other one. */
static void test_peers(Kernel *kernel, gconstpointer data)
{
        (void)data;
        run("ip tuntap add tun0 mode tun\nip link set tun0 up\n"
            "ip addr add 10.8.0.6 peer 10.8.0.5 dev tun0\n"
            "ip addr add 10.9.0.6 peer 10.9.0.0/16 dev tun0\n"
            "ip addr add fd08::6 peer fd08::5 dev tun0");
        read_links(kernel);
        assert_addresses(find(kernel, "tun0"),
                         "10.8.0.6 in 10.8.0.5, 10.9.0.6 in 10.9.0.0/16, fd08::6 in fd08::5");
}

/* A name that means something elsewhere is only a name here. */
static void test_names(Kernel *kernel, gconstpointer data)
{
        static const char *const names[] = { "a\"b;{}$'", "flush;ruleset", "fifteen-letters",
                                             "\xc3\xa9th0" };

        (void)data;
        for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *quoted = g_shell_quote(names[i]);

                run("ip link add name %s type bridge", quoted);
        }
        read_links(kernel);
        for (guint i = 0; i < G_N_ELEMENTS(names); i++)
                g_assert_cmpint(find(kernel, names[i])->index, ==, index_of(names[i]));
}

static void test_renamed_and_made_anew(Kernel *kernel, gconstpointer data)
{
        int first;

        (void)data;
        run("ip link add br0 type bridge");
        read_links(kernel);
        first = find(kernel, "br0")->index;
        run("ip link set br0 name br1");
        read_links(kernel);
        g_assert_null(ks_links_find(kernel->links, "br0"));
        g_assert_cmpint(find(kernel, "br1")->index, ==, first);
        run("ip link del br1\nip link add br1 type bridge");
        read_links(kernel);
        g_assert_cmpint(find(kernel, "br1")->index, !=, first);
}

static void test_many(Kernel *kernel, gconstpointer data)
{
        GString *commands = g_string_new("ip -batch - <<'EOF'\n");

        (void)data;
        for (int i = 0; i < 300; i++)
                g_string_append_printf(commands,
                                       "link add b%d type bridge\n"
                                       "addr add 10.%d.%d.1/24 dev b%d\n"
                                       "addr add fd00:%x::1/64 dev b%d\n",
                                       i, i / 200, i % 200, i, i + 1, i);
        g_string_append(commands, "EOF\n");
        run("%s", commands->str);
        g_string_free(commands, TRUE);
        read_links(kernel);
        g_assert_cmpuint(kernel->links->len, ==, 301);
        for (int i = 0; i < 300; i++) {
                g_autofree char *name = g_strdup_printf("b%d", i);

                g_assert_cmpuint(find(kernel, name)->addresses->len, >=, 1);
        }
}

#define ADD(name, function) g_test_add("/links/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("loopback", test_loopback);
        ADD("kinds", test_kinds);
        ADD("attached", test_attached);
        ADD("up", test_up);
        ADD("addresses", test_addresses);
        ADD("peers", test_peers);
        ADD("names", test_names);
        ADD("renamed-and-made-anew", test_renamed_and_made_anew);
        ADD("many", test_many);

        return g_test_run();
}
