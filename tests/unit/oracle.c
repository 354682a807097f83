/* SPDX-License-Identifier: MIT */
#include "tests/unit/oracle.h"

#define FAIL(status, b0, b1, b2) ((status) | (u64)(b0) | (u64)(b1) << 8 | (u64)(b2) << 16)

struct area {
    u64 base, size;
};

static const u64 level_pages[TDX_PAMT_LEVELS] = {4096, 2097152, 1073741824};

static bool overflows(u64 base, u64 size)
{
    return base + size < base;
}

static bool bad_address(const struct oracle_platform *platform, u64 address)
{
    return address >> (52 - platform->keyid_bits) != 0;
}

static bool overlap(struct area a, struct area b)
{
    return a.base < b.base + b.size && b.base < a.base + a.size;
}

static struct area pamt_of(const struct tdx_tdmr_info *tdmr, u32 level)
{
    if (level == TDX_PAMT_4K)
        return (struct area){tdmr->pamt_4k_base, tdmr->pamt_4k_size};
    if (level == TDX_PAMT_2M)
        return (struct area){tdmr->pamt_2m_base, tdmr->pamt_2m_size};
    return (struct area){tdmr->pamt_1g_base, tdmr->pamt_1g_size};
}

/* Walks from CMR to CMR: those that touch count as one. */
static bool inside_cmrs(const struct oracle_platform *platform, u64 base, u64 size)
{
    u64 at = base;
    for (u32 step = 0; at < base + size && step <= platform->cmr_count; step++)
        for (u32 i = 0; i < platform->cmr_count; i++)
            if (platform->cmrs[i].base <= at && at < platform->cmrs[i].base + platform->cmrs[i].size) {
                at = platform->cmrs[i].base + platform->cmrs[i].size;
                break;
            }
    return at >= base + size;
}

/* True if some byte of the area is in the TDMR and in none of its reserved areas. */
static bool hits_available(const struct tdx_tdmr_info *tdmr, struct area area)
{
    u64 at = area.base > tdmr->base ? area.base : tdmr->base;
    u64 end = area.base + area.size;
    if (end > tdmr->base + tdmr->size)
        end = tdmr->base + tdmr->size;
    for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR && at < end; j++) {
        u64 start = tdmr->base + tdmr->reserved[j].offset;
        if (tdmr->reserved[j].size && start <= at && at < start + tdmr->reserved[j].size)
            at = start + tdmr->reserved[j].size;
    }
    return at < end;
}

static u64 check_placement(const struct oracle_platform *platform, const struct tdx_tdmr_info *tdmrs, u64 i)
{
    const struct tdx_tdmr_info *tdmr = &tdmrs[i];
    if (overflows(tdmr->base, tdmr->size))
        return FAIL(TDX_INVALID_TDMR, i, 0, 0);
    if (i > 0 && tdmr->base < tdmrs[i - 1].base)
        return FAIL(TDX_NON_ORDERED_TDMR, i, 0, 0);
    if (i > 0 && tdmr->base < tdmrs[i - 1].base + tdmrs[i - 1].size)
        return FAIL(TDX_NON_ORDERED_TDMR, i, 0, 0);
    if (tdmr->base % 1073741824 || tdmr->size % 1073741824 || tdmr->size == 0)
        return FAIL(TDX_INVALID_TDMR, i, 0, 0);
    if (bad_address(platform, tdmr->base) || bad_address(platform, tdmr->base + tdmr->size - 1))
        return FAIL(TDX_INVALID_TDMR, i, 0, 0);
    return 0;
}

static u64 check_reserved(const struct oracle_platform *platform, const struct tdx_tdmr_info *tdmr, u64 i)
{
    u64 previous_offset = 0, previous_end = 0;
    for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR; j++) {
        u64 offset = tdmr->reserved[j].offset, size = tdmr->reserved[j].size;
        if (size == 0) {
            if (j + 1 < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[j + 1].size != 0)
                return FAIL(TDX_NON_ORDERED_RESERVED_IN_TDMR, i, j, 0);
            continue;
        }
        if (overflows(offset, size) || j >= platform->max_reserved)
            return FAIL(TDX_INVALID_RESERVED_IN_TDMR, i, j, 0);
        if (j > 0 && (offset < previous_offset || offset < previous_end))
            return FAIL(TDX_NON_ORDERED_RESERVED_IN_TDMR, i, j, 0);
        if (offset % 4096 || size % 4096)
            return FAIL(TDX_INVALID_RESERVED_IN_TDMR, i, j, 0);
        if (overflows(tdmr->base, offset + size) || offset + size > tdmr->size)
            return FAIL(TDX_INVALID_RESERVED_IN_TDMR, i, j, 0);
        previous_offset = offset;
        previous_end = offset + size;
    }
    return 0;
}

