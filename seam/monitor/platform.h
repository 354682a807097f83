/* SPDX-License-Identifier: MIT */
/* The monitor as the soft module's platform: what it sees of CPUs and memory, and what happens when memory
 * changes hands. */
#ifndef SEAM_MONITOR_PLATFORM_H
#define SEAM_MONITOR_PLATFORM_H

#include "seam/monitor/lp.h"

void platform_create_module(void);
struct soft_module *platform_module(void);

/* Back to power-on; every page is the host's, with junk in it. False: an LP is inside the module. */
bool platform_reset_module(void);

/* MSR 0x9A: bit 0 an interrupt that the LP would take now, bit 1 an NMI. */
u64 platform_pending(const struct lp *lp);

#endif
