/* SPDX-License-Identifier: MIT */
/*
 * TDH.PHYMEM.PAMT.ADD (58) and TDH.PHYMEM.PAMT.REMOVE (59): the host gives two pages for the entries of a
 * region of 2 MiB, and takes them back. Order of checks: Linux' Dynamic PAMT patches. Inferred: each page is
 * checked whole before the next; two pages that are one give PAGE_NOT_FREE|R8; a page that another leaf holds
 * gives OPERAND_BUSY; REMOVE clears RDX and R8 first, as leaves of this kind do.
 */
#include "seam/soft/dpamt.h"

#define LEVEL_2M         1ull
#define LEVEL_MASK       0xFFFull /* 2:0 level, 11:3 reserved */
#define ENTRIES_PER_PAGE (PAGE_SIZE / TDX_PAMT_ENTRY_BYTES)

static const u64 page_operands[2] = {TDX_OPERAND_RDX, TDX_OPERAND_R8};

static bool is_on(const struct soft_module *module)
{
    return module->tdmrs[0].bitmap_bits != 0;
}

/* RCX: region and level */
static bool region_ok(const struct soft_module *module, u64 rcx)
{
    return (rcx & LEVEL_MASK) == LEVEL_2M && is_aligned(rcx - LEVEL_2M, SOFT_REGION) &&
           soft_pa_plain(module, rcx);
}

/* The region's entry, exclusively locked. Not TDX_SUCCESS: nothing is locked. */
static u64 take_region(const struct soft_request *request, u8 type, u64 other_status,
                       struct soft_pamt_walk *walk)
{
    struct soft_module *module = request->module;
    u64 region = align_down(request->regs->rcx, SOFT_REGION);
    struct soft_tdmr *tdmr = soft_tdmr_usable(module, region);
    if (!tdmr)
        return soft_operand(TDX_OPERAND_ADDR_RANGE_ERROR, TDX_OPERAND_RCX);
    if (!soft_pamt_walk_region(request, tdmr, region, walk))
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_RCX);
    if (walk->level == TDX_PAMT_2M && walk->entries[walk->level]->type == type)
        return TDX_SUCCESS;
    soft_pamt_release(walk);
    return soft_operand(other_status, TDX_OPERAND_RCX);
}

/* ---- PAMT.ADD ---- */

/* One of the two pages */
struct page {
    u64 pa, operand;
    struct soft_tdmr *tdmr;
    bool locked;
    struct soft_pamt_walk walk;
};

static u64 check_page(const struct soft_request *request, u32 number, struct page *page)
{
    struct soft_module *module = request->module;
    *page = (struct page){.pa = number ? request->regs->r8 : request->regs->rdx,
                          .operand = page_operands[number]};
    if (!is_aligned(page->pa, PAGE_SIZE) || !soft_pa_plain(module, page->pa))
        return soft_operand(TDX_OPERAND_INVALID, page->operand);
    page->tdmr = soft_tdmr_usable(module, page->pa);
    return page->tdmr ? TDX_SUCCESS : soft_operand(TDX_OPERAND_ADDR_RANGE_ERROR, page->operand);
}

/* Two pages of one region without a pair hang on the same entry. */
static bool entry_is_held(const struct page *page, u64 region, const struct page *other)
{
    u64 own_region = align_down(page->pa, SOFT_REGION);
    return own_region == region || (other && other->locked && other->walk.level == TDX_PAMT_2M &&
                                    own_region == align_down(other->pa, SOFT_REGION));
}

static u64 take_page(const struct soft_request *request, struct page *page, u64 region,
                     const struct page *other)
{
    const struct soft_module *module = request->module;
    if (!entry_is_held(page, region, other)) {
        if (!soft_pamt_walk(request, page->tdmr, page->pa, true, &page->walk))
            return soft_operand(TDX_OPERAND_BUSY, page->operand);
        page->locked = true;
        if (page->walk.entries[page->walk.level]->type != TDX_PAGE_NDA)
            return soft_operand(TDX_PAGE_NOT_FREE, page->operand);
    }
    if (soft_marked(module, page->tdmr, page->pa))
        return soft_operand(TDX_PAGE_NOT_FREE, page->operand);
    return TDX_SUCCESS;
}

