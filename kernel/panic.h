/* SPDX-License-Identifier: MIT */
/* The end of a run. */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "lib/types.h"

/* Values for QEMU's isa-debug-exit device at port 0xF4; QEMU leaves with (value << 1) | 1. Never 0. */
enum exit_code { EXIT_PASS = 0x10, EXIT_FAIL = 0x11, EXIT_ERROR = 0x12, EXIT_SKIP = 0x13, EXIT_PANIC = 0x14 };

/* Leaves QEMU, or halts for ever where there is no such device. Safe in any state. */
void machine_exit(enum exit_code code) __attribute__((noreturn));

/*
 * Stops the other CPUs, prints "Bail out! text" and "# panic: text" without locks, with a backtrace, and
 * exits with EXIT_PANIC. For faults of the kernel itself.
 */
void panic(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* The same ending for what the user can mend (little memory, bad command line): no backtrace, EXIT_ERROR. */
void refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
