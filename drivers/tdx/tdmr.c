/* SPDX-License-Identifier: MIT */
/*
 * How a plan is made: the 1 GiB blocks that hold TDX memory become regions; regions are joined or split until
 * number and holes are within the module's limits and all LPs have work; then pamt.c puts each PAMT where it
 * costs least.
 */
#include "drivers/tdx/tdmr_work.h"
#include "lib/string.h"

/* TDMRs that a split for parallelism leaves unused: margin for splits that reserved areas or PAMTs ask for.
 */
#define SPARE_TDMRS         4
/* Reserved areas per TDMR that are kept for PAMTs when none can be placed without one. */
#define MAX_AREAS_FOR_PAMTS 3

static const u64 address_limit = 1ull << TDX_PRIVATE_PA_BITS;

static struct tdmr_plan_work work;

/* ---- input ---- */

/* Whole pages between the first MiB and the end of the address space. */
static void add_pages(struct range_list *list, u64 base, u64 size)
{
    if (base >= address_limit)
        return;
    u64 end = align_down(base + min_u64(size, address_limit - base), PAGE_SIZE);
    base = align_up(max_u64(base, TDMR_FIRST_ADDRESS), PAGE_SIZE);
    if (base < end)
        range_list_add(list, base, end - base);
}

static void read_list(struct range_list *pages, const struct range_list *input)
{
    range_list_clear(pages);
    for (u32 i = 0; i < input->count; i++)
        add_pages(pages, input->at[i].base, input->at[i].size);
    pages->full |= input->full;
}

static bool read_limits(struct tdmr_plan_work *w, const struct tdmr_limits *limits)
{
    w->max_tdmrs = min_u64(limits->max_tdmrs, TDX_MAX_TDMRS);
    w->max_areas = min_u64(limits->max_reserved_per_tdmr, TDX_MAX_RESERVED_PER_TDMR);
    return w->max_tdmrs && w->max_areas && limits->pamt_entry_size[TDX_PAMT_4K] &&
           limits->pamt_entry_size[TDX_PAMT_2M] && limits->pamt_entry_size[TDX_PAMT_1G];
}

static bool read_input(struct tdmr_plan_work *w, const struct tdmr_input *input, struct range_list *outside,
                       struct tdmr_error *error)
{
    w->input = input;
    range_list_clear(&w->cmrs);
    for (u32 i = 0; i < input->cmr_count; i++)
        add_pages(&w->cmrs, input->cmrs[i].base, input->cmrs[i].size);
    read_list(outside, &input->memory);
    u64 usable = range_list_bytes(outside);
    range_list_intersect(&w->must, outside, &w->cmrs);
    range_list_remove_all(outside, &w->cmrs);
    read_list(&w->room, &input->free);
    range_list_intersect(&w->free, &w->room, &w->cmrs);
    if (!read_limits(w, &input->limits) || w->must.full || w->free.full || outside->full) {
        *error = (struct tdmr_error){.problem = TDMR_TOO_COMPLEX, .limit = RANGE_LIST_MAX};
        return false;
    }
    *error = (struct tdmr_error){.problem = TDMR_NO_MEMORY, .size = usable, .needed = w->cmrs.count};
    return w->must.count > 0;
}

/* ---- shape: which 1 GiB blocks go into which TDMR ---- */

/* The smallest gap between two regions, among those that don't make one with more holes than areas, if they
 * may. */
static struct range nearest_gap(const struct tdmr_plan_work *w, u32 area_limit)
{
    struct range best = {0, UINT64_MAX};
    for (u32 i = 0; i + 1 < w->regions.count; i++) {
        struct range first = w->regions.at[i], second = w->regions.at[i + 1];
        struct range gap = {range_end(first), second.base - range_end(first)};
        struct range joined = {first.base, range_end(second) - first.base};
        if (gap.size < best.size && tdmr_count_areas(&w->open, joined) <= area_limit)
            best = gap;
    }
    return best;
}

static void join_regions(struct tdmr_plan_work *w, u32 area_limit)
{
    while (w->regions.count > w->max_tdmrs) {
        struct range gap = nearest_gap(w, area_limit);
        if (gap.base == 0)
            gap = nearest_gap(w, UINT32_MAX);
        range_list_add(&w->regions, gap.base, gap.size);
    }
}

static void make_regions(struct tdmr_plan_work *w, u32 area_limit)
{
    range_list_clear(&w->regions);
    for (u32 i = 0; i < w->must.count; i++) {
        u64 base = align_down(w->must.at[i].base, TDX_TDMR_ALIGN);
        range_list_add(&w->regions, base, align_up(range_end(w->must.at[i]), TDX_TDMR_ALIGN) - base);
    }
    join_regions(w, area_limit);
    w->count = w->regions.count;
    memcpy(w->tdmrs, w->regions.at, w->count * sizeof(w->tdmrs[0]));
}

