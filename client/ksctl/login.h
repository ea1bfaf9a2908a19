/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The connection that a person at another machine types on. */

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <glib.h>

/* One end of a connection. An IPv4 address that an IPv6 socket uses is an IPv4 address here. */
typedef struct LoginEnd {
        int family; /* AF_UNSPEC: not known */
        uint8_t address[16];
        in_port_t port; /* host byte order; 0: not known */
} LoginEnd;

typedef struct LoginConnection {
        LoginEnd peer;
        LoginEnd own;
        uint64_t inode;   /* 0: not known */
        uid_t uid;        /* whose program took it */
        bool is_incoming; /* somebody listens at the own port */
} LoginConnection;

typedef struct Login {
        bool is_remote;      /* whoever types this sits, or may sit, at another machine */
        GArray *connections; /* of LoginConnection: those that it may be; none when unknown */
} Login;

/**
 * login_find() - find out whether and how the caller is connected from another machine
 * @login: set; to be given to login_clear()
 *
 * The environment alone would not do: sudo takes the variable away, and in a multiplexer it is an
 * old one. Hence the kernel's list of connections is held against the parents of this process, the
 * variable, the terminal's entry in utmp and the session. What an ordinary user may not see is
 * made up for by taking every login that has come in.
 */
void login_find(Login *login);
void login_clear(Login *login);

/**
 * login_end_read() - read an address
 * @text: as ssh, utmp and logind write it
 * @ret: set, without a port
 *
 * Returns: whether it is one.
 */
bool login_end_read(const char *text, LoginEnd *ret);

/**
 * login_end_format() - write an address
 * @end: its family isn't AF_UNSPEC
 *
 * Returns: (transfer full): the address without its port.
 */
char *login_end_format(const LoginEnd *end);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Login, login_clear)
