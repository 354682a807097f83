/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/seamcall.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/stats.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
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
    const char *hint = tdx_status_hint(status, leaf);
    if (hint[0])
        log_line("tdx:   hint: %s", hint);
}