u32 tdmr_count_areas(const struct range_list *open, struct range tdmr)
{
    u32 areas = 0;
    u64 at = tdmr.base;
    for (u32 i = 0; i < open->count; i++) {
        struct range part = range_common(open->at[i], tdmr);
        if (part.size == 0)
            continue;
        areas += part.base > at;
        at = range_end(part);
    }
    return areas + (at < range_end(tdmr));
}

void tdmr_cut(struct tdmr_plan_work *w, u32 index, u64 first)
{
    memmove(&w->tdmrs[index + 1], &w->tdmrs[index], (w->count - index) * sizeof(w->tdmrs[0]));
    w->count++;
    w->tdmrs[index].size = first;
    w->tdmrs[index + 1].base += first;
    w->tdmrs[index + 1].size -= first;
}

bool tdmr_can_cut(const struct tdmr_plan_work *w, u32 index)
{
    return w->count < w->max_tdmrs && w->tdmrs[index].size > TDX_TDMR_ALIGN;
}

/* The longest beginning of a TDMR, at least 1 GiB, that gets by with so many areas (a longer one never needs
 * fewer). */
static u64 longest_within(const struct tdmr_plan_work *w, struct range tdmr, u32 limit)
{
    u64 good = 1, bad = tdmr.size / TDX_TDMR_ALIGN;
    while (bad - good > 1) {
        u64 middle = good + (bad - good) / 2;
        if (tdmr_count_areas(&w->open, (struct range){tdmr.base, middle * TDX_TDMR_ALIGN}) <= limit)
            good = middle;
        else
            bad = middle;
    }
    return good * TDX_TDMR_ALIGN;
}

static u64 usable_bytes(const struct tdmr_plan_work *w, struct range range)
{
    u64 bytes = 0;
    for (u32 i = 0; i < w->must.count; i++)
        bytes += range_common(w->must.at[i], range).size;
    return bytes;
}

/* Gives up the piece between two holes whose loss costs least; both holes become one. False if there is none.
 */
static bool leave_out(struct tdmr_plan_work *w, struct range tdmr)
{
    struct range victim = {0, 0};
    u64 loss = UINT64_MAX;
    for (u32 i = 0; i < w->open.count; i++) {
        struct range piece = w->open.at[i];
        u64 bytes = usable_bytes(w, piece);
        if (piece.base > tdmr.base && range_end(piece) < range_end(tdmr) && bytes < loss) {
            victim = piece;
            loss = bytes;
        }
    }
    range_list_add(&w->left, victim.base, victim.size);
    range_list_remove(&w->open, victim.base, victim.size);
    return victim.size > 0;
}

static u64 usable_open_bytes(const struct tdmr_plan_work *w, struct range tdmr)
{
    u64 bytes = 0;
    for (u32 i = 0; i < w->open.count; i++)
        bytes += usable_bytes(w, range_common(w->open.at[i], tdmr));
    return bytes;
}

/* Leaves out what it takes to get by with so many areas. False: nothing of the TDMR would remain. */
static bool leave_out_all(struct tdmr_plan_work *w, struct range tdmr, u32 limit)
{
    if (tdmr_count_areas(&w->open, tdmr) <= limit)
        return true;
    while (tdmr_count_areas(&w->open, tdmr) > limit)
        if (!leave_out(w, tdmr))
            return false;
    return usable_open_bytes(w, tdmr) > 0;
}

static bool fit_areas(struct tdmr_plan_work *w, u32 limit, struct tdmr_error *error)
{
    for (u32 i = 0; i < w->count; i++) {
        u32 needed = tdmr_count_areas(&w->open, w->tdmrs[i]);
        if (needed <= limit)
            continue;
        if (tdmr_can_cut(w, i))
            tdmr_cut(w, i, longest_within(w, w->tdmrs[i], limit));
        if (leave_out_all(w, w->tdmrs[i], limit))
            continue;
        *error = (struct tdmr_error){
            TDMR_NO_AREAS,    .tdmr = i,     .base = w->tdmrs[i].base, .size = w->tdmrs[i].size,
            .needed = needed, .limit = limit};
        return false;
    }
    return true;
}

static u64 pieces_of_share(const struct tdmr_plan_work *w, u64 share)
{
    u64 pieces = 0;
    for (u32 i = 0; i < w->count; i++)
        pieces += (w->tdmrs[i].size / TDX_TDMR_ALIGN + share - 1) / share;
    return pieces;
}

static void cut_evenly(struct tdmr_plan_work *w, u32 *index, u64 pieces)
{
    for (; pieces > 1; pieces--, (*index)++) {
        u64 blocks = w->tdmrs[*index].size / TDX_TDMR_ALIGN;
        tdmr_cut(w, *index, (blocks + pieces - 1) / pieces * TDX_TDMR_ALIGN);
    }
}

/* One LP at a time can initialise a TDMR, so each LP gets at least one of its own, none larger than its
 * share. */
