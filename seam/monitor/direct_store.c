/* SPDX-License-Identifier: MIT */
/* Intel SDM 2B, MOVDIRI and MOVDIR64B. */
#include "seam/monitor/direct_store.h"

#include "seam/monitor/exits.h"
#include "seam/monitor/walk.h"

#define LINE 64

void movdir64b(struct lp *lp, const struct instruction *insn)
{
    u8 line[LINE];
    u32 bits = exit_code_bits(lp);
    u64 to = exit_get_register(lp, decode_reg(insn)); /* in ES, whose base is 0 in 64-bit code */
    if (bits != 64 || insn->address_size)
        to = (u32)to;
    if (bits != 64)
        to = (u32)(to + lp->vmcb->es.base);
    if (!is_aligned(to, LINE)) {
        exit_raise_gp(lp);
        return;
    }
    if (walk_read(lp, exit_operand_address(lp, insn), line, LINE) && walk_write(lp, to, line, LINE))
        exit_skip(lp, insn->length);
}

void movdiri(struct lp *lp, const struct instruction *insn)
{
    u64 value = exit_get_register(lp, decode_reg(insn));
    u32 size = insn->rex & 8 ? 8 : 4;
    if (walk_write(lp, exit_operand_address(lp, insn), &value, size))
        exit_skip(lp, insn->length);
}
