/* SPDX-License-Identifier: MIT */
#include "seam/genuine/tdmr_areas.h"

#include "lib/string.h"

#define KEYLESS ((1ull << 46) - 1)

bool tdmr_areas_read(struct tdmr_areas *areas, u64 list, u64 count, const void *(*at)(u64 pa, u64 size))
{
    memset(areas, 0, sizeof(*areas));
    if (count > TDX_MAX_TDMRS)
        return false;
    for (u64 i = 0; i < count; i++) {
        const u64 *pointer = at((list & KEYLESS) + i * sizeof(u64), sizeof(u64));
        const void *info = pointer ? at(*pointer & KEYLESS, sizeof(struct tdx_tdmr_info)) : NULL;
        if (!info)
            return false;
        memcpy(&areas->tdmrs[i], info, sizeof(areas->tdmrs[i]));
    }
    areas->count = (u32)count;
    return true;
}

static bool within(u64 page, u64 base, u64 size)
{
    return page - base < size;
}

bool tdmr_areas_in_pamt(const struct tdmr_areas *areas, u64 page)
{
    for (u32 i = 0; i < areas->count; i++) {
        const struct tdx_tdmr_info *tdmr = &areas->tdmrs[i];
        if (within(page, tdmr->pamt_1g_base, tdmr->pamt_1g_size) ||
            within(page, tdmr->pamt_2m_base, tdmr->pamt_2m_size) ||
            within(page, tdmr->pamt_4k_base, tdmr->pamt_4k_size))
            return true;
    }
    return false;
}

/* An area of size 0 ends a TDMR's list. */
bool tdmr_areas_in_reserved(const struct tdmr_areas *areas, u64 page)
{
    for (u32 i = 0; i < areas->count; i++) {
        const struct tdx_tdmr_info *tdmr = &areas->tdmrs[i];
        for (u32 r = 0; r < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[r].size; r++)
            if (within(page, tdmr->base + tdmr->reserved[r].offset, tdmr->reserved[r].size))
                return true;
    }
    return false;
}

bool tdmr_areas_each_pamt(const struct tdmr_areas *areas, bool (*each)(u64 base, u64 size))
{
    bool done = true;
    for (u32 i = 0; i < areas->count; i++) {
        const struct tdx_tdmr_info *tdmr = &areas->tdmrs[i];
        done = each(tdmr->pamt_1g_base, tdmr->pamt_1g_size) && done;
        done = each(tdmr->pamt_2m_base, tdmr->pamt_2m_size) && done;
        done = each(tdmr->pamt_4k_base, tdmr->pamt_4k_size) && done;
    }
    return done;
}
