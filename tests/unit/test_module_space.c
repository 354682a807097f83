/* SPDX-License-Identifier: MIT */
/*
 * The address space of a module: every page is looked up by a walk of the built tables that is written here
 * again, and compared with where the region should be and what may be done there. Offsets in the
 * system-information page are numbers, not those of space.c.
 */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "seam/genuine/space.h"

#define BLOCK     0x40200000ull
#define CODE_SIZE (403 * KIB) /* spans 101 pages */
#define ENTRY     0x386B0

#define PRESENT  (1ull << 0)
#define WRITABLE (1ull << 1)
#define USER     (1ull << 2)
#define DIRTY    (1ull << 6)
#define LARGE    (1ull << 7)
#define PAT      (1ull << 12) /* of a large page */
#define NX       (1ull << 63)
#define ADDRESS  0x000FFFFFFFFFF000ull
#define RIGHTS   (PRESENT | WRITABLE | USER | DIRTY | NX)

static u8 code[CODE_SIZE];
static struct module_image image;
static struct soft_machine facts;
static struct space space;
static u8 *memory;

static int fresh(void **state)
{
    (void)state;
    for (u64 i = 0; i < CODE_SIZE; i++)
        code[i] = (u8)(i * 13 + 5);
    image = (struct module_image){.file = code,
                                  .size = CODE_SIZE,
                                  .span = align_up(CODE_SIZE, PAGE_SIZE),
                                  .entry = ENTRY,
                                  .segments = {{0, CODE_SIZE, 0, CODE_SIZE}},
                                  .segment_count = 1};
    facts = (struct soft_machine){.lp_count = 4,
                                  .package_count = 2,
                                  .fms = {0x806F8, 0x806F7, 0, 0, 0, 0, 0, 0xC06F2},
                                  .integrity = true,
                                  .handoff_pages = 13};
    facts.cmrs[0] = (struct tdx_cmr){0x100000, 0x7FF00000};
    facts.cmrs[31] = (struct tdx_cmr){1ull << 40, 1ull << 32};
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(memory);
    memory = NULL;
    return 0;
}

/* In junk of exactly its size: ASan sees writes beyond, and what isn't cleared is found. */
static void build(u32 lps, u64 random)
{
    u64 size = space_size(&image, lps, facts.handoff_pages);
    free(memory);
    memory = malloc(size);
    memset(memory, 0xA5, size);
    assert_null(space_build(&space, memory, BLOCK, &image, lps, random, &facts));
    assert_int_equal(space.size, size);
}

static u64 read_u64(u64 pa)
{
    u64 value;
    assert_true(pa >= BLOCK && pa - BLOCK <= space.size - 8);
    memcpy(&value, memory + (pa - BLOCK), sizeof(value));
    return value;
}

static void write_u64(u64 pa, u64 value)
{
    memcpy(memory + (pa - BLOCK), &value, sizeof(value));
}

/* Where the entry of the lowest level is; what the levels above forbid isn't expected. */
static u64 place_of_entry(u64 linear)
{
    u64 table = space.cr3;
    for (u32 shift = 39; shift > 12; shift -= 9) {
        u64 entry = read_u64(table + (linear >> shift & 511) * 8);
        assert_true((entry & (PRESENT | WRITABLE | NX | LARGE)) == (PRESENT | WRITABLE));
        assert_true(!!(entry & USER) == !(linear >> 63)); /* supervisor's halves at every level */
        table = entry & ADDRESS;
    }
    return table + (linear >> 12 & 511) * 8;
}

static void expect_page(u64 linear, u64 physical, u64 rights)
{
    u64 entry = read_u64(place_of_entry(linear)), pa;
    assert_true((entry & ADDRESS) == physical);
    assert_true((entry & RIGHTS) == rights);
    assert_true(space_translate(&space, space.cr3, linear + 0x123, false, &pa));
    assert_true(pa == physical + 0x123);
    assert_true(space_translate(&space, space.cr3, linear, true, &pa) == !!(rights & WRITABLE));
}

static void expect_region(const struct space_region *region, u64 rights)
{
    assert_true(is_aligned(region->size, PAGE_SIZE) && region->size > 0);
    for (u64 at = 0; at < region->size; at += PAGE_SIZE)
        expect_page(region->linear + at, region->physical + at, rights);
}

