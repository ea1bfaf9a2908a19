/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

#include "engine/profile.h"

/**
 * ks_options_read() - take the arguments of AddVpn from a call
 * @message: at its beginning, of signature "sa{sv}"
 * @profile: set on success
 * @error: KS_ERROR_INVALID_ARGUMENT or KS_ERROR_LIMITS_EXCEEDED, when a value isn't right
 *
 * Returns: 0 with @profile or @error set, or a negative errno when the message can't be read.
 */
int ks_options_read(sd_bus_message *message, KsProfile **profile, GError **error);
