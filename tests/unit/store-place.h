/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "engine/store.h"

/* A state directory of its own for one test. */
typedef struct Place {
        char *directory, *intent; /* the directory, and the file in it */
        KsStore *store;
} Place;

void place_set_up(Place *place, gconstpointer data);
void place_tear_down(Place *place, gconstpointer data);

/* Gives the test process mounts of its own. */
void place_own_mounts(void);
/* Mounts a small tmpfs over the directory; place_tear_down() takes it away. */
void place_mount(Place *place, const char *options);
void place_remount(Place *place, unsigned long flags);

/* Another uid, and root again. Capabilities go with it. */
void become_nobody(void);
void become_root(void);
#define NOBODY 65534

KsIntent random_intent(void);
void assert_intent_equal(const KsIntent *a, const KsIntent *b);

/* Loads, and it has to be this one. */
void assert_stored(Place *place, const KsIntent *expected);
/* Loads, and it has to be "engaged" with an error that holds @words and the file's name. */
void assert_unreadable(Place *place, const char *words);
/* Saves, and it has to fail with these words. */
void assert_not_saved(Place *place, const char *words);
void assert_saved(Place *place, KsIntent *intent);
