/* SPDX-License-Identifier: MIT */
/*
 * The soft module's SYS.CONFIG and SYS.KEY.CONFIG against vectors that were confirmed on module 1.5.01's own
 * handlers (ids C, K, O): the rules for TDMRs, reserved areas and PAMTs in their order, then the add-on
 * features of version 1.
 */
#include "tests/unit/test_soft.h"

/* ---- TDMR rules ---- */

enum change_of { END_OF_CHANGES, BASE, SIZE, P4, S4, P2, S2, P1, S1, RSV_OFFSET, RSV_SIZE, POINTER };
struct change {
    enum change_of what;
    u32 tdmr, slot;
    u64 value;
};

/* Deviations of TDMR_INFOs from the template; the TDMRs T1 that the vectors use follow the template's PAMTs.
 */
#define NEXT_PAMTS(t, p4, p2, p1)                                                                            \
    {P4, t, 0, p4}, {P2, t, 0, p2},                                                                          \
    {                                                                                                        \
        P1, t, 0, p1                                                                                         \
    }
#define T1_OK {BASE, 1, 0, 0x140000000}, NEXT_PAMTS(1, 0x200403000, 0x200803000, 0x200805000)
#define RSV(t, slot, offset, size)                                                                           \
    {RSV_OFFSET, t, slot, offset},                                                                           \
    {                                                                                                        \
        RSV_SIZE, t, slot, size                                                                              \
    }

