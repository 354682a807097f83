/* SPDX-License-Identifier: MIT */
#include "seam/monitor/snapshot.h"

#include "seam/monitor/faults.h"
#include "seam/monitor/inject.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"
#include "seam/monitor/seamcall.h"
#include "seam/monitor/stray.h"
#include "seam/monitor/subject.h"

#define ALIGNMENT 64 /* soft.h */

static struct slot {
    struct faults faults;
    u8 caches_flushed[MAX_LPS];
} * slots;
static u64 filled;

void snapshot_init(void)
{
    slots = heap_need(MONITOR_SLOTS * sizeof(*slots), ALIGNMENT, "snapshots");
    subject()->prepare_slots();
}

u64 snapshot_filled(void)
{
    return filled;
}

static bool refused(struct lp *lp, const char *what, u64 slot, const char *why)
{
    log_line("%s of slot %lu by LP %u refused: %s", what, slot, lp->index, why);
    return false;
}

bool snapshot_take(struct lp *lp, u64 number)
{
    if (number >= MONITOR_SLOTS)
        return refused(lp, "snapshot", number, "slots are numbered 0 to 15");
    if (!seamcall_close())
        return refused(lp, "snapshot", number, "an LP is inside the module");
    struct slot *slot = &slots[number];
    bool done = subject()->snapshot((u32)number);
    filled = done ? filled | 1ull << number : filled & ~(1ull << number);
    faults_save(&slot->faults);
    for (u32 i = 0; i < lp_count; i++)
        slot->caches_flushed[i] = (u8)lp_at(i)->caches_flushed;
    seamcall_open();
    if (!done)
        return refused(lp, "snapshot", number, log_last());
    if (options.verbose)
        log_line("snapshot of slot %lu by LP %u", number, lp->index);
    return true;
}

/* All LPs are outside. */
static bool put_back(struct lp *lp, u32 number)
{
    const struct slot *slot = &slots[number];
    if (!subject()->restore(number))
        return false;
    if (lp->need_flush)
        npt_flush_others(lp);
    lp->need_flush = false;
    faults_replace(&slot->faults);
    for (u32 i = 0; i < lp_count; i++)
        lp_at(i)->caches_flushed = slot->caches_flushed[i];
    inject_disarm();
    stray_forget();
    return true;
}

bool snapshot_restore(struct lp *lp, u64 number)
{
    if (number >= MONITOR_SLOTS)
        return refused(lp, "restore", number, "slots are numbered 0 to 15");
    if (!(filled >> number & 1))
        return refused(lp, "restore", number, "the slot is empty");
    if (!seamcall_close())
        return refused(lp, "restore", number, "an LP is inside the module");
    bool done = put_back(lp, (u32)number);
    seamcall_open();
    if (!done)
        return refused(lp, "restore", number, log_last());
    if (options.verbose)
        log_line("restore of slot %lu by LP %u", number, lp->index);
    return true;
}
