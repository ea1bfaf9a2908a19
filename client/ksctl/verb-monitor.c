/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl monitor: follows what happens, over restarts of the service too. */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "client/ksctl/call.h"
#include "client/ksctl/countdown.h"
#include "client/ksctl/event.h"
#include "client/ksctl/report.h"
#include "client/ksctl/wait.h"
#include "common/cleanup.h"
#include "common/names.h"

#define OWNER_MATCH                                                                                \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" KS_BUS_NAME "'"

typedef struct Monitor {
        Ksctl *ctl;
        sd_bus_slot *question; /* GetState that isn't answered yet */
        sd_bus_slot *glance;   /* likewise, only for the countdown */
        Countdown countdown;
        char *owner;    /* who answered it last; NULL while there is no service */
        bool has_begun; /* the first answer is here */
        bool is_over;
        ExitStatus status;
} Monitor;

static void monitor_clear(Monitor *monitor)
{
        monitor->question = sd_bus_slot_unref(monitor->question);
        monitor->glance = sd_bus_slot_unref(monitor->glance);
        g_clear_pointer(&monitor->owner, g_free);
}

static void finish(Monitor *monitor, ExitStatus status)
{
        monitor->is_over = true;
        monitor->status = status;
}

/* Prints an answer. Returns: 0 or a negative errno. */
static int show_state(Monitor *monitor, sd_bus_message *reply)
{
        g_autoptr(KsState) state = NULL;
        int r;

        r = ks_state_read(reply, &state);
        if (r < 0)
                return r;
        r = event_print_state(monitor->ctl, state, reply);
        if (r >= 0)
                countdown_set(&monitor->countdown, state);
        return r;
}

static int on_state(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        Monitor *monitor = userdata;
        ExitStatus status = STATUS_DONE;
        int r;

        (void)ret_error;
        monitor->question = sd_bus_slot_unref(monitor->question);

        if (sd_bus_message_is_method_error(reply, NULL)) {
                const sd_bus_error *error = sd_bus_message_get_error(reply);

                r = -sd_bus_message_get_errno(reply);
                /* One that goes down again while it starts comes up once more, or is told of. */
                if (!monitor->has_begun || ks_failure_classify(error, r) != KS_FAILURE_SERVICE)
                        status = report_failure(monitor->ctl, DEED_READ_STATE, error, r);
        } else {
                g_free(monitor->owner);
                monitor->owner = g_strdup(sd_bus_message_get_sender(reply));
                r = show_state(monitor, reply);
                if (r < 0)
                        status = report_bad_answer(r);
        }

        if (!monitor->has_begun && status != STATUS_DONE)
                finish(monitor, status);
        monitor->has_begun = true;
        return 0;
}

/* What is signalled before the answer is part of the answer, and is passed over. */
static int ask_state(Monitor *monitor)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        monitor->question = sd_bus_slot_unref(monitor->question);
        r = ks_bus_new_call(monitor->ctl->bus, "GetState", &call);
        if (r < 0)
                return r;
        /* Who stopped the service doesn't want it to be started by somebody who watches. */
        r = sd_bus_message_set_auto_start(call, !monitor->has_begun);
        if (r < 0)
                return r;
        return sd_bus_call_async(monitor->ctl->bus, &monitor->question, call, on_state, monitor, 0);
}

static int on_glance(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error)
{
        g_autoptr(KsState) state = NULL;
        Monitor *monitor = userdata;

        (void)ret_error;
        monitor->glance = sd_bus_slot_unref(monitor->glance);
        if (!sd_bus_message_is_method_error(reply, NULL) && ks_state_read(reply, &state) >= 0)
                countdown_set(&monitor->countdown, state);
        return 0;
}

/* A signal tells the deadline but neither what is left of it nor, always, what it is of. */
static void glance(Monitor *monitor)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *bus = monitor->ctl->bus;

        monitor->glance = sd_bus_slot_unref(monitor->glance);
        if (!monitor->countdown.is_wanted || ks_bus_new_call(bus, "GetState", &call) < 0 ||
            sd_bus_message_set_auto_start(call, false) < 0)
                return;
        (void)sd_bus_call_async(bus, &monitor->glance, call, on_glance, monitor, 0);
}

static int on_owner_changed(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error)
{
        const char *name, *old_owner, *new_owner;
        Monitor *monitor = userdata;
        int r;

        (void)ret_error;
        r = sd_bus_message_read(signal, "sss", &name, &old_owner, &new_owner);
        /* Before the first answer it is this program's own question that starts the service. */
        if (r < 0 || !monitor->has_begun)
                return 0;

        if (*old_owner) {
                monitor_clear(monitor);
                countdown_stop(&monitor->countdown);
                event_print_service(monitor->ctl, false);
        }
        if (*new_owner) {
                event_print_service(monitor->ctl, true);
                r = ask_state(monitor);
                if (r < 0)
                        finish(monitor, report_connection(monitor->ctl, r));
        }
        return 0;
}

static int on_signal(sd_bus_message *signal, void *userdata, sd_bus_error *ret_error)
{
        Monitor *monitor = userdata;
        int r;

        (void)ret_error;
        /* The bus lets anybody send a signal straight to this program. */
        if (!monitor->owner || g_strcmp0(sd_bus_message_get_sender(signal), monitor->owner) != 0)
                return 0;

        countdown_hide(&monitor->countdown);
        r = event_print_signal(monitor->ctl, signal);
        countdown_show(&monitor->countdown);
        if (r >= 0)
                glance(monitor);
        if (r < 0)
                (void)report_bad_answer(r);
        return 0;
}

static int subscribe(Monitor *monitor)
{
        sd_bus *bus = monitor->ctl->bus;
        int r;

        r = sd_bus_add_match_async(bus, NULL, OWNER_MATCH, on_owner_changed, NULL, monitor);
        if (r < 0)
                return r;
        r = sd_bus_match_signal_async(bus, NULL, KS_BUS_NAME, KS_OBJECT_PATH, NULL, NULL, on_signal,
                                      NULL, monitor);
        if (r < 0)
                return r;
        return ask_state(monitor);
}

/* Runs until a signal, until nobody reads, or until there is nothing more to follow. */
static int follow(Monitor *monitor, Waiter *waiter)
{
        int r;

        /* Nor does it go on when nothing that it prints gets anywhere; main() tells why. */
        while (!monitor->is_over && !ferror(stdout)) {
                r = sd_bus_process(monitor->ctl->bus, NULL);
                if (r == 0)
                        r = waiter_wait_bus(waiter, monitor->ctl->bus, STDOUT_FILENO,
                                            monitor->countdown.timer_fd);
                countdown_tick(&monitor->countdown);
                if (r == -EINTR || r == -EPIPE)
                        return 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

ExitStatus verb_monitor(Ksctl *ctl)
{
        _cleanup_(monitor_clear) Monitor monitor = { .ctl = ctl };
        Waiter waiter = WAITER_INIT;
        int r;

        monitor.status = call_connect(ctl);
        if (monitor.status != STATUS_DONE)
                return monitor.status;

        countdown_open(&monitor.countdown, ctl->json == JSON_MODE_OFF);
        r = subscribe(&monitor);
        if (r >= 0)
                r = waiter_open(&waiter);
        if (r >= 0)
                r = follow(&monitor, &waiter);
        countdown_close(&monitor.countdown);
        waiter_close(&waiter);

        if (r < 0)
                return report_connection(ctl, r);
        return monitor.status;
}
