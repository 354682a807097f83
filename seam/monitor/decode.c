/* SPDX-License-Identifier: MIT */
#include "seam/monitor/decode.h"

#include "lib/string.h"

#define LONGEST 15

struct cursor {
    const u8 *bytes;
    u32 at;
    bool past_end; /* more bytes were wanted than an instruction can have */
};

static u8 next(struct cursor *c)
{
    if (c->at < LONGEST)
        return c->bytes[c->at++];
    c->past_end = true;
    return 0;
}

static s64 next_signed(struct cursor *c, u32 size)
{
    u64 value = 0;
    for (u32 i = 0; i < size; i++)
        value |= (u64)next(c) << 8 * i;
    u64 sign = 1ull << (8 * size - 1);
    return (s64)((value ^ sign) - sign);
}

static void read_prefixes(struct cursor *c, u32 bits, struct instruction *out)
{
    for (; c->at < LONGEST; c->at++) {
        u8 byte = c->bytes[c->at];
        if (byte == 0x66)
            out->operand_size = true;
        else if (byte == 0x67)
            out->address_size = true;
        else if (byte == 0xF2 || byte == 0xF3)
            out->repeat = byte;
        else if (byte == 0x26 || byte == 0x2E || byte == 0x36 || byte == 0x3E || byte == 0x64 || byte == 0x65)
            out->segment = byte;
        else if (byte == 0xF0)
            out->lock = true;
        else
            break;
    }
    if (bits == 64 && (c->bytes[c->at] & 0xF0) == 0x40)
        out->rex = next(c);
}

static void read_opcode(struct cursor *c, struct instruction *out)
{
    out->opcode = next(c);
    if (out->opcode != 0x0F)
        return;
    out->map = MAP_0F;
    out->opcode = next(c);
    if (out->opcode != 0x38 && out->opcode != 0x3A)
        return;
    out->map = out->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
    out->opcode = next(c);
}

static void read_sib(struct cursor *c, u8 mod, struct instruction *out)
{
    u8 sib = next(c);
    out->scale = sib >> 6;
    out->index = (sib >> 3 & 7) | (out->rex & 2 ? 8 : 0);
    out->base = (sib & 7) | (out->rex & 1 ? 8 : 0);
    if (out->index == 4)
        out->index = -1; /* no index; with REX.X it is R12 */
    if ((sib & 7) == 5 && mod == 0) {
        out->base = -1;
        out->displacement = next_signed(c, 4);
    }
}

/* 32- and 64-bit addressing */
static void read_memory_operand(struct cursor *c, u32 bits, struct instruction *out)
{
    u8 mod = out->modrm >> 6, rm = out->modrm & 7;
    out->base = (int)decode_rm(out);
    if (rm == 4) {
        read_sib(c, mod, out);
    } else if (rm == 5 && mod == 0) {
        out->base = -1;
        out->rip_relative = bits == 64;
        out->displacement = next_signed(c, 4);
    }
    if (mod == 1)
        out->displacement = next_signed(c, 1);
    else if (mod == 2)
        out->displacement = next_signed(c, 4);
}

bool decode(const u8 bytes[16], u32 bits, struct instruction *out)
{
    struct cursor c = {.bytes = bytes};
    memset(out, 0, sizeof(*out));
    out->base = out->index = -1;
    read_prefixes(&c, bits, out);
    read_opcode(&c, out);
    out->has_modrm = out->map != MAP_PRIMARY; /* true of every instruction that is looked at further */
    if (out->has_modrm) {
        out->modrm = next(&c);
        out->memory = out->modrm >> 6 != 3;
    }
    bool narrow = (bits == 16) != (bits != 64 && out->address_size);
    bool control_register =
        out->map == MAP_0F && (out->opcode & 0xFD) == 0x20; /* MOV CRn: always registers */
    if (control_register)
        out->memory = false;
    if (out->memory && narrow)
        return false;
    if (out->memory)
        read_memory_operand(&c, bits, out);
    out->length = c.at;
    return !c.past_end;
}
