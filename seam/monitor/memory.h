/* SPDX-License-Identifier: MIT */
/*
 * Where the monitor lives: in SEAMRR, one block of RAM, 32 MiB or more, that the guest never sees. It moves
 * its own image there and builds its own page tables, in which all RAM stands at its physical address. What
 * remains of the block is a heap that only grows.
 */
#ifndef SEAM_MONITOR_MEMORY_H
#define SEAM_MONITOR_MEMORY_H

#include "lib/types.h"

/* Finds the block below 4 GiB and takes it out of machine.guest; refuses, with numbers, when memory is short.
 */
void memory_place_seamrr(void);

/* Moves the monitor into SEAMRR. From here on the image's old place and all memory outside SEAMRR are the
 * guest's. */
void memory_relocate(void);
void memory_use_five_levels(void); /* after that; refuses a CPU that can't */
u64 memory_cr3(void);              /* the monitor's page tables, below 4 GiB */

/* Zeroed memory at its physical address, aligned (power of two, at least 8). NULL when SEAMRR is full. */
void *heap_take(u64 size, u64 align);
void *heap_need(u64 size, u64 align, const char *what); /* refuses instead of NULL; only at start */
u64 heap_left(void);

/* size bytes of RAM at pa, outside SEAMRR; NULL if any byte of it isn't. */
void *memory_ram(u64 pa, u64 size);

extern u64 memory_seamrr_base, memory_seamrr_size;

static inline bool memory_in_seamrr(u64 pa)
{
    return pa - memory_seamrr_base < memory_seamrr_size;
}

/* The two largest stretches of RAM, for those who ask often: up to SEAMRR, and from 4 GiB on. */
extern struct memory_stretch {
    u64 base, size;
} memory_low, memory_high;

/* A naturally aligned word of RAM; false only means that memory_ram() must be asked. */
static inline bool memory_is_plain(u64 pa)
{
    return pa - memory_low.base < memory_low.size || pa - memory_high.base < memory_high.size;
}

#endif
