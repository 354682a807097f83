/* SPDX-License-Identifier: MIT */
/*
 * The soft module's extensions: EXT.MEM.ADD and EXT.INIT. Public sources give the operand's layout, the
 * resume rules and the statuses' names; everything else is a knob, tried here both ways. One list entry is
 * one page of the template TDMR at 4 GiB; list pages lie at 512 MiB.
 */
#include "tests/unit/test_soft.h"

#define QUOTE     (1ull << 50)
#define LIST      0x20000000ull
#define POOL      0x110000000ull
#define POOL_FULL 0x000005E000000000ull /* the model's own number */
#define RESUMABLE 0x8000000300000000ull
#define BUSY      0x8000020200000000ull

static u64 list_info(u64 list, u32 first, u32 last)
{
    return list | (u64)first << 3 | (u64)last << 55;
}

static void put_list(struct fake *fake, u64 list, u32 first, u32 count, u64 page)
{
    for (u32 i = 0; i < count; i++)
        put_u64(fake, list + 8 * (first + i), page + 4096 * i);
}

/* READY with the template TDMR initialised, quoting configured; knobs is a NULL-ended list of assignments. */
static struct fake *with_pool(const char *const *knobs)
{
    struct fake *fake = fake_new("ext");
    assert_true(soft_knob_set(&fake->knobs, "quote_pages=1024"));
    for (; knobs && *knobs; knobs++)
        assert_true(soft_knob_set(&fake->knobs, *knobs));
    fake_reset(fake);
    reach_pool(fake, 1, QUOTE);
    return fake;
}

#define KNOBS(...) ((const char *const[]){__VA_ARGS__, NULL})

static u64 missing(struct fake *fake)
{
    return run(fake, 1, 34, .rdx = 0x3100000200000000).r8;
}

/* ---- the whole pool ---- */

static void pool_in_batches(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext"); /* 12,800 pages, the default */
    reach_pool(fake, 1, QUOTE);
    u64 left = 12800;
    assert_int_equal(missing(fake), left);
    for (u64 page = POOL; left; left -= 512, page += 512 * 4096) {
        put_list(fake, LIST, 0, 512, page);
        u32 owner_calls = fake->owner_calls;
        struct soft_regs out = run(fake, left / 512 % 4, 61, .rcx = list_info(LIST, 0, 511));
        assert_status("EXT.MEM.ADD", out.rax, 0);
        assert_int_equal(out.rcx, list_info(LIST, 0, 511));   /* 512 wraps to 0 */
        assert_int_equal(fake->owner_calls - owner_calls, 1); /* one run of pages, one report */
        assert_int_equal(missing(fake), left - 512);
    }
    assert_status("EXT.INIT", run(fake, 3, 60).rax, 0);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 1);
    u64 pool = 0;
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        pool += fake->owner[page] == SOFT_OWNER_POOL;
    assert_int_equal(pool, 12800);
    assert_int_equal(soft_page_owner(fake->module, POOL), SOFT_OWNER_POOL);
    assert_int_equal(soft_page_owner(fake->module, POOL + 12799 * 4096), SOFT_OWNER_POOL);
    assert_int_equal(soft_page_owner(fake->module, POOL + 12800 * 4096), SOFT_OWNER_HOST);
    assert_int_equal(soft_page_owner(fake->module, POOL - 4096), SOFT_OWNER_HOST);
    struct soft_regs out = run(fake, 0, 24, .rcx = POOL + 4096);
    assert_true(out.rax == 0 && out.rcx == 16 && out.rdx == 0 && out.r8 == 0);
    fake_reset(fake); /* everything comes back */
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    assert_int_equal(soft_page_owner(fake->module, POOL), SOFT_OWNER_HOST);
    fake_free(fake);
}

