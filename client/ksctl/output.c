/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints lines that fit the terminal. */

#include "client/ksctl/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define LABEL_WIDTH 7
#define JSON_INDENT_PRETTY 8
#define COLUMNS_MAX 1000
#define TABLE_GAP 2
#define TABLE_INDENT 4

static unsigned columns_from_environment(void)
{
        const char *text = getenv("COLUMNS");
        guint64 columns;

        if (!text || !g_ascii_string_to_unsigned(text, 10, 1, COLUMNS_MAX, &columns, NULL))
                return 0;
        return (unsigned)columns;
}

unsigned output_columns(FILE *f)
{
        unsigned columns = columns_from_environment();
        struct winsize size;

        if (columns > 0)
                return columns;
        if (!isatty(fileno(f)))
                return 0;
        if (ioctl(fileno(f), TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return 80;
        return size.ws_col;
}

static bool want_colour(FILE *f)
{
        const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");

        if (no_colour && *no_colour)
                return false;
        return isatty(fileno(f)) && term && *term && strcmp(term, "dumb") != 0;
}

static const char *colour_sequence(FILE *f, Colour colour)
{
        static const char *const sequences[] = {
                [COLOUR_NONE] = "",
                [COLOUR_GOOD] = "\x1b[1;32m",
                [COLOUR_WARNING] = "\x1b[1;33m",
                [COLOUR_BAD] = "\x1b[1;31m",
        };

        return want_colour(f) ? sequences[colour] : "";
}

/* How many columns of a terminal that takes. */
static unsigned text_width(const char *text, size_t length)
{
        unsigned width = 0;

        for (const char *p = text; p < text + length; p = g_utf8_next_char(p)) {
                gunichar c = g_utf8_get_char(p);

                if (!g_unichar_iszerowidth(c))
                        width += g_unichar_iswide(c) ? 2 : 1;
        }
        return width;
}

unsigned output_width(const char *text)
{
        return text_width(text, strlen(text));
}

void output_wrapped(FILE *f, unsigned columns, unsigned column, unsigned indent, const char *text)
{
        bool line_start = true;

        while (*(text += strspn(text, " ")) != '\0') {
                size_t length = strcspn(text, " ");
                unsigned width = text_width(text, length);

                unsigned end = column + (line_start ? 0 : 1) + width;

                /* Behind a long beginning not even the first word may have room. */
                if ((!line_start || column > indent) && columns > 0 && end > columns) {
                        fprintf(f, "\n%*s", (int)indent, "");
                        column = indent;
                        line_start = true;
                }
                if (!line_start) {
                        fputc(' ', f);
                        column++;
                }
                fwrite(text, 1, length, f);
                column += width;
                text += length;
                line_start = false;
        }
}

static void print_coloured(Colour colour, unsigned column, const char *text)
{
        const char *sequence = colour_sequence(stdout, colour);

        fputs(sequence, stdout);
        output_wrapped(stdout, output_columns(stdout), column, column, text);
        fputs(*sequence ? "\x1b[0m\n" : "\n", stdout);
}

void output_sentence(Colour colour, const char *text)
{
        print_coloured(colour, 0, text);
}

void output_row(const char *label, Colour colour, const char *text)
{
        unsigned width = output_width(label);

        printf("%*s%s: ", (int)(LABEL_WIDTH - MIN(width, LABEL_WIDTH)), "", label);
        print_coloured(colour, MAX(width, LABEL_WIDTH) + 2, text);
}

/* One row, on as many lines as it takes; a cell that is empty takes none. */
static void print_folded(gpointer *cells, guint n_columns, unsigned columns)
{
        unsigned column = 0;

        for (guint c = 0; c < n_columns; c++) {
                const char *cell = cells[c];
                unsigned width = output_width(cell);

                if (width == 0)
                        continue;
                if (column > 0 && column + TABLE_GAP + width > columns) {
                        printf("\n%*s", TABLE_INDENT, "");
                        column = TABLE_INDENT;
                } else if (column > 0) {
                        printf("%*s", TABLE_GAP, "");
                        column += TABLE_GAP;
                }
                fputs(cell, stdout);
                column += width;
        }
        putchar('\n');
}

void output_table(const GPtrArray *cells, guint n_columns)
{
        g_autofree unsigned *widths = g_new0(unsigned, n_columns);
        /* A program takes a line for a row, however narrow COLUMNS= is. */
        unsigned columns = isatty(STDOUT_FILENO) ? output_columns(stdout) : 0, total = 0;

        for (guint i = 0; i < cells->len; i++)
                widths[i % n_columns] = MAX(widths[i % n_columns], output_width(cells->pdata[i]));
        for (guint c = 0; c < n_columns; c++)
                total += widths[c] + (c > 0 ? TABLE_GAP : 0);

        for (guint row = 0; row + n_columns <= cells->len; row += n_columns) {
                if (columns > 0 && total > columns) {
                        print_folded(cells->pdata + row, n_columns, columns);
                        continue;
                }
                for (guint c = 0; c + 1 < n_columns; c++) {
                        const char *cell = cells->pdata[row + c];

                        printf("%s%*s", cell, (int)(widths[c] - output_width(cell) + TABLE_GAP),
                               "");
                }
                puts(cells->pdata[row + n_columns - 1]);
        }
}

void output_json(JsonMode mode, const json_t *value)
{
        size_t flags = JSON_ENSURE_ASCII;

        if (mode == JSON_MODE_AUTO)
                mode = isatty(STDOUT_FILENO) ? JSON_MODE_PRETTY : JSON_MODE_SHORT;

        flags |= mode == JSON_MODE_PRETTY ? JSON_INDENT(JSON_INDENT_PRETTY) : JSON_COMPACT;
        (void)json_dumpf(value, stdout, flags);
        fputc('\n', stdout);
}
