/* SPDX-License-Identifier: MIT */
#include "tests/runner/call.h"

#include "drivers/tdx/abi/status.h"
#include "kernel/smp.h"
#include "lib/log.h"

#define OTHER_CPU_MAX_US (20ull * 1000 * 1000)

struct call call_raw(u64 rax, struct seamcall_args in)
{
    struct call call = {.rax = rax, .in = in, .out = in};
    call.status = seamcall_raw(rax, &call.out);
    return call;
}

struct call call_leaf(u16 leaf, struct seamcall_args in)
{
    return call_raw(seamcall_rax(leaf, in.version), in);
}

static void run_call(void *arg)
{
    struct call *call = arg;
    *call = call_raw(call->rax, call->in);
}

/* Static, because a CPU that answers too late still writes to it. */
struct call call_leaf_on(u32 cpu, u16 leaf, struct seamcall_args in)
{
    static struct call call;
    call = (struct call){.rax = seamcall_rax(leaf, in.version), .in = in, .out = in};
    if (!smp_run_on(cpu, run_call, &call, OTHER_CPU_MAX_US))
        call.status = TDX_SW_ERROR;
    return call;
}

struct seamcall_args call_marked(void)
{
    return (struct seamcall_args){.rcx = 0x1111111111111000,
                                  .rdx = 0x2222222222222000,
                                  .r8 = 0x8888888888888000,
                                  .r9 = 0x9999999999999000,
                                  .r10 = 0xAAAAAAAAAAAAA000,
                                  .r11 = 0xBBBBBBBBBBBBB000};
}

struct seamcall_args call_refused_outputs(u16 leaf, const struct seamcall_args *in)
{
    struct seamcall_args out = *in;
    switch (leaf) {
    case TDH_SYS_INIT:
        out.rcx = out.rdx = out.r8 = out.r9 = out.r10 = 0;
        break;
    case TDH_SYS_LP_INIT:
        out.rcx = out.rdx = out.r8 = 0;
        break;
    case TDH_SYS_INFO:
        out.rdx = out.r9 = 0;
        break;
    case TDH_SYS_RD:
        out.rdx = ~0ull;
        out.r8 = 0;
        break;
    case TDH_SYS_TDMR_INIT:
        out.rdx = 0;
        break;
    case TDH_PHYMEM_PAGE_RDMD:
        out.rcx = out.rdx = out.r8 = out.r9 = out.r10 = out.r11 = 0;
        break;
    default:
        break;
    }
    return out;
}

bool call_same_registers(const struct seamcall_args *a, const struct seamcall_args *b)
{
    return a->rcx == b->rcx && a->rdx == b->rdx && a->r8 == b->r8 && a->r9 == b->r9 && a->r10 == b->r10 &&
           a->r11 == b->r11;
}

static void log_registers(const char *direction, const struct seamcall_args *args)
{
    log_line("  %s rcx=0x%lx rdx=0x%lx r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx", direction, args->rcx,
             args->rdx, args->r8, args->r9, args->r10, args->r11);
}

void call_log(const struct call *call)
{
    char text[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(call->status, text, sizeof(text));
    const char *leaf = tdx_leaf_name((u16)call->rax);
    if (call->status == TDX_SW_ERROR) { /* no module says this, and of this file only call_leaf_on() */
        log_line("  %s (rax=0x%lx): the LP that was to make the call didn't answer within %llu s",
                 leaf ? leaf : "unknown leaf", call->rax, OTHER_CPU_MAX_US / 1000000);
        log_registers("in ", &call->in);
        return;
    }
    log_line("  %s (rax=0x%lx) returned 0x%016lx %s", leaf ? leaf : "unknown leaf", call->rax, call->status,
             text);
    log_registers("in ", &call->in);
    log_registers("out", &call->out);
}

bool call_read_field(u64 field, u64 *value)
{
    struct seamcall_args in = call_marked();
    in.rdx = field;
    struct call call = call_leaf(TDH_SYS_RD, in);
    *value = call.status == TDX_SUCCESS ? call.out.r8 : 0;
    return call.status == TDX_SUCCESS;
}
