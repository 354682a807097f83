/* SPDX-License-Identifier: MIT */
/* Operands that name a page of TDX memory: one order of checks for all leaves. Module 1.5.01 source. */
#include "seam/soft/state.h"

u64 soft_page_walk(const struct soft_request *request, u64 page, u64 operand, bool exclusive,
                   struct soft_pamt_walk *walk)
{
    struct soft_module *module = request->module;
    if (!is_aligned(page, PAGE_SIZE) || !soft_pa_plain(module, page))
        return soft_operand(TDX_OPERAND_INVALID, operand);
    struct soft_tdmr *tdmr = soft_tdmr_usable(module, page);
    if (!tdmr)
        return soft_operand(TDX_OPERAND_ADDR_RANGE_ERROR, operand);
    if (!soft_pamt_walk(request, tdmr, page, exclusive, walk))
        return soft_operand(TDX_OPERAND_BUSY, operand);
    return TDX_SUCCESS;
}

u64 soft_page_operand(const struct soft_request *request, u64 page, u64 operand, bool exclusive, u8 type,
                      struct soft_pamt_walk *walk)
{
    u64 status = soft_page_walk(request, page, operand, exclusive, walk);
    if (status != TDX_SUCCESS)
        return status;
    if (walk->level == TDX_PAMT_4K && walk->entries[walk->level]->type == type)
        return TDX_SUCCESS;
    soft_pamt_release(walk);
    return soft_operand(TDX_PAGE_METADATA_INCORRECT, operand);
}

void soft_report_owner(const struct soft_module *module, u64 base, u64 size, enum soft_owner owner)
{
    module->platform.owner_changed(module->platform.context, base, size, owner);
}
