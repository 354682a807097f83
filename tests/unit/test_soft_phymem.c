/* SPDX-License-Identifier: MIT */
/*
 * The soft module's PHYMEM leaves 28, 40 and 41 against vectors that were confirmed on module 1.5.01's own
 * handlers (ids W, X, H, S, U), and what becomes of buffers in memory that the module owns.
 */
#include "tests/unit/soft_td.h"

/* ---- PAGE.WBINVD ---- */

static const struct {
    const char *id;
    u64 rcx, rax;
} flushes[] = {
    {"W1 with private KeyID 33", FREE | 33ull << 46, 0},
    {"with shared KeyID 31", FREE | 31ull << 46, 0},
    {"with all KeyID bits", FREE | 63ull << 46, 0},
    {"without KeyID", FREE, 0},
    {"W2 used page", TDR, 0xC000030000000001},
    {"used page with KeyID", TD_PAGE | 33ull << 46, 0xC000030000000001},
    {"W3 unaligned", FREE + 0x10, 0xC000010000000001},
    {"W4 bit 52", FREE | 1ull << 52, 0xC000010000000001},
    {"bit 63", FREE | 1ull << 63, 0xC000010000000001},
    {"outside", 0x180000000, 0xC000010100000001},
    {"outside with KeyID", 0x180000000 | 1ull << 46, 0xC000010100000001},
    {"U8 inside a 2M page", 0x100805000, 0xC000030000000001},
};

static void wbinvd_rows(void **state)
{
    (void)state;
    struct fake *fake = with_td();
    plant(fake, 0x100800000, TDX_PAGE_REG, TDR, 0, 2 * MIB);
    for (u32 i = 0; i < ARRAY_COUNT(flushes); i++)
        assert_status(flushes[i].id, run(fake, 0, 41, .rcx = flushes[i].rcx).rax, flushes[i].rax);
    pamt_entry(fake, FREE)->lock = 1;
    assert_status("locked", run_locked(fake, 0, 41, .rcx = FREE).rax, 0x8000020000000001);
    pamt_entry(fake, FREE)->lock = 4;
    assert_status("shared", run_locked(fake, 0, 41, .rcx = FREE).rax, 0);
    assert_int_equal(pamt_entry(fake, FREE)->lock, 4);
    pamt_entry(fake, FREE)->lock = 0;
    fake_free(fake);
}

/* ---- PAGE.RECLAIM ---- */

static const struct {
    const char *id;
    u64 rcx, rax, type, owner, level;
} reclaims[] = {
    {"X1 page of a live TD", TD_PAGE, 0xC000060700000000, 3, TDR, 0},
    {"TDR of a live TD", TDR, 0xC000060700000000, 4, 0, 0},
    {"SEPT page of a live TD", SEPT, 0xC000060700000000, 8, TDR, 0},
    {"X2 free page", FREE, 0xC000030000000001, 0, 0, 0},
    {"reserved page", 0x100003000, 0xC000030000000001, 0, 0, 0},
    {"X3 outside", 0x180000000, 0xC000010100000001, 0, 0, 0},
    {"X4 unaligned", TD_PAGE + 8, 0xC000010000000001, 0, 0, 0},
    {"with KeyID", TD_PAGE | 33ull << 46, 0xC000010000000001, 0, 0, 0},
    {"bit 52", TD_PAGE | 1ull << 52, 0xC000010000000001, 0, 0, 0},
    {"S14 middle of a 2M page", 0x100805000, 0xC000010000000001, 3, TDR, 1},
    {"2M page of a live TD", 0x100800000, 0xC000060700000000, 3, TDR, 1},
};

static void assert_outputs(const char *id, const struct soft_regs *out, u64 rax, u64 type, u64 owner,
                           u64 level)
{
    assert_status(id, out->rax, rax);
    assert_status(id, out->rcx, type);
    assert_status(id, out->rdx, owner);
    assert_status(id, out->r8, level);
    assert_true(out->r9 == 0 && out->r10 == 0 && out->r11 == 0);
}

