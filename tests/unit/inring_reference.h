/* SPDX-License-Identifier: MIT */
/* What the in-ring handler must make of an instruction: what the monitor's decoder does, or nothing at all.
 */
#ifndef TESTS_UNIT_INRING_REFERENCE_H
#define TESTS_UNIT_INRING_REFERENCE_H

#include "seam/genuine/inring/handler.h"
#include "seam/monitor/decode.h"

/* As Intel SDM 2A, 2.1.5 and 2.2.1 say. */
static inline u64 inring_reference_address(const struct instruction *insn, const struct inring_frame *frame)
{
    u64 address = (u64)insn->displacement;
    if (insn->base >= 0)
        address += frame->reg[insn->base];
    if (insn->index >= 0)
        address += frame->reg[insn->index] << insn->scale;
    return address + (insn->rip_relative ? frame->rip + insn->length : 0);
}

/* One of the three, and no prefix but those that belong to it, where they belong. */
static inline bool inring_reference_wants(const struct instruction *insn, const u8 *bytes)
{
    bool vmx = insn->map == MAP_0F && (insn->opcode == 0x78 || insn->opcode == 0x79) && !insn->operand_size;
    bool movdir = insn->map == MAP_0F38 && insn->opcode == 0xF8 && insn->operand_size && insn->memory;
    u32 at = bytes[0] == 0x66;
    at += (bytes[at] & 0xF0) == 0x40;
    return (vmx || movdir) && bytes[at] == 0x0F;
}

/* NULL, or how the handler's decoder is wrong; *taken counts what it is for. */
static inline const char *inring_unlike(const u8 bytes[16], const struct inring_frame *frame, u32 *taken)
{
    struct inring_operation op;
    struct instruction insn;
    bool wanted = decode(bytes, 64, &insn) && inring_reference_wants(&insn, bytes);
    if (inring_decode(frame, bytes, &op) != wanted)
        return wanted ? "left over" : "taken";
    if (!wanted)
        return NULL;
    *taken += 1;
    enum inring_what what = insn.opcode == 0x78   ? INRING_VMREAD
                            : insn.opcode == 0x79 ? INRING_VMWRITE
                                                  : INRING_MOVDIR64B;
    if (op.what != what || op.length != insn.length || op.memory != insn.memory)
        return "another instruction, form or length";
    if (op.reg != decode_reg(&insn) || (!op.memory && op.rm != decode_rm(&insn)))
        return "another register";
    if (op.memory && op.address != inring_reference_address(&insn, frame))
        return "another address";
    return NULL;
}

#endif
