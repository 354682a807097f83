/* SPDX-License-Identifier: MIT */
/*
 * SYS.LP.INIT: every LP that MCHECK knows tells the module that it is there.
 *
 * The module is in state INIT_DONE. LP.INIT takes nothing, clears RCX, RDX and R8, and may run on all LPs at
 * once. Twice on one LP is SYS_LP_INIT_DONE (module 1.5.01, LP.INIT check 3). Until an LP has done it,
 * metadata can't be read there (SYS.RD check 1), and until all have, SYS.CONFIG isn't pending (CONFIG check
 * 3; with an LP missing, see the second life). A second SYS.INIT is SYS_INIT_NOT_PENDING, unless RCX is
 * wrong, which is checked first.
 */
#include "tests/runner/bringup.h"

#include "kernel/smp.h"

#define REFUSES(name, number, ...)                                                                           \
    {                                                                                                        \
        "bringup.lp_init.refuses." name, SOURCE_MODULE, 0, STEP_LP_INIT, number,                             \
            .run = check_refusal, .row = &(const struct refusal)                                             \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

static struct call first_field(u32 cpu)
{
    return call_leaf_on(cpu, TDH_SYS_RD, (struct seamcall_args){.rdx = TDX_FIELD_NULL});
}

/* All LPs at the same time, and afterwards each of them is one that may read metadata. */
static void lp_init(struct test *test)
{
    if (!check_stage(test))
        return;
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        struct call call = first_field(cpu);
        if (!expect_status(test, &call, TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT,
                           "SYS.RD works on each initialised LP"))
            return;
    }
}

static void twice(struct test *test)
{
    const u32 cpus[] = {0, cpu_count() - 1};
    for (u32 i = 0; i < ARRAY_COUNT(cpus); i++) {
        struct call call = call_leaf_on(cpus[i], TDH_SYS_LP_INIT, call_marked());
        struct seamcall_args out = call_refused_outputs(TDH_SYS_LP_INIT, &call.in);
        expect_status(test, &call, TDX_SYS_LP_INIT_DONE, "LP.INIT check 3: this LP not yet initialised");
        expect_outputs(test, &call, &out, "LP.INIT clears RCX, RDX, R8");
    }
}

static const struct test_case cases[] = {
    REFUSES("second_sys_init", TDH_SYS_INIT, .rax = RAX(SYS_INIT), .zero = ZERO_RCX,
            .status = S_SYS_INIT_NOT_PENDING, .rule = "SYS.INIT check 3: state INIT_PENDING"),
    REFUSES("second_sys_init_attributes", TDH_SYS_INIT, .rax = RAX(SYS_INIT), .in = {.rcx = 1},
            .status = INVALID(RCX), .rule = "SYS.INIT check 2 comes before check 3"),
    REFUSES("rd", TDH_SYS_RD, .rax = RAX(SYS_RD), .in = {.rdx = TDX_FIELD_NULL},
            .status = S_SYS_LP_INIT_NOT_DONE, .rule = "SYS.RD check 1 comes before the null id"),
    REFUSES("info", TDH_SYS_INFO, .rax = RAX(SYS_INFO), .status = S_SYS_LP_INIT_NOT_DONE,
            .rule = "SYS.INFO check 1: this LP initialised"),
    REFUSES("config", TDH_SYS_CONFIG, .rax = RAX(SYS_CONFIG), .status = S_SYS_CONFIG_NOT_PENDING,
            .rule = "CONFIG check 3: all LPs initialised, before any operand"),
    REFUSES("key_config", TDH_SYS_KEY_CONFIG, .rax = RAX(SYS_KEY_CONFIG),
            .status = S_SYS_KEY_CONFIG_NOT_PENDING, .rule = "KEY.CONFIG check 2: state CONFIG_DONE"),
    REFUSES("tdmr_init", TDH_SYS_TDMR_INIT, .rax = RAX(SYS_TDMR_INIT), .status = S_SYS_NOT_READY,
            .by_dispatcher = true, .rule = "dispatcher check 4: TDMR.INIT in READY only"),
    {"bringup.lp_init.step", SOURCE_MODULE, 0, STEP_LP_INIT, .run = lp_init},
    {"bringup.lp_init.twice", SOURCE_MODULE, 0, STEP_METADATA, TDH_SYS_LP_INIT, .run = twice},
};
CASE_TABLE(bringup_lp_init);
