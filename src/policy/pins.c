/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins: the addresses that names had, kept for when nobody can be asked. */

#include "policy/pins.h"

static void pin_free(KsPin *pin)
{
        g_free(pin->vpn);
        g_free(pin->host);
        g_array_unref(pin->addresses);
        g_free(pin->problem);
        g_free(pin);
}

GPtrArray *ks_pins_new(void)
{
        return g_ptr_array_new_with_free_func((GDestroyNotify)pin_free);
}

KsPin *ks_pins_find(GPtrArray *pins, const char *vpn, const char *host)
{
        for (guint i = 0; i < pins->len; i++) {
                KsPin *pin = g_ptr_array_index(pins, i);

                if (g_str_equal(pin->vpn, vpn) && g_str_equal(pin->host, host))
                        return pin;
        }
        return NULL;
}

KsPin *ks_pins_get(GPtrArray *pins, const char *vpn, const char *host)
{
        KsPin *pin = ks_pins_find(pins, vpn, host);

        if (pin)
                return pin;
        pin = g_new0(KsPin, 1);
        pin->vpn = g_strdup(vpn);
        pin->host = g_strdup(host);
        pin->addresses = g_array_new(FALSE, TRUE, sizeof(KsPinned));
        g_ptr_array_add(pins, pin);
        return pin;
}

static KsPinned *find_address(KsPin *pin, const KsPrefix *address)
{
        for (guint i = 0; i < pin->addresses->len; i++) {
                KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, i);

                if (ks_prefix_equal(&pinned->address, address))
                        return pinned;
        }
        return NULL;
}

/* What an answer has counts from now on; the clock may have been anything before. */
static void take_address(KsPin *pin, const KsPrefix *address, guint64 now)
{
        KsPinned *known = find_address(pin, address);
        KsPinned fresh = { .address = *address, .seen = now };

        if (known) {
                fresh.in_force = known->in_force;
                *known = fresh;
        } else {
                g_array_append_val(pin->addresses, fresh);
        }
}

static void miss_addresses(KsPin *pin, guint64 now)
{
        for (guint i = pin->addresses->len; i > 0; i--) {
                KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, i - 1);

                if (pinned->seen == now)
                        continue;
                if (!pinned->missed || pinned->missed > now)
                        pinned->missed = now;
                else if (now - pinned->missed >= KS_PIN_KEEP_USEC)
                        g_array_remove_index(pin->addresses, i - 1);
        }
}

/* The best first: what the last answer through a tunnel had, then what was seen last. */
static gint compare(gconstpointer a, gconstpointer b)
{
        const KsPinned *one = a, *other = b;

        if (!one->missed != !other->missed)
                return one->missed ? 1 : -1;
        return one->seen > other->seen ? -1 : one->seen < other->seen;
}

void ks_pin_learn(KsPin *pin, const GArray *answer, gboolean by_tunnel, guint64 now)
{
        /* Not in the future, or they would never be the oldest. */
        for (guint i = 0; i < pin->addresses->len; i++) {
                KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, i);

                if (pinned->seen >= now)
                        pinned->seen = now - 1;
        }
        for (guint i = 0; i < answer->len && i < KS_PIN_ANSWER_MAX; i++)
                take_address(pin, &g_array_index(answer, KsPrefix, i), now);
        if (by_tunnel)
                miss_addresses(pin, now);
        /* Stable, so that an answer's own order is kept. */
        g_array_sort(pin->addresses, compare);
        if (pin->addresses->len > KS_PIN_ADDRESSES_MAX)
                g_array_set_size(pin->addresses, KS_PIN_ADDRESSES_MAX);
        g_clear_pointer(&pin->problem, g_free);
}

gboolean ks_pins_prune(GPtrArray *pins, GPtrArray *vpns)
{
        guint before = pins->len;

        for (guint i = pins->len; i > 0; i--) {
                const KsPin *pin = g_ptr_array_index(pins, i - 1);
                gboolean wanted = FALSE;

                for (guint j = 0; j < vpns->len && !wanted; j++) {
                        const KsVpn *vpn = g_ptr_array_index(vpns, j);

                        wanted = vpn->names && g_str_equal(vpn->name, pin->vpn) &&
                                 ks_names_have(vpn->names, pin->host);
                }
                if (!wanted)
                        g_ptr_array_remove_index(pins, i - 1);
        }
        return pins->len < before;
}

