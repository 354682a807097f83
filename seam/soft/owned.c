/* SPDX-License-Identifier: MIT */
/*
 * Which pages are the module's. The PAMTs say it; each TDMR keeps the range in which they have to be
 * searched. Nothing here locks: a carrier that asks while a leaf runs gets the state before or after it.
 */
#include "seam/soft/dpamt.h"

#define HALF (1 * MIB) /* pages whose 4K entries fill 4 KiB */

static const u64 page_bytes[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, 1 * GIB};

const struct soft_tdmr *soft_owning_tdmrs(const struct soft_module *module, u32 *count)
{
    bool from_handoff = module->tdmr_count == 0 && module->handoff.valid;
    *count = from_handoff ? module->handoff.tdmr_count : module->tdmr_count;
    return from_handoff ? module->handoff.tdmrs : module->tdmrs;
}

void soft_note_private(struct soft_tdmr *tdmr, u64 page)
{
    u64 low = __atomic_load_n(&tdmr->private_low, __ATOMIC_RELAXED);
    u64 high = __atomic_load_n(&tdmr->private_high, __ATOMIC_RELAXED);
    while (high < page + PAGE_SIZE &&
           !__atomic_compare_exchange_n(&tdmr->private_high, &high, page + PAGE_SIZE, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED))
        ;
    while ((low == 0 || low > page) && !__atomic_compare_exchange_n(&tdmr->private_low, &low, page, false,
                                                                    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        ;
}

static const struct soft_pamt_entry *map_entries(const struct soft_module *module, u64 at, u64 count)
{
    return at ? module->platform.map(module->platform.context, at, count * TDX_PAMT_ENTRY_BYTES) : NULL;
}

static bool is_private(u8 type)
{
    return type != TDX_PAGE_NDA && type != TDX_PAGE_RSVD;
}

/* The entry of a large page that contains pa; *size is its bytes. NULL: there is none. */
static const struct soft_pamt_entry *large_entry(const struct soft_module *module,
                                                 const struct soft_tdmr *tdmr, u64 pa, u64 *size)
{
    for (u32 level = TDX_PAMT_1G; level > TDX_PAMT_4K; level--) {
        const struct soft_pamt_entry *entry = map_entries(module, soft_pamt_at(module, tdmr, pa, level), 1);
        *size = page_bytes[level];
        if (entry && entry->type == TDX_PAGE_REG)
            return entry;
    }
    return NULL;
}

struct search {
    const struct soft_module *module;
    void (*visit)(void *context, u64 page, u64 size, const struct soft_pamt_entry *entry);
    void *context;
};

/* The pages of 4 KiB from pa to end, both in the same half of a 2 MiB region */
static void search_half(const struct search *search, const struct soft_tdmr *tdmr, u64 pa, u64 end)
{
    const struct soft_pamt_entry *entry = map_entries(
        search->module, soft_pamt_at(search->module, tdmr, pa, TDX_PAMT_4K), (end - pa) / PAGE_SIZE);
    for (; entry && pa < end; pa += PAGE_SIZE, entry++)
        if (is_private(entry->type))
            search->visit(search->context, pa, PAGE_SIZE, entry);
}

void soft_each_private(const struct soft_module *module,
                       void (*visit)(void *context, u64 page, u64 size, const struct soft_pamt_entry *entry),
                       void *context)
{
    const struct search search = {module, visit, context};
    u64 size;
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++) {
        const struct soft_tdmr *tdmr = &tdmrs[i];
        for (u64 pa = tdmr->private_low, end; pa < tdmr->private_high; pa = end) {
            const struct soft_pamt_entry *large = large_entry(module, tdmr, pa, &size);
            end = large ? align_down(pa, size) + size : align_down(pa, HALF) + HALF;
            if (large)
                visit(context, align_down(pa, size), size, large);
            else
                search_half(&search, tdmr, pa, end);
        }
    }
}

static enum soft_owner owner_by_type(u8 type)
{
    if (!is_private(type) || type == SOFT_PAGE_PAMT)
        return SOFT_OWNER_HOST;
    return type >= SOFT_PAGE_POOL_FIRST ? SOFT_OWNER_POOL : SOFT_OWNER_CONTROL;
}

struct runs {
    void (*visit)(void *context, u64 base, u64 size, enum soft_owner owner);
    void *context;
    u64 base, size;
    enum soft_owner owner;
};

static void end_run(struct runs *runs)
{
    if (runs->size)
        runs->visit(runs->context, runs->base, runs->size, runs->owner);
    runs->size = 0;
}

static void add_to_run(struct runs *runs, u64 page, u64 size, enum soft_owner owner)
{
    if (runs->base + runs->size != page || runs->owner != owner)
        end_run(runs);
    if (runs->size == 0)
        runs->base = page;
    runs->size += size;
    runs->owner = owner;
}

static void join(void *context, u64 page, u64 size, const struct soft_pamt_entry *entry)
{
    add_to_run(context, page, size, owner_by_type(entry->type));
}

static void join_marked(void *context, u64 page, enum soft_owner owner)
{
    add_to_run(context, page, PAGE_SIZE, owner);
}

static void each_marked(const struct soft_module *module, struct runs *runs)
{
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++) {
        const struct soft_tdmr *tdmr = &tdmrs[i];
        for (u64 pa = align_down(tdmr->private_low, SOFT_REGION); pa < tdmr->private_high; pa += SOFT_REGION)
            if (tdmr->bitmap_bits)
                soft_each_marked(module, tdmr, pa, join_marked, runs);
    }
}

