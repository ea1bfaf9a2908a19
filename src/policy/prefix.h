/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

/* An address with a prefix length. A single host has length 32 or 128. The
 * value {0} (family AF_UNSPEC) means "none" or "any", as the owner says. */
typedef struct KsPrefix {
        uint8_t family;
        uint8_t length;
        uint8_t address[16]; /* network byte order; 4 bytes used in IPv4, the rest is 0 */
} KsPrefix;

/**
 * ks_prefix_parse() - read "192.0.2.0/24", "fd00::/8" or a bare address
 * @text: the text
 * @prefix: set on success; bits behind the length are cleared
 * @error: KS_ERROR_INVALID_ARGUMENT with a sentence
 *
 * A bare address is a prefix of full length.
 */
gboolean ks_prefix_parse(const char *text, KsPrefix *prefix, GError **error);

/* From raw bytes (4 or 16, network byte order); bits behind the length are kept. */
KsPrefix ks_prefix_from_bytes(int family, const void *bytes, unsigned length);

/* The network of an address: bits behind the length cleared. */
KsPrefix ks_prefix_network(KsPrefix prefix);

/* The host of an address: the same bytes with the full length. */
KsPrefix ks_prefix_host(KsPrefix prefix);

/* Address family's bits: 32, 128, or 0 for AF_UNSPEC. */
unsigned ks_family_bits(int family);

gboolean ks_prefix_is_set(const KsPrefix *prefix);
gboolean ks_prefix_equal(const KsPrefix *a, const KsPrefix *b);
gboolean ks_prefix_contains(const KsPrefix *outer, const KsPrefix *inner);
gboolean ks_prefix_is_link_local(const KsPrefix *prefix);

/* Whether any address in it is one of the Internet's, or a group's: all but what is set
 * aside for private networks, links, carriers' own networks and benchmarks. */
gboolean ks_prefix_is_public(const KsPrefix *prefix);

/* Whether any address in it is a multicast group's. */
gboolean ks_prefix_is_multicast(const KsPrefix *prefix);

/* Whether the two have an address in common. */
gboolean ks_prefix_overlaps(const KsPrefix *a, const KsPrefix *b);

/* "192.0.2.0/24"; a host without its length. Caller frees. */
char *ks_prefix_to_string(const KsPrefix *prefix);

/* As above but only the address, never a length. Caller frees. */
char *ks_prefix_address_to_string(const KsPrefix *prefix);

/* Appends unless it is there already. @array: of KsPrefix. */
void ks_prefix_array_add(GArray *array, const KsPrefix *prefix);
