/* SPDX-License-Identifier: MIT */
/*
 * The order of checks is the architecture's (TDX CPU extensions specification 343754): not in VMX operation,
 * or not 64-bit code: #UD; CPL > 0: #GP(0); loader or module not there: VMfailInvalid; else the module runs.
 */
#include "seam/monitor/seamcall.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "kernel/cpu.h"
#include "seam/monitor/death.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/inject.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/options.h"
#include "seam/monitor/subject.h"
#include "seam/monitor/vmx.h"

#define CLASS_BUSY 0x02

static volatile u32 closed;

/* ---- the door ---- */

bool seamcall_close(void)
{
    if (__atomic_exchange_n(&closed, 1, __ATOMIC_SEQ_CST))
        return false;
    for (u32 i = 0; i < lp_count; i++) {
        if (lp_at(i)->in_module) {
            closed = 0;
            return false;
        }
    }
    return true;
}

void seamcall_open(void)
{
    __atomic_store_n(&closed, 0, __ATOMIC_SEQ_CST);
}

/* An LP says "inside" and then looks at the door; who closes it does so and then looks who is inside. */
static void go_in(struct lp *lp)
{
    u64 start = rdtsc();
    for (;;) {
        __atomic_exchange_n(&lp->in_module, 1, __ATOMIC_SEQ_CST);
        if (!closed)
            return;
        lp->in_module = 0;
        if (rdtsc() - start > LP_PATIENCE)
            monitor_bug("a reset of the module doesn't end");
        cpu_relax();
    }
}

static void go_out(struct lp *lp)
{
    __atomic_store_n(&lp->in_module, 0, __ATOMIC_RELEASE);
}

/* ---- before and after ---- */

/* LPs that run the guest and haven't written back their caches since SYS.CONFIG. */
static u32 unflushed(u32 *first)
{
    u32 missing = 0;
    for (u32 i = lp_count; i-- > 0;) {
        if (lp_at(i)->caches_flushed || lp_at(i)->state != LP_RUNNING)
            continue;
        missing++;
        *first = i;
    }
    return missing;
}

/*
 * ABI specification: between SYS.CONFIG and KEY.CONFIG each LP writes back its caches, since dirty lines
 * without KeyID would later fall onto PAMT memory. No status reports an omission.
 */
static void say_unflushed(struct lp *lp, u32 missing, u32 first)
{
    lp_count_event(lp, MONITOR_COUNT_VIOLATIONS);
    log_line(
        "violation: SYS.KEY.CONFIG succeeded on LP %u, but %u LPs (first: %u) didn't WBINVD since SYS.CONFIG",
        lp->index, missing, first);
}

static void config_done(void)
{
    for (u32 i = 0; i < lp_count; i++)
        lp_at(i)->caches_flushed = 0;
}

static void count_status(struct lp *lp, u64 status)
{
    if (!(status & TDX_STATUS_ERROR))
        return;
    if ((status & TDX_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE)
        lp_count_event(lp, MONITOR_COUNT_RESUMABLE);
    if ((status >> 40 & 0xFF) == CLASS_BUSY)
        lp_count_event(lp, MONITOR_COUNT_BUSY);
}

static void say_call(const struct lp *lp, const struct soft_regs *in)
{
    const char *name = tdx_leaf_name((unsigned)(in->rax & 0xFFFF));
    char status[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(lp->last_status, status, sizeof(status));
    log_line("LP %u %s v%lu rcx=%lx rdx=%lx r8=%lx r9=%lx -> %s", lp->index, name ? name : "unknown leaf",
             in->rax >> TDX_RAX_VERSION_SHIFT & 0xFF, in->rcx, in->rdx, in->r8, in->r9, status);
}

/* ---- the call ---- */

/* False: the module has stopped itself, now or earlier. */
static bool run_module(struct lp *lp)
{
    u64 start = rdtsc();
    bool returned = subject()->call(lp);
    lp->counters[MONITOR_COUNT_MODULE_CYCLES] += rdtsc() - start;
    lp_count_event(lp, MONITOR_COUNT_SEAMCALLS);
    if (lp->need_flush)
        npt_flush_others(lp);
    lp->need_flush = false;
    return returned;
}

static bool run_key_config(struct lp *lp)
{
    u32 first = 0, missing = unflushed(&first);
    bool returned = run_module(lp);
    if (missing && returned && lp->regs.rax == TDX_SUCCESS)
        say_unflushed(lp, missing, first);
    return returned;
}

static bool call_module(struct lp *lp, u16 leaf)
{
    if (lp->injected == MONITOR_INJECT_VMFAIL)
        return false;
    if (lp->injected == MONITOR_INJECT_STATUS) {
        lp->regs.rax = lp->injected_value;
        return true;
    }
    go_in(lp);
    lp->polled = 0;
    bool there = leaf == TDH_SYS_KEY_CONFIG ? run_key_config(lp) : run_module(lp);
    if (leaf == TDH_SYS_CONFIG && there && lp->regs.rax == TDX_SUCCESS)
        config_done();
    go_out(lp);
    return there;
}

/* False: VMfailInvalid. */
static bool call(struct lp *lp, u16 leaf)
{
    lp->leaf_calls[leaf & 0xFF] += leaf < 256;
    inject_begin(lp, leaf);
    bool there = call_module(lp, leaf);
    inject_end(lp);
    return there;
}

void seamcall(struct lp *lp, u32 length)
{
    if (!lp->vmx_root || exit_code_bits(lp) != 64) {
        exit_raise_ud(lp);
        return;
    }
    if (lp->vmcb->cpl) {
        exit_raise_gp(lp);
        return;
    }
    const struct soft_regs in = lp->regs;
    lp->last_call = in.rax;
    lp->called = true;
    /* No P-SEAMLDR is there yet: its calls fail as those to an absent module do. */
    if (!(in.rax & TDX_RAX_PSEAMLDR) && call(lp, (u16)in.rax)) {
        vmx_succeed_flags(lp);
        lp->last_status = lp->regs.rax;
        count_status(lp, lp->last_status);
    } else {
        lp->regs = in;
        vmx_fail_invalid_flags(lp);
        lp->last_status = TDX_VMFAIL_INVALID;
    }
    if (options.verbose)
        say_call(lp, &in);
    lp->vmcb->rip += length;
    lp->vmcb->interrupt_shadow = 0;
}