void soft_holdings(const struct soft_module *module,
                   void (*visit)(void *context, u64 base, u64 size, enum soft_owner owner), void *context)
{
    struct runs runs = {.visit = visit, .context = context};
    soft_each_private(module, join, &runs);
    each_marked(module, &runs); /* after: the entries are in some of these pages */
    end_run(&runs);
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++)
        for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
            visit(context, tdmrs[i].pamt[level].base, tdmrs[i].pamt[level].size, SOFT_OWNER_PAMT);
}

static void give_back(void *context, u64 base, u64 size, enum soft_owner owner)
{
    const struct soft_platform *platform = context;
    (void)owner;
    platform->owner_changed(platform->context, base, size, SOFT_OWNER_HOST);
}

void soft_give_everything_back(struct soft_module *module)
{
    soft_holdings(module, give_back, &module->platform);
}

struct soft_holding soft_holding(const struct soft_pamt_entry *entry, u64 page, u32 level)
{
    struct soft_holding holding = {.owner = SOFT_OWNER_HOST};
    if (level == TDX_PAMT_4K ? !is_private(entry->type) : entry->type != TDX_PAGE_REG)
        return holding;
    holding.owner = owner_by_type(entry->type);
    holding.ranges[0] = (struct soft_range){page, page_bytes[level]};
    return holding;
}

static enum soft_owner owner_in_tdmr(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 page)
{
    u64 size;
    const struct soft_pamt_entry *entry = large_entry(module, tdmr, page, &size);
    if (!entry)
        entry = map_entries(module, soft_pamt_at(module, tdmr, page, TDX_PAMT_4K), 1);
    enum soft_owner owner = entry ? owner_by_type(entry->type) : SOFT_OWNER_HOST;
    return owner == SOFT_OWNER_HOST && tdmr->bitmap_bits ? soft_marked_owner(module, tdmr, page) : owner;
}

enum soft_owner soft_page_owner(const struct soft_module *module, u64 page)
{
    u32 count;
    if (module->overlay)
        return soft_overlay_owner(module, page);
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++) {
        const struct soft_tdmr *tdmr = &tdmrs[i];
        for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
            if (page >= tdmr->pamt[level].base && page - tdmr->pamt[level].base < tdmr->pamt[level].size)
                return SOFT_OWNER_PAMT;
        if (page < __atomic_load_n(&tdmr->private_low, __ATOMIC_ACQUIRE) ||
            page >= __atomic_load_n(&tdmr->private_high, __ATOMIC_ACQUIRE))
            continue;
        return owner_in_tdmr(module, tdmr, page);
    }
    return SOFT_OWNER_HOST;
}

bool soft_page_in_reserved_area(const struct soft_module *module, u64 page)
{
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++) {
        const struct soft_tdmr *tdmr = &tdmrs[i];
        for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[j].size; j++) {
            u64 area = tdmr->base + tdmr->reserved[j].offset;
            if (page >= area && page - area < tdmr->reserved[j].size)
                return true;
        }
    }
    return false;
}
