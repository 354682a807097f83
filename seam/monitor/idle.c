/* SPDX-License-Identifier: MIT */
#include "seam/monitor/idle.h"

#include "seam/monitor/exits.h"
#include "seam/monitor/vmcb.h"
#include "seam/monitor/walk.h"

#define HALT_OPCODE 0xF4
#define HALT_BYTES  1

/* The guest runs its HLT again, this time for real. */
void exit_halt(struct lp *lp)
{
    struct vmcb *vmcb = lp->vmcb;
    lp_count_event(lp, MONITOR_COUNT_EXIT_HALT);
    vmcb->intercept_1 = (vmcb->intercept_1 & ~INTERCEPT_HALT) | INTERCEPT_INTERRUPT;
    lp->halt_rip = vmcb->rip;
    lp->idle = 1;
}

/*
 * The interrupt still waits; without the intercept it reaches the guest at the next entry. QEMU's VMRUN
 * doesn't load the interrupt shadow, so after "sti; hlt" an interrupt that waited already comes before the
 * HLT instead of ending it, and the guest would sleep on although its work is there. Such a HLT counts as
 * done.
 */
void exit_interrupt(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_HALT);
    if (lp->vmcb->rip == lp->halt_rip)
        exit_skip(lp, HALT_BYTES);
}

/*
 * An NMI came between STI and HLT, or before a HLT that had exited could run again: the shadow is lost as
 * above, so the HLT is treated as if it had just exited. Otherwise an interrupt that waits would come before
 * it, and the guest would sleep on.
 */
void idle_after_nmi(struct lp *lp, bool was_halting)
{
    u32 bytes;
    if ((was_halting && lp->vmcb->rip == lp->halt_rip) ||
        (lp->vmcb->interrupt_shadow && walk_peek(lp, &bytes) && (bytes & 0xFF) == HALT_OPCODE))
        exit_halt(lp);
}

void idle_end(struct lp *lp)
{
    if (!lp->idle)
        return;
    lp->idle = 0;
    lp->vmcb->intercept_1 = (lp->vmcb->intercept_1 & ~INTERCEPT_INTERRUPT) | INTERCEPT_HALT;
}