static void reclaim_rows(void **state)
{
    (void)state;
    struct fake *fake = with_td();
    pamt_entry(fake, 0x100003000)->type = TDX_PAGE_RSVD;
    plant(fake, 0x100800000, TDX_PAGE_REG, TDR, 0, 2 * MIB);
    for (u32 i = 0; i < ARRAY_COUNT(reclaims); i++) {
        struct soft_regs out = run(fake, 0, 28, .rcx = reclaims[i].rcx);
        assert_outputs(reclaims[i].id, &out, reclaims[i].rax, reclaims[i].type, reclaims[i].owner,
                       reclaims[i].level);
    }
    fake_free(fake);
}

/* X5 to X8 */
static void reclaim_while_locked(void **state)
{
    (void)state;
    struct fake *fake = with_td();
    pamt_entry(fake, TD_PAGE)->lock = 4;
    struct soft_regs out = run_locked(fake, 0, 28, .rcx = TD_PAGE);
    assert_outputs("X5", &out, 0x8000020000000001, 0, 0, 0);
    assert_status("X6 two readers", run_locked(fake, 0, 24, .rcx = TD_PAGE).rax, 0);
    pamt_entry(fake, TD_PAGE)->lock = 1;
    assert_status("X7", run_locked(fake, 0, 24, .rcx = TD_PAGE).rax, 0x8000020000000001);
    assert_status("exclusive", run_locked(fake, 0, 28, .rcx = TD_PAGE).rax, 0x8000020000000001);
    pamt_entry(fake, TD_PAGE)->lock = 0;
    pamt_entry(fake, TDR)->lock = 1;
    out = run_locked(fake, 0, 28, .rcx = TD_PAGE);
    assert_outputs("X8", &out, 0x8000020000000080, 3, TDR, 0);
    assert_int_equal(pamt_entry(fake, TD_PAGE)->lock, 0);
    pamt_entry(fake, TDR)->lock = 4;
    assert_status("TDR shared", run_locked(fake, 0, 28, .rcx = TD_PAGE).rax, 0xC000060700000000);
    assert_status("the TDR itself", run_locked(fake, 0, 28, .rcx = TDR).rax, 0x8000020000000001);
    assert_int_equal(pamt_entry(fake, TDR)->lock, 4);
    pamt_entry(fake, TDR)->lock = 0;
    fake_free(fake);
}

/* A 2M page is 512 children; its contents stay. */
static void reclaim_large_page(void **state)
{
    (void)state;
    struct fake *fake = with_td();
    plant(fake, 0x100800000, TDX_PAGE_REG, TDR, 0, 2 * MIB);
    fake->ram[0x100800000] = 0x55;
    u64 before = td_at(fake, TDR).children;
    end_td(fake, TDR);
    struct soft_regs out = run(fake, 0, 28, .rcx = 0x100A00000 - PAGE_SIZE);
    assert_outputs("S14", &out, 0xC000010000000001, 3, TDR, 1);
    assert_int_equal(soft_page_owner(fake->module, 0x1009FF000), SOFT_OWNER_CONTROL);
    out = run(fake, 0, 28, .rcx = 0x100800000);
    assert_outputs("2M page", &out, 0, 3, TDR, 1);
    assert_int_equal(td_at(fake, TDR).children, before - 512);
    assert_int_equal(fake->ram[0x100800000], 0x55);
    assert_int_equal(fake->owner[0x1009FF000 / PAGE_SIZE], SOFT_OWNER_HOST);
    out = run(fake, 0, 24, .rcx = 0x100800000);
    assert_true(out.rcx == 0 && out.r8 == 0);
    fake_free(fake);
}

