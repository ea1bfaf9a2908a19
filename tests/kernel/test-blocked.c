/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets that a real guard refuses, as the kernel logs them: whose they are and where to; the rule
 * that logs, kept and taken away; floods. */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/names.h"
#include "kernel/blocked-log.h"
#include "kernel/sockets.h"
#include "policy/blocked.h"
#include "tests/kernel/steered.h"

#define USER 4321
#define PORT 4433
#define REMOTE4 "203.0.113.9"
#define REMOTE6 "2001:db8:9::9"

/* What was told. */
typedef struct Told {
        guint count;
        KsBlockedPacket packet; /* the last one */
        gboolean has_uid;
        guint32 uid;
        int link;
} Told;

static void set_up(Steered *steered, gconstpointer data)
{
        steered_set_up(steered, data);
        steered->settings->record_blocked = TRUE;
        steered->settings->host_auto = FALSE;
}

static KsBlockedLog *open_log(void)
{
        g_autoptr(GError) error = NULL;
        KsBlockedLog *log = ks_blocked_log_new(&error);

        g_assert_no_error(error);
        return log;
}

static void take(const KsLoggedPacket *logged, gpointer userdata)
{
        Told *told = userdata;

        if (!ks_blocked_parse(logged->bytes, logged->length, &told->packet))
                return;
        told->count++;
        told->has_uid = logged->has_uid;
        told->uid = logged->uid;
        told->link = logged->link;
}

/* A user's socket that gets past the steering, to the guard: in IPv4 bound to the uplink; in IPv6,
 * where the steering stops that, with the uplink's address inside the VPN. */
static int knock(const char *remote, int type, guint16 port)
{
        struct sockaddr_storage address;
        socklen_t length = address_of(remote, port, &address);
        int fd;

        g_assert_no_errno(seteuid(USER));
        fd = socket(address.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        g_assert_no_errno(seteuid(0));
        g_assert_no_errno(fd);
        if (address.ss_family == AF_INET) {
                g_assert_no_errno(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5));
        } else {
                struct sockaddr_storage source;
                socklen_t size = address_of("fd01::2", 0, &source);

                g_assert_no_errno(bind(fd, (struct sockaddr *)&source, size));
        }
        if (type == SOCK_STREAM)
                (void)connect(fd, (struct sockaddr *)&address, length);
        else
                (void)sendto(fd, "knock", 5, 0, (struct sockaddr *)&address, length);
        return fd;
}

/* Waits for the packet to that port; others may come before it. */
static void wait_for(KsBlockedLog *log, Told *told, guint16 port)
{
        struct pollfd fd = { .fd = ks_blocked_log_fd(log), .events = POLLIN };

        do {
                g_assert_cmpint(poll(&fd, 1, 60000), ==, 1);
                ks_blocked_log_drain(log, take, told);
        } while (told->packet.remote_port != port);
}

static guint64 own_group(void)
{
        g_autofree char *text = NULL, *path = NULL;
        struct stat st;

        g_assert_true(g_file_get_contents("/proc/self/cgroup", &text, NULL, NULL));
        g_assert_nonnull(strstr(text, "0::"));
        g_strchomp(text);
        path = g_strconcat("/sys/fs/cgroup", strstr(text, "0::") + 3, NULL);
        g_assert_cmpint(stat(path, &st), ==, 0);
        return st.st_ino;
}

