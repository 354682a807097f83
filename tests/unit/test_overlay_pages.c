/* SPDX-License-Identifier: MIT */
/*
 * The overlay's pages: what it makes of the PAMT of the module below, whose leaves may run at the same time,
 * and how the pool comes back with a copy of that PAMT. An entry: lock in bits 15:0 (0 exclusive, 1 host
 * priority, 15:2 shared holders), type in 23:16, owner above; module 1.5.01, public source.
 */
#include "tests/unit/test_overlay.h"

#include <pthread.h>

/* ---- a page ---- */

static void pool_page_is_reserved_below(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    *entry_of(fake, POOL) = 0x0123456789000000; /* free; an owner of old is nobody's business */
    assert_status("add", add_pages(fake, POOL, 1).rax, 0);
    assert_int_equal(*entry_of(fake, POOL), 1 << 16);
    assert_int_equal(soft_page_owner(model_of(fake), POOL), SOFT_OWNER_POOL);
    assert_int_equal(fake->owner[POOL / PAGE_SIZE], SOFT_OWNER_POOL);
    struct soft_regs out = run(fake, 0, 24, .rcx = POOL);
    assert_true(out.rax == 0 && out.rcx == 16 && out.rdx == 0 && out.r8 == 0);
    assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = POOL, .rdx = 33).rax, NOT_FREE);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = POOL).rax, NOT_FREE);
    assert_status("WBINVD", run(fake, 0, 41, .rcx = POOL).rax, NOT_FREE);
    assert_status("a second time", add_pages(fake, POOL, 1).rax, NOT_FREE);
    assert_status("as a list", run(fake, 0, 61, .rcx = list_info(POOL, 0, 0)).rax, INVALID_RCX);
    assert_int_equal(missing(fake), POOL_PAGES - 1);
    free_overlay(fake);
}

/* What is the module's below stays so. */
static void pages_that_are_taken(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    struct tdx_tdmr_info info = template_tdmr();
    info.reserved[0] = (struct tdx_reserved_area){0x10000000, 0x100000};
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 1, QUOTE);
    assert_status("not initialised", add_pages(fake, POOL + 0x200000, 1).rax, OUTSIDE);
    initialise_tdmr(fake, info.base, info.size);
    assert_status("reserved", add_pages(fake, POOL, 1).rax, NOT_FREE);
    assert_int_equal(soft_page_owner(model_of(fake), POOL), SOFT_OWNER_HOST);
    assert_int_equal(run(fake, 0, 24, .rcx = POOL).rcx, 1);
    assert_status("a list there", run(fake, 0, 61, .rcx = list_info(POOL, 0, 0)).rax, OUTSIDE);
    assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = POOL + 0x200000, .rdx = 33).rax, 0);
    assert_status("a TDR", add_pages(fake, POOL + 0x200000, 1).rax, NOT_FREE);
    assert_int_equal(soft_page_owner(model_of(fake), POOL + 0x200000), SOFT_OWNER_CONTROL);
    assert_status("a TDR as a list", run(fake, 0, 61, .rcx = list_info(POOL + 0x200000, 0, 0)).rax,
                  INVALID_RCX);
    assert_status("a PAMT", add_pages(fake, PAMT_4K, 1).rax, OUTSIDE);
    assert_status("a PAMT as a list", run(fake, 0, 61, .rcx = list_info(PAMT_2M, 0, 0)).rax, INVALID_RCX);
    assert_int_equal(soft_page_owner(model_of(fake), PAMT_1G), SOFT_OWNER_PAMT);
    assert_int_equal(missing(fake), POOL_PAGES);
    free_overlay(fake);
}

static void entries_in_use(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    static const u64 locks[] = {1, 4, 5, 6};
    for (u32 i = 0; i < ARRAY_COUNT(locks); i++) {
        *entry_of(fake, POOL) = locks[i];
        assert_status("locked", add_pages(fake, POOL, 1).rax, BUSY_RCX);
        assert_int_equal(*entry_of(fake, POOL), locks[i]);
    }
    *entry_of(fake, POOL) = 2; /* free, and a host is to come before any guest */
    assert_status("host priority", add_pages(fake, POOL, 1).rax, 0);
    assert_int_equal(*entry_of(fake, POOL), 2 | 1 << 16);
    free_overlay(fake);
}

