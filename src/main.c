/* SPDX-License-Identifier: GPL-2.0-or-later */
/* killswitchd: options, signals, and the parts wired together. */

#include <errno.h>
#include <getopt.h>
#include <glib-unix.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/log.h"
#include "common/messages.h"
#include "common/names.h"
#include "config.h"
#include "engine/engine.h"
#include "engine/round.h"
#include "service/bus-source.h"
#include "service/manager.h"
#ifdef KS_TEST_SWITCHES
#include "policy/without.h"
#endif

/* The C library's own limit as it starts. */
#define MMAP_THRESHOLD (128 * 1024)
#define SYSTEM_BUS "unix:path=/run/dbus/system_bus_socket"

static const char help[] =
        "killswitchd [OPTION]\n"
        "\n"
        "The VPN kill switch's system service. Without an option it serves\n"
        "org.killswitch1 on the system bus; ksctl(1) talks to it.\n"
        "\n"
        "  --restore   apply what was last asked for and exit; needs no bus\n"
        "  --rescue    take every rule, route and filter of the kill switch away and\n"
        "              set it to off; needs root, but no bus, daemon or settings\n"
        "  --version   print the version and exit\n"
        "  -h, --help  print this and exit\n";

/* systemd gives a list separated by colons; one directory is all that we ask for. */
static char *directory_from(const char *variable, const char *fallback)
{
        const char *value = getenv(variable);

        if (!value || !*value)
                return g_strdup(fallback);
        return g_strndup(value, strcspn(value, ":"));
}

static int rescue(const char *state_directory)
{
        g_autoptr(GError) error = NULL;

        if (geteuid() != 0) {
                fputs("killswitchd: --rescue needs root; try: sudo " KS_SERVICE_PATH " --rescue\n",
                      stderr);
                return EXIT_FAILURE;
        }
        if (ks_engine_rescue(state_directory, &error)) {
                puts("The kill switch is off, and everything of it is out of the kernel.\n"
                     "Traffic flows without a VPN now.");
                return EXIT_SUCCESS;
        }
        fprintf(stderr,
                "killswitchd: the rescue is not complete: %s\n"
                "Run it again; if it stays so, 'nft list tables' and 'ip rule' show what is "
                "left.\n",
                error->message);
        return EXIT_FAILURE;
}

static int restore(KsEngine *engine)
{
        g_autoptr(GError) error = NULL;

        if (ks_engine_start(engine, FALSE, &error))
                return EXIT_SUCCESS;
        ks_log_event(LOG_ERR, KS_MESSAGE_RESTORE_FAILED, NULL,
                     "Not everything could be put in place: %s", error->message);
        return EXIT_FAILURE;
}

static gboolean on_signal(gpointer userdata)
{
        g_main_loop_quit(userdata);
        return G_SOURCE_REMOVE;
}

typedef struct Loop {
        GMainLoop *loop;
        int status;
} Loop;

/* Without the bus nobody can ask for anything; systemd starts us again. */
static gboolean on_bus_lost(gpointer userdata)
{
        Loop *self = userdata;

        self->status = EXIT_FAILURE;
        g_main_loop_quit(self->loop);
        return G_SOURCE_REMOVE;
}

/* As sd_bus_open_system(), but without file descriptors: no method takes any, and
 * calls that wait for authorization would keep as many open as their callers like. */
static int connect_bus(sd_bus **bus)
{
        const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r = sd_bus_new(bus);

        if (r >= 0)
                r = sd_bus_set_address(*bus, address && *address ? address : SYSTEM_BUS);
        if (r >= 0)
                r = sd_bus_set_bus_client(*bus, 1);
        if (r >= 0)
                r = sd_bus_negotiate_fds(*bus, 0);
        return r < 0 ? r : sd_bus_start(*bus);
}

/* The name comes before everything else: whoever has it is the one service that
 * may touch the kernel and the state directory. */
static int open_bus(sd_bus **bus)
{
        int r = connect_bus(bus);

        if (r >= 0)
                r = sd_bus_request_name(*bus, KS_BUS_NAME, 0);
        if (r == -EEXIST)
                ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL,
                             "Another " KS_BUS_NAME " is running; nothing was changed");
        else if (r < 0)
                ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL,
                             "Can't serve " KS_BUS_NAME " on the system bus: %s", g_strerror(-r));
        return r;
}

