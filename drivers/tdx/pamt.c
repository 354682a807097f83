/* SPDX-License-Identifier: MIT */
/*
 * Where PAMTs go. They may lie outside all TDMRs, or inside one under a reserved area; of these a TDMR has
 * few, so a block is put where it touches a hole or another block and both become one area.
 */
#include "drivers/tdx/tdmr_work.h"
#include "lib/string.h"

u64 tdmr_pamt_size(u64 tdmr_size, enum tdx_pamt_level level, u16 entry_size)
{
    static const u64 page_size[TDX_PAMT_LEVELS] = {
        [TDX_PAMT_4K] = 4 * KIB, [TDX_PAMT_2M] = 2 * MIB, [TDX_PAMT_1G] = GIB};
    return align_up(tdmr_size / page_size[level] * entry_size, PAGE_SIZE);
}

static u64 pamt_block_size(const struct tdmr_plan_work *w, u64 tdmr_size)
{
    u64 bytes = 0;
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        bytes += tdmr_pamt_size(tdmr_size, level, w->input->limits.pamt_entry_size[level]);
    return bytes;
}

struct spot {
    bool found, local; /* local: inside the TDMR it describes, most likely the same NUMA node */
    s64 cost;          /* reserved areas more than before, all TDMRs together */
    u64 base;
};

static bool is_better(const struct spot *spot, const struct spot *best)
{
    if (!best->found || spot->cost != best->cost)
        return !best->found || spot->cost < best->cost;
    return spot->local != best->local ? spot->local : spot->base > best->base; /* low memory is scarcer */
}

/*
 * One area more, unless it touches one on either side; on both sides, it joins them and there is one less. In
 * a piece that was left out both sides are reserved: the best place of all, that memory is lost anyway.
 */
static s64 cost_in_tdmr(const struct tdmr_plan_work *w, struct range tdmr, struct range block)
{
    struct range part = range_common(tdmr, block);
    if (part.size == 0)
        return 0;
    bool before = part.base > tdmr.base && !range_list_holds(&w->open, part.base - 1, 1);
    bool after = range_end(part) < range_end(tdmr) && !range_list_holds(&w->open, range_end(part), 1);
    return 1 - before - after;
}

static void consider(struct tdmr_plan_work *w, u32 tdmr, struct range block, struct spot *best)
{
    struct spot spot = {.found = true, .base = block.base};
    spot.local = range_common(w->tdmrs[tdmr], block).size == block.size;
    for (u32 i = 0; i < w->count; i++) {
        s64 cost = cost_in_tdmr(w, w->tdmrs[i], block);
        spot.cost += cost;
        if (w->areas[i] + cost > w->max_areas) {
            w->crowded = i;
            w->crowded_needs = (u32)(w->areas[i] + cost);
            return;
        }
    }
    if (is_better(&spot, best))
        *best = spot;
}

/* Both ends of a free range, where it may touch a hole, and both sides of every TDMR border in it. */
static void consider_range(struct tdmr_plan_work *w, u32 tdmr, struct range range, u64 size,
                           struct spot *best)
{
    consider(w, tdmr, (struct range){range.base, size}, best);
    consider(w, tdmr, (struct range){range_end(range) - size, size}, best);
    for (u32 i = 0; i < 2 * w->count; i++) {
        u64 border = i % 2 ? range_end(w->tdmrs[i / 2]) : w->tdmrs[i / 2].base;
        if (border < range.base || border > range_end(range))
            continue;
        if (border - range.base >= size)
            consider(w, tdmr, (struct range){border - size, size}, best);
        if (range_end(range) - border >= size)
            consider(w, tdmr, (struct range){border, size}, best);
    }
}

static void take(struct tdmr_plan_work *w, u32 tdmr, u64 base, u64 size)
{
    w->pamts[tdmr] = (struct range){base, size};
    range_list_remove(&w->open, base, size);
    range_list_remove(&w->room, base, size);
    for (u32 i = 0; i < w->count; i++)
        w->areas[i] = tdmr_count_areas(&w->open, w->tdmrs[i]);
}

static bool place(struct tdmr_plan_work *w, u32 tdmr, struct tdmr_error *error)
{
    u64 size = pamt_block_size(w, w->tdmrs[tdmr].size);
    u64 largest = range_list_largest(&w->room);
    struct spot best = {.found = false};
    for (u32 i = 0; i < w->room.count; i++)
        if (w->room.at[i].size >= size)
            consider_range(w, tdmr, w->room.at[i], size, &best);
    if (best.found) {
        take(w, tdmr, best.base, size);
        return true;
    }
    u32 index = largest < size ? tdmr : w->crowded;
    *error = (struct tdmr_error){.problem = largest < size ? TDMR_NO_PAMT : TDMR_NO_AREAS,
                                 .tdmr = index,
                                 .base = w->tdmrs[index].base,
                                 .size = w->tdmrs[index].size,
                                 .needed = w->crowded_needs,
                                 .limit = w->max_areas,
                                 .wanted = size,
                                 .largest = largest};
    return false;
}

static void restart_placement(struct tdmr_plan_work *w)
{
    memset(w->pamts, 0, sizeof(w->pamts));
    w->open = w->cmrs;
    range_list_remove_all(&w->open, &w->left);
    w->room = w->free;
    for (u32 i = 0; i < w->count; i++)
        w->areas[i] = tdmr_count_areas(&w->open, w->tdmrs[i]);
}

/* The largest PAMT first, while there are large free blocks. */
static bool place_each(struct tdmr_plan_work *w, struct tdmr_error *error)
{
    restart_placement(w);
    for (u32 placed = 0; placed < w->count; placed++) {
        u32 next = w->count;
        for (u32 i = 0; i < w->count; i++)
            if (w->pamts[i].size == 0 && (next == w->count || w->tdmrs[i].size > w->tdmrs[next].size))
                next = i;
        if (!place(w, next, error))
            return false;
    }
    return true;
}

/* Halves a TDMR whose PAMT doesn't fit and starts again; each round adds a TDMR, so their number bounds it.
 */
bool tdmr_place_pamts(struct tdmr_plan_work *w, struct tdmr_error *error)
{
    while (!place_each(w, error)) {
        if (error->problem != TDMR_NO_PAMT || !tdmr_can_cut(w, error->tdmr))
            return false;
        u64 blocks = w->tdmrs[error->tdmr].size / TDX_TDMR_ALIGN;
        tdmr_cut(w, error->tdmr, blocks / 2 * TDX_TDMR_ALIGN);
    }
    return true;
}
