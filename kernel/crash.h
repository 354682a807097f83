/* SPDX-License-Identifier: MIT */
/*
 * Failure paths on request: command line "crash=KIND" or "crash=KIND@CPU", for tests of the reports and of
 * what reads the log. Returns if nothing was asked for; an unknown kind or CPU is refused with the list.
 */
#ifndef KERNEL_CRASH_H
#define KERNEL_CRASH_H

void crash_if_asked(const char *command_line);

#endif
