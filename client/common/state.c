/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns the answer of GetState into a value. */

#include "client/common/state.h"

#include <errno.h>
#include <string.h>

#include "common/names.h"

/* One member of a structure that comes as a{sv}. */
typedef struct Field {
        const char *key;
        const char *signature;
        size_t offset;
} Field;

#define VPN_FIELD(key, signature, member)                                                          \
        {                                                                                          \
                key, signature, offsetof(KsVpn, member)                                            \
        }
#define STATE_FIELD(key, signature, member)                                                        \
        {                                                                                          \
                key, signature, offsetof(KsState, member)                                          \
        }

static const Field vpn_fields[] = {
        VPN_FIELD(KS_VPN_NAME, "s", name),          VPN_FIELD(KS_VPN_INTERFACE, "s", interface),
        VPN_FIELD(KS_VPN_KIND, "s", kind),          VPN_FIELD(KS_VPN_TRANSPORT, "s", transport),
        VPN_FIELD(KS_VPN_SOURCE, "s", source),      VPN_FIELD(KS_VPN_ADDRESSES, "as", addresses),
        VPN_FIELD(KS_VPN_SERVERS, "as", servers),   VPN_FIELD(KS_VPN_UP, "b", up),
        VPN_FIELD(KS_VPN_DEFAULT, "b", is_default), { NULL },
};

static const Field state_fields[] = {
        STATE_FIELD(KS_KEY_LAN, "s", lan),
        STATE_FIELD(KS_KEY_GUARD, "s", guard),
        STATE_FIELD(KS_KEY_VERSION, "s", version),
        STATE_FIELD(KS_KEY_DEGRADED, "as", degraded),
        STATE_FIELD(KS_KEY_SINCE, "t", since),
        STATE_FIELD(KS_KEY_DEADLINE, "t", deadline),
        STATE_FIELD(KS_KEY_REMAINING, "t", remaining),
        STATE_FIELD(KS_KEY_BLOCKED, "t", blocked),
        STATE_FIELD(KS_KEY_ENGAGED, "b", engaged),
        STATE_FIELD(KS_KEY_TRIAL, "b", trial),
        STATE_FIELD(KS_KEY_RECORDING, "b", recording),
        { NULL },
};

static void set_string(char **field, const char *value)
{
        g_free(*field);
        *field = g_strdup(value);
}

/* Reads "as" at the message's place into a list that replaces the one in *field. */
static int read_strings(sd_bus_message *m, char ***field)
{
        g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
        const char *item;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read_basic(m, 's', &item)) > 0)
                g_ptr_array_add(list, g_strdup(item));
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;

        g_ptr_array_add(list, NULL);
        g_strfreev(*field);
        *field = (char **)g_ptr_array_steal(list, NULL);
        return 0;
}

