/* SPDX-License-Identifier: MIT */
/* Where TDMRs, their PAMTs and their reserved areas are, as SYS.CONFIG was told. Pure. */
#ifndef SEAM_GENUINE_TDMR_AREAS_H
#define SEAM_GENUINE_TDMR_AREAS_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

struct tdmr_areas {
    u32 count;
    struct tdx_tdmr_info tdmrs[TDX_MAX_TDMRS];
};

/*
 * Reads SYS.CONFIG's operands: RCX, the address of a list of TDMR_INFO addresses, and RDX, how many. at(pa,
 * size) is the memory there, NULL if there is none. False: something can't be read; then there are no areas.
 */
bool tdmr_areas_read(struct tdmr_areas *areas, u64 list, u64 count, const void *(*at)(u64 pa, u64 size));

bool tdmr_areas_in_pamt(const struct tdmr_areas *areas, u64 page);
bool tdmr_areas_in_reserved(const struct tdmr_areas *areas, u64 page);

/* Calls each(base, size) for every PAMT area. False: one of them was false. */
bool tdmr_areas_each_pamt(const struct tdmr_areas *areas, bool (*each)(u64 base, u64 size));

#endif