static void add_selectors(KsVpn *vpn, const KsNamedEndpoint *endpoint, const KsPrefix *address)
{
        for (guint i = 0; i < vpn->names->templates->len; i++) {
                KsSelector selector = g_array_index(vpn->names->templates, KsSelector, i);
                gboolean known = FALSE;

                selector.remote = *address;
                selector.remote_port = endpoint->port;
                for (guint j = 0; j < vpn->selectors->len && !known; j++)
                        known = ks_selector_equal(&g_array_index(vpn->selectors, KsSelector, j),
                                                  &selector);
                if (!known)
                        g_array_append_val(vpn->selectors, selector);
        }
}

/* What every address is judged by. */
typedef struct Judge {
        const GArray *lan, *inside;
} Judge;

/* One endpoint: its selectors, and how it is shown. */
static void apply_endpoint(GPtrArray *pins, const Judge *judge, KsVpn *vpn,
                           const KsNamedEndpoint *endpoint, GPtrArray *shown)
{
        const KsPin *pin = ks_pins_find(pins, vpn->name, endpoint->host);
        GString *text = g_string_new(endpoint->host);

        if (endpoint->port)
                g_string_append_printf(text, ":%u", endpoint->port);
        for (guint i = 0; pin && i < pin->addresses->len; i++) {
                KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, i);
                g_autofree char *string = ks_prefix_address_to_string(&pinned->address);

                if (ks_names_judge(vpn->names, judge->lan, judge->inside, &pinned->address))
                        continue;
                pinned->in_force = TRUE;
                add_selectors(vpn, endpoint, &pinned->address);
                g_string_append_printf(text, " %s", string);
        }
        g_ptr_array_add(shown, g_string_free(text, FALSE));
}

gboolean ks_pin_in_force(const KsPin *pin)
{
        for (guint i = 0; i < pin->addresses->len; i++)
                if (g_array_index(pin->addresses, KsPinned, i).in_force)
                        return TRUE;
        return FALSE;
}

GArray *ks_pins_inside(GPtrArray *vpns)
{
        GArray *networks = g_array_new(FALSE, TRUE, sizeof(KsPrefix));

        for (guint i = 0; i < vpns->len; i++) {
                const KsVpn *vpn = g_ptr_array_index(vpns, i);

                g_array_append_vals(networks, vpn->prefixes->data, vpn->prefixes->len);
                g_array_append_vals(networks, vpn->inner_servers->data, vpn->inner_servers->len);
        }
        return networks;
}

static void clear_in_force(GPtrArray *pins)
{
        for (guint i = 0; i < pins->len; i++) {
                const KsPin *pin = g_ptr_array_index(pins, i);

                for (guint j = 0; j < pin->addresses->len; j++)
                        g_array_index(pin->addresses, KsPinned, j).in_force = FALSE;
        }
}

void ks_pins_apply(GPtrArray *pins, KsSettings *settings)
{
        g_autoptr(GArray) inside = ks_pins_inside(settings->vpns);
        const Judge judge = { settings->lan_prefixes, inside };

        clear_in_force(pins);
        for (guint i = 0; i < settings->vpns->len; i++) {
                KsVpn *vpn = g_ptr_array_index(settings->vpns, i);
                GPtrArray *shown;

                if (!vpn->names)
                        continue;
                shown = g_ptr_array_new_with_free_func(g_free);
                g_array_set_size(vpn->selectors, vpn->names->fixed);
                for (guint j = 0; j < vpn->names->endpoints->len; j++)
                        apply_endpoint(pins, &judge, vpn, vpn->names->endpoints->pdata[j], shown);
                g_clear_pointer(&vpn->servers, g_ptr_array_unref);
                vpn->servers = shown;
        }
}
