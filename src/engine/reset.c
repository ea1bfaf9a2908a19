/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections from before the kill switch went up: those that are stranded end at once. */

#include "common/log.h"
#include "common/messages.h"
#include "engine/reset.h"
#include "kernel/sockets.h"

/* Ten thousand connections take a tenth of a second. What isn't done in this time is left to
 * time-outs: the service has other things to do. */
#define TIME_MAX_USEC (G_USEC_PER_SEC / 2)

static gboolean is_stranded(const KsSocket *socket, gconstpointer plan)
{
        return ks_socket_is_stranded(socket, plan);
}

static void tell_unsupported(void)
{
        static gboolean told;

        if (!told)
                ks_log(LOG_NOTICE, "This kernel can't end connections (CONFIG_INET_DIAG_DESTROY); "
                                   "those from before run into time-outs. Nothing of them leaves.");
        told = TRUE;
}

void ks_reset_stranded(const KsPlan *plan)
{
        g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(KsSocket));
        g_autoptr(GError) error = NULL;
        g_autoptr(KsSockets) sockets = ks_sockets_new(&error);
        gint64 end = g_get_monotonic_time() + TIME_MAX_USEC;
        guint ended = 0;

        if (!sockets ||
            !ks_sockets_find(sockets, KS_SOCKETS_CONNECTED, is_stranded, plan, found, &error)) {
                ks_log(LOG_WARNING, "%s", error->message);
                return;
        }
        for (guint i = 0; i < found->len && g_get_monotonic_time() < end; i++) {
                const KsSocket *socket = &g_array_index(found, KsSocket, i);
                KsDestroyed outcome = ks_sockets_destroy(sockets, socket, error ? NULL : &error);

                if (outcome == KS_DESTROY_UNSUPPORTED) {
                        tell_unsupported();
                        break;
                }
                ended += outcome == KS_DESTROYED;
        }
        if (ended)
                ks_log_event(LOG_INFO, KS_MESSAGE_CONNECTIONS_ENDED, NULL,
                             "Ended %u of %u %s that had been open outside the VPN", ended,
                             found->len, found->len == 1 ? "connection" : "connections");
        if (error)
                ks_log(LOG_WARNING, "%s", error->message);
}
