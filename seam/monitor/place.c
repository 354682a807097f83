/* SPDX-License-Identifier: MIT */
#include "seam/monitor/place.h"

#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"

#define MAX_OCCUPIED 32

struct extent {
    u64 base, size;
};
static struct extent occupied[MAX_OCCUPIED];
static u32 occupied_count;

static bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
    return a < b + b_size && b < a + a_size;
}

void place_occupy(u64 base, u64 size)
{
    if (occupied_count == MAX_OCCUPIED)
        refuse("the kernel file has more than %u segments: link it with fewer", MAX_OCCUPIED);
    occupied[occupied_count++] = (struct extent){base, size};
}

bool place_overlaps_occupied(u64 base, u64 size)
{
    for (u32 i = 0; i < occupied_count; i++)
        if (overlap(base, size, occupied[i].base, occupied[i].size))
            return true;
    return false;
}

/* The lowest thing that is in the way of [base, base+size); 0: nothing. */
static u64 obstacle(u64 base, u64 size)
{
    u64 lowest = 0;
    for (u32 i = 0; i < occupied_count; i++)
        if (overlap(base, size, occupied[i].base, occupied[i].size))
            lowest = lowest ? min_u64(lowest, occupied[i].base) : occupied[i].base;
    for (u32 i = 0; i < machine.guest.module_count; i++) {
        const struct boot_module *module = &machine.guest.modules[i];
        if (overlap(base, size, module->base, module->size))
            lowest = lowest ? min_u64(lowest, module->base) : module->base;
    }
    return lowest;
}

static u64 highest_in(u64 base, u64 end, u64 size, u64 align)
{
    while (end > base && end - base >= size) {
        u64 at = align_down(end - size, align);
        if (at < base || !at)
            return 0;
        u64 in_the_way = obstacle(at, size);
        if (!in_the_way)
            return at;
        end = in_the_way;
    }
    return 0;
}

u64 place_find(u64 size, u64 align, u64 limit)
{
    u64 best = 0;
    for (u32 i = 0; i < machine.guest.range_count; i++) {
        const struct boot_range *range = &machine.guest.ranges[i];
        if (range->type == BOOT_MEMORY_USABLE && range->base < limit)
            best = max_u64(best,
                           highest_in(range->base, min_u64(range->base + range->size, limit), size, align));
    }
    return best;
}

bool place_is_usable(u64 base, u64 size)
{
    for (u32 i = 0; i < machine.guest.range_count; i++) {
        const struct boot_range *range = &machine.guest.ranges[i];
        if (range->type == BOOT_MEMORY_USABLE && base >= range->base && size <= range->size &&
            base - range->base <= range->size - size)
            return true;
    }
    return false;
}
