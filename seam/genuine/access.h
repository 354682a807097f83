/* SPDX-License-Identifier: MIT */
/* Memory as the module's instructions see it: linear addresses through the module's own tables, KeyIDs
 * respected. */
#ifndef SEAM_GENUINE_ACCESS_H
#define SEAM_GENUINE_ACCESS_H

#include "seam/genuine/quirk_patch.h"
#include "seam/monitor/lp.h"

/*
 * size bytes, page borders may be crossed. False: the access can't be done (nothing mapped, or the key store
 * refused it); the module has been stopped. What lies before a border may have been written then.
 */
bool module_read(struct lp *lp, u64 linear, void *to, u32 size);
bool module_write(struct lp *lp, u64 linear, const void *from, u32 size);

/* What has been replaced in the module's code; set while all LPs are outside. */
extern struct quirk_patch module_patch;

/* Up to 15 bytes at RIP as the module's file has them, without any effect; returns how many there are. What
 * is missing is 0. */
u32 module_fetch(struct lp *lp, u8 bytes[16]);

#endif
