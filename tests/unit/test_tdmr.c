/* SPDX-License-Identifier: MIT */
/*
 * TDMR construction. Every plan is put before the oracle (would SYS.CONFIG take it?) and checked for
 * completeness: between any two neighbouring borders of anything, memory is either TDX memory, PAMT, or
 * reported. Then layouts with known answers, and thousands of random ones.
 */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/tdx/tdmr.h"
#include "tests/unit/oracle.h"

static struct tdmr_input in;
static struct tdmr_plan plan;
static struct tdmr_error error;
static struct tdx_cmr cmrs[TDX_MAX_CMRS];

/* ---- input ---- */

static void begin(void)
{
    memset(&in, 0, sizeof(in));
    memset(cmrs, 0, sizeof(cmrs));
    in.cmrs = cmrs;
    in.limits = (struct tdmr_limits){64, 16, {16, 16, 16}};
}

static void add_cmr(u64 base, u64 end)
{
    cmrs[in.cmr_count++] = (struct tdx_cmr){base, end - base};
}

static void add_memory(u64 base, u64 end)
{
    range_list_add(&in.memory, base, end - base);
    range_list_add(&in.free, base, end - base);
}

static void use(u64 base, u64 end)
{
    range_list_remove(&in.free, base, end - base);
}

/* ---- what holds for every plan ---- */

static u64 borders[16384];
static u32 border_count;

static void add_borders(u64 base, u64 size)
{
    assert_true(border_count + 2 <= ARRAY_COUNT(borders));
    borders[border_count++] = base;
    borders[border_count++] = base + size;
}

static void add_list_borders(const struct range_list *list)
{
    assert_false(list->full);
    for (u32 i = 0; i < list->count; i++)
        add_borders(list->at[i].base, list->at[i].size);
}

static int compare(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return (x > y) - (x < y);
}

static void collect_borders(void)
{
    border_count = 0;
    add_borders(0, MIB);
    add_list_borders(&in.memory);
    add_list_borders(&plan.outside_cmrs);
    add_list_borders(&plan.left_out);
    for (u32 i = 0; i < in.cmr_count; i++)
        add_borders(cmrs[i].base, cmrs[i].size);
    for (u32 i = 0; i < plan.count; i++) {
        add_borders(plan.tdmrs[i].base, plan.tdmrs[i].size);
        add_borders(plan.pamt_blocks[i].base, plan.pamt_blocks[i].size);
        for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR; j++)
            add_borders(plan.tdmrs[i].base + plan.tdmrs[i].reserved[j].offset,
                        plan.tdmrs[i].reserved[j].size);
    }
    qsort(borders, border_count, sizeof(borders[0]), compare);
}

static bool in_list(const struct range_list *list, u64 at)
{
    for (u32 i = 0; i < list->count; i++)
        if (list->at[i].base <= at && at - list->at[i].base < list->at[i].size)
            return true;
    return false;
}

static bool in_cmr(u64 at)
{
    for (u32 i = 0; i < in.cmr_count; i++)
        if (cmrs[i].base <= at && at - cmrs[i].base < cmrs[i].size)
            return true;
    return false;
}

static bool in_pamt(u64 at)
{
    for (u32 i = 0; i < plan.count; i++)
        if (plan.pamt_blocks[i].base <= at && at - plan.pamt_blocks[i].base < plan.pamt_blocks[i].size)
            return true;
    return false;
}

/* In a TDMR and in none of its reserved areas. */
static bool in_tdx_memory(u64 at)
{
    for (u32 i = 0; i < plan.count; i++) {
        const struct tdx_tdmr_info *tdmr = &plan.tdmrs[i];
        if (at < tdmr->base || at - tdmr->base >= tdmr->size)
            continue;
        for (u32 j = 0; j < TDX_MAX_RESERVED_PER_TDMR; j++)
            if (at - tdmr->base - tdmr->reserved[j].offset < tdmr->reserved[j].size &&
                at - tdmr->base >= tdmr->reserved[j].offset)
                return false;
        return true;
    }
    return false;
}

static void check_spot(u64 at, u64 size, u64 *tdx_bytes)
{
    bool usable = in_list(&in.memory, at) && at >= MIB, cmr = in_cmr(at), pamt = in_pamt(at);
    bool tdx = in_tdx_memory(at);
    bool left_out = in_list(&plan.left_out, at);
    if (in_list(&plan.outside_cmrs, at) != (usable && !cmr))
        fail_msg("0x%lx: usable %d, in a CMR %d, but wrongly reported as outside or not", at, usable, cmr);
    if (usable && cmr && !pamt && tdx == left_out)
        fail_msg("0x%lx: TDX memory %d, left out %d", at, tdx, left_out);
    if (left_out && (!usable || !cmr || pamt))
        fail_msg("0x%lx: left out, but usable %d, in a CMR %d, PAMT %d", at, usable, cmr, pamt);
    if (tdx && (!cmr || pamt || at < MIB))
        fail_msg("0x%lx: TDX memory, but in a CMR %d, PAMT %d", at, cmr, pamt);
    if (pamt && (!in_list(&in.free, at) || !cmr || at < MIB))
        fail_msg("0x%lx: PAMT, but free %d, in a CMR %d", at, in_list(&in.free, at), cmr);
    if (tdmr_holds(&plan, at, 1) != tdx || tdmr_holds(&plan, at, size) != tdx)
        fail_msg("0x%lx: tdmr_holds() disagrees", at);
    if (tdx && usable)
        *tdx_bytes += size;
}

