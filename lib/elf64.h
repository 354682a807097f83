/* SPDX-License-Identifier: MIT */
/* The parts of an ELF64 file that its loaders look at (System V gABI; AMD64 supplement). */
#ifndef LIB_ELF64_H
#define LIB_ELF64_H

#include "lib/types.h"

#define ELF_MAGIC         "\177ELF"
#define ELF_CLASS_64      2
#define ELF_LITTLE_ENDIAN 1
#define ELF_SHARED_OBJECT 3
#define ELF_X86_64        62

enum elf64_segment_type {
    ELF_SEGMENT_LOAD = 1,
    ELF_SEGMENT_DYNAMIC = 2,
    ELF_SEGMENT_INTERPRETER = 3,
    ELF_SEGMENT_NOTE = 4,
    ELF_SEGMENT_THREAD_LOCAL = 7,
};

#define ELF_EXECUTABLE 1u /* a segment's flag */

enum elf64_tag {
    ELF_TAG_END = 0,
    ELF_TAG_NEEDED = 1,
    ELF_TAG_PLT_SIZE = 2,
    ELF_TAG_RELA = 7,
    ELF_TAG_RELA_SIZE = 8,
    ELF_TAG_RELA_ENTRY = 9,
    ELF_TAG_REL_SIZE = 18,
    ELF_TAG_RELR_SIZE = 35,
};

#define ELF_RELATIVE 8 /* R_X86_64_RELATIVE; symbol 0 above it */

struct elf64_header {
    u8 magic[4], class, data, ident[10];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_size, program_header_size, program_header_count;
    u16 section_header_size, section_header_count, section_names;
};
_Static_assert(sizeof(struct elf64_header) == 64, "Elf64_Ehdr");

struct elf64_program_header {
    u32 type, flags;
    u64 offset, virtual, physical, file_size, memory_size, align;
};
_Static_assert(sizeof(struct elf64_program_header) == 56, "Elf64_Phdr");

struct elf64_dynamic {
    u64 tag, value;
};

struct elf64_relocation {
    u64 offset, info, addend;
};

#endif
