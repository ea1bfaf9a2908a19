/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What ksctl --help prints. */

#include <stddef.h>

#include "client/ksctl/ksctl.h"

/**
 * help_print() - print the help to standard output
 * @verbs: the table of verbs
 * @n: how many
 */
void help_print(const Verb *verbs, size_t n);
