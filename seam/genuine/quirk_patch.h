/* SPDX-License-Identifier: MIT */
/*
 * A fault of some QEMU versions, and the way around it. Group 9 (0F C7) with a memory operand holds XRSTORS,
 * XSAVEC, XSAVES, VMPTRLD, VMCLEAR, VMXON and VMPTRST. They should raise #UD, so that the monitor can execute
 * them; QEMU 10.0 takes them for no-ops and goes on in the middle of their operands (target/i386's decoder,
 * inferred from what it does). UD2 works everywhere: in the copy of the module that is executed, never in its
 * file, these instructions become UD2 (0F C7 to 0F 0B, everything else stays), and whoever looks at the
 * copy's instructions puts the C7 back first.
 *
 * Pure. Code is walked from end to end; that finds instructions, and not the same bytes inside of others.
 * Among the code stand tables, which end up as nonsense or as no instruction at all. ENDBR64 is never part of
 * anything else, and after it, or after a while without nonsense, the walk is believed; until then nothing is
 * replaced.
 */
#ifndef SEAM_GENUINE_QUIRK_PATCH_H
#define SEAM_GENUINE_QUIRK_PATCH_H

#include "lib/types.h"

#define QUIRK_SITES 512 /* module 1.5.01 has 29 */

struct quirk_patch {
    u32 at[QUIRK_SITES]; /* ascending offsets from the image's base, each of a byte that was C7 */
    u32 count;
    u32 found;    /* more than count: there was no room for all */
    u32 doubtful; /* looked like one, too soon after data: left alone */
    u32 lost;     /* times that the walk met data */
};

/* Walks over image[from..to), code, and replaces; adds to *patch. Called in ascending order. */
void quirk_patch_code(struct quirk_patch *patch, u8 *image, u64 from, u64 to);

/* Puts the module's own bytes back into a copy of image[offset..offset + size). */
void quirk_patch_undo(const struct quirk_patch *patch, u64 offset, u8 *copy, u32 size);

#endif
