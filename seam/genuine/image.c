/* SPDX-License-Identifier: MIT */
#include "seam/genuine/image.h"

#include "lib/elf64.h"
#include "lib/string.h"

#define SECTION_HEADER_SIZE 64

/* What the dynamic section says of relocations and of other files. */
struct wishes {
    u64 rela, rela_size, rela_entry;
    u64 other_relocations; /* bytes of tables of other kinds */
    bool interpreter, libraries;
};

static bool inside(u64 offset, u64 length, u64 size)
{
    return offset <= size && length <= size - offset;
}

/* ---- the header ---- */

static const char *check_kind(const struct elf64_header *header)
{
    if (header->class != ELF_CLASS_64)
        return "it is a 32-bit file";
    if (header->data != ELF_LITTLE_ENDIAN || header->machine != ELF_X86_64)
        return "it is for another machine than x86-64";
    if (header->type != ELF_SHARED_OBJECT)
        return "it isn't a shared object";
    if (header->entry == 0)
        return "it has no entry point";
    return NULL;
}

/* Section headers aren't used, but stand at the end of a file: it is cut short if they are missing. */
static const char *check_size(const struct elf64_header *header, u64 size)
{
    if (header->program_header_size != sizeof(struct elf64_program_header))
        return "its program headers have a strange size";
    if (!inside(header->program_headers,
                (u64)header->program_header_count * sizeof(struct elf64_program_header), size))
        return "its program headers lie outside the file: it is cut short";
    if (!inside(header->section_headers, (u64)header->section_header_count * SECTION_HEADER_SIZE, size))
        return "its section headers lie outside the file: it is cut short";
    return NULL;
}

/* ---- segments ---- */

static const char *add_segment(struct module_image *image, const struct elf64_program_header *ph)
{
    const struct module_segment *last =
        image->segment_count ? &image->segments[image->segment_count - 1] : NULL;
    if (ph->memory_size == 0 && ph->file_size == 0)
        return NULL;
    if (ph->file_size > ph->memory_size)
        return "a segment has more bytes in the file than in memory";
    if (!inside(ph->virtual, ph->memory_size, MODULE_MAX_SPAN))
        return "a segment lies beyond the 8 MiB that a code region has room for";
    if (last && ph->virtual < last->linear + last->memory_size)
        return "its segments overlap or aren't in ascending order";
    if (image->segment_count == MODULE_MAX_SEGMENTS)
        return "it has more than 8 segments";
    image->segments[image->segment_count++] = (struct module_segment){
        .linear = ph->virtual,
        .memory_size = ph->memory_size,
        .file_offset = ph->offset,
        .file_size = ph->file_size,
        .executable = ph->flags & ELF_EXECUTABLE,
    };
    image->span = align_up(ph->virtual + ph->memory_size, PAGE_SIZE);
    return NULL;
}

static void read_dynamic(const u8 *at, u64 size, struct wishes *wishes)
{
    struct elf64_dynamic entry;
    for (; size >= sizeof(entry); at += sizeof(entry), size -= sizeof(entry)) {
        memcpy(&entry, at, sizeof(entry));
        switch (entry.tag) {
        case ELF_TAG_END:
            return;
        case ELF_TAG_NEEDED:
            wishes->libraries = true;
            break;
        case ELF_TAG_RELA:
            wishes->rela = entry.value;
            break;
        case ELF_TAG_RELA_SIZE:
            wishes->rela_size = entry.value;
            break;
        case ELF_TAG_RELA_ENTRY:
            wishes->rela_entry = entry.value;
            break;
        case ELF_TAG_PLT_SIZE:
        case ELF_TAG_REL_SIZE:
        case ELF_TAG_RELR_SIZE:
            wishes->other_relocations |= entry.value;
            break;
        }
    }
}

/* The n-th program header of a file that check_size() has seen. */
static struct elf64_program_header program_header(const struct module_image *image,
                                                  const struct elf64_header *header, u32 n)
{
    struct elf64_program_header ph;
    memcpy(&ph, image->file + header->program_headers + n * sizeof(ph), sizeof(ph));
    return ph;
}

