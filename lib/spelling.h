/* SPDX-License-Identifier: MIT */
/* What a misspelt name may have meant. */
#ifndef LIB_SPELLING_H
#define LIB_SPELLING_H

#include "lib/types.h"

#define SPELLING_MAX 40 /* characters of a name that are looked at */

/* Insertions, deletions, replacements and swaps of neighbours that make one of the other; ~0: too long to
 * say. */
u32 spelling_distance(const char *a, const char *b);

/* The name that is nearest to the word, NULL if none is near: more than a third of its characters differ. */
const char *spelling_nearest(const char *word, const char *const *names, u32 count);

#endif
