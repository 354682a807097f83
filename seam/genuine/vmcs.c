/* SPDX-License-Identifier: MIT */
#include "seam/genuine/vmcs.h"

#include "lib/string.h"

/* Of an encoding: SDM 3C, table "Structure of VMCS Component Encoding". Bit 12 and all above bit 14 are
 * reserved. */
#define ENCODING_HIGH     (1u << 0)
#define ENCODING_INDEX(x) ((x) >> 1 & 0x1FF)
#define ENCODING_TYPE(x)  ((x) >> 10 & 3) /* control, exit information, guest state, host state */
#define ENCODING_WIDTH(x) ((x) >> 13 & 3)
#define ENCODING_RESERVED (~0x6FFFull)

enum width { WIDTH_16, WIDTH_64, WIDTH_32, WIDTH_NATURAL };

/* In slots of 8 bytes; slot 0 is the revision id and the abort indicator. */
static const struct kind {
    u16 first, count;
} kinds[4][4] = {
    [WIDTH_16] = {{1, 5}, {0, 0}, {8, 11}, {24, 7}},
    [WIDTH_64] = {{32, 42}, {96, 3}, {104, 21}, {136, 12}},
    [WIDTH_32] = {{160, 20}, {192, 8}, {208, 25}, {240, 1}},
    [WIDTH_NATURAL] = {{256, 8}, {272, 6}, {288, 23}, {320, 15}},
};

/* The slot's number; 0: there is no such field. */
static u32 slot_of(u64 encoding)
{
    if ((encoding & ENCODING_RESERVED) ||
        ((encoding & ENCODING_HIGH) && ENCODING_WIDTH(encoding) != WIDTH_64))
        return 0;
    const struct kind *kind = &kinds[ENCODING_WIDTH(encoding)][ENCODING_TYPE(encoding)];
    u32 index = ENCODING_INDEX(encoding);
    return index < kind->count ? kind->first + index : 0;
}

void vmcs_clear(void *region)
{
    memset((u8 *)region + sizeof(u32), 0, PAGE_SIZE - sizeof(u32));
}

bool vmcs_read(const void *region, u64 encoding, u64 *value)
{
    u32 slot = slot_of(encoding);
    if (!slot)
        return false;
    *value = ((const u64 *)region)[slot];
    if (encoding & ENCODING_HIGH)
        *value >>= 32;
    return true;
}

bool vmcs_write(void *region, u64 encoding, u64 value)
{
    u32 slot = slot_of(encoding);
    if (!slot)
        return false;
    u64 *field = (u64 *)region + slot;
    if (encoding & ENCODING_HIGH)
        *field = value << 32 | (u32)*field;
    else if (ENCODING_WIDTH(encoding) == WIDTH_16)
        *field = (u16)value;
    else if (ENCODING_WIDTH(encoding) == WIDTH_32)
        *field = (u32)value;
    else
        *field = value;
    return true;
}
