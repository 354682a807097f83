/* SPDX-License-Identifier: MIT */
/*
 * What tdmr.c and pamt.c share: the state of a plan in the making. Private to the two.
 *
 * Everything is kept as sets of addresses. `open` is what the module may use: the CMRs without what was left
 * out and without the PAMTs. What isn't open in a TDMR is its reserved areas, so touching ones are merged by
 * construction.
 */
#ifndef DRIVERS_TDX_TDMR_WORK_H
#define DRIVERS_TDX_TDMR_WORK_H

#include "drivers/tdx/tdmr.h"

struct tdmr_plan_work {
    const struct tdmr_input *input;
    u32 max_tdmrs, max_areas;
    struct range_list cmrs;    /* above the first MiB */
    struct range_list must;    /* usable RAM in CMRs: what has to become TDX memory */
    struct range_list free;    /* where PAMTs may go: free memory in CMRs */
    struct range_list regions; /* 1 GiB aligned */
    struct range_list left;    /* CMR pieces left out: reserved although they are memory */
    struct range_list open;
    struct range_list room; /* free memory in CMRs that no PAMT has taken yet */
    struct range tdmrs[TDX_MAX_TDMRS];
    u32 areas[TDX_MAX_TDMRS]; /* reserved areas in use */
    u32 count;
    struct range pamts[TDX_MAX_TDMRS];
    u32 crowded, crowded_needs; /* the last TDMR that had no reserved area for a PAMT */
};

/* Reserved areas that a TDMR of this range needs: the gaps between what is open in it. */
u32 tdmr_count_areas(const struct range_list *open, struct range tdmr);

/* Cuts TDMR index in two; the first part is so many bytes long. */
void tdmr_cut(struct tdmr_plan_work *w, u32 index, u64 first);
bool tdmr_can_cut(const struct tdmr_plan_work *w, u32 index);

/*
 * Finds a block for each PAMT; cuts TDMRs whose PAMT fits in no free block. False: NO_PAMT, or NO_AREAS when
 * there is room but none of it without more reserved areas than a TDMR has.
 */
bool tdmr_place_pamts(struct tdmr_plan_work *w, struct tdmr_error *error);

#endif
