/* SPDX-License-Identifier: MIT */
#include "tests/runner/script_space.h"

#include "kernel/memory.h"
#include "kernel/paging.h"
#include "lib/format.h"

#define MOST_LIVES  8
#define TDMR_BLOCKS 2 /* GiBs that TDMRs cover: two TDMRs where there is so much RAM */

#define POOL_SIZE     (12800ull * PAGE_SIZE)
#define ARENA_SIZE    (65536ull * PAGE_SIZE + 64 * MIB) /* the largest pool there can be, and room beside it */
#define ARENA_ENOUGH  (16 * MIB)                        /* a pool is worth having if so much is left */
#define ARENA_LEAST   (1 * MIB)
#define KERNEL_NEEDS  (8 * MIB) /* what stays free for the rest of the kernel */
#define ARENA_ALIGNED (2 * MIB)

static struct tdmr_input input; /* large */

static u64 free_bytes(void)
{
    memory_lock();
    u64 bytes = contig_total(memory_pool(), CONTIG_FREE);
    memory_unlock();
    return bytes;
}

/* ---- TDMRs and PAMTs ---- */

/* Usable RAM of the first blocks of 1 GiB that have any above the first MiB. */
static void gather_memory(void)
{
    const struct boot_info *map = memory_map();
    u32 blocks = 0;
    u64 limit = 0; /* end of the last block that counts */
    range_list_clear(&input.memory);
    for (u32 i = 0; i < map->range_count; i++) {
        const struct boot_range *range = &map->ranges[i];
        u64 base = max_u64(range->base, TDMR_FIRST_ADDRESS), end = range->base + range->size;
        if (range->type != BOOT_MEMORY_USABLE || base >= end)
            continue;
        for (u64 at = max_u64(base, limit); at < end && blocks < TDMR_BLOCKS; at = limit, blocks++)
            limit = align_down(at, TDX_TDMR_ALIGN) + TDX_TDMR_ALIGN;
        if (base < limit)
            range_list_add(&input.memory, base, min_u64(end, limit) - base);
    }
}

static void gather_free(void)
{
    const struct contig *pool = memory_pool();
    range_list_clear(&input.free);
    memory_lock();
    for (u32 i = 0; i < pool->count; i++)
        if (pool->ranges[i].state == CONTIG_FREE)
            range_list_add(&input.free, pool->ranges[i].base, pool->ranges[i].size);
    memory_unlock();
}

static bool claim(u64 base, u64 size, const char *what)
{
    struct contig_request request = {.size = size, .min = base, .max = base + size, .what = what};
    pa_t got;
    memory_lock();
    bool claimed = contig_alloc(memory_pool(), &request, &got);
    memory_unlock();
    return claimed;
}

/*
 * PAMTs for so many lives, by pretending that an entry is so many times as large: then the planner reserves
 * one block a TDMR, in which each level is an array of lives. The 1G level gets a page a life and GiB.
 */
static bool build(struct tdmr_plan *plan, const struct tdx_sysinfo *sysinfo, u32 lives,
                  struct tdmr_error *error)
{
    input.limits = (struct tdmr_limits){.max_tdmrs = sysinfo->max_tdmrs,
                                        .max_reserved_per_tdmr = sysinfo->max_reserved_per_tdmr};
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        input.limits.pamt_entry_size[level] =
            (u16)(lives * (level == TDX_PAMT_1G ? PAGE_SIZE : sysinfo->pamt_entry_size[level]));
    input.parallelism = TDMR_BLOCKS;
    return tdmr_build(plan, &input, error);
}

/* An eighth of what is free may become PAMTs, but one set there must be. */
static u32 affordable_lives(const struct tdmr_plan *one)
{
    u64 lives = one->pamt_bytes ? free_bytes() / 8 / one->pamt_bytes : 0;
    return (u32)max_u64(1, min_u64(lives, MOST_LIVES));
}

