/* SPDX-License-Identifier: MIT */
/*
 * Is a TDMR valid? The rules of SYS.CONFIG in their order (module 1.5.01 source). What is wrong goes into the
 * status: byte 0 TDMR, byte 1 reserved area or PAMT level, byte 2 the other TDMR.
 */
#include "seam/soft/state.h"

static const enum tdx_pamt_level big_to_small[] = {TDX_PAMT_1G, TDX_PAMT_2M, TDX_PAMT_4K};
static const enum tdx_pamt_level small_to_big[] = {TDX_PAMT_4K, TDX_PAMT_2M, TDX_PAMT_1G};
static const u64 page_bytes[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, 1 * GIB};

static u64 details(u64 status, u32 tdmr, u32 part, u32 other)
{
    return status | tdmr | part << 8 | (u64)other << 16;
}

/* Base and last byte below 2^52 and without KeyID bits */
static bool addresses_plain(const struct soft_module *module, u64 base, u64 size)
{
    return soft_pa_plain(module, base) && soft_pa_plain(module, base + size - 1);
}

/* Rules 1 to 6: the TDMR itself, after the one before it */
static u64 check_placement(const struct soft_module *module, u32 index)
{
    const struct soft_tdmr *tdmr = &module->tdmrs[index];
    u64 end;
    if (__builtin_add_overflow(tdmr->base, tdmr->size, &end))
        return details(TDX_INVALID_TDMR, index, 0, 0);
    /* A base below the previous TDMR's base is below its end too, so one comparison does for rules 2 and 3.
     */
    if (index > 0 && tdmr->base < tdmr[-1].base + tdmr[-1].size)
        return details(TDX_NON_ORDERED_TDMR, index, 0, 0);
    if (!is_aligned(tdmr->base | tdmr->size, TDX_TDMR_ALIGN) || tdmr->size == 0 ||
        !addresses_plain(module, tdmr->base, tdmr->size))
        return details(TDX_INVALID_TDMR, index, 0, 0);
    return TDX_SUCCESS;
}

/* Rule 7: reserved areas ascend without overlap, are page-aligned, lie inside, and unused slots come last. */
static u64 check_reserved(const struct soft_module *module, u32 index)
{
    const struct soft_tdmr *tdmr = &module->tdmrs[index];
    u64 previous_end = 0;
    for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR; j++) {
        const struct tdx_reserved_area *area = &tdmr->reserved[j];
        u64 end;
        if (area->size == 0) {
            if (j + 1 < TDX_MAX_RESERVED_PER_TDMR && area[1].size != 0)
                return details(TDX_NON_ORDERED_RESERVED_IN_TDMR, index, j, 0);
            continue;
        }
        if (__builtin_add_overflow(area->offset, area->size, &end))
            return details(TDX_INVALID_RESERVED_IN_TDMR, index, j, 0);
        if (area->offset < previous_end)
            return details(TDX_NON_ORDERED_RESERVED_IN_TDMR, index, j, 0);
        if (!is_aligned(area->offset | area->size, PAGE_SIZE) || end > tdmr->size)
            return details(TDX_INVALID_RESERVED_IN_TDMR, index, j, 0);
        previous_end = end;
    }
    return TDX_SUCCESS;
}

/* Rule 8: each PAMT area on its own */
static u64 check_pamts(const struct soft_module *module, u32 index)
{
    const struct soft_tdmr *tdmr = &module->tdmrs[index];
    for (u32 i = 0; i < TDX_PAMT_LEVELS; i++) {
        enum tdx_pamt_level level = big_to_small[i];
        const struct soft_range *pamt = &tdmr->pamt[level];
        u64 end, wanted = soft_pamt_bytes(tdmr, level, tdmr->size / page_bytes[level]);
        if (__builtin_add_overflow(pamt->base, pamt->size, &end) ||
            !is_aligned(pamt->base | pamt->size, PAGE_SIZE) ||
            !addresses_plain(module, pamt->base, pamt->size) || pamt->size < wanted)
            return details(TDX_INVALID_PAMT, index, level, 0);
    }
    return TDX_SUCCESS;
}

static bool pamts_overlap(const struct soft_tdmr *a, u32 level_a, const struct soft_tdmr *b, u32 level_b)
{
    return soft_overlap(a->pamt[level_a].base, a->pamt[level_a].size, b->pamt[level_b].base,
                        b->pamt[level_b].size);
}

