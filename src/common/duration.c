/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads and writes spans of time in the units that people use. */

#include "common/duration.h"

#include <stdarg.h>
#include <string.h>

#include "common/names.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC (1000 * USEC_PER_MSEC)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_PER_WEEK (7 * USEC_PER_DAY)

#define BLANKS " \t"
#define EXAMPLES "write for example 90s, 5m or 1h30m"

G_DEFINE_QUARK(ks_duration_error, ks_duration_error)

static const struct {
        const char *name;
        uint64_t usec;
} units[] = {
        { "us", 1 },
        { "usec", 1 },
        { "ms", USEC_PER_MSEC },
        { "msec", USEC_PER_MSEC },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "m", USEC_PER_MINUTE },
        { "min", USEC_PER_MINUTE },
        { "minute", USEC_PER_MINUTE },
        { "minutes", USEC_PER_MINUTE },
        { "h", USEC_PER_HOUR },
        { "hr", USEC_PER_HOUR },
        { "hour", USEC_PER_HOUR },
        { "hours", USEC_PER_HOUR },
        { "d", USEC_PER_DAY },
        { "day", USEC_PER_DAY },
        { "days", USEC_PER_DAY },
        { "w", USEC_PER_WEEK },
        { "week", USEC_PER_WEEK },
        { "weeks", USEC_PER_WEEK },
};

/* One number of the text, as it stands there. */
typedef struct Number {
        uint64_t whole;
        const char *fraction; /* digits behind the point */
        size_t n_fraction;
} Number;

static const char *skip_blanks(const char *p)
{
        return p + strspn(p, BLANKS);
}

G_GNUC_PRINTF(3, 4)
static bool fail(GError **error, KsDurationError code, const char *format, ...)
{
        va_list arguments;

        if (error) {
                va_start(arguments, format);
                *error = g_error_new_valist(KS_DURATION_ERROR, (int)code, format, arguments);
                va_end(arguments);
        }
        return false;
}

static bool overflow(const char *shown, GError **error)
{
        return fail(error, KS_DURATION_ERROR_OVERFLOW,
                    "The duration '%s' is too long to be counted.", shown);
}

/* Reads digits and an optional fraction at *p, and moves *p behind them. */
static bool read_number(const char **p, const char *shown, Number *ret, GError **error)
{
        Number n = { 0 };

        if (!g_ascii_isdigit(**p))
                return fail(error, KS_DURATION_ERROR_GARBAGE,
                            "'%s' is not a duration; " EXAMPLES ".", shown);

        for (; g_ascii_isdigit(**p); (*p)++)
                if (__builtin_mul_overflow(n.whole, 10, &n.whole) ||
                    __builtin_add_overflow(n.whole, (uint64_t)(**p - '0'), &n.whole))
                        return overflow(shown, error);

        if (**p == '.') {
                n.fraction = ++*p;
                while (g_ascii_isdigit(**p))
                        (*p)++;
                n.n_fraction = (size_t)(*p - n.fraction);
                if (n.n_fraction == 0)
                        return fail(error, KS_DURATION_ERROR_GARBAGE,
                                    "'%s' has no digits behind the point; " EXAMPLES ".", shown);
        }

        *ret = n;
        return true;
}

/* Reads the unit at *p, and moves *p behind it. Only a number alone goes without: seconds. */
static bool read_unit(const char **p, const char *shown, bool first, uint64_t *ret, GError **error)
{
        size_t length = strcspn(*p, BLANKS "0123456789.+-");

        if (length == 0 && first && **p == '\0') {
                *ret = USEC_PER_SEC;
                return true;
        }
        if (length == 0)
                return fail(error, KS_DURATION_ERROR_UNIT,
                            "A number in '%s' has no unit; " EXAMPLES ".", shown);

        for (size_t i = 0; i < G_N_ELEMENTS(units); i++)
                if (strlen(units[i].name) == length && memcmp(units[i].name, *p, length) == 0) {
                        *ret = units[i].usec;
                        *p += length;
                        return true;
                }

        return fail(error, KS_DURATION_ERROR_UNIT,
                    "'%s' has an unknown unit; the units are ms, s, min, h, d and w.", shown);
}

