/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Text that users read, in their language: gettext's macros under their usual names.
 *
 * _() translates a sentence, N_() marks one that is translated where it is printed, P_()
 * chooses by a number. What is translated is a whole sentence with its placeholders, never a part
 * of one. Words of the protocol, of settings and of JSON are never translated. */

#include <libintl.h>

#define KS_GETTEXT_DOMAIN "killswitch"

#define _(text) dgettext(KS_GETTEXT_DOMAIN, text)
#define N_(text) (text)
#define P_(singular, plural, n) dngettext(KS_GETTEXT_DOMAIN, singular, plural, n)
