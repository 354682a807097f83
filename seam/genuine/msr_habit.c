/* SPDX-License-Identifier: MIT */
#include "seam/genuine/msr_habit.h"

enum { NOTHING, USUAL, UNUSUAL };

static enum msr_habit_step next_step(const struct msr_habit *habit, bool write, u64 value)
{
    switch (habit->step) {
    case MSR_UNTOUCHED:
        return write ? MSR_UNUSUAL : MSR_READ;
    case MSR_READ:
        return write ? MSR_SET : MSR_UNUSUAL;
    case MSR_SET:
        return write && value == habit->found ? MSR_RESTORED : MSR_UNUSUAL;
    default:
        return MSR_UNUSUAL;
    }
}

void msr_habit_note(struct msr_habit *habit, bool write, u64 value)
{
    enum msr_habit_step step = next_step(habit, write, value);
    if (habit->step == MSR_UNTOUCHED)
        habit->found = value;
    habit->step = step;
}

void msr_habit_end(struct msr_habits *habits, u64 leaf, const struct msr_habit *habit)
{
    if (leaf >= MSR_HABIT_LEAVES || habit->step == MSR_UNTOUCHED)
        return;
    u8 *seen = &habits->seen[leaf];
    if (habit->step != MSR_RESTORED)
        __atomic_store_n(seen, UNUSUAL, __ATOMIC_RELAXED);
    else if (__atomic_load_n(seen, __ATOMIC_RELAXED) == NOTHING)
        __atomic_store_n(seen, USUAL, __ATOMIC_RELAXED);
}

bool msr_habit_is_usual(const struct msr_habits *habits, u64 leaf)
{
    return leaf < MSR_HABIT_LEAVES && __atomic_load_n(&habits->seen[leaf], __ATOMIC_RELAXED) == USUAL;
}