static void expect_nothing_beyond(const struct space_region *region)
{
    u64 pa;
    assert_false(space_translate(&space, space.cr3, region->linear - 1, false, &pa));
    assert_false(space_translate(&space, space.cr3, region->linear + region->size, false, &pa));
}

static void expect_all(u32 lps)
{
    expect_region(&space.code, PRESENT);
    expect_region(&space.data, PRESENT | WRITABLE | NX);
    expect_region(&space.sysinfo, PRESENT | NX);
    expect_region(&space.keyhole_edit, PRESENT | WRITABLE | USER | NX);
    assert_int_equal(space.stack.size, lps * 9ul * PAGE_SIZE);
    for (u64 page = 0; page < lps * 9ul; page++)
        expect_page(space.stack.linear + page * PAGE_SIZE, space.stack.physical + page * PAGE_SIZE,
                    page % 9 == 8 ? PRESENT | DIRTY | NX : PRESENT | WRITABLE | NX);
    const struct space_region *all[] = {&space.code, &space.data, &space.sysinfo, &space.keyhole_edit,
                                        &space.stack};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        expect_nothing_beyond(all[i]);
        assert_true(all[i]->physical >= space.tables_end);
        assert_true(all[i]->physical + all[i]->size <= BLOCK + space.size);
        for (size_t j = 0; j < i; j++)
            assert_true(all[i]->physical >= all[j]->physical + all[j]->size ||
                        all[j]->physical >= all[i]->physical + all[i]->size);
    }
}

static void places_regions(void **state)
{
    (void)state;
    build(4, 0);
    assert_true(space.code.linear == 0xFFFF800000000000);
    assert_true(space.stack.linear == 0xFFFF800100000000);
    assert_true(space.keyhole.linear == 0xFFFF800200000000);
    assert_true(space.data.linear == 0xFFFF800300000000);
    assert_true(space.sysinfo.linear == 0xFFFF8003FFFF0000);
    assert_true(space.keyhole_edit.linear == 0x100000000);
    assert_int_equal(space.code.size, 101 * PAGE_SIZE);
    assert_int_equal(space.keyhole.size, 4 * 128 * PAGE_SIZE);
    assert_int_equal(space.keyhole_edit.size, PAGE_SIZE);
    assert_int_equal(space.data.size, (14 + 4 * 8 + 512 + 1) * PAGE_SIZE);
    assert_int_equal(space.sysinfo.size, PAGE_SIZE);
    assert_true(space.entry == 0xFFFF800000000000 + ENTRY);
    assert_true(space.tables_end == space.keyhole_edit.physical); /* as many tables as there is room for */
    assert_true(is_aligned(space.size, 2 * MIB));
    expect_all(4);
}

static void fills_memory(void **state)
{
    (void)state;
    build(4, 0x1234);
    u8 *at = memory + (space.code.physical - BLOCK);
    assert_memory_equal(at, code, CODE_SIZE);
    for (u64 i = CODE_SIZE; i < space.code.size; i++)
        assert_int_equal(at[i], 0);
    const struct space_region *zero[] = {&space.stack, &space.data, &space.keyhole_edit};
    for (size_t i = 0; i < ARRAY_COUNT(zero); i++)
        for (u64 n = 0; n < zero[i]->size; n += 8)
            assert_true(read_u64(zero[i]->physical + n) == 0);
    for (u64 n = space.sysinfo.physical + PAGE_SIZE; n < BLOCK + space.size; n += 8)
        assert_true(read_u64(n) == 0);
}

static void relocates_for_its_address(void **state)
{
    (void)state;
    struct {
        u64 offset, info, addend;
    } relocation = {0x2000, 8, 0x77};
    memcpy(code + 0x1000, &relocation, sizeof(relocation));
    image.relocations = 0x1000;
    image.relocation_count = 1;
    build(1, 0x0040);
    assert_true(space.code.linear == 0xFFFF804000000000);
    assert_true(read_u64(space.code.physical + 0x2000) == 0xFFFF804000000077);
}

/* ---- keyhole ---- */

