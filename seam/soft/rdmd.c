/* SPDX-License-Identifier: MIT */
/* TDH.PHYMEM.PAGE.RDMD (24): what the PAMT says about a page. Module 1.5.01 source. */
#include "seam/soft/state.h"

u64 soft_page_rdmd(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct soft_regs *regs = request->regs;
    struct soft_pamt_walk walk;
    u64 page = regs->rcx;
    regs->rcx = regs->rdx = regs->r8 = regs->r9 = regs->r10 = regs->r11 = 0;
    if (!is_aligned(page, PAGE_SIZE) || !soft_pa_plain(module, page))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    struct soft_tdmr *tdmr = soft_tdmr_usable(module, page);
    if (!tdmr)
        return soft_operand(TDX_OPERAND_ADDR_RANGE_ERROR, TDX_OPERAND_RCX);
    if (!soft_pamt_walk(request, tdmr, page, false, &walk))
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_RCX);
    const struct soft_pamt_entry *entry = walk.entries[walk.level];
    regs->rcx = entry->type;
    regs->rdx = soft_pamt_owner(entry);
    regs->r8 = walk.level;
    if (entry->type == TDX_PAGE_REG || entry->type == TDX_PAGE_EPT)
        regs->r9 = entry->bepoch;
    soft_pamt_release(&walk);
    return TDX_SUCCESS;
}
