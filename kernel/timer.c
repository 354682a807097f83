/* SPDX-License-Identifier: MIT */
/* The local APIC's timer as clock.h offers it: one shot, counted by its handler, calibrated once against the
 * TSC. */
#include "kernel/clock.h"

#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/traps.h"

#define CALIBRATION_US 2000
#define COUNT_MAX      0xFFFFFFFFull

static u64 ticks_per_ms;

static void count_timer(struct trap_frame *frame)
{
    (void)frame;
    percpu_this()->timer_fired++;
}

/* Reading the register may take long (a world switch under a hypervisor), so elapsed time is measured, not
 * assumed. */
void timer_init(void)
{
    traps_set_handler(VECTOR_TIMER, count_timer);
    bool were_on = interrupts_save();
    apic_timer_start(COUNT_MAX);
    u64 first = apic_timer_left();
    u64 start = rdtsc();
    clock_delay_us(CALIBRATION_US);
    u64 last = apic_timer_left();
    u64 cycles = rdtsc() - start;
    apic_timer_start(0);
    interrupts_restore(were_on);
    ticks_per_ms = (first - last) * 1000 * clock_cycles_per_us() / cycles;
    if (first <= last || ticks_per_ms == 0)
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

u64 timer_fired(void)
{
    return percpu_this()->timer_fired;
}
