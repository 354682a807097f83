/* SPDX-License-Identifier: MIT */
/*
 * One line of diagnostics. Each program that links lib/ supplies this function once: the kernel writes
 * "# text" to COM1, the monitor writes to COM2, unit tests keep the text. A line is at most LOG_LINE_MAX
 * bytes; the text carries no newline of its own.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#define LOG_LINE_MAX 160

void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
