/* SPDX-License-Identifier: MIT */
/*
 * The soft module under real concurrency, one thread per LP: its locks only try, so every loser must get
 * exactly the busy status of its leaf, and repeating alone must succeed. Loops are bounded by count.
 */
#include "tests/unit/test_soft.h"

#include <pthread.h>

#define BOUND     10000000u
#define SYS_BUSY  0x8000020200000000ull
#define TDMR_BUSY 0x8000020000000001ull
#define LIST      0x20000000ull
#define POOL      0x110000000ull

struct worker {
    struct fake *fake;
    u32 lp;
    u64 successes, busy, others; /* results */
    u64 last_other;
    bool *stop;
};

static struct soft_regs raw(const struct worker *worker, u64 rax, struct soft_regs regs)
{
    regs.rax = rax;
    assert_int_equal(soft_call(worker->fake->module, worker->lp, &regs), SOFT_RETURNED);
    return regs;
}

static bool note(struct worker *worker, u64 status, u64 busy)
{
    worker->successes += status == 0;
    worker->busy += status == busy;
    if (status != 0 && status != busy) {
        worker->others++;
        worker->last_other = status;
    }
    return status == 0;
}

static void run_workers(struct fake *fake, struct worker *workers, u32 count, void *(*body)(void *))
{
    pthread_t threads[4];
    for (u32 i = 0; i < count; i++) {
        workers[i] = (struct worker){.fake = fake, .lp = i, .stop = workers[i].stop};
        assert_int_equal(pthread_create(&threads[i], NULL, body, &workers[i]), 0);
    }
    for (u32 i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    assert_null(soft_check(fake->module));
}

/* S1 */
static void *init_body(void *argument)
{
    struct worker *worker = argument;
    note(worker, raw(worker, 33, (struct soft_regs){0}).rax, SYS_BUSY);
    return NULL;
}

static void one_sys_init_succeeds(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    for (u32 round = 0; round < 50; round++) {
        struct worker workers[4] = {{0}};
        fake_reset(fake);
        run_workers(fake, workers, 4, init_body);
        u64 successes = 0;
        for (u32 i = 0; i < 4; i++) {
            successes += workers[i].successes;
            assert_true(workers[i].others == 0 || workers[i].last_other == 0xC000050000000000);
        }
        assert_int_equal(successes, 1);
    }
    fake_free(fake);
}

/* S2: LP 0 tries SYS.CONFIG until it works, the others retry LP.INIT while they see SYS_BUSY. */
static void *config_body(void *argument)
{
    struct worker *worker = argument;
    const struct soft_regs config = {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = MODULE_HKID};
    bool done = false;
    for (u32 i = 0; i < BOUND && !done; i++)
        done = note(worker, raw(worker, 35, (struct soft_regs){0}).rax, SYS_BUSY);
    for (u32 i = 0; i < BOUND && worker->lp == 0; i++)
        if (note(worker, raw(worker, 45, config).rax, SYS_BUSY))
            break;
    return NULL;
}

static void config_waits_for_every_lp(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    for (u32 round = 0; round < 50; round++) {
        struct worker workers[4] = {{0}};
        fake_reset(fake);
        assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
        run_workers(fake, workers, 4, config_body);
        assert_int_equal(workers[0].successes, 2);
        assert_true(workers[0].others == 0 || workers[0].last_other == 0xC000050C00000000);
        for (u32 i = 1; i < 4; i++)
            assert_true(workers[i].successes == 1 && workers[i].others == 0);
        assert_int_equal(soft_state(fake->module), SOFT_CONFIG_DONE);
    }
    fake_free(fake);
}

/* Every package exactly once */
static void *key_body(void *argument)
{
    struct worker *worker = argument;
    for (u32 i = 0; i < BOUND && worker->successes + worker->others == 0; i++)
        note(worker, raw(worker, 31, (struct soft_regs){0}).rax, SYS_BUSY);
    return NULL;
}

static void keys_once_per_package(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    for (u32 round = 0; round < 50; round++) {
        struct worker workers[4] = {{0}};
        fake_reset(fake);
        reach_config_done(fake, 0, 0);
        run_workers(fake, workers, 4, key_body);
        assert_int_equal(workers[0].successes + workers[1].successes, 1);
        assert_int_equal(workers[2].successes + workers[3].successes, 1);
        for (u32 i = 0; i < 4; i++)
            assert_true(!workers[i].others || workers[i].last_other == 0x0000081500000000 ||
                        workers[i].last_other == 0xC000050700000000);
        assert_int_equal(soft_state(fake->module), SOFT_READY);
    }
    fake_free(fake);
}

/* S5: 256 successes in all, the rest busy, then done */
static void *tdmr_body(void *argument)
{
    struct worker *worker = argument;
    for (u32 i = 0; i < BOUND && worker->others == 0; i++)
        note(worker, raw(worker, 36, (struct soft_regs){.rcx = 0x100000000}).rax, TDMR_BUSY);
    return NULL;
}

static void one_tdmr_takes_256_successes(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    struct worker workers[4] = {{0}};
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 0, 0);
    run_workers(fake, workers, 4, tdmr_body);
    u64 successes = 0;
    for (u32 i = 0; i < 4; i++) {
        successes += workers[i].successes;
        assert_int_equal(workers[i].last_other, 0x00000A0300000000);
    }
    assert_int_equal(successes, 256);
    fake_free(fake);
}

