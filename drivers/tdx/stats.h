/* SPDX-License-Identifier: MIT */
/* What SEAMCALLs cost, per leaf. Counted by seamcall.c only; all functions may be called on any CPU at any
 * time. */
#ifndef DRIVERS_TDX_STATS_H
#define DRIVERS_TDX_STATS_H

#include "lib/types.h"

#define STATS_LEAVES 256

void stats_call(u16 leaf, u64 cycles);
void stats_retry(u16 leaf);
void stats_resume(u16 leaf);

#endif
