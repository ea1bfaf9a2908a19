/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of VPN servers, asked for by way of killswitch-resolve, since this service has no network.
 */

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/names.h"
#include "engine/round.h"
#include "service/resolver.h"

/* How long is waited: at most, and by who wants it up and could have what is known already. */
#define WAIT_UNKNOWN_MSEC 10000
#define WAIT_KNOWN_MSEC 3000
/* Between refreshes; after one that failed less at first, since a VPN's DNS may come after its
 * link. */
#define REFRESH_SECONDS 3600
#define REFRESH_FAILED_SECONDS 5
/* More than any answer has that is worth reading. */
#define ADDRESSES_MAX 64
/* Calls that wait for one flight. */
#define WAITERS_MAX 64

/* A round of questions on its way. */
typedef struct Flight {
        KsResolver *resolver;
        KsRound *round;
        GPtrArray *slots;   /* of sd_bus_slot*: questions that wait for their answer */
        guint limit_source; /* its limit; once it has landed, the next waiter's turn */
        guint open;
        gboolean raising; /* not for Reload or AddVpn, nor by itself */
        GArray *waiters;  /* of Waiter */
} Flight;

typedef struct Waiter {
        KsResolverDone done;
        gpointer userdata;
        GDestroyNotify free_userdata;
} Waiter;

typedef struct Question {
        Flight *flight;
        KsAnswer *answer;
} Question;

struct KsResolver {
        sd_bus *bus;
        KsEngine *engine;
        GPtrArray *flights; /* of Flight* */
        Flight *refresh;    /* one of them; NULL: none is under way */
        guint refresh_source;
        guint refresh_delay; /* s */
        guint epoch;         /* of the engine, at the last refresh */
        gboolean refreshed;  /* in that epoch */
};

static void flight_free(Flight *flight)
{
        if (flight->limit_source)
                g_source_remove(flight->limit_source);
        /* From here on no answer comes. */
        g_ptr_array_unref(flight->slots);
        for (guint i = 0; i < flight->waiters->len; i++) {
                Waiter *waiter = &g_array_index(flight->waiters, Waiter, i);

                if (waiter->free_userdata)
                        waiter->free_userdata(waiter->userdata);
        }
        g_array_unref(flight->waiters);
        ks_round_free(flight->round);
        g_free(flight);
}

KsResolver *ks_resolver_new(sd_bus *bus, KsEngine *engine)
{
        KsResolver *resolver = g_new0(KsResolver, 1);

        resolver->bus = sd_bus_ref(bus);
        resolver->engine = engine;
        resolver->flights = g_ptr_array_new_with_free_func((GDestroyNotify)flight_free);
        return resolver;
}

void ks_resolver_free(KsResolver *resolver)
{
        if (!resolver)
                return;
        g_ptr_array_unref(resolver->flights);
        if (resolver->refresh_source)
                g_source_remove(resolver->refresh_source);
        sd_bus_unref(resolver->bus);
        g_free(resolver);
}

/* Tells everybody who waits that it won't be. */
static void cancel(Flight *flight)
{
        g_autoptr(GArray) waiters = g_steal_pointer(&flight->waiters);

        flight->waiters = g_array_new(FALSE, TRUE, sizeof(Waiter));
        for (guint i = 0; i < waiters->len; i++) {
                Waiter *waiter = &g_array_index(waiters, Waiter, i);

                waiter->done(KS_RESOLVER_CANCELLED, waiter->userdata);
        }
}

static gboolean on_refresh(gpointer userdata)
{
        KsResolver *resolver = userdata;

        resolver->refresh_source = 0;
        resolver->refreshed = FALSE;
        ks_resolver_follow(resolver);
        return G_SOURCE_REMOVE;
}

static void schedule_refresh(KsResolver *resolver)
{
        if (resolver->refresh_source)
                g_source_remove(resolver->refresh_source);
        resolver->refresh_source = g_timeout_add_seconds(resolver->refresh_delay, on_refresh,
                                                         resolver);
}

/* Tells one of those who wait, each of whom has a whole request carried out. What else there
 * is to do gets its turn in between. */
