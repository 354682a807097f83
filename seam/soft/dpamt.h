/* SPDX-License-Identifier: MIT */
/*
 * Dynamic PAMT: page metadata of level 4K exists for those regions of 2 MiB only that the host gave a pair of
 * pages for; in place of the big PAMT_4K stands a bitmap. Sources: Linux' Dynamic PAMT patches; what they
 * leave open is marked inferred or invented where it is decided.
 *
 * - A region with a pair has an entry of level 2M of type PAMT: owner = first page (entries of the region's
 *   first MiB), BEPOCH bits 39:0 = number of the second page.
 * - A page's bit is set where the page can't be had although no entry says so: it lies in a reserved area,
 *   it is one of a pair, or (inferred) it is a pool page in a region without a pair (knob
 *   ext_needs_pamt_pair).
 * - BEPOCH bits 63:40 of an entry of level 2M count the pool pages of that last kind. No leaf shows them.
 */
#ifndef SEAM_SOFT_DPAMT_H
#define SEAM_SOFT_DPAMT_H

#include "seam/soft/state.h"

#define SOFT_REGION          (2 * MIB)
#define SOFT_REGION_PAGES    512u
#define SOFT_PAGE_PAMT       15 /* type of an entry of level 2M whose region has a pair */
#define SOFT_LOOSE_SHIFT     40 /* of the count of pool pages without an entry */
#define SOFT_PAIR_FRAME_MASK ((1ull << SOFT_LOOSE_SHIFT) - 1)

/* Where the entry of a page stands, 0: its region has no pair. */
u64 soft_pair_entry_at(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa);

/* One of a region's two pages */
static inline u64 soft_pair_page(const struct soft_pamt_entry *entry, u32 number)
{
    return number ? (entry->bepoch & SOFT_PAIR_FRAME_MASK) * PAGE_SIZE : soft_pamt_owner(entry);
}

/* A page's bit. set: the page isn't, the caller has the page's leaf exclusively. False: no memory. */
bool soft_marked(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 page);
bool soft_mark_flip(struct soft_module *module, const struct soft_tdmr *tdmr, u64 page);

/* The host's pages that have a bit and no entry: those of a pair and pool pages */
void soft_each_marked(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 region,
                      void (*visit)(void *context, u64 page, enum soft_owner owner), void *context);
/* HOST: it has no bit, or lies in a reserved area. */
enum soft_owner soft_marked_owner(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 page);

/* A pool page in a region without a pair; the walk's leaf is that region's entry, exclusively locked. False:
 * it isn't free. */
bool soft_take_loose(struct soft_module *module, const struct soft_pamt_walk *walk);

#endif