/* Scattered pages, across TDMRs, in any order: ownership and the way back are right for each. */
static void scattered_pages(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    struct tdx_tdmr_info info = template_tdmr();
    assert_true(soft_knob_set(&fake->knobs, "quote_pages=300"));
    fake_reset(fake);
    put_tdmr(fake, 0, &info);
    info.base = 0x140000000;
    info.pamt_4k_base = 0x210000000;
    info.pamt_2m_base = 0x210400000;
    info.pamt_1g_base = 0x210402000;
    put_tdmr(fake, 1, &info);
    reach_init_done(fake);
    run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 2, .r8 = 32, .r9 = QUOTE, .r10 = 0);
    run(fake, 0, 31);
    run(fake, 2, 31);
    initialise_tdmr(fake, 0x100000000, GIB);
    initialise_tdmr(fake, 0x140000000, GIB);
    static u64 expected[300];
    u64 seed = 0x5EED;
    for (u32 i = 0; i < 300; i++) {
        u64 page = 0x100000000 + test_random(&seed) % (2 * GIB / 4096) * 4096;
        for (u32 j = 0; j < i; j++)
            if (expected[j] == page)
                page += 4096, j = 0;
        expected[i] = page;
        put_u64(fake, LIST + 8 * i, page);
    }
    assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = list_info(LIST, 0, 299)).rax, 0);
    u64 pool = 0;
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        pool += fake->owner[page] == SOFT_OWNER_POOL;
    assert_int_equal(pool, 300);
    for (u32 i = 0; i < 300; i++) {
        assert_int_equal(fake->owner[expected[i] / 4096], SOFT_OWNER_POOL);
        assert_int_equal(soft_page_owner(fake->module, expected[i]), SOFT_OWNER_POOL);
    }
    fake_reset(fake);
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    fake_free(fake);
}

/* ---- the operand ---- */

static void list_operand(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        u64 rcx;
        bool ok;
    } rows[] = {
        {"reserved bit 0", LIST | 1, false},
        {"reserved bit 2", LIST | 4, false},
        {"reserved bit 52", LIST | 1ull << 52, false},
        {"reserved bit 54", LIST | 1ull << 54, false},
        {"first entry behind the last", LIST | 5 << 3 | 4ull << 55, false},
        {"shared KeyID", LIST | 1ull << 46, false},
        {"private KeyID", LIST | 32ull << 46, false},
        {"in SEAMRR", 0x7C000000, false},
        {"a PAMT", 0x200000000, false},
        {"one entry", LIST, true},
        {"entries 3 to 4", LIST | 3 << 3 | 4ull << 55, true},
        {"the last entry", LIST | 511 << 3 | 511ull << 55, true},
        {"a pool page", POOL, false}, /* it was entry 0 */
    };
    struct fake *fake = with_pool(NULL);
    put_list(fake, LIST, 0, 512, POOL);
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        u64 before = missing(fake);
        struct soft_regs out = run(fake, 0, 61, .rcx = rows[i].rcx);
        assert_status(rows[i].id, out.rax, rows[i].ok ? 0 : 0xC000010000000001);
        assert_true(rows[i].ok || out.rcx == rows[i].rcx);
        assert_true(rows[i].ok || missing(fake) == before);
    }
    assert_int_equal(missing(fake), 1024 - 4);
    assert_int_equal(fake->owner[(POOL + 3 * 4096) / 4096], SOFT_OWNER_POOL);
    assert_int_equal(fake->owner[(POOL + 511 * 4096) / 4096], SOFT_OWNER_POOL);
    assert_int_equal(fake->owner[(POOL + 1 * 4096) / 4096], SOFT_OWNER_HOST);
    fake_free(fake);
    fake = with_pool(KNOBS("ext_list_keyid=1"));
    put_list(fake, LIST, 0, 512, POOL);
    assert_status("shared KeyID", run(fake, 0, 61, .rcx = LIST | 1ull << 46).rax, 0);
    assert_status("private KeyID", run(fake, 0, 61, .rcx = LIST | 32ull << 46).rax, 0xC000010000000001);
    fake_free(fake);
}