static gboolean on_turn(gpointer userdata)
{
        Flight *flight = userdata;

        flight->limit_source = 0;
        if (flight->waiters->len > 0) {
                Waiter waiter = g_array_index(flight->waiters, Waiter, 0);

                g_array_remove_index(flight->waiters, 0);
                waiter.done(KS_RESOLVED, waiter.userdata);
        }
        if (flight->waiters->len > 0) {
                flight->limit_source = g_idle_add_full(G_PRIORITY_DEFAULT, on_turn, flight, NULL);
                return G_SOURCE_REMOVE;
        }
        /* Of a request that was refused nothing is left. */
        ks_engine_prune_names(flight->resolver->engine);
        g_ptr_array_remove(flight->resolver->flights, flight);
        return G_SOURCE_REMOVE;
}

/* The answers are there, or time is up. */
static void land(Flight *flight)
{
        KsResolver *resolver = flight->resolver;
        gboolean refresh = resolver->refresh == flight, complete;

        /* What is late is not read any more. */
        g_ptr_array_set_size(flight->slots, 0);
        if (refresh)
                resolver->refresh = NULL;
        complete = ks_engine_learn(resolver->engine, flight->round);
        if (refresh && ks_engine_may_refresh(resolver->engine)) {
                resolver->refresh_delay = complete ? REFRESH_SECONDS
                                                   : CLAMP(resolver->refresh_delay * 2,
                                                           REFRESH_FAILED_SECONDS, REFRESH_SECONDS);
                schedule_refresh(resolver);
        }
        /* The first one now: what it asked for was learned for it. */
        on_turn(flight);
}

static gboolean on_limit(gpointer userdata)
{
        Flight *flight = userdata;

        flight->limit_source = 0;
        for (guint i = 0; i < flight->round->answers->len; i++) {
                KsAnswer *answer = g_ptr_array_index(flight->round->answers, i);

                if (!answer->addresses && !answer->problem)
                        answer->problem = g_strdup("DNS gave no answer in time");
        }
        land(flight);
        return G_SOURCE_REMOVE;
}

/* As the sentence that it is part of needs it. */
static void read_answer(sd_bus_message *reply, KsAnswer *answer)
{
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        const char *text;

        if (error) {
                answer->problem = g_utf8_make_valid(error->message ? error->message : error->name,
                                                    -1);
                return;
        }
        if (sd_bus_message_enter_container(reply, 'a', "s") < 0) {
                answer->problem = g_strdup("killswitch-resolve gave an answer that makes no sense");
                return;
        }
        answer->addresses = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        while (answer->addresses->len < ADDRESSES_MAX &&
               sd_bus_message_read_basic(reply, 's', &text) > 0) {
                KsPrefix address;

                if (!strchr(text, '/') && ks_prefix_parse(text, &address, NULL))
                        ks_prefix_array_add(answer->addresses, &address);
        }
}

static gboolean on_landing(gpointer userdata)
{
        Flight *flight = userdata;

        flight->limit_source = 0;
        land(flight);
        return G_SOURCE_REMOVE;
}

/* Not from within the slot's own callback, which goes with the flight. */
static void land_soon(Flight *flight)
{
        if (flight->limit_source)
                g_source_remove(flight->limit_source);
        flight->limit_source = g_idle_add(on_landing, flight);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Question *question = userdata;

        (void)error;
        read_answer(reply, question->answer);
        if (--question->flight->open == 0)
                land_soon(question->flight);
        return 0;
}

