/* SPDX-License-Identifier: MIT */
/*
 * Page metadata of the module below. Its leaves run at the same time on other LPs, so nothing is locked here,
 * and an entry changes in one atomic step: lock, type and owner stand in its first 8 bytes.
 *
 * A large page (an entry of level 2M or 1G of type REG) leaves the entries of level 4K below it NDA. The
 * module makes one with the large entry locked exclusively, and looks whether all those below are free after
 * that. A page is therefore marked first, and the large entries are looked at again: one of the two sees the
 * other.
 */
#include "seam/soft/overlay.h"
#include "seam/soft/state.h"

#define LOCK_EXCLUSIVE     (1ull << 0)
#define LOCK_HOST_PRIORITY (1ull << 1) /* the entry is free; a host was turned away and comes again */
#define LOCK_MASK          0xFFFFull
#define TYPE_SHIFT         16
#define TYPE_MASK          (0xFFull << TYPE_SHIFT)
#define ENTRIES_PER_PAGE   (PAGE_SIZE / TDX_PAMT_ENTRY_BYTES)

static u8 type_of(u64 word)
{
    return (u8)(word >> TYPE_SHIFT);
}

/* The first 8 bytes of count entries, from pa's on; NULL: there is no memory */
static u64 *words_at(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa,
                     enum tdx_pamt_level level, u64 count)
{
    u64 at = soft_pamt_at(module, tdmr, pa, level);
    return module->platform.map(module->platform.context, at, count * TDX_PAMT_ENTRY_BYTES);
}

static u64 load(const u64 *word)
{
    return word ? __atomic_load_n(word, __ATOMIC_SEQ_CST) : 0;
}

static bool in_large_page(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa)
{
    return type_of(load(words_at(module, tdmr, pa, TDX_PAMT_2M, 1))) == TDX_PAGE_REG ||
           type_of(load(words_at(module, tdmr, pa, TDX_PAMT_1G, 1))) == TDX_PAGE_REG;
}

/* A large page may be in the making. */
static bool large_locked(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa)
{
    return (load(words_at(module, tdmr, pa, TDX_PAMT_2M, 1)) |
            load(words_at(module, tdmr, pa, TDX_PAMT_1G, 1))) &
           LOCK_EXCLUSIVE;
}

/* ---- one page ---- */

static u64 find_page(const struct soft_request *request, u64 page, u64 operand, struct soft_tdmr **tdmr)
{
    struct soft_module *module = request->module;
    if (!is_aligned(page, PAGE_SIZE) || !soft_pa_plain(module, page))
        return soft_operand(TDX_OPERAND_INVALID, operand);
    *tdmr = soft_tdmr_usable(module, page);
    return *tdmr ? TDX_SUCCESS : soft_operand(TDX_OPERAND_ADDR_RANGE_ERROR, operand);
}

