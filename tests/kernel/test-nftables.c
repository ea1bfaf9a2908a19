/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard in the kernel: put in place whole, changed by its sets, and tampering seen. */

#include <arpa/inet.h>
#include <nftables/libnftables.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "kernel/nftables.h"
#include "tests/kernel/netns.h"
#include "tests/unit/host.h"

typedef struct Kernel {
        KsNftables *nftables;
        Host *host;
        KsPlan *plan;
} Kernel;

static KsNftables *nftables_new(void)
{
        g_autoptr(GError) error = NULL;
        KsNftables *nftables = ks_nftables_new(&error);

        g_assert_no_error(error);
        return nftables;
}

static void set_up(Kernel *kernel, gconstpointer data)
{
        (void)data;
        netns_fresh();
        run("ip link add eth0 type veth peer name p0\nip link set eth0 up\nip link set p0 up\n"
            "ip addr add 203.0.113.2/24 dev eth0\nip route add default dev eth0\n"
            "ip tuntap add tun0 mode tun");
        kernel->nftables = nftables_new();
        kernel->host = host_new();
        link_add_address(host_add_tun(kernel->host, index_of("tun0"), "tun0"), "10.8.0.2/24");
        vpn_add_mark(host_add_vpn(kernel->host, "a", "tun0"), IPPROTO_UDP, 1);
        kernel->plan = host_plan(kernel->host);
}

static void tear_down(Kernel *kernel, gconstpointer data)
{
        (void)data;
        ks_plan_free(kernel->plan);
        host_free(kernel->host);
        ks_nftables_free(kernel->nftables);
}

static void replace(Kernel *kernel)
{
        g_autoptr(GError) error = NULL;

        ks_nftables_replace(kernel->nftables, kernel->plan->guard, &error);
        g_assert_no_error(error);
        g_assert_true(ks_nftables_is_present(kernel->nftables));
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
}

/* To the plan that the host makes now. */
static void update(Kernel *kernel)
{
        KsPlan *next = host_plan(kernel->host);
        g_autoptr(GError) error = NULL;

        ks_nftables_update(kernel->nftables, kernel->plan->guard, next->guard, &error);
        g_assert_no_error(error);
        ks_plan_free(kernel->plan);
        kernel->plan = next;
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
}

static char *listing(void)
{
        return output_of("nft -s list table inet killswitch");
}

/* As a service that has just been started would put it there. */
static void assert_as_planned(Kernel *kernel)
{
        g_autofree char *there = listing(), *fresh = NULL;
        g_autoptr(KsNftables) other = nftables_new();

        g_assert_true(ks_nftables_replace(other, kernel->plan->guard, NULL));
        fresh = listing();
        g_assert_cmpstr(there, ==, fresh);
}

/* Sends a packet that the guard refuses. */
static void send_refused(void)
{
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        to.sin_addr.s_addr = inet_addr("192.0.2.9");
        g_assert_cmpint(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)), ==, -1);
        close(fd);
}

static guint64 blocked(Kernel *kernel)
{
        guint64 packets, bytes;

        g_assert_true(ks_nftables_blocked(kernel->nftables, &packets, &bytes));
        g_assert_cmpint(bytes > 0, ==, packets > 0);
        return packets;
}

static void test_nothing_there(Kernel *kernel, gconstpointer data)
{
        guint64 packets, bytes;
        g_autoptr(GError) error = NULL;

        (void)data;
        g_assert_false(ks_nftables_is_present(kernel->nftables));
        g_assert_false(ks_nftables_is_intact(kernel->nftables));
        g_assert_false(ks_nftables_blocked(kernel->nftables, &packets, &bytes));
        ks_nftables_links_changed(kernel->nftables);
        g_assert_true(ks_nftables_remove(kernel->nftables, &error));
        g_assert_no_error(error);
}

static void test_replace_and_remove(Kernel *kernel, gconstpointer data)
{
        g_autofree char *first = NULL, *second = NULL;
        guint64 packets, bytes;

        (void)data;
        replace(kernel);
        first = listing();
        replace(kernel);
        second = listing();
        g_assert_cmpstr(first, ==, second);
        for (int i = 0; i < 2; i++) {
                g_assert_true(ks_nftables_remove(kernel->nftables, NULL));
                g_assert_false(ks_nftables_is_present(kernel->nftables));
                g_assert_false(ks_nftables_is_intact(kernel->nftables));
                g_assert_false(ks_nftables_blocked(kernel->nftables, &packets, &bytes));
                g_assert_false(succeeds("nft list table inet killswitch"));
        }
        replace(kernel);
        assert_as_planned(kernel);
}

