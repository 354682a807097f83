/* SPDX-License-Identifier: MIT */
/*
 * Measurements inside the machine, for `make bench`, each a case of its own; its verdict is "it could be
 * measured". Kernel option bench=:
 *
 *   ready   brings the module to ready and leaves: the host times the whole machine
 *   calls   a bare world switch, a soft SEAMCALL and the model's own share of it, taken in turns
 *   tdmr    SYS.TDMR.INIT with one LP and with two, taken in turns; the monitor resets the module in between
 *   counts  brings the module to ready and prints every counter of driver and monitor
 *   script  SYS.RD from C, as a step of a script, and as a step with an expectation, taken in turns
 *   states  what taking the module back to READY costs, from READY, from reset and from a filled pool
 *
 * And one that is no case but changes the run: bench=cases prints a line for each case, with the world
 * switches that it took.
 */
#ifndef TESTS_RUNNER_BENCH_H
#define TESTS_RUNNER_BENCH_H

#include "lib/types.h"

/* False: the command line asks for no measurement. Otherwise *code is what to leave with. */
bool bench_main(const char *command_line, int *code);

/* Around each case: with bench=cases a line "bench: case FILE ID MICROSECONDS SWITCHES", else nothing. */
void bench_case_begin(void);
void bench_case_end(const char *file, const char *id, u64 cycles);

/* ---- inside ---- */

u64 bench_median(u64 *values, u32 count); /* sorts them */
bool bench_script(void);
bool bench_states(void);

#endif
