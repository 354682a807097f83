/* SPDX-License-Identifier: MIT */
/* The model-specific registers of the TDX machine, as msr.def lists them. What isn't listed isn't there:
 * #GP(0). */
#ifndef SEAM_MONITOR_MSR_H
#define SEAM_MONITOR_MSR_H

#include "seam/monitor/lp.h"

void exit_msr(struct lp *lp);

void msr_reset(struct lp *lp); /* reset values; an INIT leaves MSRs alone */

/* What the module reads and writes on this LP. False: no such MSR. */
bool msr_module_read(const struct lp *lp, u32 msr, u64 *value);
bool msr_module_write(struct lp *lp, u32 msr, u64 value);

u64 *msr_storage(struct lp *lp, u32 msr); /* of a row that is stored; a wrong number is a bug */

bool msr_is_direct(u32 msr); /* the guest reaches it without the monitor */

/* Calls let_through(msr) for each MSR that the guest reaches without the monitor. */
void msr_each_direct(void (*let_through)(u32 msr));

#endif