static const struct {
    const char *id;
    u32 count;
    struct change changes[34];
    u64 expected;
} tdmr_rows[] = {
    {"C12 template", 1, {{0}}, 0},
    {"two TDMRs", 2, {T1_OK}, 0},
    {"C10 TDMR_INFO in SEAMRR", 1, {{POINTER, 0, 0, 0x7C000000}}, 0xC000010000000001},
    {"C11 TDMR_INFO unaligned", 1, {{POINTER, 0, 0, TDMR_INFO + 0x100}}, 0xC000010000000001},
    {"TDMR_INFO with private KeyID", 1, {{POINTER, 0, 0, TDMR_INFO | 32ull << 46}}, 0xC000010000000001},
    {"C13 base + size overflows",
     1,
     {{BASE, 0, 0, 0xFFFFFFFFC0000000}, {SIZE, 0, 0, 0x80000000}},
     0xC0000A0000000000},
    {"C14 size 0", 1, {{SIZE, 0, 0, 0}}, 0xC0000A0000000000},
    {"C15 base 4K-aligned only", 1, {{BASE, 0, 0, 0x100001000}}, 0xC0000A0000000000},
    {"C16 size 1 GiB + 4K", 1, {{SIZE, 0, 0, 0x40001000}}, 0xC0000A0000000000},
    {"C17 base with KeyID", 1, {{BASE, 0, 0, 0x400000000000}}, 0xC0000A0000000000},
    {"C18 end in the KeyID", 1, {{BASE, 0, 0, 0x3FFFC0000000}, {SIZE, 0, 0, 0x80000000}}, 0xC0000A0000000000},
    {"C19 base at bit 52", 1, {{BASE, 0, 0, 1ull << 52}}, 0xC0000A0000000000},
    {"C20 lower than the first",
     2,
     {{BASE, 0, 0, 0x140000000}, NEXT_PAMTS(0, 0x200403000, 0x200803000, 0x200805000)},
     0xC0000A0100000001},
    {"C21 same base", 2, {NEXT_PAMTS(1, 0x200403000, 0x200800000, 0x200802000)}, 0xC0000A0100000001},
    {"C22 inside the first",
     2,
     {{SIZE, 0, 0, 0x80000000},
      {S4, 0, 0, 0x800000},
      {P2, 0, 0, 0x200800000},
      {S2, 0, 0, 0x4000},
      {P1, 0, 0, 0x200804000},
      {BASE, 1, 0, 0x140000000},
      NEXT_PAMTS(1, 0x210000000, 0x210400000, 0x210402000)},
     0xC0000A0100000001},
    {"C23 order before alignment", 2, {{BASE, 1, 0, 0x100001000}, {SIZE, 1, 0, 0x1000}}, 0xC0000A0100000001},
    {"overflow before order",
     2,
     {{BASE, 1, 0, 0xFFFFF000}, {SIZE, 1, 0, 0xFFFFFFFFFFFFF000}},
     0xC0000A0000000001},

    {"C24 null, then used", 1, {RSV(0, 0, 0, 0), RSV(0, 1, 0x1000, 0x1000)}, 0xC0000A2100000000},
    {"null in the middle", 1, {RSV(0, 0, 0, 0x1000), RSV(0, 2, 0x2000, 0x1000)}, 0xC0000A2100000100},
    {"null offset may be anything", 1, {RSV(0, 0, 0x123, 0)}, 0},
    {"C25 descending", 1, {RSV(0, 0, 0x4000, 0x1000), RSV(0, 1, 0x1000, 0x1000)}, 0xC0000A2100000100},
    {"C26 overlapping", 1, {RSV(0, 0, 0x1000, 0x2000), RSV(0, 1, 0x2000, 0x1000)}, 0xC0000A2100000100},
    {"touching", 1, {RSV(0, 0, 0x1000, 0x1000), RSV(0, 1, 0x2000, 0x1000)}, 0},
    {"C27 offset unaligned", 1, {RSV(0, 0, 0x1800, 0x1000)}, 0xC0000A2000000000},
    {"C28 size unaligned", 1, {RSV(0, 0, 0x1000, 0x800)}, 0xC0000A2000000000},
    {"C29 past the end", 1, {RSV(0, 0, 0x1000, 0x1000), RSV(0, 1, 0x3FFFF000, 0x2000)}, 0xC0000A2000000100},
    {"up to the end", 1, {RSV(0, 0, 0x3FFFF000, 0x1000)}, 0},
    {"C30 overflow", 1, {RSV(0, 0, 0xFFFFFFFFFFFFF000, 0x2000)}, 0xC0000A2000000000},
    {"C31 overflow before order",
     1,
     {RSV(0, 0, 0x4000, 0x1000), RSV(0, 1, 0xFFFFFFFFFFFFF000, 0x2000)},
     0xC0000A2000000100},
    {"order before alignment", 1, {RSV(0, 0, 0x4000, 0x1000), RSV(0, 1, 0x1800, 0x1000)}, 0xC0000A2100000100},
    {"C32 all 16 used",
     1,
     {RSV(0, 0, 0, 0x1000), RSV(0, 1, 0x2000, 0x1000), RSV(0, 2, 0x4000, 0x1000), RSV(0, 3, 0x6000, 0x1000),
      RSV(0, 4, 0x8000, 0x1000), RSV(0, 5, 0xA000, 0x1000), RSV(0, 6, 0xC000, 0x1000),
      RSV(0, 7, 0xE000, 0x1000), RSV(0, 8, 0x10000, 0x1000), RSV(0, 9, 0x12000, 0x1000),
      RSV(0, 10, 0x14000, 0x1000), RSV(0, 11, 0x16000, 0x1000), RSV(0, 12, 0x18000, 0x1000),
      RSV(0, 13, 0x1A000, 0x1000), RSV(0, 14, 0x1C000, 0x1000), RSV(0, 15, 0x1E000, 0x1000)},
     0},
    {"TDMR before its reserved areas",
     1,
     {{SIZE, 0, 0, 0x1000}, RSV(0, 0, 0x1800, 0x1000)},
     0xC0000A0000000000},
    {"reserved areas before PAMTs", 1, {RSV(0, 0, 0x1800, 0x1000), {S1, 0, 0, 0}}, 0xC0000A2000000000},
    {"second TDMR's reserved area", 2, {T1_OK, RSV(1, 0, 0x1800, 0x1000)}, 0xC0000A2000000001},

    {"C33 1G base unaligned", 1, {{P1, 0, 0, 0x200402800}}, 0xC0000A1000000200},
    {"C34 2M size unaligned", 1, {{S2, 0, 0, 0x2800}}, 0xC0000A1000000100},
    {"C35 4K too small", 1, {{S4, 0, 0, 0x3FF000}}, 0xC0000A1000000000},
    {"2M too small", 1, {{S2, 0, 0, 0x1000}}, 0xC0000A1000000100},
    {"C36 1G size 0", 1, {{S1, 0, 0, 0}}, 0xC0000A1000000200},
    {"C37 overflow", 1, {{P2, 0, 0, 0xFFFFFFFFFFFFF000}}, 0xC0000A1000000100},
    {"C38 4K with KeyID", 1, {{P4, 0, 0, 0x400200000000}}, 0xC0000A1000000000},
    {"4K end in the KeyID", 1, {{P4, 0, 0, 0x3FFFFFFFF000}}, 0xC0000A1000000000},
    {"1G before 2M before 4K", 1, {{S4, 0, 0, 0}, {S2, 0, 0, 0}, {S1, 0, 0, 0}}, 0xC0000A1000000200},
    {"2M before 4K", 1, {{S4, 0, 0, 0}, {S2, 0, 0, 0}}, 0xC0000A1000000100},
    {"C39 larger than needed", 1, {{P4, 0, 0, 0x210000000}, {S4, 0, 0, 0x800000}}, 0},

    {"C40 4K and 2M", 1, {{P2, 0, 0, 0x2003FF000}}, 0xC0000A1200000000},
    {"4K and 1G", 1, {{P1, 0, 0, 0x200000000}}, 0xC0000A1200000000},
    {"C41 2M and 1G", 1, {{P1, 0, 0, 0x200401000}}, 0xC0000A1200000100},
    {"C42 1G of 1 in 4K of 0",
     2,
     {{BASE, 1, 0, 0x140000000}, NEXT_PAMTS(1, 0x200403000, 0x200803000, 0x200000000)},
     0xC0000A1200000201},
    {"4K of 1 in 1G of 0",
     2,
     {{BASE, 1, 0, 0x140000000}, NEXT_PAMTS(1, 0x200402000, 0x200803000, 0x200805000)},
     0xC0000A1200000001},
    {"others before own",
     2,
     {{BASE, 1, 0, 0x140000000}, NEXT_PAMTS(1, 0x200403000, 0x200403000, 0x200000000)},
     0xC0000A1200000201},
    {"own second",
     2,
     {{BASE, 1, 0, 0x140000000}, NEXT_PAMTS(1, 0x200403000, 0x200403000, 0x200805000)},
     0xC0000A1200010001},
    {"C43 4K in its own TDMR", 1, {{P4, 0, 0, 0x100000000}}, 0xC0000A1200000000},
    {"2M in its own TDMR, last page", 1, {{P2, 0, 0, 0x13FFFF000}}, 0xC0000A1200000100},
    {"in its own TDMR, reserved", 1, {{P4, 0, 0, 0x100000000}, RSV(0, 0, 0, 0x400000)}, 0},
    {"one page short", 1, {{P4, 0, 0, 0x100000000}, RSV(0, 0, 0, 0x3FF000)}, 0xC0000A1200000000},
    {"over two touching reserved areas",
     1,
     {{P4, 0, 0, 0x100000000}, RSV(0, 0, 0, 0x200000), RSV(0, 1, 0x200000, 0x200000)},
     0},
    {"C44 2M of 1 in memory of 0",
     2,
     {{BASE, 1, 0, 0x140000000}, NEXT_PAMTS(1, 0x200403000, 0x100100000, 0x200805000)},
     0xC0000A1200000101},
    {"C45 4K of 0 in memory of 1", 2, {{P4, 0, 0, 0x140000000}, T1_OK}, 0xC0000A1200010000},
    {"1 in 0 before 0 in 1",
     2,
     {{P4, 0, 0, 0x140000000},
      {BASE, 1, 0, 0x140000000},
      NEXT_PAMTS(1, 0x200403000, 0x100100000, 0x200805000)},
     0xC0000A1200000101},
    {"0 in 1 before 1 in 1",
     2,
     {{P4, 0, 0, 0x140000000},
      {BASE, 1, 0, 0x140000000},
      NEXT_PAMTS(1, 0x200403000, 0x150000000, 0x200805000)},
     0xC0000A1200010000},
    {"C46 1G of 1 in reserved memory of 0",
     2,
     {RSV(0, 0, 0x100000, 0x1000),
      {BASE, 1, 0, 0x140000000},
      NEXT_PAMTS(1, 0x200403000, 0x200803000, 0x100100000)},
     0},

    {"C47 1G outside CMRs", 1, {{P1, 0, 0, 0x7FF00000}}, 0xC0000A1100000200},
    {"C48 4K outside CMRs", 1, {{P4, 0, 0, 0x600000000}}, 0xC0000A1100000000},
    {"C49 half outside", 1, {{P4, 0, 0, 0x4FFE00000}}, 0xC0000A1100000000},
    {"CMR check order 1G, 2M, 4K",
     1,
     {NEXT_PAMTS(0, 0x600000000, 0x610000000, 0x620000000)},
     0xC0000A1100000200},
    {"C50 1 MiB hole reserved", 1, {{BASE, 0, 0, 0}, RSV(0, 0, 0, 0x100000)}, 0},
    {"C51 1 MiB hole not reserved", 1, {{BASE, 0, 0, 0}}, 0xC0000A0200000000},
    {"one page of the hole left", 1, {{BASE, 0, 0, 0}, RSV(0, 0, 0, 0xFF000)}, 0xC0000A0200000000},
    {"memory's end not reserved", 1, {{BASE, 0, 0, 0x40000000}}, 0xC0000A0200000000},
    {"memory's end reserved", 1, {{BASE, 0, 0, 0x40000000}, RSV(0, 0, 0x3C000000, 0x4000000)}, 0},
    {"second TDMR", 2, {T1_OK, {BASE, 1, 0, 0x500000000}}, 0xC0000A0200000001},
    {"PAMT's CMR before memory's", 1, {{BASE, 0, 0, 0}, {P4, 0, 0, 0x600000000}}, 0xC0000A1100000000},
    {"O21 TDMR 0 before pointer 1", 2, {{SIZE, 0, 0, 0}, {POINTER, 1, 0, 1}}, 0xC0000A0000000000},
};

