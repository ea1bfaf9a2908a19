/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The project's error domain and its names on the bus. */

#include "common/error.h"
#include "common/names.h"

G_DEFINE_QUARK(ks_error, ks_error)

static const char *const error_names[_KS_ERROR_MAX] = {
        [KS_ERROR_INVALID_ARGUMENT] = KS_ERROR_PREFIX "InvalidArgument",
        [KS_ERROR_NO_SUCH_VPN] = KS_ERROR_PREFIX "NoSuchVpn",
        [KS_ERROR_CONFLICT] = KS_ERROR_PREFIX "Conflict",
        [KS_ERROR_KERNEL] = KS_ERROR_PREFIX "Kernel",
        [KS_ERROR_GUARD_UNAVAILABLE] = KS_ERROR_PREFIX "GuardUnavailable",
        [KS_ERROR_NO_TRIAL] = KS_ERROR_PREFIX "NoTrial",
        [KS_ERROR_NOT_ENGAGED] = KS_ERROR_PREFIX "NotEngaged",
        [KS_ERROR_STORAGE] = KS_ERROR_PREFIX "Storage",
        [KS_ERROR_SETTINGS] = KS_ERROR_PREFIX "Settings",
        [KS_ERROR_LIMITS_EXCEEDED] = KS_ERROR_PREFIX "LimitsExceeded",
};

const char *ks_error_to_name(int code)
{
        g_return_val_if_fail(code >= 0 && code < _KS_ERROR_MAX, error_names[KS_ERROR_KERNEL]);
        return error_names[code];
}
