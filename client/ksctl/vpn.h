/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the parts of "ksctl vpn" share. */

#include <jansson.h>

#include "client/ksctl/ksctl.h"

/**
 * vpn_read_all() - ask the service for all VPNs
 * @ctl: the run; connected if need be
 * @ret: (transfer full): a list of objects
 *
 * Returns: STATUS_DONE, or what the program has to end with.
 */
ExitStatus vpn_read_all(Ksctl *ctl, json_t **ret);

/**
 * vpn_text() - a text of a VPN, safe to print
 * @vpn: the object
 * @key: KS_VPN_*
 *
 * Returns: (transfer full): to be freed with g_free(); "" when there is none.
 */
char *vpn_text(const json_t *vpn, const char *key);

/**
 * vpn_add() - ksctl vpn add
 * @ctl: the run
 * @arguments: what follows "add", NULL-terminated
 *
 * Returns: what the program has to end with.
 */
ExitStatus vpn_add(Ksctl *ctl, char **arguments);
