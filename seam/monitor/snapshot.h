/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of the module: MONITOR_SLOTS of them, in SEAMRR. A slot holds the module as seam/soft keeps it,
 * and what the monitor adds: platform faults, and which LPs have written back their caches.
 */
#ifndef SEAM_MONITOR_SNAPSHOT_H
#define SEAM_MONITOR_SNAPSHOT_H

#include "seam/monitor/lp.h"

void snapshot_init(void);

/* False: no such slot, an LP is inside the module, or it can't be done; the log says which. */
bool snapshot_take(struct lp *lp, u64 slot);
bool snapshot_restore(struct lp *lp, u64 slot);

u64 snapshot_filled(void); /* bit N: slot N holds one */

#endif
