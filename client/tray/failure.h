/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Why something wasn't done, and what can be done about it. */

#include "client/tray/service.h"

/**
 * failure_title() - what wasn't done
 * @outcome: of a call that has failed
 *
 * Returns: a static string in the user's language.
 */
const char *failure_title(const Outcome *outcome);

/**
 * failure_explain() - why, and what helps
 * @outcome: of a call that has failed
 *
 * Returns: (transfer full): sentences that are safe to print, to be freed with g_free().
 */
char *failure_explain(const Outcome *outcome);
