/* SPDX-License-Identifier: MIT */
#include "seam/genuine/exits.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "seam/genuine/instructions.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/cpuid.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/log.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/platform.h"
#include "seam/monitor/traps.h"

#define VECTOR_UD 6
#define VECTOR_PF 14

#define CR4_OSXSAVE (1ull << 18)

/* exit_info_1 of an I/O exit, AMD64 APM 2, figure 15-2 */
#define IO_IN      (1u << 0)
#define IO_SIZE_8  (1u << 4)
#define IO_SIZE_16 (1u << 5)

#define UNKNOWN_MSRS 32 /* said once each */

/* ---- MSRs and CPUID ---- */

/* On a CPU it would be #GP. The module knows better than our table which MSRs its CPUs have. */
static void say_unknown(struct lp *lp, u32 msr, bool write)
{
    static u32 said[UNKNOWN_MSRS];
    for (u32 i = 0; i < UNKNOWN_MSRS; i++) {
        u32 none = 0;
        if (__atomic_compare_exchange_n(&said[i], &none, msr, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            lp_count_event(lp, MONITOR_COUNT_VIOLATIONS);
            log_line("the module %s MSR 0x%x, which seam/monitor/msr.def lacks: %s",
                     write ? "writes" : "reads", msr, write ? "the value is lost" : "it reads 0");
            return;
        }
        if (said[i] == msr)
            return;
    }
}

/* What a resumable leaf looks at: once per piece of its work. */
static u64 read_pending(struct lp *lp)
{
    struct seam_lp *seam = lp->seam;
    return platform_interrupts(lp, ++seam->polls) ? 1 : 0;
}

static void exit_module_msr(struct lp *lp)
{
    u32 msr = (u32)lp->regs.rcx;
    u64 value = lp->regs.rdx << 32 | (u32)lp->regs.rax;
    if (lp->vmcb->exit_info_1 & 1) {
        if (!msr_module_write(lp, msr, value))
            say_unknown(lp, msr, true);
    } else {
        if (msr == MSR_IA32_INTR_PENDING)
            value = read_pending(lp);
        else if (!msr_module_read(lp, msr, &value))
            say_unknown(lp, msr, false);
        lp->regs.rax = (u32)value;
        lp->regs.rdx = value >> 32;
    }
    inring_note_msr(lp, msr, lp->vmcb->exit_info_1 & 1, value);
    exit_skip(lp, 2);
}

static void exit_module_cpuid(struct lp *lp)
{
    struct soft_cpuid r = cpuid_module(lp, (u32)lp->regs.rax, (u32)lp->regs.rcx);
    lp->regs.rax = r.eax;
    lp->regs.rbx = r.ebx;
    lp->regs.rcx = r.ecx;
    lp->regs.rdx = r.edx;
    exit_skip(lp, 2);
}

/* Some QEMU versions don't ask; there a wrong value is the module's own #GP. XCR0 isn't part of a world
 * switch. */
static void exit_xsetbv(struct lp *lp)
{
    u64 value = lp->regs.rdx << 32 | (u32)lp->regs.rax;
    u64 cr4 = read_cr4();
    write_cr4(cr4 | CR4_OSXSAVE);
    bool done = try_xsetbv((u32)lp->regs.rcx, value);
    write_cr4(cr4);
    if (done)
        exit_skip(lp, 3);
    else
        seam_stop(lp, "executed XSETBV of XCR%u with 0x%lx, which this CPU doesn't have: #GP",
                  (u32)lp->regs.rcx, value);
}

/* A module built with its debug trace prints on COM1 and port 80H, and waits for the UART to be ready: it
 * always is. */
static void exit_module_io(struct lp *lp)
{
    static volatile u32 said;
    u64 info = lp->vmcb->exit_info_1;
    if (!__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
        log_line("the module uses I/O port 0x%lx: its debug trace, perhaps; writes are lost", info >> 16);
    if (info & IO_SIZE_8 && info & IO_IN)
        lp->regs.rax |= 0xFF;
    else if (info & IO_SIZE_16 && info & IO_IN)
        lp->regs.rax |= 0xFFFF;
    else if (info & IO_IN)
        lp->regs.rax = 0xFFFFFFFF;
    lp->vmcb->rip = lp->vmcb->exit_info_2;
}

/* ---- the dispatcher ---- */

static void exit_exception(struct lp *lp, u32 vector)
{
    if (vector == VECTOR_UD)
        instruction_undefined(lp);
    else if (vector == VECTOR_PF)
        seam_stop(lp, "met a page fault at 0x%lx (error code 0x%lx)", lp->vmcb->exit_info_2,
                  lp->vmcb->exit_info_1);
    else
        seam_stop(lp, "met exception %u (error code 0x%lx)", vector, lp->vmcb->exit_info_1);
}

void seam_exit_handle(struct lp *lp)
{
    u64 code = lp->vmcb->exit_code;
    lp_count_event(lp, MONITOR_COUNT_EXITS);
    if (inring_exit(lp))
        return;
    switch (code) {
    case VMEXIT_EXCEPTION ... VMEXIT_EXCEPTION + 31:
        exit_exception(lp, (u32)code - VMEXIT_EXCEPTION);
        break;
    case VMEXIT_MSR:
        exit_module_msr(lp);
        break;
    case VMEXIT_CPUID:
        exit_module_cpuid(lp);
        break;
    case VMEXIT_NPF:
        keys_nested_fault(lp);
        break;
    case VMEXIT_NMI:
        exit_nmi(lp);
        lp_sort_nmi(lp);
        break;
    case VMEXIT_XSETBV:
        exit_xsetbv(lp);
        break;
    case VMEXIT_IO:
        exit_module_io(lp);
        break;
    case VMEXIT_HALT:
        seam_stop(lp, "executed HLT");
        break;
    case VMEXIT_SHUTDOWN:
        seam_stop(lp, "met a triple fault");
        break;
    default:
        seam_stop(lp, "did what no module may (VM exit 0x%lx, info 0x%lx 0x%lx)", code, lp->vmcb->exit_info_1,
                  lp->vmcb->exit_info_2);
    }
}
