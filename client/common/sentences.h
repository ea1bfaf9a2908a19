/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the service says, for said.c alone. */

/* Templates, NULL-terminated. */
extern const char *const ks_sentences[];
