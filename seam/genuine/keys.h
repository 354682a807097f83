/* SPDX-License-Identifier: MIT */
/*
 * KeyIDs, without encryption: each page remembers under which KeyID it was last written. The module's nested
 * tables (5 levels, so that bits 51:46 are seen) show a page only under that KeyID; everything else is
 * noticed here.
 */
#ifndef SEAM_GENUINE_KEYS_H
#define SEAM_GENUINE_KEYS_H

#include "seam/genuine/space.h"
#include "seam/monitor/lp.h"

void keys_build(const struct space *space); /* at power-on */
u64 keys_root(void);                        /* of the module's nested tables */
void keys_reset(void); /* all pages are the host's again, their contents junk; all keys forgotten */

/* PCONFIG has programmed the key of a KeyID on this LP's package. */
void keys_configured(struct lp *lp, u16 hkid);

/*
 * size bytes (within a page) at pa, KeyID in bits 51:46, for an instruction that the monitor executes on the
 * module's behalf. NULL: refused; the module has been stopped, with a line that says why.
 */
void *keys_reach(struct lp *lp, u64 pa, u32 size, bool write);

/* A nested fault of the module. Mapped now, or the module has been stopped. */
void keys_nested_fault(struct lp *lp);

enum monitor_owner keys_owner(u64 page);

#endif
