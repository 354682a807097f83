/* SPDX-License-Identifier: MIT */
#include "seam/genuine/overlay_carrier.h"

#include "seam/genuine/keys.h"
#include "seam/genuine/overlay.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/options.h"
#include "seam/monitor/platform.h"
#include "seam/monitor/soft_carrier.h"

#define ALIGNMENT 64 /* overlay.h */

static struct overlay overlay;        /* its module is NULL without the option */
static struct soft_platform platform; /* the soft subject's, and one thing more */
static bool (*module_turn)(struct lp *lp);
static void *slots[MONITOR_SLOTS];

/* The call may be one of the overlay's own, with other registers than the guest's. */
static bool below(void *context, u32 index, struct soft_regs *regs)
{
    struct lp *lp = lp_at(index);
    (void)context;
    if (regs == &lp->regs)
        return module_turn(lp);
    struct soft_regs own = lp->regs;
    lp->regs = *regs;
    bool there = module_turn(lp);
    *regs = lp->regs;
    lp->regs = own;
    return there;
}

static void on_touched(void *context, u64 base, u64 size)
{
    (void)context;
    keys_touched(base, size);
}

static void power_on(void)
{
    struct soft_machine facts = platform_facts_at_start();
    soft_overlay_reset(overlay.module, &platform, &facts, &options.knobs);
}

void overlay_create(bool (*turn)(struct lp *lp))
{
    module_turn = turn;
    if (!options.overlay_ext)
        return;
    if (!(options.knobs.features0 >> TDX_FEATURE_EXT & 1))
        refuse("option overlay=ext: profile %s has no extensions; profile=ext has", options.profile);
    overlay.module = heap_need(soft_module_size(), PAGE_SIZE, "the overlay");
    overlay.below = below;
    platform = soft_carrier;
    platform.touched = on_touched;
    power_on();
    log_line(
        "overlay ext: the soft model answers EXT.MEM.ADD, EXT.INIT, QUOTE.INIT, QUOTE.GET, their fields, "
        "TDX_FEATURES0 bits 39 and 50, and R9 of SYS.CONFIG and SYS.UPDATE");
    log_line(
        "overlay ext: all else is the module's; pages of the pool are marked reserved in the module's PAMT");
}

bool overlay_turn(struct lp *lp)
{
    return overlay.module ? overlay_call(&overlay, lp->index, &lp->regs) : module_turn(lp);
}

void overlay_reset(void)
{
    if (overlay.module)
        power_on();
}

/* ---- slots ---- */

void overlay_prepare_slots(void)
{
    for (u32 i = 0; overlay.module && i < MONITOR_SLOTS; i++)
        slots[i] = heap_need(soft_overlay_size(), ALIGNMENT, "a snapshot of the overlay");
}

void overlay_snapshot(u32 slot)
{
    if (overlay.module)
        soft_overlay_save(overlay.module, slots[slot]);
}

void overlay_leave(void)
{
    if (overlay.module)
        soft_overlay_leave(overlay.module);
}

void overlay_restore(u32 slot)
{
    if (overlay.module)
        soft_overlay_restore(overlay.module, slots[slot]);
}

/* ---- questions and commands ---- */

bool overlay_has_page(u64 page)
{
    return overlay.module && soft_page_owner(overlay.module, page) == SOFT_OWNER_POOL;
}

static bool no_knobs(const char *assignment)
{
    log_line("%s: a genuine module has no knobs", assignment);
    return false;
}

bool overlay_knob(const char *assignment)
{
    if (!overlay.module)
        return no_knobs(assignment);
    return soft_knob_set(soft_live_knobs(overlay.module), assignment);
}

bool overlay_install(const char *const *assignments, u32 count)
{
    if (!overlay.module)
        return count == 0 || no_knobs(assignments[0]);
    struct soft_knobs knobs = *soft_live_knobs(overlay.module);
    for (u32 i = 0; i < count; i++)
        if (!soft_knob_set(&knobs, assignments[i]))
            return false;
    soft_overlay_install(overlay.module, &knobs);
    return true;
}
