/* SPDX-License-Identifier: MIT */
/*
 * The soft module's SYS.TDMR.INIT and PHYMEM.PAGE.RDMD, byte by byte where the PAMT is concerned, against
 * vectors that were confirmed on module 1.5.01's own handlers (ids T, P, X).
 */
#include "tests/unit/test_soft.h"

#define PAMT_4K 0x200000000ull
#define PAMT_2M 0x200800000ull
#define PAMT_1G 0x200804000ull

/* 2 GiB at 4 GiB with pages 3 and 4 reserved; the PAMTs full of junk, so that what gets written shows. */
static struct fake *with_two_gib(void)
{
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = {
        .base = 0x100000000,
        .size = 0x80000000,
        .pamt_4k_base = PAMT_4K,
        .pamt_4k_size = 0x800000,
        .pamt_2m_base = PAMT_2M,
        .pamt_2m_size = 0x4000,
        .pamt_1g_base = PAMT_1G,
        .pamt_1g_size = 0x1000,
        .reserved = {{0x3000, 0x2000}, {0x3FF000, 0x2000}, {0x40000000, 0x1000}},
    };
    put_tdmr(fake, 0, &info);
    memset(fake->ram + PAMT_4K, 0xEE, 0x805000);
    reach_ready(fake, 0, 0);
    return fake;
}

static void assert_bytes(const u8 *at, u8 value, u64 size)
{
    for (u64 i = 0; i < size; i++)
        assert_int_equal(at[i], value);
}

static const struct {
    const char *id;
    u64 rcx;
} bad_bases[] = {
    {"T1 4K-aligned only", 0x100001000},
    {"T2 inside the TDMR, not its base", 0x140000000},
    {"outside", 0x180000000},
    {"below", 0xC0000000},
    {"with shared KeyID", 0x100000000 | 1ull << 46},
    {"T3 bit 52", 0x100000000 | 1ull << 52},
};

static void tdmr_init_refuses_other_bases(void **state)
{
    (void)state;
    struct fake *fake = with_two_gib();
    for (u32 i = 0; i < ARRAY_COUNT(bad_bases); i++) {
        struct soft_regs out = run(fake, 0, 36, .rcx = bad_bases[i].rcx);
        assert_status(bad_bases[i].id, out.rax, 0xC000010000000001);
        assert_int_equal(out.rdx, 0);
    }
    fake_free(fake);
}

/* T7, T8: exactly 1024 entries of level 4K, one line of level 2M, nothing of level 1G. */
static void tdmr_init_first_step(void **state)
{
    (void)state;
    struct fake *fake = with_two_gib();
    struct soft_regs out = run(fake, 0, 36, .rcx = 0x100000000);
    assert_status("first call", out.rax, 0);
    assert_int_equal(out.rdx, 0x100000000);
    for (u32 i = 0; i < 1024; i++) {
        const u8 *entry = fake->ram + PAMT_4K + 16 * i;
        bool reserved = i == 3 || i == 4 || i == 1023;
        assert_bytes(entry, 0, 2);
        assert_int_equal(entry[2], reserved ? 1 : 0);
        assert_bytes(entry + 3, 0, 13);
    }
    assert_bytes(fake->ram + PAMT_4K + 16 * 1024, 0xEE, 16 * 1024);
    assert_bytes(fake->ram + PAMT_2M, 0, 64);
    assert_bytes(fake->ram + PAMT_2M + 64, 0xEE, 0x1000);
    assert_bytes(fake->ram + PAMT_1G, 0xEE, 0x1000);
    run(fake, 1, 36, .rcx = 0x100000000);
    assert_int_equal(fake->ram[PAMT_4K + 16 * 1024 + 2],
                     1); /* the second area reaches into the second step */
    assert_int_equal(fake->ram[PAMT_4K + 16 * 1025 + 2], 0);
    assert_bytes(fake->ram + PAMT_2M + 64, 0xEE, 64); /* two more entries, in the line that is zero already */
    run(fake, 1, 36, .rcx = 0x100000000);
    assert_bytes(fake->ram + PAMT_2M + 64, 0, 64);
    fake_free(fake);
}

