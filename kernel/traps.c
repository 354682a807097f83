/* SPDX-License-Identifier: MIT */
#include "kernel/traps.h"

#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
#include "kernel/work.h"

#define FIRST_INTERRUPT 32

#define MSR_MCG_STATUS  0x17A
#define MSR_MC0_STATUS  0x401
#define MSR_MC0_ADDR    0x402
#define MC_STATUS_VALID (1ull << 63) /* SDM vol. 3, section 17.3.2.2 */
#define MC_STATUS_ADDRV (1ull << 58)

#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_FETCH   16u

struct extable_entry {
    u64 fault, resume;
};
extern const struct extable_entry extable_begin[], extable_end[];

const char *(*trap_describe_address)(u64 address);

static trap_handler handlers[256];

void trap_dispatch(struct trap_frame *frame);

void traps_set_handler(u8 vector, trap_handler fn)
{
    if (vector < FIRST_INTERRUPT || vector == VECTOR_SPURIOUS)
        panic("vector %u can't have an interrupt handler: use 32 to 254", vector);
    handlers[vector] = fn;
}

/* ---- what happened ---- */

/*
 * The address that a machine check is about, 0 if bank 0 doesn't say. The bank is cleared, so that the next
 * one can be recorded, and so is MCG_STATUS.MCIP: a second machine check while it is set is a shutdown.
 */
static u64 machine_check_address(void)
{
    u64 status = 0, address = 0;
    if (probe_rdmsr(MSR_MC0_STATUS, &status) == FAULT_NONE && (status & MC_STATUS_VALID)) {
        if (status & MC_STATUS_ADDRV)
            probe_rdmsr(MSR_MC0_ADDR, &address);
        probe_wrmsr(MSR_MC0_STATUS, 0);
    }
    probe_wrmsr(MSR_MCG_STATUS, 0);
    return address;
}

static u64 faulting_address(const struct trap_frame *frame)
{
    if (frame->vector == VECTOR_PF || frame->vector == VECTOR_DF)
        return read_cr2();
    return frame->vector == VECTOR_MC ? machine_check_address() : 0;
}

static bool recover(struct trap_frame *frame, u64 address)
{
    for (const struct extable_entry *entry = extable_begin; entry < extable_end; entry++) {
        if (entry->fault != frame->rip)
            continue;
        if (frame->vector == VECTOR_PF || frame->vector == VECTOR_MC)
            percpu_this()->fault_address = address;
        frame->rax = FAULT(frame->vector, frame->error);
        frame->rip = entry->resume;
        return true;
    }
    return false;
}

u64 probe_fault_address(void)
{
    return percpu_this()->fault_address;
}

/* ---- the report ---- */

/* SDM vol. 3, table 7-1 */
static const char *const meanings[32] = {
    "divide error",
    "debug exception",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "no math coprocessor",
    "double fault",
    "coprocessor segment overrun",
    "invalid TSS",
    "segment not present",
    "stack-segment fault",
    "general protection",
    "page fault",
    "reserved exception",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point exception",
    "virtualization exception",
    "control protection",
};

/* At most once: should the driver's function itself fault, that fault is reported without its help. */
static const char *describe(u64 address)
{
    const char *(*function)(u64) = trap_describe_address;
    trap_describe_address = NULL;
    return function && address ? function(address) : NULL;
}

static const char *page_fault_action(u64 error)
{
    return error & PF_FETCH ? "fetch from" : error & PF_WRITE ? "write to" : "read from";
}

static void page_fault_panic(const struct trap_frame *frame, u64 address) __attribute__((noreturn));
static void page_fault_panic(const struct trap_frame *frame, u64 address)
{
    const char *guard = stack_guard_owner(address);
    const char *meaning = describe(address);
    const char *action = page_fault_action(frame->error);
    if (guard)
        panic_at(frame, "stack overflow: %s 0x%llx, the guard page below the %s", action,
                 (unsigned long long)address, guard);
    if (meaning)
        panic_at(frame, "stray %s 0x%llx: %s", action, (unsigned long long)address, meaning);
    panic_at(frame, "#PF: %s 0x%llx, which is %s", action, (unsigned long long)address,
             frame->error & PF_PRESENT ? "mapped without that right" : "not mapped");
}

static void machine_check_panic(const struct trap_frame *frame, u64 address) __attribute__((noreturn));
static void machine_check_panic(const struct trap_frame *frame, u64 address)
{
    const char *meaning = describe(address);
    if (!address)
        panic_at(frame, "#MC: machine check, bank 0 names no address");
    panic_at(frame, "#MC: machine check for address 0x%llx%s%s", (unsigned long long)address,
             meaning ? ": " : "", meaning ? meaning : "");
}

static void exception_panic(const struct trap_frame *frame, u64 address) __attribute__((noreturn));
static void exception_panic(const struct trap_frame *frame, u64 address)
{
    char name[16];
    const char *guard = frame->vector == VECTOR_DF ? stack_guard_owner(address) : NULL;
    if (guard) /* the page fault itself found no room on the stack */
        panic_at(frame, "stack overflow: 0x%llx is in the guard page below the %s",
                 (unsigned long long)address, guard);
    if (frame->vector == VECTOR_PF)
        page_fault_panic(frame, address);
    if (frame->vector == VECTOR_MC)
        machine_check_panic(frame, address);
    const char *meaning = meanings[frame->vector] ? meanings[frame->vector] : "reserved exception";
    panic_at(frame, "%s: %s", fault_name(FAULT(frame->vector, frame->error), name), meaning);
}

/* ---- dispatch ---- */

static void interrupt(struct trap_frame *frame)
{
    flush_leave_idle(percpu_this());
    if (frame->vector == VECTOR_SPURIOUS) /* SDM vol. 3, section 12.9: no EOI */
        return;
    trap_handler handler = handlers[frame->vector];
    if (handler) /* what nobody asked for is only acknowledged */
        handler(frame);
    apic_eoi();
}

static void halt_for_ever(void) __attribute__((noreturn));
static void halt_for_ever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector >= FIRST_INTERRUPT) {
        interrupt(frame);
        return;
    }
    if (frame->vector == VECTOR_NMI && panic_stops_cpus())
        halt_for_ever();
    u64 address = faulting_address(frame);
    if (!recover(frame, address))
        exception_panic(frame, address);
}
