/* SPDX-License-Identifier: MIT */
#include "seam/monitor/memory.h"

#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/monitor/lock.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/options.h"
#include "seam/monitor/place.h"
#include "seam/monitor/traps.h"

#define KERNEL_BASE  0xFFFFFFFF80000000ull /* linker.ld */
#define IMAGE_OFFSET (2 * MIB) /* in SEAMRR; in front: the pages where a SEAM VMCS of each LP belongs */
#define GUEST_NEEDS  (24 * MIB)

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_LARGE    (1ull << 7)
#define PTE_NX       (1ull << 63)

#define CPUID_1GIB_PAGES (1u << 26) /* 80000001 EDX */
#define CPUID_LA57       (1u << 16) /* 7 ECX */
#define EFER_NXE_BIT     (1ull << 11)

extern u8 image_begin[], text_end[], rodata_end[], image_end[];

u64 memory_seamrr_base, memory_seamrr_size;
struct memory_stretch memory_low, memory_high;
static u64 heap_at, heap_end;
static struct lock heap_lock;
static u64 cr3;

/* ---- the place ---- */

static bool overlaps_module(u64 base, u64 size)
{
    for (u32 i = 0; i < machine.boot.module_count; i++) {
        const struct boot_module *m = &machine.boot.modules[i];
        if (base < m->base + m->size && m->base < base + size)
            return true;
    }
    return false;
}

static u64 highest_block_in(const struct boot_range *range)
{
    u64 end = min_u64(range->base + range->size, BOOT_ADDRESSABLE);
    u64 size = machine.seamrr_size, base = align_down(end, size);
    while (base >= 2 * size && base - size >= range->base) {
        base -= size;
        if (!overlaps_module(base, size) && !topology_claims(base, size))
            return base;
    }
    return 0;
}

static void find_stretches(void)
{
    for (u32 i = 0; i < machine.boot.range_count; i++) {
        const struct boot_range *r = &machine.boot.ranges[i];
        if (r->type != BOOT_MEMORY_USABLE)
            continue;
        if (machine.seamrr - r->base < r->size)
            memory_low = (struct memory_stretch){r->base, machine.seamrr - r->base};
        else if (r->base >= BOOT_ADDRESSABLE && r->size > memory_high.size)
            memory_high = (struct memory_stretch){r->base, r->size};
    }
}

void memory_place_seamrr(void)
{
    u64 usable = boot_info_usable_bytes(&machine.boot), best = 0;
    /* the first block is low memory and image; modules lie at the top */
    u64 least = 2 * options.seamrr_size + 4 * MIB;
    machine.seamrr_size = memory_seamrr_size = options.seamrr_size;
    for (u32 i = 0; i < machine.boot.range_count; i++)
        if (machine.boot.ranges[i].type == BOOT_MEMORY_USABLE)
            best = max_u64(best, highest_block_in(&machine.boot.ranges[i]));
    if (!best || usable < machine.seamrr_size + GUEST_NEEDS)
        refuse(
            "too little memory: found %lu MiB usable and no free aligned block of %lu MiB for SEAMRR, need at least %lu MiB",
            usable / MIB, machine.seamrr_size / MIB, least / MIB);
    machine.seamrr = memory_seamrr_base = best;
    find_stretches();
    if (!boot_info_carve(&machine.guest, best, machine.seamrr_size, BOOT_MEMORY_RESERVED))
        refuse("the memory map has no room to hide SEAMRR in: more than %u ranges", BOOT_MAX_RANGES);
}

/* ---- the heap ---- */

static u64 take_stretch(u64 size, u64 align)
{
    u64 at = align_up(heap_at, align);
    if (at > heap_end || size > heap_end - at)
        return 0;
    heap_at = at + size;
    return at;
}

void *heap_take(u64 size, u64 align)
{
    lock_take(&heap_lock);
    u64 at = take_stretch(size, align);
    lock_release(&heap_lock);
    return at ? memset((void *)at, 0, size) : NULL;
}

void *heap_need(u64 size, u64 align, const char *what)
{
    void *at = heap_take(size, align);
    if (!at)
        refuse("SEAMRR (%lu MiB) has no room for %s: %lu KiB wanted, %lu KiB left; use fewer processors",
               machine.seamrr_size / MIB, what, size / KIB, heap_left() / KIB);
    return at;
}

