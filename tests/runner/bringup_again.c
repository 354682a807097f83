/* SPDX-License-Identifier: MIT */
/*
 * A second life, by the monitor's reset: what a module can be asked only if it needn't survive.
 *
 * Reset takes the module back to INIT_PENDING and gives the host all its memory, contents junk; the driver's
 * ledger takes it back on the path that SYS.DISABLE uses, too. Then: SYS.CONFIG with one LP missing
 * (module 1.5.01, CONFIG check 3), and EXT.MEM.ADD by hand, interrupted after an exact number of entries.
 *
 * The patch says that RCX comes back with the first slot not yet processed, that the list is resumed by
 * passing RCX back, and that the pages in front of it are the module's. Inferred from that: nothing else in
 * RCX changes; an interrupt that comes at once makes no progress and no harm; the resumed call may come from
 * another LP; a list begun anew stumbles over its own pages; a page given twice is refused the second time;
 * what is over the demand is an informational status (EXT_MEMORY_POOL_FULL, whose number isn't public).
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/donate.h"
#include "drivers/tdx/hpa_list.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
#include "kernel/traps.h"
#include "lib/log.h"
#include "lib/string.h"
#include "tests/runner/pages.h"
#include "tests/runner/ticker.h"

#define STORM_US     50
#define PINGS_MAX_US (20ull * 1000 * 1000)
#define PINGED_PAGES 256
#define PINGED_LISTS 16

/* ---- reset ---- */

static void reset(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    u64 resets = monitor_value(test, MONITOR_MSR_RESET), donated = ledger_bytes(DONATION_KINDS);
    if (!check_stage(test))
        return;
    expect_value(test, monitor_value(test, MONITOR_MSR_RESET), resets + 1, "resets",
                 "the monitor counts them");
    expect_value(test, test->machine->taken_back, donated, "bytes taken back",
                 "all that had been handed over");
    for (u32 i = 0; i < host->plan.pamt_block_count; i++) {
        expect_owner(test, host->plan.pamt_blocks[i].base, host->plan.pamt_blocks[i].size, MONITOR_OWNER_HOST,
                     "after a reset PAMT memory is the host's");
        expect_true(test, direct_map_present(pa_of(host->plan.pamt_blocks[i].base)),
                    "and back in the direct map");
    }
    memory_lock();
    expect_value(test, contig_total(memory_pool(), CONTIG_RETIRED), 0, "bytes given up",
                 "the allocator has them back");
    memory_unlock();
    struct call call = call_leaf(TDH_SYS_LP_INIT, call_marked());
    expect_status(test, &call, TDX_SYS_LP_INIT_NOT_PENDING, "after a reset the state is INIT_PENDING");
}

static void expect_writable(struct test *test, u64 page)
{
    volatile u64 *address = phys_to_virt(pa_of(page));
    u64 value = 0;
    expect_true(test,
                probe_write(address, page) == FAULT_NONE && probe_read(address, &value) == FAULT_NONE &&
                    value == page,
                "memory that came back is ordinary memory");
}

static void memory_is_back(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    for (u32 i = 0; i < host->plan.pamt_block_count; i++)
        expect_writable(test, host->plan.pamt_blocks[i].base);
    if (host->pool.contiguous && host->pool.added)
        expect_writable(test, pa_raw(host->pool.base));
}

/* ---- an LP missing ---- */

static void config_without_last_lp(struct test *test)
{
    struct call call = call_leaf(TDH_SYS_CONFIG, call_marked());
    expect_status(test, &call, TDX_SYS_CONFIG_NOT_PENDING,
                  "CONFIG check 3: one LP is missing, operands not looked at");
    const struct seamcall_args first = {.rdx = TDX_FIELD_NULL};
    call = call_leaf_on(0, TDH_SYS_RD, first);
    expect_status(test, &call, TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT,
                  "SYS.RD works on an LP that is initialised");
    call = call_leaf_on(cpu_count() - 1, TDH_SYS_RD, first);
    expect_status(test, &call, TDX_SYS_LP_INIT_NOT_DONE, "SYS.RD check 1: not on the one that isn't");
}

