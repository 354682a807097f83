/* SPDX-License-Identifier: MIT */
/*
 * The nested page tables: one set for all LPs, guest-physical = physical. A page that the guest must not
 * reach is a hole, and the hole's entry says why. Large pages are split as holes are made; they are not
 * joined again.
 */
#ifndef SEAM_MONITOR_NPT_H
#define SEAM_MONITOR_NPT_H

#include "drivers/tdx/abi/monitor.h"
#include "lib/types.h"
#include "seam/monitor/lp.h"

/* Why a page is a hole. PAMT, POOL, CONTROL and SEAMRR are numbered as enum monitor_owner. */
enum npt_hole {
    NPT_UNUSED = 0, /* nothing was mapped there so far: beyond the end of RAM */
    NPT_PAMT = MONITOR_OWNER_PAMT,
    NPT_POOL = MONITOR_OWNER_POOL,
    NPT_SEAMRR = MONITOR_OWNER_SEAMRR,
    NPT_CONTROL = MONITOR_OWNER_CONTROL,
    NPT_XAPIC = 7, /* the legacy APIC page: x2APIC mode switches it off */
};

/* Guest-physical address bits that select a page; above them stand KeyIDs, which select nothing (no
 * encryption here). */
#define NPT_ADDRESS_BITS 46

void npt_build(void);
u64 npt_root(void);

/* The host gave the page to the module. */
static inline bool npt_is_donated(enum npt_hole why)
{
    return why == NPT_PAMT || why == NPT_POOL || why == NPT_CONTROL;
}

/*
 * Both change [base, base+size), page aligned, and are safe while others run; false when the memory for
 * tables is used up (some pages may have changed). Translations that others hold stay until
 * npt_flush_others().
 */
bool npt_make_hole(u64 base, u64 size, enum npt_hole why);
bool npt_give_back(u64 base, u64 size);

/* Maps 1 GiB around an address beyond RAM: devices may be there. */
bool npt_reach(u64 gpa);

/* NPT_UNUSED also for a page that is mapped; *mapped tells them apart. */
enum npt_hole npt_why(u64 gpa, bool *mapped);

/* Calls give(base, size) for every stretch of holes of the given kind, ascending. */
void npt_each_hole(enum npt_hole why, void (*give)(u64 base, u64 size));

/*
 * A view of its own for one LP, for one instruction (stray.c): the same tables but for a few pages. The
 * memory is taken once and used again.
 */
bool npt_view_open(struct npt_view *view); /* false: no memory */
bool npt_view_show(struct npt_view *view, u64 page,
                   u64 instead); /* false: NPT_VIEW_PAGES are shown already */
u64 npt_view_root(const struct npt_view *view);

/* Makes every other LP forget stale translations before it returns; run_guest() in ap.c is the LP's half of
 * it. */
void npt_flush_others(struct lp *lp);

extern volatile u64 npt_generation;

#endif
