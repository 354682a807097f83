/* SPDX-License-Identifier: MIT */
/*
 * Sets of addresses: lists of ranges, ascending and disjoint, touching ones merged. Bytes, half open; base +
 * size must not overflow. A list that runs out of slots says so in `full` and is incomplete from then on.
 */
#ifndef LIB_RANGE_H
#define LIB_RANGE_H

#include "lib/types.h"

#define RANGE_LIST_MAX 640

struct range {
    u64 base, size;
};

struct range_list {
    struct range at[RANGE_LIST_MAX];
    u32 count;
    bool full; /* something didn't fit and is missing */
};

static inline u64 range_end(struct range range)
{
    return range.base + range.size;
}

/* The part of a that lies in b; size 0 if there is none. */
struct range range_common(struct range a, struct range b);

void range_list_clear(struct range_list *list);
void range_list_add(struct range_list *list, u64 base, u64 size);
void range_list_remove(struct range_list *list, u64 base, u64 size);
void range_list_remove_all(struct range_list *list, const struct range_list *what);
/* out = a and b; out must be neither of them. */
void range_list_intersect(struct range_list *out, const struct range_list *a, const struct range_list *b);

/* All of [base, base+size) is in the set; size > 0. */
bool range_list_holds(const struct range_list *list, u64 base, u64 size);
u64 range_list_bytes(const struct range_list *list);
u64 range_list_largest(const struct range_list *list); /* bytes of the largest range, 0 if empty */

#endif