static void apply(struct fake *fake, struct tdx_tdmr_info *tdmrs, const struct change *change)
{
    for (; change->what != END_OF_CHANGES; change++) {
        struct tdx_tdmr_info *tdmr = &tdmrs[change->tdmr];
        u64 *const places[] = {
            [BASE] = &tdmr->base,
            [SIZE] = &tdmr->size,
            [P4] = &tdmr->pamt_4k_base,
            [S4] = &tdmr->pamt_4k_size,
            [P2] = &tdmr->pamt_2m_base,
            [S2] = &tdmr->pamt_2m_size,
            [P1] = &tdmr->pamt_1g_base,
            [S1] = &tdmr->pamt_1g_size,
            [RSV_OFFSET] = &tdmr->reserved[change->slot].offset,
            [RSV_SIZE] = &tdmr->reserved[change->slot].size,
        };
        if (change->what != POINTER)
            *places[change->what] = change->value;
    }
    for (u32 i = 0; i < 2; i++)
        put_tdmr(fake, i, &tdmrs[i]);
}

static void apply_pointers(struct fake *fake, const struct change *change)
{
    for (; change->what != END_OF_CHANGES; change++)
        if (change->what == POINTER)
            put_u64(fake, TDMR_ARRAY + 8 * change->tdmr, change->value);
}

