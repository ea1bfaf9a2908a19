/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds the user's language. */

#include "client/common/i18n.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>

#include "client/common/text.h"
#include "config.h"

void ks_i18n_init(void)
{
        /* Not the numbers: what "show" prints is read by programs, too. */
        (void)setlocale(LC_CTYPE, "");
        (void)setlocale(LC_MESSAGES, "");

        /* All text here is UTF-8. What can't show that gets plain English. */
        if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
                ks_i18n_neutral();
                ks_text_ascii_only();
        }

        (void)bindtextdomain(KS_GETTEXT_DOMAIN, KS_LOCALE_DIR);
        (void)bind_textdomain_codeset(KS_GETTEXT_DOMAIN, "UTF-8");
}

void ks_i18n_neutral(void)
{
        (void)setlocale(LC_MESSAGES, "C");
}
