/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Selectors: how a VPN's transport is told from everything else. */

#include <string.h>

#include "common/names.h"
#include "policy/selector.h"

gboolean ks_selector_equal(const KsSelector *a, const KsSelector *b)
{
        return memcmp(a, b, sizeof(*a)) == 0;
}

uint32_t ks_selector_reply_mark(const KsSelector *selector)
{
        gboolean by_root = !selector->has_uid || selector->uid == 0;
        /* The guard gives it the mark anyway; see append_selector() in ruleset.c. */
        gboolean is_given = selector->in_unit && !selector->has_mark;

        if (!selector->source_first && !selector->remote_port && by_root && !is_given)
                return 0;
        return selector->has_mark ? selector->mark : KS_REPLY_MARK;
}

gboolean ks_selector_marks_replies(const KsSelector *selector)
{
        return !selector->has_mark && ks_selector_reply_mark(selector) != 0;
}

gboolean ks_selector_users(const KsSelector *selector, uint32_t *first, uint32_t *last)
{
        if (selector->has_uid) {
                *first = *last = selector->uid;
                return TRUE;
        }
        *first = 0;
        *last = KS_SYSTEM_UID_MAX;
        return selector->in_unit && !selector->has_mark;
}

gboolean ks_selector_takes_user(const KsSelector *selector, uint32_t uid)
{
        uint32_t first, last;

        return !ks_selector_users(selector, &first, &last) || (uid >= first && uid <= last);
}

gboolean ks_selector_covers_family(const KsSelector *selector, int family)
{
        return selector->remote.family == AF_UNSPEC || selector->remote.family == family;
}

char *ks_protocol_to_string(uint8_t protocol)
{
        switch (protocol) {
        case IPPROTO_UDP:
                return g_strdup("udp");
        case IPPROTO_TCP:
                return g_strdup("tcp");
        case IPPROTO_ESP:
                return g_strdup("esp");
        default:
                return g_strdup_printf("protocol %u", protocol);
        }
}

char *ks_selector_to_string(const KsSelector *selector)
{
        g_autofree char *protocol = ks_protocol_to_string(selector->protocol);
        GString *text = g_string_new(NULL);

        if (selector->has_mark)
                g_string_append_printf(text, "mark 0x%x, ", selector->mark);
        if (selector->has_uid)
                g_string_append_printf(text, "uid %u, ", selector->uid);
        if (selector->in_unit)
                g_string_append(text, "from its unit, ");
        g_string_append(text, protocol);
        if (selector->source_first && selector->source_first == selector->source_last)
                g_string_append_printf(text, ", from port %u", selector->source_first);
        else if (selector->source_first)
                g_string_append_printf(text, ", from ports %u-%u", selector->source_first,
                                       selector->source_last);
        if (ks_prefix_is_set(&selector->remote)) {
                g_autofree char *remote = ks_prefix_to_string(&selector->remote);

                g_string_append_printf(text, ", to %s", remote);
        }
        if (selector->remote_port)
                g_string_append_printf(text, " port %u", selector->remote_port);
        return g_string_free(text, FALSE);
}
