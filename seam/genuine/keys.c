/* SPDX-License-Identifier: MIT */
#include "seam/genuine/keys.h"

#include "lib/string.h"
#include "seam/genuine/keys_state.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"

struct keys keys;

/* ---- the ways in ---- */

static u64 own_address(u64 pa)
{
    return pa & ((1ull << 52) - 1);
}

static void touch(u64 page)
{
    struct page_record *record = page_records_find(&keys.records, page);
    if (record && page_is_kept(record))
        record->flags |= PAGE_WRITTEN;
}

void keys_touched(u64 physical, u64 size)
{
    lock_take(&keys.lock);
    for (u64 page = align_down(physical, PAGE_SIZE); page < physical + size; page += PAGE_SIZE)
        touch(page);
    lock_release(&keys.lock);
}

/* Shows the page at an address with its KeyID, unless it is already: another LP may have settled the same
 * fault. Where it is; NULL: the module has been stopped. */
static u8 *settle(struct lp *lp, u64 at, bool write)
{
    enum module_npt_rights rights;
    u8 *frame = module_npt_frame(at, write);
    if (frame)
        return frame;
    frame = keys_admit(lp, at, write, &rights);
    if (!frame || module_npt_show(at, (u64)frame, rights))
        return frame;
    seam_stop(lp, "touched 0x%lx, and SEAMRR has no room left for its nested page tables", at);
    return NULL;
}

void keys_nested_fault(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_NPF);
    lock_take(&keys.lock);
    settle(lp, own_address(align_down(lp->vmcb->exit_info_2, PAGE_SIZE)), lp->vmcb->exit_info_1 & NPF_WRITE);
    lock_release(&keys.lock);
}

void *keys_reach(struct lp *lp, u64 pa, u32 size, bool write)
{
    (void)size;
    u64 offset = pa & (PAGE_SIZE - 1);
    lock_take(&keys.lock);
    u8 *page = settle(lp, own_address(pa - offset), write);
    if (page && write)
        touch((u64)page);
    lock_release(&keys.lock);
    return page ? page + offset : NULL;
}

/* ---- keys ---- */

static void make_stale(void *context, u64 page, struct page_record *record)
{
    const u16 *hkid = context;
    bool written;
    if (record->key != *hkid)
        return;
    record->flags |= PAGE_STALE;
    module_npt_take_away(page, &written);
    record->flags |= written ? PAGE_WRITTEN : 0;
}

/* A package that has the key already begins another round: what was written with the old key is lost. */
void keys_configured(struct lp *lp, u16 hkid)
{
    u32 package = keys_package_bit(lp), *configured = &keys.facts.configured[hkid & (MODULE_NPT_KEYS - 1)];
    lock_take(&keys.lock);
    if (*configured & package) {
        *configured = 0;
        page_records_each(&keys.records, make_stale, &hkid);
        seam_flush_others(lp);
    }
    *configured |= package;
    lock_release(&keys.lock);
}

/* ---- from power-on to reset ---- */

static void *new_page(void)
{
    return heap_take(PAGE_SIZE, PAGE_SIZE);
}

static void own(u64 page, u8 flags)
{
    struct page_record *record = page_records_make(&keys.records, page);
    if (!record)
        refuse("SEAMRR has no room to remember what the module's pages are");
    record->flags = PAGE_OWN | PAGE_WRITTEN | flags;
}

void keys_build(u64 block, u64 size)
{
    u64 end = max_u64(align_up(machine.ram_end, GIB), 4 * GIB), pieces = end / PAGE_RECORDS_PIECE;
    page_records_init(&keys.records, heap_need(pieces * sizeof(void *), PAGE_SIZE, "records of pages"),
                      pieces, new_page);
    keys_make_noise();
    module_npt_build();
    for (u64 page = block; page < block + size; page += PAGE_SIZE) {
        own(page, 0);
        if (!module_npt_show(page, page, SHOW_WRITE))
            refuse("SEAMRR has no room for the module's nested page tables");
    }
    for (u32 i = 0; i < lp_count; i++)
        own(lp_at(i)->seam->seam_vmcs, PAGE_UNSEEN);
}

u64 keys_root(void)
{
    return module_npt_root();
}

bool keys_map_own(u64 physical, u64 size, bool writable)
{
    bool done = true;
    lock_take(&keys.lock);
    for (u64 page = physical; page < physical + size; page += PAGE_SIZE)
        done = module_npt_show(page, page, writable ? SHOW_WRITTEN : SHOW_READ) && done;
    lock_release(&keys.lock);
    return done;
}

void keys_reset(void)
{
    lock_take(&keys.lock);
    handover_everything_to_host(lp_current());
    memset(&keys.facts, 0, sizeof(keys.facts));
    lock_release(&keys.lock);
}