/* No leaf reclaims what no TD owns. */
static void reclaim_pool_page(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    fake->knobs.quote_pages = 1;
    fake_reset(fake);
    reach_pool(fake, 1, 1ull << 50);
    put_u64(fake, 0x20000000, 0x110000000);
    assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = 0x20000000).rax, 0);
    struct soft_regs out = run(fake, 0, 28, .rcx = 0x110000000);
    assert_outputs("pool page", &out, 0xC000030000000001, 0, 0, 0);
    assert_true(soft_knob_set(&fake->module->knobs, "reclaim_pool_status=0xC000030200000001"));
    assert_status("by knob", run(fake, 0, 28, .rcx = 0x110000000).rax, 0xC000030200000001);
    assert_int_equal(soft_page_owner(fake->module, 0x110000000), SOFT_OWNER_POOL);
    assert_status("not a TDR page", run(fake, 0, 9, .rcx = 0x110000000, .rdx = 33).rax, 0xC000030000000001);
    fake_free(fake);
}

/* What can't be: metadata that lies */
static void reclaim_without_owner_is_fatal(void **state)
{
    (void)state;
    static const u64 owners[] = {FREE, TDCX, 0x180000000, 0};
    for (u32 i = 0; i < ARRAY_COUNT(owners); i++) {
        struct fake *fake = with_td();
        u64 frame = owners[i] / PAGE_SIZE;
        memcpy(pamt_entry(fake, TD_PAGE)->owner, &frame, 5);
        test_log_clear();
        assert_status("orphan", run_locked(fake, 0, 28, .rcx = TD_PAGE).rax, FATAL);
        assert_logged("the owner of a page is no");
        fake_free(fake);
    }
}

/* ---- CACHE.WB ---- */

static struct fake *with_flushed_td(void)
{
    struct fake *fake = with_tdmr("1.5.01");
    create_td(fake, TDR, TD_HKID);
    assert_status("VPFLUSHDONE", run(fake, 0, 19, .rcx = TDR).rax, 0);
    return fake;
}

static void cache_wb_refuses(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr("1.5.01");
    assert_status("H1 RCX 2", run(fake, 0, 40, .rcx = 2).rax, 0xC000010000000001);
    assert_status("RCX -1", run(fake, 0, 40, .rcx = ~0ull).rax, 0xC000010000000001);
    assert_status("H2", run(fake, 0, 40, .rcx = 0).rax, 0x0000082100000000);
    assert_status("H3", run(fake, 0, 40, .rcx = 1).rax, 0xC000082300000000);
    create_td(fake, TDR, TD_HKID);
    assert_status("assigned isn't flushed", run(fake, 0, 40, .rcx = 0).rax, 0x0000082100000000);
    run(fake, 0, 19, .rcx = TDR);
    fake->module->cache_wb[0].lock = SOFT_EXCLUSIVE;
    fake->module->kot_lock = SOFT_EXCLUSIVE;
    assert_status("RCX first", run_locked(fake, 0, 40, .rcx = 2).rax, 0xC000010000000001);
    assert_status("H12", run_locked(fake, 1, 40, .rcx = 0).rax, 0x80000200000000BC);
    fake->module->cache_wb[0].lock = 0;
    assert_status("H13", run_locked(fake, 0, 40, .rcx = 0).rax, 0x80000200000000BA);
    assert_status("KOT before the session", run_locked(fake, 0, 40, .rcx = 1).rax, 0x80000200000000BA);
    fake->module->cache_wb[0].lock = SOFT_EXCLUSIVE;
    fake->module->kot_lock = 4;
    assert_status("another package, KOT shared", run_locked(fake, 2, 40, .rcx = 0).rax, 0);
    assert_int_equal(fake->module->kot_lock, 4);
    fake->module->cache_wb[0].lock = 0;
    fake->module->kot_lock = 0;
    assert_int_equal(fake->blocks[0] + fake->blocks[1], 0);
    assert_int_equal(fake->blocks[2], 16);
    fake_free(fake);
}

