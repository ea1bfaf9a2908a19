/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

#include "policy/lookup.h"
#include "policy/plan.h"
#include "policy/socket.h"

/* Is the kill switch sound? Values in, findings out. */

typedef enum KsSeverity {
        KS_SEVERITY_HOLE, /* packets may leave */
        KS_SEVERITY_RISK, /* one layer alone holds, or it depends on what root has set up */
        KS_SEVERITY_NOTE, /* nothing gets out, but something doesn't work as it should */
} KsSeverity;

/* "hole", "risk", "note". */
const char *ks_severity_to_string(KsSeverity severity);

typedef struct KsFinding {
        KsSeverity severity;
        char *subject; /* what it is about: "rule 50 (IPv4)", an interface, a VPN */
        char *text;    /* what is wrong, and what to do */
} KsFinding;

void ks_finding_free(KsFinding *finding);

/* What decides whether answers get in by a link. */
typedef struct KsReverseFilter {
        int link;
        int mode; /* rp_filter in force: the larger of "all" and the link's own */
        gboolean uses_marks;
} KsReverseFilter;

/* Everything that the audit reasons about, read at one moment. */
typedef struct KsAuditFacts {
        const KsSettings *settings;
        KsLan lan;
        const KsPlan *plan;    /* that is in force, or would be */
        const char *off;       /* why it is not in force: a sentence; NULL: it is */
        GArray *rules;         /* of KsRule: all of both families, in the kernel's order */
        GArray *routes;        /* of KsRoute: of every table that a rule looks up */
        GPtrArray *links;      /* of KsLink* */
        GPtrArray *host_links; /* of KsLink*, of ->links: that lead to this host's guests only */
        GArray *sockets;       /* of KsSocket */
        GArray *filters;       /* of KsReverseFilter */
        gboolean egress;       /* EgressGuard= filters the uplinks behind the IP layer */
        gboolean guard;        /* in place, and as it was put there */
        const char *guard_problem; /* why not; may be NULL */
        char *steering_problem;    /* rules and routes of ours differ from the plan; in words */
        gboolean forwards;         /* packets of others, at least by one link */
} KsAuditFacts;

KsAuditFacts *ks_audit_facts_new(void);
void ks_audit_facts_free(KsAuditFacts *facts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KsAuditFacts, ks_audit_facts_free)

/* What the kernel says about a packet. */
typedef enum KsAnswer {
        KS_ANSWER_NONE, /* it was not asked, or it doesn't know */
        KS_ANSWER_STAYS,
        KS_ANSWER_LEAVES, /* by the link that it names */
} KsAnswer;

/* A packet that has to stay, and where it goes. */
typedef struct KsWayOut {
        KsPacket packet;
        gboolean askable; /* RTM_GETROUTE can be asked about it */
        gboolean found;   /* by reasoning; ->rule and ->route say how */
        KsRule rule;
        KsRoute route;
        KsAnswer answer;
        int oif; /* with KS_ANSWER_LEAVES */
} KsWayOut;

/**
 * ks_audit_is_ahead() - whether a rule of somebody else is consulted before ours are through
 * @rule: any rule
 * @priority: Priority= of the settings
 *
 * Not the kernel's own first rule, which looks up the table "local".
 */
gboolean ks_audit_is_ahead(const KsRule *rule, guint32 priority);

/**
 * ks_audit_ways_out() - packets that must stay and that rules and routes lead out
 * @foreign_only: look at rules of others only
 *
 * For every rule that comes before our last one, whosever it is, a packet is sought
 * that the rule is about, that no earlier rule decides on, and that its table sends
 * out by an uplink although it is neither transport nor allowed to the LAN. All of
 * its table's routes are considered. One packet a rule is returned.
 *
 * Returns: an array of KsWayOut.
 */
GArray *ks_audit_ways_out(const KsAuditFacts *facts, gboolean foreign_only);

/**
 * ks_audit_samples() - packets to ask the kernel about, whatever the rules look like
 *
 * Plain ones to public addresses, of a user and of root; DNS to a gateway on the LAN;
 * in IPv6 one whose socket is bound to the uplink (in IPv4 the guard alone stops those).
 *
 * Returns: an array of KsWayOut with nothing found yet.
 */
GArray *ks_audit_samples(const KsAuditFacts *facts);

/**
 * ks_audit_describe() - a way out in a sentence that names the culprit and the remedy
 *
 * Caller frees.
 */
char *ks_audit_describe(const KsAuditFacts *facts, const KsWayOut *way);

/* Whether to believe in a way out: the kernel, where it was asked, has the last word. */
gboolean ks_audit_is_real(const KsAuditFacts *facts, const KsWayOut *way);

/**
 * ks_audit_judge() - all findings, the worst first
 * @ways: ways out and samples, with the kernel's answers
 *
 * Returns: an array of KsFinding*.
 */
GPtrArray *ks_audit_judge(const KsAuditFacts *facts, GArray *ways);

/* Whether no finding is a hole. */
gboolean ks_audit_is_sound(GPtrArray *findings);
