/* SPDX-License-Identifier: MIT */
/*
 * A VMCS region as the monitor keeps it: the 4 KiB page itself holds the fields, so that copies of memory
 * carry them along. Which encodings exist: Intel SDM 3D, appendix B, and what module 1.5.01 (public source)
 * uses beyond it. Nothing is checked for consistency as a VM entry would do. Pure.
 */
#ifndef SEAM_GENUINE_VMCS_H
#define SEAM_GENUINE_VMCS_H

#include "lib/types.h"

enum vmcs_field {
#define VMCS_FIELD(name, encoding) VMCS_##name = (encoding),
#include "seam/genuine/vmcs_fields.def"
};

/*
 * Forgets every field; the revision id in the first four bytes stays. For whoever makes a new region: the
 * instruction VMCLEAR keeps the fields, and module 1.5.01 needs them after it (it clears a TD's VMCS to move
 * it to another LP).
 */
void vmcs_clear(void *region);

/*
 * False: no such field. Width and high-half access (bit 0 of the encoding) are respected. Read-only fields
 * can be written, since IA32_VMX_MISC[29] says so.
 */
bool vmcs_read(const void *region, u64 encoding, u64 *value);
bool vmcs_write(void *region, u64 encoding, u64 value);

#endif
