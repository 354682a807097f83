/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a genuine module: the contents of all pages that are its own (its block and SEAM VMCSs, PAMTs
 * and whatever else it wrote under a private KeyID), whose they are, and what the platform knows beside them.
 * Pages are looked at when a snapshot is taken; a restore copies only those that aren't as they were.
 */
#ifndef SEAM_GENUINE_SLOTS_H
#define SEAM_GENUINE_SLOTS_H

#include "lib/types.h"
#include "seam/soft/soft.h"

void slots_prepare(void); /* at power-on, when all else is there */

/* All LPs are outside the module. False: log_last() says why, and the slot is empty. */
bool slots_take(u32 slot, const struct soft_machine *facts);
bool slots_are_filled(u32 slot);                          /* the same */
void slots_restore(u32 slot, struct soft_machine *facts); /* one that is filled */

#endif
