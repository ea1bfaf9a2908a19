/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Text that users read, in their language: gettext's macros under their usual names.
 *
 * _() translates a sentence, N_() marks one that is translated where it is printed, P_()
 * chooses by a number. What is translated is a whole sentence with its placeholders, never a part
 * of one. Words of the protocol, of settings and of JSON are never translated. */

#include <libintl.h>

#define KS_GETTEXT_DOMAIN "killswitch"

/* gettext answers the empty text with the head of its catalogue: it is never to be given. */
#define _(text) dgettext(KS_GETTEXT_DOMAIN, text)
#define N_(text) (text)
#define P_(singular, plural, n) dngettext(KS_GETTEXT_DOMAIN, singular, plural, n)

/**
 * ks_i18n_init() - take the user's language from the environment
 *
 * To be called once, before anything is printed. Numbers stay as they are in every language.
 */
void ks_i18n_init(void);

/**
 * ks_i18n_neutral() - speak English from now on
 *
 * For text that goes to programs, and for what can't show another language.
 */
void ks_i18n_neutral(void);
