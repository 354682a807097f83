/* SPDX-License-Identifier: MIT */
/*
 * Numbers of statuses that public sources give by name only (TDX_STATUS_UNNUMBERED in the ABI table). They
 * are invented; only the model sees them, so that the driver can't come to depend on them.
 */
#ifndef SEAM_SOFT_INVENTED_H
#define SEAM_SOFT_INVENTED_H

/* Linux patch v2: success class, bit 63 clear. Class 05 (module state) and detail 0xE0, unused elsewhere, are
 * ours. */
#define SOFT_EXT_MEMORY_POOL_FULL 0x000005E000000000ull

#endif