static void check_blocks(void)
{
    u64 bytes = 0;
    assert_int_equal(plan.pamt_block_count, plan.count);
    for (u32 i = 0; i < plan.count; i++) {
        const struct tdx_tdmr_info *tdmr = &plan.tdmrs[i];
        const struct tdmr_pamt_block *block = &plan.pamt_blocks[i];
        assert_int_equal(block->tdmr, i);
        assert_int_equal(block->base, tdmr->pamt_4k_base);
        assert_int_equal(tdmr->pamt_4k_base + tdmr->pamt_4k_size, tdmr->pamt_2m_base);
        assert_int_equal(tdmr->pamt_2m_base + tdmr->pamt_2m_size, tdmr->pamt_1g_base);
        assert_int_equal(tdmr->pamt_1g_base + tdmr->pamt_1g_size, block->base + block->size);
        bytes += block->size;
        for (u32 j = 0; j + 1 < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[j + 1].size; j++)
            assert_int_not_equal(tdmr->reserved[j].offset + tdmr->reserved[j].size,
                                 tdmr->reserved[j + 1].offset);
    }
    assert_int_equal(plan.pamt_bytes, bytes);
}

static void check_plan(void)
{
    struct oracle_platform platform = {
        .cmrs = cmrs,
        .cmr_count = in.cmr_count,
        .keyid_bits = 4,
        .max_tdmrs = in.limits.max_tdmrs,
        .max_reserved = in.limits.max_reserved_per_tdmr,
    };
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        platform.entry_size[level] = in.limits.pamt_entry_size[level];
    u64 status = oracle_sys_config(&platform, plan.tdmrs, plan.count), tdx_bytes = 0;
    if (status)
        fail_msg("SYS.CONFIG would answer 0x%016lx to %u TDMRs", status, plan.count);
    check_blocks();
    collect_borders();
    for (u32 i = 0; i + 1 < border_count; i++)
        if (borders[i] < borders[i + 1])
            check_spot(borders[i], borders[i + 1] - borders[i], &tdx_bytes);
    assert_int_equal(plan.tdx_bytes, tdx_bytes);
}

static void build(void)
{
    memset(&plan, 0xA5, sizeof(plan));
    if (!tdmr_build(&plan, &in, &error)) {
        char text[200];
        tdmr_error_text(&error, text, sizeof(text));
        fail_msg("%s", text);
    }
    check_plan();
}

static u32 all_areas(void)
{
    u32 areas = 0;
    for (u32 i = 0; i < plan.count; i++)
        areas += tdmr_reserved_count(&plan.tdmrs[i]);
    return areas;
}

static void assert_fails(enum tdmr_problem problem, const char *words)
{
    char text[161];
    assert_false(tdmr_build(&plan, &in, &error));
    assert_int_equal(error.problem, problem);
    assert_true(tdmr_error_text(&error, text, sizeof(text)) < sizeof(text) - 5);
    if (!strstr(text, words))
        fail_msg("'%s' lacks '%s'", text, words);
}

/* ---- real and likely machines ---- */

/* The server of the public bug report: CMRs and the finely chopped usable ranges below 2 GiB. */
static void emerald_rapids(void)
{
    static const struct tdx_cmr list[] = {
        {0x100000, 0x6f800000 - 0x100000},           {0x100000000, 0x107a000000 - 0x100000000},
        {0x1080000000, 0x207c000000 - 0x1080000000}, {0x2080000000, 0x307c000000 - 0x2080000000},
        {0x3080000000, 0x407c000000 - 0x3080000000},
    };
    static const u64 low[][2] = {
        {0, 0x9efff},
        {0x100000, 0x5d168fff},
        {0x5d22b000, 0x5d3cefff},
        {0x5d46a000, 0x5e5b2fff},
        {0x5e5c3000, 0x5e5d2fff},
        {0x5e5e5000, 0x5eb57fff},
        {0x61358000, 0x6172afff},
        {0x61795000, 0x617fefff},
        {0x61913000, 0x61998fff},
        {0x619e0000, 0x619e1fff},
        {0x619ea000, 0x61a26fff},
        {0x61baf000, 0x623c2fff},
        {0x62472000, 0x62823fff},
        {0x63a25000, 0x63d57fff},
        {0x64158000, 0x64158fff},
        {0x64195000, 0x6e9cefff},
        {0x6f7ff000, 0x6f7fffff},
    };
    begin();
    for (u32 i = 0; i < ARRAY_COUNT(list); i++) {
        add_cmr(list[i].base, list[i].base + list[i].size);
        if (i > 0)
            add_memory(list[i].base, list[i].base + list[i].size);
    }
    in.cmr_count = TDX_MAX_CMRS; /* module 1.5.01 always says 32; the tail is empty */
    for (u32 i = 0; i < ARRAY_COUNT(low); i++)
        add_memory(low[i][0], low[i][1] + 1);
}

