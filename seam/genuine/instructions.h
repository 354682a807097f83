/* SPDX-License-Identifier: MIT */
/*
 * The instructions that a TDX module uses and TCG lacks. While an LP is inside the module, lp->regs and
 * lp->vmcb are the module's. Sources: Intel SDM 2 and 3C/3D; TDX CPU extensions specification 343754 for
 * SEAMRET and SEAMOPS.
 */
#ifndef SEAM_GENUINE_INSTRUCTIONS_H
#define SEAM_GENUINE_INSTRUCTIONS_H

#include "seam/monitor/lp.h"

/* The instruction at RIP has raised #UD. It is executed and RIP moved behind it; what isn't in the table, and
 * UD2, stops the module (seam_stop). */
void instruction_undefined(struct lp *lp);

/* Which instruction is at RIP, for the log: "MOVDIR64B", or its bytes. */
#define INSTRUCTION_NAME 48
void instruction_name(struct lp *lp, char text[INSTRUCTION_NAME]);

#endif
