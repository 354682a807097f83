/* SPDX-License-Identifier: MIT */
/*
 * The soft module's TDs, from MNG.CREATE to the TDR's reclamation, against vectors that were confirmed on
 * module 1.5.01's own handlers (ids M, H, C, K, O, S, T).
 */
#include "tests/unit/soft_td.h"

static const struct patch no_entropy[] = {{ENTROPY_FAILS, 0, 0, 0}, {NOTHING_MORE, 0, 0, 0}};
static const struct patch nothing[] = {{NOTHING_MORE, 0, 0, 0}};

/* ---- MNG.CREATE ---- */

static const struct {
    const char *id;
    u64 rcx, rdx, rax;
} bad_creates[] = {
    {"M1 shared KeyID", TDR, 31, 0xC000010000000002},
    {"KeyID behind the last", TDR, 64, 0xC000010000000002},
    {"RDX bit 16", TDR, 1u << 16 | 33, 0xC000010000000002},
    {"RDX bit 63", TDR, 1ull << 63 | 33, 0xC000010000000002},
    {"M2 KeyID and TDR bad: KeyID first", 5, 0x1F, 0xC000010000000002},
    {"M3 unaligned", TDR + 1, 33, 0xC000010000000001},
    {"with KeyID", TDR | 33ull << 46, 33, 0xC000010000000001},
    {"bit 52", TDR | 1ull << 52, 33, 0xC000010000000001},
    {"M4 outside TDMRs", 0x180000000, 33, 0xC000010100000001},
    {"the module's own KeyID", TDR, MODULE_HKID, 0xC000082000000000},
};

static void create_refuses(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    fake->ram[TDR] = 0x77;
    for (u32 i = 0; i < ARRAY_COUNT(bad_creates); i++) {
        assert_status(bad_creates[i].id,
                      run(fake, 0, 9, .rcx = bad_creates[i].rcx, .rdx = bad_creates[i].rdx).rax,
                      bad_creates[i].rax);
        assert_int_equal(fake->owner[TDR / PAGE_SIZE], SOFT_OWNER_HOST);
        assert_int_equal(fake->ram[TDR], 0x77);
    }
    assert_int_equal(fake->module->kot[33], SOFT_KOT_FREE);
    fake_free(fake);
}

