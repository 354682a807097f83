/* SPDX-License-Identifier: MIT */
/*
 * What a module does with IA32_SPEC_CTRL in a call: modules read it, set it, and at the end restore it, and
 * never look at it in between. Where a leaf was seen to do so, nobody can tell whether the value was really
 * kept meanwhile. Pure.
 */
#ifndef SEAM_GENUINE_MSR_HABIT_H
#define SEAM_GENUINE_MSR_HABIT_H

#include "lib/types.h"

enum msr_habit_step { MSR_UNTOUCHED, MSR_READ, MSR_SET, MSR_RESTORED, MSR_UNUSUAL };

/* One call on one LP, from {0} on. */
struct msr_habit {
    enum msr_habit_step step;
    u64 found; /* what the first read gave */
};

void msr_habit_note(struct msr_habit *habit, bool write, u64 value);

/* What is known of the leaves; shared by all LPs. */
#define MSR_HABIT_LEAVES 256

struct msr_habits {
    u8 seen[MSR_HABIT_LEAVES]; /* nothing yet, the usual steps, or other ones, ever */
};

/* The call returned. One that didn't touch the MSR says nothing. */
void msr_habit_end(struct msr_habits *habits, u64 leaf, const struct msr_habit *habit);

/* The leaf has been seen, and each time with exactly these steps. */
bool msr_habit_is_usual(const struct msr_habits *habits, u64 leaf);

#endif
