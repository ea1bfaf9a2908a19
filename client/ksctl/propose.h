/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* A section for a VPN, made by looking at the VPN that runs. */

#include "client/ksctl/look.h"

typedef struct Proposal {
        char *name;
        GPtrArray *findings; /* of char*: sentences, why it is as it is */
        GPtrArray *options;  /* of char*, "KEY=VALUE" */
        char *gap;           /* what is missing, and what to do; NULL when it is whole */
} Proposal;

/**
 * propose() - look at a link and the program behind it
 * @name: the VPN shall have
 * @link: the link
 *
 * Returns: (transfer full): what was found, with a gap when that isn't enough. None of the texts
 * may be printed as it is.
 */
Proposal *propose(const char *name, const LookLink *link);
void proposal_free(Proposal *proposal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Proposal, proposal_free)

/**
 * propose_is_candidate() - whether a link can be a VPN's at all
 * @link: the link
 *
 * Returns: true for whatever isn't hardware, Ethernet-like or the loopback.
 */
bool propose_is_candidate(const LookLink *link);