/* All LPs but the last, released by a barrier: LP.INIT takes nothing that one LP could hold from another. */
static void lp_init_at_once(struct test *test)
{
    u64 before = monitor_count(test, MONITOR_COUNT_BUSY);
    if (!check_stage(test))
        return;
    expect_value(test, monitor_count(test, MONITOR_COUNT_BUSY) - before, 0, "busy answers",
                 "LP.INIT may run on all LPs at once");
    for (u32 cpu = 0; cpu < cpu_count() - 1; cpu++) {
        struct call call = call_leaf_on(cpu, TDH_SYS_LP_INIT, call_marked());
        if (!expect_status(test, &call, TDX_SYS_LP_INIT_DONE, "each of them is initialised"))
            return;
    }
}

static void tdmrs(struct test *test)
{
    u64 flushed = donated_flushed_lines();
    if (!check_stage(test))
        return;
    expect_true(
        test, memcmp(&test->machine->host.sysinfo, &test->machine->sysinfo, sizeof(struct tdx_sysinfo)) == 0,
        "the module says the same of itself in both lives");
    expect_flushed(test, flushed, test->machine->host.plan.pamt_bytes);
}

/* ---- lists by hand ---- */

struct hand {
    struct test *test;
    u64 base, count, missing;
    u64 info; /* RCX of the first call */
};

/* Pages handed over as the driver does it, in a list; false after a verdict. */
static bool hand_over(struct hand *hand, struct test *test, u64 count)
{
    *hand = (struct hand){test, machine_take_pages(test->machine, count), count, required_pages(test), 0};
    if (hand->missing < count && count > 1) {
        test_skip(test, "the module misses only %lu pages, this takes %lu", hand->missing, count);
        return false;
    }
    if (!hand->base) {
        test_error(test, "no %lu pages of TDX memory", count);
        return false;
    }
    donate(pa_of(hand->base), count * PAGE_SIZE, DONATION_EXT_POOL);
    hand->info = hand_list_fill(hand->base, count);
    return test->verdict == VERDICT_PASS;
}

/* The first taken pages are the module's, and it misses so many fewer. */
static bool expect_progress(const struct hand *hand, u64 taken, const char *rule)
{
    return expect_value(hand->test, required_pages(hand->test), hand->missing - taken,
                        "MEMORY_POOL_REQUIRED_PAGES", rule) &
           expect_taken(hand->test, hand->base, hand->count, taken, rule);
}

static bool expect_interrupted(const struct hand *hand, const struct call *call, u64 first, const char *rule)
{
    struct seamcall_args out = call->in;
    out.rcx = (hand->info & ~TDX_HPA_LIST_FIRST_MASK) | first << TDX_HPA_LIST_FIRST_SHIFT;
    return expect_status(hand->test, call, TDX_INTERRUPTED_RESUMABLE, rule) &
           expect_outputs(hand->test, call, &out, rule);
}

static void settle(const struct hand *hand, u64 taken)
{
    if (taken)
        donate_settle(pa_of(hand->base), taken * PAGE_SIZE, DONATION_OWNED);
    if (taken < hand->count)
        donate_settle(pa_of(hand->base + taken * PAGE_SIZE), (hand->count - taken) * PAGE_SIZE,
                      DONATION_STRANDED);
    hand->test->machine->pool_pages_by_hand += taken;
}

static bool interrupt_after(struct test *test, u64 entries)
{
    return inject(test, (struct injection){
                            .kind = MONITOR_INJECT_INTERRUPT, .leaf = TDH_EXT_MEM_ADD, .value = entries});
}

