/* SPDX-License-Identifier: MIT */
/* Which processors there are and which of them share a package. Private to smp.c. */
#ifndef KERNEL_CPUS_H
#define KERNEL_CPUS_H

#include "lib/types.h"

/* Fills percpu_slots[] with the APIC ids of all processors that can be started, the boot CPU in slot 0.
 * Returns how many; what the MADT lists as enabled in *expected. */
u32 cpus_find(u32 *expected);

/* Numbers the packages of the CPUs that are online, in order of their numbers. */
void cpus_number_packages(void);

#endif
