/* SPDX-License-Identifier: MIT */
/* Locks and barriers of smp.h. */
#include "kernel/smp.h"

#include "kernel/cpu.h"
#include "kernel/panic.h"

#define LOCK_PATIENCE (1ull << 36) /* cycles: 15 to 40 seconds; also valid before the clock is calibrated */

bool lock_try(struct lock *lock)
{
    return __atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE) == 0;
}

void lock_take(struct lock *lock)
{
    u64 start = rdtsc();
    while (!lock_try(lock)) {
        cpu_relax();
        if (rdtsc() - start > LOCK_PATIENCE)
            panic("the lock at 0x%llx was not released in time: its holder is stuck",
                  (unsigned long long)lock);
    }
}

void lock_release(struct lock *lock)
{
    __atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

void barrier_init(struct barrier *barrier, u32 expected)
{
    *barrier = (struct barrier){.expected = expected, .arrived = 0, .generation = 0};
}

/* A barrier that timed out is left as it is: barrier_init() makes it usable again. */
bool barrier_wait(struct barrier *barrier, deadline_t deadline)
{
    u32 generation = __atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&barrier->arrived, 1, __ATOMIC_ACQ_REL) == barrier->expected) {
        __atomic_store_n(&barrier->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&barrier->generation, generation + 1, __ATOMIC_RELEASE);
        return true;
    }
    while (__atomic_load_n(&barrier->generation, __ATOMIC_ACQUIRE) == generation) {
        if (deadline_passed(deadline))
            return false;
        cpu_relax();
    }
    return true;
}
