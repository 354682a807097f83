/* SPDX-License-Identifier: MIT */
/* What keys.c, handover.c and slots.c share. Nobody else includes this. */
#ifndef SEAM_GENUINE_KEYS_STATE_H
#define SEAM_GENUINE_KEYS_STATE_H

#include "seam/genuine/module_npt.h"
#include "seam/genuine/page_records.h"
#include "seam/genuine/page_versions.h"
#include "seam/genuine/tdmr_areas.h"
#include "seam/monitor/lock.h"
#include "seam/monitor/lp.h"

/* What is known beside the pages; snapshots keep a copy. */
struct keys_facts {
    u32 configured[MODULE_NPT_KEYS]; /* packages, one bit each */
    struct tdmr_areas areas;         /* of the last successful SYS.CONFIG */
};

/*
 * The lock is taken before that of the guest's nested tables (npt.c). LPs that wait for it are outside the
 * module, so whoever holds it may wait for others to leave (seam_flush_others).
 */
extern struct keys {
    struct lock lock;
    struct page_records records;
    struct page_versions versions; /* slots.c */
    struct keys_facts facts;
    bool looked, notes_missing; /* does the CPU note writes in nested tables? */
} keys;

/* The rest with the lock held. */

/* Where the page of an access is, and how it may be shown; NULL: the module has been stopped. */
u8 *keys_admit(struct lp *lp, u64 pa, bool write, enum module_npt_rights *rights);

u32 keys_package_bit(const struct lp *lp);
void keys_make_noise(void); /* at power-on */

/* Forgets the page: under all KeyIDs, its contents in snapshots that may come, and what other LPs still know
 * of it. */
void keys_take_away(struct lp *lp, u64 page, struct page_record *record);

/* The guest can't reach the page any more, which is in no PAMT; before SEAMCALL returns all LPs know. */
void handover_to_module(struct lp *lp, u64 page);
void handover_in_call(struct lp *lp, u64 page); /* the same, unless the call fails */

void handover_to_host(u64 base, u64 size);       /* as it is */
void handover_junk_to_host(u64 base, u64 size);  /* with junk in it */
void handover_pamts_to_module(struct lp *lp);    /* those of facts.areas */
void handover_pamts_to_host(void);               /* with junk */
void handover_everything_to_host(struct lp *lp); /* but for the block, with junk */

#endif
