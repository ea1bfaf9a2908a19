/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Calls the service, with somebody at hand who can answer polkit's questions. */

#include "client/ksctl/call.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "client/common/i18n.h"
#include "client/ksctl/agent.h"
#include "client/ksctl/report.h"
#include "client/ksctl/wait.h"
#include "common/cleanup.h"

ExitStatus call_connect(Ksctl *ctl)
{
        int r;

        if (ctl->bus)
                return STATUS_DONE;

        r = ks_bus_open(ctl->transport, ctl->where, &ctl->bus);
        if (r < 0)
                return report_connection(ctl, r);
        return STATUS_DONE;
}

ExitStatus call_ask(Ksctl *ctl, Deed deed, const char *method, sd_bus_message **ret)
{
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        ExitStatus status = call_connect(ctl);
        int r;

        if (status != STATUS_DONE)
                return status;

        r = ks_bus_ask(ctl->bus, method, &error, ret);
        if (r < 0)
                return report_failure(ctl, deed, &error, r);
        return STATUS_DONE;
}

ExitStatus call_get_state(Ksctl *ctl, sd_bus_message **ret)
{
        return call_ask(ctl, DEED_READ_STATE, "GetState", ret);
}

ExitStatus call_read_state(Ksctl *ctl, KsState **ret)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        ExitStatus status = call_get_state(ctl, &reply);
        int r;

        if (status != STATUS_DONE)
                return status;

        r = ks_state_read(reply, ret);
        if (r < 0)
                return report_bad_answer(r);
        return STATUS_DONE;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        sd_bus_message **place = userdata;

        (void)ret_error;
        *place = sd_bus_message_ref(reply);
        return 0;
}

/* Sends the call and waits for its answer without a limit: a person may be looking for a password.
 */
static int call_and_wait(sd_bus *bus, sd_bus_message *call, Waiter *waiter, sd_bus_message **ret)
{
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        int r;

        r = sd_bus_call_async(bus, &slot, call, on_reply, ret, UINT64_MAX);
        if (r < 0)
                return r;

        while (!*ret) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = waiter_wait_bus(waiter, bus, -1, -1);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int call_interactively(Ksctl *ctl, sd_bus_message *call, Waiter *waiter,
                              sd_bus_message **ret)
{
        Agent agent = { 0 };
        int r;

        r = waiter_open(waiter);
        if (r < 0)
                return r;

        /* An agent of this host can't speak for a call that is made on another one. */
        if (ctl->ask_password && ctl->transport == KS_TRANSPORT_LOCAL)
                r = agent_open(&agent, waiter);
        /* Without an agent the call may still be allowed, or somebody else may ask. */
        if (r != -EINTR)
                r = call_and_wait(ctl->bus, call, waiter, ret);

        agent_close(&agent);
        return r;
}

/* Nobody waits for the answer any more; the service sees that when the connection is closed. */
_Noreturn static void interrupted(Ksctl *ctl, Waiter *waiter)
{
        ctl->bus = sd_bus_close_unref(ctl->bus);
        /* Behind "^C", and behind the question for a password. */
        if (isatty(STDERR_FILENO))
                fputc('\n', stderr);
        report(_("Interrupted. 'ksctl status' tells what is in force."));
        waiter_die(waiter);
}

ExitStatus call_change_with(Ksctl *ctl, Deed deed, const char *method, CallFill fill,
                            void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        ExitStatus status = call_connect(ctl);
        Waiter waiter = WAITER_INIT;
        int r;

        if (status != STATUS_DONE)
                return status;

        r = ks_bus_new_call(ctl->bus, method, &call);
        if (r >= 0)
                r = fill(call, userdata);
        if (r >= 0)
                r = sd_bus_message_set_allow_interactive_authorization(call, ctl->ask_password);
        if (r >= 0)
                r = call_interactively(ctl, call, &waiter, &reply);

        if (r == -EINTR)
                interrupted(ctl, &waiter);
        waiter_close(&waiter);
        if (r < 0)
                return report_failure(ctl, deed, &error, r);
        if (sd_bus_message_is_method_error(reply, NULL))
                return report_failure(ctl, deed, sd_bus_message_get_error(reply),
                                      -sd_bus_message_get_errno(reply));
        return STATUS_DONE;
}

/* Arguments that a signature tells. */
typedef struct Arguments {
        const char *types;
        va_list list;
} Arguments;

static int append_typed(sd_bus_message *call, void *userdata)
{
        Arguments *arguments = userdata;

        return arguments->types ? sd_bus_message_appendv(call, arguments->types, arguments->list)
                                : 0;
}

ExitStatus call_change(Ksctl *ctl, Deed deed, const char *method, const char *types, ...)
{
        Arguments arguments = { .types = types };
        ExitStatus status;

        va_start(arguments.list, types);
        status = call_change_with(ctl, deed, method, append_typed, &arguments);
        va_end(arguments.list);
        return status;
}