/* Reads the variant at the message's place into the member at @place. */
static int read_field(sd_bus_message *m, const char *signature, void *place)
{
        const char *text;
        int flag, r;

        r = sd_bus_message_enter_container(m, 'v', signature);
        if (r < 0)
                return r;

        switch (signature[0]) {
        case 's':
                r = sd_bus_message_read_basic(m, 's', &text);
                if (r > 0)
                        set_string(place, text);
                break;
        case 'b':
                r = sd_bus_message_read_basic(m, 'b', &flag);
                if (r > 0)
                        *(bool *)place = flag;
                break;
        case 't':
                r = sd_bus_message_read_basic(m, 't', place);
                break;
        default:
                r = read_strings(m, place);
                break;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(m);
}

static const Field *find_field(const Field *fields, const char *key)
{
        for (; fields->key; fields++)
                if (g_str_equal(fields->key, key))
                        return fields;
        return NULL;
}

static int read_vpns(sd_bus_message *m, KsState *state);

/* Reads the a{sv} at the message's place into the structure at @base. */
static int read_fields(sd_bus_message *m, const Field *fields, void *base, KsState *state)
{
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const Field *field;
                const char *key;

                r = sd_bus_message_read_basic(m, 's', &key);
                if (r < 0)
                        return r;

                field = find_field(fields, key);
                if (field)
                        r = read_field(m, field->signature, (char *)base + field->offset);
                else if (state && g_str_equal(key, KS_KEY_VPNS))
                        r = read_vpns(m, state);
                else
                        r = sd_bus_message_skip(m, "v");
                if (r < 0)
                        return r;

                r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        return sd_bus_message_exit_container(m);
}

static void vpn_init(KsVpn *vpn)
{
        *vpn = (KsVpn){
                .name = g_strdup(""),
                .interface = g_strdup(""),
                .kind = g_strdup(""),
                .transport = g_strdup(""),
                .source = g_strdup(""),
                .addresses = g_new0(char *, 1),
                .servers = g_new0(char *, 1),
        };
}

static void vpn_clear(KsVpn *vpn)
{
        g_free(vpn->name);
        g_free(vpn->interface);
        g_free(vpn->kind);
        g_free(vpn->transport);
        g_free(vpn->source);
        g_strfreev(vpn->addresses);
        g_strfreev(vpn->servers);
}

static int read_vpns(sd_bus_message *m, KsState *state)
{
        int r;

        r = sd_bus_message_enter_container(m, 'v', "aa{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        if (r < 0)
                return r;

        while ((r = sd_bus_message_at_end(m, false)) == 0) {
                state->vpns = g_renew(KsVpn, state->vpns, state->n_vpns + 1);
                vpn_init(&state->vpns[state->n_vpns]);
                r = read_fields(m, vpn_fields, &state->vpns[state->n_vpns++], NULL);
                if (r < 0)
                        return r;
        }
        if (r < 0)
                return r;

        r = sd_bus_message_exit_container(m);
        if (r < 0)
                return r;
        return sd_bus_message_exit_container(m);
}

static KsState *state_new(const char *word)
{
        KsState *state = g_new(KsState, 1);

        *state = (KsState){
                .state = g_strdup(word),
                .lan = g_strdup(""),
                .guard = g_strdup(""),
                .version = g_strdup(""),
                .degraded = g_new0(char *, 1),
        };
        return state;
}

int ks_state_read(sd_bus_message *reply, KsState **ret)
{
        g_autoptr(KsState) state = NULL;
        const char *word;
        int r;

        r = sd_bus_message_read_basic(reply, 's', &word);
        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;
        state = state_new(word);

        r = read_fields(reply, state_fields, state, state);
        if (r < 0)
                return r;

        *ret = g_steal_pointer(&state);
        return 0;
}

/* As read_field(). */
static int take_field(GVariant *value, const char *signature, void *place)
{
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE(signature)))
                return -ENXIO;

        switch (signature[0]) {
        case 's':
                set_string(place, g_variant_get_string(value, NULL));
                break;
        case 'b':
                *(bool *)place = g_variant_get_boolean(value);
                break;
        case 't':
                *(uint64_t *)place = g_variant_get_uint64(value);
                break;
        default:
                g_strfreev(*(char ***)place);
                *(char ***)place = g_variant_dup_strv(value, NULL);
                break;
        }
        return 0;
}

static int take_vpns(GVariant *value, KsState *state);

/* As read_fields(). */
static int take_fields(GVariant *dictionary, const Field *fields, void *base, KsState *state)
{
        GVariantIter iter;
        const char *key;
        GVariant *item;

        g_variant_iter_init(&iter, dictionary);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &item)) {
                g_autoptr(GVariant) value = item;
                const Field *field = find_field(fields, key);
                int r = 0;

                if (field)
                        r = take_field(value, field->signature, (char *)base + field->offset);
                else if (state && g_str_equal(key, KS_KEY_VPNS))
                        r = take_vpns(value, state);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int take_vpns(GVariant *value, KsState *state)
{
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE("aa{sv}")))
                return -ENXIO;

        for (gsize i = 0; i < g_variant_n_children(value); i++) {
                g_autoptr(GVariant) dictionary = g_variant_get_child_value(value, i);
                int r;

                state->vpns = g_renew(KsVpn, state->vpns, state->n_vpns + 1);
                vpn_init(&state->vpns[state->n_vpns]);
                r = take_fields(dictionary, vpn_fields, &state->vpns[state->n_vpns++], NULL);
                if (r < 0)
                        return r;
        }
        return 0;
}

int ks_state_read_variant(GVariant *reply, KsState **ret)
{
        g_autoptr(GVariant) details = NULL;
        g_autoptr(KsState) state = NULL;
        const char *word;
        int r;

        if (!g_variant_is_of_type(reply, G_VARIANT_TYPE("(sa{sv})")))
                return -EBADMSG;
        g_variant_get(reply, "(&s@a{sv})", &word, &details);
        state = state_new(word);

        r = take_fields(details, state_fields, state, state);
        if (r < 0)
                return r;

        *ret = g_steal_pointer(&state);
        return 0;
}

KsState *ks_state_free(KsState *state)
{
        if (!state)
                return NULL;

        g_free(state->state);
        g_free(state->lan);
        g_free(state->guard);
        g_free(state->version);
        g_strfreev(state->degraded);
        for (size_t i = 0; i < state->n_vpns; i++)
                vpn_clear(&state->vpns[i]);
        g_free(state->vpns);
        g_free(state);
        return NULL;
}

bool ks_state_in_force(const KsState *state)
{
        return state->engaged && !g_str_equal(state->state, KS_STATE_PAUSED);
}