static void large_pages(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    u64 *entries[] = {entry(fake, PAMT_2M, 128), entry(fake, PAMT_1G, 0)}; /* above POOL */
    for (u32 i = 0; i < 2; i++) {
        *entries[i] = 3 << 16;
        assert_status("in a large page", add_pages(fake, POOL, 1).rax, NOT_FREE);
        assert_int_equal(soft_page_owner(model_of(fake), POOL), SOFT_OWNER_CONTROL);
        assert_int_equal(*entry_of(fake, POOL), 0);
        *entries[i] = 1;
        assert_status("in one that is being made", add_pages(fake, POOL, 1).rax, BUSY_RCX);
        assert_int_equal(*entry_of(fake, POOL), 0);
        *entries[i] = 4; /* somebody works on a neighbour */
        assert_status("beside others", add_pages(fake, POOL + 4096 * i, 1).rax, 0);
        *entries[i] = 0;
        *entry_of(fake, POOL) = 0;
    }
    free_overlay(fake);
}

/* Runs when the entry of level 1G is looked at for the first time: behind the look at level 2M. */
static void large_page_comes(struct fake *fake, u32 lp)
{
    (void)lp;
    *entry(fake, PAMT_2M, 128) = 3 << 16;
}

static void td_comes(struct fake *fake, u32 lp)
{
    struct soft_regs regs = {.rax = 9, .rcx = POOL, .rdx = 33};
    (void)lp;
    assert_int_equal(soft_call(fake->module, 1, &regs), SOFT_RETURNED);
    assert_status("MNG.CREATE", regs.rax, 0);
}

static void page_goes_in_between(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    put_list(fake, LIST, 0, 1, POOL);
    fake->hook = td_comes;
    fake->hook_map = PAMT_1G;
    assert_status("in between", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, BUSY_RCX);
    assert_int_equal(*entry_of(fake, POOL), 4 << 16);
    free_overlay(fake);
}

static void large_page_in_between(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    put_list(fake, LIST, 0, 1, POOL);
    fake->hook = large_page_comes;
    fake->hook_map = PAMT_1G;
    assert_status("in between", run(fake, 0, 61, .rcx = list_info(LIST, 0, 0)).rax, BUSY_RCX);
    assert_int_equal(*entry_of(fake, POOL), 0);
    free_overlay(fake);
}

/* ---- at the same time as the leaves of the module below ---- */

#define RACED_PAGES 24u /* fewer than there are KeyIDs for TDs */

struct racer {
    struct fake *fake;
    pthread_barrier_t *start; /* of each page */
    u32 lp;
    u64 won; /* pages, one bit each */
};

static u64 raw(const struct racer *racer, struct soft_regs regs)
{
    assert_int_equal(call_above(racer->fake, racer->lp, &regs), SOFT_RETURNED);
    return regs.rax;
}

/* Until somebody else has it */
static void race_for(struct racer *racer, u32 page, struct soft_regs regs)
{
    u64 status;
    pthread_barrier_wait(racer->start);
    do
        status = raw(racer, regs);
    while (status == BUSY_RCX);
    assert_true(status == 0 || status == NOT_FREE);
    racer->won |= (u64)(status == 0) << page;
}

static void *add_body(void *argument)
{
    struct racer *racer = argument;
    for (u32 i = 0; i < RACED_PAGES; i++) {
        put_u64(racer->fake, LIST, POOL + i * 4096);
        race_for(racer, i, (struct soft_regs){.rax = 61, .rcx = list_info(LIST, 0, 0)});
    }
    return NULL;
}

static void *create_body(void *argument)
{
    struct racer *racer = argument;
    for (u32 i = 0; i < RACED_PAGES; i++)
        race_for(racer, i, (struct soft_regs){.rax = 9, .rcx = POOL + i * 4096, .rdx = 33 + i});
    return NULL;
}

static void *look_body(void *argument)
{
    struct racer *racer = argument;
    for (u32 i = 0; i < RACED_PAGES * 8; i++)
        raw(racer, (struct soft_regs){.rax = 24, .rcx = POOL + i % RACED_PAGES * 4096});
    return NULL;
}

static void race(struct fake *fake, u64 *added, u64 *created)
{
    void *(*const bodies[])(void *) = {add_body, create_body, look_body, look_body};
    struct racer racers[4];
    pthread_t threads[4];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, 2);
    for (u32 i = 0; i < 4; i++) {
        racers[i] = (struct racer){.fake = fake, .start = &start, .lp = i};
        assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], &racers[i]), 0);
    }
    for (u32 i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&start);
    *added = racers[0].won;
    *created = racers[1].won;
}

/* Each page is somebody's, nobody's twice, and no lock is left. */
static void raced_pages(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    for (u32 round = 0; round < 20; round++) {
        u64 added, created;
        fake_reset_both(fake);
        reach_pool(fake, 1, QUOTE);
        race(fake, &added, &created);
        assert_int_equal(added ^ created, (1u << RACED_PAGES) - 1);
        for (u32 i = 0; i < RACED_PAGES; i++)
            assert_int_equal(*entry_of(fake, POOL + i * 4096) & 0xFFFFFF, (added >> i & 1 ? 1 : 4) << 16);
        assert_int_equal(*entry(fake, PAMT_2M, 128), 0);
        assert_int_equal(*entry(fake, PAMT_1G, 0), 0);
    }
    free_overlay(fake);
}

