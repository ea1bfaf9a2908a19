/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

/**
 * ks_bus_source_new() - an sd-bus connection as a GSource
 * @bus: a reference is taken
 *
 * Events and timeout are asked of the connection in every prepare, since they
 * change with what is queued; one message is dispatched at a time, so that other
 * sources get their turn. The caller sets a callback, which is called once when
 * the connection is lost.
 *
 * Returns: a new source that is not attached.
 */
GSource *ks_bus_source_new(sd_bus *bus);
