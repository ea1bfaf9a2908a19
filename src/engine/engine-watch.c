/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What wakes the engine: kernel events, the deadline, and another try after a failure. */

#include <errno.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/log.h"
#include "engine/engine-private.h"

#define RETRY_FIRST_MSEC 100
#define RETRY_MAX_MSEC 10000
/* Rounds of events that an audit waits for; others may never stop. */
#define SETTLE_TRIES 5

/* Following events takes at most a third of the time in the long run: so many times as
 * long there is a rest. A burst, such as a VPN that comes up or all rules flushed, is
 * followed event by event, and no rest takes longer than a tenth of a second. */
#define REST_PER_WORK 2
#define WORK_BURST_USEC 50000
#define WORK_DEBT_USEC 50000

static void remove_source(guint *source)
{
        if (*source)
                g_source_remove(*source);
        *source = 0;
}

static gboolean is_of_interest(KsEngine *engine, guint changes)
{
        if (!ks_enforcer_needs_defaults(engine->enforcer))
                changes &= ~(guint)KS_CHANGE_DEFAULTS;
        if (!ks_intent_is_up(&engine->intent))
                return (changes & (KS_CHANGE_LINKS | KS_CHANGE_LOST | KS_CHANGE_DEFAULTS |
                                   KS_CHANGE_UNITS)) != 0;
        changes &= ~(guint)KS_CHANGE_OTHERS;
        if (ks_engine_lan(engine) != KS_LAN_MODE_ALL)
                changes &= ~(guint)KS_CHANGE_MAIN;
        /* Most nftables events are about tables of others, or our own doing. */
        if (changes == KS_CHANGE_NFTABLES && ks_enforcer_guard_is_intact(engine->enforcer))
                return FALSE;
        return changes != 0;
}

/* Takes the events that wait and acts on them. Returns: what they were about. */
static guint handle_events(KsEngine *engine)
{
        guint changes = ks_monitor_drain(engine->monitor);

        if (ks_units_drain(engine->units))
                changes |= KS_CHANGE_UNITS;

        ks_engine_follow_disk(engine);
        if (is_of_interest(engine, changes)) {
                KsState before = engine->state;

                if (ks_intent_is_up(&engine->intent))
                        ks_engine_sync(engine, changes, NULL, NULL);
                else
                        ks_engine_plan_idle(engine);
                ks_engine_update_state(engine, before == KS_PROTECTING ? "vpn-down" : "vpn-up");
        } else if (changes & (KS_CHANGE_MAIN | KS_CHANGE_OTHERS)) {
                /* What rules of others look up. */
                ks_engine_check_shadows(engine, FALSE);
        }
        return changes;
}

static void watch_events(KsEngine *engine);
static void ignore_events(KsEngine *engine);

static gboolean on_pause_over(gpointer userdata)
{
        KsEngine *engine = userdata;

        engine->pause_source = 0;
        watch_events(engine);
        return G_SOURCE_REMOVE;
}

/* What this thread has worked, in µs: on a busy machine, and while the kernel lets its own
 * readers finish, time passes that is no work of ours and must not delay a repair. */
static gint64 cpu_time(void)
{
        struct timespec ts = { 0 };

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
        return (gint64)ts.tv_sec * G_USEC_PER_SEC + ts.tv_nsec / 1000;
}

/* In a storm of others' events the plan would be made without end, and whoever
 * calls would wait behind it. So there is a limit to that work; the events wait in
 * the socket meanwhile, and one look at the kernel answers all of them. */
static gboolean on_event(gint fd, GIOCondition condition, gpointer userdata)
{
        KsEngine *engine = userdata;
        gint64 begun = cpu_time(), work;

        (void)fd;
        (void)condition;
        engine->work_left = MIN(WORK_BURST_USEC, engine->work_left + (g_get_monotonic_time() -
                                                                      engine->worked_until) /
                                                                             REST_PER_WORK);
        handle_events(engine);
        work = cpu_time() - begun;
        engine->work_left = MAX(engine->work_left - work, -WORK_DEBT_USEC);
        engine->worked_until = g_get_monotonic_time();
        if (engine->work_left >= 0)
                return G_SOURCE_CONTINUE;
        ignore_events(engine);
        engine->pause_source = g_timeout_add((guint)(-engine->work_left * REST_PER_WORK / 1000 + 1),
                                             on_pause_over, engine);
        return G_SOURCE_REMOVE;
}

