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

/* Class 03 (page metadata) is likely, as for HPA_RANGE_NOT_FREE; the details are ours. */
#define SOFT_MISSING_PAMT_PAGE_PAIR 0xC00003E000000000ull
#define SOFT_NO_PAMT_PAGE_PAIR      0xC00003E100000000ull
#define SOFT_PAMT_PAGE_NOT_EMPTY    0xC00003E200000000ull /* bits 31:0: which of the two pages, 0 or 1 */

#endif
