/* SPDX-License-Identifier: MIT */
/* VMREAD, VMWRITE: Intel SDM 3C, "VMX Instruction Reference". MOVDIR64B: SDM 2B. */
#include "seam/genuine/inring/handler.h"

#include "seam/genuine/vmcs.h"

#define OPERAND_SIZE 0x66
#define REX_B        1
#define REX_X        2
#define REX_R        4

#define RFLAGS_STATUS 0x8D5ull /* cleared: VMsucceed */
#define RFLAGS_RF     (1ull << 16)

#define LINE_WORDS 8

/* ---- decoding ---- */

static s64 displacement_at(const u8 *at, u32 size)
{
    int32_t wide;
    if (size == 1)
        return (int8_t)*at;
    __builtin_memcpy(&wide, at, sizeof(wide));
    return wide;
}

/* base + index * scale of the byte behind ModRM; a base of 5 with mod 0 is none. */
static u64 sib_address(const struct inring_frame *frame, u32 sib, u32 mod, u32 rex, bool *bare)
{
    u32 base = (sib & 7) | (rex & REX_B ? 8 : 0), index = (sib >> 3 & 7) | (rex & REX_X ? 8 : 0);
    u64 address = 0;
    *bare = (sib & 7) == 5 && mod == 0;
    if (!*bare)
        address = frame->reg[base];
    if (index != 4)
        address += frame->reg[index] << (sib >> 6);
    return address;
}

/* The memory operand whose ModRM byte stands before `at`; returns where the instruction ends. */
static const u8 *read_operand(const struct inring_frame *frame, const u8 *bytes, const u8 *at, u32 rex,
                              struct inring_operation *op)
{
    u32 mod = at[-1] >> 6, rm = at[-1] & 7;
    bool bare = false, beside_rip = rm == 5 && mod == 0;
    u64 address = 0;
    if (rm == 4)
        address = sib_address(frame, *at++, mod, rex, &bare);
    else if (!beside_rip)
        address = frame->reg[op->rm];
    u32 size = mod == 1 ? 1 : mod == 2 || beside_rip || bare ? 4 : 0;
    if (size)
        address += (u64)displacement_at(at, size);
    at += size;
    op->address = address + (beside_rip ? frame->rip + (u64)(at - bytes) : 0);
    return at;
}

/* Only what compilers write: one 66 where it belongs, one REX behind it, no other prefix. */
bool inring_decode(const struct inring_frame *frame, const u8 *bytes, struct inring_operation *op)
{
    const u8 *at = bytes;
    bool short_operand = *at == OPERAND_SIZE;
    at += short_operand;
    u32 rex = (*at & 0xF0) == 0x40 ? *at++ : 0;
    if (*at++ != 0x0F)
        return false;
    u8 opcode = *at++;
    if ((opcode == 0x78 || opcode == 0x79) && !short_operand)
        op->what = opcode == 0x78 ? INRING_VMREAD : INRING_VMWRITE;
    else if (opcode == 0x38 && *at++ == 0xF8 && short_operand)
        op->what = INRING_MOVDIR64B;
    else
        return false;
    u8 modrm = *at++;
    op->reg = (modrm >> 3 & 7) | (rex & REX_R ? 8 : 0);
    op->rm = (modrm & 7) | (rex & REX_B ? 8 : 0);
    op->memory = modrm < 0xC0;
    op->address = 0;
    if (op->memory)
        at = read_operand(frame, bytes, at, rex, op);
    op->length = (u32)(at - bytes);
    return op->memory || op->what != INRING_MOVDIR64B;
}

/* ---- executing ---- */

/* The module's memory, aligned or not. Volatile keeps every access before the changes that follow it. */
typedef volatile u64 module_word __attribute__((aligned(1)));

static module_word *words_at(u64 linear)
{
    return (module_word *)linear;
}

static bool vmread(struct inring_frame *frame, const void *vmcs, const struct inring_operation *op)
{
    u64 value;
    if (!vmcs || !vmcs_read(vmcs, frame->reg[op->reg], &value))
        return false;
    if (op->memory)
        *words_at(op->address) = value;
    else
        frame->reg[op->rm] = value;
    return true;
}

static bool vmwrite(const struct inring_frame *frame, void *vmcs, const struct inring_operation *op)
{
    if (!vmcs)
        return false;
    u64 value = op->memory ? *words_at(op->address) : frame->reg[op->rm];
    return vmcs_write(vmcs, frame->reg[op->reg], value);
}

static bool movdir64b(const struct inring_frame *frame, const struct inring_operation *op)
{
    u64 to = frame->reg[op->reg], line[LINE_WORDS];
    if (!is_aligned(to, sizeof(line)) || to >= INRING_SPACE)
        return false;
    for (u32 i = 0; i < LINE_WORDS; i++)
        line[i] = words_at(op->address)[i];
    for (u32 i = 0; i < LINE_WORDS; i++)
        words_at(to)[i] = line[i];
    return true;
}

bool inring_execute(struct inring_frame *frame, void *vmcs)
{
    struct inring_operation op;
    if (!inring_decode(frame, (const u8 *)frame->rip, &op) || (op.memory && op.address >= INRING_SPACE))
        return false;
    if (op.what == INRING_MOVDIR64B) {
        if (!movdir64b(frame, &op))
            return false;
    } else {
        if (op.what == INRING_VMREAD ? !vmread(frame, vmcs, &op) : !vmwrite(frame, vmcs, &op))
            return false;
        frame->rflags &= ~RFLAGS_STATUS;
    }
    frame->rip += op.length;
    frame->rflags &= ~RFLAGS_RF; /* #UD pushed it set */
    return true;
}

/* Called by entry.asm. */
bool inring_handle(struct inring_frame *frame);
bool inring_handle(struct inring_frame *frame)
{
    struct inring_page *page = (struct inring_page *)align_down((u64)frame, PAGE_SIZE);
    if (!inring_execute(frame, page->vmcs_shown ? page + 1 : NULL))
        return false;
    page->executed++;
    return true;
}