/* What is refused is counted, and the count goes on over flaps and replacements. */
static void test_counter(Kernel *kernel, gconstpointer data)
{
        KsLink *link = g_ptr_array_index(kernel->host->links, 0);

        (void)data;
        replace(kernel);
        g_assert_cmpuint(blocked(kernel), ==, 0);
        send_refused();
        send_refused();
        g_assert_cmpuint(blocked(kernel), ==, 2);
        replace(kernel);
        g_assert_cmpuint(blocked(kernel), ==, 2);
        link->flags = 0;
        update(kernel);
        send_refused();
        g_assert_cmpuint(blocked(kernel), ==, 3);
        kernel->host->settings->lan_dns = TRUE;
        update(kernel);
        g_assert_cmpuint(blocked(kernel), ==, 3);
        /* A new process goes on with it, and counting is no tampering. */
        ks_nftables_free(kernel->nftables);
        kernel->nftables = nftables_new();
        replace(kernel);
        g_assert_cmpuint(blocked(kernel), ==, 3);
        send_refused();
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        g_assert_true(ks_nftables_remove(kernel->nftables, NULL));
        replace(kernel);
        g_assert_cmpuint(blocked(kernel), ==, 0);
}

/* Names and handles of all rules: a rule that is written anew gets another handle. */
static char *handles(void)
{
        return output_of("nft -a -s -t list table inet killswitch");
}

/* A flap rewrites elements, not chains; a change of the settings does. */
static void test_update(Kernel *kernel, gconstpointer data)
{
        g_autofree char *before = NULL, *after = NULL, *anew = NULL;
        KsLink *link = g_ptr_array_index(kernel->host->links, 0);

        (void)data;
        replace(kernel);
        before = handles();
        link->flags = 0;
        update(kernel);
        link->flags = IFF_UP | IFF_RUNNING;
        link_add_address(link, "10.8.0.3/24");
        link_add_address(link, "fd08::2/64");
        update(kernel);
        update(kernel);
        after = handles();
        g_assert_cmpstr(before, ==, after);
        assert_as_planned(kernel);
        replace(kernel);
        kernel->host->settings->lan_dns = TRUE;
        update(kernel);
        anew = handles();
        g_assert_cmpstr(before, !=, anew);
        assert_as_planned(kernel);
}

static void test_tampering(Kernel *kernel, gconstpointer data)
{
        static const char *const deeds[] = {
                "flush ruleset",
                "delete table inet killswitch",
                "flush table inet killswitch",
                "flush chain inet killswitch output",
                "flush set inet killswitch vpn4",
                "add element inet killswitch vpn_link { 1 . 772 }",
                "add element inet killswitch lan4 { 8.8.8.0/24 }",
                "delete element inet killswitch lan4 { 10.0.0.0/8 }",
                "add element inet killswitch wg_mark { 0x7 }",
                "add rule inet killswitch transport accept",
                "insert rule inet killswitch output accept",
                "add chain inet killswitch output { policy accept; }",
                "add chain inet killswitch more",
                "add set inet killswitch more { type ipv4_addr; }",
                "add chain inet killswitch early { type filter hook output priority -5; }",
                "rename chain inet killswitch refuse refused",
                "add table inet killswitch { flags dormant; }",
        };
        g_autofree char *good = NULL;

        (void)data;
        replace(kernel);
        good = listing();
        for (guint i = 0; i < G_N_ELEMENTS(deeds); i++) {
                g_autofree char *again = NULL;

                g_test_message("%s", deeds[i]);
                run("nft '%s'", deeds[i]);
                g_assert_false(ks_nftables_is_intact(kernel->nftables));
                g_assert_false(ks_nftables_is_intact(kernel->nftables));
                replace(kernel);
                again = listing();
                g_assert_cmpstr(good, ==, again);
        }
}

/* What others do to their own is none of our business, and ours none of theirs. */
static void test_foreign(Kernel *kernel, gconstpointer data)
{
        const char *list = "nft list table inet other; nft list table ip killswitch; "
                           "nft list table inet killswitch2";
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        run("nft add table inet other\n"
            "nft 'add chain inet other c { type filter hook output priority 5; }'\n"
            "nft add rule inet other c ip daddr 10.0.0.1 accept\n"
            "nft 'table ip killswitch { set s { type ipv4_addr; elements = { 10.0.0.1 }; }; }'\n"
            "nft add table inet killswitch2");
        before = output_of("%s", list);
        replace(kernel);
        update(kernel);
        run("nft add table inet yet_another");
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        run("nft delete table inet yet_another");
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        g_assert_true(ks_nftables_remove(kernel->nftables, NULL));
        after = output_of("%s", list);
        g_assert_cmpstr(before, ==, after);
}

