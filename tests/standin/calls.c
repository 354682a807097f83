/* SPDX-License-Identifier: MIT */
/* Leaves about calls themselves: registers, state, addresses, several LPs inside at once, interrupts, the way
 * back. */
#include "tests/standin/instructions.h"
#include "tests/standin/standin.h"

#define MSR_INTR_PENDING 0x9A
#define RED_ZONE_WORDS   16

void leaf_echo(struct lp_data *lp, struct standin_regs *regs)
{
    const struct standin_regs in = *regs;
    (void)lp;
    regs->rcx = ~in.r11;
    regs->rdx = ~in.rcx;
    regs->r8 = ~in.rdx;
    regs->r9 = ~in.r8;
    regs->r10 = ~in.r9;
    regs->r11 = ~in.r10;
}

void leaf_count(struct lp_data *lp, struct standin_regs *regs)
{
    for (u64 i = 0; i < regs->rcx; i++)
        __atomic_add_fetch(&lp->global->counter, 1, __ATOMIC_SEQ_CST);
    regs->r8 = __atomic_load_n(&lp->global->counter, __ATOMIC_SEQ_CST);
    regs->r9 = ++lp->counted;
    regs->rdx = lp->index;
}

void leaf_where(struct lp_data *lp, struct standin_regs *regs)
{
    regs->rcx = standin_image();
    regs->rdx = lp->entry_stack;
    regs->r8 = (u64)lp;
    regs->r9 = (u64)lp->global;
    regs->r10 = lp->keyhole;
    regs->r11 = lp->fs_base;
}

/* Arrivals are never taken back: a test counts from a reset on. */
void leaf_meet(struct lp_data *lp, struct standin_regs *regs)
{
    u64 *arrived = &lp->global->arrived;
    __atomic_add_fetch(arrived, 1, __ATOMIC_SEQ_CST);
    for (u64 looks = 0; looks < regs->rdx && __atomic_load_n(arrived, __ATOMIC_SEQ_CST) < regs->rcx; looks++)
        cpu_pause();
    regs->r8 = __atomic_load_n(arrived, __ATOMIC_SEQ_CST);
    if (regs->r8 < regs->rcx)
        regs->rax = TDX_OPERAND_BUSY | TDX_OPERAND_RCX;
}

void leaf_stay(struct lp_data *lp, struct standin_regs *regs)
{
    regs->rax = regs->rcx;
    lp->stay = true;
}

void leaf_flags(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    regs->r8 = vmread(VMCS_GUEST_RFLAGS);
    vmwrite(VMCS_GUEST_RFLAGS, regs->r8 | regs->rcx);
}

void leaf_poll(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    for (regs->r8 = 1; regs->r8 <= regs->rcx; regs->r8++)
        if (rdmsr(MSR_INTR_PENDING)) {
            regs->rax = TDX_INTERRUPTED_RESUMABLE;
            return;
        }
    regs->r8 = regs->rcx;
}

void leaf_red_zone(struct lp_data *lp, struct standin_regs *regs)
{
    regs->r8 = RED_ZONE_WORDS;
    for (u64 i = 0; i < regs->rcx; i++)
        regs->r8 = min_u64(regs->r8, red_zone_round(VMCS_HOST_FS_BASE, lp->line, lp->scratch));
}
