/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links, their addresses and what WireGuard says of them, as plain values. */

#include <string.h>

#include "policy/link.h"

KsWireguard *ks_wireguard_new(void)
{
        KsWireguard *wireguard = g_new0(KsWireguard, 1);

        wireguard->remotes = g_array_new(FALSE, TRUE, sizeof(KsEndpoint));
        wireguard->allowed = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        return wireguard;
}

void ks_wireguard_free(KsWireguard *wireguard)
{
        if (!wireguard)
                return;
        g_array_unref(wireguard->remotes);
        g_array_unref(wireguard->allowed);
        g_free(wireguard);
}

KsLink *ks_link_new(int index, const char *name)
{
        KsLink *link = g_new0(KsLink, 1);

        link->index = index;
        g_strlcpy(link->name, name, sizeof(link->name));
        link->addresses = g_array_new(FALSE, TRUE, sizeof(KsAddress));
        return link;
}

void ks_link_free(KsLink *link)
{
        if (!link)
                return;
        g_array_unref(link->addresses);
        ks_wireguard_free(link->wireguard);
        g_free(link);
}

gboolean ks_link_is_up(const KsLink *link)
{
        /* IFF_RUNNING is what the kernel derives from carrier and operational
         * state; a tun link whose program has gone loses it (RFC 2863). */
        return (link->flags & IFF_UP) && (link->flags & IFF_RUNNING);
}

KsLink *ks_links_find(GPtrArray *links, const char *name)
{
        for (guint i = 0; i < links->len; i++) {
                KsLink *link = g_ptr_array_index(links, i);

                if (g_str_equal(link->name, name))
                        return link;
        }
        return NULL;
}

gboolean ks_interface_name_is_valid(const char *name)
{
        size_t length = strlen(name);

        if (length == 0 || length >= IFNAMSIZ)
                return FALSE;
        if (g_str_equal(name, ".") || g_str_equal(name, "..") || g_str_equal(name, "lo"))
                return FALSE;
        for (const char *c = name; *c; c++)
                if (!g_ascii_isalnum(*c) && !strchr("-_.@+", *c))
                        return FALSE;
        return TRUE;
}
