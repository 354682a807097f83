/* SPDX-License-Identifier: MIT */
/* fault= of the command line (fault_spec.h), put into force: it holds from power-on and survives resets. */
#ifndef SEAM_MONITOR_FAULT_OPTION_H
#define SEAM_MONITOR_FAULT_OPTION_H

#include "lib/types.h"

void fault_option_take(const char *text); /* refuses what can't be done */

/* Refuses a fault of an LP that isn't there; once their number is known. */
void fault_option_require_lps(void);

/* How many of them are faults of the machine and not of single calls. */
u32 fault_option_count_platform(void);

#endif
