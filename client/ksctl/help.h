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

/* The left column of a table of whole command lines. */
#define HELP_WIDE 38

/**
 * help_print_row() - print a row of a table to standard output
 * @width: of the left column; where it doesn't fit, or the terminal is narrow, the right one has
 *         lines of its own
 * @left: what can be typed
 * @right: what that does
 */
void help_print_row(unsigned width, const char *left, const char *right);

/**
 * help_print_paragraph() - print a paragraph to standard output, in lines of at most 80 columns
 * @text: its words
 */
void help_print_paragraph(const char *text);
