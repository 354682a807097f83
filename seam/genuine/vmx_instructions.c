/* SPDX-License-Identifier: MIT */
/* Intel SDM 3C, chapter "VMX Instruction Reference". No TD runs, so there are no translations to invalidate.
 */
#include "drivers/tdx/abi/msr.h"
#include "seam/genuine/access.h"
#include "seam/genuine/execute.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/turn.h"
#include "seam/genuine/vmcs.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"

#define PHYSICAL_BITS 52 /* 51:46 are the KeyID */
#define KEYLESS       ((1ull << NPT_ADDRESS_BITS) - 1)

/* SDM 3C, table "VM-Instruction Error Numbers" */
enum vm_error {
    VMCLEAR_BAD_ADDRESS = 2,
    VMPTRLD_BAD_ADDRESS = 9,
    VMPTRLD_BAD_REVISION = 11,
    UNSUPPORTED_COMPONENT = 12,
    INVALIDATE_BAD_OPERAND = 28,
};

static void *current_vmcs(const struct lp *lp)
{
    return lp->seam->current_vmcs == VMCS_NONE ? NULL : (void *)lp->seam->current_vmcs;
}

/* The ways to report of SDM 3C, "Conventions"; all are an end without a fault. */
static bool succeed(struct lp *lp)
{
    lp->vmcb->rflags &= ~RFLAGS_STATUS;
    return true;
}

static bool fail_invalid(struct lp *lp)
{
    lp->vmcb->rflags = (lp->vmcb->rflags & ~RFLAGS_STATUS) | RFLAGS_CF;
    return true;
}

static bool fail(struct lp *lp, enum vm_error error)
{
    if (!current_vmcs(lp))
        return fail_invalid(lp);
    vmcs_write(current_vmcs(lp), VMCS_INSTRUCTION_ERROR, error);
    lp->vmcb->rflags = (lp->vmcb->rflags & ~RFLAGS_STATUS) | RFLAGS_ZF;
    return true;
}

/* ---- fields ---- */

bool execute_vmread(struct lp *lp, const struct instruction *insn)
{
    u64 value;
    if (!current_vmcs(lp))
        return fail_invalid(lp);
    if (!vmcs_read(current_vmcs(lp), exit_get_register(lp, decode_reg(insn)), &value))
        return fail(lp, UNSUPPORTED_COMPONENT);
    if (!insn->memory)
        exit_set_register(lp, decode_rm(insn), value);
    else if (!module_write(lp, exit_operand_address(lp, insn), &value, sizeof(value)))
        return false;
    return succeed(lp);
}

bool execute_vmwrite(struct lp *lp, const struct instruction *insn)
{
    u64 value;
    if (!current_vmcs(lp))
        return fail_invalid(lp);
    if (!insn->memory)
        value = exit_get_register(lp, decode_rm(insn));
    else if (!module_read(lp, exit_operand_address(lp, insn), &value, sizeof(value)))
        return false;
    if (!vmcs_write(current_vmcs(lp), exit_get_register(lp, decode_reg(insn)), value))
        return fail(lp, UNSUPPORTED_COMPONENT);
    return succeed(lp);
}

/* ---- regions ---- */

static bool address_good(u64 pa)
{
    return is_aligned(pa, PAGE_SIZE) && !(pa >> PHYSICAL_BITS);
}

/* The page of a VMCS: in SEAMRR only those of the LPs; elsewhere the key store has its say. NULL: stopped. */
static void *region_at(struct lp *lp, const char *instruction, u64 pa, bool write)
{
    u64 page = pa & KEYLESS;
    if (!memory_in_seamrr(page))
        return keys_reach(lp, pa, PAGE_SIZE, write);
    u64 number = (page - memory_seamrr_base) / PAGE_SIZE;
    if (number >= 1 && number <= lp_count)
        return (void *)page;
    seam_stop(lp, "executed %s of 0x%lx in SEAMRR, which isn't one of the %u SEAM VMCSs from 0x%lx on",
              instruction, pa, lp_count, memory_seamrr_base + PAGE_SIZE);
    return NULL;
}

