/* SPDX-License-Identifier: MIT */
#include "kernel/page_table.h"

#define ENTRIES   512
#define TOP_LEVEL 4 /* PML4; level 1 is the page table proper */

/* What one entry of a level spans: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
static u64 span_of(u32 level)
{
    return PAGE_SIZE << (9 * (level - 1));
}

static u32 index_of(u64 address, u32 level)
{
    return (u32)(address / span_of(level)) & (ENTRIES - 1);
}

static bool is_leaf(u64 entry, u32 level)
{
    return (entry & PTE_PRESENT) && (level == 1 || (entry & PTE_LARGE));
}

static u64 *view_of(const struct page_table *table, u64 entry)
{
    return table->view(entry & PTE_ADDRESS);
}

static u64 new_table(struct page_table *table)
{
    table->tables++;
    return table->new_table();
}

void page_table_init(struct page_table *table)
{
    table->tables = 0;
    table->root = new_table(table);
}

/* The same memory in pages of the next smaller size; the new table is complete before it comes into use. */
static void split(struct page_table *table, u64 *entry, u32 level)
{
    u64 below = new_table(table);
    u64 *entries = table->view(below);
    u64 flags = *entry & ~PTE_ADDRESS & ~(level == 2 ? PTE_LARGE : 0);
    u64 base = *entry & PTE_ADDRESS;
    for (u32 i = 0; i < ENTRIES; i++)
        entries[i] = (base + i * span_of(level - 1)) | flags;
    *(volatile u64 *)entry = below | PTE_PRESENT | PTE_WRITE;
}

/* The entry for address at this level, with all tables above it made or split as needed. */
static u64 *entry_at(struct page_table *table, u64 address, u32 level)
{
    u64 *entries = table->view(table->root);
    for (u32 at = TOP_LEVEL; at > level; at--) {
        u64 *entry = &entries[index_of(address, at)];
        if (is_leaf(*entry, at))
            split(table, entry, at);
        else if (!(*entry & PTE_PRESENT))
            *entry = new_table(table) | PTE_PRESENT | PTE_WRITE; /* rights are decided at the leaf */
        entries = view_of(table, *entry);
    }
    return &entries[index_of(address, level)];
}

/* Maps the largest page that fits at address and returns its size. */
static u64 map_one(struct page_table *table, u64 address, u64 physical, u64 size, u64 flags)
{
    for (u32 level = table->gigabyte_pages ? 3 : 2; level > 1; level--) {
        u64 page = span_of(level);
        if (!is_aligned(address | physical, page) || size < page)
            continue;
        u64 *entry = entry_at(table, address, level);
        if (*entry & PTE_PRESENT && !is_leaf(*entry, level))
            continue; /* was split before: stays so */
        *(volatile u64 *)entry = physical | flags | PTE_LARGE | PTE_PRESENT;
        return page;
    }
    *(volatile u64 *)entry_at(table, address, 1) = physical | flags | PTE_PRESENT;
    return PAGE_SIZE;
}

void page_table_map(struct page_table *table, u64 address, u64 physical, u64 size, u64 flags)
{
    while (size > 0) {
        u64 page = map_one(table, address, physical, size, flags);
        address += page;
        physical += page;
        size -= page;
    }
}

/*
 * Unmaps at address what one step can: a whole page, or nothing where nothing is mapped. Returns the bytes to
 * step over, at most size.
 */
static u64 unmap_one(struct page_table *table, u64 address, u64 size, u64 *unmapped)
{
    u64 *entries = table->view(table->root);
    for (u32 level = TOP_LEVEL;; level--) {
        u64 *entry = &entries[index_of(address, level)];
        u64 span = span_of(level), rest = min_u64(span - (address & (span - 1)), size);
        if (!(*entry & PTE_PRESENT))
            return rest;
        if (is_leaf(*entry, level)) {
            if (rest == span) {
                *(volatile u64 *)entry = 0;
                *unmapped += span;
                return span;
            }
            split(table, entry, level);
        }
        entries = view_of(table, *entry);
    }
}

u64 page_table_unmap(struct page_table *table, u64 address, u64 size)
{
    u64 unmapped = 0;
    while (size > 0) {
        u64 step = unmap_one(table, address, size, &unmapped);
        address += step;
        size -= step;
    }
    return unmapped;
}

u64 page_table_find(const struct page_table *table, u64 address, u64 *page_size)
{
    const u64 *entries = table->view(table->root);
    for (u32 level = TOP_LEVEL; level > 0; level--) {
        u64 entry = entries[index_of(address, level)];
        *page_size = span_of(level);
        if (is_leaf(entry, level))
            return entry;
        if (!(entry & PTE_PRESENT))
            break;
        entries = view_of(table, entry);
    }
    return 0;
}

static void summarise(const struct page_table *table, const u64 *entries, u32 count, u32 level,
                      struct page_table_summary *summary)
{
    for (u32 i = 0; i < count; i++) {
        u64 entry = entries[i];
        if (!(entry & PTE_PRESENT))
            continue;
        if (!is_leaf(entry, level)) {
            summarise(table, view_of(table, entry), ENTRIES, level - 1, summary);
            continue;
        }
        *(level == 1 ? &summary->pages_4k : level == 2 ? &summary->pages_2m : &summary->pages_1g) += 1;
        summary->writable_executable += (entry & PTE_WRITE) && !(entry & PTE_NX);
    }
}

void page_table_summarise(const struct page_table *table, u32 first_slot, u32 slots,
                          struct page_table_summary *summary)
{
    *summary = (struct page_table_summary){0};
    summarise(table, table->view(table->root) + first_slot, slots, TOP_LEVEL, summary);
}
