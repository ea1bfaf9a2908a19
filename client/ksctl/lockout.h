/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Whether the kill switch would cut the connection that its user sits on. */

#include "client/common/state.h"
#include "client/ksctl/ksctl.h"
#include "client/ksctl/login.h"

/**
 * lockout_is_remote() - whether whoever types this may sit at another machine
 * @ctl: the run
 * @login: set, for lockout_foresee(); to be given to login_clear()
 *
 * Asks nobody but the kernel.
 *
 * Returns: false when there is nothing that could be cut.
 */
bool lockout_is_remote(const Ksctl *ctl, Login *login);

/**
 * lockout_foresee() - what engaging does to the caller's own connection
 * @ctl: the run
 * @login: from lockout_is_remote()
 * @state: what is in force now
 * @lan: the LAN setting that will be, KS_LAN_*
 *
 * The connection stays when it comes through a VPN, or from an address of the LAN that may be
 * reached directly. Everything else is cut: a reply would have to leave by the uplink.
 *
 * Returns: (transfer full): a sentence that tells which connection would be cut and why; NULL when
 * there is nothing to warn of.
 */
char *lockout_foresee(const Ksctl *ctl, const Login *login, const KsState *state, const char *lan);
