/* SPDX-License-Identifier: MIT */
/*
 * The monitor's reader of kernel files against one good PVH kernel, each way it can be wrong, and random
 * damage. The file is a heap buffer of exactly its size: ASan sees whoever reads on.
 */
#include "tests/unit/support.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "seam/monitor/elf.h"

#define FILE_SIZE   0x400
#define NOTE_OFFSET 0x200
#define TEXT_OFFSET 0x300
#define TEXT_BASE   MIB
#define ENTRY       (TEXT_BASE + 0x40)

enum { TEXT, DATA, NOTE, PARTS };

struct note {
    Elf64_Nhdr head;
    char name[4];
    u32 value[2];
};

/* The file under test: text, data with zeros behind, a note. The headers come from <elf.h>, not from elf.c.
 */
static struct good {
    Elf64_Ehdr header;
    Elf64_Phdr parts[PARTS];
} good;
static struct note note;
static u8 *file;
static u64 file_size;

static int fresh(void **state)
{
    (void)state;
    good.header = (Elf64_Ehdr){.e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                               .e_type = ET_EXEC,
                               .e_machine = EM_X86_64,
                               .e_version = EV_CURRENT,
                               .e_phoff = offsetof(struct good, parts),
                               .e_ehsize = sizeof(Elf64_Ehdr),
                               .e_phentsize = sizeof(Elf64_Phdr),
                               .e_phnum = PARTS};
    good.parts[TEXT] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_offset = TEXT_OFFSET,
                                    .p_vaddr = 0xFFFFFFFF80000000 + TEXT_BASE,
                                    .p_paddr = TEXT_BASE,
                                    .p_filesz = 0x80,
                                    .p_memsz = 0x80};
    good.parts[DATA] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_offset = TEXT_OFFSET + 0x80,
                                    .p_vaddr = 0xFFFFFFFF80000000 + 2 * MIB,
                                    .p_paddr = 2 * MIB,
                                    .p_filesz = 0x80,
                                    .p_memsz = 0x3000};
    good.parts[NOTE] = (Elf64_Phdr){.p_type = PT_NOTE, .p_offset = NOTE_OFFSET, .p_filesz = sizeof(note)};
    note = (struct note){{4, 4, 18}, "Xen", {ENTRY, 0}};
    good.parts[NOTE].p_filesz = sizeof(note) - 4;
    file_size = FILE_SIZE;
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(file);
    file = NULL;
    return 0;
}

static void write_file(void)
{
    u8 whole[FILE_SIZE] = {0};
    memcpy(whole, &good, sizeof(good));
    memcpy(whole + NOTE_OFFSET, &note, sizeof(note));
    free(file);
    file = malloc(file_size ? file_size : 1);
    memcpy(file, whole, file_size);
}

static const char *read_file(struct elf_image *image)
{
    write_file();
    memset(image, 0xA5, sizeof(*image));
    return elf_read(file, file_size, image);
}

static void refused(const char *why)
{
    struct elf_image image;
    const char *wrong = read_file(&image);
    assert_non_null(wrong);
    assert_string_equal(wrong, why);
    fresh(NULL);
}

static void accepted(void)
{
    struct elf_image image;
    assert_null(read_file(&image));
    assert_int_equal(image.pvh_entry, ENTRY);
    fresh(NULL);
}

static void reads_a_good_file(void **state)
{
    (void)state;
    struct elf_image image;
    assert_null(read_file(&image));
    assert_true(elf_is(file, file_size));
    assert_int_equal(image.pvh_entry, ENTRY);
    assert_int_equal(image.segment_count, 2);
    for (u32 i = 0; i < 2; i++) {
        assert_int_equal(image.segments[i].physical, good.parts[i].p_paddr);
        assert_int_equal(image.segments[i].virtual, good.parts[i].p_vaddr);
        assert_int_equal(image.segments[i].memory_size, good.parts[i].p_memsz);
        assert_int_equal(image.segments[i].file_offset, good.parts[i].p_offset);
        assert_int_equal(image.segments[i].file_size, good.parts[i].p_filesz);
    }
}

static void refuses_other_files(void **state)
{
    (void)state;
    good.header.e_ident[1] = 'e';
    refused("it isn't an ELF file");
    good.header.e_ident[EI_CLASS] = ELFCLASS32;
    refused("it isn't an ELF64 file for x86-64");
    good.header.e_ident[EI_DATA] = ELFDATA2MSB;
    refused("it isn't an ELF64 file for x86-64");
    good.header.e_machine = EM_AARCH64;
    refused("it isn't an ELF64 file for x86-64");
    assert_false(elf_is("\177EL", 3));
    assert_false(elf_is("\177ELG", 4));
}

