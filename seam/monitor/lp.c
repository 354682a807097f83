/* SPDX-License-Identifier: MIT */
#include "seam/monitor/lp.h"

#include "lib/string.h"
#include "seam/monitor/memory.h"

u32 lp_count;

static struct lp *blocks;

static struct lp *block_at(u32 index)
{
    return (struct lp *)((u8 *)blocks + (u64)index * LP_BLOCK);
}

void lps_create(const u32 *apic_ids, u32 count)
{
    blocks = heap_need(count * LP_BLOCK, LP_BLOCK, "processors");
    for (u32 i = 0; i < count; i++) {
        struct lp *lp = block_at(i);
        lp->index = i;
        lp->apic_id = apic_ids[i];
        lp->vmcb = lp->host_vmcb = (struct vmcb *)lp_page(lp, LP_PAGE_VMCB);
    }
    lp_count = count;
}

struct lp *lp_at(u32 index)
{
    return block_at(index);
}

struct lp *lp_by_apic_id(u32 apic_id)
{
    for (u32 i = 0; i < lp_count; i++)
        if (block_at(i)->apic_id == apic_id)
            return block_at(i);
    return NULL;
}

struct lp *lp_current(void)
{
    u64 offset = (u64)__builtin_frame_address(0) - (u64)blocks;
    if (!blocks || offset >= (u64)lp_count * LP_BLOCK)
        return NULL;
    return block_at((u32)(offset / LP_BLOCK));
}

bool lp_counter_sum(u64 index, u64 *value)
{
    bool is_leaf = index >= MONITOR_COUNTER_LEAF && index < MONITOR_COUNTER_LEAF + 256;
    if (!is_leaf && index >= MONITOR_COUNTERS)
        return false;
    *value = 0;
    for (u32 i = 0; i < lp_count; i++)
        *value +=
            is_leaf ? block_at(i)->leaf_calls[index - MONITOR_COUNTER_LEAF] : block_at(i)->counters[index];
    return true;
}
