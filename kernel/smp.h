/* SPDX-License-Identifier: MIT */
/*
 * Processors. CPUs are numbered 0..cpu_count()-1 in the order they are listed in the MADT with the boot CPU
 * first; all of them run kernel code from smp_init() on and wait, with interrupts enabled, for work.
 */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include "kernel/clock.h"
#include "lib/types.h"

#define MAX_CPUS 256

void smp_init(void); /* wakes all APs that the MADT names, in parallel; says which didn't come, with ids */

u32 cpu_count(void);    /* online */
u32 cpu_expected(void); /* enabled in the MADT */
u32 cpu_this(void);     /* works before smp_init() (0) */
u32 cpu_apic_id(u32 cpu);
u32 cpu_package(u32 cpu); /* 0..package_count()-1 in order of first appearance */
u32 package_count(void);
u32 package_first_cpu(u32 package);

/*
 * Run fn(arg) on CPUs; the caller waits, at most timeout_us (0: 10 s). False if some CPU didn't finish in
 * time: its number is in the log, and it is not given work again. Not to be nested; call from the boot CPU's
 * main thread.
 */
typedef void (*cpu_fn)(void *arg);
bool smp_run_on(u32 cpu, cpu_fn fn, void *arg, u64 timeout_us);
bool smp_run_all(cpu_fn fn, void *arg, u64 timeout_us); /* the caller's CPU included, at the same time */
bool smp_run_some(const bool selected[MAX_CPUS], cpu_fn fn, void *arg, u64 timeout_us);

/* Whether every CPU has finished its work in time so far; if not, *lost is one that hasn't. */
bool smp_all_answer(u32 *lost);

/* Asynchronous pair for a test that keeps another CPU busy while the caller goes on. */
bool smp_start_on(u32 cpu, cpu_fn fn, void *arg);
bool smp_wait_for(u32 cpu, u64 timeout_us);

struct barrier {
    u32 expected;
    volatile u32 arrived, generation;
};
void barrier_init(struct barrier *barrier, u32 expected);
bool barrier_wait(struct barrier *barrier, deadline_t deadline); /* false: the others didn't come in time */

struct lock {
    volatile u32 taken;
};
void lock_take(struct lock *lock); /* spins with interrupts as they are */
bool lock_try(struct lock *lock);
void lock_release(struct lock *lock);

/* A fixed interrupt to one CPU; VECTOR_PING (traps.h) only counts, and ipi_received() is that count. */
void ipi_send(u32 cpu, u8 vector);
u64 ipi_received(u32 cpu);

/*
 * Every CPU drops all translations before this returns or, if it waits for work, before it runs anything
 * again. From any CPU and context but an NMI's; other CPUs must let interrupts in: one that doesn't within
 * seconds ends the run, by name.
 */
void smp_flush_tlb(void);

/* For panic(): an NMI to every other CPU. Works before smp_init() as well (nothing to do). */
void smp_stop_others(void);

#endif
