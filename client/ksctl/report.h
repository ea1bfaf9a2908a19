/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Every error goes to standard error, with a remedy. */

#include "client/ksctl/deed.h"
#include "client/ksctl/ksctl.h"

/**
 * report() - print a sentence to standard error
 * @format: printf format; the result is made safe for a terminal and wrapped
 */
void report(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * report_usage() - print what is wrong with the command line
 * @format: printf format of a sentence
 *
 * Returns: STATUS_USAGE.
 */
ExitStatus report_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * report_vpn_usage() - likewise, of "ksctl vpn", which has a help of its own
 * @format: printf format of a sentence
 *
 * Returns: STATUS_USAGE.
 */
ExitStatus report_vpn_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);

/**
 * report_said() - likewise, with a sentence in English
 * @sentence: as the service or what it shares with this program says it
 *
 * Returns: STATUS_USAGE.
 */
ExitStatus report_said(const char *sentence);

/**
 * report_connection() - say why there is no way to the bus, and what to do
 * @ctl: the run
 * @r: the negative errno
 *
 * Returns: STATUS_UNAVAILABLE.
 */
ExitStatus report_connection(const Ksctl *ctl, int r);

/**
 * report_failure() - say why a call failed, and what to do
 * @ctl: the run
 * @deed: what it was for
 * @error: the error that came back; may be unset
 * @r: the negative errno of the call
 *
 * Returns: the exit status that belongs to it.
 */
ExitStatus report_failure(const Ksctl *ctl, Deed deed, const sd_bus_error *error, int r);

/**
 * report_bad_answer() - say that the service's answer can't be understood
 * @r: the negative errno from reading it
 *
 * Returns: STATUS_FAILED.
 */
ExitStatus report_bad_answer(int r);
