/* SPDX-License-Identifier: MIT */
/*
 * A TDX module as vendors ship it: an ELF64 shared object, its linear addresses counted from 0, that wants
 * nothing but relative relocations (System V gABI and its AMD64 supplement). Pure; nothing in the file is
 * trusted.
 *
 * That a file names an interpreter or libraries says nothing yet: module 1.5.01, built as its own makefile
 * does, names both and uses neither. A program of an operating system imports something from them, and is
 * refused for that.
 */
#ifndef SEAM_GENUINE_IMAGE_H
#define SEAM_GENUINE_IMAGE_H

#include "lib/types.h"

#define MODULE_MAX_SEGMENTS 8
#define MODULE_MAX_SPAN     (8 * MIB) /* invented; module 1.5.01 takes 400 KiB */

struct module_segment {
    u64 linear, memory_size; /* offset from the image's base */
    u64 file_offset, file_size;
    bool executable;
};

struct module_image {
    const u8 *file;
    u64 size;
    u64 span;  /* bytes of the code region that it takes, whole pages */
    u64 entry; /* offset from the image's base, in an executable segment */
    struct module_segment segments[MODULE_MAX_SEGMENTS]; /* ascending, disjoint */
    u32 segment_count;
    u64 relocations, relocation_count; /* file offset of Elf64_Rela entries */
};

/* Fills *image; NULL if all is well, else in half a sentence why the file is no TDX module. */
const char *module_image_read(const void *file, u64 size, struct module_image *image);

/* Copies the segments to `to` (span bytes, zeroed) and relocates them for linear address base. The file isn't
 * changed. */
void module_image_load(const struct module_image *image, void *to, u64 base);

#endif
