/* SPDX-License-Identifier: MIT */
#include "seam/monitor/death.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "kernel/cpu.h"
#include "lib/format.h"
#include "seam/monitor/guest.h"
#include "seam/monitor/log.h"

/* One dying LP speaks; the others stop where they are. */
static void speak_alone(void)
{
    static volatile u32 speaking;
    if (__atomic_exchange_n(&speaking, 1, __ATOMIC_ACQUIRE))
        for (;;)
            __asm__ volatile("cli; hlt");
}

static void say_last_call(const struct lp *lp)
{
    if (!lp->called) {
        log_last_words("LP %u made no SEAMCALL so far", lp->index);
        return;
    }
    const char *leaf = tdx_leaf_name((unsigned)(lp->last_call & 0xFFFF));
    leaf = leaf ? leaf : "unknown leaf";
    if (lp->in_module) {
        log_last_words("LP %u is inside SEAMCALL: RAX 0x%lx (%s)", lp->index, lp->last_call, leaf);
        return;
    }
    char status[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(lp->last_status, status, sizeof(status));
    log_last_words("last SEAMCALL of LP %u: RAX 0x%lx (%s) -> 0x%016lx %s", lp->index, lp->last_call, leaf,
                   lp->last_status, status);
}

static void say_registers(const struct lp *lp)
{
    const struct soft_regs *r = &lp->regs;
    const struct vmcb *v = lp->vmcb;
    log_last_words("RAX %016lx RBX %016lx RCX %016lx RDX %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_last_words("RSI %016lx RDI %016lx RBP %016lx RSP %016lx", r->rsi, r->rdi, r->rbp, v->rsp);
    log_last_words("R8  %016lx R9  %016lx R10 %016lx R11 %016lx", r->r8, r->r9, r->r10, r->r11);
    log_last_words("R12 %016lx R13 %016lx R14 %016lx R15 %016lx", r->r12, r->r13, r->r14, r->r15);
    log_last_words("RIP %04x:%016lx RFLAGS %lx CPL %u EFER %lx", v->cs.selector, v->rip, v->rflags, v->cpl,
                   (u64)(v->efer & ~EFER_SVME));
    log_last_words("CR0 %lx CR2 %lx CR3 %lx CR4 %lx%s%s", v->cr0, v->cr2, v->cr3, v->cr4,
                   lp->vmxe ? " +VMXE" : "", lp->vmx_root ? ", in VMX operation" : "");
}

void death_of_guest(struct lp *lp, const char *cause)
{
    speak_alone();
    log_last_words("guest %s on LP %u", cause, lp->index);
    say_registers(lp);
    say_last_call(lp);
    log_last_words("whose code: %s", guest_code_owner(lp->vmcb->cs.base + lp->vmcb->rip));
    monitor_leave(MONITOR_EXIT_DEAD);
}

static const char *own_code(const struct lp *lp)
{
    return lp && lp->in_module ? "soft module" : "monitor";
}

void death_by_exception(const struct trap_frame *frame)
{
    speak_alone();
    struct lp *lp = lp_current();
    log_last_words("%s: exception %lu, error code 0x%lx, RIP %016lx, CR2 %016lx, LP %d", own_code(lp),
                   frame->vector, frame->error, frame->rip, read_cr2(), lp ? (int)lp->index : -1);
    log_last_words("RAX %016lx RBX %016lx RCX %016lx RDX %016lx", frame->rax, frame->rbx, frame->rcx,
                   frame->rdx);
    log_last_words("RSI %016lx RDI %016lx RBP %016lx RSP %016lx", frame->rsi, frame->rdi, frame->rbp,
                   frame->rsp);
    log_last_words("R8  %016lx R9  %016lx R10 %016lx R11 %016lx", frame->r8, frame->r9, frame->r10,
                   frame->r11);
    log_last_words("R12 %016lx R13 %016lx R14 %016lx R15 %016lx", frame->r12, frame->r13, frame->r14,
                   frame->r15);
    if (lp)
        say_last_call(lp);
    log_last_words("whose code: %s (this is a bug of Seamstress, please report these lines)", own_code(lp));
    monitor_leave(MONITOR_EXIT_DEAD);
}

void monitor_bug(const char *fmt, ...)
{
    speak_alone();
    char text[120];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    struct lp *lp = lp_current();
    log_last_words("monitor bug on LP %d: %s", lp ? (int)lp->index : -1, text);
    if (lp)
        say_last_call(lp);
    log_last_words("whose code: %s (this is a bug of Seamstress, please report these lines)", own_code(lp));
    monitor_leave(MONITOR_EXIT_DEAD);
}
