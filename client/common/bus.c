/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connects to a system bus and tells apart the ways in which a call fails. */

#include "client/common/bus.h"

#include <errno.h>
#include <string.h>

#include <glib.h>

#include "common/names.h"

int ks_bus_open(KsTransport transport, const char *where, sd_bus **ret)
{
        switch (transport) {
        case KS_TRANSPORT_REMOTE:
                return sd_bus_open_system_remote(ret, where);
        case KS_TRANSPORT_MACHINE:
                return sd_bus_open_system_machine(ret, where);
        case KS_TRANSPORT_LOCAL:
        default:
                return sd_bus_open_system(ret);
        }
}

int ks_bus_new_call(sd_bus *bus, const char *method, sd_bus_message **ret)
{
        return sd_bus_message_new_method_call(bus, ret, KS_BUS_NAME, KS_OBJECT_PATH, KS_INTERFACE,
                                              method);
}

int ks_bus_ask(sd_bus *bus, const char *method, sd_bus_error *error, sd_bus_message **ret)
{
        return sd_bus_call_method(bus, KS_BUS_NAME, KS_OBJECT_PATH, KS_INTERFACE, method, error,
                                  ret, NULL);
}

int ks_bus_get_state(sd_bus *bus, sd_bus_error *error, sd_bus_message **ret)
{
        return ks_bus_ask(bus, "GetState", error, ret);
}

/* Names that end in a dot stand for all that begin so. */
static const struct {
        const char *name;
        KsFailure failure;
} failures[] = {
        { KS_ERROR_PREFIX, KS_FAILURE_REFUSED },
        { SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED, KS_FAILURE_NOT_ASKED },
        { SD_BUS_ERROR_ACCESS_DENIED, KS_FAILURE_DENIED },
        { SD_BUS_ERROR_AUTH_FAILED, KS_FAILURE_DENIED },
        { SD_BUS_ERROR_SERVICE_UNKNOWN, KS_FAILURE_SERVICE },
        { SD_BUS_ERROR_NAME_HAS_NO_OWNER, KS_FAILURE_SERVICE },
        { SD_BUS_ERROR_NO_REPLY, KS_FAILURE_SERVICE },
        { SD_BUS_ERROR_TIMEOUT, KS_FAILURE_SERVICE },
        { "org.freedesktop.DBus.Error.TimedOut", KS_FAILURE_SERVICE },
        { "org.freedesktop.DBus.Error.Spawn.", KS_FAILURE_SERVICE },
        { "org.freedesktop.systemd1.", KS_FAILURE_SERVICE },
        { SD_BUS_ERROR_DISCONNECTED, KS_FAILURE_BUS },
        { SD_BUS_ERROR_NO_SERVER, KS_FAILURE_BUS },
        { SD_BUS_ERROR_UNKNOWN_METHOD, KS_FAILURE_TOO_OLD },
        { SD_BUS_ERROR_UNKNOWN_INTERFACE, KS_FAILURE_TOO_OLD },
        { SD_BUS_ERROR_UNKNOWN_OBJECT, KS_FAILURE_TOO_OLD },
};

static KsFailure classify_errno(int error)
{
        switch (error) {
        case ENOTCONN:
        case ECONNREFUSED:
        case ECONNRESET:
        case ESHUTDOWN:
        case ENOMEDIUM:
        case EPIPE:
        case EHOSTDOWN:
                return KS_FAILURE_BUS;
        case ETIMEDOUT:
                return KS_FAILURE_SERVICE;
        case EACCES:
        case EPERM:
                return KS_FAILURE_DENIED;
        default:
                return KS_FAILURE_OTHER;
        }
}

KsFailure ks_failure_classify(const sd_bus_error *error, int r)
{
        if (sd_bus_error_is_set(error)) {
                for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
                        const char *name = failures[i].name;
                        bool prefix = g_str_has_suffix(name, ".");

                        if (prefix ? g_str_has_prefix(error->name, name)
                                   : g_str_equal(error->name, name))
                                return failures[i].failure;
                }

                /* libsystemd makes these of a connection that broke. */
                if (!g_str_has_prefix(error->name, "System.Error."))
                        return KS_FAILURE_OTHER;
        }

        return classify_errno(-r);
}
