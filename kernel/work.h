/* SPDX-License-Identifier: MIT */
/* What smp.c, work.c and traps.c need of each other's parts. */
#ifndef KERNEL_WORK_H
#define KERNEL_WORK_H

struct percpu;

void work_init(void);                           /* handlers of the wake-up and ping vectors */
void work_loop(void) __attribute__((noreturn)); /* an AP's life */
void flush_init(void);                          /* handler of the flush vector */

/* A CPU that stops waiting for work calls this before it does anything else; so does every interrupt. */
void flush_leave_idle(struct percpu *me);

#endif