/* Interrupted after so many entries, then resumed with what came back. */
static void interrupted_at(struct test *test, u64 count, u64 entries, u32 resuming_cpu)
{
    struct hand hand;
    if (!hand_over(&hand, test, count) || !interrupt_after(test, entries))
        return;
    struct call call = mem_add(hand.info);
    expect_interrupted(&hand, &call, entries, "RCX comes back with the first slot not yet processed");
    expect_progress(&hand, entries, "pages in front of the first slot are the module's, the others aren't");
    struct seamcall_args again = call.out;
    call = call_leaf_on(resuming_cpu, TDH_EXT_MEM_ADD, again);
    expect_status(test, &call, TDX_SUCCESS, "the list is resumed by passing RCX back");
    expect_progress(&hand, count, "the resumed call takes the rest, each page once");
    settle(&hand, call.status == TDX_SUCCESS ? count : 0);
}

static void resumes_at_entry(struct test *test)
{
    interrupted_at(test, 8, 3, 0);
}

static void resumes_at_last_entry(struct test *test)
{
    interrupted_at(test, TDX_HPA_LIST_ENTRIES, TDX_HPA_LIST_ENTRIES - 1, 0);
}

static void no_progress(struct test *test)
{
    interrupted_at(test, 4, 0, 0);
}

static void resumes_on_another_lp(struct test *test)
{
    interrupted_at(test, 8, 5, cpu_count() - 1);
}

static const u64 page_not_free[] = {S_PAGE_NOT_FREE, S_PAGE_METADATA_INCORRECT, S_OPERAND_INVALID,
                                    S_OPERAND_BUSY};

/* Each call of three is interrupted on its own, after two more entries. */
static void resumes_in_a_row(struct test *test)
{
    struct hand hand;
    if (!hand_over(&hand, test, 8) ||
        !inject(test, (struct injection){
                          .kind = MONITOR_INJECT_INTERRUPT, .leaf = TDH_EXT_MEM_ADD, .count = 3, .value = 2}))
        return;
    struct call call = mem_add(hand.info);
    for (u64 taken = 2; taken <= 6; taken += 2) {
        expect_interrupted(&hand, &call, taken, "each call gets as far as its own interrupt lets it");
        expect_progress(&hand, taken, "pages in front of the first slot are the module's");
        call = mem_add(call.out.rcx);
    }
    expect_status(test, &call, TDX_SUCCESS, "the fourth call isn't interrupted");
    expect_true(test, inject_used_up(test), "three calls were");
    expect_progress(&hand, 8, "the list comes to its end");
    settle(&hand, call.status == TDX_SUCCESS ? 8 : 0);
}

/* The driver's classic mistake: resuming with the original operand. */
static void begun_anew(struct test *test)
{
    struct hand hand;
    if (!hand_over(&hand, test, 6) || !interrupt_after(test, 2))
        return;
    struct call interrupted = mem_add(hand.info);
    expect_interrupted(&hand, &interrupted, 2, "RCX comes back with the first slot not yet processed");
    struct call call = mem_add(hand.info);
    expect_status_among(test, &call, page_not_free, ARRAY_COUNT(page_not_free),
                        "the first page is the module's already");
    expect_progress(&hand, 2, "a list begun anew takes nothing");
    call = mem_add(interrupted.out.rcx);
    expect_status(test, &call, TDX_SUCCESS, "the right operand still works");
    expect_progress(&hand, 6, "the resumed call takes the rest");
    settle(&hand, call.status == TDX_SUCCESS ? 6 : 0);
}

/* Whether the first of two equal entries was taken isn't known; that the books agree is. */
static void page_twice(struct test *test)
{
    struct hand hand;
    if (!hand_over(&hand, test, 1))
        return;
    hand_list.phys[1] = hand.base;
    struct call call = mem_add(hand_list_info(0, 1));
    expect_status_among(test, &call, page_not_free, ARRAY_COUNT(page_not_free), "a page twice in one list");
    u64 taken = hand.missing - required_pages(test);
    expect_true(test, taken <= 1, "one page is at most one page");
    expect_progress(&hand, taken & 1, "the demand and the page's owner agree");
    settle(&hand, taken & 1);
}

