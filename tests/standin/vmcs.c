/* SPDX-License-Identifier: MIT */
/* Leaves that execute the instructions of VMX in all their forms. The LP's own VMCS is current when they end.
 */
#include "tests/standin/instructions.h"
#include "tests/standin/standin.h"

#define MSR_SEAMRR_BASE 0x1400
#define MSR_VMX_BASIC   0x480
#define VMX_REVISION    0x7FFFFFFFull
#define SEAMRR_FLAGS    0xFFFull

#define UNTOUCHED 0x5A5A5A5A5A5A5A5Aull /* what VMREAD doesn't write stays */

/* Added to a form: its memory operand lies on two pages, of scratch memory or those named by R9 and R11. */
#define CROSSING 0x100
#define SPLIT    0x200
#define OVERHANG 4 /* bytes on the first page */

enum pointer { POINTER_LOAD, POINTER_CLEAR };

static u64 error_after(u64 flags)
{
    return flags & FLAGS_ZF ? vmread(VMCS_INSTRUCTION_ERROR) : 0;
}

/* False: no such form. */
static bool form_of(struct lp_data *lp, struct standin_regs *regs, u64 *form, u64 **place)
{
    *form = regs->rdx & ~(u64)(CROSSING | SPLIT);
    *place = (u64 *)(lp->scratch + PAGE_SIZE - (regs->rdx & CROSSING ? OVERHANG : 0));
    if (regs->rdx & SPLIT) {
        keyhole_map(lp, 2, regs->r9);
        *place = (u64 *)(keyhole_map(lp, 3, regs->r11) - OVERHANG);
    }
    if (*form < VMX_FORMS)
        return true;
    regs->rax = TDX_OPERAND_INVALID | TDX_OPERAND_RDX;
    return false;
}

static u64 load(const u64 *place)
{
    u64 value;
    __builtin_memcpy(&value, place, sizeof(value));
    return value;
}

static void store(u64 *place, u64 value)
{
    __builtin_memcpy(place, &value, sizeof(value));
}

void leaf_vmread(struct lp_data *lp, struct standin_regs *regs)
{
    u64 form, *place;
    if (!form_of(lp, regs, &form, &place))
        return;
    store(place, UNTOUCHED);
    regs->r9 = vmread_forms[form](regs->rcx, place);
    regs->r10 = error_after(regs->r9);
    regs->r8 = load(place);
}

void leaf_vmwrite(struct lp_data *lp, struct standin_regs *regs)
{
    u64 form, *place, before = UNTOUCHED;
    if (!form_of(lp, regs, &form, &place))
        return;
    bool known = vmread_forms[0](regs->rcx, &before) == 0;
    store(place, regs->r8);
    regs->r9 = vmwrite_forms[form](regs->rcx, place);
    regs->r10 = error_after(regs->r9);
    regs->r8 = UNTOUCHED;
    vmread_forms[0](regs->rcx, &regs->r8);
    if (known)
        vmwrite(regs->rcx, before);
}

/* ---- other regions than the LP's own ---- */

static u64 own_vmcs(const struct lp_data *lp)
{
    return (rdmsr(MSR_SEAMRR_BASE) & ~SEAMRR_FLAGS) + (lp->index + 1) * PAGE_SIZE;
}

static void load_own_vmcs(const struct lp_data *lp)
{
    u64 own = own_vmcs(lp);
    if (vmptrld_flags(&own))
        standin_fatal();
}

/* The flags of all that has to succeed. */
static u64 make_vmcs(struct lp_data *lp, u64 page)
{
    u32 revision = (u32)(rdmsr(MSR_VMX_BASIC) & VMX_REVISION);
    __builtin_memcpy(keyhole_map(lp, 0, page), &revision, sizeof(revision));
    return vmclear_flags(&page) | vmptrld_flags(&page);
}

void leaf_vmcs_page(struct lp_data *lp, struct standin_regs *regs)
{
    u64 page = regs->rcx, value = regs->r8, own = own_vmcs(lp), nothing;
    u64 *flags = &regs->r11;
    *flags = make_vmcs(lp, page);
    *flags |= vmwrite_forms[0](regs->rdx, &value);
    *flags |= vmptrld_flags(&own);
    *flags |= vmptrld_flags(&page);
    *flags |= vmread_forms[0](regs->rdx, &regs->r8);
    *flags |= vmclear_flags(&page);
    regs->r9 = vmread_forms[0](regs->rdx, &nothing);
    *flags |= vmptrld_flags(&own);
}

void leaf_vmcs_pointer(struct lp_data *lp, struct standin_regs *regs)
{
    u64 pointer = regs->rcx;
    switch (regs->rdx) {
    case POINTER_LOAD:
        regs->r9 = vmptrld_flags(&pointer);
        break;
    case POINTER_CLEAR:
        regs->r9 = vmclear_flags(&pointer);
        break;
    default:
        regs->r9 = vmptrst_flags(&regs->r8);
    }
    regs->r10 = error_after(regs->r9);
    load_own_vmcs(lp);
}

void leaf_other_vmcs(struct lp_data *lp, struct standin_regs *regs)
{
    make_vmcs(lp, regs->rcx);
}

void leaf_invalidate(struct lp_data *lp, struct standin_regs *regs)
{
    u64 descriptor[2] = {regs->r8, regs->r9};
    (void)lp;
    regs->r9 = regs->rdx ? invvpid_flags(regs->rcx, descriptor) : invept_flags(regs->rcx, descriptor);
    regs->r10 = error_after(regs->r9);
}

void leaf_vmread_loop(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    regs->r8 = vmread_sum(VMCS_INSTRUCTION_LENGTH, regs->rcx);
}
