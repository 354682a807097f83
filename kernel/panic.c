/* SPDX-License-Identifier: MIT */
/*
 * The end of a run. Everything here works without locks, without memory beyond its own stack and in any state
 * of the machine, and gets to machine_exit() even if the report itself faults.
 */
#include "kernel/panic.h"

#include <stdarg.h>

#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/console_private.h"
#include "kernel/cpu.h"
#include "kernel/percpu.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
#include "kernel/symbols.h"
#include "kernel/traps.h"

#define DEBUG_EXIT_PORT 0xF4

#define BACKTRACE_MAX 24
#define SYMBOL_TEXT   96

static volatile u32 panicking; /* number + 1 of the CPU that reports; 0: all is well */
static volatile u32 attempts;  /* by that CPU */

void machine_exit(enum exit_code code)
{
    console_drain();
    outl(DEBUG_EXIT_PORT, code);
    for (;;)
        __asm__ volatile("cli; hlt");
}

bool panic_stops_cpus(void)
{
    return panicking != 0;
}

/*
 * Returns on one CPU only, the first; any other waits here for its NMI. If the report faults, the same CPU
 * comes again: the second time it says so and leaves, the third time it only leaves.
 */
static void panic_begin(const char *fmt, va_list args)
{
    interrupts_off();
    u32 me = cpu_this() + 1, nobody = 0;
    if (!__atomic_compare_exchange_n(&panicking, &nobody, me, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) &&
        nobody != me)
        for (;;)
            __asm__ volatile("cli; hlt");
    u32 attempt = ++attempts;
    if (attempt == 2)
        console_emergency_v("Bail out! the report itself failed: ", fmt, args);
    if (attempt > 1)
        machine_exit(EXIT_PANIC);
    smp_stop_others();
}

static void print_registers(const struct trap_frame *f)
{
    char name[16], where[SYMBOL_TEXT];
    fault_name(FAULT(f->vector, f->error), name);
    symbol_text(f->rip, where, sizeof(where));
    console_emergency("# panic: %s at %s on CPU %u (APIC id %u)", name, where, cpu_this(),
                      percpu_this()->apic_id);
#define ROW(a, b, c, d)                                                                                      \
    console_emergency("#   %-3s %016llx  %-3s %016llx  %-3s %016llx  %-3s %016llx", #a,                      \
                      (unsigned long long)f->a, #b, (unsigned long long)f->b, #c, (unsigned long long)f->c,  \
                      #d, (unsigned long long)f->d)
    ROW(rax, rbx, rcx, rdx);
    ROW(rsi, rdi, rbp, rsp);
    ROW(r8, r9, r10, r11);
    ROW(r12, r13, r14, r15);
#undef ROW
    console_emergency("#   rip %016llx  rfl %016llx  cs  %016llx  ss  %016llx", (unsigned long long)f->rip,
                      (unsigned long long)f->rflags, (unsigned long long)f->cs, (unsigned long long)f->ss);
    console_emergency("#   cr0 %016llx  cr2 %016llx  cr3 %016llx  cr4 %016llx",
                      (unsigned long long)read_cr0(), (unsigned long long)read_cr2(),
                      (unsigned long long)read_cr3(), (unsigned long long)read_cr4());
}

static void print_call(u64 address)
{
    char text[SYMBOL_TEXT];
    console_emergency("#   %s", symbol_text(address, text, sizeof(text)));
}

/* Frame pointers may be damaged: each is read with a probe, and must lie above the last one, in the upper
 * half. */
static void print_backtrace(u64 rbp)
{
    for (u32 depth = 0; depth < BACKTRACE_MAX; depth++) {
        u64 next = 0, address = 0, offset;
        if ((s64)rbp >= 0 || !is_aligned(rbp, 8) || probe_read((const u64 *)rbp, &next) != FAULT_NONE ||
            probe_read((const u64 *)(rbp + 8), &address) != FAULT_NONE || !symbol_find(address, &offset))
            return;
        print_call(address);
        if (next <= rbp)
            return;
        rbp = next;
    }
    console_emergency("#   ... (more than %u calls)", BACKTRACE_MAX);
}

static void print_reason(const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    console_emergency_v("Bail out! ", fmt, args);
    console_emergency_v("# panic: ", fmt, again);
    va_end(again);
}

void panic_at(const struct trap_frame *frame, const char *fmt, ...)
{
    va_list args, for_begin;
    va_start(args, fmt);
    va_copy(for_begin, args);
    panic_begin(fmt, for_begin);
    print_reason(fmt, args);
    print_registers(frame);
    print_call(frame->rip); /* also if it is no kernel code */
    print_backtrace(frame->rbp);
    machine_exit(EXIT_PANIC);
}

void panic(const char *fmt, ...)
{
    va_list args, for_begin;
    va_start(args, fmt);
    va_copy(for_begin, args);
    panic_begin(fmt, for_begin);
    print_reason(fmt, args);
    console_emergency("# panic: CPU %u (APIC id %u), called from", cpu_this(), percpu_this()->apic_id);
    print_backtrace((u64)__builtin_frame_address(0));
    machine_exit(EXIT_PANIC);
}

void refuse(const char *fmt, ...)
{
    va_list args, for_begin;
    va_start(args, fmt);
    va_copy(for_begin, args);
    panic_begin(fmt, for_begin);
    print_reason(fmt, args);
    machine_exit(EXIT_ERROR);
}