static void emerald_rapids_needs_few_areas(void **state)
{
    (void)state;
    emerald_rapids();
    build();
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.tdmrs[0].base, 0);
    assert_int_equal(plan.tdmrs[0].size, 2 * GIB);
    assert_int_equal(plan.tdmrs[1].base, 4 * GIB);
    assert_int_equal(plan.tdmrs[1].size, 254 * GIB);
    /* first MiB and end of low memory; four holes between and behind the CMRs; PAMTs cost nothing */
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 2);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[1]), 4);
    assert_int_equal(plan.tdmrs[0].reserved[0].offset, 0);
    assert_int_equal(plan.tdmrs[0].reserved[0].size, MIB + plan.pamt_blocks[0].size);
    assert_int_equal(plan.outside_cmrs.count, 0);
    assert_int_equal(plan.left_out.count, 0);
}

static void emerald_rapids_on_many_lps(void **state)
{
    (void)state;
    emerald_rapids();
    u32 lps[] = {2, 8, 52, 64, 128, 448};
    for (u32 i = 0; i < ARRAY_COUNT(lps); i++) {
        in.parallelism = lps[i];
        build();
        assert_true(plan.count <= 60);
        assert_true(plan.count >= (lps[i] < 50 ? lps[i] : 50));
        assert_true(all_areas() <= 6 + plan.count); /* borders cut some areas in two */
        u64 largest = 0;
        for (u32 j = 0; j < plan.count; j++)
            largest = max_u64(largest, plan.tdmrs[j].size);
        assert_true(largest <= (lps[i] < 50 ? 256 / lps[i] : 5) * GIB);
    }
}

/* QEMU q35: RAM below 0x80000000 (or all of it), the rest from 4 GiB; SEAMRR of 32 MiB hidden at the top of
 * low RAM. */
static void qemu(u64 memory)
{
    u64 low = memory > 0xB0000000 ? 0x80000000 : memory;
    begin();
    add_memory(0, 0x9fc00);
    add_memory(MIB, low - 32 * MIB);
    add_cmr(MIB, low - 32 * MIB);
    if (memory > low) {
        add_memory(4 * GIB, 4 * GIB + memory - low);
        add_cmr(4 * GIB, 4 * GIB + memory - low);
    }
    use(MIB, 5 * MIB); /* the kernel */
    use(0x9fc00 & ~0xfffull, MIB);
}

static void qemu_layouts(void **state)
{
    (void)state;
    for (u64 memory = 64 * MIB; memory <= 8 * GIB; memory += memory < GIB ? 64 * MIB : 512 * MIB)
        for (u32 lps = 1; lps <= 64; lps *= 4) {
            qemu(memory);
            in.parallelism = lps;
            build();
            assert_int_equal(plan.left_out.count, 0);
            u64 blocks = 0, largest = 0;
            for (u32 i = 0; i < plan.count; i++) {
                blocks += plan.tdmrs[i].size / GIB;
                largest = max_u64(largest, plan.tdmrs[i].size / GIB);
                assert_true(tdmr_reserved_count(&plan.tdmrs[i]) <= 2);
            }
            assert_true(lps == 1 ||
                        largest <= (blocks + lps - 1) / lps); /* no LP works longer than its share */
            assert_int_equal(plan.pamt_bytes, blocks * (4 * MIB + 8 * KIB) + plan.count * 4 * KIB);
        }
}

/* 2 GiB on 4 LPs: both TDMRs of 1 GiB, first MiB and SEAMRR reserved, the PAMTs one block below SEAMRR. */
static void qemu_default_is_exact(void **state)
{
    (void)state;
    qemu(2 * GIB);
    in.parallelism = 4;
    build();
    const u64 pamt = 4 * MIB + 12 * KIB, hole = 2 * GIB - 32 * MIB;
    assert_int_equal(plan.count, 2);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 1);
    assert_int_equal(plan.tdmrs[0].reserved[0].size, MIB);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[1]), 1);
    assert_int_equal(plan.tdmrs[1].reserved[0].offset, hole - 2 * pamt - GIB);
    assert_int_equal(plan.tdmrs[1].reserved[0].size, 2 * pamt + 32 * MIB);
    assert_int_equal(plan.tdx_bytes, hole - MIB - 2 * pamt);
    assert_true(tdmr_holds(&plan, MIB, GIB)); /* across the border of the TDMRs */
    assert_false(tdmr_holds(&plan, MIB, hole - MIB));
    assert_false(tdmr_holds(&plan, 3 * GIB, PAGE_SIZE));
}

/* ---- where it gets tight ---- */

