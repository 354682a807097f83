/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts. An exception is either recovered (probe.h) or ends the run with a report; an
 * interrupt goes to its handler and is acknowledged. NMI, #DF and #MC have stacks of their own on every CPU.
 */
#ifndef KERNEL_TRAPS_H
#define KERNEL_TRAPS_H

#include "lib/types.h"

/* Of interrupts; those of exceptions are in probe.h. */
enum trap_vector {
    VECTOR_TIMER = 0x40, /* this CPU's APIC timer; without a handler it only ends a HLT */
    VECTOR_PING = 0x41,  /* counts */
    VECTOR_CALL = 0x42,  /* wakes an idle CPU: there is work */
    VECTOR_FLUSH = 0x43, /* drop all translations */
    VECTOR_SPURIOUS = 0xFF,
};

/* As trap_entry.asm pushes it. */
struct trap_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rdx, rcx, rbx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss; /* by the processor */
};
_Static_assert(sizeof(struct trap_frame) == 22 * 8, "a multiple of 16, so that C finds its stack aligned");

typedef void (*trap_handler)(struct trap_frame *frame);

/* Boot CPU. The first call makes exceptions reportable, as early as the console works; the second, once
 * paging is up, gives it its guarded NMI, #DF and #MC stacks. */
void traps_init(void);
void traps_init_stacks(void);

/* Interrupt vectors 32..254: fn runs with interrupts off, the EOI follows. NULL: the EOI is all. */
void traps_set_handler(u8 vector, trap_handler fn);

/*
 * What a data address stands for, for the report of a fault, or NULL. The driver sets it: memory handed over
 * to the module. Called in the fault handler while other CPUs still run: no locks, no faults.
 */
extern const char *(*trap_describe_address)(u64 address);

/* panic() for a fault: also prints the registers and starts the backtrace where it happened. */
void panic_at(const struct trap_frame *frame, const char *fmt, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Whether panic() has begun to stop the other CPUs. */
bool panic_stops_cpus(void);

#endif