/* Calls that came since the name was taken wait until the loop runs. */
static int start(KsManager *manager, KsEngine *engine, sd_bus *bus)
{
        g_autoptr(GError) error = NULL;
        int r;

        if (!ks_engine_start(engine, TRUE, &error)) {
                ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL, "%s", error->message);
                return -EIO;
        }
        r = ks_manager_attach(manager, bus);
        if (r < 0)
                ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL,
                             "Can't export " KS_OBJECT_PATH ": %s", g_strerror(-r));
        return r;
}

static int serve(KsManager *manager, KsEngine *engine)
{
        Loop self = { g_main_loop_new(NULL, FALSE), EXIT_FAILURE };
        GSource *source = NULL;
        sd_bus *bus = NULL;

        /* What large messages took goes back to the kernel once they are answered. By itself the
         * C library raises the limit with each one that is freed, and keeps what is smaller. */
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
        g_unix_signal_add(SIGTERM, on_signal, self.loop);
        g_unix_signal_add(SIGINT, on_signal, self.loop);
        if (open_bus(&bus) >= 0 && start(manager, engine, bus) >= 0) {
                self.status = EXIT_SUCCESS;
                source = ks_bus_source_new(bus);
                g_source_set_callback(source, on_bus_lost, &self, NULL);
                g_source_attach(source, NULL);
                sd_notify(0, "READY=1");
                g_main_loop_run(self.loop);
                sd_notify(0, "STOPPING=1");
                g_source_destroy(source);
                g_source_unref(source);
        }
        sd_bus_unref(bus);
        g_main_loop_unref(self.loop);
        return self.status;
}

/* Returns the option's letter, 'd' for none, 0 to exit well, -1 to exit badly. */
static int parse_options(int argc, char **argv)
{
        static const struct option options[] = {
                { "restore", no_argument, NULL, 'r' },
                { "rescue", no_argument, NULL, 'R' },
                { "version", no_argument, NULL, 'v' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int mode = 'd', c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case 'v':
                        puts("killswitchd " KS_VERSION);
                        return 0;
                case '?':
                        return -1;
                default:
                        mode = c;
                }
        if (optind < argc) {
                fprintf(stderr, "killswitchd: takes no argument '%s'; see --help\n", argv[optind]);
                return -1;
        }
        return mode;
}

int main(int argc, char **argv)
{
        g_autofree char *state = directory_from("STATE_DIRECTORY", KS_STATE_DIR);
        g_autofree char *etc = directory_from("CONFIGURATION_DIRECTORY", KS_CONFIG_DIR_ETC);
        g_autofree char *runtime = directory_from("RUNTIME_DIRECTORY", KS_CONFIG_DIR_RUN "/names");
        const KsSettingsDirs dirs = { etc, KS_CONFIG_DIR_RUN, KS_CONFIG_DIR_LIB };
        g_autoptr(KsManager) manager = NULL;
        g_autoptr(KsEngine) engine = NULL;
        g_autoptr(GError) error = NULL;
        KsEngineEvents events;
        int mode = parse_options(argc, argv);

        if (mode <= 0)
                return mode < 0 ? 2 : EXIT_SUCCESS;
#ifdef KS_TEST_SWITCHES
        if (!ks_without_choose(getenv("KS_WITHOUT")))
                g_error("KS_WITHOUT names no protection");
#endif
        if (mode == 'R')
                return rescue(state);
        manager = ks_manager_new();
        events = ks_manager_events(manager);
        engine = ks_engine_new(state, &dirs, &events, &error);
        if (!engine) {
                ks_log_event(LOG_ERR, KS_MESSAGE_SERVICE_FAILED, NULL, "%s", error->message);
                return EXIT_FAILURE;
        }
        ks_engine_set_runtime_directory(engine, runtime);
        ks_manager_set_engine(manager, engine);
        if (mode == 'd')
                return serve(manager, engine);
        mode = restore(engine);
        ks_log_settle();
        return mode;
}
