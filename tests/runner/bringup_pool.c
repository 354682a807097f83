/* SPDX-License-Identifier: MIT */
/*
 * The extension pool and the start of the extensions, by the driver.
 *
 * EXT.MEM.ADD takes lists of at most 512 pages until MEMORY_POOL_REQUIRED_PAGES is 0 (Linux patch v2). When a
 * host interrupt is pending it returns INTERRUPTED_RESUMABLE, with the first slot not yet processed in RCX;
 * the host lets the interrupt in and passes RCX back as it came. EXT.INIT has no operands and is repeated as
 * it was. No page ever comes back, so all of it is unmapped and isolated in one block.
 *
 * With the monitor's help both are interrupted: EXT.MEM.ADD in the middle of its third list, EXT.INIT three
 * times.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/donate.h"
#include "kernel/paging.h"

#define INTERRUPT_AFTER 100 /* entries of the third list */

static void pool(struct test *test)
{
    bool injected = may_inject(test) && inject(test, (struct injection){.kind = MONITOR_INJECT_INTERRUPT,
                                                                        .leaf = TDH_EXT_MEM_ADD,
                                                                        .nth = 3,
                                                                        .value = INTERRUPT_AFTER});
    u64 resumable = injected ? monitor_count(test, MONITOR_COUNT_RESUMABLE) : 0;
    u64 calls = injected ? monitor_count(test, MONITOR_COUNTER_LEAF + TDH_EXT_MEM_ADD) : 0;
    if (!check_stage(test))
        return;
    const struct ext_pool *pool = &test->machine->host.pool;
    u64 lists = (pool->required + TDX_HPA_LIST_ENTRIES - 1) / TDX_HPA_LIST_ENTRIES;
    expect_value(test, pool->added, pool->required, "pages added", "as many as the module asked for");
    expect_value(test, pool->stranded, 0, "pages stranded", "none");
    expect_value(test, pool->batches, lists, "lists", "at most 512 pages in one list, no empty one");
    expect_value(test, pool->calls, pool->batches + pool->resumes, "calls",
                 "one for each list, and one for each resume");
    expect_value(test, required_pages(test), 0, "MEMORY_POOL_REQUIRED_PAGES", "nothing is missing any more");
    if (!injected)
        return;
    expect_at_least(test, pool->resumes, 1, "resumes", "an interrupt became pending in the third list");
    expect_value(test, monitor_count(test, MONITOR_COUNT_RESUMABLE) - resumable, pool->resumes,
                 "the monitor's count of INTERRUPTED_RESUMABLE",
                 "each is resumed once, none is resumed for nothing");
    expect_value(test, monitor_count(test, MONITOR_COUNTER_LEAF + TDH_EXT_MEM_ADD) - calls, pool->calls,
                 "the monitor's count of EXT.MEM.ADD", "the driver reports every call it makes");
    expect_true(test, inject_used_up(test), "the injection was used up");
}

static void ledger(struct test *test)
{
    const struct ext_pool *pool = &test->machine->host.pool;
    expect_value(test, donated_bytes(DONATION_EXT_POOL, DONATION_OWNED), pool->added * PAGE_SIZE,
                 "pool bytes in the ledger", "every page added is filed as the module's");
    expect_value(test, donated_bytes(DONATION_EXT_POOL, DONATION_OFFERED), 0, "pool bytes merely offered",
                 "none");
    expect_value(test, donated_bytes(DONATION_EXT_POOL, DONATION_STRANDED), 0, "pool bytes stranded", "none");
}

static bool is_contiguous(struct test *test)
{
    if (test->machine->host.pool.contiguous)
        return true;
    test_skip(test, "the pool isn't one block here: memory is too fragmented");
    return false;
}

static void unmapped(struct test *test)
{
    const struct ext_pool *pool = &test->machine->host.pool;
    if (!is_contiguous(test))
        return;
    for (u64 page = 0; page < pool->added; page++)
        if (direct_map_present(pa_add(pool->base, page * PAGE_SIZE))) {
            test_fail(test, "pool page 0x%lx is still in the direct map",
                      pa_raw(pool->base) + page * PAGE_SIZE);
            return;
        }
}

static void owner(struct test *test)
{
    const struct ext_pool *pool = &test->machine->host.pool;
    if (!is_contiguous(test))
        return;
    u64 base = pa_raw(pool->base), end = base + pool->added * PAGE_SIZE;
    expect_owner(test, base, end - base, MONITOR_OWNER_POOL, "EXT.MEM.ADD makes pages the module's");
    if (tdmr_holds(&test->machine->host.plan, end, PAGE_SIZE))
        expect_owner(test, end, PAGE_SIZE, MONITOR_OWNER_HOST, "the page behind the pool stays the host's");
    if (tdmr_holds(&test->machine->host.plan, base - PAGE_SIZE, PAGE_SIZE))
        expect_owner(test, base - PAGE_SIZE, PAGE_SIZE, MONITOR_OWNER_HOST, "the page in front of it, too");
}

/* The type of pool pages isn't public; that they aren't free any more is all that can be asked. */
static void not_free(struct test *test)
{
    const struct ext_pool *pool = &test->machine->host.pool;
    if (!is_contiguous(test))
        return;
    u64 step = max_u64(1, pool->added / 64);
    for (u64 page = 0; page < pool->added; page += step) {
        struct call call = read_page(pa_raw(pool->base) + page * PAGE_SIZE);
        if (!expect_status(test, &call, TDX_SUCCESS, "RDMD of a pool page") ||
            !expect_true(test, call.out.rcx != TDX_PAGE_NDA && call.out.rcx != TDX_PAGE_RSVD,
                         "a pool page is neither NDA nor RSVD"))
            return;
    }
}

static u64 resumes_of(u16 leaf)
{
    struct seamcall_stats stats = {0};
    seamcall_stats(leaf, &stats);
    return stats.resumes;
}

static void start(struct test *test)
{
    bool injected =
        may_inject(test) &&
        inject(test, (struct injection){.kind = MONITOR_INJECT_INTERRUPT, .leaf = TDH_EXT_INIT, .count = 3});
    u64 before = resumes_of(TDH_EXT_INIT);
    if (!check_stage(test) || !injected)
        return;
    expect_at_least(test, resumes_of(TDH_EXT_INIT) - before, 3, "resumes of EXT.INIT",
                    "interrupted three times");
    expect_true(test, inject_used_up(test), "the injection was used up");
}

static const struct test_case cases[] = {
    {"bringup.pool.step", SOURCE_PATCH, NEED_POOL, STEP_EXT_MEMORY, .run = pool},
    {"bringup.pool.ledger", SOURCE_PROJECT, NEED_POOL, STEP_EXT_START, .run = ledger},
    {"bringup.pool.unmapped", SOURCE_PROJECT, NEED_POOL, STEP_EXT_START, .run = unmapped},
    {"bringup.pool.owner", SOURCE_PROJECT, NEED_POOL | NEED_MONITOR, STEP_EXT_START, .run = owner},
    {"bringup.pool.not_free", SOURCE_INFERRED, NEED_POOL, STEP_EXT_START, TDH_PHYMEM_PAGE_RDMD,
     .run = not_free},
    {"bringup.ext_start.step", SOURCE_PATCH, NEED_POOL, STEP_EXT_START, .run = start},
};
CASE_TABLE(bringup_pool);
