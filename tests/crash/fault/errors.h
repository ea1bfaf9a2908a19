/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How many errors a call has at most. */
#define VARIANTS 3

/**
 * error_of() - an error that a system call may come back with on a real machine
 * @number: of the call
 * @variant: which of its errors, from 0
 *
 * Returns: the errno, or 0 when the call has no such error.
 */
int error_of(long number, unsigned variant);

/* The call's name, or its number as text; the next call of this function overwrites it. */
const char *name_of(long number);
