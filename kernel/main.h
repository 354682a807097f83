/* SPDX-License-Identifier: MIT */
/* What the rest of the kernel may know of how it was started. */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "boot/boot_info.h"

const char *kernel_command_line(void);
const struct boot_info *kernel_boot_info(void);

/* Provided by tests/runner: the whole run after the machine is up; returns the verdict to leave with. */
int run_main(void);

#endif
