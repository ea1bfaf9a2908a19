/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <syslog.h>

/**
 * ks_log() - one line for the administrator, on standard error
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO or LOG_DEBUG
 * @format: printf format of one line without the newline
 *
 * Under systemd the line carries the priority prefix of sd-daemon(3), so that
 * the journal files it rightly.
 */
void ks_log(int priority, const char *format, ...) G_GNUC_PRINTF(2, 3);
