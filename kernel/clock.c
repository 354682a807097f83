/* SPDX-License-Identifier: MIT */
/*
 * The TSC is measured against channel 2 of the PIT, the one timer whose rate is fixed and whose output can be
 * read without interrupts. CPUID 0x15 gives an exact figure where it exists, but firmware, hypervisors and
 * emulators get it wrong, so it is believed only if the PIT agrees, or if there is no PIT at all.
 */
#include "kernel/clock.h"

#include "kernel/clock_sample.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "lib/log.h"

#define PIT_HZ       1193182u /* 14.31818 MHz / 12 */
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND  0x43
#define PIT_MODE0    0xB0 /* channel 2, low then high byte, interrupt on terminal count */
#define PIT_LATCH    0x80 /* channel 2: keep the count until it has been read */
#define PIT_COUNT    0xFFFF
#define PORT_B       0x61 /* bit 0: gate of channel 2, bit 1: speaker, bit 5: output of channel 2 */

#define PIT_TICKS 2386     /* 2 ms */
#define PIT_POLLS 1000000u /* a port access takes 0.3 us and more: far longer than the 2 ms waited for */
#define PIT_RUNS  5        /* a run is lost if the host stops us for longer than the counter lasts, 55 ms */

#define SAMPLE_TRIES 8

#define MHZ            1000000ull
#define TSC_MHZ_MIN    100
#define TSC_MHZ_MAX    20000
#define AGREES_PERCENT 2

static u64 cycles_per_us = 3000; /* until it is measured: rather wait too long */

struct clock_sample clock_sample(u32 (*read)(void))
{
    struct clock_sample best = {0, 0};
    u64 best_width = ~0ull;
    for (u32 i = 0; i < SAMPLE_TRIES; i++) {
        u64 before = rdtsc();
        u32 value = read();
        u64 width = rdtsc() - before;
        if (width < best_width) {
            best_width = width;
            best = (struct clock_sample){before + width / 2, value};
        }
    }
    return best;
}

static u32 pit_read(void)
{
    outb(PIT_COMMAND, PIT_LATCH);
    u32 low = inb(PIT_CHANNEL2);
    return low | (u32)inb(PIT_CHANNEL2) << 8;
}

static void pit_start(void)
{
    outb(PORT_B, (inb(PORT_B) & ~3) | 1); /* gate open, speaker off */
    outb(PIT_COMMAND, PIT_MODE0);
    outb(PIT_CHANNEL2, PIT_COUNT & 0xFF);
    outb(PIT_CHANNEL2, PIT_COUNT >> 8);
    clock_sample(pit_read); /* the first count is loaded with the next tick: let that pass */
}

/* MHz of the TSC, 0 if the PIT doesn't count. */
static u64 pit_measure(void)
{
    pit_start();
    struct clock_sample first = clock_sample(pit_read);
    u32 polls = 0;
    while (first.value - pit_read() < PIT_TICKS && polls < PIT_POLLS)
        polls++;
    struct clock_sample last = clock_sample(pit_read);
    bool wrapped = inb(PORT_B) & 0x20;
    if (polls == PIT_POLLS || wrapped || first.value <= last.value)
        return 0;
    return (last.cycles - first.cycles) * PIT_HZ / (first.value - last.value) / MHZ;
}

static u64 pit_cycles_per_us(void)
{
    u64 mhz = 0;
    for (u32 i = 0; i < PIT_RUNS && mhz == 0; i++)
        mhz = pit_measure();
    return mhz;
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
