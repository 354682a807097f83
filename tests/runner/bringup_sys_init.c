/* SPDX-License-Identifier: MIT */
/*
 * SYS.INIT, and everything that must not work before it.
 *
 * The module is in state INIT_PENDING. Its dispatcher looks at every call first, in this order
 * (module 1.5.01, dispatcher): reserved bits of RAX, then the version, both OPERAND_INVALID|RAX; then the
 * state: only INFO, INIT, RD, LP.INIT, RDALL, KEY.CONFIG, LP.SHUTDOWN, CONFIG and UPDATE get past it before
 * READY, everything else, a leaf that doesn't exist included, is SYS_NOT_READY. The dispatcher writes RAX and
 * no other register. The leaves that do get past it then look at the state themselves, each with its own
 * status.
 *
 * SYS.INIT itself: RCX must be 0 (checked before the state), RCX, RDX and R8 to R10 come back 0. It needs one
 * random number; without one it is RND_NO_ENTROPY, nothing has happened, and it may be called again. A host
 * tries ten times.
 */
#include "tests/runner/bringup.h"

#include "kernel/smp.h"

/* ---- refused in state INIT_PENDING ---- */

#define BEFORE(name, number, ...)                                                                            \
    {                                                                                                        \
        "bringup.sys_init.refuses." name, SOURCE_MODULE, 0, STEP_SYS_INIT, number,                           \
            .run = check_refusal, .row = &(const struct refusal)                                             \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

/* ---- the rest ---- */

/* The P.S. of every refusal: the module is still where it was. */
static void expect_pending(struct test *test)
{
    struct call call = call_leaf(TDH_SYS_LP_INIT, call_marked());
    expect_status(test, &call, TDX_SYS_LP_INIT_NOT_PENDING, "state INIT_PENDING: LP.INIT not pending");
}

/* Accepted in every state, and without any effect. */
static void lp_shutdown(struct test *test)
{
    struct call call = call_leaf(TDH_SYS_LP_SHUTDOWN, call_marked());
    if (expect_status(test, &call, TDX_SUCCESS, "LP.SHUTDOWN returns 0 in every state"))
        expect_outputs(test, &call, &call.in, "LP.SHUTDOWN writes nothing but RAX");
    if (!test->machine->fault_armed)
        expect_pending(test);
}

static void no_entropy(struct test *test)
{
    if (!inject(test, (struct injection){.kind = MONITOR_INJECT_NO_ENTROPY, .leaf = TDH_SYS_INIT}))
        return;
    struct call call =
        call_leaf(TDH_SYS_INIT, (struct seamcall_args){.rdx = 1, .r8 = 2, .r9 = 3, .r10 = 4, .r11 = 5});
    struct seamcall_args out = call_refused_outputs(TDH_SYS_INIT, &call.in);
    expect_status(test, &call, TDX_RND_NO_ENTROPY, "SYS.INIT check 12: one RDRAND");
    expect_outputs(test, &call, &out, "SYS.INIT clears RCX, RDX, R8, R9, R10");
    expect_true(test, inject_used_up(test), "the monitor says the injection was used up");
    expect_pending(test);
}

/* CF = 1 means that RAX was not written: the host must not read a status from it. */
static void vmfail(struct test *test)
{
    if (!inject(test, (struct injection){.kind = MONITOR_INJECT_VMFAIL, .leaf = TDH_SYS_LP_SHUTDOWN}))
        return;
    struct call call = call_leaf(TDH_SYS_LP_SHUTDOWN, call_marked());
    expect_status(test, &call, TDX_VMFAIL_INVALID, "SEAMCALL without a working module: CF = 1");
    expect_outputs(test, &call, &call.in, "VMfail changes no register");
    call = call_leaf(TDH_SYS_LP_SHUTDOWN, call_marked());
    expect_status(test, &call, TDX_SUCCESS, "the module is back after one VMfail");
}

/* Nine attempts without entropy, the tenth succeeds. */
static void sys_init(struct test *test)
{
    struct seamcall_stats stats = {0};
    seamcall_stats(TDH_SYS_INIT, &stats);
    u64 before = stats.retries;
    bool injected =
        may_inject(test) &&
        inject(test, (struct injection){.kind = MONITOR_INJECT_NO_ENTROPY, .leaf = TDH_SYS_INIT, .count = 9});
    if (!check_stage(test) || !injected)
        return;
    seamcall_stats(TDH_SYS_INIT, &stats);
    expect_value(test, stats.retries - before, 9, "retries of SYS.INIT",
                 "ten attempts in all while entropy is short");
}

static const struct test_case cases[] = {
    BEFORE("reserved_rax_bit_24", TDH_SYS_RD, .rax = RAX(SYS_RD) | 1ull << 24, .status = INVALID(RAX),
           .by_dispatcher = true, .rule = "dispatcher check 1: RAX 31:24 reserved, before the state"),
    BEFORE("reserved_rax_bit_32", TDH_SYS_RD, .rax = RAX(SYS_RD) | 1ull << 32, .status = INVALID(RAX),
           .by_dispatcher = true, .rule = "dispatcher check 1: RAX 63:32 reserved, before the state"),
    BEFORE("reserved_rax_bit_62", TDH_SYS_RD, .rax = RAX(SYS_RD) | 1ull << 62, .status = INVALID(RAX),
           .by_dispatcher = true, .rule = "dispatcher check 1: RAX 63:32 reserved, before the state"),
    BEFORE("version_of_rd", TDH_SYS_RD, .rax = RAX_V(SYS_RD, 1), .status = INVALID(RAX),
           .by_dispatcher = true, .rule = "dispatcher check 2: SYS.RD has version 0 only"),
    BEFORE("version_of_mng_rd", TDH_MNG_RD, .rax = RAX_V(MNG_RD, 2), .status = S_SYS_NOT_READY,
           .by_dispatcher = true,
           .rule = "dispatcher check 2 lets any version of MNG.RD pass, check 4 doesn't"),
    BEFORE("unknown_leaf", LEAF_UNKNOWN, .rax = LEAF_UNKNOWN, .status = S_SYS_NOT_READY,
           .by_dispatcher = true, .rule = "dispatcher check 4 comes before check 5"),
    BEFORE("tdmr_init", TDH_SYS_TDMR_INIT, .rax = RAX(SYS_TDMR_INIT), .status = S_SYS_NOT_READY,
           .by_dispatcher = true, .rule = "dispatcher check 4: TDMR.INIT in READY only"),
    BEFORE("rdmd", TDH_PHYMEM_PAGE_RDMD, .rax = RAX(PHYMEM_PAGE_RDMD), .status = S_SYS_NOT_READY,
           .by_dispatcher = true, .rule = "dispatcher check 4: PHYMEM.PAGE.RDMD in READY only"),
    BEFORE("shutdown", TDH_SYS_SHUTDOWN, .rax = RAX(SYS_SHUTDOWN), .zero = ZERO_RCX,
           .status = S_SYS_NOT_READY, .by_dispatcher = true,
           .rule = "dispatcher check 4: SYS.SHUTDOWN in READY only"),
    BEFORE("ext_mem_add", TDH_EXT_MEM_ADD, .rax = RAX(EXT_MEM_ADD), .status = S_SYS_NOT_READY,
           .by_dispatcher = true, .rule = "dispatcher check 4: leaf 61, known or not, in READY only"),
    BEFORE("ext_init", TDH_EXT_INIT, .rax = RAX(EXT_INIT), .status = S_SYS_NOT_READY, .by_dispatcher = true,
           .rule = "dispatcher check 4: leaf 60, known or not, in READY only"),
    BEFORE("lp_init", TDH_SYS_LP_INIT, .rax = RAX(SYS_LP_INIT), .status = S_SYS_LP_INIT_NOT_PENDING,
           .rule = "LP.INIT check 2: state INIT_DONE"),
    BEFORE("rd", TDH_SYS_RD, .rax = RAX(SYS_RD), .in = {.rdx = 0x9100000100000008},
           .status = S_SYS_LP_INIT_NOT_DONE, .rule = "SYS.RD check 1: this LP initialised"),
    BEFORE("info", TDH_SYS_INFO, .rax = RAX(SYS_INFO), .status = S_SYS_LP_INIT_NOT_DONE,
           .rule = "SYS.INFO check 1: this LP initialised"),
    BEFORE("config", TDH_SYS_CONFIG, .rax = RAX(SYS_CONFIG), .status = S_SYS_CONFIG_NOT_PENDING,
           .rule = "CONFIG check 2: state INIT_DONE, before any operand"),
    BEFORE("key_config", TDH_SYS_KEY_CONFIG, .rax = RAX(SYS_KEY_CONFIG),
           .status = S_SYS_KEY_CONFIG_NOT_PENDING, .rule = "KEY.CONFIG check 2: state CONFIG_DONE"),
    BEFORE("attributes", TDH_SYS_INIT, .rax = RAX(SYS_INIT), .in = {.rcx = 1}, .status = INVALID(RCX),
           .rule = "SYS.INIT check 2: RCX = 0"),
    BEFORE("attribute_bit_63", TDH_SYS_INIT, .rax = RAX(SYS_INIT), .in = {.rcx = 1ull << 63},
           .status = INVALID(RCX), .rule = "SYS.INIT check 2: all 64 bits of RCX reserved"),
    {"bringup.sys_init.lp_shutdown", SOURCE_MODULE, 0, STEP_SYS_INIT, TDH_SYS_LP_SHUTDOWN,
     .run = lp_shutdown},
    {"bringup.sys_init.no_entropy", SOURCE_MODULE, NEED_INJECT, STEP_SYS_INIT, TDH_SYS_INIT,
     .run = no_entropy},
    {"bringup.sys_init.vmfail", SOURCE_LINUX, NEED_INJECT, STEP_SYS_INIT, TDH_SYS_LP_SHUTDOWN, .run = vmfail},
    {"bringup.sys_init.step", SOURCE_MODULE, 0, STEP_SYS_INIT, .run = sys_init},
};
CASE_TABLE(bringup_sys_init);
