/* SPDX-License-Identifier: MIT */
/*
 * The page on which application processors start, shared by kernel and monitor. The code in trampoline.asm is
 * copied to a page below 1 MiB (SIPI vector = page >> 12) and takes any number of processors through it at
 * the same time: each draws a ticket, takes stacks[ticket] and calls entry(ticket) in 64-bit mode with
 * interrupts off.
 */
#ifndef BOOT_TRAMPOLINE_H
#define BOOT_TRAMPOLINE_H

#include "lib/types.h"

struct trampoline_start {
    u64 cr3; /* below 4 GiB; must map the page at its own address, executable, and entry and stacks */
    u64 cr4; /* bits the processor is known to have; PAE is added, PCIDE left out (not legal before long mode)
              */
    u64 efer;          /* ORed into what INIT left; LME is added */
    u64 entry;         /* void entry(u64 ticket), doesn't return */
    const u64 *stacks; /* stacks[ticket] = initial RSP, 16-byte aligned */
    u32 limit;         /* number of stacks: a ticket beyond it halts its processor */
};

/* page_virt is where the caller sees the page at physical page_pa (4 KiB aligned, below 1 MiB). */
void trampoline_prepare(void *page_virt, u64 page_pa, const struct trampoline_start *start);

/* The part of the page that C fills in; trampoline.asm has the same offsets. */
#define TRAMPOLINE_OFFSET 16
struct trampoline {
    u64 cr3, cr4, efer, entry, stacks;
    u32 limit;
    volatile u32 next;
    u16 gdt_limit;
    u32 gdt_base;
    u16 unused;
    u32 far32_offset;
    u16 far32_selector;
    u16 unused2;
    u32 far64_offset;
    u16 far64_selector;
} __attribute__((packed));
_Static_assert(offsetof(struct trampoline, limit) == 40, "trampoline.asm: T_LIMIT");
_Static_assert(offsetof(struct trampoline, gdt_limit) == 48, "trampoline.asm: T_GDT");
_Static_assert(offsetof(struct trampoline, far32_offset) == 56, "trampoline.asm: T_FAR32");
_Static_assert(offsetof(struct trampoline, far64_offset) == 64, "trampoline.asm: T_FAR64");
_Static_assert(sizeof(struct trampoline) == 70, "trampoline.asm reserves 70 bytes");

#endif
