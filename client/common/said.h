/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The service speaks English, to programs and to people. To people it can be put otherwise. */

/**
 * ks_said() - what the service says, in the user's language
 * @english: a sentence of an error, of Degraded or of an audit; NULL is an empty one
 *
 * A sentence that isn't known, of a newer service say, stays as it is.
 *
 * Returns: (transfer full): the sentence, which may hold what is unsafe to print if the one given
 * did, to be freed with g_free().
 */
char *ks_said(const char *english);
