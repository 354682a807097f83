/* SPDX-License-Identifier: MIT */
/* The local APIC's timer as clock.h offers it: one shot, calibrated once against the TSC. */
#include "kernel/clock.h"

#include "kernel/apic.h"
#include "kernel/clock_sample.h"
#include "kernel/panic.h"

#define CALIBRATION_US 1000
#define COUNT_MAX      0xFFFFFFFFull

static u64 ticks_per_ms;

void timer_init(void)
{
    apic_timer_start(COUNT_MAX);
    struct clock_sample first = clock_sample(apic_timer_left);
    clock_delay_us(CALIBRATION_US);
    struct clock_sample last = clock_sample(apic_timer_left);
    apic_timer_start(0);
    u64 cycles = last.cycles - first.cycles;
    if (first.value > last.value)
        ticks_per_ms = (u64)(first.value - last.value) * 1000 * clock_cycles_per_us() / cycles;
    if (ticks_per_ms == 0)
        refuse("The local APIC's timer doesn't count: this machine can't be tested with timer interrupts");
}

void timer_arm_us(u64 us)
{
    u64 count;
    if (__builtin_mul_overflow(us, ticks_per_ms, &count))
        count = ~0ull;
    apic_timer_start((u32)max_u64(1, min_u64(count / 1000, COUNT_MAX)));
}

void timer_stop(void)
{
    apic_timer_start(0);
}