/* ---- refused pages ---- */

static const struct {
    const char *id;
    u64 page, expected;
} bad_pages[] = {
    {"unaligned", POOL + 8, 0xC000010000000001},
    {"with KeyID", POOL | 1ull << 46, 0xC000010000000001},
    {"bit 52", POOL | 1ull << 52, 0xC000010000000001},
    {"bit 63", POOL | 1ull << 63, 0xC000010000000001},
    {"the list page", LIST, 0xC000010000000001},
    {"outside all TDMRs", 0x300000000, 0xC000010100000001},
    {"outside all memory", 0x2000000000, 0xC000010100000001},
    {"page 0", 0, 0xC000010100000001},
    {"in a GiB that isn't initialised", 0x140000000, 0xC000010100000001},
    {"a PAMT outside TDMRs", 0x200000000, 0xC000010100000001},
    {"reserved", 0x100003000, 0xC000030000000001},
    {"a PAMT in a reserved area", 0x100400000, 0xC000030000000001},
    {"twice in one list", POOL + 4096, 0xC000030000000001},
    {"in the pool already", POOL - 4096, 0xC000030000000001},
    {"in a 2M page of a TD", 0x100A05000, 0xC000030000000001},
    {"a TDR", 0x100005000, 0xC000030000000001},
};

/* TDMR of 2 GiB, its first GiB initialised, PAMT_1G in a reserved area of it */
static struct fake *with_bad_pages(const char *const *knobs)
{
    struct fake *fake = fake_new("ext");
    struct tdx_tdmr_info info = {
        .base = 0x100000000,
        .size = 0x80000000,
        .pamt_4k_base = 0x200000000,
        .pamt_4k_size = 0x800000,
        .pamt_2m_base = 0x200800000,
        .pamt_2m_size = 0x4000,
        .pamt_1g_base = 0x100400000,
        .pamt_1g_size = 0x1000,
        .reserved = {{0x3000, 0x2000}, {0x400000, 0x1000}},
    };
    assert_true(soft_knob_set(&fake->knobs, "quote_pages=1024"));
    for (; knobs && *knobs; knobs++)
        assert_true(soft_knob_set(&fake->knobs, *knobs));
    fake_reset(fake);
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 1, QUOTE);
    for (u32 i = 0; i < 256; i++)
        run(fake, 0, 36, .rcx = 0x100000000);
    put_u64(fake, 0x200800000 + 16 * 5, 3 << 16); /* a 2M page of a TD */
    put_u64(fake, 0x200000000 + 16 * 5, 4 << 16); /* a TDR */
    put_u64(fake, LIST, POOL - 4096);
    assert_status("one page", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, 0);
    return fake;
}

/* Entry 2 of 4 is bad: 0 and 1 are taken, 3 isn't looked at, first_entry says where. */
static void refused_pages(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(bad_pages); i++) {
        struct fake *fake = with_bad_pages(NULL);
        put_list(fake, LIST, 0, 4, POOL);
        put_u64(fake, LIST + 16, bad_pages[i].page);
        struct soft_regs out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 3));
        assert_status(bad_pages[i].id, out.rax, bad_pages[i].expected);
        assert_status(bad_pages[i].id, out.rcx, list_info(LIST, 2, 3));
        assert_int_equal(missing(fake), 1024 - 3);
        assert_int_equal(fake->owner[POOL / 4096 + 1], SOFT_OWNER_POOL);
        assert_int_equal(fake->owner[POOL / 4096 + 3], SOFT_OWNER_HOST);
        put_u64(fake, LIST + 16, POOL + 2 * 4096);
        assert_status("repaired", run(fake, 0, 61, .rcx = out.rcx).rax, 0);
        assert_int_equal(missing(fake), 1024 - 5);
        fake_free(fake);
    }
}

