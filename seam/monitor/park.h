/* SPDX-License-Identifier: MIT */
/*
 * Parking: one SEAMCALL waits inside the module, with the locks of its leaf, until calls of other LPs have
 * come and gone. Other calls wait outside until it is parked, so who comes first is certain. What a carrier
 * does while it waits, and for how long, is its own affair; a wait that doesn't end is given up with
 * park_end().
 */
#ifndef SEAM_MONITOR_PARK_H
#define SEAM_MONITOR_PARK_H

#include "lib/types.h"

#define PARK_CALLS_MAX 0xFFFF

enum park_stage {
    PARK_NONE,
    PARK_AWAITED, /* armed: the call hasn't begun */
    PARK_COMING,  /* it has begun, and isn't there yet */
    PARK_PARKED,
};

struct park {
    volatile u32 stage; /* enum park_stage */
    volatile u32 lp;    /* whose call it is, from COMING on */
    volatile u32 calls; /* that others have still to end */
};

void park_arm(struct park *park, u32 calls);
void park_end(struct park *park);

/* In a call's order. The call that is to be parked: */
void park_begin(struct park *park, u32 lp);
bool park_enter(struct park *park, u32 lp); /* inside; true: waits from now on */
/* Another one has to wait outside. */
bool park_bars(const struct park *park, u32 lp);
/* Every call: it is over, also if it was never parked. */
void park_leave(struct park *park, u32 lp);

static inline bool park_over(const struct park *park)
{
    return park->stage != PARK_PARKED || park->calls == 0;
}

#endif