/* Ten holes of 1 MiB in each of three neighbouring GiB: 31 areas with the one in front, so two cuts. */
static void too_many_holes_split_a_tdmr(void **state)
{
    (void)state;
    begin();
    u64 at = 4 * GIB + MIB;
    for (u32 i = 0; i < 30; i++) {
        u64 hole = 4 * GIB + i / 10 * GIB + (i % 10 + 1) * 90 * MIB;
        add_cmr(at, hole);
        add_memory(at, hole);
        at = hole + MIB;
    }
    add_cmr(at, 7 * GIB);
    add_memory(at, 7 * GIB);
    build();
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.left_out.count, 0);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 11);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[1]), 10);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[2]), 10);
    in.limits.max_tdmrs = 2; /* no TDMR for the third: its smallest pieces are given up and named */
    build();
    assert_int_equal(plan.count, 2);
    assert_true(plan.left_out.count > 0);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[1]), 16);
}

/* 20 holes in one GiB: the smallest pieces between them are left out, and PAMT goes there. */
static void too_many_holes_in_one_gib(void **state)
{
    (void)state;
    begin();
    u64 at = GIB;
    for (u32 i = 0; i < 20; i++) {
        u64 size = i < 5 ? 256 * KIB : 40 * MIB;
        add_cmr(at + MIB, at + MIB + size);
        add_memory(at + MIB, at + MIB + size);
        at += MIB + size;
    }
    build();
    assert_int_equal(plan.count, 1);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 16);
    assert_int_equal(range_list_bytes(&plan.left_out), 5 * 256 * KIB); /* 21 holes, 16 areas: five pieces */
    test_log_clear();
    tdmr_log(&plan);
    assert_logged("is left out: its TDMR has no reserved area left");
    assert_logged("and 1 more ranges, 1280 KiB in all");
    in.limits.max_reserved_per_tdmr = 1;
    assert_fails(TDMR_NO_AREAS, "reserved areas");
}

/* All 16 areas are holes and no free block touches one: one piece goes, so that the PAMT gets an area. */
static void an_area_is_kept_for_the_pamt(void **state)
{
    (void)state;
    begin();
    u64 at = GIB;
    for (u32 i = 0; i < 15; i++) {
        add_cmr(at + MIB, at + 41 * MIB);
        add_memory(at + MIB, at + 41 * MIB);
        use(at + MIB, at + 2 * MIB);
        use(at + 40 * MIB, at + 41 * MIB);
        at += 41 * MIB;
    }
    build();
    assert_int_equal(plan.count, 1);
    assert_int_equal(range_list_bytes(&plan.left_out), 40 * MIB - plan.pamt_bytes); /* the PAMT went there */
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 15);
}

static void pamt_that_does_not_fit_splits_a_tdmr(void **state)
{
    (void)state;
    begin();
    add_cmr(GIB, 9 * GIB);
    add_memory(GIB, 9 * GIB);
    use(GIB, 9 * GIB);
    for (u64 i = 0; i < 8; i++)
        range_list_add(&in.free, (i + 1) * GIB + 512 * MIB, 9 * MIB);
    build();
    assert_int_equal(plan.count, 4); /* 2 GiB of TDMR need 8212 KiB of PAMT */
    for (u32 i = 0; i < plan.count; i++)
        assert_int_equal(plan.tdmrs[i].size, 2 * GIB);
}

/* The small TDMR would like the large block, but only the large TDMR needs it. */
static void the_largest_pamt_chooses_first(void **state)
{
    (void)state;
    begin();
    add_cmr(GIB, 2 * GIB);
    add_cmr(4 * GIB, 8 * GIB);
    add_memory(GIB, 2 * GIB);
    add_memory(4 * GIB, 8 * GIB);
    use(0, 8 * GIB);
    range_list_add(&in.free, GIB + 512 * MIB, 17 * MIB);
    range_list_add(&in.free, 6 * GIB, 5 * MIB);
    build();
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.pamt_blocks[0].base, 6 * GIB + 5 * MIB - plan.pamt_blocks[0].size);
}

/* First and last of three TDMRs have no area left; both ends of the free range are theirs, its middle isn't.
 */
static void pamts_go_to_the_tdmr_that_has_areas(void **state)
{
    (void)state;
    begin();
    in.parallelism = 3;
    u64 first = GIB;
    for (u64 i = 0; i < 16; i++) {
        u64 hole = GIB + i * 21 * MIB;
        if (hole > first)
            add_cmr(first, hole);
        first = hole + MIB;
    }
    for (u64 i = 16; i > 0; i--) {
        u64 hole = 4 * GIB - MIB - (i - 1) * 21 * MIB;
        add_cmr(first, hole);
        first = hole + MIB;
    }
    range_list_add(&in.memory, GIB, 3 * GIB);
    range_list_add(&in.free, 2 * GIB - 20 * MIB, GIB + 40 * MIB);
    build();
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.left_out.count, 0);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 16);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[1]), 1);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[2]), 16);
}