static void refused_page_knobs(void **state)
{
    (void)state;
    struct fake *fake = with_bad_pages(KNOBS("ext_entry_operand=99", "ext_not_free_status=0xC000030300000000",
                                             "ext_rcx_on_error=0", "ext_rcx_on_success=0"));
    put_list(fake, LIST, 0, 4, POOL);
    put_u64(fake, LIST + 16, 0x100003000);
    struct soft_regs out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 3));
    assert_status("PAGE_NOT_FREE", out.rax, 0xC000030300000063);
    assert_int_equal(out.rcx, list_info(LIST, 0, 3));
    assert_int_equal(missing(fake), 1024 - 3);
    put_u64(fake, LIST + 16, 0x300000000);
    assert_status("range", run(fake, 0, 61, .rcx = list_info(LIST, 2, 3)).rax, 0xC000010100000063);
    put_u64(fake, LIST + 16, POOL + 2 * 4096);
    out = run(fake, 0, 61, .rcx = list_info(LIST, 2, 3));
    assert_true(out.rax == 0 && out.rcx == list_info(LIST, 2, 3));
    fake_free(fake);
}

/* A page whose PAMT entry somebody holds */
static void busy_page(void **state)
{
    (void)state;
    struct fake *fake = with_bad_pages(NULL);
    u64 entry = 0x200000000 + (POOL - 0x100000000) / 4096 * 16;
    put_list(fake, LIST, 0, 1, POOL);
    fake->ram[entry] = 4; /* one shared holder */
    struct soft_regs out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    assert_status("busy", out.rax, 0x8000020000000001);
    assert_int_equal(out.rcx, list_info(LIST, 0, 0));
    assert_int_equal(fake->ram[entry], 4);
    fake->ram[entry] = 0;
    assert_int_equal(get_u64(fake, 0x200800000 + 128 * 16), 0); /* upper levels are released */
    assert_int_equal(get_u64(fake, 0x100400000), 0);
    assert_status("alone", run(fake, 0, 61, .rcx = out.rcx).rax, 0);
    fake_free(fake);
}

/* ---- interrupts ---- */

static void interrupted_at_every_entry(void **state)
{
    (void)state;
    struct fake *fake = with_pool(NULL);
    put_list(fake, LIST, 0, 512, POOL);
    u64 rcx = list_info(LIST, 0, 511);
    for (u32 k = 1, done = 0;; k = k % 7 + 1) {
        fake->interrupt_at = k;
        fake->interrupts = 1;
        struct soft_regs out = run(fake, k % 4, 61, .rcx = rcx); /* another LP may go on */
        if (out.rax == 0)
            break;
        assert_status("interrupted", out.rax, RESUMABLE);
        done += k;
        assert_int_equal(out.rcx, list_info(LIST, done, 511));
        assert_int_equal(missing(fake), 1024 - done);
        assert_int_equal(fake->owner[POOL / 4096 + done - 1], SOFT_OWNER_POOL);
        assert_int_equal(fake->owner[POOL / 4096 + done], SOFT_OWNER_HOST);
        rcx = out.rcx;
    }
    assert_int_equal(missing(fake), 512);
    assert_int_equal(fake->violations, 0);
    fake_free(fake);
}

static void interrupted_without_progress(void **state)
{
    (void)state;
    struct fake *fake = with_pool(NULL);
    put_list(fake, LIST, 0, 2, POOL);
    fake->interrupt_at = 0;
    fake->interrupts = 3;
    for (u32 i = 0; i < 3; i++) {
        struct soft_regs out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 1));
        assert_status("no progress", out.rax, RESUMABLE);
        assert_int_equal(out.rcx, list_info(LIST, 0, 1));
        assert_int_equal(missing(fake), 1024);
    }
    assert_status("done", run(fake, 0, 61, .rcx = list_info(LIST, 0, 1)).rax, 0);
    assert_int_equal(fake->violations, 0);
    fake_free(fake);
}

/* Going on with the original RCX names pages that are in the pool already, and breaks the rule of resuming.
 */
