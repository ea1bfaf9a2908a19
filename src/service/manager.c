/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The D-Bus object: every method reads, checks, authorizes, checks again, executes, replies. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/names.h"
#include "service/audits.h"
#include "service/authority.h"
#include "service/blocked.h"
#include "service/manager.h"
#include "service/options.h"
#include "service/report.h"
#include "service/resolver.h"

struct KsManager {
        sd_bus *bus;
        KsEngine *engine;
        KsAuthority *authority;
        KsAudits *audits;
        KsBlockedCalls *blocked;
        KsResolver *resolver;
        GPtrArray *digests; /* of the properties as last signalled */
};

/* Every method that changes something, with the action it takes. A method that
 * is not in here is refused. */
static const struct MethodEntry {
        const char *member;
        KsVerb verb;
        const char *action;
} methods[] = {
        { "Engage", KS_VERB_ENGAGE, KS_ACTION_ENGAGE },
        { "EngageTrial", KS_VERB_TRIAL, KS_ACTION_ENGAGE },
        { "Confirm", KS_VERB_CONFIRM, KS_ACTION_ENGAGE },
        { "Resume", KS_VERB_RESUME, KS_ACTION_ENGAGE },
        { "Release", KS_VERB_RELEASE, KS_ACTION_RELEASE },
        { "Pause", KS_VERB_PAUSE, KS_ACTION_RELEASE },
        { "SetLan", KS_VERB_SET_LAN, KS_ACTION_CONFIGURE },
        { "Reload", KS_VERB_RELOAD, KS_ACTION_CONFIGURE },
        { "AddVpn", KS_VERB_ADD_VPN, KS_ACTION_CONFIGURE },
        { "RemoveVpn", KS_VERB_REMOVE_VPN, KS_ACTION_CONFIGURE },
};

static const struct MethodEntry *find_method(const char *member)
{
        for (guint i = 0; i < G_N_ELEMENTS(methods); i++)
                if (g_strcmp0(methods[i].member, member) == 0)
                        return &methods[i];
        return NULL;
}

/* A call on its way through authorization. */
typedef struct Call {
        KsManager *manager;
        KsRequest request;
        sd_bus_message *message; /* while names are looked up */
} Call;

static int reply_error(sd_bus_message *message, const GError *error)
{
        sd_bus_error reply = SD_BUS_ERROR_NULL;
        const char *name = error->domain == KS_ERROR ? ks_error_to_name(error->code)
                                                     : SD_BUS_ERROR_FAILED;
        g_autofree char *text = ks_report_text(error->message);
        int r;

        sd_bus_error_set(&reply, name, text);
        r = sd_bus_reply_method_error(message, &reply);
        sd_bus_error_free(&reply);
        return r;
}

static void free_call(gpointer userdata)
{
        Call *call = userdata;

        sd_bus_message_unref(call->message);
        ks_request_clear(&call->request);
        g_free(call);
}

static void on_names(KsResolved result, gpointer userdata)
{
        Call *call = userdata;
        sd_bus_message *message = call->message;
        g_autoptr(GError) error = NULL;
        gboolean nothing_to_do = FALSE;

        /* Prompt and names took their time; the world may be another. */
        if (result == KS_RESOLVER_CANCELLED)
                sd_bus_reply_method_errorf(message, KS_ERROR_PREFIX "Conflict",
                                           "It was released while the names of VPN servers were "
                                           "looked up");
        else if (result == KS_RESOLVER_FULL)
                sd_bus_reply_method_errorf(message, KS_ERROR_PREFIX "LimitsExceeded",
                                           "Too many calls wait already for the names of VPN "
                                           "servers to be looked up; try again in ten seconds");
        else if (ks_engine_check(call->manager->engine, &call->request, &nothing_to_do, &error) &&
                 (nothing_to_do ||
                  ks_engine_execute(call->manager->engine, &call->request, &error)))
                sd_bus_reply_method_return(message, NULL);
        else
                reply_error(message, error);
        free_call(call);
}

static void on_verdict(sd_bus_message *message, const sd_bus_error *refusal, gpointer userdata)
{
        Call *call = userdata;

        if (refusal) {
                sd_bus_reply_method_error(message, refusal);
                free_call(call);
                return;
        }
        if (call->request.verb == KS_VERB_RELEASE)
                ks_resolver_cancel_raising(call->manager->resolver);
        call->message = sd_bus_message_ref(message);
        ks_resolver_before(call->manager->resolver, &call->request, on_names, call, free_call);
}

