/* SPDX-License-Identifier: MIT */
/*
 * Measurements inside the machine, for `make bench`, each a case of its own; its verdict is "it could be
 * measured". Kernel option bench=:
 *
 *   ready   brings the module to ready and leaves: the host times the whole machine
 *   calls   a bare world switch, a soft SEAMCALL and the model's own share of it, taken in turns
 *   tdmr    SYS.TDMR.INIT with one LP and with two, taken in turns; the monitor resets the module in between
 *   counts  brings the module to ready and prints every counter of driver and monitor
 */
#ifndef TESTS_RUNNER_BENCH_H
#define TESTS_RUNNER_BENCH_H

#include "lib/types.h"

/* False: the command line asks for no measurement. Otherwise *code is what to leave with. */
bool bench_main(const char *command_line, int *code);

#endif
