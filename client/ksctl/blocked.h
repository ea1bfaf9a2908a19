/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What was refused last, for those who show the state. */

#include "client/ksctl/ksctl.h"

/**
 * blocked_describe_last() - the packet that was recorded last, of those that the caller may see
 * @ctl: the run, connected
 *
 * Returns: (transfer full): words that are safe to print, to be freed with g_free(); NULL when
 * there is none.
 */
char *blocked_describe_last(Ksctl *ctl);
