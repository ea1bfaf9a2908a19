/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of VPN servers: what is asked when, what becomes of the answers. */

#include <string.h>

#include "common/error.h"
#include "common/log.h"
#include "common/messages.h"
#include "engine/hosts.h"
#include "engine/names.h"
#include "engine/round.h"
#include "engine/store-pins.h"

static void answer_free(KsAnswer *answer)
{
        g_free(answer->host);
        g_clear_pointer(&answer->addresses, g_array_unref);
        g_free(answer->problem);
        g_free(answer);
}

void ks_round_free(KsRound *round)
{
        if (!round)
                return;
        g_ptr_array_unref(round->answers);
        g_ptr_array_unref(round->vpns);
        g_array_unref(round->lan);
        g_array_unref(round->inside);
        g_free(round);
}

static KsAnswer *find_answer(KsRound *round, const char *host)
{
        for (guint i = 0; i < round->answers->len; i++) {
                KsAnswer *answer = g_ptr_array_index(round->answers, i);

                if (g_str_equal(answer->host, host))
                        return answer;
        }
        return NULL;
}

static void ask_for(KsEngine *engine, KsRound *round, const KsVpn *vpn)
{
        g_ptr_array_add(round->vpns, ks_vpn_copy(vpn));
        for (guint i = 0; i < vpn->names->endpoints->len; i++) {
                const KsNamedEndpoint *endpoint = vpn->names->endpoints->pdata[i];
                const KsPin *pin = ks_pins_find(engine->pins, vpn->name, endpoint->host);
                KsAnswer *answer;

                if (!pin || !ks_pin_in_force(pin))
                        round->all_known = FALSE;
                if (find_answer(round, endpoint->host))
                        continue;
                answer = g_new0(KsAnswer, 1);
                answer->host = g_strdup(endpoint->host);
                g_ptr_array_add(round->answers, answer);
        }
}

static gboolean carries_all(const KsEngine *engine)
{
        return engine->state == KS_PROTECTING;
}

static gboolean has_names(const KsSettings *settings)
{
        for (guint i = 0; i < settings->vpns->len; i++)
                if (((KsVpn *)g_ptr_array_index(settings->vpns, i))->names)
                        return TRUE;
        return FALSE;
}

/* Before the way is closed, and before new settings are judged by their names. */
static gboolean request_asks(const KsEngine *engine, const KsRequest *request)
{
        switch (request->verb) {
        case KS_VERB_ENGAGE:
        case KS_VERB_TRIAL:
        case KS_VERB_RESUME:
                return !ks_intent_is_up(&engine->intent);
        case KS_VERB_RELOAD:
        case KS_VERB_ADD_VPN:
                return TRUE;
        default:
                return FALSE;
        }
}

KsRound *ks_engine_begin_round(KsEngine *engine, const KsRequest *request)
{
        g_autoptr(KsSettings) fresh = NULL;
        const KsSettings *settings = engine->settings;
        KsRound *round;

        if (request && !request_asks(engine, request))
                return NULL;
        /* A mistake in the files is told by the request itself. */
        if (request && request->verb == KS_VERB_RELOAD)
                settings = fresh = ks_settings_load(&engine->dirs, NULL, NULL);
        if (request && request->verb == KS_VERB_ADD_VPN)
                settings = fresh = ks_engine_settings_after(engine, request, NULL);
        if (!settings || !has_names(settings))
                return NULL;
        round = g_new0(KsRound, 1);
        round->answers = g_ptr_array_new_with_free_func((GDestroyNotify)answer_free);
        round->vpns = g_ptr_array_new_with_free_func((GDestroyNotify)ks_vpn_free);
        round->lan = g_array_copy(settings->lan_prefixes);
        round->inside = ks_pins_inside(settings->vpns);
        round->all_known = TRUE;
        /* With LanDns=yes the resolver may be the LAN's all the same. */
        round->by_tunnel = carries_all(engine) && !engine->settings->lan_dns;
        round->epoch = engine->epoch;
        for (guint i = 0; i < settings->vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(settings->vpns, i);

                if (vpn->names)
                        ask_for(engine, round, vpn);
        }
        return round;
}

/* Networks inside VPNs: of the sections, their links, servers that are reached through another,
 * and what was remembered. Not what WireGuard links without a section allow: that may be all of the
 * Internet but for some holes. */