/* T5, T6, T9, T13, T14, T16 and the rule that a GiB becomes usable all at once */
static void tdmr_init_gib_by_gib(void **state)
{
    (void)state;
    struct fake *fake = with_two_gib();
    assert_status("T13", run(fake, 0, 24, .rcx = 0x100000000).rax, 0xC000010100000001);
    for (u32 i = 1; i <= 512; i++) {
        struct soft_regs out = run(fake, i % 4, 36, .rcx = 0x100000000);
        assert_status("step", out.rax, 0);
        assert_int_equal(out.rdx, i < 256 ? 0x100000000 : i < 512 ? 0x140000000 : 0x180000000);
        assert_status("first GiB", run(fake, 0, 24, .rcx = 0x13FFFF000).rax,
                      i < 256 ? 0xC000010100000001 : 0);
        assert_status("second GiB", run(fake, 0, 24, .rcx = 0x140001000).rax,
                      i < 512 ? 0xC000010100000001 : 0);
        assert_bytes(fake->ram + PAMT_1G, i < 256 ? 0xEE : 0, 64);
    }
    struct soft_regs out = run(fake, 0, 36, .rcx = 0x100000000);
    assert_status("T6", out.rax, 0x00000A0300000000);
    assert_int_equal(out.rdx, 0);
    assert_bytes(fake->ram + PAMT_1G + 64, 0xEE, 0x1000 - 64);
    assert_bytes(fake->ram + PAMT_2M, 0, 0x4000);
    fake_free(fake);
}

static void hook_same_tdmr(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 1, 36, .rcx = 0x100000000);
}

static void hook_rdmd(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 1, 24, .rcx = 0x100000000);
}

/* T4 and S4, S5: the same TDMR excludes, another one doesn't; RDMDs don't exclude one another. */
static void tdmr_init_in_parallel(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 1, &info);
    info.base = 0x40000000;
    info.pamt_4k_base = 0x210000000;
    info.pamt_2m_base = 0x210400000;
    info.pamt_1g_base = 0x210402000;
    info.reserved[0] = (struct tdx_reserved_area){0x3C000000, 0x4000000};
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("CONFIG", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 2, .r8 = 32).rax, 0);
    run(fake, 0, 31);
    run(fake, 2, 31);
    fake->hook = hook_same_tdmr;
    fake->hook_map = PAMT_4K;
    assert_status("T4 first", run(fake, 0, 36, .rcx = 0x100000000).rax, 0);
    assert_status("T4 second", fake->hook_regs.rax, 0x8000020000000001);
    assert_int_equal(fake->hook_regs.rdx, 0);
    fake->hook = hook_same_tdmr;
    fake->hook_map = 0x210000000;
    assert_status("S4 another TDMR", run(fake, 0, 36, .rcx = 0x40000000).rax, 0);
    assert_status("S4", fake->hook_regs.rax, 0);
    assert_int_equal(fake->module->tdmrs[1].initialised, 0x100800000);
    for (u32 i = 2; i < 256; i++)
        run(fake, i % 4, 36, .rcx = 0x100000000);
    fake->hook = hook_rdmd;
    fake->hook_map = PAMT_4K;
    assert_status("two RDMDs", run(fake, 0, 24, .rcx = 0x100000000).rax, 0);
    assert_status("two RDMDs", fake->hook_regs.rax, 0);
    fake_free(fake);
}

/* A CMR that promises more memory than there is */
static void tdmr_init_without_memory_is_fatal(void **state)
{
    (void)state;
    struct fake *fake = with_two_gib();
    fake->module->tdmrs[0].pamt[TDX_PAMT_2M].base = RAM_BYTES;
    test_log_clear();
    assert_status("no PAMT", run(fake, 0, 36, .rcx = 0x100000000).rax, FATAL);
    assert_logged("the PAMT lies where there is no memory");
    fake->module->tdmrs[0].pamt[TDX_PAMT_2M].base = PAMT_2M;
    fake_free(fake);
}

/* ---- RDMD ---- */

static void put_entry(struct fake *fake, u64 at, u8 type, u64 owner, u64 bepoch)
{
    put_u64(fake, at, (u64)type << 16 | (owner >> 12) << 24);
    put_u64(fake, at + 8, bepoch);
}

