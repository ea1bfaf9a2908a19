/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What the command line asked for, and the verbs that carry it out. */

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>
#include <systemd/sd-bus.h>

#include "client/common/bus.h"

/* The exit statuses; scripts rely on them. */
typedef enum ExitStatus {
        STATUS_DONE = 0,
        STATUS_FAILED = 1,
        STATUS_USAGE = 2,
        STATUS_NOT_ENGAGED = 3,
        STATUS_NOT_AUTHORIZED = 4,
        STATUS_UNSOUND = 5,
        STATUS_UNAVAILABLE = 8,
} ExitStatus;

typedef enum JsonMode {
        JSON_MODE_OFF,
        JSON_MODE_SHORT,
        JSON_MODE_PRETTY,
        JSON_MODE_AUTO, /* pretty for a person, short for a program */
} JsonMode;

/* One run of the program. */
typedef struct Ksctl {
        const char *verb;
        char **arguments; /* of the verb, NULL-terminated */

        KsTransport transport;
        const char *where; /* host or machine */
        JsonMode json;
        bool quiet;
        bool legend;
        bool ask_password;

        const char *trial; /* as typed; NULL without --trial */
        uint64_t trial_usec;
        GPtrArray *properties; /* names given with -p; owns them */
        bool value_only;

        const char *interface; /* of 'vpn add'; NULL: not given */
        bool yes;
        bool dry_run;

        sd_bus *bus; /* NULL until call_connect() */
} Ksctl;

typedef ExitStatus (*VerbFunction)(Ksctl *ctl);

/* Which of the options that belong to one verb only it takes. */
typedef enum VerbFlags {
        VERB_TAKES_TRIAL = 1 << 0,
        VERB_TAKES_PROPERTIES = 1 << 1,
        VERB_TAKES_VPN = 1 << 2,
} VerbFlags;

typedef struct Verb {
        const char *name;
        const char *synopsis; /* its arguments, for the help */
        const char *summary;
        unsigned min_arguments;
        unsigned max_arguments;
        VerbFlags flags;
        VerbFunction run;
} Verb;

/* verb-engage.c */
ExitStatus verb_on(Ksctl *ctl);
ExitStatus verb_confirm(Ksctl *ctl);
ExitStatus verb_off(Ksctl *ctl);

/* verb-pause.c */
ExitStatus verb_pause(Ksctl *ctl);
ExitStatus verb_resume(Ksctl *ctl);

/* verb-settings.c */
ExitStatus verb_lan(Ksctl *ctl);
ExitStatus verb_reload(Ksctl *ctl);

/* verb-vpn.c */
ExitStatus verb_vpn(Ksctl *ctl);

/* verb-status.c */
ExitStatus verb_status(Ksctl *ctl);
ExitStatus verb_is_active(Ksctl *ctl);

/* verb-show.c */
ExitStatus verb_show(Ksctl *ctl);

/* verb-audit.c */
ExitStatus verb_audit(Ksctl *ctl);

/* verb-blocked.c */
ExitStatus verb_blocked(Ksctl *ctl);

/* verb-monitor.c */
ExitStatus verb_monitor(Ksctl *ctl);

/* verb-complete.c; in no table, because it is nothing that people type */
#define VERB_COMPLETE "__complete"
ExitStatus verb_complete(Ksctl *ctl);