static u64 use_pages(const struct soft_request *request, struct page pages[2],
                     const struct soft_pamt_walk *region)
{
    struct soft_module *module = request->module;
    u64 loose = region->entries[region->level]->bepoch & ~SOFT_PAIR_FRAME_MASK;
    soft_locked(request);
    for (u32 i = 0; i < 2; i++) {
        if (!soft_metadata_take(module, pages[i].pa))
            return soft_stop(request, "PHYMEM.PAMT.ADD: there is no memory at one of the pages");
        soft_mark_flip(module, pages[i].tdmr, pages[i].pa);
        soft_note_private(pages[i].tdmr, pages[i].pa);
        soft_report_owner(module, pages[i].pa, PAGE_SIZE, SOFT_OWNER_PAMT);
    }
    soft_pamt_set(module, region, SOFT_PAGE_PAMT, pages[0].pa, pages[1].pa / PAGE_SIZE | loose);
    return TDX_SUCCESS;
}

static u64 add(const struct soft_request *request, struct page pages[2], const struct soft_pamt_walk *region)
{
    u64 status = take_page(request, &pages[0], region->page, NULL);
    if (status == TDX_SUCCESS && pages[0].pa == pages[1].pa)
        status = soft_operand(TDX_PAGE_NOT_FREE, pages[1].operand);
    if (status == TDX_SUCCESS)
        status = take_page(request, &pages[1], region->page, &pages[0]);
    if (status == TDX_SUCCESS)
        status = use_pages(request, pages, region);
    for (u32 i = 0; i < 2; i++)
        if (pages[i].locked)
            soft_pamt_release(&pages[i].walk);
    return status;
}

u64 soft_pamt_add_pages(const struct soft_request *request)
{
    struct soft_pamt_walk region;
    struct page pages[2];
    u64 status = TDX_SUCCESS;
    if (!is_on(request->module))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RAX);
    if (!region_ok(request->module, request->regs->rcx))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    for (u32 i = 0; i < 2 && status == TDX_SUCCESS; i++)
        status = check_page(request, i, &pages[i]);
    if (status == TDX_SUCCESS)
        status = take_region(request, TDX_PAGE_NDA, TDX_HPA_RANGE_NOT_FREE, &region);
    if (status != TDX_SUCCESS)
        return status;
    status = add(request, pages, &region);
    soft_pamt_release(&region);
    return status;
}

/* ---- PAMT.REMOVE ---- */

static bool is_empty(const struct soft_module *module, u64 page)
{
    const struct soft_pamt_entry *entries = module->platform.map(module->platform.context, page, PAGE_SIZE);
    for (u32 i = 0; entries && i < ENTRIES_PER_PAGE; i++)
        if (entries[i].type != TDX_PAGE_NDA)
            return false;
    return true;
}

static void give_page_back(struct soft_module *module, u64 page)
{
    soft_metadata_release(module, page);
    soft_mark_flip(module, soft_tdmr_of(module, page), page);
    soft_report_owner(module, page, PAGE_SIZE, SOFT_OWNER_HOST);
}

static u64 remove_pair(const struct soft_request *request, const struct soft_pamt_walk *region)
{
    struct soft_module *module = request->module;
    struct soft_regs *regs = request->regs;
    const struct soft_pamt_entry *entry = region->entries[region->level];
    const u64 pages[2] = {soft_pair_page(entry, 0), soft_pair_page(entry, 1)};
    soft_locked(request);
    for (u32 i = 0; i < 2; i++)
        if (!is_empty(module, pages[i]))
            return soft_operand(module->knobs.pair_not_empty_status, i); /* which page, no operand */
    soft_pamt_set(module, region, TDX_PAGE_NDA, 0, entry->bepoch & ~SOFT_PAIR_FRAME_MASK);
    for (u32 i = 0; i < 2; i++)
        give_page_back(module, pages[i]);
    regs->rdx = pages[0];
    regs->r8 = pages[1];
    return TDX_SUCCESS;
}

u64 soft_pamt_remove_pages(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    struct soft_pamt_walk region;
    if (!is_on(module))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RAX);
    request->regs->rdx = request->regs->r8 = 0;
    if (!region_ok(module, request->regs->rcx))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    u64 status = take_region(request, SOFT_PAGE_PAMT, module->knobs.no_pair_status, &region);
    if (status != TDX_SUCCESS)
        return status;
    status = remove_pair(request, &region);
    soft_pamt_release(&region);
    return status;
}