/* Adds number * unit to *total; false when 64 bits don't hold it. */
static bool add(uint64_t *total, const Number *number, uint64_t unit)
{
        uint64_t product, part = unit;

        if (__builtin_mul_overflow(number->whole, unit, &product) ||
            __builtin_add_overflow(*total, product, total))
                return false;

        for (size_t i = 0; i < number->n_fraction && part > 0; i++) {
                part /= 10;
                if (__builtin_add_overflow(*total, part * (uint64_t)(number->fraction[i] - '0'),
                                           total))
                        return false;
        }
        return true;
}

bool ks_duration_parse(const char *text, uint64_t *ret_usec, GError **error)
{
        g_autofree char *shown = NULL;
        uint64_t total = 0;
        const char *p;

        g_return_val_if_fail(text, false);
        g_return_val_if_fail(ret_usec, false);

        shown = g_utf8_make_valid(text, (gssize)strnlen(text, 64));
        p = skip_blanks(text);
        if (*p == '\0')
                return fail(error, KS_DURATION_ERROR_EMPTY, "The duration is empty; " EXAMPLES ".");
        if (*p == '-')
                return fail(error, KS_DURATION_ERROR_NEGATIVE,
                            "The duration '%s' is negative; it has to be above zero.", shown);

        for (bool first = true; *p != '\0'; first = false) {
                Number number = { 0 };
                uint64_t unit = 0;

                if (!read_number(&p, shown, &number, error))
                        return false;
                p = skip_blanks(p);
                if (!read_unit(&p, shown, first, &unit, error))
                        return false;
                if (!add(&total, &number, unit))
                        return overflow(shown, error);
                p = skip_blanks(p);
        }

        if (total == 0)
                return fail(error, KS_DURATION_ERROR_ZERO,
                            "The duration '%s' is zero; it has to be above zero.", shown);

        *ret_usec = total;
        return true;
}

bool ks_duration_check(uint64_t usec, GError **error)
{
        if (usec >= KS_DURATION_MIN_USEC && usec <= KS_DURATION_MAX_USEC)
                return true;

        g_autofree char *present = ks_duration_format(usec);
        g_autofree char *min = ks_duration_format(KS_DURATION_MIN_USEC);
        g_autofree char *max = ks_duration_format(KS_DURATION_MAX_USEC);

        g_set_error(error, KS_DURATION_ERROR, KS_DURATION_ERROR_RANGE,
                    usec < KS_DURATION_MIN_USEC
                            ? "The duration %s is too short; it may last from %s to %s."
                            : "The duration %s is too long; it may last from %s to %s.",
                    present, min, max);
        return false;
}

/* Rounds to the nearest multiple of a unit, in units. */
static uint64_t round_to(uint64_t usec, uint64_t unit)
{
        return usec / unit + (usec % unit >= unit - unit / 2 ? 1 : 0);
}

static char *two_units(uint64_t amount, uint64_t per_large, const char *large, const char *small)
{
        uint64_t high = amount / per_large, low = amount % per_large;

        if (low == 0)
                return g_strdup_printf("%" G_GUINT64_FORMAT " %s", high, large);
        return g_strdup_printf("%" G_GUINT64_FORMAT " %s %" G_GUINT64_FORMAT " %s", high, large,
                               low, small);
}

char *ks_duration_format(uint64_t usec)
{
        uint64_t amount;

        /* Rounding may carry into the next unit, which then has to be written: 59.9 s is 1 min. */
        if (usec < USEC_PER_MSEC)
                return usec == 0 ? g_strdup("0 s") : g_strdup("1 ms");
        if (usec < USEC_PER_SEC) {
                amount = round_to(usec, USEC_PER_MSEC);
                if (amount < 1000)
                        return g_strdup_printf("%" G_GUINT64_FORMAT " ms", amount);
        }
        if (usec < USEC_PER_HOUR) {
                amount = round_to(usec, USEC_PER_SEC);
                if (amount < 60)
                        return g_strdup_printf("%" G_GUINT64_FORMAT " s", amount);
                if (amount < 3600)
                        return two_units(amount, 60, "min", "s");
        }
        if (usec < USEC_PER_DAY) {
                amount = round_to(usec, USEC_PER_MINUTE);
                if (amount < 24 * 60)
                        return two_units(amount, 60, "h", "min");
        }
        return two_units(round_to(usec, USEC_PER_HOUR), 24, "d", "h");
}