static void opens_keyholes(void **state)
{
    (void)state;
    const u32 lps = 5; /* two edit pages */
    build(lps, 0x0FFC);
    assert_int_equal(space.keyhole_edit.size, 2 * PAGE_SIZE);
    for (u64 n = 0; n < lps * 128; n++) {
        u64 linear = space.keyhole.linear + n * PAGE_SIZE, edit = space.keyhole_edit.linear + n * 8, pa;
        assert_false(space_translate(&space, space.cr3, linear, false, &pa));
        assert_true(space_translate(&space, space.cr3, edit, true, &pa));
        assert_true(place_of_entry(linear) == pa);
        /* as the module does it; the page lies outside the block, under KeyID 33 */
        write_u64(pa, (33ull << 46 | 0x123456000) | PRESENT | NX);
        assert_true(space_translate(&space, space.cr3, linear + 0xABC, false, &pa));
        assert_true(pa == (33ull << 46 | 0x123456ABC));
        assert_false(space_translate(&space, space.cr3, linear, true, &pa));
    }
}

/* ---- LPs ---- */

static void gives_each_lp_its_own(void **state)
{
    (void)state;
    for (u32 lps = 1; lps <= 255; lps += lps < 8 ? 1 : 19) {
        build(lps, lps * 0x104);
        u64 stacks = space.stack.linear, locals = space.data.linear + 14 * PAGE_SIZE, pa;
        for (u32 lp = 0; lp < lps; lp++) {
            u64 stack = space_stack_pointer(&space, lp), local = space_local_data(&space, lp);
            assert_true(stack == stacks + (lp * 9 + 8) * PAGE_SIZE - 8);
            assert_true(local == locals + lp * 8 * PAGE_SIZE);
            assert_true(space_translate(&space, space.cr3, stack, true, &pa));
            assert_false(space_translate(&space, space.cr3, stack + 8, true, &pa)); /* its shadow stack */
            assert_true(space_translate(&space, space.cr3, local + 8 * PAGE_SIZE - 1, true, &pa));
        }
        /* as the module computes how many there is room for, and where its global data are */
        assert_int_equal(space.stack.size / PAGE_SIZE / 9, lps);
        assert_true(space_local_data(&space, lps) + 513 * PAGE_SIZE == space.data.linear + space.data.size);
    }
}

static void builds_in_every_size(void **state)
{
    (void)state;
    const u32 lps[] = {1, 2, 64, 254, 255, 256};
    const u64 spans[] = {PAGE_SIZE, 2 * MIB, 2 * MIB + PAGE_SIZE, MODULE_MAX_SPAN};
    for (size_t i = 0; i < ARRAY_COUNT(lps); i++) {
        image.span = spans[i % ARRAY_COUNT(spans)];
        image.segments[0].file_size = PAGE_SIZE;
        facts.handoff_pages = (u16)(i * 600);
        build(lps[i], 0x5550 + i * 4);
        assert_true(space.tables_end == space.keyhole_edit.physical);
        assert_int_equal(space.code.size, image.span);
        expect_all(lps[i]);
    }
}

static void refuses_bad_blocks(void **state)
{
    (void)state;
    build(1, 0);
    const char *room = "a module has room for 1 to 256 LPs";
    assert_string_equal(space_build(&space, memory, BLOCK, &image, 0, 0, &facts), room);
    assert_string_equal(space_build(&space, memory, BLOCK, &image, 257, 0, &facts), room);
    assert_string_equal(space_build(&space, memory, BLOCK + PAGE_SIZE, &image, 1, 0, &facts),
                        "its block of memory isn't aligned to 2 MiB");
}

/* ---- random addresses ---- */

static void moves_with_the_random_number(void **state)
{
    (void)state;
    const u64 numbers[] = {0x4, 0x7F7C, 0x4000, 0x12345678, ~0ull, 0x7F80, 0x7FFC};
    const u64 offsets[] = {0x4, 0x7F7C, 0x4000, 0x5678, 0x3FFC, 0x3F80, 0x3FFC};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        build(2, numbers[i]);
        assert_true(space.random == numbers[i]);
        assert_true(space.code.linear == 0xFFFF800000000000 + (offsets[i] << 32));
        assert_true(space.entry == space.code.linear + ENTRY);
        assert_true(space.sysinfo.linear == 0xFFFF8003FFFF0000 + (offsets[i] << 32));
        assert_true(space.keyhole_edit.linear == 0x100000000 + (offsets[i] << 32));
        expect_all(2);
    }
}

static void leaves_the_top_free(void **state)
{
    (void)state;
    for (u64 random = 0; random < 0x10000; random += 0x3FC) {
        build(1, random);
        assert_true(read_u64(space.cr3 + 511 * 8) == 0);
        assert_true(space.sysinfo.linear + PAGE_SIZE <= 0xFFFFFF8000000000);
        assert_true(space.keyhole_edit.linear < 1ull << 47);
    }
}

