/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Lines that fit the terminal, colour where it is wanted, JSON where that is. */

#include <stdio.h>

#include <jansson.h>

#include "client/ksctl/ksctl.h"

typedef enum Colour {
        COLOUR_NONE,
        COLOUR_GOOD,
        COLOUR_WARNING,
        COLOUR_BAD,
} Colour;

/**
 * output_columns() - how wide the lines may be
 * @f: where they go
 *
 * Returns: the terminal's width, or COLUMNS= where that is set; 0 for a file or a pipe, whose lines
 * aren't broken.
 */
unsigned output_columns(FILE *f);

/**
 * output_width() - how many columns a text takes on a terminal
 * @text: valid UTF-8
 *
 * Returns: the number, in which some letters count twice and some don't.
 */
unsigned output_width(const char *text);

/**
 * output_wrapped() - print words, broken between them where the line ends
 * @f: where to
 * @columns: width of a line; 0 for no limit
 * @column: where the first line begins already
 * @indent: how many blanks each further line begins with
 * @text: words that are safe to print
 *
 * Prints no newline at the end.
 */
void output_wrapped(FILE *f, unsigned columns, unsigned column, unsigned indent, const char *text);

/**
 * output_sentence() - print a sentence on lines of its own to standard output
 * @colour: its colour on a terminal
 * @text: words that are safe to print
 */
void output_sentence(Colour colour, const char *text);

/**
 * output_row() - print "Label: text" to standard output
 * @label: at most seven letters in each language, for that is how the rows are aligned
 * @colour: of the text, on a terminal
 * @text: words that are safe to print
 */
void output_row(const char *label, Colour colour, const char *text);

/**
 * output_table() - print columns below each other; a row that has no room on a terminal is folded
 * @cells: strings, row by row
 * @n_columns: how many make a row
 */
void output_table(const GPtrArray *cells, guint n_columns);

/**
 * output_json() - print a value as JSON to standard output
 * @mode: how
 * @value: the value
 *
 * Only ASCII is printed, so that no text from elsewhere reaches a terminal as it is.
 */
void output_json(JsonMode mode, const json_t *value);
