/* SPDX-License-Identifier: MIT */
#include "seam/monitor/stray.h"

#include "drivers/tdx/abi/msr.h"
#include "lib/string.h"
#include "seam/monitor/control.h"
#include "seam/monitor/death.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/log.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"

#define VECTOR_DB      1
#define VECTOR_MC      18
#define DR6_BS         (1ull << 14)
#define LOG_AT_MOST    64
/* What reads see: another key's view of the memory, which is noise; and a bus on which nobody answers. */
#define SCRAMBLED      0xA5
#define NOBODY_ANSWERS 0xFF

#define SAME_FAULTS 100000

/* Intel SDM 3B, 15.3: an uncorrected, recoverable error in the access of an instruction that can be run again
 */
#define MCG_STATUS_RIPV (1ull << 0)
#define MCG_STATUS_EIPV (1ull << 1)
#define MCG_STATUS_MCIP (1ull << 2)
#define MC_VALID        (1ull << 63)
#define MC_UNCORRECTED  (1ull << 61)
#define MC_ENABLED      (1ull << 60)
#define MC_ADDRESS      (1ull << 58)
#define MC_SIGNALLED    (1ull << 56)
#define MC_ACTION       (1ull << 55)
#define MC_CODE_DATA    0x134ull
#define MC_CODE_FETCH   0x150ull
#define CACHE_LINE      64

static volatile u64 last_page;
static volatile u32 logged;
static volatile u32 xapic_logged;

u64 stray_last_page(void)
{
    return last_page;
}

void stray_forget(void)
{
    last_page = 0;
}

/* ---- one instruction with other pages in sight ---- */

static void begin_step(struct lp *lp)
{
    struct vmcb *v = lp->vmcb;
    if (lp->step.active)
        return;
    lp->step = (struct lp_step){
        .active = true,
        .interrupts_on = v->rflags & (1ull << 9),
        .trap_flag = v->rflags & RFLAGS_TF,
    };
    v->rflags = (v->rflags | RFLAGS_TF) & ~(1ull << 9);
    v->intercept_exceptions |= 1u << VECTOR_DB;
}

void stray_step_only(struct lp *lp)
{
    begin_step(lp);
}

static void end_step(struct lp *lp)
{
    lp->vmcb->nested_cr3 = npt_root();
    lp->vmcb->intercept_exceptions &= ~(1u << VECTOR_DB);
    lp->translations_seen = 0;
    lp->step.active = false;
}

void stray_step_drop(struct lp *lp)
{
    if (lp->step.active)
        end_step(lp);
}

void exit_step_done(struct lp *lp)
{
    struct vmcb *v = lp->vmcb;
    struct lp_step step = lp->step;
    lp_count_event(lp, MONITOR_COUNT_EXIT_OTHER);
    end_step(lp);
    v->rflags |= step.interrupts_on ? 1ull << 9 : 0;
    if (step.trap_flag) { /* the guest steps, too */
        exit_raise(lp, VECTOR_DB, 0);
        return;
    }
    v->rflags &= ~RFLAGS_TF;
    v->dr6 &= ~DR6_BS;
}

/*
 * The instruction runs again and finds a scratch page full of fill where the page would be, on nested tables
 * that only this LP uses and only for this instruction.
 */
static void step_over(struct lp *lp, u64 page, u8 fill)
{
    begin_step(lp);
    if (!lp->step.in_view) {
        if (!npt_view_open(&lp->view))
            death_of_guest(lp, "touched a forbidden page, and SEAMRR has no room left to emulate that");
        lp->vmcb->nested_cr3 = npt_view_root(&lp->view);
        lp->step.in_view = true;
    }
    u8 *scratch = lp_page(lp, LP_PAGE_SCRATCH);
    memset(scratch, fill, PAGE_SIZE);
    if (!npt_view_show(&lp->view, page, (u64)scratch))
        death_of_guest(lp, "touched more forbidden pages in one instruction than the monitor can emulate");
    lp->translations_seen = 0;
}

/* ---- strays ---- */

static const char *owner_text(enum npt_hole why)
{
    switch (why) {
    case NPT_PAMT:
        return "PAMT";
    case NPT_POOL:
        return "extension pool";
    case NPT_CONTROL:
        return "control page of a TD";
    default:
        return "SEAMRR";
    }
}

/* error: of a nested page fault */
static const char *access_text(u64 error)
{
    return error & NPF_TABLE_WALK ? "page-table walk"
           : error & NPF_FETCH    ? "fetch"
           : error & NPF_WRITE    ? "write"
                                  : "read";
}

