/* SPDX-License-Identifier: MIT */
#include "seam/monitor/exits.h"
#include "seam/monitor/idle.h"

#include "kernel/cpu.h"
#include "lib/format.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/control_register.h"
#include "seam/monitor/cpuid.h"
#include "seam/monitor/death.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/stray.h"
#include "seam/monitor/undefined.h"
#include "seam/monitor/walk.h"

#define VECTOR_DB 1
#define VECTOR_UD 6
#define VECTOR_GP 13

#define PAUSE_BYTES 2 /* F3 90; nobody writes it with more prefixes */

#define MSR_FS_BASE 0xC0000100
#define MSR_GS_BASE 0xC0000101

/* exit_info_1 of an I/O exit, AMD64 APM 2, figure 15-2 */
#define IO_IN      (1u << 0)
#define IO_SIZE_8  (1u << 4)
#define IO_SIZE_16 (1u << 5)

/* ---- shared helpers ---- */

void exit_raise(struct lp *lp, u8 vector, u32 error)
{
    bool has_error = vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
    lp->event = EVENT_VALID | EVENT_EXCEPTION | (has_error ? EVENT_HAS_ERROR : 0) | vector;
    lp->event_error = has_error ? error : 0;
}

void exit_raise_ud(struct lp *lp)
{
    exit_raise(lp, VECTOR_UD, 0);
}

void exit_raise_gp(struct lp *lp)
{
    exit_raise(lp, VECTOR_GP, 0);
}

u32 exit_code_bits(const struct lp *lp)
{
    const struct vmcb *v = lp->vmcb;
    bool long_code = v->cs.attributes & (1u << 9), wide = v->cs.attributes & (1u << 10);
    return (v->efer & EFER_LMA) && long_code ? 64 : wide ? 32 : 16;
}

void exit_skip(struct lp *lp, u32 length)
{
    u64 rip = lp->vmcb->rip + length;
    lp->vmcb->rip = exit_code_bits(lp) == 64 ? rip : (u32)rip;
    lp->vmcb->interrupt_shadow = 0;
}

bool exit_decode(struct lp *lp, struct instruction *insn)
{
    u8 bytes[16];
    u32 have = walk_fetch(lp, bytes);
    return decode(bytes, exit_code_bits(lp), insn) && insn->length <= have;
}

/* struct soft_regs has no RSP and another order than the encoding. */
static u64 *register_at(struct lp *lp, u32 number)
{
    struct soft_regs *r = &lp->regs;
    u64 *const order[16] = {&r->rax, &r->rcx, &r->rdx, &r->rbx, &lp->vmcb->rsp, &r->rbp, &r->rsi, &r->rdi,
                            &r->r8,  &r->r9,  &r->r10, &r->r11, &r->r12,        &r->r13, &r->r14, &r->r15};
    return order[number & 15];
}

u64 exit_get_register(const struct lp *lp, u32 number)
{
    return *register_at((struct lp *)lp, number);
}

void exit_set_register(struct lp *lp, u32 number, u64 value)
{
    *register_at(lp, number) = value;
}

static u64 segment_base(const struct lp *lp, const struct instruction *insn, u32 bits)
{
    const struct vmcb *v = lp->vmcb;
    bool stack = insn->base == 4 || insn->base == 5;
    switch (insn->segment) {
    case 0x64:
        return rdmsr(MSR_FS_BASE); /* FS and GS are the guest's even now */
    case 0x65:
        return rdmsr(MSR_GS_BASE);
    case 0:
        return bits == 64 ? 0 : stack ? v->ss.base : v->ds.base;
    default: /* ES, CS, SS, DS: bases count outside 64-bit code only */
        return bits == 64              ? 0
               : insn->segment == 0x26 ? v->es.base
               : insn->segment == 0x2E ? v->cs.base
               : insn->segment == 0x36 ? v->ss.base
                                       : v->ds.base;
    }
}

u64 exit_operand_address(const struct lp *lp, const struct instruction *insn)
{
    u32 bits = exit_code_bits(lp);
    u64 address = (u64)insn->displacement;
    if (insn->base >= 0)
        address += exit_get_register(lp, (u32)insn->base);
    if (insn->index >= 0)
        address += exit_get_register(lp, (u32)insn->index) << insn->scale;
    if (insn->rip_relative)
        address += lp->vmcb->rip + insn->length;
    if (bits != 64 || insn->address_size)
        address = (u32)address;
    address += segment_base(lp, insn, bits);
    return bits == 64 ? address : (u32)address;
}

