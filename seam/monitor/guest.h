/* SPDX-License-Identifier: MIT */
/* The guest: loading it, and the states in which its processors start. */
#ifndef SEAM_MONITOR_GUEST_H
#define SEAM_MONITOR_GUEST_H

#include "seam/monitor/lp.h"

/* Loads the kernel that the options name, moves modules that lie in its way; refuses what isn't a PVH ELF64.
 */
void guest_load(void);

/* The boot CPU as the PVH protocol starts it; an AP as a SIPI starts it. */
void guest_enter_pvh(struct lp *lp);
void guest_enter_real_mode(struct lp *lp, u8 sipi_vector);

/* For the last words: "guest kernel NAME" or what else stands at a linear address, as far as that can be
 * told. */
const char *guest_code_owner(u64 linear);

#endif
