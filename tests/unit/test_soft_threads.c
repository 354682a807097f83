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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sys_init_succeeds), cmocka_unit_test(config_waits_for_every_lp),
        cmocka_unit_test(keys_once_per_package), cmocka_unit_test(one_tdmr_takes_256_successes),
        cmocka_unit_test(pool_from_three_lps),
    };
    return cmocka_run_group_tests_name("soft_threads", tests, NULL, NULL);
}
