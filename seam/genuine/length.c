/* SPDX-License-Identifier: MIT */
#include "seam/genuine/length.h"

#include "lib/string.h"

/*
 * What follows an opcode, one character each, sixteen opcodes a row:
 *
 *   .  nothing                         -  no such instruction in 64-bit mode
 *   m  ModRM                           r  ModRM that names registers whatever it says
 *   M  ModRM and 1 byte                Z  ModRM and z
 *   f  ModRM, and 1 byte if /0 or /1   F  ModRM, and z if /0 or /1
 *   b  1 byte                          w  2 bytes
 *   e  3 bytes                         d  4 bytes
 *   z  4 bytes, with 66 2              v  as z, with REX.W 8
 *   a  an address: 8 bytes, with 67 4  x  ModRM, but only with VEX or EVEX
 *
 * Prefixes and escapes never get here; in the rows they are '-'. Near jumps have 4 bytes even with 66, as
 * Intel does it.
 */
static const char primary[] = "mmmmbz--mmmmbz--"  /* 00 */
                              "mmmmbz--mmmmbz--"  /* 10 */
                              "mmmmbz--mmmmbz--"  /* 20 */
                              "mmmmbz--mmmmbz--"  /* 30 */
                              "----------------"  /* 40 */
                              "................"  /* 50 */
                              "---m----zZbM...."  /* 60 */
                              "bbbbbbbbbbbbbbbb"  /* 70 */
                              "MZ-Mmmmmmmmmmmmm"  /* 80 */
                              "..........-....."  /* 90 */
                              "aaaa....bz......"  /* A0 */
                              "bbbbbbbbvvvvvvvv"  /* B0 */
                              "MMw.--MZe.w..b-."  /* C0 */
                              "mmmm---.mmmmmmmm"  /* D0 */
                              "bbbbbbbbdd-b...."  /* E0 */
                              "-.--..fF......mm"; /* F0 */

static const char after_0f[] = "mmmm-.....-.-m--"  /* 00 */
                               "mmmmmmmmmmmmmmmm"  /* 10 */
                               "rrrr----mmmmmmmm"  /* 20 */
                               "......-.--------"  /* 30 */
                               "mmmmmmmmmmmmmmmm"  /* 40 */
                               "mmmmmmmmmmmmmmmm"  /* 50 */
                               "mmmmmmmmmmmmmmmm"  /* 60 */
                               "MMMMmmm.mmxxmmmm"  /* 70 */
                               "dddddddddddddddd"  /* 80 */
                               "mmmmmmmmmmmmmmmm"  /* 90 */
                               "...mMm--...mMmmm"  /* A0 */
                               "mmmmmmmmmmMmmmmm"  /* B0 */
                               "mmMmMMMm........"  /* C0 */
                               "mmmmmmmmmmmmmmmm"  /* D0 */
                               "mmmmmmmmmmmmmmmm"  /* E0 */
                               "mmmmmmmmmmmmmmmm"; /* F0 */

_Static_assert(sizeof(primary) == 257 && sizeof(after_0f) == 257, "256 opcodes each");

/* Opcodes whose ModRM.reg chooses the instruction: bit n, there is one of /n. */
static const struct group {
    bool after_0f;
    u8 opcode, members;
} groups[] = {
    {false, 0x8F, 0x01}, {false, 0xC6, 0x01}, {false, 0xC7, 0x01}, {false, 0xFE, 0x03},
    {false, 0xFF, 0x7F}, {true, 0x00, 0x3F},  {true, 0xBA, 0xF0},  {true, 0xC7, 0xFA},
};

#define XABORT_XBEGIN 0xF8 /* ModRM of C6 and C7, which have nothing else in /7 */

struct reader {
    const u8 *bytes;
    u32 size, at; /* at > size: more was wanted than there is */
    bool operand_size, address_size, repeat_or_lock;
    u8 rex;
};

static u8 next(struct reader *r)
{
    u8 byte = r->at < r->size ? r->bytes[r->at] : 0;
    r->at++;
    return byte;
}

/* A REX counts only directly in front of the opcode. */
static u8 skip_prefixes(struct reader *r)
{
    for (;;) {
        u8 byte = next(r);
        bool rex = (byte & 0xF0) == 0x40;
        if (byte == 0x66)
            r->operand_size = true;
        else if (byte == 0x67)
            r->address_size = true;
        else if (byte == 0xF0 || byte == 0xF2 || byte == 0xF3)
            r->repeat_or_lock = true;
        else if (!rex && byte != 0x26 && byte != 0x2E && byte != 0x36 && byte != 0x3E && byte != 0x64 &&
                 byte != 0x65)
            return byte;
        r->rex = rex ? byte : 0;
        if (r->at > r->size)
            return 0;
    }
}

