/* SPDX-License-Identifier: MIT */
/*
 * The TSC is measured against channel 2 of the PIT, the one timer whose rate is fixed and whose output can be
 * read without interrupts. CPUID 0x15 gives an exact figure where it exists, but firmware, hypervisors and
 * emulators get it wrong, so it is believed only if the PIT agrees, or if there is no PIT at all.
 */
#include "kernel/clock.h"

#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "lib/log.h"

#define PIT_HZ       1193182u /* 14.31818 MHz / 12 */
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_MODE0    0xB0 /* channel 2, low then high byte, interrupt on terminal count */
#define PORT_B       0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */

#define PIT_TICKS 2386 /* 2 ms */
#define PIT_RUNS  3
#define PIT_POLLS 1000000u /* a port read takes 0.3 us and more: far longer than the 2 ms waited for */

#define MHZ            1000000ull
#define TSC_MHZ_MIN    100
#define TSC_MHZ_MAX    20000
#define AGREES_PERCENT 2

static u64 cycles_per_us = 3000; /* until it is measured: rather wait too long */
static u64 boot_cycles;

/* Cycles in PIT_TICKS ticks, 0 if the PIT doesn't count. */
static u64 pit_measure(void)
{
    outb(PORT_B, (inb(PORT_B) & ~3) | 1); /* gate open, speaker off */
    outb(PIT_COMMAND, PIT_MODE0);
    outb(PIT_CHANNEL2, PIT_TICKS & 0xFF);
    u64 before = rdtsc();
    outb(PIT_CHANNEL2, PIT_TICKS >> 8); /* counting begins */
    u64 start = before + (rdtsc() - before) / 2;
    for (u32 i = 0; i < PIT_POLLS; i++)
        if (inb(PORT_B) & 0x20)
            return i ? rdtsc() - start : 0;
    return 0;
}

/* The median of a few runs: a preempted host makes single ones too long or too short. */
static u64 pit_cycles_per_us(void)
{
    u64 runs[PIT_RUNS];
    for (u32 i = 0; i < PIT_RUNS; i++) {
        u64 value = pit_measure();
        u32 at = i;
        for (; at > 0 && runs[at - 1] > value; at--)
            runs[at] = runs[at - 1];
        runs[at] = value;
    }
    return runs[PIT_RUNS / 2] * PIT_HZ / PIT_TICKS / MHZ;
}

/* SDM vol. 2, CPUID leaf 0x15: TSC rate = ECX * EBX / EAX. 0 if it isn't given or makes no sense. */
static u64 cpuid_cycles_per_us(void)
{
    if (cpuid(0, 0).eax < 0x15)
        return 0;
    struct cpuid_regs r = cpuid(0x15, 0);
    u64 mhz = r.eax ? (u64)r.ecx * r.ebx / r.eax / MHZ : 0;
    return mhz >= TSC_MHZ_MIN && mhz <= TSC_MHZ_MAX ? mhz : 0;
}

void clock_init(void)
{
    boot_cycles = rdtsc();
    u64 pit = pit_cycles_per_us();
    u64 claimed = cpuid_cycles_per_us();
    if (!claimed && (pit < TSC_MHZ_MIN || pit > TSC_MHZ_MAX))
        refuse(
            "The TSC can't be calibrated (PIT: %llu MHz, CPUID 0x15 silent): this machine needs a working 8254 PIT",
            (unsigned long long)pit);
    u64 difference = claimed > pit ? claimed - pit : pit - claimed;
    bool agree = difference * 100 <= claimed * AGREES_PERCENT;
    if (claimed && pit && !agree)
        log_line("clock: CPUID 0x15 claims a TSC of %llu MHz, the PIT shows %llu MHz: using the PIT",
                 (unsigned long long)claimed, (unsigned long long)pit);
    cycles_per_us = claimed && (agree || !pit) ? claimed : pit;
}

u64 clock_cycles(void)
{
    return rdtsc();
}

u64 clock_cycles_per_us(void)
{
    return cycles_per_us;
}

u64 clock_us_since_boot(void)
{
    return (rdtsc() - boot_cycles) / cycles_per_us;
}

deadline_t deadline_after_us(u64 us)
{
    u64 cycles;
    if (__builtin_mul_overflow(us, cycles_per_us, &cycles) ||
        __builtin_add_overflow(cycles, rdtsc(), &cycles))
        cycles = ~0ull;
    return (deadline_t){cycles};
}

bool deadline_passed(deadline_t deadline)
{
    return rdtsc() >= deadline.cycles;
}

void clock_delay_us(u64 us)
{
    deadline_t deadline = deadline_after_us(us);
    while (!deadline_passed(deadline))
        cpu_relax();
}
