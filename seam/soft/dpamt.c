/* SPDX-License-Identifier: MIT */
/* Dynamic PAMT: pairs of pages, and the bitmap. See dpamt.h. */
#include "seam/soft/dpamt.h"

static const struct soft_pamt_entry *region_entry(const struct soft_module *module,
                                                  const struct soft_tdmr *tdmr, u64 pa)
{
    return module->platform.map(module->platform.context, soft_pamt_at(module, tdmr, pa, TDX_PAMT_2M),
                                TDX_PAMT_ENTRY_BYTES);
}

static bool has_pair(const struct soft_pamt_entry *entry)
{
    return entry && __atomic_load_n(&entry->type, __ATOMIC_ACQUIRE) == SOFT_PAGE_PAMT;
}

u64 soft_pair_entry_at(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa)
{
    const struct soft_pamt_entry *entry = region_entry(module, tdmr, pa);
    u32 index = pa / PAGE_SIZE % SOFT_REGION_PAGES;
    if (!has_pair(entry))
        return 0;
    return soft_pair_page(entry, index / (SOFT_REGION_PAGES / 2)) +
           index % (SOFT_REGION_PAGES / 2) * TDX_PAMT_ENTRY_BYTES;
}

/* ---- the bitmap ---- */

struct bit {
    u64 at, mask;
};

static struct bit bit_of(const struct soft_tdmr *tdmr, u64 page)
{
    u64 number = (page - tdmr->base) / PAGE_SIZE * tdmr->bitmap_bits;
    return (struct bit){tdmr->pamt[TDX_PAMT_4K].base + number / 64 * sizeof(u64), 1ull << number % 64};
}

bool soft_marked(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 page)
{
    struct bit bit = bit_of(tdmr, page);
    const u64 *cell = module->platform.map(module->platform.context, bit.at, sizeof(*cell));
    return cell && __atomic_load_n(cell, __ATOMIC_ACQUIRE) & bit.mask;
}

bool soft_mark_flip(struct soft_module *module, const struct soft_tdmr *tdmr, u64 page)
{
    struct bit bit = bit_of(tdmr, page);
    return soft_metadata_flip(module, bit.at, bit.mask);
}

/* ---- whose a marked page is ---- */

static bool is_reserved(const struct soft_tdmr *tdmr, u64 page)
{
    for (u32 i = 0; i < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[i].size; i++)
        if (page - tdmr->base - tdmr->reserved[i].offset < tdmr->reserved[i].size)
            return true;
    return false;
}

/* Looks at all pairs that there are. */
static bool is_in_a_pair(const struct soft_module *module, u64 page)
{
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(module, &count);
    for (u32 i = 0; i < count; i++)
        for (u64 pa = tdmrs[i].base; pa < align_down(tdmrs[i].initialised, GIB); pa += SOFT_REGION) {
            const struct soft_pamt_entry *entry = region_entry(module, &tdmrs[i], pa);
            if (has_pair(entry) && (soft_pair_page(entry, 0) == page || soft_pair_page(entry, 1) == page))
                return true;
        }
    return false;
}

/* The pages of a region that are marked and not reserved: all of one kind, as a rule. */
struct marks {
    u32 count, loose;
    u64 pages[SOFT_REGION_PAGES / 64];
};

static void take_marks(struct marks *marks, const struct soft_tdmr *tdmr, u64 region, u64 bits, u32 first_bit)
{
    for (; bits; bits &= bits - 1) {
        u32 index = (first_bit + (u32)__builtin_ctzll(bits)) / tdmr->bitmap_bits;
        if (is_reserved(tdmr, region + index * PAGE_SIZE))
            continue;
        marks->pages[index / 64] |= 1ull << index % 64;
        marks->count++;
    }
}

static struct marks marks_of(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 region)
{
    struct marks marks = {0};
    u32 bits = SOFT_REGION_PAGES * tdmr->bitmap_bits;
    const struct soft_pamt_entry *entry = region_entry(module, tdmr, region);
    const u64 *cells = module->platform.map(module->platform.context, bit_of(tdmr, region).at, bits / 8);
    marks.loose = entry ? (u32)(entry->bepoch >> SOFT_LOOSE_SHIFT) : 0;
    for (u32 i = 0; cells && i < bits; i += 64)
        take_marks(&marks, tdmr, region, cells[i / 64], i);
    return marks;
}

static enum soft_owner owner_of(const struct soft_module *module, const struct marks *marks, u64 page)
{
    u32 index = page / PAGE_SIZE % SOFT_REGION_PAGES;
    if (!(marks->pages[index / 64] >> index % 64 & 1))
        return SOFT_OWNER_HOST;
    if (marks->loose == 0 || marks->loose == marks->count)
        return marks->loose ? SOFT_OWNER_POOL : SOFT_OWNER_PAMT;
    return is_in_a_pair(module, page) ? SOFT_OWNER_PAMT : SOFT_OWNER_POOL;
}

void soft_each_marked(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 region,
                      void (*visit)(void *context, u64 page, enum soft_owner owner), void *context)
{
    struct marks marks = marks_of(module, tdmr, region);
    for (u32 i = 0; i < SOFT_REGION_PAGES && marks.count; i++) {
        u64 page = region + i * PAGE_SIZE;
        enum soft_owner owner = owner_of(module, &marks, page);
        if (owner != SOFT_OWNER_HOST)
            visit(context, page, owner);
    }
}

enum soft_owner soft_marked_owner(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 page)
{
    if (!soft_marked(module, tdmr, page))
        return SOFT_OWNER_HOST;
    struct marks marks = marks_of(module, tdmr, align_down(page, SOFT_REGION));
    return owner_of(module, &marks, page);
}

bool soft_take_loose(struct soft_module *module, const struct soft_pamt_walk *walk)
{
    if (soft_marked(module, walk->tdmr, walk->page) || !soft_mark_flip(module, walk->tdmr, walk->page))
        return false;
    soft_pamt_add(module, walk, 1ull << SOFT_LOOSE_SHIFT);
    return true;
}
