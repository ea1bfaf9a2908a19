/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* What came over the bus as JSON values, whatever its type. */

#include <stdbool.h>

#include <jansson.h>
#include <systemd/sd-bus.h>

/**
 * value_read() - take the next complete type from a message
 * @m: the message
 * @ret: (transfer full): the value: dictionaries are objects, arrays and structures arrays
 *
 * Returns: 0 or a negative errno.
 */
int value_read(sd_bus_message *m, json_t **ret);

/**
 * value_read_state() - take a GetState answer as one object
 * @reply: the answer, at its beginning
 * @ret: (transfer full): State first, then the details in the service's order
 *
 * Returns: 0 or a negative errno.
 */
int value_read_state(sd_bus_message *reply, json_t **ret);

/**
 * value_format() - write a value in one line, as "Key=Value" lines have it
 * @value: any value
 *
 * Returns: (transfer full): text that is safe to print, to be freed with g_free(): "yes" and "no",
 * lists separated by blanks, objects as "{ Key=Value ; Key=Value }".
 */
char *value_format(const json_t *value);

/**
 * value_print() - print a property in "Key=Value" lines to standard output
 * @key: its name
 * @value: its value; of a list every element has a line, and an empty one an empty value
 * @value_only: leave out "Key="
 */
void value_print(const char *key, const json_t *value, bool value_only);
