/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <systemd/sd-bus.h>

#include "engine/engine.h"

/* The object /org/killswitch1: the engine's face on the bus. */
typedef struct KsManager KsManager;

/**
 * ks_manager_new() - an object that is not on the bus yet
 *
 * The engine is made with ks_manager_events() and given by ks_manager_set_engine().
 */
KsManager *ks_manager_new(void);
void ks_manager_free(KsManager *manager);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsManager, ks_manager_free)

/* Where the engine tells of what happens, to be turned into signals. */
KsEngineEvents ks_manager_events(KsManager *manager);
void ks_manager_set_engine(KsManager *manager, KsEngine *engine);

/**
 * ks_manager_attach() - export the object, whose name the bus has given us already
 * @bus: the system bus
 *
 * Returns: 0 or a negative errno.
 */
int ks_manager_attach(KsManager *manager, sd_bus *bus);
