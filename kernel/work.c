/* SPDX-License-Identifier: MIT */
/*
 * Work for other CPUs, and what they do between: wait in HLT with interrupts on. Each CPU has one mailbox,
 * written by the main thread and emptied by its owner; the states WORK_* are the protocol:
 *
 * - NONE to POSTED by the main thread, in smp_start_on();
 * - POSTED to DONE by the owner, after fn;
 * - DONE to NONE by the main thread, in smp_wait_for().
 */
#include "kernel/smp.h"

#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/traps.h"
#include "kernel/work.h"
#include "lib/log.h"

#define DEFAULT_TIMEOUT_US 10000000ull

static u32 work_state(const struct percpu *cpu)
{
    return __atomic_load_n(&cpu->work, __ATOMIC_ACQUIRE);
}

/* ---- the other side ---- */

static void wake(struct trap_frame *frame)
{
    (void)frame; /* that the interrupt came is all that is needed: HLT ends */
}

static void count_ping(struct trap_frame *frame)
{
    (void)frame;
    percpu_this()->pings++;
}

void work_init(void)
{
    traps_set_handler(VECTOR_CALL, wake);
    traps_set_handler(VECTOR_PING, count_ping);
}

/* Between the look at the mailbox and HLT no interrupt may slip through: STI takes effect one instruction
 * later. */
void work_loop(void)
{
    struct percpu *me = percpu_this();
    for (;;) {
        interrupts_off();
        while (work_state(me) != WORK_POSTED) {
            __atomic_store_n(&me->idle, 1, __ATOMIC_RELEASE);
            __asm__ volatile("sti; hlt; cli" : : : "memory");
        }
        flush_leave_idle(me);
        interrupts_on();
        me->work_fn(me->work_arg);
        __atomic_store_n(&me->work, WORK_DONE, __ATOMIC_RELEASE);
    }
}

/* ---- the main thread's side ---- */

bool smp_start_on(u32 number, cpu_fn fn, void *arg)
{
    struct percpu *cpu = percpu_of(number);
    if (cpu == percpu_this())
        panic("CPU %u can't be given work in the background: it is the one that asks", number);
    if (cpu->stuck) {
        log_line("smp: CPU %u gets no work: it never finished what it was given before", number);
        return false;
    }
    if (work_state(cpu) != WORK_NONE)
        panic("CPU %u is given work before its last was waited for", number);
    cpu->work_fn = fn;
    cpu->work_arg = arg;
    __atomic_store_n(&cpu->work, WORK_POSTED, __ATOMIC_RELEASE);
    apic_send(cpu->apic_id, VECTOR_CALL);
    return true;
}

static bool wait_until(struct percpu *cpu, deadline_t deadline)
{
    if (cpu->stuck)
        return false;
    while (work_state(cpu) != WORK_DONE) {
        if (deadline_passed(deadline)) {
            cpu->stuck = true;
            log_line("smp: CPU %u (APIC id %u) didn't finish its work in time and gets no more", cpu->number,
                     cpu->apic_id);
            return false;
        }
        cpu_relax();
    }
    __atomic_store_n(&cpu->work, WORK_NONE, __ATOMIC_RELAXED);
    return true;
}

bool smp_all_answer(u32 *lost)
{
    for (*lost = 0; *lost < cpu_count(); ++*lost)
        if (percpu_of(*lost)->stuck)
            return false;
    return true;
}

static deadline_t work_deadline(u64 timeout_us)
{
    return deadline_after_us(timeout_us ? timeout_us : DEFAULT_TIMEOUT_US);
}

bool smp_wait_for(u32 number, u64 timeout_us)
{
    struct percpu *cpu = percpu_of(number);
    if (work_state(cpu) == WORK_NONE && !cpu->stuck)
        panic("CPU %u is waited for but was given no work", number);
    return wait_until(cpu, work_deadline(timeout_us));
}

bool smp_run_on(u32 number, cpu_fn fn, void *arg, u64 timeout_us)
{
    if (number == cpu_this()) {
        fn(arg);
        return true;
    }
    return smp_start_on(number, fn, arg) && smp_wait_for(number, timeout_us);
}

bool smp_run_some(const bool selected[MAX_CPUS], cpu_fn fn, void *arg, u64 timeout_us)
{
    bool all = true, started[MAX_CPUS] = {false};
    deadline_t deadline = work_deadline(timeout_us);
    u32 me = cpu_this();
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        if (selected[cpu] && cpu != me)
            all &= started[cpu] = smp_start_on(cpu, fn, arg);
    }
    if (selected[me])
        fn(arg);
    for (u32 cpu = 0; cpu < cpu_count(); cpu++)
        if (started[cpu])
            all &= wait_until(percpu_of(cpu), deadline);
    return all;
}

bool smp_run_all(cpu_fn fn, void *arg, u64 timeout_us)
{
    bool selected[MAX_CPUS];
    for (u32 cpu = 0; cpu < MAX_CPUS; cpu++)
        selected[cpu] = true;
    return smp_run_some(selected, fn, arg, timeout_us);
}

void ipi_send(u32 cpu, u8 vector)
{
    apic_send(percpu_of(cpu)->apic_id, vector);
}

u64 ipi_received(u32 cpu)
{
    return percpu_of(cpu)->pings;
}
