/* SPDX-License-Identifier: MIT */
#include "kernel/symbols.h"

#include "kernel/paging.h"
#include "lib/format.h"

struct symbol {
    u32 address; /* minus KERNEL_BASE */
    u32 name;    /* offset into symbol_names */
};

/* Generated, in ascending order; the last entry is the end of the code and has no name. */
extern const u32 symbol_count;
extern const struct symbol symbol_table[];
extern const char symbol_names[];

const char *symbol_find(u64 address, u64 *offset)
{
    if (symbol_count < 2 || address < KERNEL_BASE + symbol_table[0].address ||
        address >= KERNEL_BASE + symbol_table[symbol_count - 1].address)
        return NULL;
    u32 low = 0, high = symbol_count - 1; /* table[low] <= address < table[high] */
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;
        if (KERNEL_BASE + symbol_table[middle].address <= address)
            low = middle;
        else
            high = middle;
    }
    *offset = address - KERNEL_BASE - symbol_table[low].address;
    return symbol_names + symbol_table[low].name;
}

const char *symbol_text(u64 address, char *text, size_t size)
{
    u64 offset;
    const char *name = symbol_find(address, &offset);
    if (name)
        format(text, size, "%s+0x%llx", name, (unsigned long long)offset);
    else
        format(text, size, "0x%llx", (unsigned long long)address);
    return text;
}
