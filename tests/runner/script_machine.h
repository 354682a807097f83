/* SPDX-License-Identifier: MIT */
/* The kernel as the machine of scripts: what script/port.h asks for, on real CPUs, memory and clocks. */
#ifndef TESTS_RUNNER_SCRIPT_MACHINE_H
#define TESTS_RUNNER_SCRIPT_MACHINE_H

#include "tests/runner/machine.h"
#include "tests/runner/script/port.h"

/*
 * Makes machine ready for scripts, whatever ran before: VMX operation on, and where the monitor can reset the
 * module, a new life of it, none of whose memory is the driver's any more; elsewhere the module that is
 * there. A module that nobody has called yet is left so where it can't be reset, or where a fault of the
 * command line waits for a call. SKIP: too little memory, ERROR: it can't be done; *why. Boot CPU, once.
 */
enum verdict script_machine_init(struct script_port *port, struct machine *machine, char *why, size_t size);

/* Calls made from now on must have returned so many seconds from now. */
void script_machine_allow(u64 seconds);

#endif
