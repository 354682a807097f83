/* SPDX-License-Identifier: MIT */
#include "seam/genuine/instructions.h"

#include "lib/format.h"
#include "seam/genuine/access.h"
#include "seam/genuine/execute.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/platform.h"

#define LINE 64

/* With 0F 01 the whole ModRM byte is part of the opcode. */
#define ANY_MODRM 0x100

enum prefix { NONE, P66, PF2, PF3, NONE_OR_66 };
enum form { EITHER, MEMORY, REGISTER };

static const char *const no_td = "running TDs isn't emulated yet: leave VP.ENTER out";
static const char *const not_in_seam = "it isn't for use in SEAM mode";

static const struct row {
    const char *name;
    enum decode_map map;
    u8 opcode;
    enum prefix prefix;
    u16 modrm; /* ANY_MODRM, or the byte */
    s64 reg;   /* -1, or the reg field it must have */
    enum form form;
    execute_fn *run; /* NULL: the module is stopped, for this reason */
    const char *why;
} table[] = {
    {"VMREAD", MAP_0F, 0x78, NONE, ANY_MODRM, -1, EITHER, execute_vmread, NULL},
    {"VMWRITE", MAP_0F, 0x79, NONE, ANY_MODRM, -1, EITHER, execute_vmwrite, NULL},
    {"MOVDIR64B", MAP_0F38, 0xF8, P66, ANY_MODRM, -1, MEMORY, execute_movdir64b, NULL},
    {"SEAMRET", MAP_0F, 0x01, P66, 0xCD, -1, EITHER, execute_seamret, NULL},
    {"SEAMOPS", MAP_0F, 0x01, P66, 0xCE, -1, EITHER, execute_seamops, NULL},
    {"PCONFIG", MAP_0F, 0x01, NONE, 0xC5, -1, EITHER, execute_pconfig, NULL},
    {"VMPTRLD", MAP_0F, 0xC7, NONE, ANY_MODRM, 6, MEMORY, execute_vmptrld, NULL},
    {"VMCLEAR", MAP_0F, 0xC7, P66, ANY_MODRM, 6, MEMORY, execute_vmclear, NULL},
    {"VMPTRST", MAP_0F, 0xC7, NONE, ANY_MODRM, 7, MEMORY, execute_vmptrst, NULL},
    {"INVEPT", MAP_0F38, 0x80, P66, ANY_MODRM, -1, MEMORY, execute_invept, NULL},
    {"INVVPID", MAP_0F38, 0x81, P66, ANY_MODRM, -1, MEMORY, execute_invvpid, NULL},
    {"XRSTORS", MAP_0F, 0xC7, NONE, ANY_MODRM, 3, MEMORY, execute_xrstors, NULL},
    {"XSAVEC", MAP_0F, 0xC7, NONE, ANY_MODRM, 4, MEMORY, execute_xsave_compacted, NULL},
    {"XSAVES", MAP_0F, 0xC7, NONE, ANY_MODRM, 5, MEMORY, execute_xsave_compacted, NULL},
    {"RDRAND", MAP_0F, 0xC7, NONE_OR_66, ANY_MODRM, 6, REGISTER, execute_random, NULL},
    {"RDSEED", MAP_0F, 0xC7, NONE_OR_66, ANY_MODRM, 7, REGISTER, execute_random, NULL},
    {"SERIALIZE", MAP_0F, 0x01, NONE, 0xE8, -1, EITHER, execute_nothing, NULL},
    {"VMLAUNCH", MAP_0F, 0x01, NONE, 0xC2, -1, EITHER, NULL, no_td},
    {"VMRESUME", MAP_0F, 0x01, NONE, 0xC3, -1, EITHER, NULL, no_td},
    {"VMCALL", MAP_0F, 0x01, NONE, 0xC1, -1, EITHER, NULL, not_in_seam},
    {"VMXOFF", MAP_0F, 0x01, NONE, 0xC4, -1, EITHER, NULL, not_in_seam},
    {"VMXON", MAP_0F, 0xC7, PF3, ANY_MODRM, 6, MEMORY, NULL, not_in_seam},
    {"TDCALL", MAP_0F, 0x01, P66, 0xCC, -1, EITHER, NULL, not_in_seam},
    {"SEAMCALL", MAP_0F, 0x01, P66, 0xCF, -1, EITHER, NULL, not_in_seam},
};