static void refuses_every_shorter_file(void **state)
{
    (void)state;
    struct elf_image image;
    for (u64 size = 0; size < FILE_SIZE; size++) {
        file_size = size;
        const char *wrong = read_file(&image);
        assert_non_null(wrong);
        assert_string_equal(wrong, size < sizeof(Elf64_Ehdr) ? "it isn't an ELF file"
                                   : size < sizeof(good)
                                       ? "its program headers lie outside the file"
                                       : "a segment lies outside the file: it is cut short");
    }
}

static void refuses_program_headers_that_are_not_there(void **state)
{
    (void)state;
    good.header.e_phentsize--;
    refused("its program headers lie outside the file");
    good.header.e_phoff = FILE_SIZE - sizeof(Elf64_Phdr);
    refused("its program headers lie outside the file");
    good.header.e_phoff = UINT64_MAX - 8;
    refused("its program headers lie outside the file");
    good.header.e_phnum = 0xFFFF;
    refused("its program headers lie outside the file");
    good.header.e_phnum = 0;
    refused("it has no PVH note (XEN_ELFNOTE_PHYS32_ENTRY)");
}

static void refuses_segments_that_go_nowhere(void **state)
{
    (void)state;
    good.parts[DATA].p_offset = FILE_SIZE - 0x7F;
    refused("a segment lies outside the file: it is cut short");
    good.parts[DATA].p_offset = UINT64_MAX - 8; /* offset + size overflows */
    refused("a segment lies outside the file: it is cut short");
    good.parts[DATA].p_filesz = good.parts[DATA].p_memsz = UINT64_MAX;
    refused("a segment lies outside the file: it is cut short");
    good.parts[NOTE].p_offset = FILE_SIZE - 8;
    refused("a segment lies outside the file: it is cut short");
    good.parts[DATA].p_memsz = 0x7F;
    refused("a segment has more bytes in the file than in memory");
    good.parts[DATA].p_paddr = BOOT_ADDRESSABLE - 0x2FFF;
    refused("a segment doesn't lie below 4 GiB");
    good.parts[DATA].p_paddr = UINT64_MAX - 0x1000;
    refused("a segment doesn't lie below 4 GiB");
    good.parts[DATA].p_memsz = UINT64_MAX;
    refused("a segment doesn't lie below 4 GiB");
    good.parts[DATA].p_paddr = BOOT_ADDRESSABLE - 0x3000; /* up to the last byte */
    accepted();
}

/* What is loaded over what is the linker's business: both are handed on, in the file's order. */
static void hands_on_overlapping_segments(void **state)
{
    (void)state;
    struct elf_image image;
    good.parts[DATA].p_paddr = TEXT_BASE + 0x10;
    assert_null(read_file(&image));
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[1].physical, TEXT_BASE + 0x10);
}

static void skips_what_takes_no_memory(void **state)
{
    (void)state;
    struct elf_image image;
    good.parts[DATA].p_filesz = good.parts[DATA].p_memsz = 0;
    assert_null(read_file(&image));
    assert_int_equal(image.segment_count, 1);
    fresh(NULL);
    good.parts[DATA].p_type = PT_GNU_STACK; /* and whatever it doesn't know */
    good.parts[DATA].p_offset = UINT64_MAX;
    assert_null(read_file(&image));
    assert_int_equal(image.segment_count, 1);
}

static void takes_16_segments_and_no_more(void **state)
{
    (void)state;
    struct elf_image image;
    struct {
        Elf64_Ehdr header;
        Elf64_Phdr parts[ELF_MAX_SEGMENTS + 2];
        struct note note;
    } many = {.note = note};
    for (u32 count = ELF_MAX_SEGMENTS; count <= ELF_MAX_SEGMENTS + 1; count++) {
        many.header = good.header;
        many.header.e_phnum = (u16)(count + 1);
        many.parts[0] = good.parts[NOTE];
        many.parts[0].p_offset = (u64)((u8 *)&many.note - (u8 *)&many);
        for (u32 i = 1; i <= count; i++)
            many.parts[i] = (Elf64_Phdr){.p_type = PT_LOAD, .p_paddr = i * TEXT_BASE, .p_memsz = 0x1000};
        const char *wrong = elf_read(&many, sizeof(many), &image);
        assert_int_equal(image.segment_count, ELF_MAX_SEGMENTS);
        if (count == ELF_MAX_SEGMENTS)
            assert_null(wrong);
        else
            assert_string_equal(wrong, "it has more than 16 segments");
    }
}