static void sys_config_tdmr_rules(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    for (u32 i = 0; i < ARRAY_COUNT(tdmr_rows); i++) {
        struct tdx_tdmr_info tdmrs[2] = {template_tdmr(), template_tdmr()};
        fake_reset(fake);
        reach_init_done(fake);
        apply(fake, tdmrs, tdmr_rows[i].changes);
        apply_pointers(fake, tdmr_rows[i].changes);
        u32 owner_calls = fake->owner_calls;
        u64 status = run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = tdmr_rows[i].count, .r8 = 32).rax;
        assert_status(tdmr_rows[i].id, status, tdmr_rows[i].expected);
        assert_int_equal(soft_state(fake->module), status == 0 ? SOFT_CONFIG_DONE : SOFT_INIT_DONE);
        assert_int_equal(fake->owner_calls - owner_calls, status == 0 ? 3 * tdmr_rows[i].count : 0);
    }
    fake_free(fake);
}

/* 64 TDMRs of one GiB each, and CMRs that only together cover them */
static void sys_config_many_tdmrs(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    fake->machine.cmrs[1] = (struct tdx_cmr){0x100000000, 0x80000000};
    fake->machine.cmrs[2] = (struct tdx_cmr){0, 0};
    fake->machine.cmrs[3] = (struct tdx_cmr){0x180000000, 0x1200000000};
    fake_reset(fake);
    reach_init_done(fake);
    for (u32 i = 0; i < 64; i++) {
        struct tdx_tdmr_info info = template_tdmr();
        info.base = 0x1C0000000 + i * GIB;
        info.pamt_4k_base = 0x120000000 + i * 0x403000ull;
        info.pamt_2m_base = info.pamt_4k_base + 0x400000;
        info.pamt_1g_base = info.pamt_4k_base + 0x402000;
        put_tdmr(fake, i, &info);
    }
    assert_status("65", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 65, .r8 = 32).rax, 0xC000010000000002);
    assert_status("64", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 64, .r8 = 32).rax, 0);
    assert_int_equal(soft_page_owner(fake->module, 0x120000000 + 63 * 0x403000ull), SOFT_OWNER_PAMT);
    fake_free(fake);
}