static void wrong_resume(void **state)
{
    (void)state;
    struct fake *fake = with_pool(NULL);
    put_list(fake, LIST, 0, 8, POOL);
    fake->interrupt_at = 3;
    fake->interrupts = 1;
    assert_status("interrupted", run(fake, 0, 61, .rcx = list_info(LIST, 0, 7)).rax, RESUMABLE);
    assert_status("original RCX", run(fake, 0, 61, .rcx = list_info(LIST, 0, 7)).rax, 0xC000030000000001);
    assert_int_equal(fake->violations, 1);
    assert_non_null(strstr(fake->violation, "another RCX"));
    assert_status("right RCX, too late to be noticed", run(fake, 0, 61, .rcx = list_info(LIST, 3, 7)).rax, 0);
    assert_int_equal(fake->violations, 1);
    fake_free(fake);
}

/* ---- too many pages ---- */

static void pool_full(void **state)
{
    (void)state;
    struct fake *fake = with_pool(KNOBS("quote_pages=3"));
    put_list(fake, LIST, 0, 5, POOL);
    struct soft_regs out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 4));
    assert_status("POOL_FULL", out.rax, POOL_FULL);
    assert_int_equal(out.rcx, list_info(LIST, 3, 4)); /* entries 3 and 4 stay the host's */
    assert_int_equal(missing(fake), 0);
    assert_int_equal(fake->owner[POOL / 4096 + 2], SOFT_OWNER_POOL);
    assert_int_equal(fake->owner[POOL / 4096 + 3], SOFT_OWNER_HOST);
    assert_status("and again", run(fake, 0, 61, .rcx = out.rcx).rax, POOL_FULL);
    assert_status("operand first", run(fake, 0, 61, .rcx = out.rcx | 1).rax, 0xC000010000000001);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    assert_status("after EXT.INIT", run(fake, 0, 61, .rcx = out.rcx).rax, POOL_FULL);
    fake_free(fake);

    fake = with_pool(KNOBS("quote_pages=3", "ext_pool_full_takes=1", "ext_pool_full_status=0x77700000000",
                           "ext_add_after_init_status=0xC000050800000000"));
    put_list(fake, LIST, 0, 5, POOL);
    out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 4));
    assert_status("taken all the same", out.rax, 0x77700000000);
    assert_int_equal(out.rcx, list_info(LIST, 5, 4));
    assert_int_equal(fake->owner[POOL / 4096 + 4], SOFT_OWNER_POOL);
    run(fake, 0, 60);
    assert_status("after EXT.INIT", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, 0xC000050800000000);
    fake_reset(fake);
    assert_int_equal(fake->owner[POOL / 4096 + 4], SOFT_OWNER_HOST);
    fake_free(fake);

    fake = with_pool(KNOBS("quote_pages=0"));
    put_list(fake, LIST, 0, 1, POOL);
    assert_status("no pages wanted", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, POOL_FULL);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    fake_free(fake);
}

/* ---- EXT.INIT ---- */

static void ext_init_states(void **state)
{
    (void)state;
    struct fake *fake = with_pool(KNOBS("quote_pages=2", "ext_required_after_init=0"));
    put_list(fake, LIST, 0, 2, POOL);
    assert_status("empty pool", run(fake, 0, 60).rax, 0xC000050800000000);
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    assert_status("one page short", run(fake, 0, 60).rax, 0xC000050800000000);
    run(fake, 0, 61, .rcx = list_info(LIST, 1, 1));
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 1);
    assert_status("complete", run(fake, 0, 60).rax, 0);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 0);
    assert_status("twice", run(fake, 0, 60).rax, 0xC000050800000000);
    assert_status("version 1", run(fake, 0, 0x1003C).rax, 0xC000010000000000);
    assert_status("EXT.MEM.ADD version 1", run(fake, 0, 0x1003D, .rcx = LIST).rax, 0xC000010000000000);
    fake_free(fake);

    fake = with_pool(
        KNOBS("quote_pages=1", "ext_init_pool_short_status=0xC000050D00000000", "ext_init_twice_status=0"));
    put_list(fake, LIST, 0, 1, POOL);
    assert_status("short", run(fake, 0, 60).rax, 0xC000050D00000000);
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    assert_status("complete", run(fake, 0, 60).rax, 0);
    assert_status("twice", run(fake, 0, 60).rax, 0);
    fake_free(fake);
}

