/* SPDX-License-Identifier: MIT */
/*
 * The ends that nobody wants: the guest dies, or the monitor finds a bug in itself. Each prints its last
 * words on COM2 and COM1, says whose code it was, and leaves QEMU with MONITOR_EXIT_DEAD.
 */
#ifndef SEAM_MONITOR_DEATH_H
#define SEAM_MONITOR_DEATH_H

#include "seam/monitor/lp.h"
#include "seam/monitor/traps.h"

void death_of_guest(struct lp *lp, const char *cause) __attribute__((noreturn));
void death_by_exception(const struct trap_frame *frame) __attribute__((noreturn));
void monitor_bug(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
