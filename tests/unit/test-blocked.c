/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that the guard refused: their headers, whatever stands in them, and the record of them;
 * and control groups found by their numbers. */

#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>

#include "kernel/groups.h"
#include "policy/blocked.h"
#include "policy/ruleset.h"

#define PORTS 0xc3, 0x50, 0x01, 0xbb /* 50000, 443 */
#define ADDRESSES4 192, 168, 1, 2, 198, 51, 100, 9
#define ADDRESS6(last) 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last
#define IPV4(protocol) 0x45, 0, 0, 64, 0, 0, 0x40, 0, 64, protocol, 0, 0, ADDRESSES4
#define IPV6(next) 0x60, 0, 0, 0, 0, 64, next, 64, ADDRESS6(2), ADDRESS6(9)

static void assert_packet(const guint8 *bytes, gsize length, guint8 protocol, int port)
{
        KsBlockedPacket packet;
        g_autofree char *remote = NULL;

        g_assert_true(ks_blocked_parse(bytes, length, &packet));
        remote = ks_prefix_to_string(&packet.remote);
        g_assert_cmpstr(remote, ==, bytes[0] >> 4 == 4 ? "198.51.100.9" : "2001:db8::9");
        g_assert_cmpuint(packet.protocol, ==, protocol);
        g_assert_cmpint(packet.has_ports, ==, port >= 0);
        g_assert_cmpuint(packet.remote_port, ==, MAX(port, 0));
        g_assert_cmpuint(packet.source_port, ==, port >= 0 ? 50000 : 0);
}

static void test_ipv4(void)
{
        guint8 plain[] = { IPV4(IPPROTO_TCP), PORTS };
        guint8 options[] = { 0x46,        0, 0, 64,         0, 0, 0, 0, 64,
                             IPPROTO_UDP, 0, 0, ADDRESSES4, 1, 1, 1, 1, PORTS };
        guint8 icmp[] = { IPV4(IPPROTO_ICMP), 8, 0, 0, 0 };

        assert_packet(plain, sizeof(plain), IPPROTO_TCP, 443);
        assert_packet(plain, sizeof(plain) - 1, IPPROTO_TCP, -1);
        assert_packet(options, sizeof(options), IPPROTO_UDP, 443);
        assert_packet(options, 22, IPPROTO_UDP, -1);
        assert_packet(icmp, sizeof(icmp), IPPROTO_ICMP, -1);
        /* A later fragment begins with data. */
        plain[7] = 1;
        assert_packet(plain, sizeof(plain), IPPROTO_TCP, -1);
}

static void test_ipv6(void)
{
        static const guint8 plain[] = { IPV6(IPPROTO_UDP), PORTS };
        static const guint8 icmp[] = { IPV6(IPPROTO_ICMPV6), 128, 0, 0, 0 };
        guint8 extended[] = { IPV6(IPPROTO_HOPOPTS),
                              IPPROTO_DSTOPTS,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              IPPROTO_FRAGMENT,
                              1,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              IPPROTO_TCP,
                              0,
                              0,
                              1,
                              0,
                              0,
                              0,
                              0,
                              PORTS };

        assert_packet(plain, sizeof(plain), IPPROTO_UDP, 443);
        assert_packet(icmp, sizeof(icmp), IPPROTO_ICMPV6, -1);
        assert_packet(extended, sizeof(extended), IPPROTO_TCP, 443);
        /* What is cut off isn't known, and neither is what would come behind it. */
        assert_packet(extended, sizeof(extended) - 1, IPPROTO_TCP, -1);
        assert_packet(extended, 60, IPPROTO_FRAGMENT, -1);
        assert_packet(extended, 47, IPPROTO_HOPOPTS, -1);
        extended[40 + 8 + 16 + 3] = 8;
        assert_packet(extended, sizeof(extended), IPPROTO_TCP, -1);
}

static void test_nonsense(void)
{
        static const guint8 short4[] = { 0x45, 0, 0 },
                            header4[] = { 0x44, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, ADDRESSES4 };
        static const guint8 other[64] = { 0x50 };
        KsBlockedPacket packet;

        g_assert_false(ks_blocked_parse(NULL, 0, &packet));
        g_assert_false(ks_blocked_parse(short4, sizeof(short4), &packet));
        g_assert_false(ks_blocked_parse(header4, sizeof(header4), &packet));
        g_assert_false(ks_blocked_parse(other, sizeof(other), &packet));
}

