/* SPDX-License-Identifier: MIT */
/*
 * How long an instruction is: enough of the format (Intel SDM 2A, chapter 2 and appendix A) to walk over
 * code from end to end, VEX and EVEX included. Not here: XOP, 3DNow! and APX (REX2, EVEX map 4), which no
 * compiler emits unasked. Pure; 64-bit mode.
 */
#ifndef SEAM_GENUINE_LENGTH_H
#define SEAM_GENUINE_LENGTH_H

#include "lib/types.h"

#define INSTRUCTION_LONGEST 15

/*
 * Bytes of the instruction at bytes, of which size can be read; 0: there is none, or not all of it.
 * *opcode: where in it the opcode begins, its escape byte 0F included (with VEX and EVEX: behind the prefix).
 *
 * Opcodes that no processor has give 0. Within what is looked at no further, a combination of ModRM and
 * prefix that no processor has may pass.
 */
u32 instruction_length(const u8 *bytes, u64 size, u32 *opcode);

#endif
