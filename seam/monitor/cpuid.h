/* SPDX-License-Identifier: MIT */
/*
 * CPUID, two views. The guest's starts from what this CPU really executes and is edited by the rules of
 * cpuid.def; the module's is a table of its own that passes the checks of SYS.INIT. Topology leaves are
 * computed, the same for both. What a test wants changed (faults.h) comes last, in both.
 */
#ifndef SEAM_MONITOR_CPUID_H
#define SEAM_MONITOR_CPUID_H

#include "seam/monitor/lp.h"

struct soft_cpuid cpuid_guest(struct lp *lp, u32 leaf, u32 subleaf);
struct soft_cpuid cpuid_module(const struct lp *lp, u32 leaf, u32 subleaf);

#endif
