/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints events as lines, for a person or as JSON. */

#include "client/ksctl/event.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/common/said.h"
#include "client/common/state.h"
#include "client/common/text.h"
#include "client/common/words.h"
#include "client/ksctl/output.h"
#include "client/ksctl/value.h"
#include "common/duration.h"
#include "common/names.h"

/* Of what a narrow terminal has no room for behind the time. */
#define INDENT 4

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* A line is whole when it is printed: whoever reads a pipe gets every event at once. */
static void print_line(const char *what, const char *text)
{
        g_autofree char *time = ks_text_time(ks_text_now());

        /* A program that reads them takes a line for an event, however narrow COLUMNS= is. */
        unsigned columns = isatty(STDOUT_FILENO) ? output_columns(stdout) : 0;
        int column = printf("%s  %s: ", time, what);

        output_wrapped(stdout, columns, (unsigned)MAX(column, 0), INDENT, text);
        putchar('\n');
        fflush(stdout);
}

/* An object that names the event first and holds a time. */
static json_t *new_event(const char *name)
{
        return json_pack("{s:s, s:I}", "Event", name, "Timestamp", (json_int_t)ks_text_now());
}

static void print_object(const Ksctl *ctl, const json_t *object)
{
        /* One line each, unless the long form was asked for in so many words. */
        output_json(ctl->json == JSON_MODE_AUTO ? JSON_MODE_SHORT : ctl->json, object);
        fflush(stdout);
}

int event_print_state(const Ksctl *ctl, const KsState *state, sd_bus_message *reply)
{
        json_auto_t *object = NULL;
        int r;

        if (ctl->json != JSON_MODE_OFF) {
                json_auto_t *details = NULL;

                r = sd_bus_message_rewind(reply, true);
                if (r < 0)
                        return r;
                r = value_read_state(reply, &details);
                if (r < 0)
                        return r;
                object = new_event("State");
                (void)json_object_update_missing(object, details);
                print_object(ctl, object);
                return 0;
        }

        g_autofree char *word = ks_text_sanitise(state->state);
        g_autofree char *headline = ks_words_headline(state);

        g_autofree char *deadline = ks_words_deadline(state);

        print_line(word, headline);
        if (deadline)
                print_line(_("until"), deadline);
        for (char **sentence = state->degraded; *sentence; sentence++) {
                g_autofree char *said = ks_said(*sentence);
                g_autofree char *text = ks_text_sanitise(said);

                print_line(_("problem"), text);
        }
        return 0;
}

void event_print_service(const Ksctl *ctl, bool is_there)
{
        if (ctl->json != JSON_MODE_OFF) {
                json_auto_t *object = new_event(is_there ? "ServiceStarted" : "ServiceStopped");

                print_object(ctl, object);
                return;
        }
        print_line(_("service"),
                   is_there ? _("it is there again")
                            : _("it has gone; what it set up in the kernel stays in force"));
}

static int print_state_changed(const Ksctl *ctl, sd_bus_message *signal)
{
        const char *old, *new, *reason;
        int r;

        r = sd_bus_message_read(signal, "sss", &old, &new, &reason);
        if (r < 0)
                return r;

        if (ctl->json != JSON_MODE_OFF) {
                json_auto_t *object = new_event("StateChanged");

                (void)json_object_set_new(object, "Old", json_string(old));
                (void)json_object_set_new(object, "New", json_string(new));
                (void)json_object_set_new(object, "Reason", json_string(reason));
                print_object(ctl, object);
                return 0;
        }

        g_autofree char *safe_old = ks_text_sanitise(old);
        g_autofree char *safe_new = ks_text_sanitise(new);
        g_autofree char *why = ks_words_reason(reason);
        g_autofree char *text = g_strdup_printf(_("%s (was %s)"), why, safe_old);

        print_line(safe_new, text);
        return 0;
}

static int print_repaired(const Ksctl *ctl, sd_bus_message *signal)
{
        const char *layer, *what;
        int r;

        r = sd_bus_message_read(signal, "ss", &layer, &what);
        if (r < 0)
                return r;

        if (ctl->json != JSON_MODE_OFF) {
                json_auto_t *object = new_event("Repaired");

                (void)json_object_set_new(object, "Layer", json_string(layer));
                (void)json_object_set_new(object, "What", json_string(what));
                print_object(ctl, object);
                return 0;
        }

        g_autofree char *said = ks_said(what);
        g_autofree char *raw = g_strdup_printf("%s: %s", layer, said);
        g_autofree char *text = ks_text_sanitise(raw);

        print_line(_("repaired"), text);
        return 0;
}

