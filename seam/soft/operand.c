/* SPDX-License-Identifier: MIT */
/* Operands that name a page of TDX memory: one order of checks for all leaves. Module 1.5.01 source. */
#include "seam/soft/dpamt.h"

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

struct soft_page_kind soft_page_kind(const struct soft_module *module, const struct soft_pamt_walk *walk)
{
    struct soft_page_kind kind = {walk->entries[walk->level]->type, walk->level};
    if (!walk->tdmr->bitmap_bits || kind.type != TDX_PAGE_NDA || !soft_marked(module, walk->tdmr, walk->page))
        return kind;
    kind.level = TDX_PAMT_4K;
    switch (soft_marked_owner(module, walk->tdmr, walk->page)) {
    case SOFT_OWNER_PAMT:
        kind.type = (u8)module->knobs.pair_page_type;
        return kind;
    case SOFT_OWNER_POOL:
        kind.type = (u8)module->knobs.ext_page_type;
        return kind;
    default:
        kind.type = TDX_PAGE_RSVD;
        return kind;
    }
}

/* Only who takes a free page needs a place for its entry; WBINVD takes any free page (inferred). */
static u64 check_kind(const struct soft_module *module, u64 operand, bool exclusive, u8 type,
                      const struct soft_pamt_walk *walk)
{
    struct soft_page_kind kind = soft_page_kind(module, walk);
    bool no_pair = kind.level == TDX_PAMT_2M && kind.type == TDX_PAGE_NDA && walk->tdmr->bitmap_bits;
    if (no_pair && type == TDX_PAGE_NDA)
        return exclusive ? soft_operand(module->knobs.missing_pair_status, operand) : TDX_SUCCESS;
    if (kind.level == TDX_PAMT_4K && kind.type == type)
        return TDX_SUCCESS;
    return soft_operand(TDX_PAGE_METADATA_INCORRECT, operand);
}

u64 soft_page_operand(const struct soft_request *request, u64 page, u64 operand, bool exclusive, u8 type,
                      struct soft_pamt_walk *walk)
{
    u64 status = soft_page_walk(request, page, operand, exclusive, walk);
    if (status != TDX_SUCCESS)
        return status;
    status = check_kind(request->module, operand, exclusive, type, walk);
    if (status != TDX_SUCCESS)
        soft_pamt_release(walk);
    return status;
}

void soft_report_owner(const struct soft_module *module, u64 base, u64 size, enum soft_owner owner)
{
    module->platform.owner_changed(module->platform.context, base, size, owner);
}
