/* SPDX-License-Identifier: MIT */
#include "seam/monitor/park.h"

static void set_stage(struct park *park, enum park_stage stage)
{
    __atomic_store_n(&park->stage, stage, __ATOMIC_SEQ_CST);
}

static bool is_mine(const struct park *park, u32 lp)
{
    return (park->stage == PARK_COMING || park->stage == PARK_PARKED) && park->lp == lp;
}

void park_arm(struct park *park, u32 calls)
{
    park->calls = calls;
    set_stage(park, PARK_AWAITED);
}

void park_end(struct park *park)
{
    set_stage(park, PARK_NONE);
}

void park_begin(struct park *park, u32 lp)
{
    park->lp = lp;
    set_stage(park, PARK_COMING);
}

bool park_enter(struct park *park, u32 lp)
{
    if (park->stage != PARK_COMING || !is_mine(park, lp))
        return false;
    set_stage(park, PARK_PARKED);
    return true;
}

bool park_bars(const struct park *park, u32 lp)
{
    u32 stage = __atomic_load_n(&park->stage, __ATOMIC_SEQ_CST);
    return stage == PARK_AWAITED || (stage == PARK_COMING && park->lp != lp);
}

static void count_down(struct park *park)
{
    u32 left = park->calls;
    while (left && !__atomic_compare_exchange_n(&park->calls, &left, left - 1, false, __ATOMIC_SEQ_CST,
                                                __ATOMIC_SEQ_CST))
        ;
}

/* Nobody was inside when the stage became PARKED but the one: every other call that ends came after. */
void park_leave(struct park *park, u32 lp)
{
    if (is_mine(park, lp))
        park_end(park);
    else if (park->stage == PARK_PARKED)
        count_down(park);
}
