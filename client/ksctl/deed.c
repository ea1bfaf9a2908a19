/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names what the service was asked to do and didn't. */

#include "client/ksctl/deed.h"

#include "client/common/i18n.h"

/* TRANSLATORS: these go on with a colon and the reason. */
static const struct {
        const char *failed;
        const char *denied;
} deeds[] = {
        [DEED_READ_STATE] = { N_("Cannot read the state"), N_("Not authorized to read the state") },
        [DEED_AUDIT] = { N_("Cannot audit the kill switch"),
                         N_("Not authorized to audit the kill switch") },
        [DEED_READ_BLOCKED] = { N_("Cannot read what was refused"),
                                N_("Not authorized to read what was refused") },
        [DEED_ENGAGE] = { N_("Cannot engage"), N_("Not authorized to engage") },
        [DEED_ENGAGE_TRIAL] = { N_("Cannot engage on trial"),
                                N_("Not authorized to engage on trial") },
        [DEED_CONFIRM] = { N_("Cannot confirm the trial"),
                           N_("Not authorized to confirm the trial") },
        [DEED_RELEASE] = { N_("Cannot release"), N_("Not authorized to release") },
        [DEED_PAUSE] = { N_("Cannot pause"), N_("Not authorized to pause") },
        [DEED_RESUME] = { N_("Cannot resume"), N_("Not authorized to resume") },
        [DEED_SET_LAN] = { N_("Cannot change the LAN setting"),
                           N_("Not authorized to change the LAN setting") },
        [DEED_RELOAD] = { N_("Cannot read the settings again"),
                          N_("Not authorized to read the settings again") },
        [DEED_ADD_VPN] = { N_("Cannot add the VPN"), N_("Not authorized to add the VPN") },
        [DEED_REMOVE_VPN] = { N_("Cannot remove the VPN"), N_("Not authorized to remove the VPN") },
};

const char *deed_failed(Deed deed)
{
        return _(deeds[deed].failed);
}

const char *deed_denied(Deed deed)
{
        return _(deeds[deed].denied);
}
