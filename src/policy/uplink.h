/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan-private.h"

/**
 * ks_planner_add_uplinks() - hook the guard's egress table to every uplink
 * @planner: with the VPNs planned
 *
 * A link that can't be guarded so becomes a problem.
 */
void ks_planner_add_uplinks(Planner *planner);
