/* SPDX-License-Identifier: MIT */
/*
 * A VMCS region as the monitor keeps it: the 4 KiB page itself holds the fields, so that copies of memory carry them
 * along. Which encodings exist: Intel SDM 3D, appendix B, and what module 1.5.01 (public source) uses beyond it.
 * Nothing is checked for consistency as a VM entry would do. Pure.
 */
#ifndef SEAM_GENUINE_VMCS_H
#define SEAM_GENUINE_VMCS_H

#include "lib/types.h"

/* Fields that the monitor itself reads or writes; module 1.5.01's common path does so, too. */
enum vmcs_field {
#define VMCS_FIELD(name, encoding) VMCS_##name = (encoding),
#include "seam/genuine/vmcs_fields.def"
};

/* VMCLEAR: forgets every field; the revision id in the first four bytes stays. */
void vmcs_clear(void *region);

/* False: no such field. Width and high-half access (bit 0 of the encoding) are respected. */
bool vmcs_read(const void *region, u64 encoding, u64 *value);
bool vmcs_write(void *region, u64 encoding, u64 value); /* false also for read-only fields unless VMX_MISC[29] - always allowed here */

#endif