/* Three LPs give a third of the pool each, the fourth reads metadata: busy or a whole answer, never half of
 * one. */
static void *pool_body(void *argument)
{
    struct worker *worker = argument;
    u64 page = POOL + worker->lp * 0x1000000ull;
    if (worker->lp == 3) {
        for (u32 i = 0; i < BOUND && !__atomic_load_n(worker->stop, __ATOMIC_ACQUIRE); i++) {
            struct soft_regs out = raw(worker, 24, (struct soft_regs){.rcx = POOL + i % 512 * 4096});
            bool whole = out.rax == TDMR_BUSY ? out.rcx == 0 : out.rcx == 0 || out.rcx == 16;
            note(worker, whole ? out.rax : 1, TDMR_BUSY);
        }
        return NULL;
    }
    u64 rcx = (LIST + worker->lp * 4096) | 511ull << 55;
    for (u32 i = 0; i < 512; i++)
        put_u64(worker->fake, LIST + worker->lp * 4096 + i * 8, page + i * 4096);
    for (u32 i = 0; i < BOUND && worker->successes == 0 && worker->others == 0; i++) {
        struct soft_regs out = raw(worker, 61, (struct soft_regs){.rcx = rcx});
        if (out.rax == TDMR_BUSY) /* the reader held an entry: go on where it stopped */
            rcx = out.rcx;
        else
            note(worker, out.rax, SYS_BUSY);
    }
    if (worker->lp == 0)
        __atomic_store_n(worker->stop, true, __ATOMIC_RELEASE);
    return NULL;
}

static void pool_from_three_lps(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    bool stop = false;
    struct worker workers[4] = {{.stop = &stop}, {.stop = &stop}, {.stop = &stop}, {.stop = &stop}};
    assert_true(soft_knob_set(&fake->knobs, "quote_pages=1536"));
    fake_reset(fake);
    reach_pool(fake, 1, 1ull << 50);
    run_workers(fake, workers, 4, pool_body);
    for (u32 i = 0; i < 3; i++)
        assert_true(workers[i].successes == 1 && workers[i].others == 0);
    assert_int_equal(workers[3].others, 0);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000200000000).r8, 0);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    fake_free(fake);
}

/* ---- pages and TDs: concurrency rules 11 to 13 and 15 of module 1.5.01 ---- */

#define TDR      0x100100000ull
#define TDCX     0x100200000ull
#define CHILDREN 9u
#define KOT_BUSY 0x80000200000000BAull
#define WB_BUSY  0x80000200000000BCull
#define TDR_BUSY 0x8000020000000080ull

static struct fake *with_tds(u32 count)
{
    struct fake *fake = fake_new("1.5.01");
    reach_pool(fake, 0, 0);
    for (u32 i = 0; i < count; i++)
        assert_status("CREATE", run(fake, 0, 9, .rcx = TDR + i * PAGE_SIZE, .rdx = 33 + i).rax, 0);
    return fake;
}

/* S8: four LPs want one KeyID; each has its own page. */
static void *create_body(void *argument)
{
    struct worker *worker = argument;
    const struct soft_regs create = {.rcx = TDR + worker->lp * PAGE_SIZE, .rdx = 33};
    for (u32 i = 0; i < BOUND && worker->successes + worker->others == 0; i++)
        note(worker, raw(worker, 9, create).rax, KOT_BUSY);
    return NULL;
}

static void one_td_gets_the_keyid(void **state)
{
    (void)state;
    struct fake *fake = with_tds(0);
    for (u32 round = 0; round < 50; round++) {
        struct worker workers[4] = {{0}};
        u64 successes = 0;
        run_workers(fake, workers, 4, create_body);
        for (u32 i = 0; i < 4; i++) {
            u64 tdr = TDR + i * PAGE_SIZE;
            successes += workers[i].successes;
            assert_true(workers[i].successes || workers[i].last_other == 0xC000082000000000);
            if (!workers[i].successes)
                continue;
            assert_status("VPFLUSHDONE", run(fake, 0, 19, .rcx = tdr).rax, 0);
            assert_status("CACHE.WB", run(fake, 0, 40, .rcx = 0).rax, 0);
            assert_status("CACHE.WB", run(fake, 2, 40, .rcx = 0).rax, 0);
            assert_status("FREEID", run(fake, 0, 20, .rcx = tdr).rax, 0);
            assert_status("RECLAIM", run(fake, 0, 28, .rcx = tdr).rax, 0);
        }
        assert_int_equal(successes, 1);
    }
    fake_free(fake);
}

