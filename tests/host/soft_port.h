/* SPDX-License-Identifier: MIT */
/*
 * The soft module in a host process, as scripts see a machine: struct script_port without kernel and monitor.
 * What the monitor does for a script (control MSRs, commands, snapshots, injection, storms) is done here.
 */
#ifndef TESTS_HOST_SOFT_PORT_H
#define TESTS_HOST_SOFT_PORT_H

#include "tests/runner/script/port.h"

struct soft_host;

/* profile: one of the model's, or "overlay". cpus: 1 to 16. NULL: no such profile (log_line() listed those
 * that exist), or no memory. */
struct soft_host *soft_host_new(const char *profile, u32 cpus);
void soft_host_free(struct soft_host *host);
struct script_port soft_host_port(struct soft_host *host);
/* NULL, or an invariant of the model that doesn't hold; all lanes are outside. */
const char *soft_host_check(const struct soft_host *host);

#endif
