/* SPDX-License-Identifier: MIT */
/* VMX operation, which SEAMCALL needs on every LP. Counted per LP, so that more than one user may want it. */
#ifndef DRIVERS_TDX_VMX_H
#define DRIVERS_TDX_VMX_H

#include "kernel/probe.h"
#include "lib/types.h"

enum vmx_outcome { VMX_OK, VMX_FAIL_INVALID, VMX_FAIL_VALID, VMX_FAULT };

struct vmx_result {
    enum vmx_outcome outcome;
    fault_t fault; /* for VMX_FAULT */
};

/* On the calling LP: CR4.VMXE and VMXON; the last put does VMXOFF and clears CR4.VMXE. */
struct vmx_result vmx_get(void);
void vmx_put(void);

/* The bare instruction, for tests: VMXON with the region at pa. */
struct vmx_result vmx_on_at(pa_t region);
struct vmx_result vmx_off(void);

#endif
