/* SPDX-License-Identifier: MIT */
#include "boot/trampoline.h"

#include "lib/string.h"

#define CR4_PAE   (1ull << 5)
#define CR4_PCIDE (1ull << 17)
#define EFER_LME  (1ull << 8)
#define EFER_LMA  (1ull << 10) /* read-only: set by the processor itself */

#define SELECTOR_CODE32 0x08 /* the order in trampoline.asm's table */
#define SELECTOR_CODE64 0x18

extern const u8 trampoline_code[], trampoline_code32[], trampoline_code64[], trampoline_gdt[],
    trampoline_gdt_end[], trampoline_code_end[];

static u32 address_on_page(const u8 *label, u64 page_pa)
{
    return (u32)(page_pa + (u64)(label - trampoline_code));
}

void trampoline_prepare(void *page_virt, u64 page_pa, const struct trampoline_start *start)
{
    memcpy(page_virt, trampoline_code, (size_t)(trampoline_code_end - trampoline_code));
    struct trampoline *page = (struct trampoline *)((u8 *)page_virt + TRAMPOLINE_OFFSET);
    *page = (struct trampoline){
        .cr3 = start->cr3,
        .cr4 = (start->cr4 & ~CR4_PCIDE) | CR4_PAE,
        .efer = (start->efer & ~EFER_LMA) | EFER_LME,
        .entry = start->entry,
        .stacks = (u64)start->stacks,
        .limit = start->limit,
        .next = 0,
        .gdt_limit = (u16)(trampoline_gdt_end - trampoline_gdt - 1),
        .gdt_base = address_on_page(trampoline_gdt, page_pa),
        .far32_offset = address_on_page(trampoline_code32, page_pa),
        .far32_selector = SELECTOR_CODE32,
        .far64_offset = address_on_page(trampoline_code64, page_pa),
        .far64_selector = SELECTOR_CODE64,
    };
}
