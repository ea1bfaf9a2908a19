/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/audit.h"

/* The link of an index, or NULL. */
const KsLink *ks_audit_link(const KsAuditFacts *facts, int index);

/* Whether packets that go out by this link leave the machine: it is neither lo, nor a
 * VPN, nor one of HostInterfaces=. A link that isn't known counts. */
gboolean ks_audit_is_uplink(const KsAuditFacts *facts, int index);

/* Whether a link is one of the VPNs, up or not. */
gboolean ks_audit_is_vpn(const KsAuditFacts *facts, const KsLink *link);

/* Whether a link leads to other machines: hardware, what routes go over by a gateway,
 * and whatever stands on one of these. */
gboolean ks_audit_leads_outside(const KsAuditFacts *facts, const KsLink *link);

/* Appends a finding; the text is taken over. */
void ks_audit_add(GPtrArray *findings, KsSeverity severity, const char *subject, char *text);

/* The name of a link, made safe to stand in a command; "#4" where it isn't. Caller frees. */
char *ks_audit_link_word(const KsAuditFacts *facts, int index);

/* What links do beside the host's IP layer, and their reverse path filters. */
void ks_audit_judge_links(const KsAuditFacts *facts, GPtrArray *findings);

/* VPNs that no selector fits. */
void ks_audit_judge_vpns(const KsAuditFacts *facts, GPtrArray *findings);
