/* SPDX-License-Identifier: MIT */
/*
 * SYS.DISABLE by the driver, and a third life after it, from scratch.
 *
 * The call gives back every page that the module has, as a reset does, and may be interrupted: it is repeated
 * as it was. While other SYS.* calls are under way it says SYS_BUSY and is repeated, too. Afterwards nothing
 * but a full initialisation is possible, which is (Linux patch series "Fuller TDX kexec support" v3); that
 * the state is then INIT_PENDING isn't public (inferred). It is accepted in any state, also in that of a
 * module whose update failed. A module without it answers with an error, which is harmless.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/disable.h"
#include "drivers/tdx/donate.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/probe.h"

static struct {
    bool done, missing; /* by the case before; the module has none */
    struct tdmr_plan plan;
    struct ext_pool pool;
    u64 used; /* bytes that the kernel itself had after the first time */
} before;

static u64 used_bytes(void)
{
    memory_lock();
    u64 used = contig_total(memory_pool(), CONTIG_USED);
    memory_unlock();
    return used;
}

/* With what the monitor does to the first calls. False after a verdict. */
static bool disable(struct test *test, struct injection injection, struct disable_report *report)
{
    struct tdx_host *host = &test->machine->host;
    before.plan = host->plan;
    before.pool = host->pool;
    before.done = false;
    injection.leaf = TDH_SYS_DISABLE;
    u64 broken = violations(test);
    if (!inject(test, injection))
        return false;
    enum disable_outcome outcome = tdx_disable(host, report);
    before.missing = outcome == DISABLE_REFUSED && report->status == INVALID(RAX);
    if (before.missing)
        test_skip(test, "the module has no SYS.DISABLE");
    else
        before.done =
            expect_value(test, outcome, DISABLE_DONE, "the outcome", "SYS.DISABLE ends, and gives all back");
    return before.done && expect_true(test, inject_used_up(test), "the injection was used up") &&
           expect_value(test, violations(test) - broken, 0, "rules that the monitor saw the driver break",
                        "the driver keeps the sequence's invariants (the monitor's log names the rule)");
}

static void expect_ordinary(struct test *test, u64 base, u64 size, const char *rule)
{
    volatile u64 *address = phys_to_virt(pa_of(base));
    u64 value = 0;
    expect_owner(test, base, size, MONITOR_OWNER_HOST, rule);
    expect_true(test, direct_map_present(pa_of(base)), "memory that came back is in the direct map");
    expect_true(test,
                probe_write(address, base) == FAULT_NONE && probe_read(address, &value) == FAULT_NONE &&
                    value == base,
                "and ordinary");
}

static void expect_all_back(struct test *test)
{
    memory_lock();
    const char *broken = contig_check(memory_pool());
    u64 retired = contig_total(memory_pool(), CONTIG_RETIRED);
    memory_unlock();
    if (broken)
        test_fail(test, "the allocator's invariants don't hold: %s", broken);
    expect_value(test, ledger_bytes(DONATION_KINDS), 0, "bytes in the ledger", "none is the module's");
    expect_value(test, retired, 0, "bytes given up", "the allocator has them back");
    for (u32 i = 0; i < before.plan.pamt_block_count; i++)
        expect_ordinary(test, before.plan.pamt_blocks[i].base, before.plan.pamt_blocks[i].size,
                        "PAMT memory is the host's after SYS.DISABLE");
    if (before.pool.contiguous && before.pool.added)
        expect_ordinary(test, pa_raw(before.pool.base), before.pool.added * PAGE_SIZE,
                        "the pool is the host's after SYS.DISABLE");
}

static void gives_all_back(struct test *test)
{
    u64 donated = ledger_bytes(DONATION_KINDS);
    struct disable_report report;
    if (!disable(test, (struct injection){.kind = MONITOR_INJECT_INTERRUPT, .count = 3}, &report))
        return;
    expect_value(test, report.released, donated, "bytes released", "all that had been handed over");
    expect_at_least(test, report.resumes, 3, "resumes", "interrupted three times");
    expect_all_back(test);
    before.used = used_bytes();
}

static bool is_disabled(struct test *test)
{
    if (!before.done)
        test_skip(test,
                  before.missing ? "the module has no SYS.DISABLE" : "needs a module that was disabled");
    return before.done;
}

static void state_after(struct test *test)
{
    if (!is_disabled(test))
        return;
    struct call call = call_leaf(TDH_SYS_LP_INIT, call_marked());
    expect_status(test, &call, TDX_SYS_LP_INIT_NOT_PENDING, "after SYS.DISABLE the state is INIT_PENDING");
    call = call_leaf(TDH_SYS_TDMR_INIT, call_marked());
    expect_status(test, &call, TDX_SYS_NOT_READY, "no leaf but those of a full initialisation");
}

static void third_life(struct test *test)
{
    struct tdx_host *host = &test->machine->host;
    if (!is_disabled(test))
        return;
    before.done = false;
    u64 broken = violations(test);
    while (host->next < STEP_COUNT)
        if (!tdx_run_next_step(host)) {
            test_fail(test, "%s failed after SYS.DISABLE: %s", tdx_step_name(host->next), host->failure.text);
            return;
        }
    before.done = true;
    expect_value(test, violations(test) - broken, 0, "rules that the monitor saw the driver break",
                 "the driver keeps the sequence's invariants (the monitor's log names the rule)");
    expect_value(test, host->pool.added, host->demand.pages, "pages added",
                 "a module that was disabled has no pool and wants all of it");
    struct call call = read_page(host->plan.tdmrs[0].base);
    expect_status(test, &call, TDX_SUCCESS, "RDMD: READY once more");
}

/* SYS_BUSY isn't a failure of this one call, and the memory of the third life comes back like the second's.
 */
static void busy(struct test *test)
{
    if (!is_disabled(test))
        return;
    u64 donated = ledger_bytes(DONATION_KINDS);
    struct disable_report report;
    if (!disable(test, (struct injection){.kind = MONITOR_INJECT_STATUS, .count = 2, .value = TDX_SYS_BUSY},
                 &report))
        return;
    expect_value(test, report.busy, 2, "busy answers", "both were waited out");
    expect_value(test, report.released, donated, "bytes released", "all that had been handed over");
    expect_all_back(test);
    expect_value(test, used_bytes(), before.used, "bytes that the kernel itself uses",
                 "a life leaves nothing behind");
}

static const struct test_case cases[] = {
    {"bringup.disable.gives_all_back", SOURCE_LINUX, NEED_INJECT, STAGE_COUNT, TDH_SYS_DISABLE,
     .run = gives_all_back},
    {"bringup.disable.state_after", SOURCE_INFERRED, NEED_INJECT, STAGE_COUNT, .run = state_after},
    {"bringup.disable.third_life", SOURCE_LINUX, NEED_INJECT, STAGE_COUNT, .seconds = 300, .run = third_life},
    {"bringup.disable.busy", SOURCE_LINUX, NEED_INJECT, STAGE_COUNT, TDH_SYS_DISABLE, .run = busy},
};
CASE_TABLE(bringup_disable);
