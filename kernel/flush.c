/* SPDX-License-Identifier: MIT */
/*
 * TLB shoot-down without a lock: each request is a new generation; a CPU that flushes has done all
 * generations that existed when it began. Any number of CPUs may ask at once, with interrupts on or off:
 * whoever waits for the others answers their requests meanwhile, so that two that wait for each other both
 * get on.
 */
#include "kernel/smp.h"

#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/traps.h"
#include "kernel/work.h"

#define ANSWER_TIME_US 10000000ull /* far more than a busy host needs to run every virtual CPU once */

static volatile u64 generation;

static void flush_here(void)
{
    struct percpu *me = percpu_this();
    u64 wanted = __atomic_load_n(&generation, __ATOMIC_ACQUIRE);
    tlb_flush_local();
    __atomic_store_n(&me->flushed, wanted, __ATOMIC_RELEASE);
}

/* With interrupts off, so that a nested request can't set "flushed" back to an older generation. */
static void flush_if_asked(void)
{
    bool were_on = interrupts_save();
    if (percpu_this()->flushed != __atomic_load_n(&generation, __ATOMIC_ACQUIRE))
        flush_here();
    interrupts_restore(were_on);
}

/*
 * The exchange orders "no longer idle" before the look at the generation, as smp_flush_tlb() orders the new
 * generation before its look at idle: either this CPU sees the request, or the one that asks sees that it
 * must wait.
 */
void flush_leave_idle(struct percpu *me)
{
    if (me->idle) {
        __atomic_exchange_n(&me->idle, 0, __ATOMIC_SEQ_CST);
        flush_if_asked();
    }
}

static void flush_requested(struct trap_frame *frame)
{
    (void)frame;
    flush_if_asked();
}

void flush_init(void)
{
    traps_set_handler(VECTOR_FLUSH, flush_requested);
}

static bool has_flushed(const struct percpu *cpu, u64 wanted)
{
    return __atomic_load_n(&cpu->flushed, __ATOMIC_ACQUIRE) >= wanted ||
           __atomic_load_n(&cpu->idle, __ATOMIC_SEQ_CST);
}

void smp_flush_tlb(void)
{
    u64 wanted = __atomic_add_fetch(&generation, 1, __ATOMIC_SEQ_CST);
    flush_if_asked();
    u32 count = cpu_count();
    for (u32 i = 0; i < count; i++)
        if (!has_flushed(percpu_of(i), wanted))
            apic_send(percpu_of(i)->apic_id, VECTOR_FLUSH);
    deadline_t deadline = deadline_after_us(ANSWER_TIME_US);
    for (u32 i = 0; i < count; i++) {
        while (!has_flushed(percpu_of(i), wanted)) {
            flush_if_asked();
            if (deadline_passed(deadline))
                panic("CPU %u (APIC id %u) didn't answer a TLB shoot-down: it is stuck with interrupts off",
                      i, percpu_of(i)->apic_id);
            cpu_relax();
        }
    }
}
