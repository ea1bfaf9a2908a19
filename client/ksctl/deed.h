/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the service is asked to do, in the words for when it isn't done. */

typedef enum Deed {
        DEED_READ_STATE,
        DEED_AUDIT,
        DEED_READ_BLOCKED,
        DEED_ENGAGE,
        DEED_ENGAGE_TRIAL,
        DEED_CONFIRM,
        DEED_RELEASE,
        DEED_PAUSE,
        DEED_RESUME,
        DEED_SET_LAN,
        DEED_RELOAD,
        DEED_ADD_VPN,
        DEED_REMOVE_VPN,
} Deed;

/**
 * deed_failed() - the beginning of a sentence that goes on with the reason
 * @deed: what was asked for
 *
 * Returns: "Cannot engage", in the user's language.
 */
const char *deed_failed(Deed deed);

/**
 * deed_denied() - likewise, when the caller wasn't allowed to
 * @deed: what was asked for
 *
 * Returns: "Not authorized to engage", in the user's language.
 */
const char *deed_denied(Deed deed);
