/* SPDX-License-Identifier: MIT */
#include "seam/monitor/undefined.h"

#include "seam/monitor/direct_store.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/seamcall.h"
#include "seam/monitor/vmx.h"
#include "seam/monitor/walk.h"

#define SEAMCALL_BYTES 0xCF010F66u

/* With prefixes that change nothing */
static void long_seamcall(struct lp *lp, const struct instruction *insn)
{
    seamcall(lp, insn->length);
}

/* With 0F 01 the whole ModRM byte is part of the opcode. */
#define ANY_MODRM 0x100

enum prefix { NONE, P66, PF2, PF3 };

static const struct {
    enum decode_map map;
    u8 opcode;
    enum prefix prefix;
    u16 modrm;   /* ANY_MODRM, or the byte */
    s64 reg;     /* -1, or the reg field it must have */
    bool memory; /* needs a memory operand */
    void (*run)(struct lp *lp, const struct instruction *insn);
} table[] = {
    {MAP_0F, 0x01, P66, 0xCF, -1, false, long_seamcall},
    {MAP_0F, 0xC7, PF3, ANY_MODRM, 6, true, vmx_on},
    {MAP_0F, 0x01, NONE, 0xC4, -1, false, vmx_off},
    {MAP_0F, 0x01, NONE, 0xC1, -1, false, vmx_fail},      /* VMCALL */
    {MAP_0F, 0x01, NONE, 0xC2, -1, false, vmx_fail},      /* VMLAUNCH */
    {MAP_0F, 0x01, NONE, 0xC3, -1, false, vmx_fail},      /* VMRESUME */
    {MAP_0F, 0xC7, NONE, ANY_MODRM, 6, true, vmx_fail},   /* VMPTRLD */
    {MAP_0F, 0xC7, P66, ANY_MODRM, 6, true, vmx_fail},    /* VMCLEAR */
    {MAP_0F, 0xC7, NONE, ANY_MODRM, 7, true, vmx_fail},   /* VMPTRST */
    {MAP_0F, 0x78, NONE, ANY_MODRM, -1, false, vmx_fail}, /* VMREAD */
    {MAP_0F, 0x79, NONE, ANY_MODRM, -1, false, vmx_fail}, /* VMWRITE */
    {MAP_0F38, 0x80, P66, ANY_MODRM, -1, true, vmx_fail}, /* INVEPT */
    {MAP_0F38, 0x81, P66, ANY_MODRM, -1, true, vmx_fail}, /* INVVPID */
    {MAP_0F38, 0xF8, P66, ANY_MODRM, -1, true, movdir64b},
    {MAP_0F38, 0xF9, NONE, ANY_MODRM, -1, true, movdiri},
};

static enum prefix prefix_of(const struct instruction *insn)
{
    return insn->repeat == 0xF3 ? PF3 : insn->repeat == 0xF2 ? PF2 : insn->operand_size ? P66 : NONE;
}

void exit_undefined(struct lp *lp)
{
    struct instruction insn;
    u32 bytes;
    lp_count_event(lp, MONITOR_COUNT_EXIT_UD);
    if (walk_peek(lp, &bytes) && bytes == SEAMCALL_BYTES) {
        seamcall(lp, sizeof(bytes));
        return;
    }
    bool understood = exit_decode(lp, &insn);
    for (size_t i = 0; i < ARRAY_COUNT(table) && understood; i++) {
        if (table[i].map != insn.map || table[i].opcode != insn.opcode ||
            table[i].prefix != prefix_of(&insn) ||
            (table[i].modrm != ANY_MODRM && table[i].modrm != insn.modrm) ||
            (table[i].reg >= 0 && table[i].reg != (insn.modrm >> 3 & 7)) || (table[i].memory && !insn.memory))
            continue;
        table[i].run(lp, &insn);
        return;
    }
    exit_raise_ud(lp);
}
