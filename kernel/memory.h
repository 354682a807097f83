/* SPDX-License-Identifier: MIT */
/*
 * The kernel's two allocators. Both are instances over plain arrays, so that unit tests run them off-target;
 * the kernel's own instances are set up by memory_init().
 *
 * - bump:   permanent objects. Never frees.
 * - contig: physically contiguous blocks, aligned, within a range; can free, and can retire a block for good,
 *   so that memory which never returns (PAMT, extension pool) is isolated in one place instead of scattered.
 */
#ifndef KERNEL_MEMORY_H
#define KERNEL_MEMORY_H

#include "boot/boot_info.h"
#include "lib/types.h"

/* ---- contiguous allocator ---- */

#define CONTIG_MAX_RANGES 512

enum contig_state { CONTIG_FREE, CONTIG_USED, CONTIG_RETIRED };

struct contig_range {
    u64 base, size; /* bytes, page multiples */
    enum contig_state state;
    const char *owner; /* for USED and RETIRED */
};

struct contig {
    struct contig_range ranges[CONTIG_MAX_RANGES]; /* ascending, disjoint; touching FREE ranges are merged */
    u32 count;
    /* For debug builds; either may be NULL. */
    void (*junk)(u64 base, u64 size);   /* fills freed memory */
    void (*broken)(const char *reason); /* contig_check() failed after a change: it is made after each one */
};

struct contig_request {
    u64 size;         /* bytes, rounded up to pages */
    u64 align;        /* power of two >= 4096; 0 = 4096 */
    u64 min, max;     /* the block lies in [min, max); max 0 = no limit */
    bool from_top;    /* prefer the highest place that fits; default the lowest */
    bool quiet;       /* no log line if there is no room: the caller has somewhere else to look */
    const char *what; /* for messages and accounting */
};

bool contig_add(struct contig *contig, u64 base, u64 size);
/*
 * False if nothing fits, with one log line that says what was asked for and the largest free block, unless
 * the request is quiet. A request that nothing could ever meet is reported either way.
 */
bool contig_alloc(struct contig *contig, const struct contig_request *request, pa_t *block);
/*
 * All three return false, with a log line, if the block isn't in the state it must be in. Free takes a whole
 * block as it was allocated; the other two also take a part of a block, or several that touch.
 */
bool contig_free(struct contig *contig, pa_t block, u64 size);   /* USED -> FREE; the memory must be mapped */
bool contig_retire(struct contig *contig, pa_t block, u64 size); /* USED -> RETIRED: never given out again */
bool contig_restore(struct contig *contig, pa_t block,
                    u64 size); /* RETIRED -> FREE: the module gave it back */
u64 contig_total(const struct contig *contig, enum contig_state state); /* bytes */
u64 contig_largest_free(const struct contig *contig);
/* The state machine as code: NULL if all invariants hold, else which one doesn't. */
const char *contig_check(const struct contig *contig);

/* ---- bump allocator ---- */

struct bump {
    u64 next, end; /* physical */
};

/* False with a log line (asked, left) if it doesn't fit. The memory is zeroed by the caller's map. */
bool bump_alloc(struct bump *bump, u64 size, u64 align, pa_t *block);
const char *bump_check(const struct bump *bump);

/* ---- the kernel's own ---- */

void memory_init(
    const struct boot_info *info); /* refuses, with numbers, if there is too little; keeps info */
struct contig *memory_pool(void);  /* lock: memory_lock() around every use after SMP is up */
void memory_lock(void);
void memory_unlock(void);

/*
 * Zeroed memory below 4 GiB for ever, from the bump allocator; panics when it is exhausted. align 0: 16. Both
 * take memory_lock() themselves, as do all functions of paging.h that may need a page table: don't call them
 * with it held.
 */
void *memory_permanent(u64 size, u64 align);
pa_t memory_permanent_block(u64 size, u64 align);

/*
 * The one page below 1 MiB that the kernel uses, for the APs' first instructions: usable, not page 0, no
 * module in it. To be asked for once. 0, with a log line, if there is none.
 */
pa_t memory_low_page(void);
/* Every usable range of the boot map, also what the kernel itself occupies: input to TDMR construction. */
const struct boot_info *memory_map(void);

#endif