static int read_request(sd_bus_message *message, KsVerb verb, KsRequest *request, GError **error)
{
        const char *text = NULL;
        int r = 0;

        *request = (KsRequest){ .verb = verb };
        /* Handled anew after a wait, a message has been read before. */
        sd_bus_message_rewind(message, true);
        if (verb == KS_VERB_TRIAL || verb == KS_VERB_PAUSE)
                return sd_bus_message_read(message, "t", &request->duration);
        if (verb == KS_VERB_ADD_VPN)
                return ks_options_read(message, &request->profile, error);
        if (verb == KS_VERB_SET_LAN || verb == KS_VERB_REMOVE_VPN)
                r = sd_bus_message_read(message, "s", &text);
        if (r >= 0 && verb == KS_VERB_REMOVE_VPN)
                request->name = g_strdup(text);
        if (r >= 0 && verb == KS_VERB_SET_LAN && !ks_lan_from_string(text, &request->lan))
                g_set_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT,
                            "'%.40s' is none of private, none, all", text);
        return r;
}

static int handle(KsManager *manager, sd_bus_message *message, sd_bus_error *bus_error)
{
        const struct MethodEntry *method = find_method(sd_bus_message_get_member(message));
        g_autoptr(GError) error = NULL;
        gboolean nothing_to_do = FALSE;
        g_auto(KsRequest) request = { 0 };
        Call *call;
        int r;

        if (!method)
                return sd_bus_error_set(bus_error, SD_BUS_ERROR_ACCESS_DENIED,
                                        "No action is known for this method");
        r = read_request(message, method->verb, &request, &error);
        if (r < 0)
                return r;
        if (error || !ks_engine_check(manager->engine, &request, &nothing_to_do, &error))
                return reply_error(message, error);
        /* Off, and about to be raised: that is something to stop. */
        if (method->verb == KS_VERB_RELEASE && ks_resolver_is_raising(manager->resolver))
                nothing_to_do = FALSE;
        if (nothing_to_do)
                return sd_bus_reply_method_return(message, NULL);
        call = g_new(Call, 1);
        *call = (Call){ manager, request, NULL };
        request = (KsRequest){ 0 };
        r = ks_authority_check(manager->authority, message, method->action, on_verdict, call,
                               free_call, bus_error);
        return r < 0 ? r : 1;
}

static int on_method(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        return handle(userdata, message, error);
}

static void on_again(sd_bus_message *message, gpointer userdata)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = handle(userdata, message, &error);

        if (r < 0)
                sd_bus_reply_method_errno(message, r, &error);
        sd_bus_error_free(&error);
}

static int on_get_state(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        KsManager *manager = userdata;
        g_auto(KsReport) report = { 0 };
        sd_bus_message *reply = NULL;
        int r = sd_bus_message_new_method_return(message, &reply);

        (void)error;
        if (r < 0)
                return r;
        ks_engine_report(manager->engine, &report);
        r = ks_report_append_state(reply, &report, ks_engine_blocked(manager->engine),
                                   ks_engine_is_recording(manager->engine));
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static int on_audit(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        KsManager *manager = userdata;

        return ks_audits_call(manager->audits, message, error);
}

static int on_get_blocked(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
        KsManager *manager = userdata;

        return ks_blocked_calls_take(manager->blocked, message, error);
}

static int on_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        KsManager *manager = userdata;
        g_auto(KsReport) report = { 0 };

        (void)bus;
        (void)path;
        (void)interface;
        (void)error;
        if (g_str_equal(property, KS_KEY_BLOCKED))
                return sd_bus_message_append(reply, "t", ks_engine_blocked(manager->engine));
        ks_engine_report(manager->engine, &report);
        return ks_report_append_property(reply, &report, property);
}

