/* SPDX-License-Identifier: MIT */
/* #UD: QEMU's CPU has neither VMX nor SEAM nor MOVDIR64B, so all of them arrive here, and true undefined ones
 * too. */
#ifndef SEAM_MONITOR_UNDEFINED_H
#define SEAM_MONITOR_UNDEFINED_H

#include "seam/monitor/lp.h"

void exit_undefined(struct lp *lp);

#endif
