/* SPDX-License-Identifier: MIT */
/* Functions of expressions that give addresses which a leaf must refuse, by kind. */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/msr.h"

#define SEAMRR_ALIGN (32 * MIB)
#define CANDIDATES   4096 /* steps of a search at most */

/* Base and end of SEAMRR; false: there is none that can be read. */
static bool seamrr(const struct script_run *run, u64 *base, u64 *end)
{
    u64 size, mask;
    const struct script_port *port = run->port;
    if (!port->rdmsr(port->context, MSR_IA32_SEAMRR_BASE, base) ||
        !port->rdmsr(port->context, MSR_IA32_SEAMRR_MASK, &mask) || !(mask & SEAMRR_MASK_VALID))
        return false;
    mask = align_down(mask & ((1ull << TDX_PRIVATE_PA_BITS) - 1), SEAMRR_ALIGN);
    size = mask & -mask;
    *base = align_down(*base & ((1ull << TDX_PRIVATE_PA_BITS) - 1), SEAMRR_ALIGN);
    *end = *base + size;
    return *base != 0 && size != 0;
}

static bool in_seamrr(struct script_run *run, u64 *value)
{
    u64 end;
    return seamrr(run, value, &end) || run_skip(run, "SEAMRR can't be read from its MSRs");
}

/* The PAMT that holds a page: its end; 0: none does */
static u64 pamt_end(const struct script_layout *layout, u64 page)
{
    for (u32 i = 0; i < layout->count; i++) {
        const struct tdx_tdmr_info *tdmr = &layout->tdmrs[i];
        const u64 pamts[][2] = {{tdmr->pamt_4k_base, tdmr->pamt_4k_size},
                                {tdmr->pamt_2m_base, tdmr->pamt_2m_size},
                                {tdmr->pamt_1g_base, tdmr->pamt_1g_size}};
        for (u32 level = 0; level < ARRAY_COUNT(pamts); level++)
            if (page >= pamts[level][0] && page - pamts[level][0] < pamts[level][1])
                return pamts[level][0] + pamts[level][1];
    }
    return 0;
}

static bool in_pamt(struct script_run *run, const struct script_layout *layout, u64 *value)
{
    *value = layout->tdmrs[0].pamt_4k_base;
    return layout->count > 0 || run_skip(run, "there are no TDMRs");
}

static bool in_reserved(struct script_run *run, const struct script_layout *layout, u64 *value)
{
    const struct tdx_tdmr_info *tdmr = &layout->tdmrs[0];
    u32 steps = 0;
    for (u32 i = 0; layout->count && i < TDX_MAX_RESERVED_PER_TDMR; i++) {
        u64 end = tdmr->base + tdmr->reserved[i].offset + tdmr->reserved[i].size, pamt;
        u64 page = tdmr->base + tdmr->reserved[i].offset;
        while (page < end && (pamt = pamt_end(layout, page)) != 0 && steps++ < CANDIDATES)
            page = pamt;
        *value = page;
        if (page < end)
            return true;
    }
    return run_skip(run, "TDMR 0 has no reserved area but for its PAMTs");
}

/* ---- CMRs ---- */

static u64 cmr_end(u64 page)
{
    for (u32 i = 0; i < script_facts.cmr_count; i++) {
        const struct tdx_cmr *cmr = &script_facts.cmrs[i];
        if (page >= cmr->base && page - cmr->base < cmr->size)
            return cmr->base + cmr->size;
    }
    return 0;
}

static bool know_cmrs(struct script_run *run)
{
    return script_facts.cmr_count > 0 || run_skip(run, "the CMRs aren't known before SYS.LP.INIT");
}

/* Behind the first CMR, and behind what touches it or is SEAMRR. */
static bool in_hole(struct script_run *run, u64 *value)
{
    u64 page, end, base = 0, seamrr_end = 0;
    if (!know_cmrs(run))
        return false;
    seamrr(run, &base, &seamrr_end);
    page = script_facts.cmrs[0].base + script_facts.cmrs[0].size;
    for (u32 i = 0; i < CANDIDATES; i++) {
        if ((end = cmr_end(page)) == 0 && page >= base && page < seamrr_end)
            end = seamrr_end;
        *value = page;
        if (!end)
            return true;
        page = end;
    }
    return run_skip(run, "CMRs cover everything");
}

static u64 tdmr_end(const struct script_layout *layout, u32 count, u64 page)
{
    for (u32 i = 0; i < min_u64(layout->count, count); i++)
        if (page >= layout->tdmrs[i].base && page - layout->tdmrs[i].base < layout->tdmrs[i].size)
            return layout->tdmrs[i].base + layout->tdmrs[i].size;
    return 0;
}

static bool outside_tdmrs(struct script_run *run, const struct script_layout *layout, u64 *value)
{
    u32 configured = run_tdmrs_configured(run), steps = 0;
    if (!know_cmrs(run))
        return false;
    for (u32 i = 0; i < script_facts.cmr_count; i++) {
        u64 page = script_facts.cmrs[i].base, end = page + script_facts.cmrs[i].size, next;
        while (page < end && steps++ < CANDIDATES &&
               ((next = tdmr_end(layout, configured, page)) || (next = pamt_end(layout, page))))
            page = next;
        *value = page;
        if (page < end)
            return true;
    }
    return run_skip(run, "the TDMRs cover all RAM");
}

bool run_function_address(struct script_run *run, enum script_function function, const u64 *a, u64 *value)
{
    switch (function) {
    case FUNCTION_unaligned:
        *value = align_down(a[0], PAGE_SIZE) + 64;
        return true;
    case FUNCTION_with_keyid:
        *value = a[0] | a[1] << script_facts.keyid_shift;
        return true;
    case FUNCTION_above_maxpa:
        *value = a[0] | 1ull << TDX_PRIVATE_PA_BITS;
        return true;
    case FUNCTION_in_seamrr:
        return in_seamrr(run, value);
    case FUNCTION_in_hole:
        return in_hole(run, value);
    default:
        break;
    }
    const struct script_layout *layout = run_layout_now(run);
    if (!layout)
        return false;
    if (function == FUNCTION_in_pamt)
        return in_pamt(run, layout, value);
    return function == FUNCTION_in_reserved ? in_reserved(run, layout, value)
                                            : outside_tdmrs(run, layout, value);
}