static void rebuilds_as_new(void **state)
{
    (void)state;
    build(3, 0x777);
    u64 size = space.size;
    u8 *first = malloc(size);
    memcpy(first, memory, size);
    memset(memory, 0x5A, size);
    assert_null(space_build(&space, memory, BLOCK, &image, 3, 0x888, &facts));
    assert_memory_not_equal(memory, first, size);
    expect_all(3);
    assert_null(space_build(&space, memory, BLOCK, &image, 3, 0x777, &facts));
    assert_memory_equal(memory, first, size);
    free(first);
}

/* ---- system information ---- */

static u32 read_u32(u64 pa)
{
    return (u32)read_u64(pa);
}

static void expect_extent(u64 page, u32 offset, const struct space_region *region)
{
    assert_true(read_u64(page + offset) == region->linear);
    assert_true(read_u64(page + offset + 8) == region->size);
}

static void writes_system_information(void **state)
{
    (void)state;
    build(8, 0x1230);
    u64 page = space.sysinfo.physical;
    assert_true(read_u64(page) == 0);
    assert_int_equal(read_u32(page + 8), 4); /* what MCHECK counted, not what there is room for */
    assert_int_equal(read_u32(page + 12), 2);
    for (u32 i = 0; i < 8; i++)
        assert_int_equal(read_u32(page + 16 + i * 4), facts.fms[i]);
    assert_int_equal(read_u64(page + 64), 0);
    for (u32 i = 0; i < 32; i++) {
        assert_true(read_u64(page + 128 + i * 16) == facts.cmrs[i].base);
        assert_true(read_u64(page + 136 + i * 16) == facts.cmrs[i].size);
    }
    assert_int_equal(read_u64(page + 2048), 1);
    expect_extent(page, 2056, &space.code);
    expect_extent(page, 2072, &space.data);
    expect_extent(page, 2088, &space.stack);
    expect_extent(page, 2104, &space.keyhole);
    expect_extent(page, 2120, &space.keyhole_edit);
    assert_int_equal(read_u64(page + 2136), 7);
    assert_int_equal(read_u64(page + 2144), 7);
    assert_true(read_u64(page + 2152) == 13ull << 48); /* hand-off versions 0, downgrades allowed */
    for (u32 reserved = 2160; reserved < PAGE_SIZE; reserved += 8)
        assert_int_equal(read_u64(page + reserved), 0);
}

static void writes_changed_facts(void **state)
{
    (void)state;
    build(4, 0);
    u64 page = space.sysinfo.physical, base = space.code.linear;
    facts.integrity = false;
    assert_int_equal(read_u64(page + 64), 0);
    space_write_sysinfo(&space, &facts);
    assert_int_equal(read_u64(page + 64), 0x100);
    facts.smrr2_forbidden = true;
    facts.lp_count = 3;
    facts.handoff_pages = 5;
    facts.cmrs[31].size = 0;
    space_write_sysinfo(&space, &facts);
    assert_int_equal(read_u64(page + 64), 0x101);
    assert_int_equal(read_u32(page + 8), 3);
    assert_true(read_u64(page + 2152) == 5ull << 48);
    assert_int_equal(read_u64(page + 136 + 31 * 16), 0);
    assert_true(read_u64(page + 2056) == base);
    assert_true(space_local_data(&space, 0) == space.data.linear + 14 * PAGE_SIZE); /* the layout stays */
}

/* ---- looking at it ---- */

