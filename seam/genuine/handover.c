/* SPDX-License-Identifier: MIT */
/*
 * Memory changes hands between host and module: what that means for the guest's nested tables. PAMTs are the
 * module's from SYS.CONFIG on, as with the soft module; other pages from the first write under a private
 * KeyID.
 */
#include "drivers/tdx/abi/tdx.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/keys_state.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/platform.h"

/* Pages that the call in which an LP is has taken: as many as a call that fails may have. */
static struct taken {
    u64 pages[4];
    u32 count;
} taken[MAX_LPS];

static void say_no_room(u64 base, u64 size)
{
    log_line("no room for nested tables: parts of 0x%lx-0x%lx stay in the host's reach unnoticed", base,
             base + size);
}

/* ---- one way ---- */

void handover_to_module(struct lp *lp, u64 page)
{
    if (!npt_make_hole(page, PAGE_SIZE, NPT_CONTROL))
        say_no_room(page, PAGE_SIZE);
    lp->need_flush = true;
}

void handover_in_call(struct lp *lp, u64 page)
{
    struct taken *mine = &taken[lp->index];
    if (mine->count < ARRAY_COUNT(mine->pages))
        mine->pages[mine->count++] = page;
    handover_to_module(lp, page);
}

static bool take_pamt(u64 base, u64 size)
{
    bool done = npt_make_hole(base, size, NPT_PAMT);
    if (!done)
        say_no_room(base, size);
    return done;
}

void handover_pamts_to_module(struct lp *lp)
{
    tdmr_areas_each_pamt(&keys.facts.areas, take_pamt);
    lp->need_flush = true;
}

/* ---- and back ---- */

void handover_to_host(u64 base, u64 size)
{
    if (!npt_give_back(base, size))
        say_no_room(base, size);
}

void handover_junk_to_host(u64 base, u64 size)
{
    platform_fill_with_junk(base, size);
    handover_to_host(base, size);
}

/* Junk is a write, too. */
static bool give_pamt(u64 base, u64 size)
{
    for (u64 page = base; page < base + size; page += PAGE_SIZE) {
        struct page_record *record = page_records_find(&keys.records, page);
        if (record && page_is_kept(record))
            record->flags |= PAGE_WRITTEN;
    }
    handover_junk_to_host(base, size);
    return true;
}

void handover_pamts_to_host(void)
{
    tdmr_areas_each_pamt(&keys.facts.areas, give_pamt);
}

static void forget(void *context, u64 page, struct page_record *record)
{
    if (!(record->flags & PAGE_OWN))
        keys_take_away(context, page, record);
}

void handover_everything_to_host(struct lp *lp)
{
    page_records_each(&keys.records, forget, lp);
    npt_each_hole(NPT_PAMT, handover_junk_to_host);
    npt_each_hole(NPT_CONTROL, handover_junk_to_host);
}

/* ---- calls that hand over ---- */

static bool tdx_is(u64 rax, u64 status)
{
    return (rax & TDX_STATUS_MASK) == status;
}

static const void *ram_at(u64 pa, u64 size)
{
    return memory_ram(pa, size);
}

/* Whoever configures the module anew, after it was installed anew, doesn't want what was left (as in
 * seam/soft). */
static void configured(struct lp *lp, const struct soft_regs *in)
{
    handover_everything_to_host(lp);
    if (!tdmr_areas_read(&keys.facts.areas, in->rcx, in->rdx, ram_at))
        log_line(
            "SYS.CONFIG succeeded, but its list of %lu TDMRs at 0x%lx can't be read: PAMTs look like control pages",
            in->rdx, in->rcx);
    handover_pamts_to_module(lp);
}

static void give_back(struct lp *lp, u64 base, u64 size)
{
    base &= (1ull << NPT_ADDRESS_BITS) - PAGE_SIZE;
    for (u64 page = base; page < base + size; page += PAGE_SIZE) {
        struct page_record *record = page_records_find(&keys.records, page);
        if (record)
            keys_take_away(lp, page, record);
    }
    handover_junk_to_host(base, size);
}

/* Whoever has called has pushed something. */
static void look_for_notes(const struct lp *lp)
{
    u64 stack = space_stack_pointer(&seam_space, lp->index), pa;
    if (!keys.looked && space_translate(&seam_space, seam_space.cr3, stack, true, &pa)) {
        keys.looked = true;
        keys.notes_missing = !module_npt_written(align_down(pa, PAGE_SIZE), false);
        if (keys.notes_missing)
            log_line("this QEMU doesn't note writes in nested page tables: snapshots compare all pages");
    }
}

/*
 * A call that fails has taken nothing, says the module's page metadata: module 1.5.01 clears the page in
 * MNG.CREATE before it finds no entropy. On hardware the page is unreadable then until somebody writes it;
 * here it comes back as all others do (inferred).
 */
static void failed(struct lp *lp)
{
    struct taken *mine = &taken[lp->index];
    if (tdx_is(lp->regs.rax, TDX_INTERRUPTED_RESUMABLE))
        return;
    for (u32 i = 0; i < mine->count; i++)
        give_back(lp, mine->pages[i], PAGE_SIZE);
}

#define LEVEL(value) ((value)&3) /* 4 KiB, 2 MiB, 1 GiB */

/* Module 1.5.01, public source: which register names the page that the host may have again, and how large it
 * is. */
static void succeeded(struct lp *lp, const struct soft_regs *in)
{
    const struct soft_regs *out = &lp->regs;
    switch (in->rax & 0xFFFF) {
    case TDH_SYS_CONFIG:
        configured(lp, in);
        break;
    case TDH_PHYMEM_PAGE_RECLAIM:
        give_back(lp, in->rcx, PAGE_SIZE << 9 * LEVEL(out->r8));
        break;
    case TDH_MEM_PAGE_REMOVE:
        give_back(lp, out->rcx, PAGE_SIZE << 9 * LEVEL(in->rcx));
        break;
    case TDH_MEM_SEPT_REMOVE:
    case TDH_MEM_PAGE_PROMOTE:
    case TDH_MEM_PAGE_RELOCATE:
        give_back(lp, out->rcx, PAGE_SIZE);
        break;
    default:
        break;
    }
}

void keys_call_done(struct lp *lp, const struct soft_regs *in, bool returned)
{
    lock_take(&keys.lock);
    look_for_notes(lp);
    if (returned && tdx_is(lp->regs.rax, TDX_SUCCESS))
        succeeded(lp, in);
    else if (returned)
        failed(lp);
    taken[lp->index].count = 0;
    lock_release(&keys.lock);
}

/* ---- whose is it? ---- */

static enum monitor_owner owner_of(u64 page)
{
    const struct page_record *record = page_records_find(&keys.records, page);
    if (tdmr_areas_in_pamt(&keys.facts.areas, page))
        return MONITOR_OWNER_PAMT;
    if (record && record->key)
        return MONITOR_OWNER_CONTROL;
    return tdmr_areas_in_reserved(&keys.facts.areas, page) ? MONITOR_OWNER_RESERVED : MONITOR_OWNER_HOST;
}

enum monitor_owner keys_owner(u64 page)
{
    lock_take(&keys.lock);
    enum monitor_owner owner = owner_of(page);
    lock_release(&keys.lock);
    return owner;
}