static void test_told(Steered *steered, gconstpointer data)
{
        static const struct {
                const char *remote;
                int type;
                guint8 protocol;
        } ways[] = { { REMOTE4, SOCK_DGRAM, IPPROTO_UDP },
                     { REMOTE6, SOCK_DGRAM, IPPROTO_UDP },
                     { REMOTE4, SOCK_STREAM, IPPROTO_TCP },
                     { REMOTE6, SOCK_STREAM, IPPROTO_TCP } };
        g_autoptr(KsBlockedLog) log = open_log();
        g_autoptr(KsSockets) sockets = ks_sockets_new(NULL);

        (void)data;
        raise_now(steered);
        for (guint i = 0; i < G_N_ELEMENTS(ways); i++) {
                guint16 port = (guint16)(PORT + i);
                _cleanup_close_ int fd = knock(ways[i].remote, ways[i].type, port);
                g_autofree char *remote = NULL;
                Told told = { 0 };
                guint64 group;

                wait_for(log, &told, port);
                remote = ks_prefix_to_string(&told.packet.remote);
                g_assert_cmpstr(remote, ==, ways[i].remote);
                g_assert_cmpuint(told.packet.protocol, ==, ways[i].protocol);
                g_assert_true(told.has_uid);
                g_assert_cmpuint(told.uid, ==, USER);
                g_assert_cmpint(told.link, ==,
                                index_of(told.packet.remote.family == AF_INET ? "eth0" : "tun0"));
                group = ks_sockets_group(sockets, told.packet.protocol, &told.packet.source,
                                         told.packet.source_port, &told.packet.remote,
                                         told.packet.remote_port, told.link, told.uid);
                /* A connection may have ended already; then nothing is claimed. */
                if (ways[i].type == SOCK_DGRAM)
                        g_assert_cmpuint(group, ==, own_group());
                else
                        g_assert_true(group == 0 || group == own_group());
                g_assert_cmpuint(ks_sockets_group(sockets, told.packet.protocol,
                                                  &told.packet.source, told.packet.source_port,
                                                  &told.packet.remote, told.packet.remote_port,
                                                  told.link, told.uid + 1),
                                 ==, 0);
        }
        lower(steered);
}

/* A UDP socket that has closed is nobody's. */
static void test_gone(Steered *steered, gconstpointer data)
{
        g_autoptr(KsBlockedLog) log = open_log();
        g_autoptr(KsSockets) sockets = ks_sockets_new(NULL);
        int fd;
        Told told = { 0 };

        (void)data;
        raise_now(steered);
        fd = knock(REMOTE4, SOCK_DGRAM, PORT);
        ks_close(fd);
        wait_for(log, &told, PORT);
        g_assert_cmpuint(ks_sockets_group(sockets, IPPROTO_UDP, &told.packet.source,
                                          told.packet.source_port, &told.packet.remote, PORT,
                                          told.link, USER),
                         ==, 0);
        lower(steered);
}

static gboolean has_rule(void)
{
        return succeeds("nft list chain inet killswitch refuse | grep -q 'log group 27507'");
}

/* Switched on and off, and by the next process; what somebody takes away is put back and told. */
static void test_rule(Steered *steered, gconstpointer data)
{
        g_auto(KsRepair) repair = { 0 };

        (void)data;
        for (int i = 0; i < 4; i++) {
                steered->settings->record_blocked = i % 2;
                raise_quietly(steered);
                assert_in_place(steered);
                g_assert_cmpint(has_rule(), ==, i % 2);
        }
        new_enforcer(steered);
        raise_quietly(steered);
        assert_in_place(steered);
        run("nft flush chain inet killswitch refuse");
        raise_with(steered, FALSE, &repair);
        g_assert_nonnull(repair.guard);
        g_assert_true(has_rule());
        g_assert_cmpstr(ks_enforcer_log_problem(steered->enforcer), ==, NULL);
        lower(steered);
}

/* Without the setting nothing is told, although somebody listens. */
static void test_off(Steered *steered, gconstpointer data)
{
        g_autoptr(KsBlockedLog) log = open_log();
        _cleanup_close_ int first = -1, second = -1;
        Told told = { 0 };

        (void)data;
        steered->settings->record_blocked = FALSE;
        raise_now(steered);
        first = knock(REMOTE4, SOCK_DGRAM, PORT);
        g_assert_cmpuint(ks_enforcer_blocked(steered->enforcer), >, 0);
        steered->settings->record_blocked = TRUE;
        raise_now(steered);
        second = knock(REMOTE4, SOCK_DGRAM, PORT + 1);
        wait_for(log, &told, PORT + 1);
        g_assert_cmpuint(ks_enforcer_blocked(steered->enforcer), >=, 2);
        /* The kernel's own packets may be among them, but none of before. */
        g_assert_cmpuint(told.packet.remote_port, ==, PORT + 1);
        lower(steered);
}

