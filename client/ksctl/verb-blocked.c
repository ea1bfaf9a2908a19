/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl blocked: the last destinations that were refused, by program, as far as that is recorded.
 */

#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "client/common/i18n.h"
#include "client/common/text.h"
#include "client/ksctl/blocked.h"
#include "client/ksctl/call.h"
#include "client/ksctl/output.h"
#include "client/ksctl/report.h"
#include "client/ksctl/value.h"
#include "common/cleanup.h"
#include "common/names.h"
#include "config.h"

#define N_COLUMNS 6
#define UNKNOWN "-"

/* The answer as an object with names. */
static ExitStatus ask(Ksctl *ctl, json_t **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        json_auto_t *recording = NULL, *rows = NULL;
        ExitStatus status = call_ask(ctl, DEED_READ_BLOCKED, "GetBlocked", &reply);
        int r;

        if (status != STATUS_DONE)
                return status;
        r = value_read(reply, &recording);
        if (r >= 0)
                r = value_read(reply, &rows);
        if (r < 0)
                return report_bad_answer(r);
        *ret = json_pack("{s:O, s:O}", KS_KEY_RECORDING, recording, "Rows", rows);
        return STATUS_DONE;
}

/* The innermost unit of a control group: "user.slice/…/app-firefox.scope" is "app-firefox.scope".
 */
static char *describe_program(const json_t *row)
{
        const char *group = json_string_value(json_object_get(row, KS_BLOCKED_GROUP_PATH));
        g_auto(GStrv) parts = g_strsplit(group ?: UNKNOWN, "/", -1);
        guint n = g_strv_length(parts);

        for (guint i = n; i > 0; i--)
                if (g_str_has_suffix(parts[i - 1], ".service") ||
                    g_str_has_suffix(parts[i - 1], ".scope"))
                        return ks_text_sanitise(parts[i - 1]);
        return ks_text_sanitise(n > 0 ? parts[n - 1] : UNKNOWN);
}

/* Another machine's users have other names. */
static char *describe_user(const Ksctl *ctl, const json_t *row)
{
        const json_t *user = json_object_get(row, KS_BLOCKED_USER);
        const struct passwd *entry;

        if (!user)
                return g_strdup(UNKNOWN);
        entry = ctl->transport == KS_TRANSPORT_LOCAL ? getpwuid((uid_t)json_integer_value(user))
                                                     : NULL;
        return entry ? ks_text_sanitise(entry->pw_name)
                     : g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(user));
}

static char *describe_protocol(const json_t *row)
{
        json_int_t protocol = json_integer_value(json_object_get(row, KS_BLOCKED_PROTOCOL));

        switch (protocol) {
        case IPPROTO_TCP:
                return g_strdup("tcp");
        case IPPROTO_UDP:
                return g_strdup("udp");
        case IPPROTO_ICMP:
                return g_strdup("icmp");
        case IPPROTO_ICMPV6:
                return g_strdup("icmpv6");
        default:
                return g_strdup_printf("%" JSON_INTEGER_FORMAT, protocol);
        }
}

static char *describe_destination(const json_t *row)
{
        g_autofree char *address = ks_text_sanitise(
                json_string_value(json_object_get(row, KS_BLOCKED_ADDRESS)));
        const json_t *port = json_object_get(row, KS_BLOCKED_PORT);

        if (!port)
                return g_steal_pointer(&address);
        return g_strdup_printf(strchr(address, ':') ? "[%s]:%" JSON_INTEGER_FORMAT
                                                    : "%s:%" JSON_INTEGER_FORMAT,
                               address, json_integer_value(port));
}

static void add_cells(const Ksctl *ctl, GPtrArray *cells, const json_t *row)
{
        uint64_t last = (uint64_t)json_integer_value(json_object_get(row, KS_BLOCKED_LAST));

        g_ptr_array_add(cells, ks_text_time(last));
        g_ptr_array_add(
                cells, g_strdup_printf("%" JSON_INTEGER_FORMAT,
                                       json_integer_value(json_object_get(row, KS_BLOCKED_COUNT))));
        g_ptr_array_add(cells, describe_program(row));
        g_ptr_array_add(cells, describe_user(ctl, row));
        g_ptr_array_add(cells, describe_protocol(row));
        g_ptr_array_add(cells, describe_destination(row));
}

static void print_table(const Ksctl *ctl, const json_t *rows)
{
        const char *titles[N_COLUMNS] = { _("LAST SEEN"), _("COUNT"),    _("PROGRAM"),
                                          _("USER"),      _("PROTOCOL"), _("DESTINATION") };
        g_autoptr(GPtrArray) cells = g_ptr_array_new_with_free_func(g_free);
        const json_t *row;
        size_t i;

        for (size_t c = 0; ctl->legend && c < N_COLUMNS; c++)
                g_ptr_array_add(cells, g_strdup(titles[c]));
        json_array_foreach(rows, i, row) add_cells(ctl, cells, row);
        output_table(cells, N_COLUMNS);
}

static void print_remarks(const json_t *answer)
{
        bool any = json_array_size(json_object_get(answer, "Rows")) > 0;

        if (any)
                putchar('\n');
        if (!json_is_true(json_object_get(answer, KS_KEY_RECORDING))) {
                g_autofree char *text = g_strdup_printf(
                        _("Nothing is recorded at present. It takes RecordBlocked=yes below "
                          "[Killswitch] in %s/killswitch.conf (then say 'ksctl reload'), and a "
                          "kill switch that is engaged and not paused."),
                        KS_CONFIG_DIR_ETC);

                output_sentence(COLOUR_NONE, text);
                return;
        }
        if (!any)
                output_sentence(COLOUR_NONE, _("Nothing that you may see was refused so far."));
        output_sentence(COLOUR_NONE,
                        _("Only what reaches the guard is seen: while no VPN is up, the routing "
                          "rules refuse ordinary traffic before that."));
}

char *blocked_describe_last(Ksctl *ctl)
{
        json_auto_t *answer = NULL;
        const json_t *row;

        if (ask(ctl, &answer) != STATUS_DONE)
                return NULL;
        row = json_array_get(json_object_get(answer, "Rows"), 0);
        if (!row)
                return NULL;

        g_autofree char *time = ks_text_time(
                (uint64_t)json_integer_value(json_object_get(row, KS_BLOCKED_LAST)));
        g_autofree char *protocol = describe_protocol(row);
        g_autofree char *destination = describe_destination(row);
        g_autofree char *user = describe_user(ctl, row);
        g_autofree char *program = describe_program(row);

        if (g_str_equal(program, UNKNOWN))
                /* TRANSLATORS: a time, a protocol, an address, a user (or "-") */
                return g_strdup_printf(_("%s, %s to %s, user %s; 'ksctl blocked' shows more"), time,
                                       protocol, destination, user);
        /* TRANSLATORS: a time, a protocol, an address, a program, a user */
        return g_strdup_printf(_("%s, %s to %s, by %s, user %s; 'ksctl blocked' shows more"), time,
                               protocol, destination, program, user);
}

ExitStatus verb_blocked(Ksctl *ctl)
{
        json_auto_t *answer = NULL;
        ExitStatus status = ask(ctl, &answer);
        const json_t *rows;

        if (status != STATUS_DONE || ctl->quiet)
                return status;
        if (ctl->json != JSON_MODE_OFF) {
                output_json(ctl->json, answer);
                return STATUS_DONE;
        }
        rows = json_object_get(answer, "Rows");
        if (json_array_size(rows) > 0)
                print_table(ctl, rows);
        if (ctl->legend)
                print_remarks(answer);
        return STATUS_DONE;
}
