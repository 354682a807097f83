/* SPDX-License-Identifier: MIT */
/*
 * What each processor has of its own, found through IA32_GS_BASE. Private to traps, smp, clock and panic;
 * everybody else uses smp.h. Slot 0 is the boot CPU, the others follow the MADT; a CPU's number can differ
 * from its slot if one before it didn't come.
 */
#ifndef KERNEL_PERCPU_H
#define KERNEL_PERCPU_H

#include "kernel/smp.h"
#include "lib/types.h"

struct tss { /* SDM vol. 3, figure 9-11 (64-bit TSS format) */
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3;
    u16 io_map;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS");

enum cpu_state { CPU_ABSENT, CPU_ONLINE, CPU_TOO_LATE };

enum work_state { WORK_NONE, WORK_POSTED, WORK_DONE };

struct percpu {
    struct percpu *self; /* these two are read through GS */
    u32 number;
    u32 apic_id;
    u32 package;
    volatile u32 state; /* enum cpu_state */

    u64 fault_address; /* of the last recovered #PF or #MC */
    volatile u64 pings;
    volatile u64 flushed; /* generation of the last shoot-down that this CPU has done */
    volatile u32 idle;    /* in HLT: shoot-downs are made up for before anything else runs */

    cpu_fn work_fn;
    void *work_arg;
    volatile u32 work; /* enum work_state */
    bool stuck;        /* didn't finish its work in time: gets no more */

    u64 gdt[5];
    struct tss tss __attribute__((aligned(16)));
} __attribute__((aligned(64)));

extern struct percpu percpu_slots[MAX_CPUS];

struct percpu *percpu_this(void);  /* slot 0 before traps_init() */
struct percpu *percpu_of(u32 cpu); /* by CPU number; panics on a number that isn't online */

/* For each AP: its stacks, by the boot CPU; then, on the AP, GS base, GDT, IDT and TSS. */
void traps_create_stacks(struct percpu *cpu);
void traps_load(struct percpu *cpu);

#endif