/* M5 to M9: locks, entropy, what is used already */
static void create_sequence(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    fake->module->kot_lock = 1;
    assert_status("M5", run_locked(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0x80000200000000BA);
    fake->module->kot_lock = SOFT_EXCLUSIVE;
    assert_status("exclusive", run_locked(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0x80000200000000BA);
    fake->module->kot_lock = 0;
    pamt_entry(fake, TDR)->lock = 4;
    assert_status("page shared", run_locked(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0x8000020000000001);
    pamt_entry(fake, TDR)->lock = 0;
    memset(fake->ram + TDR, 0x77, PAGE_SIZE);
    fake_patch(fake, ALL_LPS, no_entropy);
    assert_status("M6", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0x8000020300000000);
    assert_int_equal(fake->module->kot[33], SOFT_KOT_FREE);
    assert_int_equal(pamt_entry(fake, TDR)->type, TDX_PAGE_NDA);
    assert_true(fake->ram[TDR] == 0 && fake->ram[TDR + 4095] == 0); /* but its contents are lost */
    assert_int_equal(fake->ram[TDR + 4096], 0);
    assert_int_equal(fake->owner[TDR / PAGE_SIZE], SOFT_OWNER_HOST);
    fake_patch(fake, ALL_LPS, nothing);
    assert_status("M7", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0);
    assert_int_equal(fake->module->kot[33], SOFT_KOT_ASSIGNED);
    assert_int_equal(fake->owner[TDR / PAGE_SIZE], SOFT_OWNER_CONTROL);
    assert_int_equal(soft_page_owner(fake->module, TDR), SOFT_OWNER_CONTROL);
    assert_int_equal(soft_page_owner(fake->module, TDR + PAGE_SIZE), SOFT_OWNER_HOST);
    assert_status("M8", run(fake, 0, 9, .rcx = TDR, .rdx = 34).rax, 0xC000030000000001);
    assert_status("M9", run(fake, 0, 9, .rcx = TDR + PAGE_SIZE, .rdx = 33).rax, 0xC000082000000000);
    struct soft_regs out = run(fake, 0, 24, .rcx = TDR);
    assert_status("P5", out.rax, 0);
    assert_true(out.rcx == 4 && out.rdx == 0 && out.r8 == 0 && out.r9 == 0);
    fake_reset(fake);
    assert_int_equal(fake->owner[TDR / PAGE_SIZE], SOFT_OWNER_HOST);
    fake_free(fake);
}

/* At most six attempts for four words */
static u32 random_calls, random_failures;
static bool scarce_random(void *context, u32 lp, u64 *value)
{
    (void)context;
    (void)lp;
    *value = 1;
    return random_calls++ >= random_failures;
}

static void create_tries_six_times(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    fake->module->platform.random = scarce_random;
    random_calls = 0;
    random_failures = 3;
    assert_status("three words in six", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0x8000020300000000);
    assert_int_equal(random_calls, 6);
    random_calls = 0;
    random_failures = 2;
    assert_status("four words in six", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0);
    assert_int_equal(random_calls, 6);
    fake_free(fake);
}

/* T11: reserved pages; M of the first GiB only */
static void create_wants_a_free_page(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    info.reserved[0] = (struct tdx_reserved_area){0x3000, 0x2000};
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 0, 0);
    assert_status("before TDMR.INIT", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0xC000010100000001);
    initialise_tdmr(fake, info.base, info.size);
    assert_status("T11", run(fake, 0, 9, .rcx = 0x100003000, .rdx = 33).rax, 0xC000030000000001);
    assert_status("beside it", run(fake, 0, 9, .rcx = 0x100005000, .rdx = 33).rax, 0);
    fake_free(fake);
}

/* C53, C54: a failed SYS.CONFIG keeps the KeyID that it was given. */
static void failed_config_keeps_the_keyid(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    info.size = 0;
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("C53", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 33).rax, 0xC0000A0000000000);
    info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_status("C53", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32).rax, 0);
    run(fake, 0, 31);
    run(fake, 2, 31);
    initialise_tdmr(fake, info.base, info.size);
    assert_status("C54", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0xC000082000000000);
    assert_status("another", run(fake, 0, 9, .rcx = TDR, .rdx = 34).rax, 0);
    fake_free(fake);
}

/* ---- MNG.KEY.CONFIG ---- */

static void key_config_sequence(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    assert_status("unaligned", run(fake, 0, 8, .rcx = TDR + 8).rax, 0xC000010000000001);
    assert_status("outside", run(fake, 0, 8, .rcx = 0x180000000).rax, 0xC000010100000001);
    assert_status("M12", run(fake, 0, 8, .rcx = TDR + PAGE_SIZE).rax, 0xC000030000000001);
    create_td(fake, TDR, TD_HKID);
    fake->pconfig = SOFT_PCONFIG_BUSY;
    assert_status("M13", run(fake, 0, 8, .rcx = TDR).rax, 0x80000200000000BB);
    fake->pconfig = SOFT_PCONFIG_NO_ENTROPY;
    assert_status("M14", run(fake, 0, 8, .rcx = TDR).rax, 0x8000080000000000);
    assert_int_equal(td_at(fake, TDR).packages, 0);
    fake->pconfig = SOFT_PCONFIG_OK;
    pamt_entry(fake, TDR)->lock = 4;
    assert_status("TDR shared", run_locked(fake, 0, 8, .rcx = TDR).rax, 0x8000020000000001);
    pamt_entry(fake, TDR)->lock = 0;
    fake->pconfig_lps = 0;
    assert_status("M15", run(fake, 0, 8, .rcx = TDR).rax, 0);
    assert_int_equal(fake->pconfig_hkid, TD_HKID);
    assert_status("M16", run(fake, 1, 8, .rcx = TDR).rax, 0x0000081500000000);
    assert_int_equal(td_at(fake, TDR).life, SOFT_HKID_ASSIGNED);
    assert_status("ADDCX too early", run(fake, 1, 1, .rcx = TDCX, .rdx = TDR).rax, 0x8000081000000000);
    assert_status("M17", run(fake, 3, 8, .rcx = TDR).rax, 0);
    assert_int_equal(td_at(fake, TDR).life, SOFT_KEYS_CONFIGURED);
    assert_status("M18", run(fake, 3, 8, .rcx = TDR).rax, 0xC000060700000000);
    assert_int_equal(fake->pconfig_lps, 1u << 0 | 1u << 3);
    fake->pconfig = 1;
    create_td(fake, TDR + PAGE_SIZE, 34);
    assert_status("PCONFIG gone mad", run(fake, 0, 8, .rcx = TDR + PAGE_SIZE).rax, FATAL);
    fake_free(fake);
}

