/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether the text of a settings file is taken, and what is said against it. */

#include "common/error.h"
#include "engine/settings.h"
#include "tests/unit/settings-text.h"

static inline void assert_good(const char *text, const char *expected)
{
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSettings) settings = NULL;
        g_autofree char *got = NULL;

        g_test_message("%s", text);
        settings = ks_settings_parse(text, "f", &error);
        g_assert_no_error(error);
        got = settings_text(settings);
        g_assert_cmpstr(got, ==, expected);
}

static inline void assert_bad(const char *text, const char *expected)
{
        g_autoptr(GError) error = NULL;

        g_test_message("%s", text);
        g_assert_null(ks_settings_parse(text, "f", &error));
        g_assert_error(error, KS_ERROR, KS_ERROR_SETTINGS);
        g_assert_cmpstr(error->message, ==, expected);
        g_assert_null(ks_settings_parse(text, "f", NULL));
}