static void finds_the_note_or_says_so(void **state)
{
    (void)state;
    const char *none = "it has no PVH note (XEN_ELFNOTE_PHYS32_ENTRY)";
    good.parts[NOTE].p_type = PT_NULL;
    refused(none);
    note.head.n_type = 17;
    refused(none);
    memcpy(note.name, "XEN", 4);
    refused(none);
    note.head.n_namesz = 3;
    refused(none);
    note.head.n_descsz = 2;
    refused(none);
    note.head.n_descsz = 0xFFFFFFFF;
    refused(none);
    note.head.n_namesz = 0xFFFFFFFF;
    refused(none);
    for (u64 size = 0; size < sizeof(note) - 4; size++) {
        good.parts[NOTE].p_filesz = size;
        refused(none);
    }
    note.value[0] = 0;
    refused(none);
    note.head.n_descsz = 8; /* as 64-bit kernels write it */
    good.parts[NOTE].p_filesz = sizeof(note);
    accepted();
}

static void finds_the_note_behind_others(void **state)
{
    (void)state;
    struct elf_image image;
    good.parts[NOTE].p_filesz = 2 * sizeof(note);
    write_file();
    struct note other = {{3, 5, 18}, "GNU", {1, 2}}; /* both parts padded to 4 bytes */
    memcpy(file + NOTE_OFFSET, &other, sizeof(other));
    note.head.n_descsz = 8;
    memcpy(file + NOTE_OFFSET + sizeof(other), &note, sizeof(note));
    assert_null(elf_read(file, file_size, &image));
    assert_int_equal(image.pvh_entry, ENTRY);
}

static void refuses_an_entry_outside_the_segments(void **state)
{
    (void)state;
    const char *why = "its PVH entry lies in none of its segments";
    note.value[0] = TEXT_BASE - 1;
    refused(why);
    note.value[0] = TEXT_BASE + 0x80;
    refused(why);
    note.value[0] = 0xFFFFFFFF;
    refused(why);
}

static void survives_random_damage(void **state)
{
    (void)state;
    u64 seed = 0xE1F;
    u32 good_ones = 0;
    print_message("seed 0x%lx\n", seed);
    for (u32 i = 0; i < 50000; i++) {
        struct elf_image image;
        file_size = test_random(&seed) % 4 ? FILE_SIZE : test_random(&seed) % (FILE_SIZE + 1);
        write_file();
        for (u64 n = test_random(&seed) % 8; n > 0 && file_size > 0; n--) {
            u64 at = test_random(&seed) % (sizeof(good) + sizeof(note));
            at = at < sizeof(good) ? at : NOTE_OFFSET + at - sizeof(good);
            if (at < file_size)
                file[at] = test_random(&seed) % 3 ? (u8)test_random(&seed) : 0xFF;
        }
        if (elf_read(file, file_size, &image))
            continue;
        good_ones++;
        assert_in_range(image.segment_count, 1, ELF_MAX_SEGMENTS);
        bool inside = false;
        for (u32 k = 0; k < image.segment_count; k++) {
            const struct elf_segment *s = &image.segments[k];
            assert_true(s->file_size <= s->memory_size && s->file_size <= file_size);
            assert_true(s->file_offset <= file_size - s->file_size);
            assert_true(s->memory_size <= BOOT_ADDRESSABLE &&
                        s->physical <= BOOT_ADDRESSABLE - s->memory_size);
            inside |= image.pvh_entry >= s->physical && image.pvh_entry - s->physical < s->memory_size;
        }
        assert_true(inside);
    }
    assert_in_range(good_ones, 1000, 49000); /* the damage neither always nor never matters */
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, fresh, release)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(reads_a_good_file),
        FILE_TEST(refuses_other_files),
        FILE_TEST(refuses_every_shorter_file),
        FILE_TEST(refuses_program_headers_that_are_not_there),
        FILE_TEST(refuses_segments_that_go_nowhere),
        FILE_TEST(hands_on_overlapping_segments),
        FILE_TEST(skips_what_takes_no_memory),
        FILE_TEST(takes_16_segments_and_no_more),
        FILE_TEST(finds_the_note_or_says_so),
        FILE_TEST(finds_the_note_behind_others),
        FILE_TEST(refuses_an_entry_outside_the_segments),
        FILE_TEST(survives_random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
