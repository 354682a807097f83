/* SPDX-License-Identifier: MIT */
/* Intel SDM 3A, 2.5 (bits), 4.10.4 (what invalidates translations); SDM 3C, 24.7 (VMXE). */
#include "seam/monitor/control_register.h"

#include "kernel/cpu.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/cpuid.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/walk.h"

#define OPCODE_GROUP_7 0x01 /* after 0F */

#define CR4_ALWAYS   0x1EFull /* VME, PVI, TSD, DE, PAE, MCE, PGE, PCE */
#define CR4_FEATURES 0x600ull /* OSFXSR, OSXMMEXCPT */
#define CR4_UMIP     (1ull << 11)
#define CR4_FSGSBASE (1ull << 16)
#define CR4_OSXSAVE  (1ull << 18)
#define CR4_PGE      (1ull << 7)
#define CR4_SMEP     (1ull << 20)
#define CR4_SMAP     (1ull << 21)
#define CR4_PKE      (1ull << 22)

/* Each of these bits is there if a bit of the guest's CPUID says so. */
static const struct {
    u64 cr4;
    u32 leaf;
    enum { EBX, ECX } in;
    u32 bit;
} by_feature[] = {
    {CR4_VMXE, 1, ECX, 5},  {CR4_OSXSAVE, 1, ECX, 26}, {CR4_FSGSBASE, 7, EBX, 0}, {CR4_SMEP, 7, EBX, 7},
    {CR4_SMAP, 7, EBX, 20}, {CR4_UMIP, 7, ECX, 2},     {CR4_PKE, 7, ECX, 3},
};

/* The same on all LPs, so it is worked out once. */
static u64 allowed_bits(struct lp *lp)
{
    static u64 known;
    if (known)
        return known;
    u64 allowed = CR4_ALWAYS | CR4_PSE | CR4_FEATURES;
    for (size_t i = 0; i < ARRAY_COUNT(by_feature); i++) {
        struct soft_cpuid r = cpuid_guest(lp, by_feature[i].leaf, 0);
        if ((by_feature[i].in == EBX ? r.ebx : r.ecx) >> by_feature[i].bit & 1)
            allowed |= by_feature[i].cr4;
    }
    known = allowed;
    return known;
}

u64 cr4_of(const struct lp *lp)
{
    return lp->vmcb->cr4 | (lp->vmxe ? CR4_VMXE : 0);
}

static bool legal(struct lp *lp, u64 value)
{
    if (value & ~allowed_bits(lp))
        return false;
    if ((lp->vmcb->efer & EFER_LMA) && !(value & CR4_PAE))
        return false;
    /* Where QEMU swallows VMXON nobody can know whether the LP is in VMX operation, and VMXE may go. */
    return !lp->vmx_root || machine.vmxon_swallowed || (value & CR4_VMXE);
}

/*
 * QEMU drops all translations when one of these changes, also in a world switch. The monitor has no use for
 * them, so it runs with the guest's choice, which makes a switch a fifth cheaper.
 */
#define CR4_SWITCH_FLUSHES (CR4_PSE | CR4_PGE | CR4_SMEP | CR4_SMAP)

static void set_cr4(struct lp *lp, u64 value)
{
    lp->vmxe = value & CR4_VMXE;
    if (machine.vmxon_swallowed)
        lp->vmx_root = lp->vmxe;
    lp->vmcb->cr4 = value & ~CR4_VMXE;
    write_cr4((read_cr4() & ~CR4_SWITCH_FLUSHES) | (value & CR4_SWITCH_FLUSHES));
    lp->translations_seen = 0; /* flush: PGE, PSE, PAE, SMEP and others ask for it */
}

void exit_write_cr4(struct lp *lp)
{
    struct instruction insn;
    lp_count_event(lp, MONITOR_COUNT_EXIT_CR);
    if (!exit_decode(lp, &insn)) {
        exit_raise_ud(lp);
        return;
    }
    u64 value = exit_get_register(lp, decode_rm(&insn));
    value = exit_code_bits(lp) == 64 ? value : (u32)value;
    if (!legal(lp, value)) {
        exit_raise_gp(lp);
        return;
    }
    set_cr4(lp, value);
    exit_skip(lp, insn.length);
}

/* ---- reads ---- */

/* An exit for CR0 may be about any control register, see svm.c. */
static u64 value_of(struct lp *lp, u32 number)
{
    static volatile u32 said;
    if (number != 0 && lp->vmcb->exit_code == VMEXIT_READ_CR0 &&
        !__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
        log_line(
            "quirk: this QEMU reports reads of all control registers as reads of CR0: each costs an exit");
    switch (number) {
    case 0:
        return lp->vmcb->cr0;
    case 2:
        return lp->vmcb->cr2;
    case 3:
        return lp->vmcb->cr3;
    case 4:
        return cr4_of(lp);
    default: /* 8 */
        return apic_task_priority() >> 4;
    }
}

/* SMSW shows the low half of CR0, in a register as wide as the operand, in memory always 16 bits. */
static void store_machine_status(struct lp *lp, const struct instruction *insn)
{
    u64 value = lp->vmcb->cr0;
    u32 number = decode_rm(insn);
    bool narrow = insn->operand_size != (exit_code_bits(lp) == 16);
    if (insn->memory) {
        if (!walk_write(lp, exit_operand_address(lp, insn), &value, 2))
            return;
    } else if (narrow) {
        exit_set_register(lp, number, (exit_get_register(lp, number) & ~0xFFFFull) | (u16)value);
    } else {
        exit_set_register(lp, number, insn->rex & 8 ? value : (u32)value);
    }
    exit_skip(lp, insn->length);
}

void exit_read_cr(struct lp *lp)
{
    struct instruction insn;
    lp_count_event(lp, MONITOR_COUNT_EXIT_CR);
    if (!exit_decode(lp, &insn) || insn.map != MAP_0F) {
        exit_raise_ud(lp);
        return;
    }
    if (insn.opcode == OPCODE_GROUP_7) {
        store_machine_status(lp, &insn);
        return;
    }
    u64 value = value_of(lp, insn.lock && decode_reg(&insn) == 0 ? 8 : decode_reg(&insn));
    exit_set_register(lp, decode_rm(&insn), exit_code_bits(lp) == 64 ? value : (u32)value);
    exit_skip(lp, insn.length);
}
