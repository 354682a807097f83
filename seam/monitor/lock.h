/* SPDX-License-Identifier: MIT */
/* A spin lock. The monitor runs with all interrupts, NMIs included, held back (GIF = 0): no holder is ever
 * preempted. */
#ifndef SEAM_MONITOR_LOCK_H
#define SEAM_MONITOR_LOCK_H

#include "lib/types.h"

struct lock {
    volatile u32 taken;
};

void lock_take(struct lock *lock); /* a lock that stays taken for many seconds is a bug and ends the run */

static inline void lock_release(struct lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

#endif