bool execute_vmptrld(struct lp *lp, const struct instruction *insn)
{
    u64 pa, basic = 0;
    if (!module_read(lp, exit_operand_address(lp, insn), &pa, sizeof(pa)))
        return false;
    if (!address_good(pa))
        return fail(lp, VMPTRLD_BAD_ADDRESS);
    const u32 *region = region_at(lp, "VMPTRLD", pa, false);
    if (!region)
        return false;
    msr_module_read(lp, MSR_IA32_VMX_BASIC, &basic);
    if (*region != (basic & VMX_BASIC_REVISION)) /* bit 31, a shadow VMCS, isn't to be had */
        return fail(lp, VMPTRLD_BAD_REVISION);
    lp->seam->current_vmcs = pa & KEYLESS;
    keys_touched(pa & KEYLESS, PAGE_SIZE); /* by whatever VMWRITE follows */
    lp->seam->vmcs_address = pa;
    return succeed(lp);
}

/* The fields stay: the page holds them. With the KeyID of this address the CPU would write them back. */
bool execute_vmclear(struct lp *lp, const struct instruction *insn)
{
    u64 pa;
    if (!module_read(lp, exit_operand_address(lp, insn), &pa, sizeof(pa)))
        return false;
    if (!address_good(pa))
        return fail(lp, VMCLEAR_BAD_ADDRESS);
    if (!region_at(lp, "VMCLEAR", pa, true))
        return false;
    if (lp->seam->current_vmcs == (pa & KEYLESS))
        lp->seam->current_vmcs = VMCS_NONE;
    return succeed(lp);
}

/* A TD's VMCS has a KeyID in its address, and that isn't kept. */
bool execute_vmptrst(struct lp *lp, const struct instruction *insn)
{
    u64 pa = lp->seam->current_vmcs;
    if (pa != VMCS_NONE && !memory_in_seamrr(pa)) {
        seam_stop(lp, "executed VMPTRST with a TD's VMCS (0x%lx): not emulated, its KeyID isn't kept", pa);
        return false;
    }
    return module_write(lp, exit_operand_address(lp, insn), &pa, sizeof(pa)) && succeed(lp);
}

/* ---- translations ---- */

struct descriptor {
    u64 low, high;
};

enum { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };
enum { INVVPID_ADDRESS = 0, INVVPID_ALL = 2, INVVPID_TYPES = 4 };

bool execute_invept(struct lp *lp, const struct instruction *insn)
{
    struct descriptor d;
    u64 type = exit_get_register(lp, decode_reg(insn));
    if (type != INVEPT_SINGLE && type != INVEPT_ALL)
        return fail(lp, INVALIDATE_BAD_OPERAND);
    if (!module_read(lp, exit_operand_address(lp, insn), &d, sizeof(d)))
        return false;
    return d.high ? fail(lp, INVALIDATE_BAD_OPERAND) : succeed(lp);
}

static bool is_canonical(u64 linear)
{
    s64 top = (s64)linear >> 47;
    return top == 0 || top == -1;
}

bool execute_invvpid(struct lp *lp, const struct instruction *insn)
{
    struct descriptor d;
    u64 type = exit_get_register(lp, decode_reg(insn));
    if (type >= INVVPID_TYPES)
        return fail(lp, INVALIDATE_BAD_OPERAND);
    if (!module_read(lp, exit_operand_address(lp, insn), &d, sizeof(d)))
        return false;
    bool good =
        !(d.low >> 16) && (type == INVVPID_ALL || d.low) && (type != INVVPID_ADDRESS || is_canonical(d.high));
    return good ? succeed(lp) : fail(lp, INVALIDATE_BAD_OPERAND);
}