/* ---- operands and state ---- */

static const struct {
    const char *id;
    u64 rcx, rdx, r8, expected;
} operand_rows[] = {
    {"C3 RCX unaligned", TDMR_ARRAY + 0x100, 1, 32, 0xC000010000000001},
    {"C4 RCX with private KeyID", TDMR_ARRAY | 32ull << 46, 1, 32, 0xC000010000000001},
    {"C5 RCX bit 52", TDMR_ARRAY | 1ull << 52, 1, 32, 0xC000010000000001},
    {"RCX in SEAMRR", 0x7DFFFE00, 1, 32, 0xC000010000000001},
    {"C6 count 0", TDMR_ARRAY, 0, 32, 0xC000010000000002},
    {"C7 count 65", TDMR_ARRAY, 65, 32, 0xC000010000000002},
    {"count 2^32 + 1", TDMR_ARRAY, 0x100000001, 32, 0xC000010000000002},
    {"C8 KeyID 31", TDMR_ARRAY, 1, 31, 0xC000010000000008},
    {"C9 KeyID 64", TDMR_ARRAY, 1, 64, 0xC000010000000008},
    {"KeyID 0", TDMR_ARRAY, 1, 0, 0xC000010000000008},
    {"R8 bit 16: no Dynamic PAMT", TDMR_ARRAY, 1, 32 | 1 << 16, 0xC000010000000008},
    {"R8 bit 63", TDMR_ARRAY, 1, 32 | 1ull << 63, 0xC000010000000008},
    {"O7 RCX before RDX before R8", 1, 0, 1, 0xC000010000000001},
    {"RDX before R8", TDMR_ARRAY, 0, 1, 0xC000010000000002},
    {"R8 before the TDMRs", TDMR_ARRAY, 2, 1, 0xC000010000000008},
};

static void sys_config_operands(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_status("C1 before SYS.INIT", run(fake, 0, 45, .rcx = 1).rax, 0xC000050C00000000);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    for (u32 lp = 0; lp < 3; lp++)
        run(fake, lp, 35);
    assert_status("C2 one LP missing", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32).rax,
                  0xC000050C00000000);
    run(fake, 3, 35);
    for (u32 i = 0; i < ARRAY_COUNT(operand_rows); i++) {
        u64 status =
            run(fake, 0, 45, .rcx = operand_rows[i].rcx, .rdx = operand_rows[i].rdx, .r8 = operand_rows[i].r8)
                .rax;
        assert_status(operand_rows[i].id, status, operand_rows[i].expected);
        assert_int_equal(fake->module->kot[32], SOFT_KOT_FREE);
    }
    assert_status("KeyID 63 and O22 shared KeyID in RCX",
                  run(fake, 0, 45, .rcx = TDMR_ARRAY | 31ull << 46, .rdx = 1, .r8 = 63).rax, 0);
    assert_status("twice", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32).rax, 0xC000050C00000000);
    fake_free(fake);
}

/* C53, C54, C55: a failed call leaves its KeyID reserved, everything else as it was. */
static void sys_config_keeps_the_keyid(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    reach_init_done(fake);
    info.size = 0;
    put_tdmr(fake, 0, &info);
    assert_status("C53", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 33).rax, 0xC0000A0000000000);
    assert_int_equal(fake->module->kot[33], SOFT_KOT_RESERVED);
    assert_int_equal(fake->owner_calls, 0);
    assert_int_equal(soft_page_owner(fake->module, 0x200000000), SOFT_OWNER_HOST);
    info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_status("C53 retry", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32).rax, 0);
    assert_int_equal(fake->module->kot[33], SOFT_KOT_RESERVED); /* C54 */
    assert_int_equal(fake->module->kot[32], SOFT_KOT_RESERVED);
    assert_int_equal(fake->module->kot[34], SOFT_KOT_FREE);
    fake_free(fake);
}

