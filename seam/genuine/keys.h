/* SPDX-License-Identifier: MIT */
/*
 * KeyIDs, without encryption: each page remembers under which KeyID it was last written. The module's nested
 * tables (module_npt.h) show a page only under that KeyID; everything else is noticed here, said, and
 * answered as the option keys= says (inferred: public sources leave open what exactly a module sees then).
 *
 * Shared KeyIDs count as one: the host's accesses go to memory without a word to the monitor, and their KeyID
 * bits select nothing.
 *
 * A page that the module writes under a private KeyID isn't the host's any more. It comes back with the calls
 * that say so (PHYMEM.PAGE.RECLAIM, MEM.PAGE.REMOVE and their like), when the call fails that took it, when
 * the module is configured anew, with a reset, and with a restore; its contents are junk then.
 */
#ifndef SEAM_GENUINE_KEYS_H
#define SEAM_GENUINE_KEYS_H

#include "drivers/tdx/abi/monitor.h"
#include "seam/monitor/lp.h"

/* At power-on: the nested tables show the module's block, all of it, and nothing else. */
void keys_build(u64 block, u64 size);
u64 keys_root(void); /* of the module's nested tables */

/* Shows pages of SEAMRR that aren't the block's, under KeyID 0: in-ring handlers. False: no memory. */
bool keys_map_own(u64 physical, u64 size, bool writable);

/* All pages are the host's again, their contents junk; all keys are forgotten. All LPs are outside; whoever
 * calls this loads the block anew. */
void keys_reset(void);

/* PCONFIG has programmed the key of a KeyID on this LP's package. */
void keys_configured(struct lp *lp, u16 hkid);

/*
 * size bytes (within a page) at pa, KeyID in bits 51:46, for an instruction that the monitor executes on the
 * module's behalf. NULL: refused; the module has been stopped, with a line that says why. Only reads may
 * follow if write is false.
 */
void *keys_reach(struct lp *lp, u64 pa, u32 size, bool write);

/* The monitor has written, or is about to write, to pages of the module's without having asked above. */
void keys_touched(u64 physical, u64 size);

/* A nested fault of the module. Mapped now, or the module has been stopped. */
void keys_nested_fault(struct lp *lp);

/* A call that began with these registers is over; returned: the module has answered it. */
void keys_call_done(struct lp *lp, const struct soft_regs *in, bool returned);

enum monitor_owner keys_owner(u64 page);

#endif
