/* SPDX-License-Identifier: MIT */
/*
 * What executes each of the instructions in instructions.c. True: it is done, RIP may move behind it. False:
 * RIP stays, since the turn is over: the module has returned, or was stopped.
 */
#ifndef SEAM_GENUINE_EXECUTE_H
#define SEAM_GENUINE_EXECUTE_H

#include "seam/monitor/decode.h"
#include "seam/monitor/lp.h"

#define RFLAGS_ZF (1ull << 6)

typedef bool execute_fn(struct lp *lp, const struct instruction *insn);

execute_fn execute_vmread, execute_vmwrite, execute_vmptrld, execute_vmclear, execute_vmptrst, execute_invept,
    execute_invvpid;                                           /* vmx_instructions.c */
execute_fn execute_seamret, execute_seamops, execute_pconfig;  /* seam_instructions.c */
execute_fn execute_xsave_compacted, execute_xrstors;           /* xstate.c */
execute_fn execute_movdir64b, execute_random, execute_nothing; /* instructions.c */

#endif