static const char *read_segments(struct module_image *image, const struct elf64_header *header,
                                 struct wishes *wishes)
{
    const char *wrong = NULL;
    bool dynamic = false, entered = false;
    for (u32 i = 0; i < header->program_header_count && !wrong; i++) {
        struct elf64_program_header ph = program_header(image, header, i);
        if (ph.type == ELF_SEGMENT_THREAD_LOCAL)
            return "it wants thread-local storage: a program for an operating system, not a TDX module";
        if (ph.type == ELF_SEGMENT_INTERPRETER)
            wishes->interpreter = true;
        if (ph.type != ELF_SEGMENT_LOAD && ph.type != ELF_SEGMENT_DYNAMIC)
            continue;
        if (!inside(ph.offset, ph.file_size, image->size))
            return "a segment lies outside the file: it is cut short";
        if (ph.type == ELF_SEGMENT_DYNAMIC) {
            dynamic = true;
            read_dynamic(image->file + ph.offset, ph.file_size, wishes);
            continue;
        }
        wrong = add_segment(image, &ph);
        if ((ph.flags & ELF_EXECUTABLE) && header->entry - ph.virtual < ph.file_size)
            entered = true;
    }
    if (wrong)
        return wrong;
    if (!entered)
        return "its entry point lies in no executable segment";
    return dynamic ? NULL : "it has no dynamic section";
}

/* ---- relocations ---- */

/* Where the file has `size` bytes from this linear address on; false: it doesn't. */
static bool file_offset_of(const struct module_image *image, u64 linear, u64 size, u64 *offset)
{
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct module_segment *s = &image->segments[i];
        if (linear < s->linear || !inside(linear - s->linear, size, s->file_size))
            continue;
        *offset = s->file_offset + (linear - s->linear);
        return true;
    }
    return false;
}

static bool in_a_segment(const struct module_image *image, u64 linear, u64 size)
{
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct module_segment *s = &image->segments[i];
        if (linear >= s->linear && inside(linear - s->linear, size, s->memory_size))
            return true;
    }
    return false;
}

static struct elf64_relocation relocation(const struct module_image *image, u64 n)
{
    struct elf64_relocation relocation;
    memcpy(&relocation, image->file + image->relocations + n * sizeof(relocation), sizeof(relocation));
    return relocation;
}

static const char *imports(const struct wishes *wishes)
{
    if (wishes->interpreter || wishes->libraries)
        return "it needs an interpreter or libraries: a program for an operating system, not a TDX module";
    return "it has relocations other than R_X86_64_RELATIVE";
}

static const char *read_relocations(struct module_image *image, const struct wishes *wishes)
{
    if (wishes->other_relocations)
        return imports(wishes);
    if (!wishes->rela_size)
        return NULL;
    if (wishes->rela_entry != sizeof(struct elf64_relocation) || wishes->rela_size % wishes->rela_entry)
        return "its table of relocations has entries of a strange size";
    if (!file_offset_of(image, wishes->rela, wishes->rela_size, &image->relocations))
        return "its table of relocations lies outside the file";
    image->relocation_count = wishes->rela_size / sizeof(struct elf64_relocation);
    for (u64 i = 0; i < image->relocation_count; i++) {
        struct elf64_relocation at = relocation(image, i);
        if (at.info != ELF_RELATIVE)
            return imports(wishes);
        if (!in_a_segment(image, at.offset, sizeof(u64)))
            return "a relocation lies outside its segments";
    }
    return NULL;
}

const char *module_image_read(const void *file, u64 size, struct module_image *image)
{
    struct elf64_header header;
    struct wishes wishes = {0};
    memset(image, 0, sizeof(*image));
    image->file = file;
    image->size = size;
    if (size < sizeof(header.magic) || memcmp(file, ELF_MAGIC, sizeof(header.magic)) != 0)
        return "it isn't an ELF file";
    if (size < sizeof(header))
        return "its header lies outside the file: it is cut short";
    memcpy(&header, file, sizeof(header));
    const char *wrong = check_kind(&header);
    if (!wrong)
        wrong = check_size(&header, size);
    if (!wrong)
        wrong = read_segments(image, &header, &wishes);
    image->entry = header.entry;
    return wrong ? wrong : read_relocations(image, &wishes);
}

void module_image_load(const struct module_image *image, void *to, u64 base)
{
    u8 *at = to;
    for (u32 i = 0; i < image->segment_count; i++) {
        const struct module_segment *s = &image->segments[i];
        memcpy(at + s->linear, image->file + s->file_offset, s->file_size);
    }
    for (u64 i = 0; i < image->relocation_count; i++) {
        struct elf64_relocation here = relocation(image, i);
        u64 value = base + here.addend;
        memcpy(at + here.offset, &value, sizeof(value));
    }
}
