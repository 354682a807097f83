/* SPDX-License-Identifier: MIT */
/* SEAMCALL: who may, what is injected, and the way into the module and back. */
#ifndef SEAM_MONITOR_SEAMCALL_H
#define SEAM_MONITOR_SEAMCALL_H

#include "seam/monitor/lp.h"

void seamcall(struct lp *lp, u32 length); /* of the instruction */

/*
 * Keeps every LP out of the module until seamcall_open(). False: an LP is inside, nothing changed.
 */
bool seamcall_close(void);
void seamcall_open(void);

#endif
