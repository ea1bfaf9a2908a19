/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A program on the bus that times its calls.
 *
 * "ping" asks the service for no more than an answer; "polkit ACTION" has polkit check its own
 * connection, as the service would; any other word is a method of the service. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "common/names.h"
#include "stopwatch.h"

static int call_ping(sd_bus *bus, sd_bus_error *error)
{
        return sd_bus_call_method(bus, KS_BUS_NAME, KS_OBJECT_PATH, "org.freedesktop.DBus.Peer",
                                  "Ping", error, NULL, NULL);
}

static int call_polkit(sd_bus *bus, const char *action, sd_bus_error *error)
{
        sd_bus_message *reply = NULL;
        const char *own = NULL;
        int authorized = false;
        int r = sd_bus_get_unique_name(bus, &own);

        if (r >= 0)
                r = sd_bus_call_method(bus, "org.freedesktop.PolicyKit1",
                                       "/org/freedesktop/PolicyKit1/Authority",
                                       "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization",
                                       error, &reply, "(sa{sv})sa{ss}us", "system-bus-name", 1,
                                       "name", "s", own, action, 0, 0, "");
        if (r >= 0)
                r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");
        if (r >= 0)
                r = sd_bus_message_read(reply, "b", &authorized);
        sd_bus_message_unref(reply);
        if (r >= 0 && !authorized)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "polkit says no");
        return r;
}

static int carry_out(sd_bus *bus, const char *order, sd_bus_error *error)
{
        if (strcmp(order, "ping") == 0)
                return call_ping(bus, error);
        if (strncmp(order, "polkit ", 7) == 0)
                return call_polkit(bus, order + 7, error);
        return sd_bus_call_method(bus, KS_BUS_NAME, KS_OBJECT_PATH, KS_INTERFACE, order, error,
                                  NULL, NULL);
}

int main(void)
{
        char line[256];
        sd_bus *bus = NULL;
        int r = sd_bus_open_system(&bus);

        if (r < 0) {
                answer_error("the system bus", strerror(-r));
                return EXIT_FAILURE;
        }
        while (next_order(line, sizeof(line))) {
                sd_bus_error error = SD_BUS_ERROR_NULL;
                int64_t begun = now_nsec();

                r = carry_out(bus, line, &error);
                begun = now_nsec() - begun;
                if (r < 0)
                        answer_error(line, error.message ? error.message : strerror(-r));
                else
                        answer(begun);
                sd_bus_error_free(&error);
        }
        sd_bus_flush_close_unref(bus);
        return EXIT_SUCCESS;
}