/* Bytes of any kind and length, each in memory of just that size, so that a sanitizer sees what is
 * read behind them. */
static void test_random(void)
{
        static const guint8 next[] = { 0, 43, 44, 50, 51, 60, 6, 17, 58, 59 };
        guint whole = 0;

        for (int i = 0; i < 200000; i++) {
                gsize length = (gsize)g_test_rand_int_range(0, 129);
                guint8 *bytes = g_malloc(length);
                KsBlockedPacket packet;

                for (gsize j = 0; j < length; j++)
                        bytes[j] = g_test_rand_int_range(0, 3) ? next[g_test_rand_int_range(0, 10)]
                                                               : (guint8)g_test_rand_int();
                if (length > 0)
                        bytes[0] = g_test_rand_int_range(0, 2) ? 0x60 : 0x45;
                if (ks_blocked_parse(bytes, length, &packet)) {
                        whole++;
                        g_assert_cmpuint(packet.remote.length, ==,
                                         ks_family_bits(packet.remote.family));
                        g_assert_true(packet.has_ports || packet.remote_port == 0);
                }
                g_free(bytes);
        }
        g_assert_cmpuint(whole, >, 100000);
}

static KsBlockedPacket packet_to(const char *address, guint16 port)
{
        KsBlockedPacket packet = { .protocol = IPPROTO_TCP,
                                   .has_ports = TRUE,
                                   .remote_port = port };

        g_assert_true(ks_prefix_parse(address, &packet.remote, NULL));
        return packet;
}

static void add(KsBlocked *blocked, guint32 uid, const char *group, guint16 port, guint64 now)
{
        KsBlockedPacket packet = packet_to("198.51.100.9", port);
        KsBlockedSender sender = { TRUE, uid, group };

        ks_blocked_add(blocked, &packet, &sender, now);
}

static const KsBlockedRow *row_at(KsBlocked *blocked, guint i)
{
        return g_ptr_array_index((GPtrArray *)ks_blocked_rows(blocked), i);
}

static void test_rows(void)
{
        g_autoptr(KsBlocked) blocked = ks_blocked_new();
        KsBlockedPacket packet = packet_to("2001:db8::9", 443);
        KsBlockedSender nobody = { 0 };

        add(blocked, 1000, "a.service", 443, 1);
        add(blocked, 1000, NULL, 443, 2);
        add(blocked, 1001, "a.service", 443, 3);
        add(blocked, 1000, "a.service", 80, 4);
        ks_blocked_add(blocked, &packet, &nobody, 5);
        add(blocked, 1000, "a.service", 443, 6);
        g_assert_cmpuint(ks_blocked_rows(blocked)->len, ==, 5);
        g_assert_cmpuint(row_at(blocked, 0)->count, ==, 2);
        g_assert_cmpuint(row_at(blocked, 0)->first, ==, 1);
        g_assert_cmpuint(row_at(blocked, 0)->last, ==, 6);
        g_assert_cmpstr(row_at(blocked, 0)->group, ==, "a.service");
        g_assert_false(row_at(blocked, 1)->has_uid);
        ks_blocked_clear(blocked);
        g_assert_cmpuint(ks_blocked_rows(blocked)->len, ==, 0);
}

static void test_privacy(void)
{
        KsBlockedRow row = { .has_uid = TRUE, .uid = 1000 }, root = { .has_uid = TRUE },
                     none = { 0 };

        g_assert_true(ks_blocked_may_see(&row, 1000));
        g_assert_false(ks_blocked_may_see(&row, 1001));
        g_assert_true(ks_blocked_may_see(&row, 0));
        g_assert_false(ks_blocked_may_see(&root, 1000));
        g_assert_false(ks_blocked_may_see(&none, 1000));
        g_assert_true(ks_blocked_may_see(&none, 0));
}