static int ask(Flight *flight, KsAnswer *answer, guint limit)
{
        g_autofree Question *question = g_new(Question, 1);
        sd_bus_message *call = NULL;
        sd_bus_slot *slot = NULL;
        int r = sd_bus_message_new_method_call(flight->resolver->bus, &call, KS_RESOLVER_NAME,
                                               KS_RESOLVER_PATH, KS_RESOLVER_INTERFACE, "Resolve");

        *question = (Question){ flight, answer };
        if (r >= 0)
                r = sd_bus_message_append(call, "s", answer->host);
        /* Longer than the flight, which ends by its own limit. */
        if (r >= 0)
                r = sd_bus_call_async(flight->resolver->bus, &slot, call, on_reply, question,
                                      (guint64)limit * 2000);
        if (r >= 0)
                r = sd_bus_slot_set_destroy_callback(slot, g_free);
        sd_bus_message_unref(call);
        if (r < 0) {
                sd_bus_slot_unref(slot);
                answer->problem = g_strdup_printf("killswitch-resolve can't be called: %s",
                                                  g_strerror(-r));
                return r;
        }
        g_steal_pointer(&question);
        g_ptr_array_add(flight->slots, slot);
        return 0;
}

static void slot_free(gpointer slot)
{
        sd_bus_slot_unref(slot);
}

static Flight *take_off(KsResolver *resolver, KsRound *round, gboolean raising)
{
        guint limit = raising && round->all_known ? WAIT_KNOWN_MSEC : WAIT_UNKNOWN_MSEC;
        Flight *flight = g_new0(Flight, 1);

        flight->resolver = resolver;
        flight->round = round;
        flight->raising = raising;
        flight->slots = g_ptr_array_new_with_free_func(slot_free);
        flight->waiters = g_array_new(FALSE, TRUE, sizeof(Waiter));
        flight->limit_source = g_timeout_add(limit, on_limit, flight);
        g_ptr_array_add(resolver->flights, flight);
        for (guint i = 0; i < round->answers->len; i++)
                if (ask(flight, g_ptr_array_index(round->answers, i), limit) >= 0)
                        flight->open++;
        if (flight->open == 0)
                land_soon(flight);
        return flight;
}

static Flight *find_raising(const KsResolver *resolver)
{
        for (guint i = 0; resolver && i < resolver->flights->len; i++) {
                Flight *flight = g_ptr_array_index(resolver->flights, i);

                if (flight->raising)
                        return flight;
        }
        return NULL;
}

void ks_resolver_before(KsResolver *resolver, const KsRequest *request, KsResolverDone done,
                        gpointer userdata, GDestroyNotify free_userdata)
{
        /* What others ask for is of no use to these: they bring names of their own. */
        gboolean raising = request->verb != KS_VERB_RELOAD && request->verb != KS_VERB_ADD_VPN;
        KsRound *round = ks_engine_begin_round(resolver->engine, request);
        Waiter waiter = { done, userdata, free_userdata };
        Flight *flight = NULL;

        if (!round) {
                done(KS_RESOLVED, userdata);
                return;
        }
        /* However many ask for it, the names are looked up once at a time. */
        if (raising)
                flight = find_raising(resolver);
        if (flight)
                ks_round_free(round);
        else
                flight = take_off(resolver, round, raising);
        if (flight->waiters->len >= WAITERS_MAX) {
                done(KS_RESOLVER_FULL, userdata);
                return;
        }
        g_array_append_val(flight->waiters, waiter);
}

gboolean ks_resolver_is_raising(const KsResolver *resolver)
{
        return find_raising(resolver) != NULL;
}

void ks_resolver_cancel_raising(KsResolver *resolver)
{
        Flight *flight = find_raising(resolver);

        if (!flight)
                return;
        flight->raising = FALSE;
        cancel(flight);
}

void ks_resolver_follow(KsResolver *resolver)
{
        guint epoch = ks_engine_epoch(resolver->engine);
        KsRound *round;

        if (!ks_engine_may_refresh(resolver->engine)) {
                if (resolver->refresh_source)
                        g_source_remove(resolver->refresh_source);
                resolver->refresh_source = 0;
                resolver->refreshed = FALSE;
                return;
        }
        if (epoch != resolver->epoch) {
                resolver->refreshed = FALSE;
                resolver->refresh_delay = 0;
        }
        if (resolver->refreshed || resolver->refresh)
                return;
        round = ks_engine_begin_round(resolver->engine, NULL);
        if (!round)
                return;
        resolver->epoch = epoch;
        resolver->refreshed = TRUE;
        resolver->refresh = take_off(resolver, round, FALSE);
}
