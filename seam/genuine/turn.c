/* SPDX-License-Identifier: MIT */
/* What SEAMCALL and SEAMRET save and load: TDX CPU extensions specification 343754. */
#include "seam/genuine/turn.h"

#include "kernel/cpu.h"
#include "lib/format.h"
#include "seam/genuine/exits.h"
#include "seam/genuine/vmcs.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/control_register.h"
#include "seam/monitor/death.h"
#include "seam/monitor/log.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/svm.h"

#define EXIT_REASON_SEAMCALL 76
#define SEAMCALL_LENGTH      4
#define PATIENCE             (1ull << 35) /* some 10 s, much more than any leaf takes */
#define STACK_WORDS          8
#define MSR_DEBUGCTL         0x1D9

struct space seam_space;

static volatile u32 stopped;
static volatile u32 inside; /* LPs in a turn */
static volatile u64 generation = 1;

/* ---- in and out ---- */

/* What SEAMCALL stores of the host. */
static void save_host(struct lp *lp)
{
    const struct vmcb *v = lp->host_vmcb;
    seam_set(lp, VMCS_EXIT_REASON, EXIT_REASON_SEAMCALL);
    seam_set(lp, VMCS_EXIT_INSTRUCTION_LENGTH, SEAMCALL_LENGTH);
    seam_set(lp, VMCS_GUEST_RIP, v->rip);
    seam_set(lp, VMCS_GUEST_RSP, v->rsp);
    seam_set(lp, VMCS_GUEST_RFLAGS, v->rflags);
    seam_set(lp, VMCS_GUEST_CR0, v->cr0);
    seam_set(lp, VMCS_GUEST_CR3, v->cr3);
    seam_set(lp, VMCS_GUEST_CR4, cr4_of(lp));
    seam_set(lp, VMCS_GUEST_EFER, v->efer & ~EFER_SVME);
    seam_set(lp, VMCS_GUEST_INTERRUPTIBILITY, 0);
    seam_set(lp, VMCS_GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
    seam_set(lp, VMCS_GUEST_DEBUGCTL, *msr_storage(lp, MSR_DEBUGCTL));
}

static void load_module(struct lp *lp)
{
    struct vmcb *v = lp->seam->vmcb;
    v->rip = seam_get(lp, VMCS_HOST_RIP);
    v->rsp = seam_get(lp, VMCS_HOST_RSP);
    v->cr3 = seam_get(lp, VMCS_HOST_CR3);
    v->fs.base = seam_get(lp, VMCS_HOST_FS_BASE);
    v->gs.base = seam_get(lp, VMCS_HOST_GS_BASE);
    v->rflags = RFLAGS_FIXED;
    v->event = 0;
    v->interrupt_shadow = 0;
    v->dr6 = lp->host_vmcb->dr6;
}

/* FS, GS, TR and the SYSCALL registers are in the CPU: VMRUN doesn't exchange them. */
static void exchange_rest(struct vmcb *out, struct vmcb *in)
{
    __asm__ volatile("vmsave" : : "a"(out) : "memory");
    __asm__ volatile("vmload" : : "a"(in) : "memory");
}

static void enter(struct lp *lp)
{
    struct seam_lp *seam = lp->seam;
    save_host(lp);
    load_module(lp);
    seam->current_vmcs = seam->vmcs_address = seam->seam_vmcs;
    inring_enter(lp);
    seam->end = SEAM_RUNNING;
    seam->polls = 0;
    seam->entered = rdtsc();
    __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    exchange_rest(lp->host_vmcb, seam->vmcb);
    lp->vmcb = seam->vmcb;
}

static void leave(struct lp *lp)
{
    struct seam_lp *seam = lp->seam;
    inring_leave(lp);
    lp->vmcb = lp->host_vmcb;
    exchange_rest(seam->vmcb, lp->host_vmcb);
    seam->entered = 0;
    __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
}

/* Where the module goes back to is where the host called from: nothing else is sane, and the caller of
 * seam_turn() moves RIP itself. */
static void check_return(struct lp *lp)
{
    u64 rip = seam_get(lp, VMCS_GUEST_RIP), wanted = lp->host_vmcb->rip + SEAMCALL_LENGTH;
    if (rip == wanted)
        return;
    lp_count_event(lp, MONITOR_COUNT_VIOLATIONS);
    log_line("violation on LP %u: the module returned to rip 0x%lx, SEAMCALL ends at 0x%lx", lp->index, rip,
             wanted);
}

/* The order is that of seam_flush_others(). */
static void run(struct lp *lp)
{
    struct seam_lp *seam = lp->seam;
    __atomic_exchange_n(&seam->running, 1, __ATOMIC_SEQ_CST);
    u64 now = generation;
    seam->vmcb->tlb_control = seam->translations_seen == now ? TLB_CONTROL_KEEP : TLB_CONTROL_FLUSH;
    seam->translations_seen = now;
    vmrun(lp);
    __atomic_store_n(&seam->running, 0, __ATOMIC_RELEASE);
}

bool seam_turn(struct lp *lp)
{
    if (seam_stopped())
        return false;
    enter(lp);
    while (lp->seam->end == SEAM_RUNNING) {
        run(lp);
        seam_exit_handle(lp);
        if (rdtsc() - lp->seam->entered > PATIENCE && lp->seam->end == SEAM_RUNNING)
            seam_stop(lp, "didn't return from a call in all this time");
    }
    leave(lp);
    if (lp->seam->end != SEAM_RETURNED)
        return false;
    check_return(lp);
    return true;
}

void seam_flush_others(struct lp *lp)
{
    u64 now = __atomic_add_fetch(&generation, 1, __ATOMIC_SEQ_CST);
    for (u32 i = 0; i < lp_count; i++)
        if (lp_at(i) != lp && lp_at(i)->seam->running)
            lp_kick(lp_at(i));
    u64 start = rdtsc();
    for (u32 i = 0; i < lp_count; i++) {
        struct seam_lp *other = lp_at(i)->seam;
        while (lp_at(i) != lp && other->running && other->translations_seen < now) {
            if (rdtsc() - start > LP_PATIENCE)
                monitor_bug("LP %u doesn't leave the module to flush its translations", i);
            cpu_relax();
        }
    }
}

/* ---- ends that nobody wants ---- */

static void say_where(struct lp *lp)
{
    const struct soft_regs *r = &lp->regs;
    const struct vmcb *v = lp->vmcb;
    char place[32];
    space_name(&seam_space, v->rip, place);
    log_line("  at %s, rip %016lx rflags %lx cr2 %016lx cr3 %lx", place, v->rip, v->rflags, v->cr2, v->cr3);
    log_line("  rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
    log_line("  rsi %016lx rdi %016lx rbp %016lx rsp %016lx", r->rsi, r->rdi, r->rbp, v->rsp);
    log_line("  r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9, r->r10, r->r11);
    log_line("  r12 %016lx r13 %016lx r14 %016lx r15 %016lx", r->r12, r->r13, r->r14, r->r15);
}

/* Words of the stack that look like places in the module's code are named: most are return addresses. */
static void say_stack(const struct lp *lp)
{
    u64 pa;
    for (u32 i = 0; i < STACK_WORDS; i++) {
        u64 at = lp->vmcb->rsp + i * sizeof(u64);
        if (!is_aligned(at, sizeof(u64)) || !space_translate(&seam_space, lp->vmcb->cr3, at, false, &pa) ||
            pa - seam_space.block >= seam_space.size) {
            log_line("  no stack at rsp+0x%lx", i * sizeof(u64));
            return;
        }
        char place[32] = "";
        u64 word = *(const u64 *)pa;
        if (word - seam_space.code.linear < seam_space.code.size)
            space_name(&seam_space, word, place);
        log_line("  rsp+0x%02lx: %016lx %s", i * sizeof(u64), word, place);
    }
}

void seam_stop(struct lp *lp, const char *fmt, ...)
{
    static volatile u32 speaking;
    char text[120];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    inring_unwind(lp);
    lp->seam->end = SEAM_STOPPED;
    __atomic_store_n(&stopped, 1, __ATOMIC_SEQ_CST);
    while (__atomic_exchange_n(&speaking, 1, __ATOMIC_ACQUIRE))
        cpu_relax();
    log_line("module stopped on LP %u in SEAMCALL leaf %lu: it %s; SEAMCALL fails from now on", lp->index,
             lp->last_call & 0xFFFF, text);
    say_where(lp);
    say_stack(lp);
    __atomic_store_n(&speaking, 0, __ATOMIC_RELEASE);
}

bool seam_stopped(void)
{
    return __atomic_load_n(&stopped, __ATOMIC_ACQUIRE);
}

void seam_revive(void)
{
    __atomic_store_n(&stopped, 0, __ATOMIC_RELEASE);
}

/* The kick makes it leave the module, and then it looks at the clock itself. */
void seam_watch(struct lp *lp)
{
    if (!inside)
        return;
    for (u32 i = 0; i < lp_count; i++) {
        u64 entered = lp_at(i)->seam->entered;
        if (lp_at(i) != lp && entered && rdtsc() - entered > PATIENCE)
            lp_kick(lp_at(i));
    }
}
