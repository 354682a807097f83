/* SPDX-License-Identifier: MIT */
/*
 * SYS.CONFIG succeeds: PAMT memory changes hands, and nothing can be taken back.
 *
 * State CONFIG_DONE. SYS.INIT, LP.INIT and CONFIG are over for good; KEY.CONFIG is the only thing that goes
 * on, and before it every LP writes back its caches (WBINVD), because PAMT lines may be dirty under KeyID 0.
 * What the selected features cost can be read from now on (Linux patch v2: EXT_REQUIRED and
 * MEMORY_POOL_REQUIRED_PAGES).
 *
 * Handed-over memory disappears from the kernel's direct map. A stray access is a page fault with a name
 * before it becomes a machine check on hardware.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/donate.h"
#include "kernel/paging.h"
#include "kernel/smp.h"

static void config(struct test *test)
{
    u64 flushed = donated_flushed_lines();
    if (!check_stage(test))
        return;
    const struct tdx_host *host = &test->machine->host;
    u64 wanted = host->options.features & host->sysinfo.features0;
    expect_true(test, host->configured.done, "the driver records that SYS.CONFIG has happened");
    expect_value(test, host->configured.features, wanted, "configured features",
                 "asked for, and in TDX_FEATURES0");
    expect_value(test, donated_bytes(DONATION_PAMT, DONATION_OWNED), host->plan.pamt_bytes,
                 "PAMT bytes in the ledger", "all PAMTs of the plan are the module's");
    expect_value(test, ledger_bytes(DONATION_PAMT), host->plan.pamt_bytes, "PAMT bytes in any state",
                 "none stranded, none merely offered");
    expect_flushed(test, flushed, host->plan.pamt_bytes);
}

static void pamt_unmapped(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->pamt_block_count; i++) {
        const struct tdmr_pamt_block *block = &plan->pamt_blocks[i];
        u64 step = max_u64(PAGE_SIZE, align_down(block->size / 64, PAGE_SIZE));
        for (u64 page = block->base; page < block->base + block->size; page += step)
            expect_true(test, !direct_map_present(pa_of(page)), "no PAMT page is in the direct map");
        expect_true(test, !direct_map_present(pa_of(block->base + block->size - PAGE_SIZE)),
                    "nor is the last page of a PAMT");
    }
}

/* The neighbours stay: exactly the PAMT left the direct map. */
static void neighbours_mapped(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->pamt_block_count; i++) {
        u64 before = plan->pamt_blocks[i].base - PAGE_SIZE;
        u64 after = plan->pamt_blocks[i].base + plan->pamt_blocks[i].size;
        if (tdmr_holds(plan, before, PAGE_SIZE))
            expect_true(test, direct_map_present(pa_of(before)), "the page in front of a PAMT stays mapped");
        if (tdmr_holds(plan, after, PAGE_SIZE))
            expect_true(test, direct_map_present(pa_of(after)), "the page behind a PAMT stays mapped");
    }
}

static void pamt_owner(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->pamt_block_count; i++)
        if (!expect_owner(test, plan->pamt_blocks[i].base, plan->pamt_blocks[i].size, MONITOR_OWNER_PAMT,
                          "SYS.CONFIG makes PAMT memory the module's"))
            return;
}

/*
 * How many pages a feature costs is the module's business, and a knob of the soft one that its guest can't
 * see: the number of a default run is checked from outside (tests/integration/boot_default.t).
 */
static void demand(struct test *test)
{
    u64 pages = required_pages(test), required = 0;
    expect_true(test, call_read_field(TDX_FIELD_EXT_REQUIRED, &required),
                "EXT_REQUIRED can be read after SYS.CONFIG");
    expect_value(test, required_pages(test), pages, "MEMORY_POOL_REQUIRED_PAGES, read again",
                 "nothing was added: the demand stays");
    expect_true(test, pages <= EXT_POOL_MAX_PAGES, "the demand is below the driver's sanity cap");
    expect_value(test, required, pages > 0, "EXT_REQUIRED",
                 "a feature that costs memory needs the extensions");
    if (test->machine->host.configured.features == 0)
        expect_value(test, pages, 0, "MEMORY_POOL_REQUIRED_PAGES", "features not selected cost nothing");
}

#define REFUSES(name, number, ...)                                                                           \
    {                                                                                                        \
        "bringup.configured.refuses." name, SOURCE_MODULE, 0, STEP_FLUSH, number,                            \
            .run = check_refusal, .row = &(const struct refusal)                                             \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

/* The monitor counts WBINVDs of all LPs together: as many as LPs, by whom it doesn't say. */
static void flush(struct test *test)
{
    bool counted = test->machine->platform.control_msr;
    u64 before = counted ? monitor_count(test, MONITOR_COUNT_EXIT_WBINVD) : 0;
    if (check_stage(test) && counted)
        expect_at_least(test, monitor_count(test, MONITOR_COUNT_EXIT_WBINVD) - before, cpu_count(),
                        "WBINVDs between CONFIG and KEY.CONFIG", "at least as many as there are LPs");
}

static const struct test_case cases[] = {
    {"bringup.configured.step", SOURCE_MODULE, 0, STEP_CONFIG, .run = config},
    {"bringup.configured.pamt_unmapped", SOURCE_PROJECT, 0, STEP_FLUSH, .run = pamt_unmapped},
    {"bringup.configured.neighbours_mapped", SOURCE_PROJECT, 0, STEP_FLUSH, .run = neighbours_mapped},
    {"bringup.configured.pamt_owner", SOURCE_PROJECT, NEED_MONITOR, STEP_FLUSH, .run = pamt_owner},
    {"bringup.configured.demand", SOURCE_PATCH, NEED_EXT, STEP_FLUSH, TDH_SYS_RD, .run = demand},
    REFUSES("config", TDH_SYS_CONFIG, .rax = RAX(SYS_CONFIG), .status = S_SYS_CONFIG_NOT_PENDING,
            .rule = "CONFIG check 2: state INIT_DONE"),
    REFUSES("lp_init", TDH_SYS_LP_INIT, .rax = RAX(SYS_LP_INIT), .status = S_SYS_LP_INIT_NOT_PENDING,
            .rule = "LP.INIT check 2: state INIT_DONE"),
    REFUSES("sys_init", TDH_SYS_INIT, .rax = RAX(SYS_INIT), .zero = ZERO_RCX,
            .status = S_SYS_INIT_NOT_PENDING, .rule = "SYS.INIT check 3: state INIT_PENDING"),
    REFUSES("tdmr_init", TDH_SYS_TDMR_INIT, .rax = RAX(SYS_TDMR_INIT), .status = S_SYS_NOT_READY,
            .by_dispatcher = true, .rule = "dispatcher check 4: TDMR.INIT in READY only"),
    REFUSES("rdmd", TDH_PHYMEM_PAGE_RDMD, .rax = RAX(PHYMEM_PAGE_RDMD), .status = S_SYS_NOT_READY,
            .by_dispatcher = true, .rule = "dispatcher check 4: PHYMEM.PAGE.RDMD in READY only"),
    REFUSES("ext_mem_add", TDH_EXT_MEM_ADD, .rax = RAX(EXT_MEM_ADD), .status = S_SYS_NOT_READY,
            .by_dispatcher = true, .rule = "dispatcher check 4: leaf 61 in READY only"),
    {"bringup.configured.flush", SOURCE_LINUX, 0, STEP_FLUSH, .run = flush},
};
CASE_TABLE(bringup_configured);
