/* SPDX-License-Identifier: MIT */
/*
 * A runtime update by the driver, at the end of the second life: SYS.SHUTDOWN, another module, SYS.UPDATE.
 *
 * SYS.SHUTDOWN takes a hand-off version that the module can write and no other (module 1.5.01: reserved bits
 * and range are OPERAND_INVALID on RCX, and nothing has changed). The new module takes over TDMRs, PAMTs and
 * global key: it is READY after SYS.UPDATE, a TDMR is initialised already. That the extension pool is kept
 * isn't said in public but follows, as the host isn't asked for it again (inferred). A module that wants more
 * pages than the old one got can't have them (Linux patch v2): the update fails, TDX is lost, and nothing
 * that the module may own is freed.
 *
 * In place of the P-SEAMLDR it is the monitor that installs the new module.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/donate.h"
#include "drivers/tdx/update.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

static bool can_install(struct test *test)
{
    if (monitor_takes_commands(&test->machine->platform))
        return true;
    test_skip(test, "this monitor can't install a module");
    return false;
}

/* False after a verdict. Asked with reserved bits set, so that no module does it. */
static bool has_shutdown(struct test *test)
{
    struct call call = call_leaf(TDH_SYS_SHUTDOWN, (struct seamcall_args){.rcx = ~0ull});
    if (call.status != INVALID(RAX))
        return expect_status(test, &call, INVALID(RCX), "SYS.SHUTDOWN: reserved bits of RCX are refused");
    test_skip(test, "the module has no SYS.SHUTDOWN");
    return false;
}

static bool is_ready(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    if (host->next != STEP_COUNT || host->failed) {
        test_skip(test, "the module isn't ready any more");
        return false;
    }
    return has_shutdown(test);
}

static u64 pool_page(const struct test *test)
{
    const struct ext_pool *pool = &test->machine->host.pool;
    return pool->contiguous && pool->added ? pa_raw(pool->base) : 0;
}

/* ---- SYS.SHUTDOWN refused ---- */

static void shutdown_refused(struct test *test)
{
    u64 version;
    if (!is_ready(test))
        return;
    if (!call_read_field(TDX_FIELD_MODULE_HV, &version)) {
        test_fail(test, "MODULE_HV can't be read");
        return;
    }
    struct seamcall_args in = call_marked();
    in.rcx = version + 1;
    struct call call = call_leaf(TDH_SYS_SHUTDOWN, in);
    expect_status(test, &call, INVALID(RCX), "a hand-off version newer than MODULE_HV can't be written");
    expect_outputs(test, &call, &in, "SYS.SHUTDOWN has no outputs");
    call = read_page(test->machine->host.plan.tdmrs[0].base);
    expect_status(test, &call, TDX_SUCCESS, "a refused SYS.SHUTDOWN leaves the module READY");
}

/* ---- the same module again ---- */

struct installation {
    struct test *test;
    char command[MONITOR_COMMAND_MAX];
    u32 installs;
};

static bool install(void *context)
{
    struct installation *installation = context;
    installation->installs++;
    return monitor_command(installation->test, installation->command);
}

/* The books before and after: memory that changes hands in an update is none. */
struct books {
    u64 ledger[DONATION_KINDS];
    u64 violations, adds, tdmr_inits, configs;
};

static struct books read_books(struct test *test)
{
    struct books books = {.violations = violations(test),
                          .adds = monitor_count(test, MONITOR_COUNTER_LEAF + TDH_EXT_MEM_ADD),
                          .tdmr_inits = monitor_count(test, MONITOR_COUNTER_LEAF + TDH_SYS_TDMR_INIT),
                          .configs = monitor_count(test, MONITOR_COUNTER_LEAF + TDH_SYS_CONFIG)};
    for (u32 kind = 0; kind < DONATION_KINDS; kind++)
        books.ledger[kind] = ledger_bytes(kind);
    return books;
}