static void ext_init_not_required(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    reach_pool(fake, 0, 0);
    assert_status("success", run(fake, 0, 60).rax, 0);
    assert_status("again", run(fake, 0, 60).rax, 0);
    put_list(fake, LIST, 0, 1, POOL);
    assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, POOL_FULL);
    assert_true(soft_knob_set(&fake->knobs, "ext_init_not_required_status=0xC000010000000000"));
    fake_reset(fake);
    reach_pool(fake, 0, 0);
    assert_status("refused", run(fake, 0, 60).rax, 0xC000010000000000);
    fake_free(fake);
}

/* Inputs stay as they were, the module knows where it was, another LP may go on. */
static void ext_init_resumes(void **state)
{
    (void)state;
    struct fake *fake = with_pool(KNOBS("quote_pages=1", "ext_init_steps=10"));
    put_list(fake, LIST, 0, 1, POOL);
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    u32 interrupted = 0;
    for (;; interrupted++) {
        fake->interrupt_at = interrupted == 1 ? 0 : 3; /* once without progress */
        fake->interrupts = 1;
        u64 status = run(fake, interrupted % 4, 60).rax;
        if (status == 0)
            break;
        assert_status("interrupted", status, RESUMABLE);
        assert_status("EXT.MEM.ADD meanwhile", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, POOL_FULL);
        fake->interrupts = 0;
    }
    assert_int_equal(interrupted, 4); /* 3, 0, 3, 3 of 10 steps */
    fake_free(fake);
}

/* ---- one at a time ---- */

static void hook_mem_add(struct fake *fake, u32 lp)
{
    fake->hook_regs = run(fake, (lp + 1) % 4, 61, .rcx = list_info(LIST + 4096, 0, 0));
}

static void hook_ext_init(struct fake *fake, u32 lp)
{
    fake->hook_regs = run(fake, (lp + 1) % 4, 60);
}

static void hook_rdmd(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 1, 24, .rcx = POOL);
}

static void one_at_a_time(void **state)
{
    (void)state;
    struct fake *fake = with_pool(KNOBS("quote_pages=4"));
    put_list(fake, LIST, 0, 4, POOL);
    put_list(fake, LIST + 4096, 0, 1, POOL + 0x100000);
    fake->hook = hook_mem_add;
    assert_status("first", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, 0);
    assert_status("EXT.MEM.ADD", fake->hook_regs.rax, BUSY);
    assert_int_equal(fake->hook_regs.rcx, list_info(LIST + 4096, 0, 0));
    fake->hook = hook_ext_init;
    assert_status("second", run(fake, 0, 61, .rcx = list_info(LIST, 1, 3)).rax, 0);
    assert_status("EXT.INIT during EXT.MEM.ADD", fake->hook_regs.rax, BUSY);
    fake->hook = hook_ext_init;
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    assert_status("EXT.INIT", fake->hook_regs.rax, BUSY);
    fake_free(fake);

    fake = with_pool(KNOBS("ext_busy_status=0x80000200000000B8"));
    put_list(fake, LIST, 0, 1, POOL);
    fake->hook = hook_mem_add;
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    assert_status("OPERAND_BUSY|SYS", fake->hook_regs.rax, 0x80000200000000B8);
    fake_free(fake);
}

