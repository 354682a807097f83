/* SPDX-License-Identifier: MIT */
/* The part of an ELF64 file that a PVH start needs (System V gABI; Xen's public/elfnote.h). Nothing in it is
 * trusted. */
#ifndef SEAM_MONITOR_ELF_H
#define SEAM_MONITOR_ELF_H

#include "lib/types.h"

#define ELF_MAX_SEGMENTS 16

struct elf_segment {
    u64 physical, virtual, memory_size; /* where it goes */
    u64 file_offset, file_size;         /* what goes there; the rest is zero */
};

struct elf_image {
    struct elf_segment segments[ELF_MAX_SEGMENTS];
    u32 segment_count;
    u32 pvh_entry; /* physical */
};

bool elf_is(const void *file, u64 size); /* looks like any ELF file */

/* Fills *image; NULL if all is well, else why the file can't be started. */
const char *elf_read(const void *file, u64 size, struct elf_image *image);

#endif