static GArray *tunnels(KsEngine *engine, KsRound *round)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);
        GArray *networks = g_array_new(FALSE, TRUE, sizeof(KsPrefix));

        plan = plan ? plan : engine->idle_plan;
        for (guint i = 0; plan && i < plan->vpns->len; i++) {
                const KsVpn *vpn = ((KsPlanVpn *)g_ptr_array_index(plan->vpns, i))->vpn;

                if (!vpn->from_settings)
                        continue;
                g_array_append_vals(networks, vpn->prefixes->data, vpn->prefixes->len);
                g_array_append_vals(networks, vpn->inner_servers->data, vpn->inner_servers->len);
        }
        g_array_append_vals(networks, round->inside->data, round->inside->len);
        g_array_append_vals(networks, engine->intent.networks, engine->intent.n_networks);
        return networks;
}

static void set_problem(KsPin *pin, const char *address, const char *problem)
{
        g_free(pin->problem);
        pin->problem = address ? g_strdup_printf("its address %s %s", address, problem)
                               : g_strdup(problem);
}

/* One name of one VPN. */
static void learn_one(KsEngine *engine, KsRound *round, const KsVpn *vpn, const char *host,
                      const GArray *inside)
{
        KsPin *pin = ks_pins_get(engine->pins, vpn->name, host);
        const KsAnswer *answer = find_answer(round, host);
        g_autoptr(GArray) fit = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        g_autofree char *refused = NULL;
        const char *why = NULL;

        for (guint i = 0; answer->addresses && i < answer->addresses->len; i++) {
                const KsPrefix *address = &g_array_index(answer->addresses, KsPrefix, i);
                const char *problem = ks_names_judge(vpn->names, round->lan, inside, address);

                if (!problem) {
                        ks_prefix_array_add(fit, address);
                } else if (!refused) {
                        refused = ks_prefix_address_to_string(address);
                        why = problem;
                }
        }
        if (fit->len > 0)
                ks_pin_learn(pin, fit,
                             round->by_tunnel && carries_all(engine) &&
                                     round->epoch == engine->epoch,
                             ks_now().realtime);
        if (refused)
                set_problem(pin, refused, why);
        else if (fit->len == 0)
                set_problem(pin, NULL, answer->problem ? answer->problem : "it has no address");
        pin->refused = refused != NULL;
        if (pin->problem)
                ks_log_event(LOG_WARNING, KS_MESSAGE_NAMES_FAILED,
                             KS_FIELDS(KS_FIELD_VPN, vpn->name, KS_FIELD_SERVER, host),
                             "The server %s of the VPN %s: %s", host, vpn->name, pin->problem);
}

/* What the selectors are made of, to see whether they change. */
static char *digest(GPtrArray *pins)
{
        GString *text = g_string_new(NULL);

        for (guint i = 0; i < pins->len; i++) {
                const KsPin *pin = g_ptr_array_index(pins, i);

                g_string_append_printf(text, "%s %s", pin->vpn, pin->host);
                for (guint j = 0; j < pin->addresses->len; j++) {
                        const KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, j);
                        g_autofree char *address = ks_prefix_address_to_string(&pinned->address);

                        g_string_append_printf(text, " %s", address);
                }
        }
        return g_string_free(text, FALSE);
}

static void save_pins(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;

        if (!ks_store_save_pins(engine->store, engine->pins, &local))
                ks_log_event(LOG_WARNING, KS_MESSAGE_STORAGE_FAILED, NULL, "%s", local->message);
}

gboolean ks_engine_learn(KsEngine *engine, KsRound *round)
{
        g_autoptr(GArray) inside = tunnels(engine, round);
        g_autofree char *before = digest(engine->pins), *after = NULL;
        gboolean complete = TRUE;

        for (guint i = 0; i < round->vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(round->vpns, i);

                for (guint j = 0; j < vpn->names->endpoints->len; j++) {
                        const KsNamedEndpoint *endpoint = vpn->names->endpoints->pdata[j];

                        learn_one(engine, round, vpn, endpoint->host, inside);
                        complete &= find_answer(round, endpoint->host)->addresses != NULL;
                }
        }
        save_pins(engine);
        after = digest(engine->pins);
        if (!g_str_equal(before, after)) {
                ks_log_event(LOG_NOTICE, KS_MESSAGE_NAMES_RESOLVED, NULL,
                             "Addresses of VPN servers have changed");
                if (ks_intent_is_up(&engine->intent))
                        ks_engine_sync(engine, KS_CHANGE_LOST, NULL, NULL);
                else
                        ks_engine_plan_idle(engine);
                engine->hosts_current = FALSE;
        }
        ks_engine_update_state(engine, "settings");
        return complete;
}

guint ks_engine_epoch(const KsEngine *engine)
{
        return engine->epoch;
}

gboolean ks_engine_may_refresh(const KsEngine *engine)
{
        return carries_all(engine) && has_names(engine->settings);
}