/* X7: the page's PAMT entry is held exclusively while it is taken. */
static void rdmd_while_taken(void **state)
{
    (void)state;
    struct fake *fake = with_pool(KNOBS("ext_add_writes=64"));
    put_list(fake, LIST, 0, 1, POOL);
    fake->hook = hook_rdmd;
    fake->hook_map = POOL; /* when its contents are overwritten */
    assert_status("taken", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, 0);
    assert_status("X7", fake->hook_regs.rax, 0x8000020000000001);
    assert_int_equal(run(fake, 1, 24, .rcx = POOL).rcx, 16);
    fake_free(fake);
}

/* ---- contents and type of pool pages ---- */

static void pool_page_knobs(void **state)
{
    (void)state;
    struct fake *fake = with_pool(KNOBS("ext_add_writes=64"));
    put_list(fake, LIST, 0, 1, POOL);
    memset(fake->ram + POOL, 0x11, 4096);
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    assert_int_equal(fake->ram[POOL], 0xA5); /* one line is lost */
    assert_int_equal(fake->ram[POOL + 63], 0xA5);
    assert_int_equal(fake->ram[POOL + 64], 0x11);
    fake_free(fake);
    fake = with_pool(KNOBS("ext_page_type=200"));
    put_list(fake, LIST, 0, 1, POOL);
    memset(fake->ram + POOL, 0x11, 4096);
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 0));
    assert_int_equal(fake->ram[POOL], 0x11); /* by default contents are left alone */
    assert_int_equal(run(fake, 0, 24, .rcx = POOL).rcx, 200);
    assert_int_equal(soft_page_owner(fake->module, POOL), SOFT_OWNER_POOL);
    fake_free(fake);
}

/* The invariants must be able to fail, too. */
static void invariants_notice(void **state)
{
    (void)state;
    struct fake *fake = with_pool(NULL);
    struct soft_module *module = fake->module;
    put_list(fake, LIST, 0, 8, POOL);
    run(fake, 0, 61, .rcx = list_info(LIST, 0, 7));
    assert_null(soft_check(module));
    module->ext.missing++;
    assert_non_null(strstr(soft_check(module), "pool_pages =="));
    module->ext.missing--;
    fake->ram[0x200000000 + (POOL - 0x100000000) / 4096 * 16 + 2] = 0; /* a pool page's type is lost */
    assert_non_null(strstr(soft_check(module), "pool_bytes =="));
    fake->ram[0x200000000 + (POOL - 0x100000000) / 4096 * 16 + 2] = 16;
    module->global_lock = 1;
    assert_non_null(strstr(soft_check(module), "global_lock"));
    module->global_lock = 0;
    module->lps[1].busy = true;
    assert_non_null(strstr(soft_check(module), "busy"));
    module->lps[1].busy = false;
    module->kot[32] = SOFT_KOT_FREE;
    assert_non_null(strstr(soft_check(module), "kot"));
    module->kot[32] = SOFT_KOT_RESERVED;
    module->packages_configured = 1;
    assert_non_null(strstr(soft_check(module), "package_count"));
    module->packages_configured = 3;
    module->tdmrs[0].initialised += 4096;
    assert_non_null(soft_check(module));
    module->tdmrs[0].initialised -= 4096;
    assert_null(soft_check(module));
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_in_batches),
        cmocka_unit_test(scattered_pages),
        cmocka_unit_test(list_operand),
        cmocka_unit_test(refused_pages),
        cmocka_unit_test(refused_page_knobs),
        cmocka_unit_test(busy_page),
        cmocka_unit_test(interrupted_at_every_entry),
        cmocka_unit_test(interrupted_without_progress),
        cmocka_unit_test(wrong_resume),
        cmocka_unit_test(pool_full),
        cmocka_unit_test(ext_init_states),
        cmocka_unit_test(ext_init_not_required),
        cmocka_unit_test(ext_init_resumes),
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(rdmd_while_taken),
        cmocka_unit_test(pool_page_knobs),
        cmocka_unit_test(invariants_notice),
    };
    return cmocka_run_group_tests_name("soft_ext", tests, NULL, NULL);
}
