/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Judges what was seen of a VPN: how are its own packets best recognised? */

#include "client/ksctl/propose.h"

#include <errno.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "common/names.h"

/* More are kept off the screen; a section takes 64. */
#define ENDPOINTS_MAX 16

void proposal_free(Proposal *proposal)
{
        if (!proposal)
                return;
        g_free(proposal->name);
        g_free(proposal->gap);
        g_ptr_array_unref(proposal->findings);
        g_ptr_array_unref(proposal->options);
        g_free(proposal);
}

bool propose_is_candidate(const LookLink *link)
{
        return *link->kind && link->type != ARPHRD_ETHER && link->type != ARPHRD_LOOPBACK;
}

static void add(GPtrArray *list, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void add(GPtrArray *list, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        g_ptr_array_add(list, g_strdup_vprintf(format, arguments));
        va_end(arguments);
}

static char *user_name(uid_t uid)
{
        const struct passwd *entry = getpwuid(uid);

        return entry ? g_strdup(entry->pw_name) : g_strdup_printf("%u", (unsigned)uid);
}

static void add_endpoints(Proposal *proposal, GPtrArray *endpoints, uint32_t mark)
{
        char link[IFNAMSIZ];

        if (endpoints->len == 0 || endpoints->len > ENDPOINTS_MAX)
                return;
        for (guint i = 0; i < endpoints->len; i++) {
                const char *endpoint = g_ptr_array_index(endpoints, i);

                add(proposal->options, "Endpoint=%s", endpoint);
                if (look_route(endpoint, mark, link) >= 0)
                        add(proposal->findings, _("Its server is %s, reached by %s."), endpoint,
                            link);
                else
                        add(proposal->findings, _("Its server is %s."), endpoint);
        }
        add(proposal->findings,
            _("If that address changes, give the server's name: Endpoint=NAME:PORT."));
}

static void add_user(Proposal *proposal, uid_t uid)
{
        g_autofree char *user = user_name(uid);

        add(proposal->options, "User=%s", user);
        add(proposal->findings,
            _("Its packets have no mark that could be seen, so their user counts: "
              "%s. A mark would be safer."),
            user);
}

static void add_mark(Proposal *proposal, uint32_t mark)
{
        add(proposal->options, "Mark=%#x", mark);
        add(proposal->findings, _("Its packets have the mark %#x, which takes rights to set."),
            mark);
}

/* WireGuard */

static bool covers_family(GPtrArray *allowed, const char *whole, const char *low, const char *high)
{
        return g_ptr_array_find_with_equal_func(allowed, whole, g_str_equal, NULL) ||
               (g_ptr_array_find_with_equal_func(allowed, low, g_str_equal, NULL) &&
                g_ptr_array_find_with_equal_func(allowed, high, g_str_equal, NULL));
}

static void add_networks(Proposal *proposal, GPtrArray *allowed)
{
        g_autoptr(GString) list = g_string_new(NULL);

        if (covers_family(allowed, "0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1") ||
            covers_family(allowed, "::/0", "::/1", "8000::/1"))
                return;
        for (guint i = 0; i < allowed->len; i++)
                g_string_append_printf(list, "%s%s", i ? " " : "",
                                       (const char *)g_ptr_array_index(allowed, i));
        add(proposal->options, "Default=no");
        if (allowed->len)
                add(proposal->options, "Prefixes=%s", list->str);
        add(proposal->findings, _("It is for its own networks only."));
}

static uid_t uid_of_port(GPtrArray *sockets, uint16_t port)
{
        for (guint i = 0; i < sockets->len; i++) {
                const LookSocket *socket = g_ptr_array_index(sockets, i);

                if (socket->protocol == IPPROTO_UDP && socket->port == port)
                        return socket->uid;
        }
        return 0;
}

static void propose_wireguard(Proposal *proposal, const LookWireguard *wireguard,
                              GPtrArray *sockets)
{
        add(proposal->findings, _("It is a WireGuard, and its program was asked."));
        if (wireguard->mark) {
                add_mark(proposal, wireguard->mark);
        } else {
                add_user(proposal, uid_of_port(sockets, wireguard->port));
                add(proposal->options, "SourcePort=%u", wireguard->port);
        }
        add(proposal->options, "Protocol=udp");
        add_endpoints(proposal, wireguard->endpoints, wireguard->mark);
        add_networks(proposal, wireguard->allowed);
        if (!wireguard->mark && !wireguard->port)
                proposal->gap = g_strdup(
                        _("It has neither a mark nor a port yet. Set a mark with 'wg "
                          "set', and look again."));
}

/* Other programs */

/* The sockets that tell most: those with a mark, else those that have a server, else all of UDP. */
static GPtrArray *choose_sockets(GPtrArray *sockets)
{
        for (int pass = 0; pass < 3; pass++) {
                g_autoptr(GPtrArray) chosen = g_ptr_array_new();

                for (guint i = 0; i < sockets->len; i++) {
                        LookSocket *socket = g_ptr_array_index(sockets, i);

                        if (pass == 0   ? socket->mark != 0
                            : pass == 1 ? socket->remote != NULL
                                        : socket->protocol == IPPROTO_UDP && socket->port)
                                g_ptr_array_add(chosen, socket);
                }
                if (chosen->len > 0)
                        return g_steal_pointer(&chosen);
        }
        return g_ptr_array_new();
}

/* What all of the sockets have in common. */
typedef struct Common {
        bool protocol, port, mark, uid;
        bool remote; /* each has one */
        GPtrArray *remotes;
} Common;

static Common compare(GPtrArray *sockets)
{
        const LookSocket *first = g_ptr_array_index(sockets, 0);
        Common common = { true, true, true, true, true, g_ptr_array_new() };

        for (guint i = 0; i < sockets->len; i++) {
                const LookSocket *socket = g_ptr_array_index(sockets, i);

                common.protocol &= socket->protocol == first->protocol;
                common.port &= socket->port == first->port;
                common.mark &= socket->mark == first->mark;
                common.uid &= socket->uid == first->uid;
                common.remote &= socket->remote != NULL;
                if (socket->remote && !g_ptr_array_find_with_equal_func(
                                              common.remotes, socket->remote, g_str_equal, NULL))
                        g_ptr_array_add(common.remotes, socket->remote);
        }
        return common;
}

/* A user is enough only when it is the VPN's own, as a system's user may be. Root and people send
 * other things too, which mustn't pass. */
static bool is_user_enough(uid_t uid)
{
        return uid != 0 && uid <= KS_SYSTEM_UID_MAX;
}

static void propose_sockets(Proposal *proposal, GPtrArray *sockets, const Common *common)
{
        const LookSocket *first = g_ptr_array_index(sockets, 0);
        bool has_endpoints = common->remote && common->remotes->len <= ENDPOINTS_MAX;
        bool has_port = !common->remote && common->port;

        if (!common->mark || !common->uid) {
                proposal->gap = g_strdup(_("Its sockets have several marks or users. Name the keys "
                                           "yourself."));
                return;
        }
        if (!first->mark && !has_endpoints && !has_port && !is_user_enough(first->uid)) {
                g_autofree char *user = user_name(first->uid);

                proposal->gap = g_strdup_printf(
                        _("Everything that %s sends would pass, of whatever program. Give the VPN "
                          "a "
                          "mark, a fixed port or a user of its own, or name its Endpoint=."),
                        user);
                return;
        }
        if (first->mark)
                add_mark(proposal, first->mark);
        else
                add_user(proposal, first->uid);
        if (common->protocol)
                add(proposal->options, "Protocol=%s",
                    first->protocol == IPPROTO_UDP ? "udp" : "tcp");
        if (has_endpoints)
                add_endpoints(proposal, common->remotes, first->mark);
        else if (!first->mark && has_port) {
                add(proposal->options, "SourcePort=%u", first->port);
                add(proposal->findings,
                    _("It sends from port %u. If that is another one each time, "
                      "give it a fixed port, or a mark."),
                    first->port);
        }
}

static void propose_programs(Proposal *proposal, GPtrArray *programs, GPtrArray *all)
{
        g_autoptr(GPtrArray) sockets = choose_sockets(all);
        bool is_here = false;

        for (guint i = 0; i < programs->len; i++)
                is_here |= ((const LookProgram *)g_ptr_array_index(programs, i))->is_here;
        if (!is_here) {
                proposal->gap = g_strdup(_("That program is in another network namespace, so its "
                                           "sockets don't count. Name the keys yourself."));
        } else if (sockets->len == 0) {
                proposal->gap = g_strdup(
                        _("That program has no connection to a server now. Look "
                          "again while the VPN is up, or name the keys yourself."));
        } else {
                Common common = compare(sockets);

                propose_sockets(proposal, sockets, &common);
                g_ptr_array_unref(common.remotes);
        }
}

/* The link */

static void no_program(Proposal *proposal, const char *link, int r)
{
        if (geteuid() != 0)
                proposal->gap = g_strdup_printf(_("Who has %s open only the administrator can see: "
                                                  "sudo ksctl vpn add --interface=%s"),
                                                link, link);
        else if (r < 0)
                proposal->gap = g_strdup_printf(_("The sockets of its program can't be read: %s."),
                                                g_strerror(-r));
        else
                proposal->gap = g_strdup_printf(
                        _("No program has %s open. Start the VPN, or name the "
                          "keys yourself."),
                        link);
}

/* Tells of who has the device open, and collects their sockets. Returns: whether it is plain whose
 * program the VPN is; else there is a gap. */
static bool tell_programs(Proposal *proposal, const char *link, GPtrArray *programs,
                          GPtrArray *sockets)
{
        const LookProgram *first = programs->len ? g_ptr_array_index(programs, 0) : NULL;
        bool one_user = true;
        int doubt = 0;

        for (guint i = 0; i < programs->len; i++) {
                const LookProgram *program = g_ptr_array_index(programs, i);

                add(proposal->findings,
                    program->doubt ? _("%s (process %d) has a device of that name open.")
                                   : _("%s (process %d) has it open."),
                    program->name, (int)program->pid);
                one_user &= program->uid == first->uid;
                doubt = program->doubt ? program->doubt : doubt;
                for (guint j = 0; j < program->sockets->len; j++)
                        g_ptr_array_add(sockets, g_ptr_array_index(program->sockets, j));
        }
        if (doubt && geteuid() != 0)
                no_program(proposal, link, doubt);
        else if (doubt)
                proposal->gap = g_strdup_printf(
                        _("Whether that is this %s or another network namespace's can't be told: "
                          "%s. Name the keys yourself."),
                        link, g_strerror(-doubt));
        else if (!one_user)
                proposal->gap = g_strdup(
                        _("Programs of several users have it open. Which of them is "
                          "the VPN is for you to tell: name the keys yourself."));
        return !proposal->gap;
}

static void propose_tun(Proposal *proposal, const char *link)
{
        g_autoptr(LookWireguard) wireguard = NULL;
        g_autoptr(GPtrArray) programs = NULL, sockets = g_ptr_array_new();
        int found = look_programs(link, &programs), r = look_wireguard(link, &wireguard);
        bool is_plain = !programs || tell_programs(proposal, link, programs, sockets);

        if (wireguard && (is_plain || wireguard->mark)) {
                /* The mark is its own word, and doesn't need to be known by a program. */
                g_clear_pointer(&proposal->gap, g_free);
                propose_wireguard(proposal, wireguard, sockets);
        } else if (r == -EACCES) {
                g_free(proposal->gap);
                proposal->gap = g_strdup_printf(
                        _("It may be a WireGuard, whose control socket is for "
                          "the administrator: sudo ksctl vpn add "
                          "--interface=%s"),
                        link);
        } else if (is_plain && programs && programs->len > 0)
                propose_programs(proposal, programs, sockets);
        else if (is_plain)
                no_program(proposal, link, found);
}

Proposal *propose(const char *name, const LookLink *link)
{
        Proposal *proposal = g_new0(Proposal, 1);

        proposal->name = g_strdup(name);
        proposal->findings = g_ptr_array_new_with_free_func(g_free);
        proposal->options = g_ptr_array_new_with_free_func(g_free);
        add(proposal->options, "Interface=%s", link->name);
        add(proposal->options, "Kind=%s", link->kind);
        if (*link->kind)
                add(proposal->findings, _("%s is a link of the kind %s."), link->name, link->kind);
        if (g_str_equal(link->kind, "wireguard"))
                add(proposal->findings,
                    _("The kernel itself tells how its packets are recognised. It "
                      "is a VPN without this, too, unless AutoWireGuard=no is "
                      "set."));
        else if (g_str_equal(link->kind, "tun"))
                propose_tun(proposal, link->name);
        else if (*link->kind)
                proposal->gap = g_strdup_printf(
                        _("How the packets of such a link are recognised can't "
                          "be seen. Name the keys yourself: ksctl vpn add %s "
                          "Interface=%s Mark=MARK"),
                        name, link->name);
        else
                proposal->gap = g_strdup_printf(
                        _("%s is no link of a VPN, but hardware or the loopback."), link->name);
        return proposal;
}
