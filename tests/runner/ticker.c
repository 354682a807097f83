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

static volatile u64 storm_interval; /* 0: no storm */
static volatile u64 storm_count;

static u32 watching_cpu(void)
{
    return cpu_count() - 1;
}

static void tick(struct trap_frame *frame)
{
    (void)frame;
    if (cpu_this() == 0 && storm_interval) {
        storm_count++;
        timer_arm_us(storm_interval);
    } else if (cpu_this() == watching_cpu()) {
        timer_arm_us(TICK_US);
    }
    if (cpu_this() != watching_cpu())
        return;
    const char *what = watched;
    if (what && deadline_passed((deadline_t){watched_until.cycles}))
        panic("test %s exceeded %lu s", what, watched_seconds);
}

static void arm(void *arg)
{
    (void)arg;
    timer_arm_us(TICK_US);
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

void storm_start(u64 interval_us)
{
    storm_count = 0;
    storm_interval = interval_us;
    timer_arm_us(interval_us);
}

u64 storm_stop(void)
{
    storm_interval = 0;
    timer_stop();
    if (watching_cpu() == 0)
        timer_arm_us(TICK_US);
    return storm_count;
}
