/* SPDX-License-Identifier: MIT */
/* What the machine answers a module, whichever it is: entropy, keys, capabilities, pending interrupts. */
#ifndef SEAM_MONITOR_PLATFORM_H
#define SEAM_MONITOR_PLATFORM_H

#include "seam/monitor/lp.h"

bool platform_random(const struct lp *lp, u64 *value);   /* RDRAND, RDSEED; false: no entropy */
enum soft_pconfig platform_pconfig(const struct lp *lp); /* what PCONFIG says on this LP */
u64 platform_seam_capabilities(const struct lp *lp);     /* SEAMOPS leaf 0 */

/* MSR 0x9A: bit 0 an interrupt that the LP would take now, bit 1 an NMI. */
u64 platform_pending(const struct lp *lp);

/* The same for a resumable leaf that has done so many entries in this call: injection and politeness
 * included. */
bool platform_interrupts(struct lp *lp, u64 done);

/* MCHECK's and the loader's report, before anybody changed it. */
struct soft_machine platform_facts_at_start(void);

void platform_fill_with_junk(u64 base, u64 size);

#endif