/* PAMT memory is the module's from SYS.CONFIG's success on, and reported once, area by area. */
static void sys_config_takes_the_pamts(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    info.reserved[0] = (struct tdx_reserved_area){0x3000, 0x2000};
    put_tdmr(fake, 0, &info);
    reach_config_done(fake, 0, 0);
    assert_int_equal(fake->owner_calls, 3);
    u64 taken = 0;
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++) {
        bool pamt = page >= 0x200000 && page < 0x200403;
        assert_int_equal(fake->owner[page], pamt ? SOFT_OWNER_PAMT : SOFT_OWNER_HOST);
        taken += pamt;
    }
    assert_int_equal(taken, 0x403);
    assert_int_equal(soft_page_owner(fake->module, 0x1FFFFF000), SOFT_OWNER_HOST);
    assert_int_equal(soft_page_owner(fake->module, 0x200000000), SOFT_OWNER_PAMT);
    assert_int_equal(soft_page_owner(fake->module, 0x200402FFF), SOFT_OWNER_PAMT);
    assert_int_equal(soft_page_owner(fake->module, 0x200403000), SOFT_OWNER_HOST);
    assert_false(soft_page_in_reserved_area(fake->module, 0x100002000));
    assert_true(soft_page_in_reserved_area(fake->module, 0x100003000));
    assert_true(soft_page_in_reserved_area(fake->module, 0x100004000));
    assert_false(soft_page_in_reserved_area(fake->module, 0x100005000));
    fake_reset(fake);
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    fake_free(fake);
}

static void hook_config(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32);
}

static void hook_lp_init(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 2, 35);
}

static void sys_config_excludes_others(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    for (u32 lp = 0; lp < 3; lp++)
        run(fake, lp, 35);
    fake->hook = hook_config;
    assert_status("LP.INIT", run(fake, 3, 35).rax, 0);
    assert_status("C57 CONFIG during LP.INIT", fake->hook_regs.rax, 0x8000020200000000);
    fake->hook = hook_lp_init;
    fake->hook_map = TDMR_INFO;
    assert_status("CONFIG", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32).rax, 0);
    assert_status("L5 LP.INIT during CONFIG", fake->hook_regs.rax, 0x8000020200000000);
    assert_true(fake->hook_regs.rcx == 0 && fake->hook_regs.rdx == 0 && fake->hook_regs.r8 == 0);
    fake_free(fake);
}

/* ---- version 1: add-on features ---- */

static const struct {
    const char *id;
    u32 version;
    u64 r9, r10, r11, expected;
} feature_rows[] = {
    {"version 2", 2, 0, 0, 0, 0xC000010000000000},
    {"R9 bit that features0 lacks", 1, 1ull << 6, 0, 0, 0xC000010000000009},
    {"R9 bit 63", 1, 1ull << 63 | 1ull << 50, 0, 0, 0xC000010000000009},
    {"R10", 1, 1ull << 50, 1, 0, 0xC00001000000000A},
    {"R9 before R10", 1, 1ull << 6, 1, 0, 0xC000010000000009},
    {"R11", 1, 1ull << 50, 0, 1, 0xC00001000000000B},
};

static void sys_config_features(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_true(soft_knob_set(&fake->knobs, "config_r11_reserved=1"));
    fake_reset(fake);
    reach_init_done(fake);
    for (u32 i = 0; i < ARRAY_COUNT(feature_rows); i++) {
        u64 status = run(fake, 0, 45 | feature_rows[i].version << 16, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32,
                         .r9 = feature_rows[i].r9, .r10 = feature_rows[i].r10, .r11 = feature_rows[i].r11)
                         .rax;
        assert_status(feature_rows[i].id, status, feature_rows[i].expected);
        assert_int_equal(fake->module->kot[32], SOFT_KOT_FREE);
    }
    assert_status("R8 before R9",
                  run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 1, .r9 = 1 << 6).rax,
                  0xC000010000000008);
    fake_free(fake);
}

