/* SPDX-License-Identifier: MIT */
/* Page metadata: finding, locking and reading PAMT entries. They live in the memory that the host gave for
 * it. */
#include "seam/soft/state.h"

#define ENTRY_SHARED 4u /* one shared holder; bit 1, host priority, only concerns guests */

static const u64 page_bytes[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, 1 * GIB};

struct soft_tdmr *soft_tdmr_of(struct soft_module *module, u64 pa)
{
    for (u32 i = 0; i < module->tdmr_count; i++) {
        struct soft_tdmr *tdmr = &module->tdmrs[i];
        if (pa >= tdmr->base && pa - tdmr->base < tdmr->size)
            return tdmr;
    }
    return NULL;
}

struct soft_tdmr *soft_tdmr_usable(struct soft_module *module, u64 pa)
{
    struct soft_tdmr *tdmr = soft_tdmr_of(module, pa);
    if (!tdmr || pa >= align_down(__atomic_load_n(&tdmr->initialised, __ATOMIC_ACQUIRE), GIB))
        return NULL;
    return tdmr;
}

static struct soft_pamt_entry *entry_of(const struct soft_module *module, const struct soft_tdmr *tdmr,
                                        u64 pa, enum tdx_pamt_level level)
{
    u64 index = (pa - tdmr->base) / page_bytes[level];
    u64 at = tdmr->pamt[level].base + index * TDX_PAMT_ENTRY_BYTES;
    return module->platform.map(module->platform.context, at, TDX_PAMT_ENTRY_BYTES);
}

static bool lock_entry(struct soft_pamt_entry *entry, bool exclusive)
{
    if (exclusive) {
        u16 free = 0;
        return __atomic_compare_exchange_n(&entry->lock, &free, SOFT_PAMT_ENTRY_EXCLUSIVE, false,
                                           __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }
    if (!(__atomic_fetch_add(&entry->lock, ENTRY_SHARED, __ATOMIC_ACQUIRE) & SOFT_PAMT_ENTRY_EXCLUSIVE))
        return true;
    __atomic_fetch_sub(&entry->lock, ENTRY_SHARED, __ATOMIC_RELEASE);
    return false;
}

bool soft_pamt_walk(const struct soft_request *request, const struct soft_tdmr *tdmr, u64 pa, bool exclusive,
                    struct soft_pamt_walk *walk)
{
    *walk = (struct soft_pamt_walk){.level = TDX_PAMT_LEVELS};
    for (int level = TDX_PAMT_1G; level >= TDX_PAMT_4K; level--) {
        struct soft_pamt_entry *entry = entry_of(request->module, tdmr, pa, level);
        if (!entry) {
            soft_stop(request, "a PAMT that was there when it was initialised is gone");
            return false;
        }
        bool leaf = level == TDX_PAMT_4K || entry->type == TDX_PAGE_REG;
        if (!lock_entry(entry, leaf && exclusive)) {
            soft_pamt_release(walk);
            return false;
        }
        walk->entries[level] = entry;
        walk->level = level;
        walk->exclusive = leaf && exclusive;
        if (leaf)
            break;
    }
    return true;
}

void soft_pamt_release(struct soft_pamt_walk *walk)
{
    for (u32 level = walk->level; level < TDX_PAMT_LEVELS; level++) {
        bool exclusive = walk->exclusive && level == walk->level;
        __atomic_fetch_sub(&walk->entries[level]->lock, exclusive ? SOFT_PAMT_ENTRY_EXCLUSIVE : ENTRY_SHARED,
                           __ATOMIC_RELEASE);
    }
}

static bool is_pool_page(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa)
{
    const struct soft_pamt_entry *entry = entry_of(module, tdmr, pa, TDX_PAMT_4K);
    return entry && entry->type == module->knobs.ext_page_type;
}

void soft_pool_runs(const struct soft_module *module, void (*visit)(void *context, u64 base, u64 size),
                    void *context)
{
    for (u32 i = 0; i < module->tdmr_count; i++) {
        const struct soft_tdmr *tdmr = &module->tdmrs[i];
        u64 run = 0; /* bytes of the run that ends at pa */
        for (u64 pa = tdmr->pool_low; pa < tdmr->pool_high; pa += PAGE_SIZE) {
            if (is_pool_page(module, tdmr, pa)) {
                run += PAGE_SIZE;
                continue;
            }
            if (run)
                visit(context, pa - run, run);
            run = 0;
        }
        if (run)
            visit(context, tdmr->pool_high - run, run);
    }
}

enum soft_owner soft_page_owner(const struct soft_module *module, u64 page)
{
    for (u32 i = 0; i < module->tdmr_count; i++) {
        const struct soft_tdmr *tdmr = &module->tdmrs[i];
        for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
            if (page >= tdmr->pamt[level].base && page - tdmr->pamt[level].base < tdmr->pamt[level].size)
                return SOFT_OWNER_PAMT;
        if (page >= tdmr->pool_low && page < tdmr->pool_high && is_pool_page(module, tdmr, page))
            return SOFT_OWNER_POOL;
    }
    return SOFT_OWNER_HOST;
}

bool soft_page_in_reserved_area(const struct soft_module *module, u64 page)
{
    for (u32 i = 0; i < module->tdmr_count; i++) {
        const struct soft_tdmr *tdmr = &module->tdmrs[i];
        for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[j].size; j++) {
            u64 area = tdmr->base + tdmr->reserved[j].offset;
            if (page >= area && page - area < tdmr->reserved[j].size)
                return true;
        }
    }
    return false;
}
