/* SPDX-License-Identifier: MIT */
/*
 * What the APIC timers do for the runner: a watchdog over the running case, and storms of interrupts on
 * demand.
 *
 * The watchdog ticks on the last CPU, so that it also bites when the boot CPU hangs with interrupts off; on a
 * machine with one CPU it ticks there and can't. When a case overruns, the run ends: panic() with the name of
 * the case.
 */
#ifndef TESTS_RUNNER_TICKER_H
#define TESTS_RUNNER_TICKER_H

#include "lib/types.h"

void ticker_init(void);

void watchdog_start(const char *what, u64 seconds);
void watchdog_stop(void);

/* A timer interrupt on the boot CPU every so many microseconds, from the end of one to the next. */
void storm_start(u64 interval_us);
u64 storm_stop(void); /* how many there were */

#endif