/* ---- small handlers ---- */

static void exit_cpuid(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_CPUID);
    struct soft_cpuid r = cpuid_guest(lp, (u32)lp->regs.rax, (u32)lp->regs.rcx);
    lp->regs.rax = r.eax;
    lp->regs.rbx = r.ebx;
    lp->regs.rcx = r.ecx;
    lp->regs.rdx = r.edx;
    exit_skip(lp, 2);
}

/* Only the monitor's own port is intercepted: to the guest there is no device. */
static void exit_io(struct lp *lp)
{
    u64 info = lp->vmcb->exit_info_1;
    lp_count_event(lp, MONITOR_COUNT_EXIT_OTHER);
    if (info & IO_IN) {
        u64 ones = info & IO_SIZE_8 ? 0xFF : info & IO_SIZE_16 ? 0xFFFF : 0xFFFFFFFF;
        lp->regs.rax = ones == 0xFFFFFFFF ? ones : lp->regs.rax | ones;
    }
    lp->vmcb->rip = lp->vmcb->exit_info_2;
    lp->vmcb->interrupt_shadow = 0;
}

static void exit_wbinvd(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_WBINVD);
    lp->caches_flushed = 1;
    u8 bytes[16];
    walk_fetch(lp, bytes);
    exit_skip(lp, bytes[0] == 0xF3 ? 3 : 2); /* WBNOINVD has the prefix */
}

/* Instructions of AMD's virtualisation: this CPU doesn't have them. */
static void exit_foreign(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_OTHER);
    exit_raise_ud(lp);
}

static void exit_unknown(struct lp *lp)
{
    char text[80];
    u64 code = lp->vmcb->exit_code;
    format(text, sizeof(text), "can't be run (VM exit 0x%lx, info 0x%lx 0x%lx)", code, lp->vmcb->exit_info_1,
           lp->vmcb->exit_info_2);
    death_of_guest(lp, text);
}

/*
 * An event that was being delivered when the exit came must be delivered again; a software interrupt comes
 * again by itself, since RIP is still at its instruction.
 */
static void keep_interrupted_event(struct lp *lp)
{
    u32 event = lp->vmcb->exit_event;
    if (!(event & EVENT_VALID) || (event & EVENT_TYPE) == EVENT_SOFT_INTERRUPT)
        return;
    lp->event = event;
    lp->event_error = lp->vmcb->exit_event_error;
}

void exit_handle(struct lp *lp)
{
    u64 code = lp->vmcb->exit_code;
    bool was_halting = lp->idle;
    lp_count_event(lp, MONITOR_COUNT_EXITS);
    idle_end(lp);
    switch (code) {
    case VMEXIT_EXCEPTION + VECTOR_UD:
        exit_undefined(lp);
        break;
    case VMEXIT_MSR:
        exit_msr(lp);
        break;
    case VMEXIT_CPUID:
        exit_cpuid(lp);
        break;
    case VMEXIT_READ_CR0:
    case VMEXIT_READ_CR4:
        exit_read_cr(lp);
        break;
    case VMEXIT_WRITE_CR4:
        exit_write_cr4(lp);
        break;
    case VMEXIT_NPF:
        keep_interrupted_event(lp);
        exit_nested_fault(lp);
        break;
    case VMEXIT_NMI:
        keep_interrupted_event(lp);
        exit_nmi(lp);
        idle_after_nmi(lp, was_halting);
        break;
    case VMEXIT_EXCEPTION + VECTOR_DB:
        exit_step_done(lp);
        break;
    case VMEXIT_IRET:
        exit_iret(lp);
        break;
    case VMEXIT_WBINVD:
    case VMEXIT_INVD:
        exit_wbinvd(lp);
        break;
    case VMEXIT_IO:
        exit_io(lp);
        break;
    case VMEXIT_HALT:
        exit_halt(lp);
        break;
    case VMEXIT_PAUSE:
        exit_skip(lp, PAUSE_BYTES);
        break;
    case VMEXIT_INTERRUPT:
        exit_interrupt(lp);
        break;
    case VMEXIT_VMRUN ... VMEXIT_SKINIT:
    case VMEXIT_INVLPGA:
    case VMEXIT_MONITOR:
    case VMEXIT_MWAIT:
        exit_foreign(lp);
        break;
    case VMEXIT_SHUTDOWN:
        death_of_guest(lp, "triple fault");
    default:
        exit_unknown(lp);
    }
}