static void spread(struct tdmr_plan_work *w, u32 lps)
{
    u64 budget = w->max_tdmrs - min_u64(SPARE_TDMRS, w->max_tdmrs / 4), blocks = 0;
    for (u32 i = 0; i < w->count; i++)
        blocks += w->tdmrs[i].size / TDX_TDMR_ALIGN;
    if (lps < 2 || w->count >= budget)
        return;
    u64 share = (blocks + lps - 1) / lps;
    while (pieces_of_share(w, share) > budget)
        share += 1 + share / 8;
    for (u32 i = 0; i < w->count; i++)
        cut_evenly(w, &i, (w->tdmrs[i].size / TDX_TDMR_ALIGN + share - 1) / share);
}

static bool shape(struct tdmr_plan_work *w, u32 area_limit, struct tdmr_error *error)
{
    range_list_clear(&w->left);
    w->open = w->cmrs;
    make_regions(w, area_limit);
    if (!fit_areas(w, area_limit, error))
        return false;
    spread(w, w->input->parallelism);
    return true;
}

/* ---- the plan ---- */

static void reserve(struct tdx_tdmr_info *info, u32 *areas, u64 base, u64 end)
{
    if (base < end)
        info->reserved[(*areas)++] = (struct tdx_reserved_area){base - info->base, end - base};
}

static void encode_reserved(struct tdx_tdmr_info *info, const struct range_list *open, struct range tdmr)
{
    u32 areas = 0;
    u64 at = tdmr.base;
    for (u32 i = 0; i < open->count; i++) {
        struct range part = range_common(open->at[i], tdmr);
        if (part.size == 0)
            continue;
        reserve(info, &areas, at, part.base);
        at = range_end(part);
    }
    reserve(info, &areas, at, range_end(tdmr));
}

static void encode(const struct tdmr_plan_work *w, u32 index, struct tdx_tdmr_info *info)
{
    const u16 *entry_size = w->input->limits.pamt_entry_size;
    struct range tdmr = w->tdmrs[index];
    *info = (struct tdx_tdmr_info){.base = tdmr.base, .size = tdmr.size};
    info->pamt_4k_size = tdmr_pamt_size(tdmr.size, TDX_PAMT_4K, entry_size[TDX_PAMT_4K]);
    info->pamt_2m_size = tdmr_pamt_size(tdmr.size, TDX_PAMT_2M, entry_size[TDX_PAMT_2M]);
    info->pamt_1g_size = tdmr_pamt_size(tdmr.size, TDX_PAMT_1G, entry_size[TDX_PAMT_1G]);
    info->pamt_4k_base = w->pamts[index].base;
    info->pamt_2m_base = info->pamt_4k_base + info->pamt_4k_size;
    info->pamt_1g_base = info->pamt_2m_base + info->pamt_2m_size;
    encode_reserved(info, &w->open, tdmr);
}

static void write_plan(const struct tdmr_plan_work *w, struct tdmr_plan *plan)
{
    plan->count = plan->pamt_block_count = w->count;
    plan->pamt_bytes = 0;
    plan->left_out = w->must;
    range_list_remove_all(&plan->left_out, &w->open);
    plan->tdx_bytes = range_list_bytes(&w->must) - range_list_bytes(&plan->left_out);
    for (u32 i = 0; i < w->count; i++) {
        encode(w, i, &plan->tdmrs[i]);
        plan->pamt_blocks[i] = (struct tdmr_pamt_block){w->pamts[i].base, w->pamts[i].size, i};
        plan->pamt_bytes += w->pamts[i].size;
        range_list_remove(&plan->left_out, w->pamts[i].base, w->pamts[i].size);
    }
}

static bool ran_out_of_ranges(const struct tdmr_plan_work *w, const struct tdmr_plan *plan)
{
    return w->regions.full || w->left.full || w->open.full || w->room.full || plan->outside_cmrs.full ||
           plan->left_out.full;
}

bool tdmr_build(struct tdmr_plan *plan, const struct tdmr_input *input, struct tdmr_error *error)
{
    struct tdmr_plan_work *w = &work;
    if (!read_input(w, input, &plan->outside_cmrs, error))
        return false;
    bool placed = false;
    for (u32 kept = 0; kept <= MAX_AREAS_FOR_PAMTS && kept <= w->max_areas && !placed; kept++) {
        struct tdmr_error shape_error;
        if (!shape(w, w->max_areas - kept, kept == 0 ? error : &shape_error))
            return false;
        placed = tdmr_place_pamts(w, error);
        if (!placed && error->problem != TDMR_NO_AREAS)
            return false;
    }
    if (!placed)
        return false;
    write_plan(w, plan);
    *error = (struct tdmr_error){.problem = TDMR_TOO_COMPLEX, .limit = RANGE_LIST_MAX};
    return !ran_out_of_ranges(w, plan);
}
