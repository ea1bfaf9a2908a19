/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Units: what systemd may call one, and which are too wide to tell anything apart. */

#include <string.h>

#include "policy/unit.h"

gboolean ks_unit_characters_are_valid(const char *name)
{
        size_t length = strlen(name);

        for (const char *c = name; *c; c++)
                if (!g_ascii_isalnum(*c) && !strchr(":-_.\\@", *c))
                        return FALSE;
        return length > 0 && length <= KS_UNIT_NAME_MAX;
}

gboolean ks_unit_name_is_valid(const char *name)
{
        if (!ks_unit_characters_are_valid(name) || *name == '.' || strstr(name, "@."))
                return FALSE;
        return g_str_has_suffix(name, ".service") || g_str_has_suffix(name, ".slice");
}

gboolean ks_unit_holds_everything(const char *name)
{
        static const char *const wide[] = { "-.slice", "system.slice", "user.slice",
                                            "machine.slice", NULL };

        return g_strv_contains(wide, name) || g_str_has_prefix(name, "user-") ||
               g_str_has_prefix(name, "user@");
}
