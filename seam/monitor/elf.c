/* SPDX-License-Identifier: MIT */
#include "seam/monitor/elf.h"

#include "boot/boot_info.h"
#include "lib/elf64.h"
#include "lib/string.h"

#define NOTE_PVH_ENTRY 18 /* XEN_ELFNOTE_PHYS32_ENTRY */

bool elf_is(const void *file, u64 size)
{
    return size >= 4 && memcmp(file, ELF_MAGIC, 4) == 0;
}

static bool inside(u64 offset, u64 length, u64 size)
{
    return offset <= size && length <= size - offset;
}

/* One note after the other, each padded to 4 bytes; the entry note's value is 4 or 8 bytes long. */
static void read_notes(const u8 *at, u64 left, struct elf_image *image)
{
    u32 head[3]; /* size of the name, size of the value, type */
    while (left >= sizeof(head)) {
        memcpy(head, at, sizeof(head));
        u64 name = align_up(head[0], 4), value = align_up(head[1], 4);
        if (name + value > left - sizeof(head))
            return;
        const u8 *text = at + sizeof(head);
        if (head[2] == NOTE_PVH_ENTRY && head[0] == 4 && memcmp(text, "Xen", 4) == 0 && head[1] >= 4)
            memcpy(&image->pvh_entry, text + name, 4);
        at += sizeof(head) + name + value;
        left -= sizeof(head) + name + value;
    }
}

static const char *add_segment(const struct elf64_program_header *ph, struct elf_image *image)
{
    if (ph->memory_size == 0)
        return NULL;
    if (ph->file_size > ph->memory_size)
        return "a segment has more bytes in the file than in memory";
    if (!inside(ph->physical, ph->memory_size, BOOT_ADDRESSABLE))
        return "a segment doesn't lie below 4 GiB";
    if (image->segment_count == ELF_MAX_SEGMENTS)
        return "it has more than 16 segments";
    image->segments[image->segment_count++] = (struct elf_segment){
        .physical = ph->physical,
        .virtual = ph->virtual,
        .memory_size = ph->memory_size,
        .file_offset = ph->offset,
        .file_size = ph->file_size,
    };
    return NULL;
}

static bool entry_in_segment(const struct elf_image *image)
{
    for (u32 i = 0; i < image->segment_count; i++)
        if (image->pvh_entry - image->segments[i].physical < image->segments[i].memory_size)
            return true;
    return false;
}

const char *elf_read(const void *file, u64 size, struct elf_image *image)
{
    struct elf64_header header;
    memset(image, 0, sizeof(*image));
    if (!elf_is(file, size) || size < sizeof(header))
        return "it isn't an ELF file";
    memcpy(&header, file, sizeof(header));
    if (header.class != ELF_CLASS_64 || header.data != ELF_LITTLE_ENDIAN || header.machine != ELF_X86_64)
        return "it isn't an ELF64 file for x86-64";
    if (header.program_header_size != sizeof(struct elf64_program_header) ||
        !inside(header.program_headers,
                (u64)header.program_header_count * sizeof(struct elf64_program_header), size))
        return "its program headers lie outside the file";
    for (u32 i = 0; i < header.program_header_count; i++) {
        struct elf64_program_header ph;
        memcpy(&ph, (const u8 *)file + header.program_headers + i * sizeof(ph), sizeof(ph));
        if (ph.type != ELF_SEGMENT_LOAD && ph.type != ELF_SEGMENT_NOTE)
            continue;
        if (!inside(ph.offset, ph.file_size, size))
            return "a segment lies outside the file: it is cut short";
        const char *wrong = ph.type == ELF_SEGMENT_LOAD ? add_segment(&ph, image) : NULL;
        if (wrong)
            return wrong;
        if (ph.type == ELF_SEGMENT_NOTE)
            read_notes((const u8 *)file + ph.offset, ph.file_size, image);
    }
    if (!image->pvh_entry)
        return "it has no PVH note (XEN_ELFNOTE_PHYS32_ENTRY)";
    return entry_in_segment(image) ? NULL : "its PVH entry lies in none of its segments";
}