static void pool_page_again(struct test *test)
{
    struct hand hand;
    if (!hand_over(&hand, test, 2))
        return;
    struct call call = mem_add(hand.info);
    expect_status(test, &call, TDX_SUCCESS, "a list of two pages");
    call = mem_add(hand.info);
    expect_status_among(test, &call, page_not_free, ARRAY_COUNT(page_not_free),
                        "pool pages can't be given again");
    expect_progress(&hand, 2, "a refused list takes nothing");
    settle(&hand, 2);
}

static void short_pool(struct test *test)
{
    u64 missing = required_pages(test);
    struct call call = call_leaf(TDH_EXT_INIT, call_marked());
    expect_at_least(test, missing, 1, "missing pages", "the pool is begun, not full");
    expect_true(test,
                (call.status & TDX_STATUS_ERROR) &&
                    (call.status & TDX_STATUS_MASK) != TDX_INTERRUPTED_RESUMABLE,
                "EXT.INIT on a pool that is short is refused");
    expect_value(test, required_pages(test), missing, "MEMORY_POOL_REQUIRED_PAGES",
                 "a refused EXT.INIT changes nothing");
}

static void query(struct test *test)
{
    if (check_stage(test))
        expect_value(test, test->machine->host.demand.pages,
                     test->machine->demand.pages - test->machine->pool_pages_by_hand, "the driver's demand",
                     "MEMORY_POOL_REQUIRED_PAGES counts the pages still missing");
}

/* ---- interrupts from another LP ---- */

static struct pings {
    volatile bool stop;
    u64 sent;
} pings;

/* With changing pauses, so that on a slow machine, too, some calls get past their first entry. */
static void send_pings(void *arg)
{
    struct pings *to = arg;
    deadline_t deadline = deadline_after_us(PINGS_MAX_US);
    for (; !to->stop && !deadline_passed(deadline); to->sent++) {
        ipi_send(0, VECTOR_PING);
        clock_delay_us(10ull << to->sent % 7);
    }
}

/* Another LP is sending when this returns. */
static bool pings_start(struct test *test)
{
    pings = (struct pings){0};
    u64 before = ipi_received(0);
    deadline_t deadline = deadline_after_us(PINGS_MAX_US);
    bool started = smp_start_on(cpu_count() - 1, send_pings, &pings);
    while (started && ipi_received(0) == before && !deadline_passed(deadline))
        ;
    return expect_true(test, started && ipi_received(0) > before, "an IPI from another LP arrives");
}

static bool pings_stop(struct test *test)
{
    pings.stop = true;
    return expect_true(test, smp_wait_for(cpu_count() - 1, PINGS_MAX_US), "the LP that sent IPIs comes back");
}

static u64 entries_taken(const struct seamcall_args *args)
{
    return hpa_list_first_entry(args->rcx);
}

/* One list as the driver hands it over, while another LP sends IPIs; *made counts calls and resumes. */
static bool list_in_pings(struct test *test, struct resume *made)
{
    struct hand hand;
    if (!hand_over(&hand, test, PINGED_PAGES))
        return false;
    struct seamcall_args args = {.rcx = hand.info};
    struct resume resume = {.max_attempts = 100000, .max_us = PINGS_MAX_US};
    u64 status = TDX_SW_ERROR;
    if (pings_start(test))
        status = seamcall_resume_outputs(TDH_EXT_MEM_ADD, &args, entries_taken, &resume);
    pings_stop(test);
    settle(&hand, status == TDX_SUCCESS ? PINGED_PAGES : 0);
    made->attempts += resume.attempts;
    made->resumes += resume.resumes;
    return expect_value(test, status, TDX_SUCCESS, "the status of the last call",
                        "every list comes to its end") &
           expect_progress(&hand, PINGED_PAGES,
                           "each page is taken once, however often the call was resumed");
}