/* The kernel limits what is told; every packet is refused and counted all the same. */
static void test_flood(Steered *steered, gconstpointer data)
{
        g_autoptr(KsBlockedLog) log = open_log();
        gint64 begun = g_get_monotonic_time(), seconds;
        _cleanup_close_ int fd = -1;
        struct sockaddr_storage address;
        socklen_t length = address_of(REMOTE4, PORT, &address);
        Told told = { 0 };

        (void)data;
        raise_now(steered);
        fd = knock(REMOTE4, SOCK_DGRAM, PORT);
        wait_for(log, &told, PORT);
        for (int i = 0; i < 5000; i++) {
                (void)sendto(fd, "flood", 5, 0, (struct sockaddr *)&address, length);
                ks_blocked_log_drain(log, take, &told);
        }
        ks_blocked_log_drain(log, take, &told);
        seconds = (g_get_monotonic_time() - begun) / G_USEC_PER_SEC + 1;
        g_assert_cmpuint(ks_enforcer_blocked(steered->enforcer), >=, 5000);
        g_assert_cmpuint(told.count, >=, 2);
        g_assert_cmpuint(told.count, <=, KS_BLOCKED_RATE * (guint)seconds + 2 * KS_BLOCKED_RATE);
        lower(steered);
}

/* More than the socket holds: what is lost is lost, and the next packet is told. */
static void test_overrun(Steered *steered, gconstpointer data)
{
        g_autoptr(KsBlockedLog) log = open_log();
        _cleanup_close_ int fd = -1;
        struct sockaddr_storage address;
        socklen_t length = address_of(REMOTE4, PORT, &address);
        Told told = { 0 }, last = { 0 };

        (void)data;
        run("nft 'table inet flood { chain output { type filter hook output priority -10; "
            "log group 27507; }; }'");
        fd = knock(REMOTE4, SOCK_DGRAM, PORT);
        for (int i = 0; i < 5000; i++)
                (void)sendto(fd, "flood", 5, 0, (struct sockaddr *)&address, length);
        run("nft delete table inet flood");
        /* Each time up to a limit. */
        for (guint before = 1; before != told.count;) {
                before = told.count;
                ks_blocked_log_drain(log, take, &told);
        }
        g_assert_cmpuint(told.count, >, 0);
        g_assert_cmpuint(told.count, <, 5000);
        raise_now(steered);
        ks_close(fd);
        fd = knock(REMOTE4, SOCK_DGRAM, PORT + 1);
        wait_for(log, &last, PORT + 1);
        lower(steered);
}

/* The group has one listener; a second one is told so. */
static void test_taken(Steered *steered, gconstpointer data)
{
        g_autoptr(KsBlockedLog) first = open_log(), second = NULL;
        g_autoptr(GError) error = NULL;

        (void)steered;
        (void)data;
        second = ks_blocked_log_new(&error);
        g_assert_null(second);
        g_assert_nonnull(error);
        g_assert_true(g_str_has_prefix(error->message, "RecordBlocked=yes has no effect"));
        g_clear_pointer(&first, ks_blocked_log_free);
        second = open_log();
}

#define ADD(name, function)                                                                        \
        g_test_add("/blocked/" name, Steered, NULL, set_up, function, steered_tear_down)

int main(int argc, char **argv)
{
        g_test_init(&argc, &argv, NULL);

        ADD("told", test_told);
        ADD("gone", test_gone);
        ADD("rule", test_rule);
        ADD("off", test_off);
        ADD("flood", test_flood);
        ADD("overrun", test_overrun);
        ADD("taken", test_taken);

        return g_test_run();
}
