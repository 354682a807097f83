/* SPDX-License-Identifier: MIT */
#ifndef TESTS_HOST_RUN_H
#define TESTS_HOST_RUN_H

/*
 * `tdxt run [--profile P] [--cpus N] [--run PATTERN] [-v] FILE...`: scripts on the soft module in this
 * process. argv[0] is "run". Exit status as run-qemu.sh: 0 passed, 1 failed, 2 error or bad usage, 77 all
 * skipped.
 */
int tdxt_run(int argc, char **argv);

#endif
