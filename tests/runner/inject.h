/* SPDX-License-Identifier: MIT */
/* The monitor's control MSRs as a test uses them: injection, counters, and its own view of who owns a page.
 */
#ifndef TESTS_RUNNER_INJECT_H
#define TESTS_RUNNER_INJECT_H

#include "drivers/tdx/abi/monitor.h"
#include "drivers/tdx/platform.h"
#include "tests/runner/check.h"

struct injection {
    enum monitor_inject kind;
    u16 leaf;
    u64 nth, count; /* 0: 1 */
    u64 value;
};

/* False, with verdict ERROR, if the monitor refused; the runner disarms after each case. */
bool inject(struct test *test, struct injection injection);
/* Whether the last injection was used up. */
bool inject_used_up(struct test *test);
void inject_disarm(const struct tdx_platform *platform);

/* False, with verdict ERROR and the monitor's answer, if it didn't do what the command says. */
bool monitor_command(struct test *test, const char *command);
/* Whether the monitor takes commands at all: it answers one that it can't know. */
bool monitor_takes_commands(const struct tdx_platform *platform);

/* Verdict ERROR, and 0, where the monitor doesn't answer. */
u64 monitor_count(struct test *test, u32 counter);
u64 monitor_value(struct test *test, u32 msr);

/*
 * The owner of every page of [base, base+size), or of an even sample if there are more than OWNER_SAMPLES.
 * False, with one failure that names the first wrong page, if one belongs to somebody else.
 */
#define OWNER_SAMPLES 1024
bool expect_owner(struct test *test, u64 base, u64 size, enum monitor_owner want, const char *rule);

#endif