/* Rule 11: each package writes back for itself; beside it a fourth LP wants the KOT exclusively. */
static void *write_back_body(void *argument)
{
    struct worker *worker = argument;
    if (worker->lp == 3) {
        for (u32 i = 0; i < BOUND && worker->successes + worker->others == 0; i++)
            note(worker, raw(worker, 9, (struct soft_regs){.rcx = TDCX, .rdx = 60}).rax, KOT_BUSY);
        return NULL;
    }
    for (u32 i = 0; i < BOUND && worker->successes + worker->others == 0; i++) {
        u64 status = raw(worker, 40, (struct soft_regs){.rcx = 0}).rax;
        note(worker, status == WB_BUSY ? KOT_BUSY : status, KOT_BUSY);
    }
    return NULL;
}

static void write_back_on_all_packages(void **state)
{
    (void)state;
    for (u32 round = 0; round < 20; round++) {
        struct fake *fake = with_tds(1);
        struct worker workers[4] = {{0}};
        assert_status("VPFLUSHDONE", run(fake, 0, 19, .rcx = TDR).rax, 0);
        run_workers(fake, workers, 4, write_back_body);
        for (u32 i = 0; i < 4; i++)
            assert_true(workers[i].successes == 1 && workers[i].others == 0);
        assert_int_equal(fake->blocks[0] + fake->blocks[1], 32); /* LPs 0 and 1 did the same twice */
        assert_int_equal(fake->blocks[2], 16);
        assert_status("FREEID", run(fake, 0, 20, .rcx = TDR).rax, 0);
        fake_free(fake);
    }
}

/* Rule 12: what is interrupted all the time clears no bit before it is through. */
static bool always_pending(void *context, u32 lp, u32 done)
{
    (void)context;
    (void)lp;
    (void)done;
    return true;
}

static void *interrupted_body(void *argument)
{
    struct worker *worker = argument;
    struct soft_module *module = worker->fake->module;
    u32 package = 1u << module->lps[worker->lp].package;
    if (worker->lp % 2)
        return NULL;
    u64 status = raw(worker, 40, (struct soft_regs){.rcx = 0}).rax;
    for (u32 i = 0; i < BOUND && status == TDX_INTERRUPTED_RESUMABLE; i++) {
        if (!(__atomic_load_n(&module->kot_packages[33], __ATOMIC_ACQUIRE) & package))
            worker->others++;
        status = raw(worker, 40, (struct soft_regs){.rcx = 1}).rax;
    }
    note(worker, status, KOT_BUSY);
    return NULL;
}

static void interrupted_write_back_clears_nothing(void **state)
{
    (void)state;
    struct fake *fake = with_tds(1);
    struct worker workers[4] = {{0}};
    fake->module->platform.interrupt_pending = always_pending;
    assert_status("VPFLUSHDONE", run(fake, 0, 19, .rcx = TDR).rax, 0);
    run_workers(fake, workers, 4, interrupted_body);
    for (u32 i = 0; i < 4; i += 2) {
        assert_true(workers[i].successes == 1 && workers[i].others == 0);
        assert_int_equal(fake->blocks[i], 16);
    }
    assert_int_equal(fake->module->kot_packages[33], 0);
    assert_status("FREEID", run(fake, 0, 20, .rcx = TDR).rax, 0);
    fake_free(fake);
}

/* Rules 13 and 15: three LPs reclaim a third of the children each, the fourth reads all pages' metadata. */
static void *reclaim_body(void *argument)
{
    struct worker *worker = argument;
    u64 wanted = CHILDREN / 3;
    if (worker->lp == 3) {
        for (u32 i = 0; i < BOUND && !__atomic_load_n(worker->stop, __ATOMIC_ACQUIRE); i++) {
            struct soft_regs out =
                raw(worker, 24, (struct soft_regs){.rcx = TDCX + i % CHILDREN * PAGE_SIZE});
            bool whole = out.rax == TDMR_BUSY ? out.rcx == 0 : out.rcx == 0 || out.rcx == 5;
            note(worker, whole ? out.rax : 1, TDMR_BUSY);
        }
        return NULL;
    }
    for (u32 i = 0; i < BOUND && worker->successes < wanted && worker->others == 0; i++) {
        u64 page = TDCX + (worker->lp + 3 * worker->successes) * PAGE_SIZE;
        u64 status = raw(worker, 28, (struct soft_regs){.rcx = page}).rax;
        note(worker, status == TDMR_BUSY ? TDR_BUSY : status, TDR_BUSY);
    }
    if (worker->lp == 0)
        __atomic_store_n(worker->stop, true, __ATOMIC_RELEASE);
    return NULL;
}

