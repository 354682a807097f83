/* SPDX-License-Identifier: MIT */
/*
 * What the APIC timers do for the runner: a watchdog over the running case, and storms of interrupts on
 * demand.
 *
 * The watchdog looks from the last CPU, so that it also bites when the boot CPU hangs with interrupts off; on
 * a machine with one CPU it looks from there and can't. When a case overruns, the run ends: panic() with the
 * name of the case.
 *
 * A storm needs nobody's main thread: the timer of one CPU interrupts that CPU itself, or sends another one
 * an interrupt whenever it fires. No CPU is lost to the test for it.
 */
#ifndef TESTS_RUNNER_TICKER_H
#define TESTS_RUNNER_TICKER_H

#include "lib/types.h"

void ticker_init(void);

void watchdog_start(const char *what, u64 seconds);
void watchdog_stop(void);

/*
 * An interrupt at this CPU every so many microseconds, from the end of one to the next: of its own timer, or
 * from another CPU. One storm a timer; the next one takes its place. False: no such CPU, no other CPU to send
 * from, or it doesn't answer. Intervals above 20 s may come sooner than asked for.
 */
bool storm_start_timer(u32 cpu, u64 interval_us);
bool storm_start_ipi(u32 target, u64 interval_us);
/* Ends all storms; how many interrupts there were. */
u64 storm_stop(void);

#endif