static void rdmd_rows(void **state)
{
    (void)state;
    struct fake *fake = with_two_gib();
    initialise_tdmr(fake, 0x100000000, 0x80000000);
    /* TDs aren't modelled yet: the pages that the vectors expect are written into the PAMT by hand. */
    put_entry(fake, PAMT_4K + 16 * 0x100, 4, 0, 7);
    put_entry(fake, PAMT_4K + 16 * 0x200, 5, 0x100100000, 7);
    put_entry(fake, PAMT_4K + 16 * 0x300, 6, 0x100100000, 7);
    put_entry(fake, PAMT_4K + 16 * 0x500, 3, 0x100100000, 7);
    put_entry(fake, PAMT_4K + 16 * 0x400, 8, 0x3FFFFFFFF000, 0xFEDCBA9876543210);
    put_entry(fake, PAMT_4K + 16 * 0x501, 0, 0x100100000, 7);
    put_entry(fake, PAMT_2M + 16 * 4, 3, 0x100100000, 9);
    put_entry(fake, PAMT_1G + 16 * 1, 3, 0x100100000, 11);
    static const struct {
        const char *id;
        u64 rcx, rax, type, owner, level, bepoch;
    } rows[] = {
        {"P1 unaligned", 0x100100001, 0xC000010000000001, 0, 0, 0, 0},
        {"P2 with KeyID", 0x100100000 | 1ull << 46, 0xC000010000000001, 0, 0, 0, 0},
        {"bit 52", 0x100100000 | 1ull << 52, 0xC000010000000001, 0, 0, 0, 0},
        {"P3 outside", 0x180000000, 0xC000010100000001, 0, 0, 0, 0},
        {"below", 0xFFFFF000, 0xC000010100000001, 0, 0, 0, 0},
        {"P4 free", 0x100000000, 0, 0, 0, 0, 0},
        {"T10 reserved", 0x100003000, 0, 1, 0, 0, 0},
        {"P5 TDR", 0x100100000, 0, 4, 0, 0, 0},
        {"P6 TDCX", 0x100200000, 0, 5, 0x100100000, 0, 0},
        {"P7 TDVPR", 0x100300000, 0, 6, 0x100100000, 0, 0},
        {"P8 EPT", 0x100400000, 0, 8, 0x3FFFFFFFF000, 0, 0xFEDCBA9876543210},
        {"P9 TD page", 0x100500000, 0, 3, 0x100100000, 0, 7},
        {"H23 stale owner of a freed page", 0x100501000, 0, 0, 0x100100000, 0, 0},
        {"U7 inside a 2M page", 0x100805000, 0, 3, 0x100100000, 1, 9},
        {"before it", 0x1007FF000, 0, 0, 0, 0, 0},
        {"behind it", 0x100A00000, 0, 0, 0, 0, 0},
        {"inside a 1G page", 0x17FFFF000, 0, 3, 0x100100000, 2, 11},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct soft_regs out = run(fake, 0, 24, .rcx = rows[i].rcx);
        assert_status(rows[i].id, out.rax, rows[i].rax);
        assert_status(rows[i].id, out.rcx, rows[i].type);
        assert_status(rows[i].id, out.rdx, rows[i].owner);
        assert_status(rows[i].id, out.r8, rows[i].level);
        assert_status(rows[i].id, out.r9, rows[i].bepoch);
        assert_true(out.r10 == 0 && out.r11 == 0);
    }
    fake_free(fake);
}

/* X7 and the other levels: an entry held exclusively by somebody else; every lock is given back. */
static void rdmd_while_locked(void **state)
{
    (void)state;
    static const u64 entries[] = {PAMT_1G, PAMT_2M, PAMT_4K};
    struct fake *fake = with_two_gib();
    initialise_tdmr(fake, 0x100000000, 0x80000000);
    for (u32 i = 0; i < ARRAY_COUNT(entries); i++) {
        fake->ram[entries[i]] = 1; /* lock word: exclusive */
        struct soft_regs out = run(fake, 0, 24, .rcx = 0x100000000);
        assert_status("X7", out.rax, 0x8000020000000001);
        assert_true(out.rcx == 0 && out.rdx == 0 && out.r8 == 0);
        fake->ram[entries[i]] = 8; /* two shared holders */
        assert_status("shared", run(fake, 0, 24, .rcx = 0x100000000).rax, 0);
        assert_int_equal(fake->ram[entries[i]], 8);
        fake->ram[entries[i]] = 0;
        for (u32 j = 0; j < ARRAY_COUNT(entries); j++)
            assert_int_equal(get_u64(fake, entries[j]), 0);
    }
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tdmr_init_refuses_other_bases),
        cmocka_unit_test(tdmr_init_first_step),
        cmocka_unit_test(tdmr_init_gib_by_gib),
        cmocka_unit_test(tdmr_init_in_parallel),
        cmocka_unit_test(tdmr_init_without_memory_is_fatal),
        cmocka_unit_test(rdmd_rows),
        cmocka_unit_test(rdmd_while_locked),
    };
    return cmocka_run_group_tests_name("soft_pamt", tests, NULL, NULL);
}
