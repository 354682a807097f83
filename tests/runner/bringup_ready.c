/* SPDX-License-Identifier: MIT */
/*
 * READY: who owns what, and what happens to a host that forgets it.
 *
 * Private memory isn't the host's to touch. Two lines of defence are tried on purpose. The first is this
 * kernel's own: memory handed over isn't in the direct map, so a stray access is a page fault, recovered here
 * and attributed by the driver's ledger. The second is the platform's, and what exactly a host sees isn't
 * public (inferred): the monitor answers with a machine check and the address in MC0_ADDR, or, as the other
 * policy, with scrambled data; it counts both. The access that gets so far goes through a second mapping,
 * made for that.
 *
 * Then the books are balanced: calls as the driver, the tests and the monitor count them.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/donate.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/probe.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

static u64 pamt_page(const struct test *test)
{
    return test->machine->host.plan.pamt_blocks[0].base;
}

static u64 pool_page(const struct test *test)
{
    return pa_raw(test->machine->host.pool.base);
}

/* The attribution must name the page and its owner. */
static void expect_described(struct test *test, u64 physical, const char *kind)
{
    char wanted[96];
    const char *text = donate_describe(physical);
    format(wanted, sizeof(wanted), "%s page 0x%lx (owned by the module)", kind,
           align_down(physical, PAGE_SIZE));
    if (!text || strcmp(text, wanted) != 0)
        test_fail(test, "the ledger calls 0x%lx \"%s\", expected \"%s\"", physical,
                  text ? text : "the host's", wanted);
}

/* ---- through the direct map ---- */

static void expect_page_fault(struct test *test, u64 page, const char *kind)
{
    volatile u64 *address = phys_to_virt(pa_of(page + 8));
    u64 value;
    fault_t fault = probe_read(address, &value);
    char name[16];
    if (fault_vector(fault) != VECTOR_PF || !fault)
        test_fail(test, "reading %s page 0x%lx through the direct map: expected #PF, found %s", kind, page,
                  fault_name(fault, name));
    expect_value(test, probe_fault_address(), (u64)address, "the address of the fault",
                 "CR2 of the recovered #PF");
    fault = probe_write(address, 0);
    if (fault_vector(fault) != VECTOR_PF || !fault)
        test_fail(test, "writing %s page 0x%lx through the direct map: expected #PF, found %s", kind, page,
                  fault_name(fault, name));
    expect_described(test, page + 8, kind);
}

static void stray_pamt(struct test *test)
{
    expect_page_fault(test, pamt_page(test), "PAMT");
}

static void stray_pool(struct test *test)
{
    expect_page_fault(test, pool_page(test), "extension pool");
}

/* The monitor must not have noticed: the fault came first. */
static void strays_stop_early(struct test *test)
{
    u64 before = monitor_count(test, MONITOR_COUNT_STRAYS);
    expect_page_fault(test, pamt_page(test), "PAMT");
    expect_value(test, monitor_count(test, MONITOR_COUNT_STRAYS), before, "the monitor's count of strays",
                 "a stray access by the kernel never reaches the memory");
}

/* ---- through an alias ---- */

static void expect_machine_check(struct test *test, fault_t fault, u64 physical, u64 strays, const char *what)
{
    char name[16];
    if (fault_vector(fault) != VECTOR_MC || !fault)
        test_fail(test, "%s: expected #MC, found %s", what, fault_name(fault, name));
    expect_value(test, align_down(probe_fault_address(), PAGE_SIZE), physical, "the page in MC0_ADDR", what);
    expect_value(test, monitor_count(test, MONITOR_COUNT_STRAYS), strays, "the monitor's count of strays",
                 what);
    expect_value(test, monitor_value(test, MONITOR_MSR_STRAY_LAST), physical, "the monitor's last stray page",
                 what);
}

