/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* The state in plain words, the same wherever a user reads it. */

#include <stdbool.h>

#include "client/common/state.h"

/**
 * ks_words_headline() - the answer to "am I protected?"
 * @state: the state
 *
 * Returns: (transfer full): a sentence that is safe to print, to be freed with g_free().
 */
char *ks_words_headline(const KsState *state);

/**
 * ks_words_deadline() - what will happen at the deadline
 * @state: the state
 *
 * Returns: (transfer full): "TIME, in 5 min; then it engages again by itself", to be freed with
 * g_free(); NULL without a deadline.
 */
char *ks_words_deadline(const KsState *state);

/**
 * ks_words_vpn() - a VPN in one line
 * @vpn: the VPN
 *
 * Returns: (transfer full): "wg0 (wireguard), up, 10.0.0.2", safe to print, to be freed with
 * g_free().
 */
char *ks_words_vpn(const KsVpn *vpn);

/**
 * ks_words_lan() - what a LAN setting allows
 * @lan: KS_LAN_*, or whatever a newer service says
 *
 * Returns: (transfer full): words that are safe to print, to be freed with g_free().
 */
char *ks_words_lan(const char *lan);

/**
 * ks_words_guard() - the condition of the packet filter
 * @guard: KS_GUARD_*, or whatever a newer service says
 *
 * Returns: (transfer full): words that are safe to print, to be freed with g_free().
 */
char *ks_words_guard(const char *guard);

/**
 * ks_words_reason() - why the state changed
 * @reason: as the signal StateChanged has it
 *
 * Returns: (transfer full): words that are safe to print, to be freed with g_free().
 */
char *ks_words_reason(const char *reason);
