/* SPDX-License-Identifier: MIT */
/*
 * What a loader tells a program, whatever the loader: memory map, command line, modules, ACPI root pointer.
 * Kernel and monitor share this file, pvh.c, multiboot2.c, cpio.c and boot_info.c. The parsers are pure: they
 * reach memory only through a boot_view, never trust a length, and report what they refuse or repair with
 * log_line().
 */
#ifndef BOOT_BOOT_INFO_H
#define BOOT_BOOT_INFO_H

#include "lib/types.h"

#define BOOT_MAX_RANGES   128
#define BOOT_MAX_MODULES  64
#define BOOT_MODULE_NAME  64
#define BOOT_COMMAND_LINE 1024
#define BOOT_ADDRESSABLE                                                                                     \
    (4 * GIB) /* modules and boot data must lie below: both programs map that much at entry */

enum boot_memory_type { /* numbers as in the e820 map */
                        BOOT_MEMORY_USABLE = 1,
                        BOOT_MEMORY_RESERVED = 2,
                        BOOT_MEMORY_ACPI = 3,
                        BOOT_MEMORY_NVS = 4,
                        BOOT_MEMORY_BAD = 5,
};

struct boot_range {
    u64 base, size; /* bytes; size > 0, base + size doesn't overflow */
    u32 type;       /* enum boot_memory_type */
};

struct boot_module {
    char name[BOOT_MODULE_NAME]; /* file name without directory */
    u64 base, size;              /* physical, bytes */
};

struct boot_info {
    const char *loader;                        /* "pvh", "multiboot2" */
    struct boot_range ranges[BOOT_MAX_RANGES]; /* ascending, disjoint, touching ones of a type merged */
    u32 range_count;
    struct boot_module modules[BOOT_MAX_MODULES];
    u32 module_count;
    char command_line[BOOT_COMMAND_LINE];
    u64 rsdp; /* physical; 0: the loader named none */
};

/*
 * The window through which parsers see physical memory: the address of size bytes at pa, or NULL if any of
 * them can't be reached. Early programs see the first 4 GiB; unit tests and fuzzers see a buffer.
 */
struct boot_view {
    const void *(*at)(void *context, u64 pa, u64 size);
    void *context;
};
extern const struct boot_view boot_early_view; /* the tables of entry.asm: the first 4 GiB, identity */

/* How the entry code was entered; entry.asm passes the number on. */
enum boot_entry { BOOT_ENTRY_PVH = 1, BOOT_ENTRY_MULTIBOOT2 = 2 };

/*
 * Each fills *info from what the loader left and normalises it; boot_info_read() also unpacks archives.
 * False: refused, and log_line() said why and what to do; *info is then not to be used.
 */
bool boot_info_read(struct boot_info *info, enum boot_entry entry, u64 loader_data,
                    const struct boot_view *view);
bool boot_info_from_pvh(struct boot_info *info, u64 start_info, const struct boot_view *view);
bool boot_info_from_multiboot2(struct boot_info *info, u64 tags, const struct boot_view *view);

/*
 * Sorts, splits overlaps (the stricter type wins: anything else beats usable), merges, drops empty ranges;
 * cuts what overflows; says what it repaired. False if no usable memory remains.
 */
bool boot_info_normalise(struct boot_info *info);

/*
 * Gives [base, base+size) this type, holes in it included (type 0: takes it out of the map). False, with a
 * log line, if the table is full; the map is then unchanged. The map must be normalised.
 */
bool boot_info_carve(struct boot_info *info, u64 base, u64 size, u32 type);

/*
 * Replaces newc cpio archives by their regular files: the one module that there is (QEMU's PVH loader has
 * room for no more), and of several those whose name ends in ".cpio" (others, as an initrd, are meant for
 * somebody else). Returns false (and says why) if one begins like an archive but is damaged.
 */
bool boot_info_unpack(struct boot_info *info, const struct boot_view *view);

const struct boot_module *boot_info_module(const struct boot_info *info,
                                           const char *name); /* NULL if absent */
u64 boot_info_usable_bytes(const struct boot_info *info);

#endif