static void expect_same_books(struct test *test, const struct books *before)
{
    const struct books now = read_books(test);
    for (u32 kind = 0; kind < DONATION_KINDS; kind++)
        expect_value(test, now.ledger[kind], before->ledger[kind], "bytes in the ledger",
                     "an update gives nothing and frees nothing");
    expect_value(test, now.adds, before->adds, "EXT.MEM.ADD calls", "an update can't allocate");
    expect_value(test, now.tdmr_inits, before->tdmr_inits, "TDMR.INIT calls", "TDMRs are handed over");
    expect_value(test, now.configs, before->configs, "SYS.CONFIG calls", "SYS.UPDATE is in its place");
    expect_value(test, now.violations, before->violations, "rules that the monitor saw the driver break",
                 "the driver keeps the sequence's invariants (the monitor's log names the rule)");
}

static void expect_handed_over(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    struct seamcall_args in = call_marked();
    in.rcx = host->plan.tdmrs[0].base;
    struct call call = call_leaf(TDH_SYS_TDMR_INIT, in);
    expect_status(test, &call, TDX_TDMR_ALREADY_INITIALIZED, "the new module knows the TDMRs");
    expect_owner(test, host->plan.pamt_blocks[0].base, host->plan.pamt_blocks[0].size, MONITOR_OWNER_PAMT,
                 "PAMTs stay the module's");
    if (!pool_page(test))
        return;
    expect_owner(test, pool_page(test), host->pool.added * PAGE_SIZE, MONITOR_OWNER_POOL,
                 "the pool stays the module's");
    call = read_page(pool_page(test));
    expect_status(test, &call, TDX_SUCCESS, "RDMD: the new module is READY");
    expect_true(test, call.out.rcx != TDX_PAGE_NDA, "a pool page isn't free for the new module either");
}

static void same_module(struct test *test)
{
    struct tdx_host *host = &test->machine->host;
    static struct installation same;
    if (!is_ready(test) || !can_install(test))
        return;
    const struct books before = read_books(test);
    const bool quoting = host->quote.ready;
    same = (struct installation){.test = test, .command = "install"};
    if (!expect_value(test, tdx_update(host, install, &same), UPDATE_DONE, "the outcome",
                      "a module can be replaced by its like")) {
        log_line("the update failed: %s", host->failure.text);
        return;
    }
    expect_value(test, same.installs, 1, "installations", "one");
    expect_true(test, host->next == STEP_COUNT && !host->failed, "the driver takes itself for ready");
    expect_true(test, memcmp(&host->sysinfo, &test->machine->sysinfo, sizeof(host->sysinfo)) == 0,
                "the module says the same of itself as before");
    expect_value(test, host->quote.ready, quoting, "quoting", "as it was before");
    expect_same_books(test, &before);
    expect_handed_over(test);
}

/* ---- a module that wants more ---- */

#define PAGES_MORE 3

static void wants_more(struct test *test)
{
    struct tdx_host *host = &test->machine->host;
    static struct installation larger;
    if (!is_ready(test) || !can_install(test))
        return;
    const struct books before = read_books(test);
    larger = (struct installation){.test = test};
    format(larger.command, sizeof(larger.command), "install quote_pages=%lu",
           test->machine->demand.pages + PAGES_MORE);
    expect_value(test, tdx_update(host, install, &larger), UPDATE_FAILED, "the outcome",
                 "a new module must not need more pages than the old one got");
    expect_true(test, host->failed && host->failure.step == STEP_EXT_QUERY,
                "it fails where the new demand is read");
    expect_value(test, host->demand.pages, PAGES_MORE, "pages still missing",
                 "what the old module got counts for the new one");
    expect_same_books(test, &before);
}

static const struct test_case cases[] = {
    {"bringup.update.shutdown_refused", SOURCE_MODULE, NEED_INJECT, STAGE_COUNT, TDH_SYS_SHUTDOWN,
     .run = shutdown_refused},
    {"bringup.update.same_module", SOURCE_INFERRED, NEED_INJECT, STAGE_COUNT, TDH_SYS_SHUTDOWN,
     .run = same_module},
    {"bringup.update.wants_more", SOURCE_PATCH, NEED_INJECT | NEED_QUOTE | NEED_POOL, STAGE_COUNT,
     TDH_SYS_SHUTDOWN, .run = wants_more},
};
CASE_TABLE(bringup_update);
