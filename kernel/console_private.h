/* SPDX-License-Identifier: MIT */
/* What only panic.c needs of the console. */
#ifndef KERNEL_CONSOLE_PRIVATE_H
#define KERNEL_CONSOLE_PRIVATE_H

#include <stdarg.h>

void console_emergency_v(const char *prefix, const char *fmt, va_list args);
void console_drain(void); /* until the UART is empty */

#endif