/* What StateChanged, which comes along, has told already. */
static bool is_told_already(const char *key)
{
        return g_str_equal(key, KS_KEY_STATE) || g_str_equal(key, KS_KEY_ENGAGED) ||
               g_str_equal(key, KS_KEY_SINCE) || g_str_equal(key, KS_KEY_DEADLINE) ||
               g_str_equal(key, KS_KEY_TRIAL);
}

static const char *member_text(const json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key)) ?: "";
}

/* All VPNs in one line, as "wg0 (wireguard), up; office on tun0 (tun), down". */
static char *describe_vpns(const json_t *vpns)
{
        g_autoptr(GString) line = g_string_new(NULL);
        char *no_addresses[] = { NULL };
        json_t *object;
        size_t i;

        json_array_foreach(vpns, i, object)
        {
                KsVpn vpn = {
                        .name = (char *)member_text(object, KS_VPN_NAME),
                        .interface = (char *)member_text(object, KS_VPN_INTERFACE),
                        .kind = (char *)member_text(object, KS_VPN_KIND),
                        .addresses = no_addresses,
                        .up = json_is_true(json_object_get(object, KS_VPN_UP)),
                        .is_default = json_is_true(json_object_get(object, KS_VPN_DEFAULT)),
                };
                g_autofree char *text = ks_words_vpn(&vpn);

                g_string_append_printf(line, "%s%s", i > 0 ? "; " : "", text);
        }
        return g_string_free(g_steal_pointer(&line), FALSE);
}

/* How a pause or a trial ended is what StateChanged tells, unless nothing changed by it. */
static void print_deadline(const json_t *changed)
{
        const json_t *value = json_object_get(changed, KS_KEY_DEADLINE);
        uint64_t deadline = (uint64_t)json_integer_value(value), now = ks_text_now();

        if (deadline > now) {
                g_autofree char *time = ks_text_time(deadline);
                g_autofree char *left = ks_duration_format(deadline - now);
                g_autofree char *text = g_strdup_printf(_("%s, in %s"), time, left);

                print_line(_("until"), text);
        } else if (value && deadline == 0 && json_object_get(changed, KS_KEY_TRIAL) &&
                   !json_object_get(changed, KS_KEY_STATE)) {
                print_line(_("trial"), _("it is confirmed, and stays engaged"));
        }
}

static void print_property(const char *key, const json_t *value)
{
        g_autofree char *safe_key = ks_text_sanitise(key);
        g_autofree char *text = value_format(value);

        if (json_is_array(value) && json_array_size(value) == 0) {
                print_line(safe_key, _("none"));
        } else if (g_str_equal(key, KS_KEY_VPNS)) {
                g_autofree char *vpns = describe_vpns(value);

                print_line(safe_key, vpns);
        } else {
                print_line(safe_key, text);
        }
}

static int print_properties_changed(const Ksctl *ctl, sd_bus_message *signal)
{
        json_auto_t *changed = NULL, *invalidated = NULL;
        const char *interface, *key;
        json_t *value;
        int r;

        r = sd_bus_message_read(signal, "s", &interface);
        if (r < 0)
                return r;
        if (!g_str_equal(interface, KS_INTERFACE))
                return 0;
        r = value_read(signal, &changed);
        if (r < 0)
                return r;
        r = value_read(signal, &invalidated);
        if (r < 0)
                return r;

        if (ctl->json != JSON_MODE_OFF) {
                json_auto_t *object = new_event("PropertiesChanged");

                (void)json_object_set(object, "Changed", changed);
                (void)json_object_set(object, "Invalidated", invalidated);
                print_object(ctl, object);
                return 0;
        }

        print_deadline(changed);
        json_object_foreach(changed, key, value) if (!is_told_already(key))
                print_property(key, value);
        return 0;
}

int event_print_signal(const Ksctl *ctl, sd_bus_message *signal)
{
        if (sd_bus_message_is_signal(signal, KS_INTERFACE, "StateChanged") > 0)
                return print_state_changed(ctl, signal);
        if (sd_bus_message_is_signal(signal, KS_INTERFACE, "Repaired") > 0)
                return print_repaired(ctl, signal);
        if (sd_bus_message_is_signal(signal, PROPERTIES_INTERFACE, "PropertiesChanged") > 0 &&
            sd_bus_message_has_signature(signal, "sa{sv}as"))
                return print_properties_changed(ctl, signal);
        return 0;
}
