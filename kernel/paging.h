/* SPDX-License-Identifier: MIT */
/*
 * The kernel's address space: image with W^X and NX, stacks with guard pages, and a direct map of RAM with
 * the largest pages that fit, from which single 4 KiB pages can be taken out.
 *
 * Lock: page-table changes take paging's own lock; shoot-down runs with interrupts enabled on the caller.
 */
#ifndef KERNEL_PAGING_H
#define KERNEL_PAGING_H

#include "boot/boot_info.h"
#include "lib/types.h"

#define KERNEL_BASE     0xFFFFFFFF80000000ull /* the image; physical = virtual - KERNEL_BASE */
#define DIRECT_MAP_BASE 0xFFFF880000000000ull /* all RAM, at base + physical address */
#define DIRECT_MAP_SIZE (1ull << 46)
#define MMIO_BASE       0xFFFFC80000000000ull /* devices, firmware tables, aliases */

enum map_flags { MAP_WRITE = 1, MAP_UNCACHED = 2 }; /* never executable */

void paging_init(const struct boot_info *info); /* builds the tables and switches to them on the boot CPU */
void paging_init_ap(void);                      /* switches an AP to them */
pa_t paging_root(void);                         /* below 4 GiB, so that an AP can load it in 32-bit mode */

/* Every physical address, for parsers: RAM through the direct map, the rest mapped read-only on demand. */
extern const struct boot_view paging_view;

static inline void *phys_to_virt(pa_t pa) /* RAM only */
{
    return (void *)(DIRECT_MAP_BASE + pa_raw(pa));
}
pa_t virt_to_phys(const void *address); /* direct map or kernel image; panics on anything else */

/* Take pages out of the direct map on all CPUs, put them back. Sizes in bytes, page multiples. */
void direct_map_remove(pa_t base, u64 size);
void direct_map_restore(pa_t base, u64 size);
bool direct_map_present(pa_t page);

/* A mapping outside the direct map; one that is already there is given again. Permanent. Firmware tables and
 * devices; also the deliberate second view of a page that was taken out of the direct map, which a test uses
 * to commit a stray access. */
void *map_physical(pa_t base, u64 size, unsigned flags);

/* Zeroed, in the direct map, with an unmapped guard page below it; returns its top. Permanent, and so is
 * what. */
void *stack_create(u64 size, const char *what);
/* Which guard page an address lies in: the name given to stack_create, or NULL. */
const char *stack_guard_owner(u64 address);

/* The page on which APs start (RAM), at its own address, while they start. Returns its direct-map address. */
void *paging_identity_map(pa_t page);
void paging_identity_unmap(pa_t page);

/* All CPUs drop every translation, global ones included. Counted. */
void tlb_shootdown(void);
void tlb_flush_local(void); /* what each CPU does for it */
u64 tlb_shootdown_count(void);

/* How many leaf entries are both writable and executable: 0, but while APs start. */
u64 paging_writable_executable(void);
u64 paging_table_bytes(void);

#endif
