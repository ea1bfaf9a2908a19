/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* One error domain for the whole project. The codes cross the bus as
 * org.killswitch1.Error.NAME and mean the same on both sides. */
typedef enum KsError {
        KS_ERROR_INVALID_ARGUMENT,
        KS_ERROR_NO_SUCH_VPN,
        KS_ERROR_CONFLICT,
        KS_ERROR_KERNEL,
        KS_ERROR_GUARD_UNAVAILABLE,
        KS_ERROR_NO_TRIAL,
        KS_ERROR_NOT_ENGAGED,
        KS_ERROR_STORAGE,
        KS_ERROR_SETTINGS,
        KS_ERROR_LIMITS_EXCEEDED,
        _KS_ERROR_MAX,
} KsError;

#define KS_ERROR (ks_error_quark())
GQuark ks_error_quark(void);

/**
 * ks_error_to_name() - the D-Bus error name of a code
 * @code: one of KsError
 *
 * Returns: a static string, "org.killswitch1.Error.Kernel" for example.
 */
const char *ks_error_to_name(int code);
