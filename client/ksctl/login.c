/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts together what tells on which connection the caller sits. */

#include "client/ksctl/login.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utmp.h>

#include <systemd/sd-login.h>

#include "client/ksctl/login-sockets.h"

bool login_end_read(const char *text, LoginEnd *ret)
{
        /* "fe80::1%eth0", "203.0.113.7 via mosh [123]" */
        g_autofree char *address = g_strndup(text, strcspn(text, "% "));
        LoginEnd end = { 0 };
        struct in6_addr in6;

        if (inet_pton(AF_INET, address, end.address) == 1) {
                end.family = AF_INET;
        } else if (inet_pton(AF_INET6, address, &in6) == 1) {
                bool is_four = IN6_IS_ADDR_V4MAPPED(&in6);

                end.family = is_four ? AF_INET : AF_INET6;
                memcpy(end.address, &in6.s6_addr[is_four ? 12 : 0], is_four ? 4 : 16);
        } else {
                return false;
        }
        *ret = end;
        return true;
}

char *login_end_format(const LoginEnd *end)
{
        char text[INET6_ADDRSTRLEN] = "";

        (void)inet_ntop(end->family, end->address, text, sizeof(text));
        return g_strdup(text);
}

/* A port of 0 on the right stands for any. */
static bool is_same_end(const LoginEnd *a, const LoginEnd *b)
{
        return a->family == b->family && memcmp(a->address, b->address, sizeof(a->address)) == 0 &&
               (b->port == 0 || a->port == b->port);
}

static void add(Login *login, const LoginConnection *connection)
{
        login->is_remote = true;
        g_array_append_vals(login->connections, connection, 1);
}

/* Everything that came in from there. Returns: whether there is something. */
static bool add_from(Login *login, GArray *all, const LoginEnd *peer)
{
        guint before = login->connections->len;

        for (guint i = 0; i < all->len; i++) {
                const LoginConnection *connection = &g_array_index(all, LoginConnection, i);

                if (connection->is_incoming && is_same_end(&connection->peer, peer))
                        add(login, connection);
        }
        return login->connections->len > before;
}

/* "PEER PORT OWN PORT". One that isn't open any more is left over from an earlier login. */
static void add_by_variable(Login *login, GArray *all)
{
        g_auto(GStrv) words = g_strsplit(getenv("SSH_CONNECTION") ?: "", " ", -1);
        LoginEnd peer, own;

        if (g_strv_length(words) != 4 || !login_end_read(words[0], &peer) ||
            !login_end_read(words[2], &own))
                return;
        peer.port = (in_port_t)strtoul(words[1], NULL, 10);
        own.port = (in_port_t)strtoul(words[3], NULL, 10);

        for (guint i = 0; peer.port && own.port && i < all->len; i++) {
                const LoginConnection *connection = &g_array_index(all, LoginConnection, i);

                if (is_same_end(&connection->peer, &peer) && is_same_end(&connection->own, &own))
                        add(login, connection);
        }
}

static void add_by_parents(Login *login, GArray *all, GHashTable *inodes)
{
        for (guint i = 0; i < all->len; i++) {
                const LoginConnection *connection = &g_array_index(all, LoginConnection, i);
                guint64 inode = connection->inode;

                if (connection->is_incoming && g_hash_table_contains(inodes, &inode))
                        add(login, connection);
        }
}

/* A login without a connection of TCP (mosh) is only known by where it is from. */
static void add_peer(Login *login, GArray *all, const char *text)
{
        LoginConnection connection = { 0 };

        if (login_end_read(text, &connection.peer) && !add_from(login, all, &connection.peer))
                add(login, &connection);
}

static void add_by_terminal(Login *login, GArray *all)
{
        const char *terminal = ttyname(STDIN_FILENO) ?: ttyname(STDERR_FILENO);
        struct utmp wanted = { .ut_type = USER_PROCESS }, *entry;

        if (!terminal || !g_str_has_prefix(terminal, "/dev/"))
                return;
        /* As the file has it, which needn't end with a null byte. */
        (void)g_strlcpy(wanted.ut_line, terminal + strlen("/dev/"), sizeof(wanted.ut_line));
        setutent();
        entry = getutline(&wanted);
        if (entry && entry->ut_type == USER_PROCESS && *entry->ut_host) {
                g_autofree char *host = g_strndup(entry->ut_host, sizeof(entry->ut_host));

                add_peer(login, all, host);
        }
        endutent();
}

/* One that is closing has lost its connection, and left a multiplexer behind. */
static bool is_open(const char *session)
{
        char *state = NULL;
        bool is_open = sd_session_get_state(session, &state) < 0 || strcmp(state, "closing") != 0;

        free(state);
        return is_open;
}

static void add_by_session(Login *login, GArray *all)
{
        char *session = NULL, *host = NULL;

        if (sd_pid_get_session(0, &session) < 0)
                return;
        if (sd_session_is_remote(session) > 0 && is_open(session)) {
                login->is_remote = true;
                if (sd_session_get_remote_host(session, &host) >= 0)
                        add_peer(login, all, host);
        }
        free(session);
        free(host);
}

/* Who logs in is let in by root's program; root's other services are taken for logins, too. */
static void add_all_logins(Login *login, GArray *all)
{
        for (guint i = 0; i < all->len; i++) {
                const LoginConnection *connection = &g_array_index(all, LoginConnection, i);

                if (connection->is_incoming && connection->uid == 0)
                        add(login, connection);
        }
}

void login_find(Login *login)
{
        g_autoptr(GHashTable)
                inodes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
        LoginWay way = login_parents(inodes);
        g_autoptr(GArray) all = NULL;

        *login = (Login){
                .is_remote = way == LOGIN_WAY_REMOTE,
                .connections = g_array_new(FALSE, FALSE, sizeof(LoginConnection)),
        };
        /* Without the kernel's word it is as the variable says. */
        if (login_connections(&all) < 0) {
                login->is_remote = login->is_remote || getenv("SSH_CONNECTION");
                return;
        }

        add_by_parents(login, all, inodes);
        add_by_variable(login, all);
        if (login->connections->len == 0)
                add_by_terminal(login, all);
        if (login->connections->len == 0)
                add_by_session(login, all);
        /* What is known of who began a multiplexer tells nothing of who sits at it now. */
        if (way == LOGIN_WAY_MULTIPLEXER ||
            (way == LOGIN_WAY_REMOTE && login->connections->len == 0))
                add_all_logins(login, all);
}

void login_clear(Login *login)
{
        g_clear_pointer(&login->connections, g_array_unref);
}