static void no_room_for_pamt(void **state)
{
    (void)state;
    begin();
    add_cmr(MIB, 64 * MIB);
    add_memory(0, 64 * MIB);
    use(0, 60 * MIB);
    assert_fails(TDMR_NO_PAMT, "PAMT needs 4108 KiB in one block, largest free in a CMR: 4096 KiB");
    assert_int_equal(error.wanted, 4 * MIB + 12 * KIB);
    assert_int_equal(error.largest, 4 * MIB);
    /* free memory that lies in no CMR is of no use */
    add_memory(3 * GIB, 4 * GIB);
    assert_fails(TDMR_NO_PAMT, "largest free in a CMR: 4096 KiB");
}

static void nothing_usable(void **state)
{
    (void)state;
    begin();
    assert_fails(TDMR_NO_MEMORY, "none of 0 MiB");
    add_memory(0, GIB);
    assert_fails(TDMR_NO_MEMORY, "none of 1023 MiB usable RAM above 1 MiB lies in a CMR (there are 0)");
    add_cmr(2 * GIB, 3 * GIB);
    assert_fails(TDMR_NO_MEMORY, "(there are 1)");
    begin();
    add_cmr(0, MIB);
    add_memory(0, MIB);
    assert_fails(TDMR_NO_MEMORY, "CMR");
}

static void bad_limits_are_refused(void **state)
{
    (void)state;
    qemu(GIB);
    in.limits.max_tdmrs = 0;
    assert_fails(TDMR_TOO_COMPLEX, "metadata");
    qemu(GIB);
    in.limits.max_reserved_per_tdmr = 0;
    assert_fails(TDMR_TOO_COMPLEX, "metadata");
    qemu(GIB);
    in.limits.pamt_entry_size[TDX_PAMT_2M] = 0;
    assert_fails(TDMR_TOO_COMPLEX, "metadata");
    qemu(GIB);
    in.memory.full = true;
    assert_fails(TDMR_TOO_COMPLEX, "more than 640 ranges");
}

static void limits_above_the_abi_are_cut(void **state)
{
    (void)state;
    emerald_rapids();
    in.parallelism = 1000;
    in.limits.max_tdmrs = 500;
    in.limits.max_reserved_per_tdmr = 100;
    assert_true(tdmr_build(&plan, &in, &error));
    assert_true(plan.count <= TDX_MAX_TDMRS);
}

static void ram_outside_cmrs_is_reported(void **state)
{
    (void)state;
    begin();
    add_cmr(MIB, GIB);
    add_memory(0, GIB + 256 * MIB); /* the end is partly outside */
    add_memory(3 * GIB, 3 * GIB + 16 * MIB);
    build();
    assert_int_equal(plan.count, 1);
    assert_int_equal(plan.outside_cmrs.count, 2);
    assert_int_equal(plan.outside_cmrs.at[0].base, GIB);
    assert_int_equal(plan.outside_cmrs.at[0].size, 256 * MIB);
    assert_int_equal(plan.outside_cmrs.at[1].base, 3 * GIB);
    test_log_clear();
    tdmr_log(&plan);
    assert_logged("warning: RAM 0x40000000-0x50000000 (262144 KiB) lies in no CMR");
    assert_logged("1 TDMRs, 1 GiB, ");
}

static void touching_cmrs_are_one(void **state)
{
    (void)state;
    begin();
    add_cmr(GIB, GIB + 100 * MIB);
    add_cmr(GIB + 100 * MIB, GIB + 102 * MIB);
    add_cmr(GIB + 102 * MIB, 3 * GIB);
    add_memory(GIB, 3 * GIB);
    use(GIB, GIB + 98 * MIB);
    use(GIB + 112 * MIB, 3 * GIB); /* all that is free lies across the three */
    build();
    assert_int_equal(plan.count, 1);
    assert_int_equal(tdmr_reserved_count(&plan.tdmrs[0]), 1);
}

/* A CMR from address 0: the first MiB is kept out all the same. */
static void first_mib_is_never_tdx_memory(void **state)
{
    (void)state;
    begin();
    add_cmr(0, GIB);
    add_memory(0, GIB);
    use(8 * MIB, GIB);
    build();
    assert_int_equal(plan.tdmrs[0].reserved[0].offset, 0);
    assert_int_equal(plan.tdmrs[0].reserved[0].size, MIB + plan.pamt_bytes);
    assert_int_equal(plan.pamt_blocks[0].base, MIB);
}

static void memory_off_all_tdmrs_takes_the_pamt(void **state)
{
    (void)state;
    begin();
    add_cmr(GIB, 2 * GIB);
    add_cmr(5 * GIB, 6 * GIB);
    range_list_add(&in.memory, GIB, GIB);
    range_list_add(&in.free, GIB, GIB);
    range_list_add(&in.free, 5 * GIB, GIB); /* free, but nobody wants it to be TDX memory */
    build();
    assert_int_equal(all_areas(), 0);
    assert_int_equal(plan.pamt_blocks[0].base, 6 * GIB - plan.pamt_bytes); /* low memory is scarcer */
}

