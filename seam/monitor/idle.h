/* SPDX-License-Identifier: MIT */
/*
 * LPs that the guest has halted. Such an LP uses no translations until an interrupt ends its HLT, so it
 * needn't be woken to drop stale ones (npt_flush_others()): HLT is noticed, the LP marked, and the interrupt
 * that ends it comes to the monitor first, whose next world switch drops them. Waking a sleeping LP costs far
 * more than two exits.
 */
#ifndef SEAM_MONITOR_IDLE_H
#define SEAM_MONITOR_IDLE_H

#include "seam/monitor/lp.h"

void exit_halt(struct lp *lp);
void exit_interrupt(struct lp *lp);
/* was_halting: lp->idle before idle_end(). */
void idle_after_nmi(struct lp *lp, bool was_halting);

/* At every exit and with every event: whatever the cause, the LP isn't halted any more. */
void idle_end(struct lp *lp);

#endif