/* No leaf that is modelled makes a TD fatal: the mark is set by hand. */
static void fatal_td(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    create_td(fake, TDR, TD_HKID);
    pamt_entry(fake, TDR)->bepoch |= 1u << 18;
    assert_status("KEY.CONFIG", run(fake, 0, 8, .rcx = TDR).rax, 0xE000060400000000);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = TDCX, .rdx = TDR).rax, 0xE000060400000000);
    assert_status("VPFLUSHDONE doesn't look", run(fake, 0, 19, .rcx = TDR).rax, 0);
    assert_status("life comes second", run(fake, 0, 8, .rcx = TDR).rax, 0xE000060400000000);
    assert_true(td_at(fake, TDR).fatal);
    write_back(fake);
    assert_status("nor does FREEID", run(fake, 0, 20, .rcx = TDR).rax, 0);
    assert_status("nor does RECLAIM", run(fake, 0, 28, .rcx = TDR).rax, 0);
    fake_free(fake);
}

/* ---- MNG.ADDCX ---- */

static void addcx_sequence(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    create_td(fake, TDR, TD_HKID);
    assert_status("M19 before the keys", run(fake, 0, 1, .rcx = TDCX, .rdx = TDR).rax, 0x8000081000000000);
    configure_td(fake, TDR);
    assert_status("RDX unaligned", run(fake, 0, 1, .rcx = TDCX, .rdx = TDR + 1).rax, 0xC000010000000002);
    assert_status("RDX outside", run(fake, 0, 1, .rcx = TDCX, .rdx = 0x180000000).rax, 0xC000010100000002);
    assert_status("M20", run(fake, 0, 1, .rcx = TDCX, .rdx = TDCX).rax, 0xC000030000000002);
    assert_status("RCX unaligned", run(fake, 0, 1, .rcx = TDCX + 8, .rdx = TDR).rax, 0xC000010000000001);
    assert_status("RCX outside", run(fake, 0, 1, .rcx = 0x180000000, .rdx = TDR).rax, 0xC000010100000001);
    assert_status("M19 RCX is the TDR", run(fake, 0, 1, .rcx = TDR, .rdx = TDR).rax, 0x8000020000000001);
    pamt_entry(fake, TDCX)->lock = 4;
    assert_status("RCX locked", run_locked(fake, 0, 1, .rcx = TDCX, .rdx = TDR).rax, 0x8000020000000001);
    pamt_entry(fake, TDCX)->lock = 0;
    memset(fake->ram + TDCX, 0x77, 10 * PAGE_SIZE);
    for (u64 i = 0; i < 5; i++)
        assert_status("ADDCX", run(fake, 0, 1, .rcx = TDCX + i * PAGE_SIZE, .rdx = TDR).rax, 0);
    assert_status("RCX used", run(fake, 0, 1, .rcx = TDCX, .rdx = TDR).rax, 0xC000030000000001);
    fake_patch(fake, ALL_LPS, no_entropy);
    assert_status("M22", run(fake, 0, 1, .rcx = TDCX + 5 * PAGE_SIZE, .rdx = TDR).rax, 0x8000020300000000);
    assert_int_equal(fake->ram[TDCX + 5 * PAGE_SIZE], 0); /* overwritten all the same */
    assert_int_equal(fake->owner[TDCX / PAGE_SIZE + 5], SOFT_OWNER_HOST);
    assert_int_equal(td_at(fake, TDR).children, 5);
    fake_patch(fake, ALL_LPS, nothing);
    assert_status("M23", run(fake, 0, 1, .rcx = TDCX + 5 * PAGE_SIZE, .rdx = TDR).rax, 0);
    for (u64 i = 0; i < 6; i++) { /* M24 */
        u64 wanted = i == 2 ? ~0ull : i == 3 ? 0x80E0000000000000 : 0;
        assert_int_equal(get_u64(fake, TDCX + i * PAGE_SIZE), wanted);
        assert_int_equal(get_u64(fake, TDCX + i * PAGE_SIZE + 4088), wanted);
    }
    struct soft_regs out = run(fake, 0, 24, .rcx = TDCX + PAGE_SIZE);
    assert_status("P6", out.rax, 0);
    assert_true(out.rcx == 5 && out.rdx == TDR && out.r8 == 0 && out.r9 == 0);
    for (u64 i = 6; i < 9; i++)
        assert_status("M25", run(fake, 0, 1, .rcx = TDCX + i * PAGE_SIZE, .rdx = TDR).rax, 0);
    assert_status("M27", run(fake, 0, 1, .rcx = TDCX + 9 * PAGE_SIZE, .rdx = TDR).rax, 0xC000061000000000);
    assert_status("M58: the count comes first", run(fake, 0, 1, .rcx = TDCX + 8, .rdx = TDR).rax,
                  0xC000061000000000);
    assert_int_equal(fake->ram[TDCX + 9 * PAGE_SIZE], 0x77);
    assert_int_equal(td_at(fake, TDR).children, 9);
    fake_reset(fake);
    assert_int_equal(fake->owner[TDCX / PAGE_SIZE + 8], SOFT_OWNER_HOST);
    fake_free(fake);
}

