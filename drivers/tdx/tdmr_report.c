/* SPDX-License-Identifier: MIT */
/* A TDMR plan, or why there is none, in words; and questions about a finished plan. */
#include "drivers/tdx/tdmr.h"
#include "lib/format.h"
#include "lib/log.h"

/* Warnings are about ranges of the firmware's map: more than a few say nothing new. */
#define MAX_WARNINGS 4

size_t tdmr_error_text(const struct tdmr_error *error, char *text, size_t size)
{
    u64 end = error->base + error->size;
    switch (error->problem) {
    case TDMR_NO_MEMORY:
        return format(
            text, size,
            "none of %lu MiB usable RAM above 1 MiB lies in a CMR (there are %u): check TDX and memory settings in the BIOS setup",
            error->size / MIB, error->needed);
    case TDMR_TOO_COMPLEX:
        return format(
            text, size,
            "TDMRs: a limit that the module reports is 0, or the memory map has more than %u ranges: check its metadata",
            error->limit);
    case TDMR_NO_AREAS:
        return format(
            text, size,
            "TDMR %u 0x%lx-0x%lx needs %u reserved areas, the module takes %u, no split helps: free memory beside its holes",
            error->tdmr, error->base, end, error->needed, error->limit);
    case TDMR_NO_PAMT:
        return format(
            text, size,
            "TDMR %u 0x%lx-0x%lx: PAMT needs %lu KiB in one block, largest free in a CMR: %lu KiB; add memory",
            error->tdmr, error->base, end, error->wanted / KIB, error->largest / KIB);
    }
    return format(text, size, "TDMRs: unknown problem %u", (unsigned)error->problem);
}

u32 tdmr_reserved_count(const struct tdx_tdmr_info *tdmr)
{
    u32 count = 0;
    while (count < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[count].size > 0)
        count++;
    return count;
}

/* Bytes of the range that lie in this TDMR and in none of its reserved areas. */
static u64 bytes_held(const struct tdx_tdmr_info *tdmr, struct range range)
{
    u64 bytes = range_common((struct range){tdmr->base, tdmr->size}, range).size;
    for (u32 i = 0; i < tdmr_reserved_count(tdmr); i++) {
        struct range area = {tdmr->base + tdmr->reserved[i].offset, tdmr->reserved[i].size};
        bytes -= range_common(area, range).size;
    }
    return bytes;
}

bool tdmr_holds(const struct tdmr_plan *plan, u64 base, u64 size)
{
    u64 bytes = 0;
    for (u32 i = 0; i < plan->count; i++)
        bytes += bytes_held(&plan->tdmrs[i], (struct range){base, size});
    return bytes == size;
}

static void warn(const struct range_list *ranges, const char *what)
{
    for (u32 i = 0; i < ranges->count && i < MAX_WARNINGS; i++)
        log_line("tdx: warning: RAM 0x%lx-0x%lx (%lu KiB) %s", ranges->at[i].base, range_end(ranges->at[i]),
                 ranges->at[i].size / KIB, what);
    if (ranges->count > MAX_WARNINGS)
        log_line("tdx: warning: and %u more ranges, %lu KiB in all", ranges->count - MAX_WARNINGS,
                 range_list_bytes(ranges) / KIB);
}

void tdmr_log(const struct tdmr_plan *plan)
{
    u32 areas = 0;
    u64 bytes = 0;
    for (u32 i = 0; i < plan->count; i++) {
        const struct tdx_tdmr_info *tdmr = &plan->tdmrs[i];
        u32 reserved = tdmr_reserved_count(tdmr);
        areas += reserved;
        bytes += tdmr->size;
        if (reserved > 0)
            log_line("tdx: TDMR %u 0x%lx-0x%lx, %u reserved areas, PAMT %lu KiB at 0x%lx", i, tdmr->base,
                     tdmr->base + tdmr->size, reserved, plan->pamt_blocks[i].size / KIB,
                     plan->pamt_blocks[i].base);
    }
    log_line("tdx: %u TDMRs, %lu GiB, %u reserved areas, %lu KiB of PAMT, %lu MiB of TDX memory", plan->count,
             bytes / GIB, areas, plan->pamt_bytes / KIB, plan->tdx_bytes / MIB);
    warn(&plan->outside_cmrs, "lies in no CMR: TDX can't use it");
    warn(&plan->left_out, "is left out: its TDMR has no reserved area left");
}

bool tdmr_piece(const struct tdx_tdmr_info *tdmr, u32 i, u64 *base, u64 *end)
{
    u32 areas = tdmr_reserved_count(tdmr);
    if (i > areas)
        return false;
    *base = i == 0 ? tdmr->base : tdmr->base + tdmr->reserved[i - 1].offset + tdmr->reserved[i - 1].size;
    *end = i == areas ? tdmr->base + tdmr->size : tdmr->base + tdmr->reserved[i].offset;
    return true;
}