static void note_stray(struct lp *lp, u64 gpa, enum npt_hole why, u64 error)
{
    lp_count_event(lp, MONITOR_COUNT_STRAYS);
    last_page = align_down(gpa, PAGE_SIZE);
    u32 number = __atomic_fetch_add(&logged, 1, __ATOMIC_RELAXED);
    if (number < LOG_AT_MOST)
        log_line("stray %s of 0x%lx by LP %u at rip 0x%lx: owner %s", access_text(error), gpa, lp->index,
                 lp->vmcb->rip, owner_text(why));
    else if (number == LOG_AT_MOST)
        log_line("more stray accesses are counted, not logged");
}

/* inferred: what a host sees that touches such memory. A recoverable machine check is the kindest of what can
 * be. */
static void machine_check(struct lp *lp, u64 gpa, bool fetch)
{
    u64 *status = msr_storage(lp, MSR_IA32_MCG_STATUS);
    if (!(lp->vmcb->cr4 & CR4_MCE))
        death_of_guest(lp, "met a machine check with CR4.MCE off");
    if (*status & MCG_STATUS_MCIP)
        death_of_guest(lp, "met a machine check while it handled one (MCG_STATUS.MCIP)");
    *status = MCG_STATUS_RIPV | MCG_STATUS_EIPV | MCG_STATUS_MCIP;
    *msr_storage(lp, MSR_IA32_MC0_STATUS) = MC_VALID | MC_UNCORRECTED | MC_ENABLED | MC_ADDRESS |
                                            MC_SIGNALLED | MC_ACTION | (fetch ? MC_CODE_FETCH : MC_CODE_DATA);
    *msr_storage(lp, MSR_IA32_MC0_ADDR) = align_down(gpa, CACHE_LINE);
    exit_raise(lp, VECTOR_MC, 0);
}

static void stray(struct lp *lp, u64 gpa, enum npt_hole why)
{
    u64 error = lp->vmcb->exit_info_1;
    note_stray(lp, gpa, why, error);
    if (control_stray_policy() == MONITOR_STRAY_MACHINE_CHECK)
        machine_check(lp, gpa, error & NPF_FETCH);
    else
        step_over(lp, align_down(gpa, PAGE_SIZE), SCRAMBLED);
}

bool stray_operand(struct lp *lp, u64 gpa, enum npt_hole why, bool write, u8 *seen)
{
    note_stray(lp, gpa, why, write ? NPF_WRITE : 0);
    *seen = why == NPT_SEAMRR ? NOBODY_ANSWERS : SCRAMBLED;
    if (why == NPT_SEAMRR || control_stray_policy() == MONITOR_STRAY_SCRAMBLE)
        return true;
    machine_check(lp, gpa, false);
    return false;
}

/* Another LP may have changed the entry meanwhile: then the instruction simply runs again. */
static void check_progress(struct lp *lp, u64 gpa)
{
    lp->last_fault_count = lp->last_fault == gpa ? lp->last_fault_count + 1 : 0;
    lp->last_fault = gpa;
    lp->translations_seen = 0;
    if (lp->last_fault_count > SAME_FAULTS)
        monitor_bug("nested page fault at 0x%lx again and again", gpa);
}

void exit_nested_fault(struct lp *lp)
{
    u64 gpa = lp->vmcb->exit_info_2 & ((1ull << NPT_ADDRESS_BITS) - 1), page = align_down(gpa, PAGE_SIZE);
    bool mapped;
    enum npt_hole why = npt_why(gpa, &mapped);
    lp_count_event(lp, MONITOR_COUNT_EXIT_NPF);
    if (mapped) {
        check_progress(lp, gpa);
    } else if (npt_is_donated(why)) {
        stray(lp, gpa, why);
    } else if (why == NPT_SEAMRR) {
        note_stray(lp, gpa, why, lp->vmcb->exit_info_1);
        step_over(lp, page, NOBODY_ANSWERS);
    } else if (why == NPT_XAPIC) {
        if (!__atomic_exchange_n(&xapic_logged, 1, __ATOMIC_RELAXED))
            log_line(
                "LP %u touched the xAPIC page at rip 0x%lx: this machine is in x2APIC mode, nothing answers there",
                lp->index, lp->vmcb->rip);
        step_over(lp, page, NOBODY_ANSWERS);
    } else if (!npt_reach(gpa)) {
        step_over(lp, page, NOBODY_ANSWERS);
    }
}