static void children_are_counted_exactly(void **state)
{
    (void)state;
    for (u32 round = 0; round < 20; round++) {
        bool stop = false;
        struct fake *fake = with_tds(1);
        struct worker workers[4] = {{.stop = &stop}, {.stop = &stop}, {.stop = &stop}, {.stop = &stop}};
        void *snapshot = aligned_alloc(64, align_up(soft_snapshot_size(), 64));
        run(fake, 0, 8, .rcx = TDR);
        run(fake, 2, 8, .rcx = TDR);
        for (u32 i = 0; i < CHILDREN; i++)
            assert_status("ADDCX", run(fake, 0, 1, .rcx = TDCX + i * PAGE_SIZE, .rdx = TDR).rax, 0);
        run(fake, 0, 19, .rcx = TDR);
        run(fake, 0, 40, .rcx = 0);
        run(fake, 2, 40, .rcx = 0);
        assert_status("FREEID", run(fake, 0, 20, .rcx = TDR).rax, 0);
        assert_true(soft_snapshot(fake->module, snapshot));
        u64 print = soft_footprint(fake->module);
        assert_status("too early", run(fake, 0, 28, .rcx = TDR).rax, 0xC000040000000000);
        run_workers(fake, workers, 4, reclaim_body);
        for (u32 i = 0; i < 3; i++)
            assert_true(workers[i].successes == CHILDREN / 3 && workers[i].others == 0);
        assert_int_equal(workers[3].others, 0);
        u64 after = soft_footprint(fake->module);
        assert_true(soft_restore(fake->module, snapshot)); /* what was noted in any order leads back */
        assert_null(soft_check(fake->module));
        assert_true(soft_footprint(fake->module) == print);
        for (u32 i = 0; i < CHILDREN; i++)
            assert_status("RECLAIM", run(fake, 0, 28, .rcx = TDCX + i * PAGE_SIZE).rax, 0);
        assert_true(soft_footprint(fake->module) == after);
        assert_status("RECLAIM TDR", run(fake, 0, 28, .rcx = TDR).rax, 0);
        free(snapshot);
        fake_free(fake);
    }
}

/* Four LPs give pairs for one region and take them back, from pages of one region: never two at once. */
static void *pair_body(void *argument)
{
    struct worker *worker = argument;
    struct soft_regs add = {
        .rcx = 0x100200001, .rdx = POOL + worker->lp * 0x2000, .r8 = POOL + worker->lp * 0x2000 + 0x1000};
    for (u32 i = 0; i < 300; i++) {
        u64 status = raw(worker, 58, add).rax;
        if (status == 0) {
            struct soft_regs out;
            u32 tries = 0;
            do
                out = raw(worker, 59, (struct soft_regs){.rcx = add.rcx});
            while (out.rax == TDMR_BUSY && tries++ < BOUND);
            if (out.rax == 0 && out.rdx == add.rdx && out.r8 == add.r8)
                worker->successes++;
            else
                worker->others++;
        } else if (status != TDMR_BUSY && status != 0xC000030400000001 && status != 0x8000020000000002) {
            worker->others++;
            worker->last_other = status;
        }
    }
    return NULL;
}

static void pairs_exclude_one_another(void **state)
{
    (void)state;
    struct fake *fake = fake_new("dpamt");
    struct tdx_tdmr_info info = template_tdmr();
    struct worker workers[4] = {{0}};
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("CONFIG", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 1 << 16 | MODULE_HKID).rax,
                  0);
    run(fake, 0, 31);
    run(fake, 2, 31);
    initialise_tdmr(fake, info.base, info.size);
    run_workers(fake, workers, 4, pair_body);
    u64 successes = 0;
    for (u32 i = 0; i < 4; i++) {
        assert_int_equal(workers[i].others, 0);
        successes += workers[i].successes;
    }
    assert_true(successes > 0);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(fake->owner[POOL / PAGE_SIZE + i], SOFT_OWNER_HOST);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sys_init_succeeds),
        cmocka_unit_test(config_waits_for_every_lp),
        cmocka_unit_test(keys_once_per_package),
        cmocka_unit_test(one_tdmr_takes_256_successes),
        cmocka_unit_test(pool_from_three_lps),
        cmocka_unit_test(one_td_gets_the_keyid),
        cmocka_unit_test(write_back_on_all_packages),
        cmocka_unit_test(interrupted_write_back_clears_nothing),
        cmocka_unit_test(children_are_counted_exactly),
        cmocka_unit_test(pairs_exclude_one_another),
    };
    return cmocka_run_group_tests_name("soft_threads", tests, NULL, NULL);
}
