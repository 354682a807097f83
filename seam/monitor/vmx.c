/* SPDX-License-Identifier: MIT */
/* Intel SDM 3C, chapter 31 (VMXON, VMXOFF) and 24.8 (restrictions on CR0 and CR4). */
#include "seam/monitor/vmx.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/control_register.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/walk.h"

void vmx_succeed_flags(struct lp *lp)
{
    lp->vmcb->rflags &= ~RFLAGS_STATUS;
}

void vmx_fail_invalid_flags(struct lp *lp)
{
    lp->vmcb->rflags = (lp->vmcb->rflags & ~RFLAGS_STATUS) | RFLAGS_CF;
}

/* VMX instructions don't exist in real, virtual-8086 and compatibility mode. */
static bool mode_allows(const struct lp *lp)
{
    const struct vmcb *v = lp->vmcb;
    bool compatibility = (v->efer & EFER_LMA) && exit_code_bits(lp) != 64;
    return (v->cr0 & CR0_PE) && !(v->rflags & (1ull << 17)) && !compatibility;
}

static bool fixed_bits_hold(const struct lp *lp)
{
    u64 cr0 = lp->vmcb->cr0, cr4 = cr4_of(lp), value;
    u64 cr0_ones = 0, cr4_ones = 0;
    if (msr_module_read(lp, MSR_IA32_VMX_CR0_FIXED0, &value))
        cr0_ones = value;
    if (msr_module_read(lp, MSR_IA32_VMX_CR4_FIXED0, &value))
        cr4_ones = value;
    return (cr0 & cr0_ones) == cr0_ones && (cr4 & cr4_ones) == cr4_ones;
}

static bool vmxon_allowed(const struct lp *lp)
{
    u64 control = 0;
    msr_module_read(lp, MSR_IA32_FEATURE_CONTROL, &control);
    return lp->vmcb->cpl == 0 && fixed_bits_hold(lp) && (control & FEATURE_CONTROL_LOCK) &&
           (control & FEATURE_CONTROL_VMXON);
}

/* The region is page aligned memory without KeyID bits that begins with the revision id of VMX_BASIC. */
static bool region_good(const struct lp *lp, u64 pa)
{
    u64 basic = 0;
    msr_module_read(lp, MSR_IA32_VMX_BASIC, &basic);
    const u32 *region =
        is_aligned(pa, PAGE_SIZE) && !(pa >> NPT_ADDRESS_BITS) ? memory_ram(pa, PAGE_SIZE) : NULL;
    return region && *region == (u32)(basic & VMX_BASIC_REVISION);
}

void vmx_on(struct lp *lp, const struct instruction *insn)
{
    u64 pa;
    if (!lp->vmxe || !mode_allows(lp)) {
        exit_raise_ud(lp);
        return;
    }
    if (!lp->vmx_root && !vmxon_allowed(lp)) {
        exit_raise_gp(lp);
        return;
    }
    if (lp->vmx_root && lp->vmcb->cpl) {
        exit_raise_gp(lp);
        return;
    }
    if (lp->vmx_root) { /* without a current VMCS VMfail is VMfailInvalid; the operand isn't looked at */
        vmx_fail_invalid_flags(lp);
        exit_skip(lp, insn->length);
        return;
    }
    if (!walk_read(lp, exit_operand_address(lp, insn), &pa, sizeof(pa)))
        return;
    if (!region_good(lp, pa)) {
        vmx_fail_invalid_flags(lp);
    } else {
        lp->vmx_root = true;
        vmx_succeed_flags(lp);
    }
    exit_skip(lp, insn->length);
}

/* True: the instruction may go on. */
static bool in_operation(struct lp *lp)
{
    if (!lp->vmx_root || !mode_allows(lp)) {
        exit_raise_ud(lp);
        return false;
    }
    if (lp->vmcb->cpl) {
        exit_raise_gp(lp);
        return false;
    }
    return true;
}

void vmx_off(struct lp *lp, const struct instruction *insn)
{
    if (!in_operation(lp))
        return;
    lp->vmx_root = machine.vmxon_swallowed; /* then CR4.VMXE alone counts, since VMXON isn't seen */
    lp_unblock_init(lp);
    vmx_succeed_flags(lp);
    exit_skip(lp, insn->length);
}

void vmx_fail(struct lp *lp, const struct instruction *insn)
{
    if (!in_operation(lp))
        return;
    vmx_fail_invalid_flags(lp);
    exit_skip(lp, insn->length);
}
