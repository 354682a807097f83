/* SPDX-License-Identifier: MIT */
/*
 * The lines that a guest may write to MONITOR_MSR_COMMAND, taken apart. drivers/tdx/abi/monitor.h says what
 * they mean, command_run.c does it. Pure: knows the words, not the machine.
 */
#ifndef SEAM_MONITOR_COMMAND_H
#define SEAM_MONITOR_COMMAND_H

#include "drivers/tdx/abi/monitor.h"
#include "lib/types.h"
#include "seam/monitor/overrides.h"

#define COMMAND_MAX_KNOBS 32

enum command_verb {
    COMMAND_KNOB,
    COMMAND_MSR,
    COMMAND_CPUID,
    COMMAND_CMR,
    COMMAND_PACKAGES,
    COMMAND_LPS,
    COMMAND_SEAMCAPS,
    COMMAND_HANDOFF_PAGES,
    COMMAND_INSTALL,
};

struct command {
    enum command_verb verb;
    struct override override;             /* MSR, CPUID, SEAMCAPS */
    u64 number;                           /* CMR: its index; PACKAGES, LPS, HANDOFF_PAGES: how many */
    u64 base, size;                       /* CMR */
    u32 knob_count;                       /* KNOB: 1, INSTALL: any number */
    const char *knobs[COMMAND_MAX_KNOBS]; /* "name=value", the name known, the value a number; in the text */
};

/* An answer: one line of at most MONITOR_COMMAND_MAX - 1 characters, or nothing. Always false. */
bool command_refuse(char answer[MONITOR_COMMAND_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Cuts the text into words. False, with an answer, if it isn't a command. */
bool command_parse(char text[MONITOR_COMMAND_MAX], struct command *command, char answer[MONITOR_COMMAND_MAX]);

#endif
