/* SPDX-License-Identifier: MIT */
/* Time: the TSC, measured once against the PIT; CPUID 0x15 counts if the PIT agrees or isn't there. */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include "lib/types.h"

void clock_init(void);
u64 clock_cycles(void); /* TSC */
u64 clock_cycles_per_us(void);
void clock_delay_us(u64 us);

typedef struct {
    u64 cycles; /* TSC value at which it passes */
} deadline_t;

deadline_t deadline_after_us(u64 us);
bool deadline_passed(deadline_t deadline);

/* The local APIC's timer of this CPU: one shot, then vector VECTOR_TIMER fires. */
void timer_init(void); /* measures its rate; smp_init() calls it */
void timer_arm_us(u64 us);
void timer_stop(void);

#endif