static void watch_events(KsEngine *engine)
{
        int fd = ks_monitor_nftables_fd(engine->monitor);

        engine->route_source = g_unix_fd_add(ks_monitor_route_fd(engine->monitor),
                                             G_IO_IN | G_IO_ERR, on_event, engine);
        if (fd >= 0)
                engine->nftables_source = g_unix_fd_add(fd, G_IO_IN | G_IO_ERR, on_event, engine);
        fd = ks_units_fd(engine->units);
        if (fd >= 0)
                engine->units_source = g_unix_fd_add(fd, G_IO_IN, on_event, engine);
}

static void ignore_events(KsEngine *engine)
{
        remove_source(&engine->route_source);
        remove_source(&engine->nftables_source);
        remove_source(&engine->units_source);
}

void ks_engine_settle(KsEngine *engine)
{
        for (int i = 0; engine->monitor && i < SETTLE_TRIES; i++)
                if (handle_events(engine) == 0)
                        return;
}

static gboolean on_deadline(gint fd, GIOCondition condition, gpointer userdata)
{
        KsEngine *engine = userdata;
        KsNow now = ks_now();
        guint64 expirations;

        (void)condition;
        if (read(fd, &expirations, sizeof(expirations)) < 0)
                return G_SOURCE_CONTINUE;
        ks_engine_follow_disk(engine);
        if (engine->intent.mode == KS_MODE_STEADY)
                return G_SOURCE_CONTINUE;
        if (ks_intent_remaining(&engine->intent, &now) > 0)
                ks_engine_arm_deadline(engine);
        else
                ks_engine_deadline(engine);
        return G_SOURCE_CONTINUE;
}

void ks_engine_arm_deadline(KsEngine *engine)
{
        KsNow now = ks_now();
        struct itimerspec when = { 0 };

        if (engine->deadline_fd < 0)
                return;
        /* CLOCK_BOOTTIME goes on while the machine sleeps, and nobody can set it. */
        if (engine->intent.mode != KS_MODE_STEADY) {
                guint64 at = now.boottime + ks_intent_remaining(&engine->intent, &now);

                when.it_value.tv_sec = (time_t)(at / G_USEC_PER_SEC);
                when.it_value.tv_nsec = (long)(at % G_USEC_PER_SEC) * 1000 + 1;
        }
        if (timerfd_settime(engine->deadline_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
                ks_log(LOG_ERR, "Can't set the timer of the deadline: %s", g_strerror(errno));
}

static gboolean on_retry(gpointer userdata)
{
        KsEngine *engine = userdata;

        engine->retry_source = 0;
        ks_engine_follow_disk(engine);
        ks_engine_sync(engine, KS_CHANGE_LOST, NULL, NULL);
        ks_engine_update_state(engine, "start");
        return G_SOURCE_REMOVE;
}

void ks_engine_schedule_retry(KsEngine *engine)
{
        if (!engine->monitor || engine->retry_source)
                return;
        engine->retry_delay = CLAMP(engine->retry_delay * 2, RETRY_FIRST_MSEC, RETRY_MAX_MSEC);
        engine->retry_source = g_timeout_add(engine->retry_delay, on_retry, engine);
}

void ks_engine_cancel_retry(KsEngine *engine)
{
        engine->retry_delay = 0;
        remove_source(&engine->retry_source);
}

gboolean ks_engine_watch(KsEngine *engine, GError **error)
{
        engine->monitor = ks_monitor_new(ks_enforcer_port(engine->enforcer), error);
        if (!engine->monitor)
                return FALSE;
        engine->deadline_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        if (engine->deadline_fd < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_KERNEL, "Can't make a timer: %s",
                            g_strerror(errno));
                return FALSE;
        }
        engine->deadline_source = g_unix_fd_add(engine->deadline_fd, G_IO_IN, on_deadline, engine);
        watch_events(engine);
        return TRUE;
}

void ks_engine_unwatch(KsEngine *engine)
{
        ignore_events(engine);
        remove_source(&engine->pause_source);
        remove_source(&engine->deadline_source);
        remove_source(&engine->retry_source);
        remove_source(&engine->shadow_source);
        ks_engine_cancel_storage(engine);
        ks_engine_stop_recording(engine);
        if (engine->deadline_fd >= 0)
                close(engine->deadline_fd);
        engine->deadline_fd = -1;
        g_clear_pointer(&engine->monitor, ks_monitor_free);
}
