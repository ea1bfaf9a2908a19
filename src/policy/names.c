/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Servers that are given by name: what a name is, and what its address may be. */

#include <string.h>

#include "policy/names.h"
#include "policy/plan.h"

#define LABEL_LENGTH_MAX 63

static void endpoint_free(KsNamedEndpoint *endpoint)
{
        g_free(endpoint->host);
        g_free(endpoint->place);
        g_free(endpoint);
}

KsNames *ks_names_new(void)
{
        KsNames *names = g_rc_box_new0(KsNames);

        names->endpoints = g_ptr_array_new_with_free_func((GDestroyNotify)endpoint_free);
        names->templates = g_array_new(FALSE, TRUE, sizeof(KsSelector));
        names->ranges = g_array_new(FALSE, TRUE, sizeof(KsPrefix));
        return names;
}

KsNames *ks_names_ref(KsNames *names)
{
        return names ? g_rc_box_acquire(names) : NULL;
}

static void clear(KsNames *names)
{
        g_ptr_array_unref(names->endpoints);
        g_array_unref(names->templates);
        g_array_unref(names->ranges);
}

void ks_names_unref(KsNames *names)
{
        if (names)
                g_rc_box_release_full(names, (GDestroyNotify)clear);
}

void ks_names_add(KsNames *names, const char *host, uint16_t port, const char *place)
{
        KsNamedEndpoint *endpoint = g_new0(KsNamedEndpoint, 1);

        endpoint->host = g_ascii_strdown(host, -1);
        endpoint->port = port;
        endpoint->place = g_strdup(place);
        g_ptr_array_add(names->endpoints, endpoint);
}

gboolean ks_names_have(const KsNames *names, const char *host)
{
        for (guint i = 0; i < names->endpoints->len; i++)
                if (g_str_equal(((KsNamedEndpoint *)names->endpoints->pdata[i])->host, host))
                        return TRUE;
        return FALSE;
}

static gboolean label_is_valid(const char *label)
{
        size_t length = strlen(label);

        for (const char *c = label; *c; c++)
                if (!g_ascii_isalnum(*c) && *c != '-' && *c != '_')
                        return FALSE;
        return length > 0 && length <= LABEL_LENGTH_MAX && label[0] != '-' &&
               label[length - 1] != '-';
}

const char *ks_host_problem(const char *host)
{
        g_auto(GStrv) labels = g_strsplit(host, ".", -1);
        guint count = g_strv_length(labels);

        if (strlen(host) > KS_HOST_LENGTH_MAX)
                return "is longer than 253 characters, which no name is";
        for (guint i = 0; i < count; i++)
                if (strlen(labels[i]) > LABEL_LENGTH_MAX)
                        return "has more than 63 characters between two dots, which no name has";
        for (guint i = 0; i < count || !*host; i++)
                if (!*host || !label_is_valid(labels[i]))
                        return "is neither an address nor a name: letters, digits and hyphens "
                               "between dots";
        if (count < 2)
                return "is not a whole name; write it with its domain, as in vpn.example.org";
        /* Not 192.0.2 or 300.1.1.1 either. */
        if (strspn(labels[count - 1], "0123456789") == strlen(labels[count - 1]))
                return "is neither an address nor a name, which doesn't end in a number";
        return NULL;
}

static gboolean is_in(const GArray *prefixes, const KsPrefix *address)
{
        for (guint i = 0; prefixes && i < prefixes->len; i++)
                if (ks_prefix_contains(&g_array_index(prefixes, KsPrefix, i), address))
                        return TRUE;
        return FALSE;
}

static gboolean is_in_texts(const char *const *texts, guint count, const KsPrefix *address)
{
        for (guint i = 0; i < count; i++) {
                KsPrefix prefix;

                if (ks_prefix_parse(texts[i], &prefix, NULL) &&
                    ks_prefix_contains(&prefix, address))
                        return TRUE;
        }
        return FALSE;
}

const char *ks_names_judge(const KsNames *names, const GArray *lan, const GArray *tunnels,
                           const KsPrefix *address)
{
        static const char *const nowhere[] = { "0.0.0.0/8",   "127.0.0.0/8", "224.0.0.0/4",
                                               "240.0.0.0/4", "::/127",      "::ffff:0:0/96",
                                               "ff00::/8" };
        const char *const *private;
        guint count;

        if (is_in_texts(nowhere, G_N_ELEMENTS(nowhere), address))
                return "is this host's own, a multicast address or none at all";
        if (names->ranges->len > 0)
                return is_in(names->ranges, address) ? NULL : "is not in EndpointRange=";
        private = ks_private_ranges(address->family, &count);
        if (is_in_texts(private, count, address) || is_in(lan, address))
                return "is one of a LAN; if the server really is there, say so with "
                       "EndpointRange=";
        if (is_in(tunnels, address))
                return "is inside a VPN; if the server really is there, say so with "
                       "EndpointRange=";
        return NULL;
}
