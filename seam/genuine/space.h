/* SPDX-License-Identifier: MIT */
/*
 * The memory and the address space that a P-SEAMLDR gives a module: one physical block, 2 MiB aligned, cut
 * into regions (code, data stacks with their shadow-stack pages, keyhole and the pages that edit it, data,
 * system information), 4-level page tables over them, and the system-information page. Pure: knows no CPU;
 * the block is reached through a pointer, so that a host process can build one.
 *
 * Source: what module 1.5.01 (public source) expects of its loader. Linear bases carry a random offset, bits
 * 46:34. The last 512 GiB of linear space stay free (entry 511 of the top table): in-ring handlers live
 * there.
 */
#ifndef SEAM_GENUINE_SPACE_H
#define SEAM_GENUINE_SPACE_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"
#include "seam/genuine/image.h"
#include "seam/soft/soft.h"

#define SPACE_KEYHOLES_PER_LP 128
#define SPACE_STACK_PAGES     8 /* data stack of an LP, without its shadow-stack page */
#define SPACE_LOCAL_PAGES     8 /* local data of an LP */
#define SPACE_MAX_LPS         256

/* Global data. Invented: release builds take 100 KiB, those with a trace more than 1 MiB. */
#define SPACE_GLOBAL_PAGES 512

struct space_region {
    u64 linear, physical, size; /* the keyhole has no memory of its own: physical 0 */
};

struct space {
    u8 *at;          /* the block as the caller reaches it: at + (physical - block) */
    u64 block, size; /* physical */
    u64 entry;       /* linear: where SEAMCALL goes in */
    u64 random;      /* the value that the linear bases were made from */
    u32 lp_count;
    u16 handoff_pages; /* as in struct soft_machine: number minus one */
    u64 cr3;           /* physical */
    u64 tables_end;    /* while building: where the next page table goes */
    struct space_region code, stack, keyhole, data, sysinfo, keyhole_edit;
};

/* Bytes of the block that an image needs, a multiple of 2 MiB. */
u64 space_size(const struct module_image *image, u32 lp_count, u16 handoff_pages);

/*
 * Builds everything anew in a block of space_size() bytes at physical address block, of which every byte is
 * cleared first: as after a cold load. random: any number; the same number gives the same addresses. lp_count
 * is what the layout has room for, 1 to SPACE_MAX_LPS; what the system-information page says stands in facts.
 * NULL, or why not.
 *
 * All of the code region can be read and executed and not written, data segments of the image included.
 * Nothing can be written and executed.
 */
const char *space_build(struct space *space, u8 *at, u64 block, const struct module_image *image,
                        u32 lp_count, u64 random, const struct soft_machine *facts);

/* Gives the last 512 GiB of linear space to the lender of this table, whose memory isn't in the block. */
void space_lend(struct space *space, u64 table);

/* Writes the system-information page again, after the platform's facts have changed. */
void space_write_sysinfo(struct space *space, const struct soft_machine *facts);

/* What an LP's SEAM VMCS gets as its host state. */
u64 space_stack_pointer(const struct space *space, u32 lp);
u64 space_local_data(const struct space *space, u32 lp); /* GS base */
/* FS base is sysinfo.linear at first; the module changes it in its VMCS. */

/*
 * Walks the module's own page tables from cr3. False: nothing is mapped there, or not writable though write
 * is asked for. *pa has its KeyID in bits 51:46.
 */
bool space_translate(const struct space *space, u64 cr3, u64 linear, bool write, u64 *pa);

/* "code+0x1234": where a linear address is, for the log; text of at most 32 bytes. */
void space_name(const struct space *space, u64 linear, char text[32]);

#endif
