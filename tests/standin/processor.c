/* SPDX-License-Identifier: MIT */
/* Leaves that ask the processor: CPUID, MSRs, random numbers, extended state, debug registers, SEAMOPS. */
#include "tests/standin/instructions.h"
#include "tests/standin/standin.h"

#define XSTATE_BV  512 /* in an XSAVE area */
#define XCOMP_BV   520
#define XCR0_INDEX 0

void leaf_cpuid(struct lp_data *lp, struct standin_regs *regs)
{
    u32 eax = (u32)regs->rcx, ebx, ecx = (u32)regs->rdx, edx;
    (void)lp;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    regs->r8 = eax;
    regs->r9 = ebx;
    regs->r10 = ecx;
    regs->r11 = edx;
}

void leaf_rdmsr(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    regs->r8 = rdmsr((u32)regs->rcx);
}

void leaf_wrmsr(struct lp_data *lp, struct standin_regs *regs)
{
    u32 msr = (u32)regs->rcx;
    (void)lp;
    regs->r8 = rdmsr(msr);
    wrmsr(msr, regs->rdx);
    regs->r9 = rdmsr(msr);
    wrmsr(msr, regs->r8);
    regs->r10 = rdmsr(msr);
}

void leaf_random(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    regs->r10 = random_number(regs->rcx, &regs->r8);
    regs->r10 += random_number(regs->rcx, &regs->r9);
}

void leaf_xcr0(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    regs->r8 = xgetbv(XCR0_INDEX);
    xsetbv(XCR0_INDEX, regs->rcx);
    regs->r9 = xgetbv(XCR0_INDEX);
    xsetbv(XCR0_INDEX, regs->r8);
    regs->r10 = xgetbv(XCR0_INDEX);
}

void leaf_port(struct lp_data *lp, struct standin_regs *regs)
{
    (void)lp;
    trace_ports(regs->rcx, &regs->r8, &regs->r9, &regs->r10);
}

void leaf_xstate(struct lp_data *lp, struct standin_regs *regs)
{
    u64 out[2];
    for (u32 i = 0; i < sizeof(lp->xstate); i++)
        *(volatile u8 *)&lp->xstate[i] = 0;
    xstate_round_trip(lp->xstate, regs->rcx, regs->rdx, out);
    regs->r8 = out[0];
    regs->r9 = out[1];
    __builtin_memcpy(&regs->r10, lp->xstate + XSTATE_BV, sizeof(regs->r10));
    __builtin_memcpy(&regs->r11, lp->xstate + XCOMP_BV, sizeof(regs->r11));
}

struct debug {
    u64 cr2, dr[4];
};

static struct debug read_debug(void)
{
    struct debug debug;
    __asm__ volatile("mov %%cr2, %0" : "=r"(debug.cr2));
    __asm__ volatile("mov %%dr0, %0" : "=r"(debug.dr[0]));
    __asm__ volatile("mov %%dr1, %0" : "=r"(debug.dr[1]));
    __asm__ volatile("mov %%dr2, %0" : "=r"(debug.dr[2]));
    __asm__ volatile("mov %%dr3, %0" : "=r"(debug.dr[3]));
    return debug;
}

static void write_debug(const struct debug *debug)
{
    __asm__ volatile("mov %0, %%cr2" : : "r"(debug->cr2));
    __asm__ volatile("mov %0, %%dr0" : : "r"(debug->dr[0]));
    __asm__ volatile("mov %0, %%dr1" : : "r"(debug->dr[1]));
    __asm__ volatile("mov %0, %%dr2" : : "r"(debug->dr[2]));
    __asm__ volatile("mov %0, %%dr3" : : "r"(debug->dr[3]));
}

void leaf_debug(struct lp_data *lp, struct standin_regs *regs)
{
    u64 value = regs->rcx;
    const struct debug wanted = {value, {value, value + 1, value + 2, value + 3}}, before = read_debug();
    (void)lp;
    write_debug(&wanted);
    struct debug seen = read_debug();
    write_debug(&before);
    regs->rdx = seen.cr2;
    regs->r8 = seen.dr[0];
    regs->r9 = seen.dr[1];
    regs->r10 = seen.dr[2];
    regs->r11 = seen.dr[3];
}

void leaf_seamops(struct lp_data *lp, struct standin_regs *regs)
{
    u64 out[7];
    (void)lp;
    seamops(regs->rcx, out);
    regs->r8 = out[0];
    regs->r9 = out[1];
    regs->r10 = out[2];
    regs->r11 = out[6];
}