static void more_regions_than_tdmrs_are_joined(void **state)
{
    (void)state;
    begin();
    for (u64 i = 0; i < 32; i++) {
        u64 base = (i * 4 + i % 3 + 1) * GIB;
        add_cmr(base, base + 512 * MIB);
        add_memory(base, base + 512 * MIB);
    }
    build();
    assert_int_equal(plan.count, 32);
    in.limits.max_tdmrs = 10;
    build();
    assert_true(plan.count <= 10);
    assert_int_equal(plan.left_out.count, 0);
}

static void parallelism_leaves_spare_tdmrs(void **state)
{
    (void)state;
    begin();
    add_cmr(4 * GIB, 66 * GIB);
    add_memory(4 * GIB, 66 * GIB);
    in.parallelism = 62;
    build();
    assert_int_equal(plan.count, 31); /* 62 of 1 GiB would be more than 60 */
    in.parallelism = 5;
    build();
    assert_int_equal(plan.count, 5);
    assert_int_equal(plan.tdmrs[0].size, 13 * GIB);
    assert_int_equal(plan.tdmrs[4].size, 12 * GIB);
}

static void unaligned_ranges_lose_their_broken_pages(void **state)
{
    (void)state;
    begin();
    add_cmr(MIB, GIB);
    add_memory(MIB + 5, 600 * MIB + 7);
    assert_true(tdmr_build(&plan, &in, &error));
    assert_int_equal(plan.tdx_bytes + plan.pamt_bytes, 599 * MIB - PAGE_SIZE);
}

/* ---- random machines ---- */

struct outcomes {
    u32 built, no_pamt, no_areas, no_memory, left_out, outside, many;
};

static u64 pick(u64 *seed, u64 low, u64 high)
{
    return low + test_random(seed) % (high - low + 1);
}

/* Sizes of very different magnitude, in pages. */
static u64 random_size(u64 *seed, u32 magnitude)
{
    static const u64 top[] = {64 * KIB, 4 * MIB, 200 * MIB, 3 * GIB, 40 * GIB};
    return align_up(pick(seed, 1, top[test_random(seed) % (magnitude + 1)]), PAGE_SIZE);
}

static void random_memory(u64 *seed)
{
    u32 magnitude = pick(seed, 0, 5) ? pick(seed, 2, 4) : 1,
        cmr_count = pick(seed, 1, pick(seed, 1, TDX_MAX_CMRS));
    u64 at = pick(seed, 0, 3) ? MIB : random_size(seed, 4);
    for (u32 i = 0; i < cmr_count; i++) {
        u64 size = random_size(seed, magnitude);
        add_cmr(at, at + size);
        if (pick(seed, 0, 15))
            add_memory(at, at + size);
        at += size;
        if (pick(seed, 0, 4)) /* else the next one touches */
            at += random_size(seed, magnitude);
        if (pick(seed, 0, 5) == 0)
            at = align_up(at, GIB);
    }
    for (u32 i = pick(seed, 0, 3); i > 0; i--) {
        u64 base = align_down(test_random(seed) % (at + GIB), PAGE_SIZE);
        add_memory(base, base + random_size(seed, magnitude));
    }
    for (u32 i = pick(seed, 0, 1) * pick(seed, 0, 40); i > 0; i--) {
        u64 base = align_down(test_random(seed) % at, PAGE_SIZE), size = random_size(seed, magnitude - 1);
        range_list_remove(&in.memory, base, size);
        range_list_remove(&in.free, base, size);
    }
}

static void random_machine(u64 *seed)
{
    begin();
    random_memory(seed);
    u64 end = in.memory.count ? range_end(in.memory.at[in.memory.count - 1]) : GIB;
    for (u32 i = pick(seed, 0, 2) * pick(seed, 0, 10); i > 0; i--) {
        u64 base = align_down(test_random(seed) % end, PAGE_SIZE);
        use(base, base + random_size(seed, pick(seed, 0, 4)));
    }
    if (pick(seed, 0, 3) == 0)
        in.limits.max_tdmrs = pick(seed, 1, 64);
    if (pick(seed, 0, 3) == 0)
        in.limits.max_reserved_per_tdmr = pick(seed, 1, 16);
    if (pick(seed, 0, 7) == 0)
        in.limits.pamt_entry_size[pick(seed, 0, 2)] = pick(seed, 1, 40);
    in.parallelism = pick(seed, 0, 1) * pick(seed, 0, 70);
}

