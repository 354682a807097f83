/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults: the guest touched a page that isn't its own. Memory of the module: a stray access,
 * logged, counted, and answered as the policy says. SEAMRR and the switched-off xAPIC page: reads see ones,
 * writes are lost, as on a bus where nobody answers. Beyond RAM: mapped, devices may be there.
 */
#ifndef SEAM_MONITOR_STRAY_H
#define SEAM_MONITOR_STRAY_H

#include "seam/monitor/lp.h"
#include "seam/monitor/npt.h"

void exit_nested_fault(struct lp *lp);
void exit_step_done(struct lp *lp);

/*
 * The same for an operand of an instruction that the monitor executes for the guest: in memory of the module,
 * or in SEAMRR. True: reads see *seen in each byte, writes are lost. False: a machine check is queued for the
 * guest.
 */
bool stray_operand(struct lp *lp, u64 gpa, enum npt_hole why, bool write, u8 *seen);

void stray_step_only(struct lp *lp); /* one instruction, nothing shown: for what must happen right after it */
void stray_step_drop(struct lp *lp); /* the LP is reset while it steps */

u64 stray_last_page(void); /* 0: none since reset */
void stray_forget(void);

#endif
