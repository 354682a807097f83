/* SPDX-License-Identifier: MIT */
/*
 * Single pages: TDH.PHYMEM.PAGE.RDMD (24) says what the PAMT says, TDH.PHYMEM.PAGE.RECLAIM (28) gives a page
 * of a dead TD back to the host, TDH.PHYMEM.PAGE.WBINVD (41) writes a free page's cache lines back. Module
 * 1.5.01 source.
 */
#include "seam/soft/dpamt.h"
#include "seam/soft/td.h"

static const u64 page_bytes[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, 1 * GIB};

static void clear_outputs(struct soft_regs *regs)
{
    regs->rcx = regs->rdx = regs->r8 = regs->r9 = regs->r10 = regs->r11 = 0;
}

/* What only the bitmap of Dynamic PAMT knows has no owner. */
static void show(const struct soft_request *request, const struct soft_pamt_walk *walk)
{
    const struct soft_pamt_entry *entry = walk->entries[walk->level];
    struct soft_page_kind kind = soft_page_kind(request->module, walk);
    request->regs->rcx = kind.type;
    request->regs->rdx = kind.type == entry->type ? soft_pamt_owner(entry) : 0;
    request->regs->r8 = kind.level;
}

u64 soft_page_rdmd(const struct soft_request *request)
{
    struct soft_regs *regs = request->regs;
    struct soft_pamt_walk walk;
    u64 page = regs->rcx;
    clear_outputs(regs);
    u64 status = soft_page_walk(request, page, TDX_OPERAND_RCX, false, &walk);
    if (status != TDX_SUCCESS)
        return status;
    soft_locked(request);
    show(request, &walk);
    if (regs->rcx == TDX_PAGE_REG || regs->rcx == TDX_PAGE_EPT)
        regs->r9 = walk.entries[walk.level]->bepoch;
    soft_pamt_release(&walk);
    return TDX_SUCCESS;
}

/* Any KeyID will do: it says whose lines are meant. No contents are cached here, so there is nothing to
 * flush. */
u64 soft_page_wbinvd(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    struct soft_pamt_walk walk;
    u64 page = request->regs->rcx;
    if (page >> TDX_PRIVATE_PA_BITS)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    page = soft_pa_without_keyid(module, page);
    u64 status = soft_page_operand(request, page, TDX_OPERAND_RCX, false, TDX_PAGE_NDA, &walk);
    if (status != TDX_SUCCESS)
        return status;
    soft_locked(request);
    soft_pamt_release(&walk);
    return TDX_SUCCESS;
}

/* ---- RECLAIM ---- */

static void free_page(struct soft_module *module, const struct soft_pamt_walk *walk)
{
    u64 size = page_bytes[walk->level];
    u64 owner = soft_pamt_owner(walk->entries[walk->level]); /* stays, as a stale one */
    soft_pamt_set(module, walk, TDX_PAGE_NDA, owner, 0);
    soft_report_owner(module, align_down(walk->page, size), size, SOFT_OWNER_HOST);
}

static u64 reclaim_tdr(const struct soft_request *request, const struct soft_pamt_walk *walk)
{
    struct soft_td td = soft_td_of(walk->entries[walk->level]);
    soft_locked(request);
    if (td.life != SOFT_TEARDOWN)
        return TDX_LIFECYCLE_STATE_INCORRECT;
    if (td.children != 0)
        return TDX_TD_ASSOCIATED_PAGES_EXIST;
    free_page(request->module, walk);
    return TDX_SUCCESS;
}

/* Two children may go at once: their TDR is locked shared, the number of children changes atomically. */
static u64 reclaim_child(const struct soft_request *request, const struct soft_pamt_walk *walk)
{
    struct soft_module *module = request->module;
    struct soft_pamt_walk tdr;
    u64 children = page_bytes[walk->level] / PAGE_SIZE;
    u64 owner = soft_pamt_owner(walk->entries[walk->level]);
    u64 status = soft_page_walk(request, owner, TDX_OPERAND_TDR, false, &tdr);
    if (status == soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_TDR))
        return status;
    if (status != TDX_SUCCESS)
        return soft_stop(request, "PHYMEM.PAGE.RECLAIM: the owner of a page is no page of TDX memory");
    soft_locked(request);
    if (tdr.level != TDX_PAMT_4K || tdr.entries[tdr.level]->type != TDX_PAGE_TDR) {
        status = soft_stop(request, "PHYMEM.PAGE.RECLAIM: the owner of a page is no TDR");
    } else if (soft_td_of(tdr.entries[tdr.level]).life != SOFT_TEARDOWN) {
        status = TDX_LIFECYCLE_STATE_INCORRECT;
    } else {
        free_page(module, walk);
        soft_pamt_add(module, &tdr, -(children << SOFT_TD_CHILD_SHIFT));
    }
    soft_pamt_release(&tdr);
    return status;
}

static u64 reclaim(const struct soft_request *request, const struct soft_pamt_walk *walk)
{
    u8 type = soft_page_kind(request->module, walk).type;
    if (type == TDX_PAGE_NDA || type == TDX_PAGE_RSVD || type == SOFT_PAGE_PAMT)
        return soft_operand(TDX_PAGE_METADATA_INCORRECT, TDX_OPERAND_RCX);
    if (type >= SOFT_PAGE_POOL_FIRST)
        return request->module->knobs.reclaim_pool_status;
    show(request, walk); /* whatever follows */
    if (!is_aligned(walk->page, page_bytes[walk->level]))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    return type == TDX_PAGE_TDR ? reclaim_tdr(request, walk) : reclaim_child(request, walk);
}

u64 soft_page_reclaim(const struct soft_request *request)
{
    struct soft_pamt_walk walk;
    u64 page = request->regs->rcx;
    clear_outputs(request->regs);
    u64 status = soft_page_walk(request, page, TDX_OPERAND_RCX, true, &walk);
    if (status != TDX_SUCCESS)
        return status;
    status = reclaim(request, &walk);
    soft_pamt_release(&walk);
    return status;
}