static bool prefix_fits(enum prefix wanted, const struct instruction *insn)
{
    enum prefix is = insn->repeat == 0xF3   ? PF3
                     : insn->repeat == 0xF2 ? PF2
                     : insn->operand_size   ? P66
                                            : NONE;
    return wanted == NONE_OR_66 ? is == NONE || is == P66 : is == wanted;
}

static const struct row *find(const struct instruction *insn)
{
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        const struct row *row = &table[i];
        if (row->map == insn->map && row->opcode == insn->opcode && prefix_fits(row->prefix, insn) &&
            (row->modrm == ANY_MODRM || row->modrm == insn->modrm) &&
            (row->reg < 0 || row->reg == (insn->modrm >> 3 & 7)) &&
            (row->form == EITHER || (row->form == MEMORY) == insn->memory))
            return row;
    }
    return NULL;
}

/* UD2 ends behind its opcode, so it is looked for before anything that decodes an operand. */
static bool is_ud2(const u8 *bytes)
{
    return bytes[0] == 0x0F && bytes[1] == 0x0B;
}

/* NULL: none of the table. */
static const struct row *row_at(struct lp *lp, u8 bytes[16], u32 *have, struct instruction *insn)
{
    *have = module_fetch(lp, bytes);
    return decode(bytes, 64, insn) && insn->length <= *have ? find(insn) : NULL;
}

static void describe(const struct row *row, const u8 *bytes, u32 have, char text[INSTRUCTION_NAME])
{
    if (row || is_ud2(bytes)) {
        format(text, INSTRUCTION_NAME, "%s", row ? row->name : "UD2");
        return;
    }
    size_t at =
        (size_t)format(text, INSTRUCTION_NAME, have ? "the instruction" : "an instruction out of reach");
    for (u32 i = 0; i < have && at + 4 <= INSTRUCTION_NAME; i++)
        at += (size_t)format(text + at, INSTRUCTION_NAME - at, " %02x", bytes[i]);
}

void instruction_name(struct lp *lp, char text[INSTRUCTION_NAME])
{
    struct instruction insn;
    u8 bytes[16];
    u32 have;
    const struct row *row = row_at(lp, bytes, &have, &insn);
    describe(row, bytes, have, text);
}

void instruction_undefined(struct lp *lp)
{
    char name[INSTRUCTION_NAME];
    struct instruction insn;
    u8 bytes[16];
    u32 have;
    const struct row *row = row_at(lp, bytes, &have, &insn);
    lp_count_event(lp, MONITOR_COUNT_EXIT_UD);
    describe(row, bytes, have, name);
    if (is_ud2(bytes))
        seam_stop(lp, "executed UD2 (its own fatal-error path)");
    else if (!row)
        seam_stop(lp, "executed %s: not emulated, seam/genuine/instructions.c lists what is", name);
    else if (insn.lock)
        seam_stop(lp, "executed %s with a LOCK prefix, which it can't have", name);
    else if (!row->run)
        seam_stop(lp, "executed %s: %s", name, row->why);
    else if (row->run(lp, &insn))
        exit_skip(lp, insn.length);
}

/* ---- those that need no file of their own ---- */

bool execute_movdir64b(struct lp *lp, const struct instruction *insn)
{
    u8 line[LINE];
    u64 to = exit_get_register(lp, decode_reg(insn));
    if (insn->address_size)
        to = (u32)to;
    if (!is_aligned(to, LINE)) {
        seam_stop(lp, "executed MOVDIR64B to 0x%lx, which isn't 64-byte aligned: #GP", to);
        return false;
    }
    return module_read(lp, exit_operand_address(lp, insn), line, LINE) && module_write(lp, to, line, LINE);
}

/* RDRAND and RDSEED: CF says whether there is a number; without one the register is 0. */
bool execute_random(struct lp *lp, const struct instruction *insn)
{
    u32 number = decode_rm(insn);
    u64 value = 0, old = exit_get_register(lp, number);
    bool good = platform_random(lp, &value);
    if (!good)
        value = 0;
    if (insn->rex & 8)
        exit_set_register(lp, number, value);
    else if (insn->operand_size)
        exit_set_register(lp, number, (old & ~0xFFFFull) | (u16)value);
    else
        exit_set_register(lp, number, (u32)value);
    lp->vmcb->rflags = (lp->vmcb->rflags & ~RFLAGS_STATUS) | (good ? RFLAGS_CF : 0);
    return true;
}

/* SERIALIZE: a VM exit has just done it. */
bool execute_nothing(struct lp *lp, const struct instruction *insn)
{
    (void)lp;
    (void)insn;
    return true;
}
