/* SPDX-License-Identifier: MIT */
/*
 * What the monitor says. Its port is COM2: log_line() (lib/log.h) prints "seam: text" there. COM1 is the
 * guest's, so the monitor writes to it only before the guest lives or once it is dead.
 */
#ifndef SEAM_MONITOR_LOG_H
#define SEAM_MONITOR_LOG_H

#include "lib/log.h"
#include "lib/types.h"

/* Values for QEMU's isa-debug-exit device at port 0xF4, the same as the kernel's enum exit_code. */
enum monitor_exit {
    MONITOR_EXIT_REFUSED = 0x12, /* what the user can mend: nothing was started */
    MONITOR_EXIT_DEAD = 0x14,    /* the guest or the monitor died */
};

void log_init(void);

/* "seam: error: text" on both ports, then leaves QEMU with MONITOR_EXIT_REFUSED. */
void refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/* "seam: text" on both ports, without the lock: the last words. */
void log_last_words(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Leaves QEMU; halts where there is no exit device. */
void monitor_leave(enum monitor_exit code) __attribute__((noreturn));

/* The text of the last log_line(): why something that just failed did. */
const char *log_last(void);

/* While on, log_line() prints on COM1, too: what explains a refusal that follows. */
void log_to_both(bool on);

#endif