/* A listing names interfaces. That one has another name now is no tampering. */
static void test_rename(Kernel *kernel, gconstpointer data)
{
        (void)data;
        replace(kernel);
        run("ip link set tun0 name tun1");
        ks_nftables_links_changed(kernel->nftables);
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        run("nft add table inet yet_another");
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        run("ip link del tun1");
        ks_nftables_links_changed(kernel->nftables);
        run("nft delete table inet yet_another");
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        run("nft flush set inet killswitch vpn4");
        ks_nftables_links_changed(kernel->nftables);
        g_assert_false(ks_nftables_is_intact(kernel->nftables));
}

/* A transaction that nft refuses leaves what was there. */
static void test_refused(Kernel *kernel, gconstpointer data)
{
        KsGuard *bad = ks_guard_new(kernel->host->settings, KS_LAN_MODE_NONE);
        g_autoptr(GError) error = NULL;
        g_autofree char *before = NULL, *after = NULL;

        (void)data;
        replace(kernel);
        before = listing();
        ks_guard_add(bad, KS_SET_LAN4, "nonsense");
        g_assert_false(ks_nftables_replace(kernel->nftables, bad, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE);
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strchr(error->message, '\n'));
        after = listing();
        g_assert_cmpstr(before, ==, after);
        g_clear_error(&error);
        g_assert_false(ks_nftables_update(kernel->nftables, kernel->plan->guard, bad, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE);
        g_assert_true(ks_nftables_is_intact(kernel->nftables));
        ks_guard_free(bad);
}

/* A table of our name that another process owns can't be had; that must not keep us from
 * letting go. */
static void test_owned_by_another(Kernel *kernel, gconstpointer data)
{
        pid_t pid = start_nft("table inet killswitch { flags owner; }", FALSE);
        g_autoptr(GError) error = NULL;

        (void)data;
        g_assert_false(ks_nftables_replace(kernel->nftables, kernel->plan->guard, &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE);
        g_assert_nonnull(strstr(error->message, "inet killswitch"));
        g_assert_nonnull(strstr(error->message, "Guard=optional"));
        g_assert_true(ks_nftables_remove(kernel->nftables, NULL));
        stop_nft(pid);
        replace(kernel);
}

/* Others commit all the time; what we know of our own table stays true. */
static void test_storm(Kernel *kernel, gconstpointer data)
{
        pid_t pid = start_nft("add table inet storm\ndelete table inet storm", TRUE);
        KsLink *link = g_ptr_array_index(kernel->host->links, 0);

        (void)data;
        replace(kernel);
        for (int i = 0; i < 50; i++) {
                link->flags ^= IFF_UP;
                update(kernel);
                g_assert_true(ks_nftables_is_present(kernel->nftables));
        }
        run("nft flush chain inet killswitch output");
        g_assert_false(ks_nftables_is_intact(kernel->nftables));
        replace(kernel);
        stop_nft(pid);
        assert_as_planned(kernel);
}

/* The text of any guard that settings and links can make is good nft. */
static void test_all_plans(Kernel *kernel, gconstpointer data)
{
        struct nft_ctx *context = nft_ctx_new(NFT_CTX_DEFAULT);

        (void)kernel;
        (void)data;
        nft_ctx_buffer_error(context);
        nft_ctx_set_dry_run(context, true);
        for (int i = 0; i < 300; i++) {
                g_autoptr(Host) host = host_new_random();
                g_autoptr(KsPlan) plan = host_plan(host);
                g_autofree char *text = ks_guard_replace_text(
                        plan->guard, KS_GUARD_INET | KS_GUARD_EGRESS, 1, 2);

                if (nft_run_cmd_from_buffer(context, text) != 0) {
                        g_test_message("%s\n%s", text, nft_ctx_get_error_buffer(context));
                        g_test_fail();
                        break;
                }
        }
        nft_ctx_free(context);
}

/* From any guard to any other, by update, and the kernel has what a fresh start gives. */
static void test_any_to_any(Kernel *kernel, gconstpointer data)
{
        (void)data;
        replace(kernel);
        for (int i = 0; i < 40; i++) {
                host_free(kernel->host);
                kernel->host = host_new_random();
                update(kernel);
                assert_as_planned(kernel);
                replace(kernel);
        }
}

#define ADD(name, function) g_test_add("/nftables/" name, Kernel, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("nothing-there", test_nothing_there);
        ADD("replace-and-remove", test_replace_and_remove);
        ADD("counter", test_counter);
        ADD("update", test_update);
        ADD("tampering", test_tampering);
        ADD("foreign", test_foreign);
        ADD("rename", test_rename);
        ADD("refused", test_refused);
        ADD("owned-by-another", test_owned_by_another);
        ADD("storm", test_storm);
        ADD("all-plans", test_all_plans);
        ADD("any-to-any", test_any_to_any);

        return g_test_run();
}
