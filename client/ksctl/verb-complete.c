/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the shells ask while a command line is typed: ksctl __complete WHAT prints names, one a
 * line.
 *
 * Somebody sits in the middle of a word and waits, so this says nothing that isn't a name, starts
 * no service, asks for no password, and ends soon whatever happens. */

#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <systemd/sd-login.h>

#include "client/common/text.h"
#include "client/ksctl/ksctl.h"
#include "client/ksctl/value.h"
#include "common/cleanup.h"
#include "common/names.h"

#define LIMIT_SECONDS 2
#define ANSWER_LIMIT_USEC UINT64_C(1000000)

/* What is in the buffer isn't printed: rather no names than half of one. */
static void on_alarm(int number)
{
        (void)number;
        _exit(STATUS_DONE);
}

/* Names are other people's text. One with a line break would be two, and one that begins with a
 * dash would be taken as an option. */
static void print_name(const char *name)
{
        g_autofree char *safe = ks_text_sanitise(name);

        if (*safe && *safe != '-' && g_strcmp0(safe, name) == 0)
                puts(safe);
}

/* Returns: the state as an object; NULL when nobody tells it at once. */
static json_t *read_state(Ksctl *ctl)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        json_t *state = NULL;

        if (ks_bus_open(KS_TRANSPORT_LOCAL, NULL, &ctl->bus) < 0 ||
            ks_bus_new_call(ctl->bus, "GetState", &call) < 0 ||
            sd_bus_message_set_auto_start(call, false) < 0 ||
            sd_bus_call(ctl->bus, call, ANSWER_LIMIT_USEC, NULL, &reply) < 0 ||
            value_read_state(reply, &state) < 0)
                return NULL;
        return state;
}

static void print_properties(Ksctl *ctl)
{
        json_auto_t *state = read_state(ctl);
        const char *key;
        json_t *value;

        json_object_foreach(state, key, value) print_name(key);
}

/* @source: only those that are known from there; NULL for all. */
static void print_vpns(Ksctl *ctl, const char *source)
{
        json_auto_t *state = read_state(ctl);
        const json_t *vpn;
        size_t i;

        json_array_foreach(json_object_get(state, KS_KEY_VPNS), i, vpn)
        {
                const char *from = json_string_value(json_object_get(vpn, KS_VPN_SOURCE));

                if (!source || g_strcmp0(from, source) == 0)
                        print_name(json_string_value(json_object_get(vpn, KS_VPN_NAME)));
        }
}

static void print_all_vpns(Ksctl *ctl)
{
        print_vpns(ctl, NULL);
}

static void print_added_vpns(Ksctl *ctl)
{
        print_vpns(ctl, KS_SOURCE_ADDED);
}

static void print_links(Ksctl *ctl)
{
        struct if_nameindex *links = if_nameindex();

        (void)ctl;
        for (struct if_nameindex *link = links; link && link->if_index > 0; link++)
                if (!g_str_equal(link->if_name, "lo"))
                        print_name(link->if_name);
        if (links)
                if_freenameindex(links);
}

/* systemd's library finds them in a directory; machinectl would start its service. */
static void print_machines(Ksctl *ctl)
{
        char **machines = NULL;
        int n = sd_get_machine_names(&machines);

        (void)ctl;
        puts(".host");
        for (int i = 0; i < n; i++) {
                print_name(machines[i]);
                free(machines[i]);
        }
        free(machines);
}

ExitStatus verb_complete(Ksctl *ctl)
{
        static const struct {
                const char *what;
                void (*print)(Ksctl *);
        } lists[] = {
                { "vpns", print_all_vpns },     { "added", print_added_vpns },
                { "links", print_links },       { "properties", print_properties },
                { "machines", print_machines },
        };
        const struct sigaction ending = { .sa_handler = on_alarm };

        (void)sigaction(SIGALRM, &ending, NULL);
        (void)alarm(LIMIT_SECONDS);
        for (size_t i = 0; i < G_N_ELEMENTS(lists); i++)
                if (g_strcmp0(ctl->arguments[0], lists[i].what) == 0)
                        lists[i].print(ctl);
        return STATUS_DONE;
}