/* ---- teardown ---- */

static const struct {
    const char *id;
    u32 lp;
    u64 leaf, rcx, rax;
} teardown[] = {
    {"H2", 0, 40, 0, 0x0000082100000000},
    {"H3", 0, 40, 1, 0xC000082300000000},
    {"H8", 0, 20, TDR, 0xC000060700000000},
    {"reclaim of a live TD's page", 0, 28, TDCX, 0xC000060700000000},
    {"reclaim of a live TDR", 0, 28, TDR, 0xC000060700000000},
    {"VPFLUSHDONE of no TDR", 0, 19, TDCX, 0xC000030000000001},
    {"VPFLUSHDONE unaligned", 0, 19, TDR + 8, 0xC000010000000001},
    {"H9", 0, 19, TDR, 0},
    {"H10 twice", 0, 19, TDR, 0xC000060700000000},
    {"ADDCX of a blocked TD", 0, 1, TDCX + 6 * PAGE_SIZE, 0x8000081000000000},
    {"KEY.CONFIG of a blocked TD", 0, 8, TDR, 0xC000060700000000},
    {"FREEID of no TDR", 0, 20, TDCX, 0xC000030000000001},
    {"FREEID outside", 0, 20, 0x180000000, 0xC000010100000001},
    {"H11", 0, 20, TDR, 0x8000081700000000},
    {"still not", 0, 9, FREE, 0xC000082000000000},
    {"H16 package 0", 1, 40, 0, 0},
    {"H17", 0, 20, TDR, 0x8000081700000000},
    {"H18 package 1", 3, 40, 0, 0},
    {"H19", 0, 20, TDR, 0},
    {"H20", 0, 20, TDR, 0xC000060700000000},
    {"nothing flushed any more", 3, 40, 0, 0x0000082100000000},
    {"H21", 0, 28, TDR, 0xC000040000000000},
    {"VPFLUSHDONE in TEARDOWN", 0, 19, TDR, 0xC000060700000000},
};

