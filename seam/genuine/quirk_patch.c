/* SPDX-License-Identifier: MIT */
#include "seam/genuine/quirk_patch.h"

#include "lib/string.h"
#include "seam/genuine/length.h"
#include "seam/monitor/decode.h"

#define GROUP_9  0xC7 /* behind 0F */
#define UD2      0x0B /* behind 0F */
#define VMX_REG  6    /* /6: VMPTRLD, with 66 VMCLEAR, with F3 VMXON */
#define LEAST    3    /* /3 to /5: XRSTORS, XSAVEC, XSAVES; /7: VMPTRST */
#define BELIEVED 16   /* invented; the walk is usually back in step after three or four */

static const u8 endbr64[4] = {0xF3, 0x0F, 0x1E, 0xFA};

static bool is_swallowed(const u8 *at, u32 length)
{
    struct instruction insn;
    u8 bytes[16] = {0};
    memcpy(bytes, at, length);
    if (!decode(bytes, 64, &insn) || insn.length != length || insn.lock)
        return false;
    if (insn.map != MAP_0F || insn.opcode != GROUP_9 || !insn.memory)
        return false;
    u32 reg = insn.modrm >> 3 & 7;
    if (insn.repeat)
        return insn.repeat == 0xF3 && reg == VMX_REG;
    return insn.operand_size ? reg == VMX_REG : reg >= LEAST;
}

static void replace(struct quirk_patch *patch, u8 *image, u64 opcode)
{
    patch->found++;
    if (patch->count == QUIRK_SITES)
        return;
    patch->at[patch->count++] = (u32)opcode + 1;
    image[opcode + 1] = UD2;
}

/* Where an ENDBR64 begins inside the instruction, 0 if none does: then it is no instruction. */
static u32 landing_inside(const u8 *at, u32 length, u64 left)
{
    for (u32 i = 1; i < length && i + sizeof(endbr64) <= left; i++)
        if (memcmp(at + i, endbr64, sizeof(endbr64)) == 0)
            return i;
    return 0;
}

void quirk_patch_code(struct quirk_patch *patch, u8 *image, u64 from, u64 to)
{
    u32 believed = 0;
    for (u64 at = from; at < to;) {
        u32 opcode = 0, length = instruction_length(image + at, to - at, &opcode);
        u32 inside = landing_inside(image + at, length, to - at);
        if (!length || inside) {
            patch->lost += believed >= BELIEVED;
            believed = 0;
            at += inside ? inside : 1;
            continue;
        }
        if (length == sizeof(endbr64) && memcmp(image + at, endbr64, length) == 0)
            believed = BELIEVED;
        if (is_swallowed(image + at, length)) {
            if (believed >= BELIEVED)
                replace(patch, image, at + opcode);
            else
                patch->doubtful++;
        }
        believed++;
        at += length;
    }
}

void quirk_patch_undo(const struct quirk_patch *patch, u64 offset, u8 *copy, u32 size)
{
    u32 low = 0, high = patch->count;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (patch->at[middle] < offset)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < patch->count && patch->at[low] - offset < size; low++)
        copy[patch->at[low] - offset] = GROUP_9;
}
