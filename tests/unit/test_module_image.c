/* SPDX-License-Identifier: MIT */
/*
 * The reader of module files against one good shared object, each way it can be wrong, and random damage. The
 * file is a heap buffer of exactly its size: ASan sees whoever reads on. The headers come from <elf.h>, not
 * from lib/elf64.h.
 */
#include "tests/unit/support.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "seam/genuine/image.h"

#define FILE_SIZE 0x3400
#define ENTRY     0x1040
#define BASE      0xFFFF800000000000ull

enum { CODE, CONSTANTS, DATA, DYNAMIC, STACK, PARTS };
enum { RELA, RELA_SIZE, RELA_ENTRY, FIRST_SPARE, SECOND_SPARE, TAGS };
enum { RELOCATIONS = 3 };

/* The file under test; segments stand at the same place in the file and in memory, but for data. */
static struct good {
    Elf64_Ehdr header;
    Elf64_Phdr parts[PARTS];
} good;
static Elf64_Dyn tags[TAGS + 1];
static Elf64_Rela relocations[RELOCATIONS];
static u8 *file;
static u64 file_size;
static struct module_image image;

static Elf64_Phdr part(u32 type, u32 flags, u64 offset, u64 linear, u64 file_bytes, u64 memory_bytes)
{
    return (Elf64_Phdr){.p_type = type,
                        .p_flags = flags,
                        .p_offset = offset,
                        .p_vaddr = linear,
                        .p_filesz = file_bytes,
                        .p_memsz = memory_bytes};
}

