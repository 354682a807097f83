/* SPDX-License-Identifier: MIT */
/*
 * VMX, as far as a TDX host needs it before it runs a guest: into VMX operation and out of it. Every other
 * VMX instruction ends as it does without a current VMCS: VMfailInvalid.
 */
#ifndef SEAM_MONITOR_VMX_H
#define SEAM_MONITOR_VMX_H

#include "seam/monitor/decode.h"
#include "seam/monitor/lp.h"

void vmx_on(struct lp *lp, const struct instruction *insn);
void vmx_off(struct lp *lp, const struct instruction *insn);
void vmx_fail(struct lp *lp, const struct instruction *insn);

/* The two ways a VMX instruction or SEAMCALL that was executed reports (SDM 3C, 31.2). */
void vmx_succeed_flags(struct lp *lp);
void vmx_fail_invalid_flags(struct lp *lp);

#endif
