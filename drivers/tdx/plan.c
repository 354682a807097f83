/* SPDX-License-Identifier: MIT */
/* From what this machine has to a plan of TDMRs, and the memory for their PAMTs out of the kernel's
 * allocator. */
#include "drivers/tdx/init.h"
#include "drivers/tdx/steps.h"
#include "kernel/memory.h"
#include "kernel/smp.h"

static struct tdmr_input input; /* large; the step runs once at a time on one CPU */

static void gather_memory(void)
{
    const struct boot_info *map = memory_map();
    range_list_clear(&input.memory);
    for (u32 i = 0; i < map->range_count; i++)
        if (map->ranges[i].type == BOOT_MEMORY_USABLE)
            range_list_add(&input.memory, map->ranges[i].base, map->ranges[i].size);
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

/* Takes exactly the block that the plan names; nobody allocates between plan and this. */
static bool claim(const struct tdmr_pamt_block *block)
{
    struct contig_request request = {
        .size = block->size, .min = block->base, .max = block->base + block->size, .what = "PAMT"};
    pa_t got;
    memory_lock();
    bool claimed = contig_alloc(memory_pool(), &request, &got);
    memory_unlock();
    return claimed;
}

bool step_tdmrs(struct tdx_host *host)
{
    const struct tdx_sysinfo *info = &host->sysinfo;
    gather_memory();
    gather_free();
    input.cmrs = info->cmrs;
    input.cmr_count = info->cmr_count;
    input.limits = (struct tdmr_limits){.max_tdmrs = info->max_tdmrs,
                                        .max_reserved_per_tdmr = info->max_reserved_per_tdmr};
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        input.limits.pamt_entry_size[level] = info->pamt_entry_size[level];
    input.parallelism = cpu_count();
    struct tdmr_error error;
    if (!tdmr_build(&host->plan, &input, &error)) {
        char text[160];
        tdmr_error_text(&error, text, sizeof(text));
        return tdx_fail(host, "%s", text);
    }
    tdmr_log(&host->plan);
    for (u32 i = 0; i < host->plan.pamt_block_count; i++)
        if (!claim(&host->plan.pamt_blocks[i]))
            return tdx_fail(host, "PAMT block 0x%lx+0x%lx of TDMR %u is not free any more",
                            host->plan.pamt_blocks[i].base, host->plan.pamt_blocks[i].size, i);
    return true;
}
