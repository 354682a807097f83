/* SPDX-License-Identifier: MIT */
/*
 * As much of the instruction format (Intel SDM 2A, chapter 2) as the monitor meets: QEMU reports neither the
 * length nor the bytes of an intercepted instruction. Pure: works on fetched bytes.
 */
#ifndef SEAM_MONITOR_DECODE_H
#define SEAM_MONITOR_DECODE_H

#include "lib/types.h"

enum decode_map { MAP_PRIMARY, MAP_0F, MAP_0F38, MAP_0F3A };

struct instruction {
    bool lock;         /* F0: with MOV CR0 it means CR8 */
    bool operand_size; /* 66 */
    u8 repeat;         /* 0, F2 or F3: the last one counts */
    u8 segment;        /* 0, or the override prefix byte */
    bool address_size; /* 67 */
    u8 rex;            /* 0 or 4x */
    enum decode_map map;
    u8 opcode;
    bool has_modrm;
    u8 modrm;
    u32 length; /* of the whole instruction, without an immediate */

    bool memory;     /* modrm names memory: base + index * scale + displacement */
    int base, index; /* register numbers, -1: none */
    bool rip_relative;
    u8 scale; /* shift */
    s64 displacement;
};

/* bits: 16, 32 or 64, the size of the code segment. False: not understood (memory operands of 16-bit
 * addressing too). */
bool decode(const u8 bytes[16], u32 bits, struct instruction *out);

static inline u32 decode_reg(const struct instruction *insn)
{
    return (insn->modrm >> 3 & 7) | (insn->rex & 4 ? 8 : 0);
}

static inline u32 decode_rm(const struct instruction *insn)
{
    return (insn->modrm & 7) | (insn->rex & 1 ? 8 : 0);
}

#endif