/* ---- TDMRs ---- */

static void two_tdmrs(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    struct tdx_tdmr_info first = template_tdmr(), second = template_tdmr();
    second.base = 0x180000000;
    second.pamt_4k_base = 0x210000000;
    second.pamt_2m_base = 0x210400000;
    second.pamt_1g_base = 0x210402000;
    put_tdmr(fake, 0, &first);
    put_tdmr(fake, 1, &second);
    reach_init_done(fake);
    assert_status(
        "SYS.CONFIG",
        run(fake, 0, 45 | 1 << 16, .rcx = TDMR_ARRAY, .rdx = 2, .r8 = MODULE_HKID, .r9 = QUOTE, .r10 = 0).rax,
        0);
    for (u32 lp = 0; lp < 4; lp += 2)
        assert_status("SYS.KEY.CONFIG", run(fake, lp, 31).rax, 0);
    initialise_tdmr(fake, second.base, second.size);
    put_u64(fake, LIST, second.base + 0x3FFFF000);
    put_u64(fake, LIST + 8, second.base);
    put_u64(fake, LIST + 16, POOL);
    struct soft_regs out = run(fake, 0, 61, .rcx = list_info(LIST, 0, 2));
    assert_status("the first TDMR isn't initialised", out.rax, OUTSIDE);
    assert_int_equal(out.rcx, list_info(LIST, 2, 2));
    initialise_tdmr(fake, first.base, first.size);
    assert_status("now it is", run(fake, 0, 61, .rcx = out.rcx).rax, 0);
    assert_int_equal(entry(fake, second.pamt_4k_base, 0x3FFFF)[0], 1 << 16);
    assert_int_equal(missing(fake), POOL_PAGES - 3);
    fake_reset_both(fake);
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    free_overlay(fake);
}

/* What stands behind a TDMR's PAMT is none of it. */
static void the_last_page(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    assert_status("EXT.MEM.ADD", add_pages(fake, 0x13FFFF000, 1).rax, 0);
    *entry(fake, PAMT_2M, 0) = 1 << 16;
    fake_reset_both(fake); /* the fake machine notices pages that are given back unasked */
    assert_int_equal(fake->owner[0x13FFFF000 / PAGE_SIZE], SOFT_OWNER_HOST);
    free_overlay(fake);
}

/* ---- back to an earlier state ---- */

static void there_and_back(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    struct soft_module *model = model_of(fake);
    void *saved = NULL;
    u8 *pamt = malloc(PAMT_SIZE), *owners = malloc(RAM_BYTES / PAGE_SIZE);
    assert_int_equal(posix_memalign(&saved, 64, soft_overlay_size()), 0);
    assert_status("some pages", add_pages(fake, POOL, 300).rax, 0);
    assert_status("one apart", add_pages(fake, POOL + 0x1000000, 1).rax, 0);
    soft_overlay_save(model, saved);
    memcpy(pamt, fake->ram + PAMT_4K, PAMT_SIZE);
    memcpy(owners, fake->owner, RAM_BYTES / PAGE_SIZE);
    assert_status("more", add_pages(fake, POOL + 300 * 4096, 212).rax, 0);
    assert_status("the rest", add_pages(fake, POOL + 0x2000000, 511).rax, 0);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    assert_int_equal(missing(fake), 0);
    soft_overlay_leave(model);
    for (u64 page = POOL / PAGE_SIZE; page < (POOL + 0x3000000) / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    memcpy(fake->ram + PAMT_4K, pamt, PAMT_SIZE);
    soft_overlay_restore(model, saved);
    assert_memory_equal(fake->owner, owners, RAM_BYTES / PAGE_SIZE);
    assert_int_equal(missing(fake), POOL_PAGES - 301);
    assert_status("once more", add_pages(fake, POOL, 1).rax, NOT_FREE);
    assert_status("not done any more", run(fake, 0, 60).rax, 0xC000050800000000);
    assert_status("a page that was taken later", add_pages(fake, POOL + 0x2000000, 1).rax, 0);
    free(saved);
    free(pamt);
    free(owners);
    free_overlay(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_page_is_reserved_below),
        cmocka_unit_test(pages_that_are_taken),
        cmocka_unit_test(entries_in_use),
        cmocka_unit_test(large_pages),
        cmocka_unit_test(large_page_in_between),
        cmocka_unit_test(page_goes_in_between),
        cmocka_unit_test(raced_pages),
        cmocka_unit_test(two_tdmrs),
        cmocka_unit_test(the_last_page),
        cmocka_unit_test(there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