u64 heap_left(void)
{
    return heap_end - heap_at;
}

/* ---- the move ---- */

static u64 *new_table(void)
{
    return heap_need(PAGE_SIZE, PAGE_SIZE, "page tables");
}

static u64 *table_under(u64 *entry)
{
    if (!*entry)
        *entry = (u64)new_table() | PTE_PRESENT | PTE_WRITABLE;
    return (u64 *)(*entry & ~(PAGE_SIZE - 1) & ~PTE_NX);
}

/* The image where it was linked, each part with its own rights. */
static void map_image(u64 *pml4, u64 image)
{
    for (u64 at = (u64)image_begin; at < (u64)image_end; at += PAGE_SIZE) {
        u64 rights = at < (u64)text_end ? 0 : at < (u64)rodata_end ? PTE_NX : PTE_NX | PTE_WRITABLE;
        u64 *pdpt = table_under(&pml4[at >> 39 & 511]);
        u64 *directory = table_under(&pdpt[at >> 30 & 511]);
        u64 *table = table_under(&directory[at >> 21 & 511]);
        table[at >> 12 & 511] = (image + (at - (u64)image_begin)) | PTE_PRESENT | rights;
    }
}

/*
 * All RAM at its own address, in pages as large as they come. The first 2 MiB are executable: APs start below
 * 1 MiB on these tables.
 */
static void map_all_memory(u64 *pml4)
{
    bool gib_pages = cpuid(0x80000001, 0).edx & CPUID_1GIB_PAGES;
    u64 end = max_u64(align_up(machine.ram_end, GIB), 4 * GIB);
    for (u64 at = 0; at < end; at += GIB) {
        u64 *pdpt = table_under(&pml4[at >> 39 & 511]);
        if (gib_pages && at > 0) {
            pdpt[at >> 30 & 511] = at | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE | PTE_NX;
            continue;
        }
        u64 *directory = table_under(&pdpt[at >> 30 & 511]);
        for (u64 i = 0; i < 512; i++)
            directory[i] =
                (at + i * 2 * MIB) | PTE_PRESENT | PTE_WRITABLE | PTE_LARGE | (at + i ? PTE_NX : 0);
    }
}

void memory_relocate(void)
{
    u64 image = machine.seamrr + IMAGE_OFFSET, size = (u64)(image_end - image_begin);
    heap_at = image + size;
    heap_end = machine.seamrr + machine.seamrr_size;
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE_BIT);
    u64 *pml4 = new_table();
    map_image(pml4, image);
    map_all_memory(pml4);
    cr3 = (u64)pml4;
    relocate(image, (u64)image_begin - KERNEL_BASE, size, cr3);
}

/*
 * Five levels, for a guest's nested tables to see all 52 bits of a physical address. The new top table shows
 * the old one at both ends of the address space.
 */
void memory_use_five_levels(void)
{
    extern const u8 five_levels[], five_levels_end[];
    u64 *top = new_table();
    u64 page = place_find(PAGE_SIZE, PAGE_SIZE, MIB);
    if (!(cpuid(7, 0).ecx & CPUID_LA57))
        refuse("a genuine module needs a CPU with 5-level paging: use QEMU's -cpu max");
    if (!page)
        refuse("no free page below 1 MiB to switch to 5-level paging in: use another loader");
    top[0] = top[511] = cr3 | PTE_PRESENT | PTE_WRITABLE;
    memcpy((void *)page, five_levels, (size_t)(five_levels_end - five_levels));
    ((void (*)(u64, u64))page)(page, (u64)top);
    cr3 = (u64)top;
    traps_load();
}

u64 memory_cr3(void)
{
    return cr3;
}

void *memory_ram(u64 pa, u64 size)
{
    if (pa < memory_seamrr_base + memory_seamrr_size && memory_seamrr_base < pa + size)
        return NULL;
    for (u32 i = 0; i < machine.boot.range_count; i++) {
        const struct boot_range *r = &machine.boot.ranges[i];
        if (r->type == BOOT_MEMORY_RESERVED || r->type == BOOT_MEMORY_BAD)
            continue;
        if (pa >= r->base && pa - r->base < r->size && size <= r->size - (pa - r->base))
            return (void *)pa;
    }
    return NULL;
}
