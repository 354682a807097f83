/* SPDX-License-Identifier: MIT */
/*
 * Four-level page tables as data: mapping with the largest pages that fit, taking out single pages (which
 * splits what is larger), looking up, counting. Where tables come from and how they are reached is the
 * caller's business, so the same file runs off-target. No lock: the owner of the tables has one. SDM volume
 * 3, section 4.5.
 */
#ifndef KERNEL_PAGE_TABLE_H
#define KERNEL_PAGE_TABLE_H

#include "lib/types.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE   2ull
#define PTE_PWT     8ull
#define PTE_PCD     0x10ull
#define PTE_LARGE   0x80ull
#define PTE_GLOBAL  0x100ull
#define PTE_NX      (1ull << 63)
#define PTE_ADDRESS 0x000FFFFFFFFFF000ull

#define PAGE_2M (2 * MIB)
#define PAGE_1G GIB

#define PML4_SLOT(address) ((u32)((address) >> 39 & 511))

struct page_table {
    u64 root;                /* physical */
    bool gigabyte_pages;     /* the CPU has them: CPUID 0x80000001 EDX bit 26 */
    u32 tables;              /* pages that the tables themselves take, root included */
    u64 (*new_table)(void);  /* physical address of a zeroed page; doesn't return without one */
    u64 *(*view)(u64 table); /* where a table at this physical address can be read and written */
};

void page_table_init(struct page_table *table);

/* All in bytes, page multiples; flags: PTE_ bits but for PRESENT and LARGE. Overwrites what was there. */
void page_table_map(struct page_table *table, u64 address, u64 physical, u64 size, u64 flags);
/* Returns how many bytes had been mapped. */
u64 page_table_unmap(struct page_table *table, u64 address, u64 size);
/* The leaf entry for an address and the size of its page; 0 if there is none. */
u64 page_table_find(const struct page_table *table, u64 address, u64 *page_size);

struct page_table_summary {
    u64 pages_4k, pages_2m, pages_1g;
    u64 writable_executable; /* leaf entries that are both */
};

/* Of everything below these slots of the root: 0, 512 is the whole address space. */
void page_table_summarise(const struct page_table *table, u32 first_slot, u32 slots,
                          struct page_table_summary *summary);

#endif