static void teardown_sequence(void **state)
{
    (void)state;
    struct fake *fake = with_td();
    for (u32 i = 0; i < ARRAY_COUNT(teardown); i++)
        assert_status(teardown[i].id,
                      run(fake, teardown[i].lp, teardown[i].leaf, .rcx = teardown[i].rcx,
                          .rdx = teardown[i].leaf == 1 ? TDR : TD_HKID)
                          .rax,
                      teardown[i].rax);
    const u64 children[] = {TD_PAGE,       SEPT,          TDVPR,         TDCX,         TDCX + 0x1000,
                            TDCX + 0x2000, TDCX + 0x3000, TDCX + 0x4000, TDCX + 0x5000};
    for (u32 i = 0; i < ARRAY_COUNT(children); i++) {
        assert_status("not yet", run(fake, 0, 28, .rcx = TDR).rax, 0xC000040000000000);
        assert_status("H22", run(fake, i % 4, 28, .rcx = children[i]).rax, 0);
        assert_int_equal(fake->owner[children[i] / PAGE_SIZE], SOFT_OWNER_HOST);
    }
    struct soft_regs out = run(fake, 0, 24, .rcx = TD_PAGE);
    assert_status("H23", out.rax, 0);
    assert_true(out.rcx == 0 && out.rdx == TDR);
    out = run(fake, 0, 28, .rcx = TDR);
    assert_status("H22", out.rax, 0);
    assert_true(out.rcx == 4 && out.rdx == 0 && out.r8 == 0 && out.r9 == 0 && out.r10 == 0 && out.r11 == 0);
    assert_status("W", run(fake, 0, 41, .rcx = TDR | 32ull << 46).rax, 0);
    assert_status("H24", run(fake, 0, 9, .rcx = TDR, .rdx = 0x21).rax, 0);
    fake_free(fake);
}

/* S11: straight from MNG.CREATE; also with one package's key only. */
static void vpflushdone_without_keys(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    for (u32 i = 0; i < 2; i++) {
        create_td(fake, TDR, TD_HKID);
        if (i == 1)
            assert_status("one key", run(fake, 2, 8, .rcx = TDR).rax, 0);
        end_td(fake, TDR);
        assert_status("S11", run(fake, 0, 28, .rcx = TDR).rax, 0);
        assert_int_equal(fake->owner[TDR / PAGE_SIZE], SOFT_OWNER_HOST);
    }
    fake_free(fake);
}

/* VPFLUSHDONE tries the KOT before it looks at the life cycle, FREEID after. */
static void kot_lock_and_life_cycle(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    create_td(fake, TDR, TD_HKID);
    fake->module->kot_lock = 1;
    assert_status("VPFLUSHDONE", run_locked(fake, 0, 19, .rcx = TDR).rax, 0x80000200000000BA);
    assert_status("FREEID, life", run_locked(fake, 0, 20, .rcx = TDR).rax, 0xC000060700000000);
    fake->module->kot_lock = 0;
    assert_status("VPFLUSHDONE", run(fake, 0, 19, .rcx = TDR).rax, 0);
    fake->module->kot_lock = 1;
    assert_status("KOT before life", run_locked(fake, 0, 19, .rcx = TDR).rax, 0x80000200000000BA);
    assert_status("KOT before bitmap", run_locked(fake, 0, 20, .rcx = TDR).rax, 0x80000200000000BA);
    assert_int_equal(fake->module->kot_lock, 1);
    fake->module->kot_lock = 0;
    pamt_entry(fake, TDR)->lock = 4;
    assert_status("TDR shared", run_locked(fake, 0, 19, .rcx = TDR).rax, 0x8000020000000001);
    assert_status("TDR shared", run_locked(fake, 0, 20, .rcx = TDR).rax, 0x8000020000000001);
    pamt_entry(fake, TDR)->lock = 0;
    fake_free(fake);
}