static int fresh(void **state)
{
    (void)state;
    good.header = (Elf64_Ehdr){.e_ident = {0x7F, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                               .e_type = ET_DYN,
                               .e_machine = EM_X86_64,
                               .e_version = EV_CURRENT,
                               .e_entry = ENTRY,
                               .e_phoff = offsetof(struct good, parts),
                               .e_shoff = FILE_SIZE - 2 * sizeof(Elf64_Shdr),
                               .e_ehsize = sizeof(Elf64_Ehdr),
                               .e_phentsize = sizeof(Elf64_Phdr),
                               .e_phnum = PARTS,
                               .e_shentsize = sizeof(Elf64_Shdr),
                               .e_shnum = 2};
    good.parts[CODE] = part(PT_LOAD, PF_R | PF_X, 0, 0, 0x1800, 0x1800);
    good.parts[CONSTANTS] = part(PT_LOAD, PF_R, 0x2000, 0x2000, 0x800, 0x800);
    good.parts[DATA] = part(PT_LOAD, PF_R | PF_W, 0x3000, 0x4000, 0x300, 0x2010);
    good.parts[DYNAMIC] = part(PT_DYNAMIC, PF_R | PF_W, 0x3000, 0x4000, sizeof(tags), sizeof(tags));
    good.parts[STACK] = part(PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0);
    memset(tags, 0, sizeof(tags));
    tags[RELA] = (Elf64_Dyn){.d_tag = DT_RELA, .d_un.d_ptr = 0x2100};
    tags[RELA_SIZE] = (Elf64_Dyn){.d_tag = DT_RELASZ, .d_un.d_val = sizeof(relocations)};
    tags[RELA_ENTRY] = (Elf64_Dyn){.d_tag = DT_RELAENT, .d_un.d_val = sizeof(Elf64_Rela)};
    tags[FIRST_SPARE].d_tag = DT_DEBUG;
    tags[SECOND_SPARE].d_tag = DT_BIND_NOW;
    relocations[0] = (Elf64_Rela){0x4100, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0x1234};
    relocations[1] = (Elf64_Rela){0x4209, ELF64_R_INFO(0, R_X86_64_RELATIVE), 0};
    relocations[2] = (Elf64_Rela){0x6008, ELF64_R_INFO(0, R_X86_64_RELATIVE), -16};
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

static const char *read_file(void)
{
    u8 whole[FILE_SIZE];
    for (u64 i = 0; i < FILE_SIZE; i++)
        whole[i] = (u8)(i * 7 + 1);
    memcpy(whole, &good, sizeof(good));
    memcpy(whole + 0x3000, tags, sizeof(tags));
    memcpy(whole + 0x2100, relocations, sizeof(relocations));
    free(file);
    file = malloc(file_size ? file_size : 1);
    memcpy(file, whole, file_size);
    memset(&image, 0xA5, sizeof(image));
    return module_image_read(file, file_size, &image);
}

static void refused(const char *why)
{
    const char *wrong = read_file();
    assert_non_null(wrong);
    assert_string_equal(wrong, why);
    fresh(NULL);
}

static void accepted(void)
{
    assert_null(read_file());
    fresh(NULL);
}

static void reads_a_good_file(void **state)
{
    (void)state;
    assert_null(read_file());
    assert_ptr_equal(image.file, file);
    assert_int_equal(image.size, FILE_SIZE);
    assert_int_equal(image.entry, ENTRY);
    assert_int_equal(image.span, 0x7000); /* 0x6010, in whole pages */
    assert_int_equal(image.segment_count, 3);
    for (u32 i = 0; i < 3; i++) {
        assert_int_equal(image.segments[i].linear, good.parts[i].p_vaddr);
        assert_int_equal(image.segments[i].memory_size, good.parts[i].p_memsz);
        assert_int_equal(image.segments[i].file_offset, good.parts[i].p_offset);
        assert_int_equal(image.segments[i].file_size, good.parts[i].p_filesz);
    }
    assert_int_equal(image.relocations, 0x2100);
    assert_int_equal(image.relocation_count, RELOCATIONS);
}

static u64 value_at(const u8 *at)
{
    u64 value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static void loads_and_relocates(void **state)
{
    (void)state;
    assert_null(read_file());
    u8 *to = calloc(1, image.span), *before = malloc(FILE_SIZE);
    memcpy(before, file, FILE_SIZE);
    module_image_load(&image, to, BASE);
    assert_memory_equal(file, before, FILE_SIZE);
    assert_true(value_at(to + 0x4100) == BASE + 0x1234);
    assert_true(value_at(to + 0x4209) == BASE);
    assert_true(value_at(to + 0x6008) == BASE - 16);
    for (u64 i = 0; i < image.span; i++) {
        bool relocated = i - 0x4100 < 8 || i - 0x4209 < 8 || i - 0x6008 < 8;
        u8 expected = i < 0x1800           ? file[i]
                      : i - 0x2000 < 0x800 ? file[i]
                      : i - 0x4000 < 0x300 ? file[i - 0x1000]
                                           : 0;
        if (!relocated)
            assert_int_equal(to[i], expected);
    }
    free(before);
    free(to);
}

static void needs_no_relocations(void **state)
{
    (void)state;
    tags[RELA].d_tag = tags[RELA_SIZE].d_tag = DT_DEBUG;
    assert_null(read_file());
    assert_int_equal(image.relocation_count, 0);
    fresh(NULL);
    tags[RELA].d_tag = DT_NULL; /* ends the section: what follows doesn't count */
    assert_null(read_file());
    assert_int_equal(image.relocation_count, 0);
}

static void refuses_other_files(void **state)
{
    (void)state;
    good.header.e_ident[0] = 0x7E;
    refused("it isn't an ELF file");
    good.header.e_ident[3] = 'f';
    refused("it isn't an ELF file");
    good.header.e_ident[EI_CLASS] = ELFCLASS32;
    refused("it is a 32-bit file");
    good.header.e_ident[EI_DATA] = ELFDATA2MSB;
    refused("it is for another machine than x86-64");
    good.header.e_machine = EM_AARCH64;
    refused("it is for another machine than x86-64");
    const u16 types[] = {ET_NONE, ET_REL, ET_EXEC, ET_CORE};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        good.header.e_type = types[i];
        refused("it isn't a shared object");
    }
}

static void refuses_files_cut_short(void **state)
{
    (void)state;
    assert_null(read_file());
    for (u64 size = 0; size < FILE_SIZE; size++) {
        file_size = size;
        const char *wrong = read_file();
        assert_non_null(wrong);
        assert_string_equal(strstr(wrong, "it "), size < 4 ? "it isn't an ELF file" : "it is cut short");
    }
    file_size = FILE_SIZE;
    assert_null(read_file()); /* what stands behind the file isn't looked at */
    for (u64 size = 0; size < FILE_SIZE; size++)
        assert_non_null(module_image_read(file, size, &image));
    assert_string_equal(module_image_read(file, 3, &image), "it isn't an ELF file");
}

static void refuses_headers_elsewhere(void **state)
{
    (void)state;
    good.header.e_phentsize = 32;
    refused("its program headers have a strange size");
    const u64 beyond[] = {FILE_SIZE - PARTS * sizeof(Elf64_Phdr) + 1, FILE_SIZE + 1, ~0ull};
    for (size_t i = 0; i < ARRAY_COUNT(beyond); i++) {
        good.header.e_phoff = beyond[i];
        refused("its program headers lie outside the file: it is cut short");
    }
    good.header.e_phnum = 0xFFFF;
    refused("its program headers lie outside the file: it is cut short");
    good.header.e_shoff++;
    refused("its section headers lie outside the file: it is cut short");
    good.header.e_shnum = 3;
    refused("its section headers lie outside the file: it is cut short");
    good.header.e_shoff = ~0ull;
    refused("its section headers lie outside the file: it is cut short");
    good.header.e_shoff = 0; /* there needn't be any */
    accepted();
}

static void refuses_segments(void **state)
{
    (void)state;
    for (u32 i = CODE; i <= DYNAMIC; i++) {
        good.parts[i].p_offset = FILE_SIZE - good.parts[i].p_filesz + 1;
        refused("a segment lies outside the file: it is cut short");
        good.parts[i].p_offset = ~0ull;
        refused("a segment lies outside the file: it is cut short");
        good.parts[i].p_filesz = ~0ull;
        refused("a segment lies outside the file: it is cut short");
    }
    good.parts[CONSTANTS].p_memsz--;
    refused("a segment has more bytes in the file than in memory");
    good.parts[CONSTANTS].p_vaddr = 0x17FF;
    refused("its segments overlap or aren't in ascending order");
    good.parts[CODE].p_memsz = 0x2001;
    refused("its segments overlap or aren't in ascending order");
    Elf64_Phdr swapped = good.parts[CONSTANTS];
    good.parts[CONSTANTS] = good.parts[DATA];
    good.parts[DATA] = swapped;
    refused("its segments overlap or aren't in ascending order");
    good.parts[CODE].p_memsz = 0x2000; /* they may touch */
    accepted();
}

static void refuses_large_images(void **state)
{
    (void)state;
    const char *why = "a segment lies beyond the 8 MiB that a code region has room for";
    good.parts[DATA].p_memsz = MODULE_MAX_SPAN - 0x4000;
    assert_null(read_file());
    assert_int_equal(image.span, MODULE_MAX_SPAN);
    good.parts[DATA].p_memsz++;
    refused(why);
    good.parts[DATA].p_memsz = ~0ull;
    refused(why);
    good.parts[DATA].p_vaddr = MODULE_MAX_SPAN - 0x2010 + 1;
    refused(why);
    good.parts[DATA].p_vaddr = BASE;
    refused(why);
}

static void refuses_many_segments(void **state)
{
    (void)state;
    u8 whole[FILE_SIZE] = {0};
    Elf64_Phdr *parts = (void *)(whole + sizeof(Elf64_Ehdr));
    for (u32 count = MODULE_MAX_SEGMENTS; count <= MODULE_MAX_SEGMENTS + 1; count++) {
        good.header.e_phnum = (u16)(count + 3);
        memcpy(whole, &good.header, sizeof(good.header));
        for (u32 i = 0; i < count; i++)
            parts[i] = part(PT_LOAD, PF_R | PF_X, 0, i * 0x1000, 0x1000, 0x1000);
        parts[count] = part(PT_LOAD, PF_R, 0, 0, 0, 0); /* empty: doesn't count */
        parts[count + 1] = part(PT_DYNAMIC, PF_R, 0x3000, 0x3000, 16, 16);
        parts[count + 2] = part(PT_NOTE, PF_R, ~0ull, 0, 16, 16); /* nobody looks at it */
        const char *wrong = module_image_read(whole, sizeof(whole), &image);
        if (count == MODULE_MAX_SEGMENTS)
            assert_null(wrong);
        else
            assert_string_equal(wrong, "it has more than 8 segments");
    }
}

static void refuses_entry_points(void **state)
{
    (void)state;
    good.header.e_entry = 0;
    refused("it has no entry point");
    const u64 elsewhere[] = {0x1800, 0x2000, 0x4000, BASE, ~0ull};
    for (size_t i = 0; i < ARRAY_COUNT(elsewhere); i++) {
        good.header.e_entry = elsewhere[i];
        refused("its entry point lies in no executable segment");
    }
    good.parts[CODE].p_flags = PF_R | PF_W;
    refused("its entry point lies in no executable segment");
    good.parts[CODE].p_filesz = ENTRY; /* in the zeros behind it */
    refused("its entry point lies in no executable segment");
    good.header.e_entry = 0x17FF;
    accepted();
    good.header.e_entry = 1;
    accepted();
}

static void refuses_programs(void **state)
{
    (void)state;
    const char *imports =
        "it needs an interpreter or libraries: a program for an operating system, not a TDX module";
    const Elf64_Xword kinds[] = {R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT, R_X86_64_64, R_X86_64_IRELATIVE};
    good.parts[STACK].p_type = PT_TLS;
    refused("it wants thread-local storage: a program for an operating system, not a TDX module");
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        relocations[1].r_info = ELF64_R_INFO(1, kinds[i]);
        tags[SECOND_SPARE].d_tag = DT_NEEDED;
        refused(imports);
        relocations[2].r_info = ELF64_R_INFO(1, kinds[i]);
        good.parts[STACK].p_type = PT_INTERP;
        refused(imports);
    }
    tags[FIRST_SPARE] = (Elf64_Dyn){.d_tag = DT_NEEDED};
    tags[SECOND_SPARE] = (Elf64_Dyn){.d_tag = DT_PLTRELSZ, .d_un.d_val = 24};
    refused(imports);
    tags[FIRST_SPARE] = (Elf64_Dyn){.d_tag = DT_NEEDED}; /* named, but nothing is wanted from it */
    good.parts[STACK].p_type = PT_INTERP;
    accepted();
}

static void refuses_relocations(void **state)
{
    (void)state;
    const char *kind = "it has relocations other than R_X86_64_RELATIVE";
    const Elf64_Sxword tables[] = {DT_PLTRELSZ, DT_RELSZ, 35 /* DT_RELRSZ */};
    for (size_t i = 0; i < ARRAY_COUNT(tables); i++) {
        tags[FIRST_SPARE] = (Elf64_Dyn){.d_tag = tables[i], .d_un.d_val = 8};
        refused(kind);
        tags[FIRST_SPARE] = (Elf64_Dyn){.d_tag = tables[i], .d_un.d_val = 0};
        accepted();
    }
    for (u32 i = 0; i < RELOCATIONS; i++) {
        relocations[i].r_info = ELF64_R_INFO(0, R_X86_64_64);
        refused(kind);
        relocations[i].r_info = ELF64_R_INFO(1, R_X86_64_RELATIVE);
        refused(kind);
        relocations[i].r_offset = 0x6010 - 7;
        refused("a relocation lies outside its segments");
        relocations[i].r_offset = 0x3000; /* between two segments */
        refused("a relocation lies outside its segments");
        relocations[i].r_offset = ~0ull - 3;
        refused("a relocation lies outside its segments");
    }
}

static void refuses_relocation_tables(void **state)
{
    (void)state;
    tags[RELA_ENTRY].d_un.d_val = 16;
    refused("its table of relocations has entries of a strange size");
    tags[RELA_ENTRY].d_tag = DT_DEBUG;
    refused("its table of relocations has entries of a strange size");
    tags[RELA_SIZE].d_un.d_val--;
    refused("its table of relocations has entries of a strange size");
    tags[RELA_SIZE].d_un.d_val = ~0ull / 24 * 24;
    refused("its table of relocations lies outside the file");
    const u64 elsewhere[] = {0x2800 - sizeof(relocations) + 1, 0x1FFF, 0x4301, 0x5000, ~0ull};
    for (size_t i = 0; i < ARRAY_COUNT(elsewhere); i++) {
        tags[RELA].d_un.d_ptr = elsewhere[i];
        refused("its table of relocations lies outside the file");
    }
    good.parts[DYNAMIC].p_type = PT_NOTE;
    refused("it has no dynamic section");
}

/* Whatever is accepted can be loaded without leaving the file or the span. */
static void survives_damage(void **state)
{
    (void)state;
    u64 seed = 4;
    u32 loaded = 0;
    for (u32 round = 0; round < 20000; round++) {
        assert_true(read_file() == NULL);
        for (u64 n = test_random(&seed) % 3; n < 3; n++) {
            const u64 places[] = {0, 0x2100, 0x3000};
            const u64 sizes[] = {sizeof(good), sizeof(relocations), sizeof(tags)};
            u64 where = test_random(&seed) % 3;
            file[places[where] + test_random(&seed) % sizes[where]] ^= (u8)(1u << test_random(&seed) % 8);
        }
        if (module_image_read(file, file_size, &image))
            continue;
        u8 *to = calloc(1, image.span);
        module_image_load(&image, to, BASE);
        free(to);
        loaded++;
    }
    assert_true(loaded > 100 && loaded < 19900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_a_good_file, fresh, release),
        cmocka_unit_test_setup_teardown(loads_and_relocates, fresh, release),
        cmocka_unit_test_setup_teardown(needs_no_relocations, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_other_files, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_files_cut_short, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_headers_elsewhere, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_segments, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_large_images, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_many_segments, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_entry_points, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_programs, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_relocations, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_relocation_tables, fresh, release),
        cmocka_unit_test_setup_teardown(survives_damage, fresh, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
