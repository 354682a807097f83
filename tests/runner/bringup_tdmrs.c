/* SPDX-License-Identifier: MIT */
/*
 * The plan: TDMRs, reserved areas and PAMTs, before the module has seen them.
 *
 * The rules are SYS.CONFIG's (module 1.5.01, the validation of one TDMR after the other), written down here a
 * second time from the same tables: TDMRs of whole GiB, ascending; reserved areas of whole pages, ascending,
 * inside their TDMR; three PAMTs each, large enough, in CMRs, in no usable part of any TDMR and in no other
 * PAMT; every part that isn't reserved in a CMR. What SYS.CONFIG can't check is the point of it all: memory
 * that Linux would want to give to TDs should end up in a TDMR and in no reserved area.
 */
#include "tests/runner/bringup.h"

#include "kernel/memory.h"

struct span {
    u64 base, size;
};

static struct span pamt_of(const struct tdx_tdmr_info *tdmr, enum tdx_pamt_level level)
{
    const struct span spans[TDX_PAMT_LEVELS] = {
        [TDX_PAMT_4K] = {tdmr->pamt_4k_base, tdmr->pamt_4k_size},
        [TDX_PAMT_2M] = {tdmr->pamt_2m_base, tdmr->pamt_2m_size},
        [TDX_PAMT_1G] = {tdmr->pamt_1g_base, tdmr->pamt_1g_size},
    };
    return spans[level];
}

static bool overlap(struct span a, u64 base, u64 end)
{
    return a.base < end && base < a.base + a.size;
}

/* CMRs that touch count as one. */
static bool in_cmrs(const struct tdx_sysinfo *info, u64 base, u64 end)
{
    for (u32 i = 0; i < info->cmr_count && base < end; i++)
        if (base >= info->cmrs[i].base && base - info->cmrs[i].base < info->cmrs[i].size)
            base = info->cmrs[i].base + info->cmrs[i].size;
    return base >= end;
}

static void tdmrs_and_areas(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    u64 previous_end = 0;
    expect_true(test, host->plan.count >= 1 && host->plan.count <= host->sysinfo.max_tdmrs,
                "1 to MAX_TDMRS TDMRs");
    for (u32 i = 0; i < host->plan.count; i++) {
        const struct tdx_tdmr_info *tdmr = &host->plan.tdmrs[i];
        expect_true(test, tdmr->base >= previous_end, "TDMR rules 2, 3: ascending, no overlap");
        expect_true(test, tdmr->size > 0 && is_aligned(tdmr->base | tdmr->size, GIB),
                    "TDMR rule 4: whole GiB");
        previous_end = tdmr->base + tdmr->size;
        u64 area_end = 0;
        u32 areas = tdmr_reserved_count(tdmr);
        for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR; j++) {
            const struct tdx_reserved_area *area = &tdmr->reserved[j];
            expect_true(test, (area->size > 0) == (j < areas), "TDMR rule 7a: empty slots only at the end");
            if (area->size == 0)
                continue;
            expect_true(test, area->offset >= area_end,
                        "TDMR rules 7c, 7d: reserved areas ascending, no overlap");
            expect_true(test, is_aligned(area->offset | area->size, PAGE_SIZE), "TDMR rule 7e: whole pages");
            area_end = area->offset + area->size;
            expect_true(test, area_end <= tdmr->size, "TDMR rule 7f: inside the TDMR");
        }
    }
}

/* Rules 8 to 11 for one PAMT. */
static void check_pamt(struct test *test, u32 index, enum tdx_pamt_level level)
{
    static const u64 page[TDX_PAMT_LEVELS] = {4 * KIB, 2 * MIB, GIB};
    const struct tdx_host *host = &test->machine->host;
    const struct tdx_tdmr_info *tdmr = &host->plan.tdmrs[index];
    struct span pamt = pamt_of(tdmr, level);
    u64 end = pamt.base + pamt.size, from, to;
    expect_true(test, is_aligned(pamt.base | pamt.size, PAGE_SIZE), "TDMR rule 8: PAMTs are whole pages");
    expect_at_least(test, pamt.size, tdmr->size / page[level] * TDX_PAMT_ENTRY_BYTES, "bytes of PAMT",
                    "TDMR rule 8");
    expect_true(test, in_cmrs(&host->sysinfo, pamt.base, end), "TDMR rule 11: PAMTs in CMRs");
    for (u32 j = 0; j < host->plan.count; j++) {
        for (u32 other = 0; other < TDX_PAMT_LEVELS; other++)
            expect_true(test,
                        (j == index && other == level) ||
                            !overlap(pamt_of(&host->plan.tdmrs[j], other), pamt.base, end),
                        "TDMR rule 9: PAMTs don't overlap");
        for (u32 piece = 0; tdmr_piece(&host->plan.tdmrs[j], piece, &from, &to); piece++)
            expect_true(test, from == to || !overlap(pamt, from, to),
                        "TDMR rule 10: no PAMT in usable TDX memory");
    }
}

