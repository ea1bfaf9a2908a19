/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pins on disk: a line each, under a checksum. */

#include <string.h>

#include "common/error.h"
#include "engine/store-pins.h"

#define PINS_FILE "pins"
#define HEADER "killswitch pins 1\n"
#define CHECKSUM "checksum "
/* VPN, name, address, when it was seen, when it was missed. */
#define COLUMNS 5

static char *pins_to_text(GPtrArray *pins)
{
        GString *text = g_string_new(HEADER);
        g_autofree char *checksum = NULL;

        for (guint i = 0; i < pins->len; i++) {
                const KsPin *pin = g_ptr_array_index(pins, i);

                for (guint j = 0; j < pin->addresses->len; j++) {
                        const KsPinned *pinned = &g_array_index(pin->addresses, KsPinned, j);
                        g_autofree char *address = ks_prefix_address_to_string(&pinned->address);

                        /* The name of a VPN has no tab. */
                        g_string_append_printf(
                                text, "%s\t%s\t%s\t%" G_GUINT64_FORMAT "\t%" G_GUINT64_FORMAT "\n",
                                pin->vpn, pin->host, address, pinned->seen, pinned->missed);
                }
        }
        checksum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
        g_string_append_printf(text, CHECKSUM "%s\n", checksum);
        return g_string_free(text, FALSE);
}

static gboolean line_to_pin(const char *line, GPtrArray *pins)
{
        g_auto(GStrv) columns = g_strsplit(line, "\t", -1);
        KsPinned pinned = { 0 };
        KsPin *pin;

        if (g_strv_length(columns) != COLUMNS || ks_host_problem(columns[1]) ||
            !ks_prefix_parse(columns[2], &pinned.address, NULL) ||
            !g_ascii_string_to_unsigned(columns[3], 10, 0, G_MAXUINT64, &pinned.seen, NULL) ||
            !g_ascii_string_to_unsigned(columns[4], 10, 0, G_MAXUINT64, &pinned.missed, NULL))
                return FALSE;
        pin = ks_pins_get(pins, columns[0], columns[1]);
        if (pin->addresses->len >= KS_PIN_ADDRESSES_MAX)
                return FALSE;
        g_array_append_val(pin->addresses, pinned);
        return TRUE;
}

/* Returns: what is wrong, static; NULL when nothing is. */
static const char *text_to_pins(char *text, GPtrArray *pins)
{
        char *last = strstr(text, "\n" CHECKSUM);
        g_autofree char *actual = NULL;
        g_auto(GStrv) lines = NULL;

        if (!g_str_has_prefix(text, HEADER) || !last)
                return "it is damaged, or of another version";
        actual = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, last + 1 - text);
        if (!g_str_has_prefix(last + strlen("\n" CHECKSUM), actual))
                return "its checksum is wrong";
        *last = '\0';
        lines = g_strsplit(text, "\n", -1);
        for (guint i = 1; lines[i]; i++)
                if (!line_to_pin(lines[i], pins))
                        return "it is damaged";
        return NULL;
}

gboolean ks_store_save_pins(KsStore *store, GPtrArray *pins, GError **error)
{
        g_autofree char *text = pins_to_text(pins);

        return ks_store_write(store, PINS_FILE, text, error);
}

GPtrArray *ks_store_load_pins(KsStore *store, GError **error)
{
        g_autoptr(GError) local = NULL;
        g_autofree char *text = ks_store_read(store, PINS_FILE, &local);
        GPtrArray *pins = ks_pins_new();
        const char *problem = NULL;

        if (g_error_matches(local, G_FILE_ERROR, G_FILE_ERROR_NOENT))
                return pins;
        problem = text ? text_to_pins(text, pins) : local->message;
        if (!problem)
                return pins;
        g_ptr_array_set_size(pins, 0);
        g_set_error(
                error, KS_ERROR, KS_ERROR_STORAGE,
                "The addresses that VPN servers had can't be read from the state directory (%s); "
                "they are asked for anew",
                problem);
        return pins;
}
