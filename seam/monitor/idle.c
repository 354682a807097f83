/* SPDX-License-Identifier: MIT */
#include "seam/monitor/idle.h"

#include "kernel/cpu.h"
#include "seam/monitor/vmcb.h"

/*
 * The guest runs its HLT again, this time for real, as if STI stood right before it: an interrupt that waits
 * already must end the HLT, not come before it.
 */
void exit_halt(struct lp *lp)
{
    struct vmcb *vmcb = lp->vmcb;
    lp_count_event(lp, MONITOR_COUNT_EXIT_HALT);
    if (vmcb->rflags &
        RFLAGS_TF) { /* the trap behind HLT would reach the guest past us: let it, and don't call it idle */
        vmcb->intercept_1 &= ~INTERCEPT_HALT;
        return;
    }
    vmcb->intercept_1 = (vmcb->intercept_1 & ~INTERCEPT_HALT) | INTERCEPT_INTERRUPT;
    vmcb->interrupt_shadow = vmcb->rflags & RFLAGS_IF ? 1 : 0;
    lp->idle = 1;
}

/* The interrupt still waits; without the intercept it reaches the guest at the next entry. */
void exit_interrupt(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_HALT);
}

void idle_end(struct lp *lp)
{
    if (!lp->idle)
        return;
    lp->idle = 0;
    lp->vmcb->intercept_1 = (lp->vmcb->intercept_1 & ~INTERCEPT_INTERRUPT) | INTERCEPT_HALT;
}
