/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and prefixes of both families as one plain value. */

#include <arpa/inet.h>
#include <string.h>

#include "common/error.h"
#include "policy/prefix.h"

unsigned ks_family_bits(int family)
{
        switch (family) {
        case AF_INET:
                return 32;
        case AF_INET6:
                return 128;
        default:
                return 0;
        }
}

gboolean ks_prefix_is_set(const KsPrefix *prefix)
{
        return prefix->family != AF_UNSPEC;
}

gboolean ks_prefix_equal(const KsPrefix *a, const KsPrefix *b)
{
        return memcmp(a, b, sizeof(*a)) == 0;
}

KsPrefix ks_prefix_from_bytes(int family, const void *bytes, unsigned length)
{
        KsPrefix prefix = { .family = (uint8_t)family, .length = (uint8_t)length };

        memcpy(prefix.address, bytes, ks_family_bits(family) / 8);
        return prefix;
}

KsPrefix ks_prefix_network(KsPrefix prefix)
{
        for (unsigned i = 0; i < sizeof(prefix.address); i++) {
                unsigned first = i * 8;

                if (first >= prefix.length)
                        prefix.address[i] = 0;
                else if (prefix.length - first < 8)
                        prefix.address[i] &= (uint8_t)(0xff << (8 - (prefix.length - first)));
        }
        return prefix;
}

KsPrefix ks_prefix_host(KsPrefix prefix)
{
        prefix.length = (uint8_t)ks_family_bits(prefix.family);
        return prefix;
}

gboolean ks_prefix_contains(const KsPrefix *outer, const KsPrefix *inner)
{
        KsPrefix cut = *inner, network = ks_prefix_network(*outer);

        if (outer->family != inner->family || outer->length > inner->length)
                return FALSE;
        cut.length = outer->length;
        cut = ks_prefix_network(cut);
        return memcmp(cut.address, network.address, sizeof(cut.address)) == 0;
}

gboolean ks_prefix_is_link_local(const KsPrefix *prefix)
{
        if (prefix->family == AF_INET)
                return prefix->address[0] == 169 && prefix->address[1] == 254;
        return prefix->address[0] == 0xfe && (prefix->address[1] & 0xc0) == 0x80;
}

gboolean ks_prefix_overlaps(const KsPrefix *a, const KsPrefix *b)
{
        return ks_prefix_contains(a, b) || ks_prefix_contains(b, a);
}

static gboolean is_within(const KsPrefix *prefix, const KsPrefix *ranges, guint count)
{
        for (guint i = 0; i < count; i++)
                if (ks_prefix_contains(&ranges[i], prefix))
                        return TRUE;
        return FALSE;
}

gboolean ks_prefix_is_public(const KsPrefix *prefix)
{
        /* RFC 1918, RFC 3927, RFC 6598, RFC 2544; RFC 4193, RFC 4291. */
        static const KsPrefix ranges[] = {
                { AF_INET, 8, { 10 } },        { AF_INET, 12, { 172, 16 } },
                { AF_INET, 16, { 192, 168 } }, { AF_INET, 16, { 169, 254 } },
                { AF_INET, 10, { 100, 64 } },  { AF_INET, 15, { 198, 18 } },
                { AF_INET6, 7, { 0xfc } },     { AF_INET6, 10, { 0xfe, 0x80 } },
        };

        return !is_within(prefix, ranges, G_N_ELEMENTS(ranges));
}

gboolean ks_prefix_is_multicast(const KsPrefix *prefix)
{
        static const KsPrefix groups[] = { { AF_INET, 4, { 224 } }, { AF_INET6, 8, { 0xff } } };

        for (guint i = 0; i < G_N_ELEMENTS(groups); i++)
                if (ks_prefix_overlaps(&groups[i], prefix))
                        return TRUE;
        return FALSE;
}

gboolean ks_prefix_parse(const char *text, KsPrefix *prefix, GError **error)
{
        g_autofree char *address = NULL;
        const char *slash = strchr(text, '/');
        uint8_t bytes[16] = { 0 };
        int family = strchr(text, ':') ? AF_INET6 : AF_INET;
        guint64 length = ks_family_bits(family);

        address = slash ? g_strndup(text, slash - text) : g_strdup(text);
        if (inet_pton(family, address, bytes) != 1) {
                g_set_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT,
                            "'%.60s' is not an IPv4 or IPv6 address", address);
                return FALSE;
        }
        if (slash && !g_ascii_string_to_unsigned(slash + 1, 10, 0, length, &length, NULL)) {
                g_set_error(error, KS_ERROR, KS_ERROR_INVALID_ARGUMENT,
                            "'%.60s' is not a prefix length of %s", slash + 1,
                            family == AF_INET ? "IPv4 (0 to 32)" : "IPv6 (0 to 128)");
                return FALSE;
        }
        *prefix = ks_prefix_network(ks_prefix_from_bytes(family, bytes, (unsigned)length));
        return TRUE;
}

char *ks_prefix_address_to_string(const KsPrefix *prefix)
{
        char buffer[INET6_ADDRSTRLEN] = "";

        if (prefix->family == AF_UNSPEC)
                return g_strdup("any");
        inet_ntop(prefix->family, prefix->address, buffer, sizeof(buffer));
        return g_strdup(buffer);
}

char *ks_prefix_to_string(const KsPrefix *prefix)
{
        g_autofree char *address = ks_prefix_address_to_string(prefix);

        if (prefix->length == ks_family_bits(prefix->family))
                return g_steal_pointer(&address);
        return g_strdup_printf("%s/%u", address, prefix->length);
}

void ks_prefix_array_add(GArray *array, const KsPrefix *prefix)
{
        for (guint i = 0; i < array->len; i++)
                if (ks_prefix_equal(&g_array_index(array, KsPrefix, i), prefix))
                        return;
        g_array_append_val(array, *prefix);
}