/* Lists until one was interrupted: when an IPI arrives is the machine's business. */
static void mem_add_in_pings(struct test *test)
{
    struct resume made = {0};
    u64 resumable = monitor_count(test, MONITOR_COUNT_RESUMABLE);
    u64 calls = monitor_count(test, MONITOR_COUNTER_LEAF + TDH_EXT_MEM_ADD);
    u32 lists = 0;
    while (lists < PINGED_LISTS && (lists < 3 || made.resumes == 0)) {
        lists++;
        if (!list_in_pings(test, &made))
            return;
    }
    log_line("%u lists of %u pages under IPIs: %lu calls, %lu resumed", lists, PINGED_PAGES, made.attempts,
             made.resumes);
    expect_value(test, monitor_count(test, MONITOR_COUNT_RESUMABLE) - resumable, made.resumes,
                 "the monitor's count of INTERRUPTED_RESUMABLE", "each was resumed once");
    expect_value(test, monitor_count(test, MONITOR_COUNTER_LEAF + TDH_EXT_MEM_ADD) - calls, made.attempts,
                 "the monitor's count of EXT.MEM.ADD", "one call for each list and each resume");
    expect_value(test, made.attempts, lists + made.resumes, "calls", "one for each list and each resume");
    if (made.resumes == 0)
        test_skip(test, "no IPI arrived while one of %u lists was being taken", lists);
}

/* Timer interrupts all the while, and on top an interrupt "pending" at once, five calls in a row. */
static void pool_in_a_storm(struct test *test)
{
    if (!inject(test, (struct injection){
                          .kind = MONITOR_INJECT_INTERRUPT, .leaf = TDH_EXT_MEM_ADD, .nth = 2, .count = 5}))
        return;
    u64 flushed = donated_flushed_lines();
    storm_start_timer(0, STORM_US);
    bool done = check_stage(test);
    u64 interrupts = storm_stop();
    if (!done)
        return;
    const struct ext_pool *pool = &test->machine->host.pool;
    log_line("storm: %lu interrupts, %lu resumes in %u lists", interrupts, pool->resumes, pool->batches);
    expect_at_least(test, pool->resumes, 5, "resumes",
                    "five injected interrupts, and what the storm brought");
    expect_value(test, pool->calls, pool->batches + pool->resumes, "calls",
                 "one for each list, and one for each resume");
    expect_value(test, pool->added, pool->required, "pages added", "a storm loses nothing");
    expect_value(test, required_pages(test), 0, "MEMORY_POOL_REQUIRED_PAGES", "nothing is missing");
    expect_flushed(test, flushed, pool->added * PAGE_SIZE);
    if (pool->contiguous)
        expect_owner(test, pa_raw(pool->base), pool->added * PAGE_SIZE, MONITOR_OWNER_POOL,
                     "all pages are the module's");
}

static void one_page_too_many(struct test *test, const char *rule, bool may_be_refused)
{
    struct hand hand;
    if (!hand_over(&hand, test, 1))
        return;
    struct call call = mem_add(hand.info);
    bool informational = !(call.status & TDX_STATUS_ERROR) && call.status != TDX_SUCCESS;
    bool refused =
        (call.status & TDX_STATUS_ERROR) && (call.status & TDX_STATUS_MASK) != TDX_INTERRUPTED_RESUMABLE;
    if (!expect_true(test, informational || (may_be_refused && refused), rule))
        call_log(&call);
    expect_value(test, required_pages(test), 0, "MEMORY_POOL_REQUIRED_PAGES",
                 "nothing was missing, nothing is");
    settle(&hand, 0);
}

static void over_supply(struct test *test)
{
    one_page_too_many(test, "one page more than required: EXT_MEMORY_POOL_FULL, a success class", false);
}

