/* SPDX-License-Identifier: MIT */
/*
 * The page list of EXT.MEM.ADD and the operand that describes it (HPA_LIST_INFO). Masks, not bit-fields;
 * bounds from the type. Source: Linux patch "Add extra memory to TDX Module for Extensions" v2 and its
 * review.
 */
#ifndef DRIVERS_TDX_HPA_LIST_H
#define DRIVERS_TDX_HPA_LIST_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

/*
 * Fills list with count pages of contiguous memory and returns the RCX that hands them over, 0 if that can't
 * be: count 0 (last_entry is an index, so an empty list can't be expressed) or more than the list holds,
 * unaligned pages.
 */
u64 hpa_list_fill(struct tdx_hpa_list *list, pa_t list_page, pa_t first_page, u64 count);

/* Slots that the module has taken, from the RCX it returned. */
u64 hpa_list_first_entry(u64 info);

#endif
