/* SPDX-License-Identifier: MIT */
/* The monitor's own GDT and IDT, and what happens when the monitor itself faults. */
#ifndef SEAM_MONITOR_TRAPS_H
#define SEAM_MONITOR_TRAPS_H

#include "lib/types.h"

/* As trap_common in traps.asm pushes it. */
struct trap_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

/* Instructions of group 9 (0F C7) with a memory operand; CMPXCHG8B, /1, is not among them. */
enum group9_form {
    GROUP9_XRSTORS,
    GROUP9_XSAVEC,
    GROUP9_XSAVES,
    GROUP9_VMPTRLD,
    GROUP9_VMCLEAR,
    GROUP9_VMXON,
    GROUP9_VMPTRST,
    GROUP9_FORMS,
};

void traps_load(void); /* on each LP; builds the tables the first time */

void monitor_exception(struct trap_frame *frame);

/* traps.asm, vmrun.asm */
void run_on_stack(u64 top, void (*fn)(void *), void *argument) __attribute__((noreturn));
void relocate(u64 to, u64 from, u64 bytes, u64 cr3);
u32 probe_group9(void);                /* bit n: enum group9_form n raises no #UD, as it should */
bool try_xsetbv(u32 index, u64 value); /* false: #GP */
void lp_sleep(volatile u32 *work);
void take_pending_nmi(void);
void drain_interrupts(void);

#endif