/* Rule 9: PAMTs against those of earlier TDMRs, then against one another */
static u64 check_pamt_overlap(const struct soft_module *module, u32 index)
{
    const struct soft_tdmr *tdmr = &module->tdmrs[index];
    for (u32 j = 0; j < index; j++)
        for (u32 own = 0; own < TDX_PAMT_LEVELS; own++)
            for (u32 theirs = 0; theirs < TDX_PAMT_LEVELS; theirs++)
                if (pamts_overlap(tdmr, own, &module->tdmrs[j], theirs))
                    return details(TDX_PAMT_OVERLAP, index, own, j);
    for (u32 own = 0; own < TDX_PAMT_LEVELS; own++)
        for (u32 other = own + 1; other < TDX_PAMT_LEVELS; other++)
            if (pamts_overlap(tdmr, own, tdmr, other))
                return details(TDX_PAMT_OVERLAP, index, own, index);
    return TDX_SUCCESS;
}

/*
 * Walks the parts of a TDMR that aren't reserved. *cursor starts at the TDMR's base; each call gives the next
 * part and moves the cursor behind it. *slot counts reserved areas.
 */
static bool next_part(const struct soft_tdmr *tdmr, u64 *cursor, u32 *slot, struct soft_range *part)
{
    u64 end = tdmr->base + tdmr->size;
    for (; *slot < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[*slot].size; (*slot)++) {
        u64 area = tdmr->base + tdmr->reserved[*slot].offset;
        u64 from = *cursor;
        if (area > from) {
            *part = (struct soft_range){from, area - from};
            *cursor = area;
            return true;
        }
        *cursor = area + tdmr->reserved[*slot].size;
    }
    *part = (struct soft_range){*cursor, end - *cursor};
    *cursor = end;
    return part->size != 0;
}

static bool hits_memory(const struct soft_range *pamt, const struct soft_tdmr *tdmr)
{
    struct soft_range part;
    u64 cursor = tdmr->base;
    u32 slot = 0;
    while (next_part(tdmr, &cursor, &slot, &part))
        if (soft_overlap(pamt->base, pamt->size, part.base, part.size))
            return true;
    return false;
}

static u64 check_pamts_of(const struct soft_module *module, u32 owner, u32 victim)
{
    for (u32 i = 0; i < TDX_PAMT_LEVELS; i++) {
        enum tdx_pamt_level level = small_to_big[i];
        if (hits_memory(&module->tdmrs[owner].pamt[level], &module->tdmrs[victim]))
            return details(TDX_PAMT_OVERLAP, owner, level, victim);
    }
    return TDX_SUCCESS;
}

/* Rule 10: no PAMT in memory that TDs could get */
static u64 check_pamt_placement(const struct soft_module *module, u32 index)
{
    u64 status = TDX_SUCCESS;
    for (u32 j = 0; j <= index && status == TDX_SUCCESS; j++) {
        status = check_pamts_of(module, index, j);
        if (status == TDX_SUCCESS && j < index)
            status = check_pamts_of(module, j, index);
    }
    return status;
}

/* Touching CMRs count as one; SYS.INIT made sure that they ascend. */
static bool in_cmrs(const struct soft_module *module, const struct soft_range *range)
{
    u64 cursor = range->base, end = range->base + range->size;
    for (u32 i = 0; i < TDX_MAX_CMRS && cursor < end; i++) {
        const struct tdx_cmr *cmr = &module->machine.cmrs[i];
        if (cmr->size && cursor >= cmr->base && cursor < cmr->base + cmr->size)
            cursor = cmr->base + cmr->size;
    }
    return cursor >= end;
}

/* Rules 11 and 12: PAMTs, then what isn't reserved, inside CMRs */
static u64 check_cmrs(const struct soft_module *module, u32 index)
{
    const struct soft_tdmr *tdmr = &module->tdmrs[index];
    struct soft_range part;
    u64 cursor = tdmr->base;
    u32 slot = 0;
    for (u32 i = 0; i < TDX_PAMT_LEVELS; i++)
        if (!in_cmrs(module, &tdmr->pamt[big_to_small[i]]))
            return details(TDX_PAMT_OUTSIDE_CMRS, index, big_to_small[i], 0);
    while (next_part(tdmr, &cursor, &slot, &part))
        if (!in_cmrs(module, &part))
            return details(TDX_TDMR_OUTSIDE_CMRS, index, 0, 0);
    return TDX_SUCCESS;
}

u64 soft_check_tdmr(const struct soft_module *module, u32 index)
{
    static u64 (*const rules[])(const struct soft_module *, u32) = {
        check_placement, check_reserved, check_pamts, check_pamt_overlap, check_pamt_placement, check_cmrs,
    };
    u64 status = TDX_SUCCESS;
    for (u32 i = 0; i < ARRAY_COUNT(rules) && status == TDX_SUCCESS; i++)
        status = rules[i](module, index);
    return status;
}
