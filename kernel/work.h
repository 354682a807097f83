/* SPDX-License-Identifier: MIT */
/* What smp.c needs of work.c and flush.c. */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

void work_init(void);                           /* handlers of the wake-up and ping vectors */
void work_loop(void) __attribute__((noreturn)); /* an AP's life */
void flush_init(void);                          /* handler of the flush vector */

#endif