static bool plan_lives(struct script_space *space, struct tdmr_plan *plan, const struct tdx_sysinfo *sysinfo,
                       struct tdmr_error *error)
{
    gather_memory();
    gather_free();
    input.cmrs = sysinfo->cmrs;
    input.cmr_count = sysinfo->cmr_count;
    if (!build(plan, sysinfo, 1, error))
        return false;
    space->lives = affordable_lives(plan);
    while (!build(plan, sysinfo, space->lives, error))
        if (--space->lives == 0)
            return false;
    space->plan = plan;
    return true;
}

static bool claim_pamts(const struct tdmr_plan *plan)
{
    for (u32 i = 0; i < plan->pamt_block_count; i++)
        if (!claim(plan->pamt_blocks[i].base, plan->pamt_blocks[i].size, "PAMTs for scripts"))
            return false;
    return true;
}

static void take_slice(u64 *base, u64 *size, u64 real, u32 lives, u32 life)
{
    *base += *size / lives * life;
    *size = real;
}

/* Instead of PAMT_4K, dynamic PAMT has a bit for each page. */
static u64 bitmap_size(u64 tdmr_size)
{
    return align_up(tdmr_size / PAGE_SIZE / 8, PAGE_SIZE);
}

bool script_space_layout(const struct script_space *space, u32 life, bool dynamic,
                         struct script_layout *layout)
{
    const u16 *entry = space->pamt_entry_size;
    if (life >= space->lives)
        return false;
    layout->count = space->plan->count;
    for (u32 i = 0; i < layout->count; i++) {
        struct tdx_tdmr_info *tdmr = &layout->tdmrs[i];
        *tdmr = space->plan->tdmrs[i];
        take_slice(&tdmr->pamt_4k_base, &tdmr->pamt_4k_size,
                   dynamic ? bitmap_size(tdmr->size)
                           : tdmr_pamt_size(tdmr->size, TDX_PAMT_4K, entry[TDX_PAMT_4K]),
                   space->lives, life);
        take_slice(&tdmr->pamt_2m_base, &tdmr->pamt_2m_size,
                   tdmr_pamt_size(tdmr->size, TDX_PAMT_2M, entry[TDX_PAMT_2M]), space->lives, life);
        take_slice(&tdmr->pamt_1g_base, &tdmr->pamt_1g_size,
                   tdmr_pamt_size(tdmr->size, TDX_PAMT_1G, entry[TDX_PAMT_1G]), space->lives, life);
    }
    return true;
}

/* ---- blocks ---- */

/* From the top of the first TDMR that has room; the kernel's own objects grow from below. */
static u64 take_block(const struct tdmr_plan *plan, u64 size, const char *what)
{
    struct contig_request request = {.size = size, .from_top = true, .quiet = true, .what = what};
    request.align = size >= ARENA_ALIGNED ? ARENA_ALIGNED : PAGE_SIZE;
    pa_t block = pa_of(0);
    bool taken = false;
    memory_lock();
    for (u32 i = 0; i < plan->count && !taken; i++)
        for (u32 piece = 0; !taken && tdmr_piece(&plan->tdmrs[i], piece, &request.min, &request.max); piece++)
            taken = request.max - request.min >= size && contig_alloc(memory_pool(), &request, &block);
    memory_unlock();
    return taken ? pa_raw(block) : 0;
}

/* The pool first, because it is of one size; then as much of an arena as there is, by quarters. */
static bool take_blocks(struct script_space *space)
{
    u64 left = free_bytes() - min_u64(free_bytes(), KERNEL_NEEDS);
    if (left >= POOL_SIZE + ARENA_ENOUGH)
        space->pool = take_block(space->plan, POOL_SIZE, "extension pool for scripts");
    space->pool_size = space->pool ? POOL_SIZE : 0;
    left -= space->pool_size;
    for (u64 size = min_u64(ARENA_SIZE, align_down(left, PAGE_SIZE)); size >= ARENA_LEAST && !space->arena;
         size = align_down(size - size / 4, PAGE_SIZE)) {
        space->arena = take_block(space->plan, size, "memory for scripts");
        space->arena_size = space->arena ? size : 0;
    }
    return space->arena != 0;
}

