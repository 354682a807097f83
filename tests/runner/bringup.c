/* SPDX-License-Identifier: MIT */
#include "tests/runner/bringup.h"

#include "drivers/tdx/donate.h"

const struct case_table *const bringup_tables[] = {
    &bringup_detect,     &bringup_vmx,
    &bringup_sys_init,   &bringup_lp_init,
    &bringup_metadata,   &bringup_info,
    &bringup_tdmrs,      &bringup_config,
    &bringup_configured, &bringup_key_config,
    &bringup_tdmr_init,  &bringup_rdmd,
    &bringup_mem_add,    &bringup_pool,
    &bringup_quote,      &bringup_ready,
    &bringup_shootdown,  &bringup_again,
    &bringup_monitor,    &bringup_update,
    &bringup_disable,    NULL,
};

bool may_inject(const struct test *test)
{
    return test->machine->platform.control_msr && !test->machine->fault_armed;
}

u64 violations(struct test *test)
{
    return test->machine->platform.control_msr ? monitor_count(test, MONITOR_COUNT_VIOLATIONS) : 0;
}

bool check_stage(struct test *test)
{
    struct machine *machine = test->machine;
    u64 before = violations(test);
    if (!stage_run_next(machine)) {
        test_fail(test, "%s failed: %s", stage_name(machine->next), machine->failure);
        machine_tell_failure(machine);
        return false;
    }
    return expect_value(test, violations(test) - before, 0,
                        "rules that the monitor saw the driver break in this step",
                        "the driver keeps the sequence's invariants (the monitor's log names the rule)");
}

void check_stage_only(struct test *test)
{
    check_stage(test);
}

u64 ledger_bytes(enum donation_kind kind)
{
    u64 bytes = 0;
    for (u32 i = 0; i < DONATION_KINDS; i++)
        for (u32 state = DONATION_SET_ASIDE; state <= DONATION_STRANDED; state++)
            bytes += kind == i || kind == DONATION_KINDS ? donated_bytes(i, state) : 0;
    return bytes;
}

void expect_flushed(struct test *test, u64 before, u64 bytes)
{
    const struct tdx_host *host = &test->machine->host;
    bool wanted = host->options.always_flush || sysinfo_has(&host->sysinfo, TDX_FEATURE_CLFLUSH_BEFORE_ALLOC);
    expect_value(
        test, donated_flushed_lines() - before, wanted ? bytes / 64 : 0, "cache lines written back",
        "each line of what is handed over if the module or the user wants it (TDX_FEATURES0 bit 23)");
}

u64 required_pages(struct test *test)
{
    u64 pages;
    if (call_read_field(TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, &pages))
        return pages;
    test_fail(test, "MEMORY_POOL_REQUIRED_PAGES can't be read");
    return ~0ull;
}

struct call read_page(u64 page)
{
    struct seamcall_args in = call_marked();
    in.rcx = page;
    return call_leaf(TDH_PHYMEM_PAGE_RDMD, in);
}
