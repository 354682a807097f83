/* SPDX-License-Identifier: MIT */
/*
 * Hand-over of memory to the TDX module: the one door. Every leaf that gives pages away goes through
 * donate(), which applies the cache policy, takes the pages out of the direct map on all CPUs and out of the
 * allocator for good, and keeps a ledger. A stray access by the kernel then faults at once and is reported
 * with address, owner and instruction, before it becomes a machine check on hardware.
 *
 * Nothing comes back page by page. What was offered in a call that failed is stranded: the module may have
 * taken it, so nobody may touch it. donate_take_back_all() is for after the module was reset or disabled.
 */
#ifndef DRIVERS_TDX_DONATE_H
#define DRIVERS_TDX_DONATE_H

#include "lib/types.h"

enum donation_kind { DONATION_PAMT, DONATION_EXT_POOL, DONATION_KINDS };
enum donation_state {
    DONATION_SET_ASIDE, /* unmapped and retired, not yet named in a call: can still be taken back */
    DONATION_OFFERED,   /* handed over, the module hasn't confirmed yet */
    DONATION_OWNED,     /* the module's */
    DONATION_STRANDED,  /* offered in a call that failed: nobody's */
};

/* Cache lines of offered pages are written back first if the module asks for it (TDX_FEATURES0 bit 23) or
 * always. */
void donate_set_flush(bool flush);

/*
 * Sets [base, base+size) aside: from here on the kernel can't reach it. It must be USED memory of the
 * allocator (contig_alloc). One call for a large block costs one TLB shoot-down. Panics if the ledger is
 * full: its size is generous.
 */
void donate(pa_t base, u64 size, enum donation_kind kind);
/* A part of what was set aside changes its state. */
void donate_settle(pa_t base, u64 size, enum donation_state state);
/* What was set aside and never offered is ordinary memory again, free in the allocator. */
void donate_take_back(pa_t base, u64 size);

u64 donated_bytes(enum donation_kind kind, enum donation_state state);
u64 donated_flushed_lines(void);

/* "extension pool page 0x… (owned by the module)" for a physical address in the ledger; NULL if the page is
 * the host's. The text is in a static buffer. */
const char *donate_describe(u64 physical);

/* The module gave up everything: contents are junk, pages are ordinary again. Returns how many bytes came
 * back. */
u64 donate_take_back_all(void);

/* Installs the description of donated memory in the trap handler. */
void donate_init(void);

#endif