/* O16: none of these leaves takes the global lock. */
static void global_lock_is_left_alone(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    fake->module->global_lock = SOFT_EXCLUSIVE;
    assert_status("O16", run_locked(fake, 0, 9, .rcx = TDR, .rdx = 0x21).rax, 0);
    assert_status("KEY.CONFIG", run_locked(fake, 0, 8, .rcx = TDR).rax, 0);
    assert_status("KEY.CONFIG", run_locked(fake, 2, 8, .rcx = TDR).rax, 0);
    assert_status("ADDCX", run_locked(fake, 0, 1, .rcx = TDCX, .rdx = TDR).rax, 0);
    assert_status("VPFLUSHDONE", run_locked(fake, 0, 19, .rcx = TDR).rax, 0);
    assert_status("CACHE.WB", run_locked(fake, 0, 40, .rcx = 0).rax, 0);
    assert_status("CACHE.WB", run_locked(fake, 2, 40, .rcx = 0).rax, 0);
    assert_status("FREEID", run_locked(fake, 0, 20, .rcx = TDR).rax, 0);
    assert_status("RECLAIM", run_locked(fake, 0, 28, .rcx = TDCX).rax, 0);
    assert_status("RECLAIM", run_locked(fake, 0, 28, .rcx = TDR).rax, 0);
    assert_status("WBINVD", run_locked(fake, 0, 41, .rcx = TDR).rax, 0);
    assert_status("TDMR.INIT", run_locked(fake, 0, 36, .rcx = 0x100000000).rax, 0x00000A0300000000);
    assert_status("RDMD", run_locked(fake, 0, 24, .rcx = TDR).rax, 0);
    fake->module->global_lock = 0;
    fake_free(fake);
}

/* Two TDs: each has its own KeyID, and its own children. */
static void two_tds(void **state)
{
    (void)state;
    const u64 other = TDR + 8 * PAGE_SIZE;
    struct fake *fake = with_tdmr("1.5.01");
    create_td(fake, TDR, 33);
    create_td(fake, other, 63);
    configure_td(fake, TDR);
    configure_td(fake, other);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = TDCX, .rdx = TDR).rax, 0);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = TDCX + PAGE_SIZE, .rdx = other).rax, 0);
    end_td(fake, TDR);
    assert_status("the other's page", run(fake, 0, 28, .rcx = TDCX + PAGE_SIZE).rax, 0xC000060700000000);
    assert_status("its own", run(fake, 0, 28, .rcx = TDCX).rax, 0);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = TDCX, .rdx = other).rax, 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = TDR).rax, 0);
    assert_int_equal(td_at(fake, other).children, 2);
    assert_int_equal(td_at(fake, other).hkid, 63);
    end_td(fake, other);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = TDCX).rax, 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = TDCX + PAGE_SIZE).rax, 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = other).rax, 0);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses),
        cmocka_unit_test(create_sequence),
        cmocka_unit_test(create_tries_six_times),
        cmocka_unit_test(create_wants_a_free_page),
        cmocka_unit_test(failed_config_keeps_the_keyid),
        cmocka_unit_test(key_config_sequence),
        cmocka_unit_test(fatal_td),
        cmocka_unit_test(addcx_sequence),
        cmocka_unit_test(teardown_sequence),
        cmocka_unit_test(vpflushdone_without_keys),
        cmocka_unit_test(kot_lock_and_life_cycle),
        cmocka_unit_test(global_lock_is_left_alone),
        cmocka_unit_test(two_tds),
    };
    return cmocka_run_group_tests_name("soft_mng", tests, NULL, NULL);
}
