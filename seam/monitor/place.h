/* SPDX-License-Identifier: MIT */
/* Finding room in the guest's memory for what must lie there before it starts: moved modules, start
 * information. */
#ifndef SEAM_MONITOR_PLACE_H
#define SEAM_MONITOR_PLACE_H

#include "lib/types.h"

void place_occupy(u64 base, u64 size); /* besides the modules, which are known */

/* The highest free place in usable guest memory that ends at or below limit; 0 if there is none. */
u64 place_find(u64 size, u64 align, u64 limit);

bool place_overlaps_occupied(u64 base, u64 size);
bool place_is_usable(u64 base, u64 size); /* all of it inside one usable range of the guest's map */

#endif
