/* SPDX-License-Identifier: MIT */
/*
 * Three of the five exits that the in-ring handler leaves to a simple call are for IA32_SPEC_CTRL, which TCG
 * doesn't have: it reads 0 and drops what is written. So while 0 is what the module would read here anyway,
 * and the leaf is known to restore what it found without looking in between (msr_habit.h), it may have the
 * CPU's; what the MSR holds for the guest, in the monitor's table, is the same afterwards. One difference
 * remains: a module that stops in such a call leaves 0, not what it had set.
 */
#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/genuine/inring.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"

#define MSR_MAP_BYTES    (2 * PAGE_SIZE)
#define CPUID_HYPERVISOR 0x40000000

static u8 *plain_map; /* NULL: this isn't TCG, or one that keeps what is written */
static struct msr_habits habits;

static bool is_dropped(u32 msr)
{
    struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0);
    if (memcmp(&r.ebx, "TCGT", 4) || memcmp(&r.ecx, "CGTC", 4) || rdmsr(msr))
        return false;
    wrmsr(msr, 1);
    bool dropped = rdmsr(msr) == 0;
    wrmsr(msr, 0);
    return dropped;
}

void inring_create_msr_map(void)
{
    if (!is_dropped(MSR_IA32_SPEC_CTRL))
        return;
    plain_map = heap_need(MSR_MAP_BYTES, PAGE_SIZE, "the module's MSR map");
    memset(plain_map, 0xFF, MSR_MAP_BYTES);
    plain_map[MSR_IA32_SPEC_CTRL / 4] &= (u8) ~(3u << MSR_IA32_SPEC_CTRL % 4 * 2);
}

void inring_forget_habits(void)
{
    memset(&habits, 0, sizeof(habits));
}

static u16 leaf_of(const struct lp *lp)
{
    return (u16)lp->last_call;
}

void inring_choose_msr_map(struct lp *lp)
{
    struct inring_lp *inring = &lp->seam->inring;
    u64 value = 0;
    bool plain = plain_map && msr_habit_is_usual(&habits, leaf_of(lp)) &&
                 msr_module_read(lp, MSR_IA32_SPEC_CTRL, &value) && value == 0;
    lp->seam->vmcb->msrpm = plain ? (u64)plain_map : inring->msr_map;
    inring->habit = (struct msr_habit){0};
}

void inring_note_msr(struct lp *lp, u32 msr, bool write, u64 value)
{
    if (msr == MSR_IA32_SPEC_CTRL)
        msr_habit_note(&lp->seam->inring.habit, write, value);
}

void inring_end_habit(const struct lp *lp)
{
    if (lp->seam->end == SEAM_RETURNED)
        msr_habit_end(&habits, leaf_of(lp), &lp->seam->inring.habit);
}
