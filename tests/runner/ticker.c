/* SPDX-License-Identifier: MIT */
#include "tests/runner/ticker.h"

#include "kernel/clock.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/traps.h"
#include "lib/log.h"

#define TICK_US 250000

/* Written by the boot CPU, read by the one that ticks; watched is the flag that the others are complete. */
static const char *volatile watched; /* NULL: nothing is watched */
static volatile u64 watched_seconds;
static volatile deadline_t watched_until;

/* By the CPU whose timer it is. The boot CPU writes interval and target, the interrupt handler count. */
static struct {
    volatile u64 interval; /* microseconds; 0: no storm */
    volatile u32 target;
    volatile u64 count;
} storms[MAX_CPUS];

static u32 watching_cpu(void)
{
    return cpu_count() - 1;
}

static void watch(void)
{
    const char *what = watched;
    if (what && deadline_passed((deadline_t){watched_until.cycles}))
        panic("test %s exceeded %lu s", what, watched_seconds);
}

/* What is due next on this CPU; nothing if neither storm nor watchdog needs its timer. */
static void arm(void *arg)
{
    (void)arg;
    u32 me = cpu_this();
    u64 interval = storms[me].interval;
    if (me == watching_cpu())
        interval = interval ? min_u64(interval, TICK_US) : TICK_US;
    if (interval)
        timer_arm_us(interval);
}

static void tick(struct trap_frame *frame)
{
    (void)frame;
    u32 me = cpu_this();
    if (storms[me].interval) {
        storms[me].count++;
        if (storms[me].target != me)
            ipi_send(storms[me].target, VECTOR_PING);
    }
    if (me == watching_cpu())
        watch();
    arm(NULL);
}

void ticker_init(void)
{
    traps_set_handler(VECTOR_TIMER, tick);
    if (!smp_run_on(watching_cpu(), arm, NULL, 0))
        log_line("runner: no watchdog: CPU %u doesn't answer", watching_cpu());
}

void watchdog_start(const char *what, u64 seconds)
{
    watched_seconds = seconds;
    watched_until.cycles = deadline_after_us(seconds * 1000000).cycles;
    watched = what;
}

void watchdog_stop(void)
{
    watched = NULL;
}

static bool start(u32 cpu, u32 target, u64 interval_us)
{
    if (cpu >= cpu_count() || target >= cpu_count() || interval_us == 0)
        return false;
    storms[cpu].target = target;
    storms[cpu].interval = interval_us;
    return smp_run_on(cpu, arm, NULL, 0);
}

bool storm_start_timer(u32 cpu, u64 interval_us)
{
    return start(cpu, cpu, interval_us);
}

/* The last CPU that isn't the target: the boot CPU is the one that has most to do in a test. */
bool storm_start_ipi(u32 target, u64 interval_us)
{
    u32 last = cpu_count() - 1;
    return last > 0 && start(target == last ? last - 1 : last, target, interval_us);
}

/* A timer that is still running finds no storm when it fires. */
u64 storm_stop(void)
{
    u64 count = 0;
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        storms[cpu].interval = 0;
        count += storms[cpu].count;
        storms[cpu].count = 0;
    }
    return count;
}