/* The policy for the time of one case; the user may have chosen another. Returns the one before. */
static u64 set_policy(struct test *test, u64 policy)
{
    u64 before = monitor_value(test, MONITOR_MSR_STRAY_POLICY);
    if (!monitor_write(&test->machine->platform, MONITOR_MSR_STRAY_POLICY, policy))
        test_error(test, "the monitor doesn't take stray policy %lu", policy);
    return before;
}

#define CPUID7_ECX_MOVDIR64B (1u << 28)

static void alias_checked(struct test *test, u64 page, const char *kind)
{
    volatile u64 *alias = map_physical(pa_of(page), PAGE_SIZE, MAP_WRITE);
    u64 policy = set_policy(test, MONITOR_STRAY_MACHINE_CHECK);
    u64 strays = monitor_count(test, MONITOR_COUNT_STRAYS), value;
    expect_machine_check(test, probe_read(alias + 1, &value), page, strays + 1, "a stray read");
    expect_machine_check(test, probe_write(alias + 2, 0), page, strays + 2, "a stray write");
    static const u64 line[8] __attribute__((aligned(64))) = {0x5EA50003};
    if (cpuid(7, 0).ecx & CPUID7_ECX_MOVDIR64B)
        expect_machine_check(test, probe_movdir64b(alias, line), page, strays + 3, "a stray MOVDIR64B");
    expect_described(test, page, kind);
    set_policy(test, policy);
}

static void alias_pamt(struct test *test)
{
    alias_checked(test, pamt_page(test), "PAMT");
}

static void alias_pool(struct test *test)
{
    alias_checked(test, pool_page(test), "extension pool");
}

/* A neighbour of private memory is as harmless as ever. */
static void alias_of_own_page(struct test *test)
{
    u64 page = machine_take_pages(test->machine, 1), value = 0;
    if (!page) {
        test_error(test, "no page of TDX memory");
        return;
    }
    u64 strays = monitor_count(test, MONITOR_COUNT_STRAYS);
    volatile u64 *alias = map_physical(pa_of(page), PAGE_SIZE, MAP_WRITE);
    expect_true(test, probe_write(alias, 0x5EA50001) == FAULT_NONE, "writing an own page through an alias");
    expect_true(test, probe_read(phys_to_virt(pa_of(page)), &value) == FAULT_NONE,
                "reading it through the direct map");
    expect_value(test, value, 0x5EA50001, "the value", "both maps show the same memory");
    expect_value(test, monitor_count(test, MONITOR_COUNT_STRAYS), strays, "the monitor's count of strays",
                 "none");
    machine_give_back(page, 1);
}

static void scrambled(struct test *test)
{
    volatile u64 *alias = map_physical(pa_of(pamt_page(test)), PAGE_SIZE, MAP_WRITE);
    u64 policy = set_policy(test, MONITOR_STRAY_SCRAMBLE);
    u64 strays = monitor_count(test, MONITOR_COUNT_STRAYS), value = 0;
    expect_true(test, probe_write(alias + 3, 0x5EA50002) == FAULT_NONE,
                "a stray write isn't a fault with this policy");
    expect_true(test, probe_read(alias + 3, &value) == FAULT_NONE,
                "a stray read isn't a fault with this policy");
    expect_true(test, value != 0x5EA50002, "stray writes are lost, reads see junk");
    expect_value(test, monitor_count(test, MONITOR_COUNT_STRAYS) - strays, 2, "strays",
                 "counted with this policy, too");
    set_policy(test, policy);
}

/* Of a pool page only that it isn't free is known: its type isn't public. */
static void expect_type_by_ledger(struct test *test, u64 page)
{
    struct call call = read_page(page);
    if (!expect_status(test, &call, TDX_SUCCESS, "READY: RDMD answers for pages of TDMRs"))
        return;
    if (!tdmr_holds(&test->machine->host.plan, page, PAGE_SIZE))
        expect_value(test, call.out.rcx, TDX_PAGE_RSVD, "the type of a page", "in a reserved area");
    else if (!donate_describe(page))
        expect_value(test, call.out.rcx, TDX_PAGE_NDA, "the type of a page", "TDX memory not given away");
    else
        expect_true(test, call.out.rcx != TDX_PAGE_NDA && call.out.rcx != TDX_PAGE_RSVD,
                    "a pool page is neither NDA nor RSVD");
}

