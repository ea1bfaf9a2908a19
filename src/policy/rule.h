/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <linux/fib_rules.h>
#include <net/if.h>
#include <stdint.h>

#include "policy/prefix.h"

/* A FIB rule. Zero means unset in every field, so that {0} is the empty rule;
 * suppress_prefixlength is therefore stored plus one. No implicit padding: two
 * rules are equal when their bytes are. */
typedef struct KsRule {
        uint32_t priority;
        uint32_t table;
        uint32_t mark;
        uint32_t mark_mask; /* 0: no mark */
        uint32_t uid_first; /* valid with has_uid */
        uint32_t uid_last;
        uint32_t suppress;                /* suppress_prefixlength + 1; 0: unset */
        uint32_t target;                  /* priority that FR_ACT_GOTO leads to */
        uint16_t sport_first, sport_last; /* host byte order; 0: any */
        uint16_t dport_first, dport_last;
        uint8_t family;  /* AF_INET or AF_INET6 */
        uint8_t action;  /* FR_ACT_* */
        uint8_t ipproto; /* IPPROTO_*; 0: any */
        uint8_t origin;  /* FRA_PROTOCOL; KS_PROTOCOL is ours */
        uint8_t has_uid;
        uint8_t inverted; /* "not" */
        uint8_t tos;
        uint8_t unknown; /* carries an attribute that this structure can't hold */
        KsPrefix source;
        KsPrefix destination;
        char iif[IFNAMSIZ];
        char oif[IFNAMSIZ];
} KsRule;

gboolean ks_rule_equal(const KsRule *a, const KsRule *b);

/**
 * ks_rule_matches_request() - whether the kernel could take one rule for another
 * @request: a rule as it is given in RTM_DELRULE
 * @rule: a rule that stands in the kernel
 *
 * The kernel compares only what a request names, and takes the first rule that
 * fits (rule_find() in net/core/fib_rules.c). Both are ours and of any family.
 */
gboolean ks_rule_matches_request(const KsRule *request, const KsRule *rule);

/* As iproute2 writes it: "100: from all fwmark 0xca6c ipproto udp lookup main". Caller frees. */
char *ks_rule_to_string(const KsRule *rule);

/**
 * ks_rule_to_deletion() - the command that deletes a rule
 *
 * Names every attribute, so that the kernel takes no other one, unless that can't be
 * said: a name of an interface that a shell would not take as one word is left out.
 *
 * Returns: "ip -4 rule delete priority 50 from all lookup main". Caller frees.
 */
char *ks_rule_to_deletion(const KsRule *rule);
