/* SPDX-License-Identifier: MIT */
/* What ended the guest's turn, and what the handlers of all causes share. */
#ifndef SEAM_MONITOR_EXITS_H
#define SEAM_MONITOR_EXITS_H

#include "seam/monitor/decode.h"
#include "seam/monitor/lp.h"

void exit_handle(struct lp *lp);

/* Queues an exception for the next entry; RIP stays at the instruction. */
void exit_raise(struct lp *lp, u8 vector, u32 error);
void exit_raise_ud(struct lp *lp);
void exit_raise_gp(struct lp *lp); /* #GP(0) */

/* Goes on behind the instruction; an interrupt shadow ends with it. */
void exit_skip(struct lp *lp, u32 length);

/* Code size at RIP (16, 32, 64), and the instruction there. False: can't be fetched or decoded. */
u32 exit_code_bits(const struct lp *lp);
bool exit_decode(struct lp *lp, struct instruction *insn);

u64 exit_get_register(const struct lp *lp, u32 number); /* 0 RAX ... 15 R15, 4 is RSP */
void exit_set_register(struct lp *lp, u32 number, u64 value);
u64 exit_operand_address(const struct lp *lp, const struct instruction *insn); /* linear */

#endif