/* H14 to H17, S10: progress is the package's; nothing counts as done before the end. */
static void cache_wb_interrupted(void **state)
{
    (void)state;
    struct fake *fake = with_flushed_td();
    fake->interrupt_at = 4;
    fake->interrupts = 1;
    assert_status("H14", run(fake, 0, 40, .rcx = 0).rax, 0x8000000300000000);
    assert_int_equal(fake->blocks[0], 4);
    assert_int_equal(fake->module->kot_packages[TD_HKID], 3);
    assert_status("not done", run(fake, 0, 20, .rcx = TDR).rax, 0x8000081700000000);
    assert_status("the other package has no session", run(fake, 2, 40, .rcx = 1).rax, 0xC000082300000000);
    assert_status("H15 another LP of the package", run(fake, 1, 40, .rcx = 1).rax, 0);
    assert_int_equal(fake->blocks[1], 12);
    assert_int_equal(fake->last_block[1], 15);
    assert_int_equal(fake->module->kot_packages[TD_HKID], 2);
    assert_status("H16 the session is over", run(fake, 0, 40, .rcx = 1).rax, 0xC000082300000000);
    assert_status("H17", run(fake, 0, 20, .rcx = TDR).rax, 0x8000081700000000);
    fake->interrupts = 1;
    assert_status("again, which does no harm", run(fake, 0, 40, .rcx = 0).rax, 0x8000000300000000);
    assert_status("S10 from the start", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_int_equal(fake->blocks[0], 4 + 4 + 16);
    assert_status("start ends a session", run(fake, 0, 40, .rcx = 1).rax, 0xC000082300000000);
    fake->interrupt_at = 15; /* the last poll */
    fake->interrupts = 1;
    assert_status("before the last", run(fake, 3, 40, .rcx = 0).rax, 0x8000000300000000);
    assert_int_equal(fake->blocks[3], 15);
    assert_status("the last", run(fake, 3, 40, .rcx = 1).rax, 0);
    assert_int_equal(fake->blocks[3], 16);
    assert_int_equal(fake->module->kot_packages[TD_HKID], 0);
    fake->interrupt_at = 16; /* after the last nobody asks */
    fake->interrupts = 1;
    assert_status("not after the last", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_int_equal(fake->interrupts, 1);
    fake->interrupt_at = 4;
    assert_status("once more", run(fake, 0, 40, .rcx = 0).rax, 0x8000000300000000);
    assert_status("FREEID", run(fake, 0, 20, .rcx = TDR).rax, 0);
    assert_status("nothing to do", run(fake, 0, 40, .rcx = 0).rax, 0x0000082100000000);
    assert_status("a start ends a session in any case", run(fake, 0, 40, .rcx = 1).rax, 0xC000082300000000);
    fake_free(fake);
}

/* A call that is interrupted each time gets there, block by block. */
static void cache_wb_one_block_a_call(void **state)
{
    (void)state;
    struct fake *fake = with_flushed_td();
    fake->interrupt_at = 1;
    fake->interrupts = 15;
    assert_status("first", run(fake, 0, 40, .rcx = 0).rax, 0x8000000300000000);
    for (u32 i = 2; i < 16; i++) {
        assert_status("on", run(fake, 0, 40, .rcx = 1).rax, 0x8000000300000000);
        assert_int_equal(fake->blocks[0], i);
    }
    assert_status("last", run(fake, 0, 40, .rcx = 1).rax, 0);
    assert_int_equal(fake->blocks[0], 16);
    fake_free(fake);
}

/* KeyIDs that were flushed after the start need a round of their own. */
static void cache_wb_works_for_a_snapshot(void **state)
{
    (void)state;
    struct fake *fake = with_flushed_td();
    create_td(fake, TDR + PAGE_SIZE, 34);
    fake->interrupt_at = 1;
    fake->interrupts = 1;
    assert_status("start", run(fake, 0, 40, .rcx = 0).rax, 0x8000000300000000);
    assert_status("another TD", run(fake, 0, 19, .rcx = TDR + PAGE_SIZE).rax, 0);
    assert_status("end", run(fake, 0, 40, .rcx = 1).rax, 0);
    assert_int_equal(fake->module->kot_packages[TD_HKID], 2);
    assert_int_equal(fake->module->kot_packages[34], 3);
    assert_status("package 1", run(fake, 2, 40, .rcx = 0).rax, 0);
    assert_status("first TD", run(fake, 0, 20, .rcx = TDR).rax, 0);
    assert_status("second TD", run(fake, 0, 20, .rcx = TDR + PAGE_SIZE).rax, 0x8000081700000000);
    assert_status("package 0", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_status("second TD", run(fake, 0, 20, .rcx = TDR + PAGE_SIZE).rax, 0);
    fake_free(fake);
}

static void hook_everything(struct fake *fake, u32 lp)
{
    (void)lp;
    assert_status("same package", run(fake, 1, 40, .rcx = 0).rax, 0x80000200000000BC);
    assert_status("other package", run(fake, 2, 40, .rcx = 0).rax, 0);
    assert_status("CREATE", run(fake, 1, 9, .rcx = FREE, .rdx = 40).rax, 0x80000200000000BA);
    assert_status("VPFLUSHDONE", run(fake, 1, 19, .rcx = TDR).rax, 0x80000200000000BA);
    assert_status("FREEID", run(fake, 1, 20, .rcx = TDR).rax, 0x80000200000000BA);
    assert_status("RDMD", run(fake, 1, 24, .rcx = TDR).rax, 0);
}

/* What others get while CACHE.WB runs (concurrency rule 11 of module 1.5.01) */
static void cache_wb_beside_others(void **state)
{
    (void)state;
    struct fake *fake = with_flushed_td();
    fake->hook = hook_everything;
    assert_status("CACHE.WB", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_null(fake->hook);
    assert_int_equal(fake->module->kot_packages[TD_HKID], 0);
    fake_free(fake);
}

/* ---- buffers ---- */

/* The module doesn't look where a buffer lies; with another KeyID nothing sensible comes of it. */
static void buffers_in_private_memory(void **state)
{
    (void)state;
    struct fake *fake = with_td();
    const u64 before = get_u64(fake, PAMT_4K + 0x1000);
    assert_status("RDALL into a PAMT", run(fake, 0, 37, .rdx = PAMT_4K + 0x1000, .r8 = ~0ull).rax, 0);
    assert_int_equal(get_u64(fake, PAMT_4K + 0x1000), before);
    assert_int_equal(fake->violations, 1);
    assert_non_null(strstr(fake->violation, "memory that the module owns"));
    assert_status("RDALL into a TDR", run(fake, 0, 37, .rdx = TDR, .r8 = ~0ull).rax, 0);
    assert_int_equal(get_u64(fake, TDR), 0);
    assert_status("INFO into a PAMT",
                  run(fake, 0, 32, .rcx = PAMT_2M, .rdx = 1024, .r8 = PAMT_1G, .r9 = 32).rax, 0);
    assert_int_equal(fake->violations, 4);
    assert_status("RDALL elsewhere", run(fake, 0, 37, .rdx = FREE, .r8 = ~0ull).rax, 0);
    assert_int_equal(get_u64(fake, FREE) & 0xFFFF, 3128);
    assert_int_equal(fake->violations, 4);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wbinvd_rows),
        cmocka_unit_test(reclaim_rows),
        cmocka_unit_test(reclaim_while_locked),
        cmocka_unit_test(reclaim_large_page),
        cmocka_unit_test(reclaim_pool_page),
        cmocka_unit_test(reclaim_without_owner_is_fatal),
        cmocka_unit_test(cache_wb_refuses),
        cmocka_unit_test(cache_wb_interrupted),
        cmocka_unit_test(cache_wb_one_block_a_call),
        cmocka_unit_test(cache_wb_works_for_a_snapshot),
        cmocka_unit_test(cache_wb_beside_others),
        cmocka_unit_test(buffers_in_private_memory),
    };
    return cmocka_run_group_tests_name("soft_phymem", tests, NULL, NULL);
}
