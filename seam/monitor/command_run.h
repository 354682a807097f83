/* SPDX-License-Identifier: MIT */
/* MONITOR_MSR_COMMAND: the line in a page of the guest, done and answered in place. */
#ifndef SEAM_MONITOR_COMMAND_RUN_H
#define SEAM_MONITOR_COMMAND_RUN_H

#include "seam/monitor/lp.h"

/* False: the guest itself can't reach the page, #GP. */
bool command_run(struct lp *lp, u64 page);

#endif
