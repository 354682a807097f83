/* SPDX-License-Identifier: MIT */
/* What the module's address space and VMCBs get for the in-ring handler, and the memory that it stands in. */
#include "lib/string.h"
#include "seam/genuine/inring.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/death.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/options.h"

/* Linear, from INRING_SPACE on: the handler with its descriptors; then for each LP its page and its VMCS. */
#define LP_LINEAR(index) (INRING_SPACE + (1 + 2 * (index)) * PAGE_SIZE)
_Static_assert(1 + 2 * MAX_LPS <= 512, "they share one page table");

#define LEVELS 3 /* below the module's top table, of which the last entry leads here */

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_PRESET   (3ull << 5) /* accessed and dirty, so that no walk has to write */
#define PTE_NX       (1ull << 63)
#define RIGHTS_CODE  (PTE_PRESENT | PTE_PRESET)
#define RIGHTS_TABLE (RIGHTS_CODE | PTE_WRITABLE)
#define RIGHTS_DATA  (RIGHTS_TABLE | PTE_NX)

#define VECTOR_UD      6
#define SELECTOR_CODE  0x08
#define SELECTOR_TSS   0x20
#define SEGMENT_TSS    0x08B
#define INTERRUPT_GATE 0x8E
#define TSS_IST1       36 /* AMD64 APM 2, figure 12-8 */
#define TSS_IO_MAP     102

#define WHAT "the in-ring handler"

struct gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};

struct descriptors {
    u64 gdt[4];                     /* by the loader's selectors: code, data, FS and GS */
    struct gate idt[VECTOR_UD + 1]; /* empty ones are what no IDT at all would be: #GP, for INT n */
};

struct code_page {
    u8 code[PAGE_SIZE - sizeof(struct descriptors)];
    struct descriptors descriptors;
};
_Static_assert(sizeof(struct code_page) == PAGE_SIZE, "one page");

static u64 (*tables)[512]; /* highest level first */
static struct code_page *code;

/* ---- what is mapped ---- */

static void build_code(void)
{
    u64 size = (u64)(inring_end - inring_begin), handler = inring_linear(inring_undefined);
    struct descriptors *d = &code->descriptors;
    if (size > sizeof(code->code))
        monitor_bug("the in-ring handler has %lu bytes, its page has room for %lu", size, sizeof(code->code));
    memcpy(code->code, inring_begin, size);
    d->gdt[1] = 0x00AF9B000000FFFF; /* 64-bit code */
    d->gdt[2] = d->gdt[3] = 0x00CF93000000FFFF;
    d->idt[VECTOR_UD] = (struct gate){
        .offset_low = (u16)handler,
        .selector = SELECTOR_CODE,
        .ist = 1,
        .type = INTERRUPT_GATE,
        .offset_middle = (u16)(handler >> 16),
        .offset_high = (u32)(handler >> 32),
    };
}

static void build_tss(struct inring_page *page, u64 stack)
{
    u16 no_map = INRING_TSS_BYTES;
    memcpy(page->tss + TSS_IST1, &stack, sizeof(stack));
    memcpy(page->tss + TSS_IO_MAP, &no_map, sizeof(no_map));
}

/* INRING_SPACE is at the beginning of its 512 GiB, so the first entries lead to it. */
static void build_tables(void)
{
    u64 *entries = tables[LEVELS - 1];
    for (u32 i = 0; i < LEVELS - 1; i++)
        tables[i][0] = (u64)tables[i + 1] | RIGHTS_TABLE;
    *entries++ = (u64)code | RIGHTS_CODE;
    for (u32 i = 0; i < lp_count; i++) {
        struct inring_lp *inring = &lp_at(i)->seam->inring;
        *entries++ = (u64)inring->page | RIGHTS_DATA;
        inring->window = entries++;
    }
}

/* The same in the nested tables. A TD's VMCS is shown there once the module has written to it. */
static void show(const void *at, u64 pages, bool writable)
{
    if (!keys_map_own((u64)at, pages * PAGE_SIZE, writable))
        refuse("SEAMRR has no room for the module's nested page tables");
}

static void show_all(const struct inring_page *pages)
{
    show(tables, LEVELS, true);
    show(code, 1, false);
    show(pages, lp_count, true);
    for (u32 i = 0; i < lp_count; i++)
        show((const void *)lp_at(i)->seam->seam_vmcs, 1, true);
}

void inring_create(void)
{
    if (!options.traps_inring)
        return;
    tables = heap_need(LEVELS * PAGE_SIZE, PAGE_SIZE, WHAT);
    code = heap_need(PAGE_SIZE, PAGE_SIZE, WHAT);
    struct inring_page *pages = heap_need(lp_count * PAGE_SIZE, PAGE_SIZE, WHAT);
    build_code();
    for (u32 i = 0; i < lp_count; i++) {
        build_tss(&pages[i], LP_LINEAR(i) + PAGE_SIZE);
        lp_at(i)->seam->inring.page = &pages[i];
    }
    build_tables();
    show_all(pages);
    inring_create_msr_map();
}

/* ---- what leads there ---- */

static struct vmcb_segment table_at(size_t offset, size_t size)
{
    u64 descriptors = INRING_SPACE + offsetof(struct code_page, descriptors);
    return (struct vmcb_segment){.base = descriptors + offset, .limit = (u32)size - 1};
}

static void change_vmcb(const struct lp *lp)
{
    struct vmcb *v = lp->seam->vmcb;
    v->intercept_exceptions &= ~(1u << VECTOR_UD);
    v->gdtr = table_at(offsetof(struct descriptors, gdt), sizeof(code->descriptors.gdt));
    v->idtr = table_at(offsetof(struct descriptors, idt), sizeof(code->descriptors.idt));
    v->tr = (struct vmcb_segment){
        .selector = SELECTOR_TSS,
        .attributes = SEGMENT_TSS,
        .limit = INRING_TSS_BYTES - 1,
        .base = LP_LINEAR(lp->index),
    };
    lp->seam->inring.msr_map = v->msrpm;
}

void inring_prepare(void)
{
    if (!options.traps_inring)
        return;
    inring_forget_habits();
    space_lend(&seam_space, (u64)tables);
    for (u32 i = 0; i < lp_count; i++)
        change_vmcb(lp_at(i));
}
