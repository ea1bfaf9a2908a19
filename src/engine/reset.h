/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/**
 * ks_reset_stranded() - end the connections from before that have no way on
 * @plan: what the kernel holds now; the guard stands, so that not even the reset gets out
 *
 * So that programs notice at once, and connect again through the VPN, instead of waiting for
 * answers that can't come. It is a service to them and protects nothing: what fails is logged, a
 * kernel that can't do it once.
 */
void ks_reset_stranded(const KsPlan *plan);
