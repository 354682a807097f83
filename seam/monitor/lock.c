/* SPDX-License-Identifier: MIT */
#include "seam/monitor/lock.h"

#include "kernel/cpu.h"
#include "seam/monitor/death.h"

#define STUCK_SPINS  (1u << 24) /* both bounds must pass: minutes of a starved virtual CPU aren't a bug */
#define STUCK_CYCLES (1ull << 36)

void lock_take(struct lock *lock)
{
    u64 start = 0;
    for (u32 spins = 0; __atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE); spins++) {
        if (spins == 0)
            start = rdtsc();
        if (spins > STUCK_SPINS && rdtsc() - start > STUCK_CYCLES)
            monitor_bug("a lock at %p stays taken", (void *)lock);
        cpu_relax();
    }
}