static void walks_large_pages_only_inside(void **state)
{
    (void)state;
    build(1, 0);
    u64 pa, linear = space.code.linear + GIB, top = space.cr3 + 256 * 8, third = read_u64(top) & ADDRESS;
    u64 second = read_u64(third) & ADDRESS;
    write_u64(second + 5 * 8, 0xC0000000 | 17ull << 46 | PAT | LARGE | PRESENT | WRITABLE);
    assert_true(space_translate(&space, space.cr3, space.code.linear + 10 * MIB + 0x12345, true, &pa));
    assert_true(pa == (0xC0012345 | 17ull << 46));
    write_u64(third + 8, 0x7C0000000 | LARGE | PRESENT);
    assert_true(space_translate(&space, space.cr3, linear + 0x2345678, false, &pa));
    assert_true(pa == 0x7C2345678);
    assert_false(space_translate(&space, space.cr3, linear, true, &pa));

    const u64 outside[] = {BLOCK - PAGE_SIZE, BLOCK + space.size, 0, 0xFFFFFFFFFF000, 1ull << 46 | BLOCK};
    for (size_t i = 0; i < ARRAY_COUNT(outside); i++) {
        write_u64(third + 8, outside[i] | PRESENT | WRITABLE);
        assert_false(space_translate(&space, space.cr3, linear, false, &pa));
        assert_false(space_translate(&space, outside[i], space.code.linear, false, &pa));
    }
    write_u64(third + 8, (BLOCK + space.size - PAGE_SIZE) | PRESENT); /* the last page may be one: empty */
    assert_false(space_translate(&space, space.cr3, linear, false, &pa));
    write_u64(top, third | LARGE | PRESENT); /* no page is that large */
    assert_false(space_translate(&space, space.cr3, space.code.linear, false, &pa));
}

static void respects_every_level(void **state)
{
    (void)state;
    build(1, 0);
    u64 pa, linear = space.data.linear, table = space.cr3;
    assert_true(
        space_translate(&space, space.cr3 | 0x18, linear, true, &pa)); /* CR3's own bits don't count */
    for (u32 shift = 39; shift >= 12; shift -= 9) {
        u64 place = table + (linear >> shift & 511) * 8, entry = read_u64(place);
        write_u64(place, entry & ~WRITABLE);
        assert_false(space_translate(&space, space.cr3, linear, true, &pa));
        assert_true(space_translate(&space, space.cr3, linear, false, &pa));
        write_u64(place, entry & ~PRESENT);
        assert_false(space_translate(&space, space.cr3, linear, false, &pa));
        write_u64(place, entry);
        table = entry & ADDRESS;
    }
    assert_true(space_translate(&space, space.cr3, linear, true, &pa));
    assert_false(space_translate(&space, space.cr3, linear & ~(1ull << 63), false, &pa)); /* not canonical */
    assert_false(space_translate(&space, space.cr3, space.keyhole_edit.linear | 1ull << 47, false, &pa));
}

static void names_addresses(void **state)
{
    (void)state;
    char text[32];
    build(2, 0x40);
    const struct {
        u64 linear;
        const char *text;
    } names[] = {
        {space.entry, "code+0x386b0"},
        {space.stack.linear, "stack+0x0"},
        {space.stack.linear + space.stack.size - 1, "stack+0x11fff"},
        {space.keyhole.linear + 0x1000, "keyhole+0x1000"},
        {space.data.linear + 0x28, "data+0x28"},
        {space.sysinfo.linear + 0x808, "sysinfo+0x808"},
        {space.keyhole_edit.linear + 8, "keyhole_edit+0x8"},
        {space.code.linear - 1, "0xffff803fffffffff"},
        {space.stack.linear + space.stack.size, "0xffff804100012000"},
        {0, "0x0"},
        {1ull << 63, "0x8000000000000000"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        space_name(&space, names[i].linear, text);
        assert_string_equal(text, names[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(places_regions, fresh, release),
        cmocka_unit_test_setup_teardown(fills_memory, fresh, release),
        cmocka_unit_test_setup_teardown(relocates_for_its_address, fresh, release),
        cmocka_unit_test_setup_teardown(opens_keyholes, fresh, release),
        cmocka_unit_test_setup_teardown(gives_each_lp_its_own, fresh, release),
        cmocka_unit_test_setup_teardown(builds_in_every_size, fresh, release),
        cmocka_unit_test_setup_teardown(refuses_bad_blocks, fresh, release),
        cmocka_unit_test_setup_teardown(moves_with_the_random_number, fresh, release),
        cmocka_unit_test_setup_teardown(leaves_the_top_free, fresh, release),
        cmocka_unit_test_setup_teardown(rebuilds_as_new, fresh, release),
        cmocka_unit_test_setup_teardown(writes_system_information, fresh, release),
        cmocka_unit_test_setup_teardown(writes_changed_facts, fresh, release),
        cmocka_unit_test_setup_teardown(walks_large_pages_only_inside, fresh, release),
        cmocka_unit_test_setup_teardown(respects_every_level, fresh, release),
        cmocka_unit_test_setup_teardown(names_addresses, fresh, release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
