/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults: the guest touched a page that isn't its own. Memory of the module: a stray access,
 * logged, counted, and answered as the policy says. SEAMRR and the switched-off xAPIC page: reads see ones,
 * writes are lost, as on a bus where nobody answers. Beyond RAM: mapped, devices may be there.
 */
#ifndef SEAM_MONITOR_STRAY_H
#define SEAM_MONITOR_STRAY_H

#include "seam/monitor/lp.h"

void exit_nested_fault(struct lp *lp);
void exit_step_done(struct lp *lp);

void stray_step_only(struct lp *lp); /* one instruction, nothing shown: for what must happen right after it */
void stray_step_drop(struct lp *lp); /* the LP is reset while it steps */

u64 stray_last_page(void); /* 0: none since reset */
void stray_forget(void);

#endif