void ks_engine_set_runtime_directory(KsEngine *engine, const char *directory)
{
        g_free(engine->runtime_directory);
        engine->runtime_directory = g_strdup(directory);
}

void ks_engine_load_pins(KsEngine *engine)
{
        g_autoptr(GError) local = NULL;

        g_ptr_array_unref(engine->pins);
        engine->pins = ks_store_load_pins(engine->store, &local);
        if (local)
                ks_log_event(LOG_ERR, KS_MESSAGE_STORAGE_FAILED, NULL, "%s", local->message);
}

static gboolean is_in_force(const KsEngine *engine, const char *vpn, const char *host)
{
        for (guint i = 0; i < engine->settings->vpns->len; i++) {
                const KsVpn *known = g_ptr_array_index(engine->settings->vpns, i);

                if (known->names && g_str_equal(known->name, vpn) &&
                    ks_names_have(known->names, host))
                        return TRUE;
        }
        return FALSE;
}

gboolean ks_engine_check_names(const KsEngine *engine, const KsSettings *fresh, GError **error)
{
        for (guint i = 0; i < fresh->vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(fresh->vpns, i);

                for (guint j = 0; vpn->names && j < vpn->names->endpoints->len; j++) {
                        const KsNamedEndpoint *endpoint = vpn->names->endpoints->pdata[j];
                        const KsPin *pin = ks_pins_find(engine->pins, vpn->name, endpoint->host);

                        if ((pin && pin->addresses->len > 0) ||
                            is_in_force(engine, vpn->name, endpoint->host))
                                continue;
                        g_set_error(error, KS_ERROR, KS_ERROR_SETTINGS,
                                    "%s: Endpoint: [VPN %s] '%.60s' can't be used: %s",
                                    endpoint->place, vpn->name, endpoint->host,
                                    pin && pin->problem ? pin->problem
                                                        : "its address is not known");
                        return FALSE;
                }
        }
        return TRUE;
}

void ks_engine_prune_names(KsEngine *engine)
{
        if (ks_pins_prune(engine->pins, engine->settings->vpns))
                save_pins(engine);
        engine->hosts_current = FALSE;
}

/* Which VPNs are up, in order: where a question would go. */
static char *ways(KsEngine *engine)
{
        const KsPlan *plan = ks_enforcer_present_plan(engine->enforcer);
        GString *text = g_string_new(ks_state_to_string(engine->state));

        for (guint i = 0; plan && i < plan->vpns->len; i++) {
                const KsPlanVpn *entry = g_ptr_array_index(plan->vpns, i);

                if (entry->up)
                        g_string_append_printf(text, " %s", entry->vpn->name);
        }
        return g_string_free(text, FALSE);
}

void ks_engine_follow_names(KsEngine *engine)
{
        g_autofree char *now = NULL, *text = NULL;

        if (!has_names(engine->settings) && !engine->ways)
                return;
        now = ways(engine);
        if (g_strcmp0(now, engine->ways) != 0) {
                engine->epoch++;
                g_free(engine->ways);
                engine->ways = g_steal_pointer(&now);
                engine->hosts_current = FALSE;
        }
        if (!engine->runtime_directory || engine->hosts_current)
                return;
        text = ks_hosts_text(engine->pins, ks_intent_is_up(&engine->intent));
        /* Else the next change of anything tries again. */
        engine->hosts_current = ks_hosts_write(engine->runtime_directory, text);
}

void ks_engine_report_names(KsEngine *engine, GPtrArray *degraded)
{
        GPtrArray *vpns = engine->settings->vpns;

        for (guint i = 0; engine->intent.engaged && i < vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(vpns, i);

                for (guint j = 0; vpn->names && j < vpn->names->endpoints->len; j++) {
                        const KsNamedEndpoint *endpoint = vpn->names->endpoints->pdata[j];
                        const KsPin *pin = ks_pins_find(engine->pins, vpn->name, endpoint->host);
                        const char *problem = pin && pin->problem ? pin->problem
                                              : pin && pin->addresses->len > 0
                                                      ? "what is known of old is refused"
                                                      : "it was never looked up";

                        if (!pin || !ks_pin_in_force(pin))
                                g_ptr_array_add(
                                        degraded,
                                        g_strdup_printf("The VPN %s can't reach its server %s, "
                                                        "whose address is not known: %s. 'ksctl "
                                                        "off' and 'ksctl on' look it up again",
                                                        vpn->name, endpoint->host, problem));
                        else if (pin->refused)
                                g_ptr_array_add(
                                        degraded,
                                        g_strdup_printf(
                                                "The server %s of the VPN %s was looked up, "
                                                "and %s; what it had before is kept",
                                                endpoint->host, vpn->name, pin->problem));
                }
        }
}
