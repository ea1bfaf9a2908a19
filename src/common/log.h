/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <syslog.h>

/* Names of fields that an entry of the journal may have beside its words. */
#define KS_FIELD_STATE "KILLSWITCH_STATE"
#define KS_FIELD_OLD_STATE "KILLSWITCH_OLD_STATE"
#define KS_FIELD_REASON "KILLSWITCH_REASON"
#define KS_FIELD_LAYER "KILLSWITCH_LAYER"
#define KS_FIELD_WHAT "KILLSWITCH_WHAT"
#define KS_FIELD_LAN "KILLSWITCH_LAN"
#define KS_FIELD_VPN "KILLSWITCH_VPN"
#define KS_FIELD_SERVER "KILLSWITCH_SERVER"
#define KS_FIELD_METHOD "KILLSWITCH_METHOD"
#define KS_FIELD_ACTION "KILLSWITCH_ACTION"
#define KS_FIELD_UID "KILLSWITCH_UID"

/* Pairs of a field's name and its value, for ks_log_event(). */
#define KS_FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/**
 * ks_log() - one line for the administrator
 * @priority: LOG_ERR, LOG_WARNING, LOG_NOTICE, LOG_INFO or LOG_DEBUG
 * @format: printf format of one line without the newline
 *
 * To the journal when standard error leads there; else to standard error.
 */
void ks_log(int priority, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * ks_log_event() - as ks_log(), for what the journal's catalog explains
 * @message: one of KS_MESSAGE_*, by which the entry can be found
 * @fields: KS_FIELDS(), or NULL
 */
void ks_log_event(int priority, const char *message, const char *const *fields, const char *format,
                  ...) G_GNUC_PRINTF(4, 5);

/* Before a short life ends: waits for a moment until the journal has taken all entries, for it
 * looks up then whose they are. */
void ks_log_settle(void);
