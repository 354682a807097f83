/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/seamcall.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/stats.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

/* Ten attempts in all, as Linux has settled on for RDRAND and for this status. */
#define ENTROPY_ATTEMPTS 10
#define ENTROPY_MAX_US   (1000 * 1000)

u64 seamcall_instruction(u64 rax, struct seamcall_args *args, u64 *fault);

/* Faults as software's own statuses; only #UD and #GP are architectural for SEAMCALL. */
static u64 status_of_fault(fault_t fault)
{
    return TDX_SW_ERROR | fault_vector(fault);
}

u64 seamcall_raw(u64 rax, struct seamcall_args *args)
{
    u64 fault;
    u64 start = clock_cycles();
    u64 status = seamcall_instruction(rax, args, &fault);
    if (!(rax & TDX_RAX_PSEAMLDR)) /* a leaf of the loader is not one of the module */
        stats_call((u16)rax, clock_cycles() - start);
    return fault ? status_of_fault(fault) : status;
}

u64 seamcall_once(u16 leaf, struct seamcall_args *args)
{
    return seamcall_raw(seamcall_rax(leaf, args->version), args);
}

u64 seamcall(u16 leaf, struct seamcall_args *args)
{
    const struct seamcall_args original = *args;
    u64 status = TDX_RND_NO_ENTROPY;
    deadline_t deadline = deadline_after_us(ENTROPY_MAX_US);
    for (u32 attempt = 0; attempt < ENTROPY_ATTEMPTS && status == TDX_RND_NO_ENTROPY; attempt++) {
        if (attempt > 0 && deadline_passed(deadline))
            break;
        if (attempt > 0) {
            stats_retry(leaf);
            clock_delay_us(attempt);
        }
        *args = original;
        status = seamcall_once(leaf, args);
    }
    return status;
}

void seamcall_interrupt_window(void)
{
    bool were_on = read_rflags() & RFLAGS_IF;
    interrupts_on();
    cpu_relax();
    if (!were_on)
        interrupts_off();
}

static void report_registers(const char *direction, const struct seamcall_args *args)
{
    log_line("tdx:   %s rcx=0x%lx rdx=0x%lx r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx", direction, args->rcx,
             args->rdx, args->r8, args->r9, args->r10, args->r11);
}

/* What SYS.INIT wants of a CPUID leaf, in registers of its own: masks in RDX and R8, values in R9 and R10. */
static void report_cpuid(const struct seamcall_args *out)
{
    static const char *const names[] = {"eax", "ebx", "ecx", "edx"};
    const u64 masks[] = {out->rdx, out->r8}, values[] = {out->r9, out->r10};
    u32 subleaf = (u32)(out->rcx >> 32);
    char number[16] = "";
    if (subleaf != ~0u) /* a leaf that has some */
        format(number, sizeof(number), ".%u", subleaf);
    for (u32 i = 0; i < ARRAY_COUNT(names); i++) {
        u32 mask = (u32)(masks[i / 2] >> i % 2 * 32), value = (u32)(values[i / 2] >> i % 2 * 32);
        if (mask)
            log_line("tdx:   CPUID 0x%x%s: %s & 0x%08x must be 0x%08x", (u32)out->rcx, number, names[i], mask,
                     value);
    }
}

/* The leaf that two statuses are about is in RCX and not in the status; for a hint it is put there. */
static u64 with_cpuid_leaf(u64 status, const struct seamcall_args *out)
{
    bool in_rcx = status == TDX_INCORRECT_CPUID_VALUE || status == TDX_INCONSISTENT_CPUID_FIELD;
    return in_rcx ? status | (u32)out->rcx : status;
}

void seamcall_report(u16 leaf, const struct seamcall_args *in, const struct seamcall_args *out, u64 status)
{
    char text[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(status, text, sizeof(text));
    const char *name = tdx_leaf_name(leaf);
    log_line("tdx: SEAMCALL %s (leaf %u) on cpu %u: 0x%016lx %s", name ? name : "?", leaf, cpu_this(), status,
             text);
    report_registers("in ", in);
    if ((status & TDX_SW_ERROR) != TDX_SW_ERROR)
        report_registers("out", out);
    if (status == TDX_INCORRECT_CPUID_VALUE)
        report_cpuid(out);
    const char *hint = tdx_status_hint(with_cpuid_leaf(status, out), leaf);
    if (hint[0])
        log_line("tdx:   hint: %s", hint);
}