/* Everybody may call: the bus policy says so, and polkit decides. */
#define OPEN SD_BUS_VTABLE_UNPRIVILEGED
#define PROPERTY(name, type, flags) SD_BUS_PROPERTY(name, type, on_property, 0, flags)

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Engage", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Release", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("GetState", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("s", state, "a{sv}", details), on_get_state, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Audit", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("b", sound, "a(sss)", findings), on_audit, OPEN),
        SD_BUS_METHOD_WITH_ARGS("GetBlocked", SD_BUS_NO_ARGS,
                                SD_BUS_RESULT("b", recording, "aa{sv}", rows), on_get_blocked,
                                OPEN),
        SD_BUS_METHOD_WITH_ARGS("EngageTrial", SD_BUS_ARGS("t", duration), SD_BUS_NO_RESULT,
                                on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Confirm", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Pause", SD_BUS_ARGS("t", duration), SD_BUS_NO_RESULT, on_method,
                                OPEN),
        SD_BUS_METHOD_WITH_ARGS("Resume", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("SetLan", SD_BUS_ARGS("s", lan), SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("Reload", SD_BUS_NO_ARGS, SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("AddVpn", SD_BUS_ARGS("s", name, "a{sv}", options),
                                SD_BUS_NO_RESULT, on_method, OPEN),
        SD_BUS_METHOD_WITH_ARGS("RemoveVpn", SD_BUS_ARGS("s", name), SD_BUS_NO_RESULT, on_method,
                                OPEN),
        SD_BUS_SIGNAL_WITH_NAMES("StateChanged", "sss",
                                 SD_BUS_PARAM(old) SD_BUS_PARAM(new) SD_BUS_PARAM(reason), 0),
        SD_BUS_SIGNAL_WITH_NAMES("Repaired", "ss", SD_BUS_PARAM(layer) SD_BUS_PARAM(what), 0),
        PROPERTY(KS_KEY_STATE, "s", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_ENGAGED, "b", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_LAN, "s", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_VPNS, "aa{sv}", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_SINCE, "t", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_DEADLINE, "t", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_TRIAL, "b", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_GUARD, "s", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_DEGRADED, "as", SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        PROPERTY(KS_KEY_BLOCKED, "t", 0),
        PROPERTY(KS_KEY_VERSION, "s", SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

KsManager *ks_manager_new(void)
{
        return g_new0(KsManager, 1);
}

void ks_manager_free(KsManager *manager)
{
        if (!manager)
                return;
        ks_audits_free(manager->audits);
        ks_blocked_calls_free(manager->blocked);
        ks_resolver_free(manager->resolver);
        ks_authority_free(manager->authority);
        if (manager->digests)
                g_ptr_array_unref(manager->digests);
        sd_bus_unref(manager->bus);
        g_free(manager);
}

void ks_manager_set_engine(KsManager *manager, KsEngine *engine)
{
        manager->engine = engine;
}

static void on_state_changed(KsState old, KsState new, const char *reason, void *userdata)
{
        KsManager *manager = userdata;

        if (manager->bus)
                sd_bus_emit_signal(manager->bus, KS_OBJECT_PATH, KS_INTERFACE, "StateChanged",
                                   "sss", ks_state_to_string(old), ks_state_to_string(new), reason);
}

static void on_repaired(const char *layer, const char *what, void *userdata)
{
        g_autofree char *text = ks_report_text(what);
        KsManager *manager = userdata;

        if (manager->bus)
                sd_bus_emit_signal(manager->bus, KS_OBJECT_PATH, KS_INTERFACE, "Repaired", "ss",
                                   layer, text);
}

/* Tells of the properties that are not what they were. */
static void on_changed(void *userdata)
{
        KsManager *manager = userdata;
        g_auto(KsReport) report = { 0 };
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        GPtrArray *fresh;

        if (!manager->bus)
                return;
        ks_resolver_follow(manager->resolver);
        ks_engine_report(manager->engine, &report);
        fresh = ks_report_digests(&report);
        for (guint i = 0; manager->digests && i < fresh->len; i++)
                if (!g_str_equal(g_ptr_array_index(fresh, i),
                                 g_ptr_array_index(manager->digests, i)))
                        g_ptr_array_add(names, (gpointer)ks_report_signalling[i]);
        g_clear_pointer(&manager->digests, g_ptr_array_unref);
        manager->digests = fresh;
        if (names->len == 0)
                return;
        g_ptr_array_add(names, NULL);
        sd_bus_emit_properties_changed_strv(manager->bus, KS_OBJECT_PATH, KS_INTERFACE,
                                            (char **)names->pdata);
}

KsEngineEvents ks_manager_events(KsManager *manager)
{
        return (KsEngineEvents){
                .state_changed = on_state_changed,
                .repaired = on_repaired,
                .changed = on_changed,
                .userdata = manager,
        };
}

int ks_manager_attach(KsManager *manager, sd_bus *bus)
{
        int r = sd_bus_add_object_vtable(bus, NULL, KS_OBJECT_PATH, KS_INTERFACE, vtable, manager);

        if (r < 0)
                return r;
        manager->bus = sd_bus_ref(bus);
        manager->authority = ks_authority_new(bus, on_again, manager);
        manager->audits = ks_audits_new(manager->engine);
        manager->blocked = ks_blocked_calls_new(bus, manager->engine);
        manager->resolver = ks_resolver_new(bus, manager->engine);
        on_changed(manager);
        return 0;
}
