/* SPDX-License-Identifier: MIT */
/* A call's way through the stand-in: who am I, which leaf, back behind the SEAMCALL. */
#include "tests/standin/instructions.h"
#include "tests/standin/standin.h"

#define EXIT_REASON_SEAMCALL 76

/* ---- where things are ---- */

/* The data region: hand-off pages, local data of each LP that the stacks have room for, global data, a last
 * page. */
static void first_entry(struct lp_data *lp, const struct sysinfo *info)
{
    u64 local_bytes = (info->last_local_page + 1) * PAGE_SIZE;
    u64 first = info->data.base + (info->last_handoff_page + 1ull) * PAGE_SIZE;
    u64 lps = info->stack.size / PAGE_SIZE / (info->last_stack_page + 2); /* a shadow-stack page each */
    if (local_bytes < sizeof(*lp))
        standin_fatal();
    lp->global = (struct global_data *)(first + lps * local_bytes);
    lp->index = ((u64)lp - first) / local_bytes;
    lp->keyhole = info->keyhole.base + lp->index * KEYHOLES_PER_LP * PAGE_SIZE;
    lp->keyhole_edit = (u64 *)info->keyhole_edit.base + lp->index * KEYHOLES_PER_LP;
    lp->sysinfo = info;
}

void standin_fatal(void)
{
    for (;;)
        __asm__ volatile("ud2");
}

_Noreturn void __stack_chk_fail(void);
_Noreturn void __stack_chk_fail(void)
{
    standin_fatal();
}

/* ---- dispatch ---- */

static const struct {
    u64 number;
    void (*run)(struct lp_data *lp, struct standin_regs *regs);
} leaves[] = {
#define STANDIN_LEAF(number, function, text) {(number), leaf_##function},
#include "tests/standin/leaves.def"
};

static void dispatch(struct lp_data *lp)
{
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++)
        if (leaves[i].number == lp->regs.rax) {
            lp->regs.rax = TDX_SUCCESS;
            leaves[i].run(lp, &lp->regs);
            return;
        }
    lp->regs.rax = TDX_OPERAND_INVALID | TDX_OPERAND_RAX;
}

void standin_call(struct lp_data *lp, u64 fs_base)
{
    if (!lp->sysinfo)
        first_entry(lp, (const struct sysinfo *)fs_base);
    lp->fs_base = fs_base;
    lp->stay = false;
    if (vmread(VMCS_EXIT_REASON) != EXIT_REASON_SEAMCALL)
        standin_fatal();
    dispatch(lp);
    if (!lp->stay)
        vmwrite(VMCS_GUEST_RIP, vmread(VMCS_GUEST_RIP) + vmread(VMCS_INSTRUCTION_LENGTH));
}
