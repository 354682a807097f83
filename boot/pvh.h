/* SPDX-License-Identifier: MIT */
/* hvm_start_info as the PVH boot protocol defines it (Xen, public/arch-x86/hvm/start_info.h), version 1. */
#ifndef BOOT_PVH_H
#define BOOT_PVH_H

#include "lib/types.h"

#define PVH_MAGIC 0x336EC578u

struct pvh_start_info {
    u32 magic;
    u32 version; /* 1: the memory map fields exist */
    u32 flags;
    u32 module_count;
    u64 modules;      /* physical address of struct pvh_module[] */
    u64 command_line; /* physical address of a NUL-terminated string */
    u64 rsdp;
    u64 memory_map; /* physical address of struct pvh_range[] */
    u32 memory_map_count;
    u32 reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "hvm_start_info v1");

struct pvh_module {
    u64 base, size, command_line, reserved;
};
_Static_assert(sizeof(struct pvh_module) == 32, "hvm_modlist_entry");

struct pvh_range {
    u64 base, size;
    u32 type, reserved; /* types as in e820 */
};
_Static_assert(sizeof(struct pvh_range) == 24, "hvm_memmap_table_entry");

#endif