/* A user's flood drives out rows of his own. */
static void test_full(void)
{
        g_autoptr(KsBlocked) blocked = ks_blocked_new();
        guint others = 0;

        add(blocked, 1001, NULL, 1, 1);
        add(blocked, 1001, NULL, 2, 2);
        for (guint16 port = 1; port < 1000; port++)
                add(blocked, 1000, NULL, port, 2 + port);
        g_assert_cmpuint(ks_blocked_rows(blocked)->len, ==, KS_BLOCKED_MAX);
        g_assert_cmpuint(row_at(blocked, 0)->port, ==, 999);
        for (guint i = 0; i < KS_BLOCKED_MAX; i++)
                others += row_at(blocked, i)->uid == 1001;
        g_assert_cmpuint(others, ==, 2);
        /* The oldest of his own went. */
        g_assert_cmpuint(row_at(blocked, KS_BLOCKED_MAX - 3)->port, ==, 1000 - KS_BLOCKED_MAX + 2);
}

static guint64 make_group(const char *root, const char *path)
{
        g_autofree char *whole = g_build_filename(root, path, NULL);
        GStatBuf st;

        g_assert_cmpint(g_mkdir_with_parents(whole, 0755), ==, 0);
        g_assert_cmpint(g_stat(whole, &st), ==, 0);
        return st.st_ino;
}

static void test_groups(void)
{
        g_autofree char *root = g_dir_make_tmp("ks-groups-XXXXXX", NULL);
        g_autofree char *group = g_build_filename(root, "user.slice/a.scope", NULL);
        g_autofree char *slice = g_build_filename(root, "user.slice", NULL);
        guint64 id = make_group(root, "user.slice/a.scope");
        g_autoptr(KsGroups) groups = ks_groups_new(root), fresh = NULL;

        g_assert_cmpstr(ks_groups_find(groups, id), ==, "user.slice/a.scope");
        g_assert_cmpstr(ks_groups_find(groups, id), ==, "user.slice/a.scope");
        /* The tree isn't read again at once, and what has gone is not claimed. */
        g_assert_cmpint(g_rmdir(group), ==, 0);
        g_assert_null(ks_groups_find(groups, id));
        fresh = ks_groups_new(root);
        g_assert_null(ks_groups_find(fresh, id));
        g_assert_cmpint(g_rmdir(slice), ==, 0);
        g_assert_cmpint(g_rmdir(root), ==, 0);
}

/* Off unless asked for; before the verdict, and never one itself; and gone where it can't be had.
 */
static void test_rule(void)
{
        g_autoptr(KsSettings) settings = ks_settings_new();
        KsGuard *without = ks_guard_new(settings, KS_LAN_MODE_PRIVATE), *with;
        g_autofree char *same = NULL;
        const char *rule;

        g_assert_null(strstr(without->chains->str, "log"));
        settings->record_blocked = TRUE;
        with = ks_guard_new(settings, KS_LAN_MODE_PRIVATE);
        rule = strstr(with->chains->str, "counter name blocked\n"
                                         "\t\tlimit rate 20/second burst 20 packets log group "
                                         "27507 snaplen 128\n"
                                         "\t\tmeta l4proto 6 reject with tcp reset\n"
                                         "\t\treject with icmpx admin-prohibited\n");
        g_assert_nonnull(rule);
        same = ks_guard_update_text(without, with, KS_GUARD_INET);
        g_assert_null(same);
        ks_guard_drop_log(with);
        same = ks_guard_update_text(without, with, KS_GUARD_INET);
        g_assert_cmpstr(same, ==, "");
        ks_guard_free(without);
        ks_guard_free(with);
}

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        g_test_add_func("/blocked/ipv4", test_ipv4);
        g_test_add_func("/blocked/ipv6", test_ipv6);
        g_test_add_func("/blocked/nonsense", test_nonsense);
        g_test_add_func("/blocked/random", test_random);
        g_test_add_func("/blocked/rows", test_rows);
        g_test_add_func("/blocked/privacy", test_privacy);
        g_test_add_func("/blocked/full", test_full);
        g_test_add_func("/blocked/groups", test_groups);
        g_test_add_func("/blocked/rule", test_rule);

        return g_test_run();
}