/* The PAMT that strays were aimed at still says what it said: first, middle and last page of each TDMR. */
static void module_unharmed(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->count; i++) {
        expect_type_by_ledger(test, plan->tdmrs[i].base);
        expect_type_by_ledger(test, plan->tdmrs[i].base + plan->tdmrs[i].size / 2);
        expect_type_by_ledger(test, plan->tdmrs[i].base + plan->tdmrs[i].size - PAGE_SIZE);
    }
    if (test->machine->host.pool.contiguous && test->machine->host.pool.added)
        expect_type_by_ledger(test, pool_page(test));
}

/* ---- the books ---- */

static void counts(struct test *test)
{
    static const u16 leaves[] = {TDH_SYS_INIT,      TDH_SYS_CONFIG,  TDH_SYS_KEY_CONFIG,
                                 TDH_SYS_TDMR_INIT, TDH_SYS_LP_INIT, TDH_PHYMEM_PAGE_RDMD,
                                 TDH_EXT_MEM_ADD,   TDH_EXT_INIT,    TDH_QUOTE_INIT};
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++) {
        struct seamcall_stats stats = {0};
        seamcall_stats(leaves[i], &stats);
        expect_value(test, monitor_count(test, MONITOR_COUNTER_LEAF + leaves[i]), stats.calls,
                     tdx_leaf_name(leaves[i]), "driver and monitor count the same calls");
    }
}

static void free_memory(struct test *test)
{
    memory_lock();
    const char *broken = contig_check(memory_pool());
    u64 retired = contig_total(memory_pool(), CONTIG_RETIRED);
    memory_unlock();
    if (broken)
        test_fail(test, "the allocator's invariants don't hold: %s", broken);
    expect_value(test, retired, ledger_bytes(DONATION_KINDS), "bytes the allocator has given up",
                 "exactly what the ledger says the module has");
}

static void summary(struct test *test)
{
    expect_true(test, test->machine->host.next == STEP_COUNT && !test->machine->host.failed,
                "all steps are done");
    log_line("the leaves below were called by the tests, too; the pool's line is the driver's alone");
    tdx_report_summary(&test->machine->host);
    test->machine->summary_printed = true;
}

static const struct test_case cases[] = {
    {"bringup.ready.stray_pamt", SOURCE_PROJECT, 0, STAGE_READY, .run = stray_pamt},
    {"bringup.ready.stray_pool", SOURCE_PROJECT, NEED_POOL, STAGE_READY, .run = stray_pool},
    {"bringup.ready.strays_stop_early", SOURCE_PROJECT, NEED_MONITOR, STAGE_READY, .run = strays_stop_early},
    {"bringup.ready.alias_pamt", SOURCE_INFERRED, NEED_MONITOR, STAGE_READY, .run = alias_pamt},
    {"bringup.ready.alias_pool", SOURCE_INFERRED, NEED_MONITOR | NEED_POOL, STAGE_READY, .run = alias_pool},
    {"bringup.ready.alias_of_own_page", SOURCE_PROJECT, NEED_MONITOR, STAGE_READY, .run = alias_of_own_page},
    {"bringup.ready.scrambled", SOURCE_INFERRED, NEED_MONITOR, STAGE_READY, .run = scrambled},
    {"bringup.ready.module_unharmed", SOURCE_INFERRED, 0, STAGE_READY, TDH_PHYMEM_PAGE_RDMD,
     .run = module_unharmed},
    {"bringup.ready.counts", SOURCE_PROJECT, NEED_MONITOR, STAGE_READY, .run = counts},
    {"bringup.ready.free_memory", SOURCE_PROJECT, 0, STAGE_READY, .run = free_memory},
    {"bringup.ready.summary", SOURCE_PROJECT, 0, STAGE_READY, .run = summary},
};
CASE_TABLE(bringup_ready);
