/* SPDX-License-Identifier: MIT */
/*
 * TDMR.INIT: the module writes its PAMT, 4 MiB of memory's worth a call.
 *
 * RCX is the base of a TDMR: whole GiB, no KeyID bits, and exactly a base, else OPERAND_INVALID|RCX with RDX
 * = 0 (module 1.5.01, TDMR.INIT checks 1 and 2). Each success returns in RDX the next address to initialise,
 * rounded down to 1 GiB, so it stands still for 255 calls of 256; a TDMR takes exactly size / 4 MiB calls.
 * After the last one the answer is TDMR_ALREADY_INITIALIZED with RDX = 0, which is no error. A page can be
 * looked at (RDMD) as soon as its GiB is complete, not before.
 */
#include "tests/runner/bringup.h"

#define BAD_RCX (TDX_OPERAND_INVALID | TDX_OPERAND_RCX)

static const struct tdx_tdmr_info *last_tdmr(const struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    return &plan->tdmrs[plan->count - 1];
}

static void expect_refused(struct test *test, u64 base, const char *rule)
{
    struct seamcall_args in = call_marked();
    in.rcx = base;
    struct call call = call_leaf(TDH_SYS_TDMR_INIT, in);
    struct seamcall_args out = call_refused_outputs(TDH_SYS_TDMR_INIT, &in);
    expect_status(test, &call, BAD_RCX, rule);
    expect_outputs(test, &call, &out, "TDMR.INIT clears RDX");
}

static void unaligned(struct test *test)
{
    expect_refused(test, last_tdmr(test)->base + PAGE_SIZE, "TDMR.INIT check 1: aligned to 1 GiB");
}

static void keyid(struct test *test)
{
    u64 bit = machine_keyid_bits(test->machine, 1);
    expect_refused(test, last_tdmr(test)->base | bit, "TDMR.INIT check 1: no KeyID bits");
    expect_refused(test, last_tdmr(test)->base | 1ull << 52, "TDMR.INIT check 1: below 2^52");
}

static void not_a_base(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    const struct tdx_tdmr_info *last = last_tdmr(test);
    expect_refused(test, last->base + last->size, "TDMR.INIT check 2: behind the last TDMR");
    for (u32 i = 0; i < plan->count; i++)
        if (plan->tdmrs[i].size > GIB)
            expect_refused(test, plan->tdmrs[i].base + GIB,
                           "TDMR.INIT check 2: a base, not merely inside a TDMR");
}

/* The first page that isn't reserved. */
static u64 usable_page(const struct tdx_tdmr_info *tdmr)
{
    u64 from = 0, to = 0;
    for (u32 i = 0; tdmr_piece(tdmr, i, &from, &to) && from == to; i++)
        ;
    return from;
}

static void expect_not_there_yet(struct test *test, u64 page, const char *rule)
{
    struct call call = read_page(page);
    struct seamcall_args out = call_refused_outputs(TDH_PHYMEM_PAGE_RDMD, &call.in);
    expect_status(test, &call, TDX_OPERAND_ADDR_RANGE_ERROR | TDX_OPERAND_RCX, rule);
    expect_outputs(test, &call, &out, "RDMD clears RCX, RDX and R8 to R11");
}

static void rdmd_before(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->count; i++)
        expect_not_there_yet(test, usable_page(&plan->tdmrs[i]),
                             "RDMD check 2: in an initialised TDMR block");
}

/* One call by hand: the driver will need one less. */
static void first_call(struct test *test)
{
    const struct tdx_tdmr_info *tdmr = last_tdmr(test);
    struct seamcall_args in = call_marked();
    in.rcx = tdmr->base;
    struct call call = call_leaf(TDH_SYS_TDMR_INIT, in);
    struct seamcall_args out = in;
    out.rdx = tdmr->base;
    if (!expect_status(test, &call, TDX_SUCCESS, "TDMR.INIT of a configured TDMR"))
        return;
    test->machine->tdmr_calls_by_hand++;
    expect_outputs(test, &call, &out,
                   "RDX = next address, rounded down to 1 GiB: still the base after 4 MiB");
    expect_not_there_yet(test, usable_page(tdmr), "a GiB is usable when it is complete, not before");
}

static void tdmr_init(struct test *test)
{
    const struct tdx_host *host = &test->machine->host;
    u64 wanted = 0;
    if (!check_stage(test))
        return;
    for (u32 i = 0; i < host->plan.count; i++)
        wanted += host->plan.tdmrs[i].size / TDX_TDMR_INIT_STEP;
    expect_value(test, host->tdmr_init_calls + test->machine->tdmr_calls_by_hand, wanted, "TDMR.INIT calls",
                 "exactly one for each 4 MiB, whoever makes it");
    expect_value(test, host->tdmr_init_busy, 0, "busy returns", "different TDMRs initialise in parallel");
}

static void finished(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->count; i++) {
        struct seamcall_args in = call_marked();
        in.rcx = plan->tdmrs[i].base;
        struct call call = call_leaf(TDH_SYS_TDMR_INIT, in);
        struct seamcall_args out = call_refused_outputs(TDH_SYS_TDMR_INIT, &in);
        expect_status(test, &call, TDX_TDMR_ALREADY_INITIALIZED, "TDMR.INIT check 4: informational");
        expect_outputs(test, &call, &out, "TDMR_ALREADY_INITIALIZED comes with RDX = 0");
    }
}

static const struct test_case cases[] = {
    {"bringup.tdmr_init.unaligned", SOURCE_MODULE, 0, STEP_TDMR_INIT, TDH_SYS_TDMR_INIT, .run = unaligned},
    {"bringup.tdmr_init.keyid", SOURCE_MODULE, 0, STEP_TDMR_INIT, TDH_SYS_TDMR_INIT, .run = keyid},
    {"bringup.tdmr_init.not_a_base", SOURCE_MODULE, 0, STEP_TDMR_INIT, TDH_SYS_TDMR_INIT, .run = not_a_base},
    {"bringup.tdmr_init.rdmd_before", SOURCE_MODULE, 0, STEP_TDMR_INIT, TDH_PHYMEM_PAGE_RDMD,
     .run = rdmd_before},
    {"bringup.tdmr_init.first_call", SOURCE_MODULE, 0, STEP_TDMR_INIT, TDH_SYS_TDMR_INIT, .run = first_call},
    {"bringup.tdmr_init.step", SOURCE_MODULE, 0, STEP_TDMR_INIT, .seconds = 300, .run = tdmr_init},
    {"bringup.tdmr_init.finished", SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_SYS_TDMR_INIT, .run = finished},
};
CASE_TABLE(bringup_tdmr_init);
