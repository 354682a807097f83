/* SPDX-License-Identifier: MIT */
/*
 * The monitor as the carrier of the overlay: option overlay=ext. Without the option the module below is all
 * there is, and these do nothing.
 */
#ifndef SEAM_GENUINE_OVERLAY_CARRIER_H
#define SEAM_GENUINE_OVERLAY_CARRIER_H

#include "seam/monitor/lp.h"

/* At power-on of the machine; refuses a profile without extensions. turn: SEAMCALL to the module below. */
void overlay_create(bool (*turn)(struct lp *lp));

/* SEAMCALL on top of it; false: one of them has stopped itself. */
bool overlay_turn(struct lp *lp);

/* The following with all LPs outside. Reset: before the module below loses its PAMTs. */
void overlay_reset(void);
/* The module below is loaded anew, over its hand-off area if there is one; with other knobs of the overlay's.
 * False: log_last() says why not, nothing has changed. */
bool overlay_install(const char *const *knobs, u32 count);

/* Slots, beside the module's own. To restore one: leave(), then the module's memory comes back, then
 * restore(). */
void overlay_prepare_slots(void);
void overlay_snapshot(u32 slot);
void overlay_leave(void);
void overlay_restore(u32 slot);

bool overlay_has_page(u64 page); /* in the extension pool */
bool overlay_knob(const char *assignment);

#endif
