/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* Only built with -Dtest_switches=true: a plan that lacks one single protection,
 * so that the tests can show that they notice. */

/**
 * ks_without_choose() - the protection that plans shall lack from now on
 * @name: one of the names in without.c; NULL or "" for none
 *
 * Returns: FALSE for a name that it doesn't know.
 */
gboolean ks_without_choose(const char *name);

/* Takes the protection out of a complete plan, as far as that has it. */
void ks_without_apply(KsPlan *plan);

/* Whether the protection of that name is left out, for what is no part of the plan. */
gboolean ks_without(const char *name);
