/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/ruleset.h"

/* Text that both tables of the guard have, so that they can't disagree. */

/* "chain transport": what VPNs send to their servers. @table: which it is for; on an
 * uplink packets are fragments already, and have no connection any more. */
void ks_guard_append_transport(GString *text, const KsSettings *settings, KsGuardTable table);

/* Rules about all that may go out beside VPNs: address configuration, and the LAN where it is
 * allowed. Ends in "goto refuse". */
void ks_guard_append_direct_rules(GString *text, const KsSettings *settings, KsLan lan);

/* Appends the chains of the egress table. */
void ks_guard_append_egress(GString *text, const KsSettings *settings, KsLan lan);