static bool refuse_create(char *why, size_t size)
{
    format(why, size, "too little memory for scripts: %lu KiB are free; more: --mem", free_bytes() / KIB);
    return false;
}

bool script_space_create(struct script_space *space, struct tdmr_plan *plan,
                         const struct tdx_sysinfo *sysinfo, char *why, size_t size)
{
    struct tdmr_error error;
    *space = (struct script_space){0};
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        space->pamt_entry_size[level] = sysinfo->pamt_entry_size[level];
    if (!plan_lives(space, plan, sysinfo, &error)) {
        tdmr_error_text(&error, why, size);
        return false;
    }
    return (claim_pamts(plan) && take_blocks(space)) || refuse_create(why, size);
}

bool script_space_share(struct script_space *space, const struct tdmr_plan *plan,
                        const struct tdx_sysinfo *sysinfo, char *why, size_t size)
{
    *space = (struct script_space){.plan = plan, .lives = 1};
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        space->pamt_entry_size[level] = sysinfo->pamt_entry_size[level];
    return take_blocks(space) || refuse_create(why, size);
}

static bool is_free(u64 base, u64 end)
{
    const struct contig *pool = memory_pool();
    bool found = false;
    memory_lock();
    for (u32 i = 0; i < pool->count && !found; i++)
        found = pool->ranges[i].state == CONTIG_FREE && base >= pool->ranges[i].base &&
                end <= pool->ranges[i].base + pool->ranges[i].size;
    memory_unlock();
    return found;
}

static bool lies_in(u64 base, u64 end, u64 block, u64 size)
{
    return base >= block && end <= block + size;
}

void *script_space_at(const struct script_space *space, u64 pa, u64 size)
{
    u64 end = pa + size;
    if (size == 0 || end < pa)
        return NULL;
    if (lies_in(pa, end, space->arena, space->arena_size) ||
        lies_in(pa, end, space->pool, space->pool_size) || is_free(pa, end))
        return phys_to_virt(pa_of(pa));
    return NULL;
}

static bool holds(u64 page, u64 base, u64 size)
{
    return page >= base && page - base < size;
}

static bool is_ram(u64 page)
{
    const struct boot_info *map = memory_map();
    for (u32 i = 0; i < map->range_count; i++)
        if (map->ranges[i].type == BOOT_MEMORY_USABLE &&
            holds(page, map->ranges[i].base, map->ranges[i].size))
            return true;
    return false;
}

static bool is_pamt(const struct tdmr_plan *plan, u64 page)
{
    for (u32 i = 0; i < plan->pamt_block_count; i++)
        if (holds(page, plan->pamt_blocks[i].base, plan->pamt_blocks[i].size))
            return true;
    return false;
}

/* What the module holds is out of the allocator's hands: retired. */
static bool is_given_out(u64 page)
{
    const struct contig *pool = memory_pool();
    bool given = true;
    for (u32 i = 0; i < pool->count; i++)
        if (holds(page, pool->ranges[i].base, pool->ranges[i].size))
            given = pool->ranges[i].state == CONTIG_USED;
    return given;
}

bool script_space_own(const struct script_space *space, u64 pa, u64 size)
{
    /* Below 1 MiB the kernel keeps nothing that it still needs, and no TDMR has memory there. */
    for (u64 page = align_down(max_u64(pa, MIB), PAGE_SIZE); page < pa + size; page += PAGE_SIZE) {
        if (holds(page, space->arena, space->arena_size) || holds(page, space->pool, space->pool_size) ||
            is_pamt(space->plan, page) || !is_ram(page))
            continue;
        if (is_given_out(page))
            return true;
    }
    return false;
}
