/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ksctl show: the state as properties, for scripts. */

#include <stdio.h>

#include "client/common/i18n.h"
#include "client/ksctl/call.h"
#include "client/ksctl/output.h"
#include "client/ksctl/report.h"
#include "client/ksctl/suggest.h"
#include "client/ksctl/value.h"
#include "common/cleanup.h"

static ExitStatus report_unknown_property(const json_t *state, const char *name)
{
        g_autoptr(GPtrArray) names = g_ptr_array_new();
        const char *key, *nearest;
        json_t *value;

        json_object_foreach((json_t *)state, key, value) g_ptr_array_add(names, (gpointer)key);

        nearest = suggest_nearest(name, (const char *const *)names->pdata, names->len);
        if (nearest)
                return report_usage(_("There is no property '%s'. Did you mean '%s'?"), name,
                                    nearest);
        return report_usage(_("There is no property '%s'; 'ksctl show' lists them."), name);
}

/* The properties that were asked for, in that order; all of them without -p. */
static ExitStatus select_properties(const Ksctl *ctl, json_t *state, json_t **ret)
{
        json_auto_t *selection = json_object();

        if (ctl->properties->len == 0) {
                *ret = json_incref(state);
                return STATUS_DONE;
        }

        for (guint i = 0; i < ctl->properties->len; i++) {
                const char *name = g_ptr_array_index(ctl->properties, i);
                json_t *value = json_object_get(state, name);

                if (!value)
                        return report_unknown_property(state, name);
                (void)json_object_set(selection, name, value);
        }

        *ret = g_steal_pointer(&selection);
        return STATUS_DONE;
}

ExitStatus verb_show(Ksctl *ctl)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        json_auto_t *state = NULL, *selection = NULL;
        ExitStatus status;
        const char *key;
        json_t *value;
        int r;

        status = call_get_state(ctl, &reply);
        if (status != STATUS_DONE)
                return status;
        r = value_read_state(reply, &state);
        if (r < 0)
                return report_bad_answer(r);
        status = select_properties(ctl, state, &selection);
        if (status != STATUS_DONE)
                return status;

        if (ctl->json != JSON_MODE_OFF) {
                output_json(ctl->json, selection);
                return STATUS_DONE;
        }
        json_object_foreach(selection, key, value) value_print(key, value, ctl->value_only);
        return STATUS_DONE;
}