static u64 mark(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 page, u64 *word,
                u64 operand)
{
    u64 old = load(word), marked = (old & LOCK_HOST_PRIORITY) | (u64)TDX_PAGE_RSVD << TYPE_SHIFT;
    if (old & LOCK_MASK & ~LOCK_HOST_PRIORITY)
        return soft_operand(TDX_OPERAND_BUSY, operand);
    if (type_of(old) != TDX_PAGE_NDA || in_large_page(module, tdmr, page))
        return soft_operand(module->knobs.ext_not_free_status, operand);
    if (!__atomic_compare_exchange_n(word, &old, marked, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        return soft_operand(TDX_OPERAND_BUSY, operand);
    if (!large_locked(module, tdmr, page) && !in_large_page(module, tdmr, page))
        return TDX_SUCCESS;
    __atomic_fetch_and(word, ~TYPE_MASK, __ATOMIC_SEQ_CST);
    return soft_operand(TDX_OPERAND_BUSY, operand);
}

u64 soft_overlay_take(const struct soft_request *request, u64 page, u64 operand, struct soft_tdmr **tdmr)
{
    u64 status = find_page(request, page, operand, tdmr);
    if (status != TDX_SUCCESS)
        return status;
    const struct soft_platform *platform = &request->module->platform;
    u64 *word = words_at(request->module, *tdmr, page, TDX_PAMT_4K, 1);
    if (!word)
        return soft_stop(request, "a PAMT of the module below is where there is no memory");
    status = mark(request->module, *tdmr, page, word, operand);
    if (platform->touched)
        platform->touched(platform->context, soft_pamt_at(request->module, *tdmr, page, TDX_PAMT_4K),
                          TDX_PAMT_ENTRY_BYTES);
    return status;
}

u64 soft_overlay_check_page(const struct soft_request *request, u64 page, u64 operand, u8 type)
{
    struct soft_tdmr *tdmr;
    u64 status = find_page(request, page, operand, &tdmr);
    if (status != TDX_SUCCESS)
        return status;
    u64 word = load(words_at(request->module, tdmr, page, TDX_PAMT_4K, 1));
    if (word & LOCK_EXCLUSIVE)
        return soft_operand(TDX_OPERAND_BUSY, operand);
    return type_of(word) == type ? TDX_SUCCESS : soft_operand(TDX_PAGE_METADATA_INCORRECT, operand);
}

/* ---- whose ---- */

static enum soft_owner owner_of(const struct soft_module *module, u64 page, u64 word)
{
    switch (type_of(word)) {
    case TDX_PAGE_NDA:
        return SOFT_OWNER_HOST;
    case TDX_PAGE_RSVD:
        return soft_page_in_reserved_area(module, page) ? SOFT_OWNER_HOST : SOFT_OWNER_POOL;
    default:
        return SOFT_OWNER_CONTROL;
    }
}

static bool in_pamt(const struct soft_tdmr *tdmr, u64 page)
{
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        if (page - tdmr->pamt[level].base < tdmr->pamt[level].size)
            return true;
    return false;
}

enum soft_owner soft_overlay_owner(const struct soft_module *module, u64 page)
{
    for (u32 i = 0; i < module->tdmr_count; i++)
        if (in_pamt(&module->tdmrs[i], page))
            return SOFT_OWNER_PAMT;
    const struct soft_tdmr *tdmr = soft_tdmr_usable((struct soft_module *)module, page);
    if (!tdmr)
        return SOFT_OWNER_HOST;
    if (in_large_page(module, tdmr, page))
        return SOFT_OWNER_CONTROL;
    return owner_of(module, page, load(words_at(module, tdmr, page, TDX_PAMT_4K, 1)));
}

bool soft_overlay_page_type(struct soft_module *module, u64 page, u64 *type)
{
    bool pool = soft_overlay_owner(module, page) == SOFT_OWNER_POOL;
    if (pool)
        *type = module->knobs.ext_page_type;
    return pool;
}

/* ---- all pages of the pool ---- */

struct run {
    u64 base, size;
};

static void end_run(const struct soft_module *module, struct run *run, enum soft_owner owner)
{
    if (run->size)
        soft_report_owner(module, run->base, run->size, owner);
    run->size = 0;
}

static void add(const struct soft_module *module, struct run *run, u64 page, enum soft_owner owner)
{
    if (run->base + run->size != page)
        end_run(module, run, owner);
    if (run->size == 0)
        run->base = page;
    run->size += PAGE_SIZE;
}

/* Reports the pages of the pool, run by run. */
static void report_pool(const struct soft_module *module, enum soft_owner owner)
{
    const u64 piece = ENTRIES_PER_PAGE * PAGE_SIZE; /* pages whose entries fill a page */
    struct run run = {0};
    for (u32 i = 0; i < module->tdmr_count; i++) {
        const struct soft_tdmr *tdmr = &module->tdmrs[i];
        for (u64 pa = align_down(tdmr->private_low, piece); pa < tdmr->private_high; pa += piece) {
            const u64 *words = words_at(module, tdmr, pa, TDX_PAMT_4K, ENTRIES_PER_PAGE);
            for (u32 j = 0; words && j < ENTRIES_PER_PAGE; j++)
                if (owner_of(module, pa + j * PAGE_SIZE, load(&words[2 * j])) == SOFT_OWNER_POOL)
                    add(module, &run, pa + j * PAGE_SIZE, owner);
        }
    }
    end_run(module, &run, owner);
}

void soft_overlay_leave(struct soft_module *module)
{
    report_pool(module, SOFT_OWNER_HOST);
}

void soft_overlay_retake(struct soft_module *module)
{
    report_pool(module, SOFT_OWNER_POOL);
}