/* A refusal must be one that can't be helped. */
static void check_refusal(struct outcomes *outcomes)
{
    char text[161];
    assert_true(tdmr_error_text(&error, text, sizeof(text)) < sizeof(text) - 5);
    bool can_split = error.size > GIB && in.limits.max_tdmrs == 64;
    if (error.problem == TDMR_NO_PAMT) {
        outcomes->no_pamt++;
        if (error.wanted <= error.largest || error.largest > range_list_largest(&in.free))
            fail_msg("wanted and largest can't be: %s", text);
        if (can_split && range_list_bytes(&in.memory) < 40 * GIB)
            fail_msg("could have been split: %s", text);
    } else if (error.problem == TDMR_NO_AREAS) {
        outcomes->no_areas++;
        if (in.limits.max_reserved_per_tdmr > 4)
            fail_msg("%u areas should do: %s", in.limits.max_reserved_per_tdmr, text);
    } else {
        outcomes->no_memory++;
        assert_int_equal(error.problem, TDMR_NO_MEMORY);
        for (u32 i = 0; i < in.memory.count; i++)
            for (u32 j = 0; j < in.cmr_count; j++)
                assert_true(range_common(in.memory.at[i], (struct range){cmrs[j].base, cmrs[j].size}).size ==
                                0 ||
                            cmrs[j].base < MIB);
    }
}

static void try_random_machine(u64 seed, struct outcomes *outcomes)
{
    random_machine(&seed);
    memset(&plan, 0xA5, sizeof(plan));
    if (!tdmr_build(&plan, &in, &error)) {
        check_refusal(outcomes);
        return;
    }
    check_plan();
    outcomes->built++;
    outcomes->left_out += plan.left_out.count > 0;
    outcomes->outside += plan.outside_cmrs.count > 0;
    outcomes->many += plan.count > 20;
}

#define RANDOM_MACHINES 8000
#define RANDOM_SEED     0x5EA357E5ull

static u64 machine; /* number of the one being tried */

static int name_the_machine_that_failed(void **state)
{
    (void)state;
    if (machine < RANDOM_MACHINES)
        print_message("# random machine %lu of seed 0x%llx failed\n", machine, RANDOM_SEED);
    return 0;
}

static void random_machines(void **state)
{
    (void)state;
    struct outcomes seen = {0};
    for (machine = 0; machine < RANDOM_MACHINES; machine++)
        try_random_machine((RANDOM_SEED + machine) * 0x9E3779B97F4A7C15ull, &seen);
    print_message(
        "# seed 0x%llx: %u built (%u with more than 20 TDMRs, %u left memory out, %u saw RAM outside CMRs)\n",
        RANDOM_SEED, seen.built, seen.many, seen.left_out, seen.outside);
    print_message("# refused: %u no room for PAMT, %u no areas, %u no memory\n", seen.no_pamt, seen.no_areas,
                  seen.no_memory);
    assert_true(seen.built > RANDOM_MACHINES / 2);
    assert_true(seen.many > 50 && seen.left_out > 50 && seen.outside > 500 && seen.no_pamt > 50);
}

/* ---- the oracle itself, by the module's conformance vectors ---- */

static struct tdx_tdmr_info bad[2];
static struct oracle_platform reference = {.cmrs = cmrs,
                                           .cmr_count = 2,
                                           .keyid_bits = 6,
                                           .max_tdmrs = 64,
                                           .max_reserved = 16,
                                           .entry_size = {16, 16, 16}};

static void template(void)
{
    begin();
    add_cmr(0x100000, 0x7C000000);
    add_cmr(0x100000000, 0x500000000);
    bad[0] = (struct tdx_tdmr_info){.base = 0x100000000,
                                    .size = 0x40000000,
                                    .pamt_4k_base = 0x200000000,
                                    .pamt_4k_size = 0x400000,
                                    .pamt_2m_base = 0x200400000,
                                    .pamt_2m_size = 0x2000,
                                    .pamt_1g_base = 0x200402000,
                                    .pamt_1g_size = 0x1000};
    bad[1] = bad[0];
    bad[1].base = 0x140000000;
    bad[1].pamt_1g_base = 0x200805000;
    bad[1].pamt_2m_base = 0x200803000;
    bad[1].pamt_4k_base = 0x200403000;
}

static void reserve(u32 index, u32 area, u64 offset, u64 size)
{
    bad[index].reserved[area] = (struct tdx_reserved_area){offset, size};
}

#define VECTOR(count, expected, ...)                                                                         \
    do {                                                                                                     \
        template();                                                                                          \
        __VA_ARGS__;                                                                                         \
        assert_int_equal(oracle_sys_config(&reference, bad, (count)), (expected));                           \
    } while (0)