static u64 check_pamt_shape(const struct oracle_platform *platform, const struct tdx_tdmr_info *tdmr, u64 i)
{
    for (int level = TDX_PAMT_1G; level >= TDX_PAMT_4K; level--) {
        struct area pamt = pamt_of(tdmr, (u32)level);
        if (overflows(pamt.base, pamt.size) || pamt.base % 4096 || pamt.size % 4096 ||
            bad_address(platform, pamt.base) || bad_address(platform, pamt.base + pamt.size - 1) ||
            pamt.size < tdmr->size / level_pages[level] * platform->entry_size[level])
            return FAIL(TDX_INVALID_PAMT, i, level, 0);
    }
    return 0;
}

static u64 check_pamt_pairs(const struct tdx_tdmr_info *tdmrs, u64 i)
{
    for (u64 j = 0; j < i; j++)
        for (u32 level = TDX_PAMT_4K; level <= TDX_PAMT_1G; level++)
            for (u32 other = TDX_PAMT_4K; other <= TDX_PAMT_1G; other++)
                if (overlap(pamt_of(&tdmrs[i], level), pamt_of(&tdmrs[j], other)))
                    return FAIL(TDX_PAMT_OVERLAP, i, level, j);
    static const u32 pairs[3][2] = {
        {TDX_PAMT_4K, TDX_PAMT_2M}, {TDX_PAMT_4K, TDX_PAMT_1G}, {TDX_PAMT_2M, TDX_PAMT_1G}};
    for (u32 pair = 0; pair < 3; pair++)
        if (overlap(pamt_of(&tdmrs[i], pairs[pair][0]), pamt_of(&tdmrs[i], pairs[pair][1])))
            return FAIL(TDX_PAMT_OVERLAP, i, pairs[pair][0], i);
    return 0;
}

static u64 check_pamt_against_memory(const struct tdx_tdmr_info *tdmrs, u64 i)
{
    for (u64 j = 0; j <= i; j++) {
        for (u32 level = TDX_PAMT_4K; level <= TDX_PAMT_1G; level++)
            if (hits_available(&tdmrs[j], pamt_of(&tdmrs[i], level)))
                return FAIL(TDX_PAMT_OVERLAP, i, level, j);
        for (u32 level = TDX_PAMT_4K; j < i && level <= TDX_PAMT_1G; level++)
            if (hits_available(&tdmrs[i], pamt_of(&tdmrs[j], level)))
                return FAIL(TDX_PAMT_OVERLAP, j, level, i);
    }
    return 0;
}

static u64 check_cmrs(const struct oracle_platform *platform, const struct tdx_tdmr_info *tdmr, u64 i)
{
    for (int level = TDX_PAMT_1G; level >= TDX_PAMT_4K; level--)
        if (!inside_cmrs(platform, pamt_of(tdmr, (u32)level).base, pamt_of(tdmr, (u32)level).size))
            return FAIL(TDX_PAMT_OUTSIDE_CMRS, i, level, 0);
    u64 at = tdmr->base;
    for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[j].size; j++) {
        if (!inside_cmrs(platform, at, tdmr->base + tdmr->reserved[j].offset - at))
            return FAIL(TDX_TDMR_OUTSIDE_CMRS, i, 0, 0);
        at = tdmr->base + tdmr->reserved[j].offset + tdmr->reserved[j].size;
    }
    if (!inside_cmrs(platform, at, tdmr->base + tdmr->size - at))
        return FAIL(TDX_TDMR_OUTSIDE_CMRS, i, 0, 0);
    return 0;
}

u64 oracle_sys_config(const struct oracle_platform *platform, const struct tdx_tdmr_info *tdmrs, u64 count)
{
    if (count < 1 || count > platform->max_tdmrs)
        return TDX_OPERAND_INVALID | TDX_OPERAND_RDX;
    for (u64 i = 0; i < count; i++) {
        u64 status = check_placement(platform, tdmrs, i);
        if (!status)
            status = check_reserved(platform, &tdmrs[i], i);
        if (!status)
            status = check_pamt_shape(platform, &tdmrs[i], i);
        if (!status)
            status = check_pamt_pairs(tdmrs, i);
        if (!status)
            status = check_pamt_against_memory(tdmrs, i);
        if (!status)
            status = check_cmrs(platform, &tdmrs[i], i);
        if (status)
            return status;
    }
    return 0;
}
