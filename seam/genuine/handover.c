/* SPDX-License-Identifier: MIT */
/*
 * Memory changes hands between host and module: what that means for the guest's nested tables. PAMTs are the
 * module's from SYS.CONFIG on, as with the soft module; other pages from the first write under a private
 * KeyID.
 */
#include "drivers/tdx/abi/tdx.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/keys_state.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/platform.h"

static void say_no_room(u64 base, u64 size)
{
    log_line("no room for nested tables: parts of 0x%lx-0x%lx stay in the host's reach unnoticed", base,
             base + size);
}

/* ---- one way ---- */

void handover_to_module(struct lp *lp, u64 page)
{
    if (tdmr_areas_in_pamt(&keys.facts.areas, page))
        return; /* it is already */
    if (!npt_make_hole(page, PAGE_SIZE, NPT_CONTROL))
        say_no_room(page, PAGE_SIZE);
    lp->need_flush = true;
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

void handover_everything_to_host(void)
{
    npt_each_hole(NPT_PAMT, handover_junk_to_host);
    npt_each_hole(NPT_CONTROL, handover_junk_to_host);
}

/* ---- calls that hand over ---- */

static const void *ram_at(u64 pa, u64 size)
{
    return memory_ram(pa, size);
}

static void configured(struct lp *lp, const struct soft_regs *in)
{
    if (!tdmr_areas_read(&keys.facts.areas, in->rcx, in->rdx, ram_at))
        log_line(
            "SYS.CONFIG succeeded, but its list of %lu TDMRs at 0x%lx can't be read: PAMTs look like control pages",
            in->rdx, in->rcx);
    handover_pamts_to_module(lp);
}

/* R8 says how large the page was: 4 KiB, 2 MiB, 1 GiB. */
static void reclaimed(struct lp *lp, const struct soft_regs *in)
{
    u64 base = in->rcx, size = PAGE_SIZE << 9 * (lp->regs.r8 & 3);
    for (u64 page = base; page < base + size; page += PAGE_SIZE) {
        struct page_record *record = page_records_find(&keys.records, page);
        if (record)
            keys_take_away(lp, page, record);
    }
    handover_junk_to_host(base, size);
}

void keys_call_done(struct lp *lp, const struct soft_regs *in)
{
    if ((lp->regs.rax & TDX_STATUS_MASK) != TDX_SUCCESS)
        return;
    lock_take(&keys.lock);
    switch (in->rax & 0xFFFF) {
    case TDH_SYS_CONFIG:
        configured(lp, in);
        break;
    case TDH_PHYMEM_PAGE_RECLAIM:
        reclaimed(lp, in);
        break;
    default:
        break;
    }
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