static void oracle_knows_the_rules(void **state)
{
    (void)state;
    VECTOR(1, 0, );
    VECTOR(2, 0, );
    VECTOR(0, 0xC000010000000002, );
    VECTOR(65, 0xC000010000000002, );
    VECTOR(1, 0xC0000A0000000000, bad[0].size = 0);
    VECTOR(1, 0xC0000A0000000000, bad[0].base += 0x1000);
    VECTOR(1, 0xC0000A0000000000, bad[0].base = 0x400000000000);
    VECTOR(1, 0xC0000A0000000000, bad[0].base = 0x3FFFC0000000; bad[0].size = 0x80000000);
    VECTOR(2, 0xC0000A0100000001, bad[0].base = 0x140000000; bad[1].base = 0x100000000);
    VECTOR(2, 0xC0000A0100000001, bad[1].base = 0x100000000);
    VECTOR(2, 0xC0000A0100000001, bad[1].base = 0x100001000; bad[1].size = 0x1000);
    VECTOR(1, 0xC0000A2100000000, reserve(0, 1, 0x1000, 0x1000));
    VECTOR(1, 0xC0000A2100000100, reserve(0, 0, 0x1000, 0x2000); reserve(0, 1, 0x2000, 0x1000));
    VECTOR(1, 0xC0000A2000000000, reserve(0, 0, 0x1800, 0x1000));
    VECTOR(1, 0xC0000A2000000100, reserve(0, 0, 0x1000, 0x1000); reserve(0, 1, 0x3FFFF000, 0x2000));
    VECTOR(1, 0xC0000A2000000000, reserve(0, 0, 0xFFFFFFFFFFFFF000, 0x2000));
    VECTOR(1, 0, for (u32 j = 0; j < 16; j++) reserve(0, j, 0x2000 * j, 0x1000));
    VECTOR(1, 0, reserve(0, 0, 0x1000, 0x1000); reserve(0, 1, 0x2000, 0x1000)); /* touching is allowed */
    VECTOR(1, 0xC0000A1000000200, bad[0].pamt_1g_base += 0x800);
    VECTOR(1, 0xC0000A1000000000, bad[0].pamt_4k_size = 0x3FF000);
    VECTOR(1, 0xC0000A1000000200, bad[0].pamt_1g_size = 0);
    VECTOR(1, 0xC0000A1000000000, bad[0].pamt_4k_base = 0x400200000000);
    VECTOR(1, 0, bad[0].pamt_4k_base = 0x210000000; bad[0].pamt_4k_size = 0x800000);
    VECTOR(1, 0xC0000A1200000100, bad[0].pamt_1g_base = 0x200401000);
    VECTOR(2, 0xC0000A1200000201, bad[1].pamt_1g_base = 0x200000000);
    VECTOR(2, 0xC0000A1200000101, bad[1].pamt_2m_base = 0x100100000);
    VECTOR(2, 0xC0000A1200010000, bad[0].pamt_4k_base = 0x140000000);
    VECTOR(1, 0xC0000A1200000000, bad[0].pamt_4k_base = 0x100000000);
    VECTOR(1, 0, bad[0].pamt_4k_base = 0x100000000; reserve(0, 0, 0, 0x400000));
    VECTOR(1, 0xC0000A1200000000, bad[0].pamt_4k_base = 0x100000000; reserve(0, 0, 0, 0x3FF000));
    VECTOR(1, 0xC0000A1100000200, bad[0].pamt_1g_base = 0x7FF00000);
    VECTOR(1, 0xC0000A1100000000, bad[0].pamt_4k_base = 0x600000000);
    VECTOR(1, 0, bad[0].base = 0; reserve(0, 0, 0, 0x100000));
    VECTOR(1, 0xC0000A0200000000, bad[0].base = 0);
    VECTOR(1, 0xC0000A0200000000, bad[0].base = 0x40000000);
    VECTOR(1, 0, bad[0].base = 0x40000000; reserve(0, 0, 0x3C000000, 0x4000000));
    VECTOR(1, 0, cmrs[0] = (struct tdx_cmr){0x100000000, 0x1000};
           cmrs[1] = (struct tdx_cmr){0x100001000, 0x400000000});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(oracle_knows_the_rules),
        cmocka_unit_test(emerald_rapids_needs_few_areas),
        cmocka_unit_test(emerald_rapids_on_many_lps),
        cmocka_unit_test(qemu_layouts),
        cmocka_unit_test(qemu_default_is_exact),
        cmocka_unit_test(too_many_holes_split_a_tdmr),
        cmocka_unit_test(too_many_holes_in_one_gib),
        cmocka_unit_test(an_area_is_kept_for_the_pamt),
        cmocka_unit_test(pamt_that_does_not_fit_splits_a_tdmr),
        cmocka_unit_test(the_largest_pamt_chooses_first),
        cmocka_unit_test(pamts_go_to_the_tdmr_that_has_areas),
        cmocka_unit_test(no_room_for_pamt),
        cmocka_unit_test(nothing_usable),
        cmocka_unit_test(bad_limits_are_refused),
        cmocka_unit_test(limits_above_the_abi_are_cut),
        cmocka_unit_test(ram_outside_cmrs_is_reported),
        cmocka_unit_test(touching_cmrs_are_one),
        cmocka_unit_test(first_mib_is_never_tdx_memory),
        cmocka_unit_test(memory_off_all_tdmrs_takes_the_pamt),
        cmocka_unit_test(more_regions_than_tdmrs_are_joined),
        cmocka_unit_test(parallelism_leaves_spare_tdmrs),
        cmocka_unit_test(unaligned_ranges_lose_their_broken_pages),
        cmocka_unit_test_teardown(random_machines, name_the_machine_that_failed),
    };
    return cmocka_run_group_tests_name("tdmr", tests, NULL, NULL);
}