/* Map 0F as VEX and EVEX have it: no jumps, no instructions without operands but VZEROUPPER. */
static char vector_0f(u8 opcode, bool evex)
{
    char kind = after_0f[opcode];
    if (kind == 'x')
        return 'm';
    return kind == 'm' || kind == 'M' || (opcode == 0x77 && !evex) ? kind : '-';
}

/* C4, C5 or 62 has been read; what else the prefix says doesn't change the length. */
static char vector_kind(struct reader *r, u8 prefix, u32 *opcode_at)
{
    bool evex = prefix == 0x62, wrong = r->rex || r->operand_size || r->repeat_or_lock;
    u8 first = next(r), map = evex ? first & 7 : prefix == 0xC4 ? first & 0x1F : 1;
    if (prefix == 0xC4)
        next(r);
    if (evex) {
        wrong |= (first & 8) || !(next(r) & 4);
        next(r);
    }
    *opcode_at = r->at;
    u8 opcode = next(r);
    if (wrong)
        return '-';
    if (map == 1)
        return vector_0f(opcode, evex);
    if (map == 3)
        return 'M';
    return map == 2 || (evex && (map == 5 || map == 6)) ? 'm' : '-';
}

static char kind_of(struct reader *r, u32 *opcode_at, bool *escaped, u8 *opcode)
{
    *opcode = skip_prefixes(r);
    *opcode_at = r->at - 1;
    if (*opcode == 0xC4 || *opcode == 0xC5 || *opcode == 0x62)
        return vector_kind(r, *opcode, opcode_at);
    if (*opcode != 0x0F)
        return primary[*opcode];
    *opcode = next(r);
    if (*opcode == 0x38 || *opcode == 0x3A)
        return next(r), *opcode == 0x38 ? 'm' : 'M';
    *escaped = true;
    char kind = after_0f[*opcode];
    return kind == 'x' ? '-' : kind;
}

static bool group_has(bool escaped, u8 opcode, u8 modrm)
{
    if (!escaped && (opcode == 0xC6 || opcode == 0xC7) && modrm == XABORT_XBEGIN)
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(groups); i++)
        if (groups[i].after_0f == escaped && groups[i].opcode == opcode)
            return groups[i].members >> (modrm >> 3 & 7) & 1;
    return true;
}

static void skip_memory_operand(struct reader *r, u8 modrm)
{
    u8 mod = modrm >> 6, base = modrm & 7;
    if (mod == 3)
        return;
    if (base == 4)
        base = next(r) & 7;
    if (mod == 1)
        r->at += 1;
    else if (mod == 2 || base == 5)
        r->at += 4;
}

static u32 immediate_bytes(const struct reader *r, char kind, u8 modrm)
{
    u32 z = r->operand_size && !(r->rex & 8) ? 2 : 4;
    bool test =
        (modrm >> 3 & 7) < 2; /* of F6 and F7: TEST has an immediate, NOT, NEG, MUL and so on haven't */
    switch (kind) {
    case 'b':
    case 'M':
        return 1;
    case 'w':
        return 2;
    case 'e':
        return 3;
    case 'd':
        return 4;
    case 'z':
    case 'Z':
        return z;
    case 'v':
        return r->rex & 8 ? 8 : z;
    case 'a':
        return r->address_size ? 4 : 8;
    case 'f':
        return test ? 1 : 0;
    case 'F':
        return test ? z : 0;
    }
    return 0;
}

u32 instruction_length(const u8 *bytes, u64 size, u32 *opcode_at)
{
    struct reader r = {.bytes = bytes, .size = (u32)min_u64(size, INSTRUCTION_LONGEST)};
    bool escaped = false;
    u8 opcode, modrm = 0;
    char kind = kind_of(&r, opcode_at, &escaped, &opcode);
    if (kind == '-')
        return 0;
    if (strchr("mrMZfF", kind)) {
        modrm = next(&r);
        if (!group_has(escaped, opcode, modrm))
            return 0;
        if (kind != 'r')
            skip_memory_operand(&r, modrm);
    }
    r.at += immediate_bytes(&r, kind, modrm);
    return r.at <= r.size ? r.at : 0;
}
