/* SPDX-License-Identifier: MIT */
/* The monitor's own MSRs and CPUID leaves: drivers/tdx/abi/monitor.h is their description. */
#ifndef SEAM_MONITOR_CONTROL_H
#define SEAM_MONITOR_CONTROL_H

#include "seam/monitor/lp.h"

#define CONTROL_FIRST 0x40000100u /* in the range that CPU makers leave to hypervisors (SDM 4, 2.1) */

bool control_read(struct lp *lp, u32 offset, u64 *value); /* false: #GP */
bool control_write(struct lp *lp, u32 offset, u64 value);

void control_identify(u32 leaf, struct soft_cpuid *r); /* MONITOR_CPUID_SIGNATURE and ..._CONTROL */

void control_init(void); /* takes what the options say */
enum monitor_stray control_stray_policy(void);

#endif
