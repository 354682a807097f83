/* SPDX-License-Identifier: MIT */
/*
 * COM1. Whole lines under one lock; an absent or stuck UART is noticed and then ignored, so that it can't
 * hang the machine. log_line() (lib/log.h) prints "# text"; console_line() prints the text as it stands (KTAP
 * results).
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include "lib/types.h"

void console_init(void);
void console_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Without the lock and without waiting for anybody: for panic() only. */
void console_emergency(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
