/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges the connection that the caller sits on by the way that its replies take. */

#include "client/ksctl/lockout.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <string.h>

#include "client/common/i18n.h"
#include "client/ksctl/login.h"
#include "client/ksctl/look.h"
#include "common/names.h"

/* What becomes of a connection, the worst last. */
typedef enum Fate {
        FATE_STAYS,
        FATE_UNKNOWN,
        FATE_CUT,
} Fate;

/* The ranges of Lan=private. The service takes no others for the LAN, unless they are named. */
static bool is_private(const LoginEnd *end)
{
        static const struct {
                int family;
                unsigned length;
                uint8_t address[4];
        } ranges[] = {
                { AF_INET, 8, { 10 } },        { AF_INET, 12, { 172, 16 } },
                { AF_INET, 16, { 192, 168 } }, { AF_INET, 16, { 169, 254 } },
                { AF_INET6, 7, { 0xfc } },     { AF_INET6, 10, { 0xfe, 0x80 } },
        };
        uint32_t address, range;

        memcpy(&address, end->address, sizeof(address));
        for (size_t i = 0; i < G_N_ELEMENTS(ranges); i++) {
                memcpy(&range, ranges[i].address, sizeof(range));
                if (ranges[i].family == end->family &&
                    (ntohl(address) ^ ntohl(range)) >> (32 - ranges[i].length) == 0)
                        return true;
        }
        return false;
}

static bool is_loopback(const LoginEnd *end)
{
        struct in6_addr in6;

        memcpy(&in6, end->address, sizeof(in6));
        return end->family == AF_INET ? end->address[0] == 127 : IN6_IS_ADDR_LOOPBACK(&in6);
}

static bool is_link_local(const LoginEnd *end)
{
        return end->family == AF_INET6 && end->address[0] == 0xfe &&
               (end->address[1] & 0xc0) == 0x80;
}

/* The link that has this address of ours. */
static bool find_link(const LoginEnd *own, char link[IFNAMSIZ])
{
        size_t size = own->family == AF_INET ? 4 : 16;
        struct ifaddrs *list;
        bool found = false;

        if (own->family == AF_UNSPEC || getifaddrs(&list) < 0)
                return false;
        for (struct ifaddrs *one = list; one && !found; one = one->ifa_next) {
                const void *bytes;

                if (!one->ifa_addr || one->ifa_addr->sa_family != own->family)
                        continue;
                bytes = own->family == AF_INET
                                ? (const void *)&((struct sockaddr_in *)one->ifa_addr)->sin_addr
                                : &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr;
                found = memcmp(bytes, own->address, size) == 0;
                if (found)
                        g_strlcpy(link, one->ifa_name, IFNAMSIZ);
        }
        freeifaddrs(list);
        return found;
}

/* Somebody here who passes it on: a tunnel of some program, which has a connection of its own. */
static bool is_here(const LoginEnd *peer)
{
        char link[IFNAMSIZ];

        return is_loopback(peer) || find_link(peer, link);
}

static const KsVpn *find_vpn(const KsState *state, const char *link)
{
        for (size_t i = 0; i < state->n_vpns; i++)
                if (state->vpns[i].up && g_str_equal(state->vpns[i].interface, link))
                        return &state->vpns[i];
        return NULL;
}

/* Whether replies leave by the VPN whose address they come from. */
static bool stays_in_vpn(const KsState *state, const char *home, const char *way)
{
        const KsVpn *vpn = find_vpn(state, home);

        return vpn && (vpn->is_default || g_str_equal(home, way));
}

static bool stays_in_lan(const KsState *state, const char *lan, const LoginEnd *peer,
                         const char *way, bool is_default)
{
        if (g_str_equal(lan, KS_LAN_NONE) || find_vpn(state, way))
                return false;
        /* What lies behind the default route isn't the LAN, whatever its address. */
        return !is_default && (is_private(peer) || g_str_equal(lan, KS_LAN_ALL));
}

static Fate judge(const KsState *state, const char *lan, const LoginConnection *connection)
{
        const LoginEnd *peer = &connection->peer, *own = &connection->own;
        char home[IFNAMSIZ] = "", way[IFNAMSIZ] = "";
        bool is_default = true, has_home = find_link(own, home);

        if (is_here(peer))
                return FATE_UNKNOWN;
        if (is_link_local(peer) && !has_home)
                return g_str_equal(lan, KS_LAN_NONE) ? FATE_CUT : FATE_STAYS;
        if (is_link_local(peer)) {
                g_strlcpy(way, home, sizeof(way));
                is_default = false;
        } else if (look_way(peer->family, peer->address, has_home ? own->address : NULL, way,
                            &is_default) < 0) {
                return FATE_UNKNOWN;
        }
        if (stays_in_vpn(state, has_home ? home : way, way))
                return FATE_STAYS;
        if (!stays_in_lan(state, lan, peer, way, is_default))
                return FATE_CUT;
        /* The guard lets it into such a link. What the link itself sends is another matter. */
        return look_is_tunnel(way) ? FATE_UNKNOWN : FATE_STAYS;
}

static char *describe(const LoginConnection *connection, const char *lan, Fate fate)
{
        g_autofree char *peer = login_end_format(&connection->peer);

        if (fate == FATE_UNKNOWN && is_here(&connection->peer))
                return g_strdup_printf(
                        _("You are connected from %s, which is a program on this machine that "
                          "passes on a connection from elsewhere. Engaging the kill switch may cut "
                          "that one."),
                        peer);
        if (fate == FATE_UNKNOWN)
                return g_strdup_printf(_("You are connected from %s. Engaging the kill switch may "
                                         "cut that connection."),
                                       peer);
        if (g_str_equal(lan, KS_LAN_NONE) && is_private(&connection->peer))
                return g_strdup_printf(
                        _("You are connected from %s. The LAN setting 'none' cuts that "
                          "connection while the kill switch is engaged."),
                        peer);
        return g_strdup_printf(
                _("You are connected from %s. Engaging the kill switch cuts that connection: it "
                  "comes neither through a VPN nor from a LAN address that may be reached "
                  "directly."),
                peer);
}

static char *describe_remote(void)
{
        return g_strdup(
                _("You are connected from another machine. Engaging the kill switch may cut "
                  "that connection, unless it comes through the VPN or from the LAN."));
}

bool lockout_is_remote(const Ksctl *ctl, Login *login)
{
        *login = (Login){ .is_remote = ctl->transport == KS_TRANSPORT_REMOTE };
        if (ctl->transport == KS_TRANSPORT_LOCAL)
                login_find(login);
        return login->is_remote;
}

char *lockout_foresee(const Ksctl *ctl, const Login *login, const KsState *state, const char *lan)
{
        const LoginConnection *worst = NULL;
        Fate fate = FATE_STAYS;

        /* What ssh makes at the other end can't be seen from here. */
        if (ctl->transport == KS_TRANSPORT_REMOTE || login->connections->len == 0)
                return describe_remote();

        for (guint i = 0; i < login->connections->len; i++) {
                const LoginConnection *one = &g_array_index(login->connections, LoginConnection, i);
                Fate its = judge(state, lan, one);

                if (its > fate) {
                        fate = its;
                        worst = one;
                }
        }
        return worst ? describe(worst, lan, fate) : NULL;
}