/* What the pool must hold: R9 in features0, feature by feature; EXT itself (bit 39) asks for nothing. */
static void sys_config_demand(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        u32 version;
        u64 r9;
        const char *knob;
        u64 pages, required;
    } rows[] = {
        {"version 0 doesn't look at R9", 0, 1ull << 50, NULL, 0, 0},
        {"nothing asked for", 1, 0, NULL, 0, 0},
        {"EXT alone", 1, 1ull << 39, NULL, 0, 0},
        {"quoting", 1, 1ull << 50, NULL, 12800, 1},
        {"quoting and EXT", 1, 1ull << 50 | 1ull << 39, NULL, 12800, 1},
        {"migration", 1, 1, NULL, 9000, 1},
        {"quoting and migration", 1, 1ull << 50 | 1, NULL, 21800, 1},
        {"a feature that needs no pool", 1, 1 << 18, NULL, 0, 0},
        {"TDX Connect", 1, 1 << 6, "features0=0x40080001F0FFF", 8960, 1},
        {"all three", 1, 1ull << 50 | 1 << 6 | 1, "features0=0x40080001F0FFF", 30760, 1},
        {"needed, but no pages", 1, 1ull << 50, "quote_pages=0", 0, 1},
        {"1 page", 1, 1ull << 50, "quote_pages=1", 1, 1},
        {"511", 1, 1ull << 50, "quote_pages=511", 511, 1},
        {"512", 1, 1ull << 50, "quote_pages=512", 512, 1},
        {"513", 1, 1ull << 50, "quote_pages=513", 513, 1},
        {"65,535", 1, 1ull << 50, "quote_pages=65535", 65535, 1},
        {"65,536", 1, 1ull << 50, "quote_pages=65536", 65536, 1},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = fake_new("ext");
        struct tdx_tdmr_info info = template_tdmr();
        put_tdmr(fake, 0, &info);
        assert_true(!rows[i].knob || soft_knob_set(&fake->knobs, rows[i].knob));
        fake_reset(fake);
        reach_config_done(fake, rows[i].version, rows[i].r9);
        assert_status(rows[i].id, run(fake, 0, 34, .rdx = 0x3100000200000000).r8, rows[i].pages);
        assert_status(rows[i].id, run(fake, 0, 34, .rdx = 0x3100000000000001).r8, rows[i].required);
        fake_free(fake);
    }
}

/* ---- SYS.KEY.CONFIG ---- */

static void hook_key_config(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 2, 31);
}

static void key_config_sequence(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("K1", run(fake, 0, 31).rax, 0xC000050700000000);
    assert_status("CONFIG", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 40).rax, 0);
    fake->pconfig = SOFT_PCONFIG_BUSY;
    assert_status("K2", run(fake, 0, 31).rax, 0x80000200000000BB);
    fake->pconfig = SOFT_PCONFIG_NO_ENTROPY;
    assert_status("K3", run(fake, 0, 31).rax, 0x8000080000000000);
    assert_int_equal(fake->pconfig_lps, 0);
    fake->pconfig = SOFT_PCONFIG_OK;
    fake->hook = hook_key_config;
    assert_status("K4", run(fake, 0, 31).rax, 0);
    assert_status("K6 the other package meanwhile", fake->hook_regs.rax, 0x8000020200000000);
    assert_int_equal(fake->pconfig_hkid, 40);
    assert_int_equal(fake->pconfig_lps, 1);
    assert_status("K5", run(fake, 1, 31).rax, 0x0000081500000000);
    assert_status("K7", run(fake, 0, 36, .rcx = 0x100000000).rax, 0xC000050500000000);
    assert_status("K8", run(fake, 2, 31).rax, 0);
    assert_int_equal(soft_state(fake->module), SOFT_READY);
    assert_status("K9", run(fake, 3, 31).rax, 0xC000050700000000);
    fake_free(fake);
}

static void key_config_unknown_result_is_fatal(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_config_done(fake, 0, 0);
    fake->pconfig = 3;
    assert_status("PCONFIG 3", run(fake, 0, 31).rax, FATAL);
    assert_status("for good", run(fake, 2, 31).rax, FATAL);
    assert_true(soft_is_fatal(fake->module));
    fake_reset(fake);
    assert_false(soft_is_fatal(fake->module));
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sys_config_tdmr_rules),      cmocka_unit_test(sys_config_many_tdmrs),
        cmocka_unit_test(sys_config_operands),        cmocka_unit_test(sys_config_keeps_the_keyid),
        cmocka_unit_test(sys_config_takes_the_pamts), cmocka_unit_test(sys_config_excludes_others),
        cmocka_unit_test(sys_config_features),        cmocka_unit_test(sys_config_demand),
        cmocka_unit_test(key_config_sequence),        cmocka_unit_test(key_config_unknown_result_is_fatal),
    };
    return cmocka_run_group_tests_name("soft_config", tests, NULL, NULL);
}