static void pamts(struct test *test)
{
    for (u32 i = 0; i < test->machine->host.plan.count; i++)
        for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
            check_pamt(test, i, level);
}

static void in_cmrs_or_reserved(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    u64 from, to;
    for (u32 i = 0; i < host->plan.count; i++)
        for (u32 piece = 0; tdmr_piece(&host->plan.tdmrs[i], piece, &from, &to); piece++)
            expect_true(test, in_cmrs(&host->sysinfo, from, to),
                        "TDMR rule 12: what isn't reserved is in a CMR");
}

static bool is_covered(const struct tdmr_plan *plan, u64 page)
{
    bool covered = tdmr_holds(plan, page, PAGE_SIZE);
    for (u32 i = 0; i < plan->pamt_block_count && !covered; i++)
        covered = page - plan->pamt_blocks[i].base < plan->pamt_blocks[i].size;
    return covered;
}

/* Page by page would take long; a range is looked at in steps, and at both ends. */
static u64 count_uncovered(const struct tdmr_plan *plan, u64 base, u64 end)
{
    if (base >= end)
        return 0;
    u64 uncovered = 0, step = max_u64(PAGE_SIZE, align_down((end - base) / 512, PAGE_SIZE));
    for (u64 page = base; page < end; page += step)
        uncovered += !is_covered(plan, page);
    return uncovered + !is_covered(plan, end - PAGE_SIZE);
}

/* Of a usable range whatever lies in a CMR, also where only a part of it does. */
static u64 count_uncovered_in_cmrs(const struct tdx_host *host, const struct boot_range *range)
{
    u64 base = align_up(max_u64(range->base, MIB), PAGE_SIZE), uncovered = 0;
    u64 end = align_down(range->base + range->size, PAGE_SIZE);
    for (u32 i = 0; i < host->sysinfo.cmr_count; i++) {
        const struct tdx_cmr *cmr = &host->sysinfo.cmrs[i];
        uncovered +=
            count_uncovered(&host->plan, max_u64(base, cmr->base), min_u64(end, cmr->base + cmr->size));
    }
    return uncovered;
}

static void covers_memory(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    const struct boot_info *map = memory_map();
    u64 uncovered = 0;
    for (u32 i = 0; i < map->range_count; i++)
        if (map->ranges[i].type == BOOT_MEMORY_USABLE)
            uncovered += count_uncovered_in_cmrs(host, &map->ranges[i]);
    if (range_list_bytes(&host->plan.left_out) > 0)
        test_skip(test, "the plan left memory out and says so: reserved areas ran out");
    else
        expect_value(test, uncovered, 0, "pages of usable memory in CMRs that no TDMR holds",
                     "all memory becomes TDX memory");
}

static void pamts_are_the_hosts(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->pamt_block_count; i++)
        if (!expect_owner(test, plan->pamt_blocks[i].base, plan->pamt_blocks[i].size, MONITOR_OWNER_HOST,
                          "nothing changes hands before SYS.CONFIG"))
            return;
}

static const struct test_case cases[] = {
    {"bringup.tdmrs.step", SOURCE_PROJECT, 0, STEP_TDMRS, .run = check_stage_only},
    {"bringup.tdmrs.tdmrs_and_areas", SOURCE_MODULE, 0, STEP_CONFIG, .run = tdmrs_and_areas},
    {"bringup.tdmrs.pamts", SOURCE_MODULE, 0, STEP_CONFIG, .run = pamts},
    {"bringup.tdmrs.in_cmrs_or_reserved", SOURCE_MODULE, 0, STEP_CONFIG, .run = in_cmrs_or_reserved},
    {"bringup.tdmrs.covers_memory", SOURCE_PROJECT, 0, STEP_CONFIG, .run = covers_memory},
    {"bringup.tdmrs.pamts_are_the_hosts", SOURCE_PROJECT, NEED_MONITOR, STEP_CONFIG,
     .run = pamts_are_the_hosts},
};
CASE_TABLE(bringup_tdmrs);
