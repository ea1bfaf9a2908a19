/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/settings.h"

/* All that settings say, as text that can be compared: one line for [Killswitch], one for each
 * VPN. Caller frees. */
char *settings_text(const KsSettings *settings);

/* What the line of [Killswitch] is without any file. */
#define DEFAULTS                                                                                   \
        "table 83 priority 100 lan private dns no unreachable guard require auto yes host auto\n"
