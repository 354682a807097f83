/* SPDX-License-Identifier: MIT */
#include "tests/runner/ticker.h"

#include "kernel/clock.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/traps.h"
#include "lib/log.h"

/*
 * An interrupt of the watchdog's is one that the test didn't ask for: it ends a resumable leaf early. So the
 * watchdog looks seldom, and when a case begins shortly before it would, it is put off: cases that take less
 * than QUIET_US never see it.
 */
#define TICK_US  20000000
#define QUIET_US 5000000

/* Written by the boot CPU, read by the one that ticks; watched is the flag that the others are complete. */
static const char *volatile watched; /* NULL: nothing is watched */
static volatile u64 watched_seconds;
static volatile deadline_t watched_until;
static volatile u64 next_look; /* cycles, by the CPU that ticks */

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

static u64 until_next_look_us(void)
{
    u64 now = clock_cycles(), until = watched_until.cycles;
    if (!watched || until <= now)
        return TICK_US;
    return min_u64(TICK_US, (until - now) / clock_cycles_per_us() + 1000);
}

/* What is due next on this CPU; nothing if neither storm nor watchdog needs its timer. */
static void arm(void *arg)
{
    (void)arg;
    u32 me = cpu_this();
    u64 interval = storms[me].interval;
    if (me == watching_cpu()) {
        u64 look = until_next_look_us();
        interval = interval ? min_u64(interval, look) : look;
        next_look = clock_cycles() + interval * clock_cycles_per_us();
    }
    if (interval)
        timer_arm_us(interval);
    else
        timer_stop();
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
    if (next_look < clock_cycles() + QUIET_US * clock_cycles_per_us())
        smp_run_on(watching_cpu(), arm, NULL, 0);
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

/* The timers, too: an interrupt that comes late would be one too many for the next test. */
u64 storm_stop(void)
{
    u64 count = 0;
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        if (!storms[cpu].interval)
            continue;
        storms[cpu].interval = 0;
        smp_run_on(cpu, arm, NULL, 0);
        count += storms[cpu].count;
        storms[cpu].count = 0;
    }
    return count;
}
