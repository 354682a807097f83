/* SPDX-License-Identifier: MIT */
/* The guest's memory as the guest sees it: its page tables, walked in software. */
#ifndef SEAM_MONITOR_WALK_H
#define SEAM_MONITOR_WALK_H

#include "seam/monitor/lp.h"

/* Linear to guest-physical, whatever the paging mode. False: not present, and *error is the #PF error code.
 */
bool walk(struct lp *lp, u64 linear, bool write, u64 *gpa, u32 *error);

/* The bytes at RIP, as many as can be had (up to 15); what is missing is 0. Returns how many. */
u32 walk_fetch(struct lp *lp, u8 bytes[16]);

/*
 * The quick way to the four bytes at RIP, for the instruction that counts: 64-bit code, 4-level paging, plain
 * RAM. False: not that simple, use walk_fetch().
 */
bool walk_peek(const struct lp *lp, u32 *bytes);

/*
 * Copies size bytes (at most a page) from or to guest memory. False: a fault was queued for the guest (#PF,
 * or what a stray access earns) and the instruction is to be left as it is.
 */
bool walk_read(struct lp *lp, u64 linear, void *to, u32 size);
bool walk_write(struct lp *lp, u64 linear, const void *from, u32 size);

#endif
