/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/store.h"
#include "policy/pins.h"

/* Beside the intent, and written as it is. Pins without an address are left out. */
gboolean ks_store_save_pins(KsStore *store, GPtrArray *pins, GError **error);

/**
 * ks_store_load_pins() - read them
 * @error: KS_ERROR_STORAGE when they are there and can't be read or are damaged
 *
 * Returns: new pins, empty on an error: a name that isn't known matches nothing.
 */
GPtrArray *ks_store_load_pins(KsStore *store, GError **error);