static void mem_add_after_init(struct test *test)
{
    one_page_too_many(test, "EXT.MEM.ADD after EXT.INIT is refused, or says that the pool is full", true);
}

/* Whatever the answer, once is enough and nothing changes. */
static void init_twice(struct test *test)
{
    struct call call = call_leaf(TDH_EXT_INIT, call_marked());
    log_line("a second EXT.INIT: 0x%016lx", call.status);
    expect_true(test, (call.status & TDX_STATUS_MASK) != TDX_INTERRUPTED_RESUMABLE,
                "a second EXT.INIT doesn't begin anew");
    expect_outputs(test, &call, &call.in, "EXT.INIT has no outputs");
    expect_value(test, required_pages(test), 0, "MEMORY_POOL_REQUIRED_PAGES", "the pool stays as it is");
}

#define BY_HAND (NEED_POOL | NEED_INJECT)

static const struct test_case cases[] = {
    {"bringup.again.reset", SOURCE_PROJECT, NEED_INJECT, STAGE_AGAIN_RESET, .run = reset},
    {"bringup.again.memory_is_back", SOURCE_PROJECT, NEED_INJECT, STAGE_AGAIN_SYS_INIT,
     .run = memory_is_back},
    {"bringup.again.sys_init", SOURCE_MODULE, NEED_INJECT, STAGE_AGAIN_SYS_INIT, .run = check_stage_only},
    {"bringup.again.lp_init_at_once", SOURCE_MODULE, NEED_INJECT | NEED_CPUS, STAGE_AGAIN_MOST_LPS,
     .run = lp_init_at_once},
    {"bringup.again.config_without_last_lp", SOURCE_MODULE, NEED_INJECT | NEED_CPUS, STAGE_AGAIN_LAST_LP,
     .run = config_without_last_lp},
    {"bringup.again.tdmrs", SOURCE_MODULE, NEED_INJECT, STAGE_AGAIN_TDMRS, .seconds = 300, .run = tdmrs},
    {"bringup.again.resumes_at_entry", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_QUERY, .run = resumes_at_entry},
    {"bringup.again.resumes_at_last_entry", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_QUERY,
     .run = resumes_at_last_entry},
    {"bringup.again.no_progress", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUERY, .run = no_progress},
    {"bringup.again.resumes_on_another_lp", SOURCE_INFERRED, BY_HAND | NEED_CPUS, STAGE_AGAIN_QUERY,
     .run = resumes_on_another_lp},
    {"bringup.again.resumes_in_a_row", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_QUERY, .run = resumes_in_a_row},
    {"bringup.again.begun_anew", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUERY, .run = begun_anew},
    {"bringup.again.page_twice", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUERY, .run = page_twice},
    {"bringup.again.pool_page_again", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUERY, .run = pool_page_again},
    {"bringup.again.mem_add_in_pings", SOURCE_PATCH, BY_HAND | NEED_CPUS, STAGE_AGAIN_QUERY,
     .run = mem_add_in_pings},
    {"bringup.again.short_pool", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUERY, .run = short_pool},
    {"bringup.again.query", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_QUERY, .run = query},
    {"bringup.again.pool_in_a_storm", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_POOL, .run = pool_in_a_storm},
    {"bringup.again.over_supply", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_START, .run = over_supply},
    {"bringup.again.start", SOURCE_PATCH, BY_HAND, STAGE_AGAIN_START, .run = check_stage_only},
    {"bringup.again.init_twice", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUOTE, .run = init_twice},
    {"bringup.again.mem_add_after_init", SOURCE_INFERRED, BY_HAND, STAGE_AGAIN_QUOTE,
     .run = mem_add_after_init},
    {"bringup.again.quote", SOURCE_PATCH, NEED_INJECT, STAGE_AGAIN_QUOTE, .run = check_stage_only},
};
CASE_TABLE(bringup_again);
