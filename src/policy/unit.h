/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Names of systemd's units and of control groups. Both come to nft as text, so both are kept
 * plain: letters, digits and :-_.\@ */
#define KS_UNIT_NAME_MAX 255

/* Whether all of it may stand in the name of a unit, and it is as long as one may be. */
gboolean ks_unit_characters_are_valid(const char *name);

/* "NAME.service" or "NAME.slice"; no template, which never runs itself. */
gboolean ks_unit_name_is_valid(const char *name);

/* Whether the unit is a whole part of the system, in which everybody's programs are. */
gboolean ks_unit_holds_everything(const char *name);
