/* SPDX-License-Identifier: MIT */
/*
 * The boot parsers against what loaders really leave and against every way it can be wrong. Physical memory
 * is one heap buffer at PHYSICAL: the view refuses everything outside it, and ASan sees whoever reads on.
 */
#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot_info.h"
#include "boot/pvh.h"
#include "lib/log.h"

#define PHYSICAL 0x100000ull
#define MEMORY   0x8000u

struct machine {
    u8 *bytes; /* exactly size bytes */
    u32 size, used;
};

static const void *machine_at(void *context, u64 pa, u64 size)
{
    const struct machine *machine = context;
    if (pa < PHYSICAL || pa - PHYSICAL > machine->size || size > machine->size - (pa - PHYSICAL))
        return NULL;
    return machine->bytes + (pa - PHYSICAL);
}

static struct machine machine_new(void)
{
    return (struct machine){calloc(1, MEMORY), MEMORY, 0};
}

static struct boot_view view_of(struct machine *machine)
{
    return (struct boot_view){machine_at, machine};
}

/* Appends bytes at an address aligned to 8 and returns it. */
static u64 put(struct machine *machine, const void *bytes, u32 size)
{
    u64 pa = PHYSICAL + machine->used;
    assert_true(machine->used + size <= machine->size);
    memcpy(machine->bytes + machine->used, bytes, size);
    machine->used = (machine->used + size + 7) & ~7u;
    return pa;
}

static void *at(struct machine *machine, u64 pa)
{
    return machine->bytes + (pa - PHYSICAL);
}

static struct boot_info info; /* large; every reader clears it */

static const struct pvh_range good_map[] = {
    {0, 0x9FC00, 1, 0},          {0x9FC00, 0x400, 2, 0},     {0xF0000, 0x10000, 2, 0},
    {0x100000, 0x7FE0000, 1, 0}, {0x80E0000, 0x10000, 3, 0}, {0xB0000000, 0x10000000, 2, 0},
    {1ull << 32, 1 << 30, 1, 0},
};

/* ---- the invariants that everything which returns true must keep ---- */

static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

static bool in_usable(const struct boot_info *i, u64 base, u64 size)
{
    for (u32 n = 0; n < i->range_count; n++)
        if (i->ranges[n].type == BOOT_MEMORY_USABLE && base >= i->ranges[n].base &&
            base + size <= i->ranges[n].base + i->ranges[n].size)
            return true;
    return size == 0;
}

static void assert_sound(const struct boot_info *i)
{
    assert_true(i->range_count <= BOOT_MAX_RANGES && i->module_count <= BOOT_MAX_MODULES);
    assert_true(boot_info_usable_bytes(i) > 0);
    assert_true(is_terminated(i->command_line, sizeof(i->command_line)));
    for (u32 n = 0; n < i->range_count; n++) {
        const struct boot_range *range = &i->ranges[n], *last = range - 1;
        assert_true(range->size > 0 && range->base + range->size > range->base);
        assert_true(range->type >= BOOT_MEMORY_USABLE && range->type <= BOOT_MEMORY_BAD);
        if (n > 0) {
            assert_true(last->base + last->size <= range->base);
            assert_false(last->base + last->size == range->base && last->type == range->type);
        }
    }
    for (u32 n = 0; n < i->module_count; n++) {
        assert_true(is_terminated(i->modules[n].name, BOOT_MODULE_NAME) && i->modules[n].name[0]);
        assert_true(i->modules[n].base + i->modules[n].size <= BOOT_ADDRESSABLE);
        assert_true(in_usable(i, i->modules[n].base, i->modules[n].size));
    }
}

/* Whole lines only reach the serial log: none may be longer than it takes, "# " included. */
static void assert_lines_fit(void)
{
    for (const char *line = test_log(), *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        assert_true(end - line <= LOG_LINE_MAX - 2);
}

/* A refusal names one cause: what comes after it isn't looked at any more. */
static void assert_refused(const char *message)
{
    assert_logged(message);
    assert_ptr_equal(strchr(test_log(), '\n') + 1, test_log() + strlen(test_log()));
}

/* ---- what early code reaches ---- */

static void early_view_ends_at_4_gib(void **state)
{
    (void)state;
    const u64 end = BOOT_ADDRESSABLE;
    assert_ptr_equal(boot_early_view.at(NULL, 0x1000, 1), (void *)0x1000);
    assert_ptr_equal(boot_early_view.at(NULL, end - 16, 16), (void *)(end - 16));
    assert_null(boot_early_view.at(NULL, end - 16, 17));
    assert_null(boot_early_view.at(NULL, end, 1));
    assert_null(boot_early_view.at(NULL, 0x1000, UINT64_MAX));
    assert_null(boot_early_view.at(NULL, UINT64_MAX, 2));
}

/* ---- normalising ---- */

static void map_clear(void)
{
    memset(&info, 0, sizeof(info));
}

static void map_add(u64 base, u64 size, u32 type)
{
    info.ranges[info.range_count++] = (struct boot_range){base, size, type};
}

static void assert_range(u32 n, u64 base, u64 size, u32 type)
{
    assert_true(n < info.range_count);
    assert_int_equal(info.ranges[n].base, base);
    assert_int_equal(info.ranges[n].size, size);
    assert_int_equal(info.ranges[n].type, type);
}

static void keeps_a_good_map(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    for (u32 n = 0; n < ARRAY_COUNT(good_map); n++)
        map_add(good_map[n].base, good_map[n].size, good_map[n].type);
    assert_true(boot_info_normalise(&info));
    assert_string_equal(test_log(), "");
    assert_int_equal(info.range_count, ARRAY_COUNT(good_map));
    for (u32 n = 0; n < ARRAY_COUNT(good_map); n++)
        assert_range(n, good_map[n].base, good_map[n].size, good_map[n].type);
    assert_int_equal(boot_info_usable_bytes(&info), 0x9FC00 + 0x7FE0000 + (1 << 30));
}

static void sorts_and_merges(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    map_add(0x3000, 0x1000, 1);
    map_add(0x1000, 0x1000, 1);
    map_add(0x2000, 0x1000, 1);
    map_add(0x8000, 0, 2); /* empty: dropped */
    assert_true(boot_info_normalise(&info));
    assert_int_equal(info.range_count, 1);
    assert_range(0, 0x1000, 0x3000, 1);
    assert_logged("isn't sorted");
}

static void stricter_type_wins(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    map_add(0x0000, 0x10000, 1);
    map_add(0x4000, 0x4000, 3);
    map_add(0x6000, 0x4000, 2);
    map_add(0x7000, 0x1000, 5);
    assert_true(boot_info_normalise(&info));
    assert_int_equal(info.range_count, 6);
    assert_range(0, 0x0000, 0x4000, 1);
    assert_range(1, 0x4000, 0x2000, 3);
    assert_range(2, 0x6000, 0x1000, 2);
    assert_range(3, 0x7000, 0x1000, 5);
    assert_range(4, 0x8000, 0x2000, 2);
    assert_range(5, 0xA000, 0x6000, 1);
    assert_logged("overlaps");
}

static void unknown_types_are_reserved(void **state)
{
    (void)state;
    map_clear();
    map_add(0x0000, 0x4000, 1);
    map_add(0x1000, 0x1000, 12); /* persistent memory in later e820 maps */
    map_add(0x3000, 0x1000, 0);
    assert_true(boot_info_normalise(&info));
    assert_range(1, 0x1000, 0x1000, 2);
    assert_range(3, 0x3000, 0x1000, 2);
}

static void cuts_overflow(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    map_add(0x1000, UINT64_MAX, 1);
    map_add(UINT64_MAX - 0xFFF, 0x1000, 1);
    map_add(1ull << 52, 0x1000, 1);
    assert_true(boot_info_normalise(&info));
    assert_int_equal(info.range_count, 1);
    assert_range(0, 0x1000, (1ull << 52) - 0x1000, 1);
    assert_logged("overflows");
    assert_logged("beyond 52 address bits");
}

static void refuses_a_map_without_memory(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    assert_false(boot_info_normalise(&info));
    map_add(0x1000, 0x1000, 1);
    map_add(0x0000, 0x8000, 2); /* covers all of it */
    assert_false(boot_info_normalise(&info));
    assert_logged("no usable memory");
}

static void refuses_a_map_that_splits_too_often(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    map_add(0, 0x1000000, 1);
    for (u32 n = 1; n < BOOT_MAX_RANGES; n++)
        map_add(n * 0x2000, 0x1000, 2);
    assert_false(boot_info_normalise(&info));
    assert_logged("split it into more than 128 ranges");
}

/* A page-wise oracle: what each page of a small space must be after any random map. */
static void agrees_with_an_oracle(void **state)
{
    (void)state;
    static const u32 order[] = {0, 1, 4, 2, 3, 5}; /* by type: usable < ACPI < NVS < reserved < bad */
    u64 seed = 0x5EA51;
    for (u32 round = 0; round < 2000; round++) {
        u32 page_type[64] = {0};
        map_clear();
        for (u32 n = 0, count = 1 + test_random(&seed) % 20; n < count; n++) {
            u32 first = test_random(&seed) % 64, size = test_random(&seed) % (64 - first),
                type = 1 + test_random(&seed) % 5;
            map_add(first, size, type);
            for (u32 p = first; p < first + size; p++)
                if (order[type] > order[page_type[p]])
                    page_type[p] = type;
        }
        bool usable = boot_info_normalise(&info);
        bool expected = false;
        for (u32 p = 0; p < 64; p++) {
            expected |= page_type[p] == BOOT_MEMORY_USABLE;
            u32 type = 0;
            for (u32 n = 0; n < info.range_count; n++)
                if (p >= info.ranges[n].base && p < info.ranges[n].base + info.ranges[n].size)
                    type = info.ranges[n].type;
            assert_int_equal(type, page_type[p]);
        }
        assert_int_equal(usable, expected);
        if (usable)
            assert_sound(&info);
        test_log_clear();
    }
}

/* ---- carving ---- */

static void carves(void **state)
{
    (void)state;
    map_clear();
    map_add(0x0000, 0x8000, 1);
    map_add(0xA000, 0x2000, 1);
    assert_true(boot_info_carve(&info, 0x2000, 0x1000, 2));  /* inside */
    assert_true(boot_info_carve(&info, 0x7000, 0x4000, 3));  /* over an edge, a hole and another edge */
    assert_true(boot_info_carve(&info, 0x0000, 0x1000, 0));  /* out of the map */
    assert_true(boot_info_carve(&info, 0x20000, 0x1000, 2)); /* behind everything */
    assert_true(boot_info_carve(&info, 0x5000, 0, 2));
    assert_int_equal(info.range_count, 6);
    assert_range(0, 0x1000, 0x1000, 1);
    assert_range(1, 0x2000, 0x1000, 2);
    assert_range(2, 0x3000, 0x4000, 1);
    assert_range(3, 0x7000, 0x4000, 3);
    assert_range(4, 0xB000, 0x1000, 1);
    assert_range(5, 0x20000, 0x1000, 2);
    assert_true(boot_info_carve(&info, 0x2000, 0x1000, 1)); /* and back: merges on both sides */
    assert_range(0, 0x1000, 0x6000, 1);
}

static void carve_refuses_what_does_not_fit(void **state)
{
    (void)state;
    map_clear();
    test_log_clear();
    for (u32 n = 0; n < BOOT_MAX_RANGES; n++)
        map_add(n * 0x4000, 0x3000, 1);
    assert_false(boot_info_carve(&info, 0x1000, 0x1000, 2));
    assert_logged("can't be set apart");
    assert_int_equal(info.range_count, BOOT_MAX_RANGES);
    assert_range(0, 0, 0x3000, 1);
    assert_false(boot_info_carve(&info, 0x1000, UINT64_MAX, 2));
}

/* ---- PVH ---- */

struct pvh_image {
    struct machine machine;
    u64 start;
    u32 used;
};

static struct pvh_start_info *start_of(struct pvh_image *image)
{
    return at(&image->machine, image->start);
}

static struct pvh_image pvh_image(void)
{
    struct pvh_image image = {.machine = machine_new()};
    struct pvh_module module = {0x2000000, 0x1234, put(&image.machine, "/boot/scripts.txt -v", 21), 0};
    struct pvh_start_info start = {
        .magic = PVH_MAGIC,
        .version = 1,
        .module_count = 1,
        .command_line = put(&image.machine, "run=bringup -v", 15),
        .rsdp = 0xF5000,
        .memory_map = put(&image.machine, good_map, sizeof(good_map)),
        .memory_map_count = ARRAY_COUNT(good_map),
        .modules = put(&image.machine, &module, sizeof(module)),
    };
    image.start = put(&image.machine, &start, sizeof(start));
    return image;
}

static bool read_pvh(struct pvh_image *image)
{
    struct boot_view view = view_of(&image->machine);
    test_log_clear();
    bool good = boot_info_read(&info, BOOT_ENTRY_PVH, image->start, &view);
    if (good)
        assert_sound(&info);
    assert_lines_fit();
    free(image->machine.bytes);
    return good;
}

static void pvh_reads_everything(void **state)
{
    (void)state;
    struct pvh_image image = pvh_image();
    assert_true(read_pvh(&image));
    assert_string_equal(info.loader, "pvh");
    assert_string_equal(info.command_line, "run=bringup -v");
    assert_int_equal(info.rsdp, 0xF5000);
    assert_int_equal(info.range_count, ARRAY_COUNT(good_map));
    assert_int_equal(info.module_count, 1);
    const struct boot_module *module = boot_info_module(&info, "scripts.txt");
    assert_non_null(module);
    assert_int_equal(module->base, 0x2000000);
    assert_int_equal(module->size, 0x1234);
    assert_null(boot_info_module(&info, "scripts"));
    assert_null(boot_info_module(&info, ""));
    assert_string_equal(test_log(), "");
}

static void pvh_names_a_nameless_module(void **state)
{
    (void)state;
    struct pvh_image image = pvh_image();
    ((struct pvh_module *)at(&image.machine, start_of(&image)->modules))->command_line = 0;
    start_of(&image)->command_line = 0;
    assert_true(read_pvh(&image));
    assert_non_null(boot_info_module(&info, "module00"));
    assert_string_equal(info.command_line, "");
}

/* Entries that touch are merged on the way in: a long list of small ones isn't too long. */
static void pvh_merges_a_long_map(void **state)
{
    (void)state;
    struct pvh_image image = pvh_image();
    struct pvh_range *list = at(&image.machine, PHYSICAL + 0x3000);
    for (u32 i = 0; i < 400; i++)
        list[i] = (struct pvh_range){0x2000000 + i * 0x1000, 0x1000, 1, 0};
    start_of(&image)->memory_map = PHYSICAL + 0x3000;
    start_of(&image)->memory_map_count = 400;
    assert_true(read_pvh(&image)); /* its module begins where the memory begins */
    assert_int_equal(info.range_count, 1);
    assert_range(0, 0x2000000, 400 * 0x1000, 1);
}

static void pvh_takes_modules_at_the_edges(void **state)
{
    (void)state;
    static const struct pvh_range to_the_top[] = {{0xC0000000, 0x80000000, 1, 0}};
    struct pvh_image image = pvh_image();
    struct pvh_module *module = at(&image.machine, start_of(&image)->modules);
    memcpy(at(&image.machine, start_of(&image)->memory_map), to_the_top, sizeof(to_the_top));
    start_of(&image)->memory_map_count = 1;
    module->base = 0xFFFFF000;
    module->size = 0x1000; /* ends at 4 GiB */
    assert_true(read_pvh(&image));
    image = pvh_image();
    module = at(&image.machine, start_of(&image)->modules);
    module->base = 0x90000000; /* in a hole, but empty */
    module->size = 0;
    assert_true(read_pvh(&image));
    assert_int_equal(boot_info_module(&info, "scripts.txt")->size, 0);
}

/* One field of the start info or the module made wrong, and what the log must say. */
struct pvh_damage {
    const char *what, *message;
    void (*damage)(struct pvh_start_info *start, struct pvh_module *module);
};

#define PVH_DAMAGE(name, statement)                                                                          \
    static void name(struct pvh_start_info *start, struct pvh_module *module)                                \
    {                                                                                                        \
        (void)start, (void)module;                                                                           \
        statement;                                                                                           \
    }
PVH_DAMAGE(bad_magic, start->magic++)
PVH_DAMAGE(version_0, start->version = 0)
PVH_DAMAGE(no_map, start->memory_map_count = 0)
PVH_DAMAGE(map_far_away, start->memory_map = 1ull << 40)
PVH_DAMAGE(map_wraps, start->memory_map = UINT64_MAX - 8)
PVH_DAMAGE(map_endless, start->memory_map_count = UINT32_MAX)
PVH_DAMAGE(line_far_away, start->command_line = 4)
PVH_DAMAGE(line_endless, start->command_line = PHYSICAL + 0x2000)
PVH_DAMAGE(modules_far_away, start->modules = 8)
PVH_DAMAGE(modules_endless, start->module_count = UINT32_MAX)
PVH_DAMAGE(module_above_4g, module->base = 1ull << 32)
PVH_DAMAGE(module_empty_above_4g, module->base = 1ull << 32; module->size = 0)
PVH_DAMAGE(module_across_4g, module->base = (1ull << 32) - 4096)
PVH_DAMAGE(module_overflows, module->size = UINT64_MAX)
PVH_DAMAGE(module_in_hole, module->base = 0x90000000)
PVH_DAMAGE(module_in_reserved, module->base = 0xB0000000)
PVH_DAMAGE(module_over_edge, module->base = 0x80DF000)

static const struct pvh_damage pvh_damages[] = {
    {"bad magic", "has magic 0x336ec579", bad_magic},
    {"version 0", "version 0 has no memory map", version_0},
    {"no map", "no usable memory", no_map},
    {"map out of reach", "memory map entry 0 of 7 can't be reached", map_far_away},
    {"map wraps", "memory map entry 0 of 7 can't be reached", map_wraps},
    {"map without end", "more than 128 ranges", map_endless},
    {"command line out of reach", "command line has no end within 0 bytes", line_far_away},
    {"command line without end", "command line has no end within 1024 bytes", line_endless},
    {"modules out of reach", "module entry 0 of 1 can't be reached", modules_far_away},
    {"modules without end", "more than 64 modules", modules_endless},
    {"module above 4 GiB", "reaches above 4 GiB", module_above_4g},
    {"empty module above 4 GiB", "reaches above 4 GiB", module_empty_above_4g},
    {"module across 4 GiB", "reaches above 4 GiB", module_across_4g},
    {"module overflows", "reaches above 4 GiB", module_overflows},
    {"module in a hole", "outside usable memory", module_in_hole},
    {"module in reserved memory", "outside usable memory", module_in_reserved},
    {"module over the edge", "outside usable memory", module_over_edge},
};

static void pvh_refuses_damage(void **state)
{
    (void)state;
    for (u32 n = 0; n < ARRAY_COUNT(pvh_damages); n++) {
        struct pvh_image image = pvh_image();
        memset(image.machine.bytes + 0x2000, 'x', MEMORY - 0x2000);
        /* Entries that never touch, so that an endless list of them really fills the tables. */
        struct pvh_range *far = at(&image.machine, PHYSICAL + 0x3000);
        for (u32 i = 0; i < 400; i++)
            far[i] = (struct pvh_range){0x100000 + i * 0x2000, 0x1000, 1, 0};
        if (pvh_damages[n].damage == map_endless)
            start_of(&image)->memory_map = PHYSICAL + 0x3000;
        if (pvh_damages[n].damage == modules_endless) {
            memset(far, 0, 400 * sizeof(*far));
            start_of(&image)->modules = PHYSICAL + 0x3000;
        }
        pvh_damages[n].damage(start_of(&image), at(&image.machine, start_of(&image)->modules));
        print_message("pvh: %s\n", pvh_damages[n].what);
        assert_false(read_pvh(&image));
        assert_refused(pvh_damages[n].message);
    }
}

static void pvh_refuses_a_start_info_out_of_reach(void **state)
{
    (void)state;
    struct pvh_image image = pvh_image();
    image.start = 1ull << 32;
    assert_false(read_pvh(&image));
    assert_refused("can't be reached");
    image = pvh_image();
    memcpy(image.machine.bytes + MEMORY - 48, start_of(&image), 48); /* room for version 0 only */
    image.start = PHYSICAL + MEMORY - 48;
    assert_false(read_pvh(&image));
    assert_refused("ends too early");
}

static void entry_kind_is_checked(void **state)
{
    (void)state;
    struct machine machine = machine_new();
    struct boot_view view = view_of(&machine);
    test_log_clear();
    assert_false(boot_info_read(&info, (enum boot_entry)7, PHYSICAL, &view));
    assert_logged("unknown entry kind 7");
    free(machine.bytes);
}

/* ---- Multiboot2 ---- */

struct mb2_image {
    struct machine machine; /* holds nothing but the information, so that its end is the buffer's end */
};

static void mb2_tag(struct mb2_image *image, u32 type, const void *data, u32 size)
{
    u32 head[2] = {type, size + 8};
    memcpy(image->machine.bytes + image->machine.used, head, 8);
    if (size)
        memcpy(image->machine.bytes + image->machine.used + 8, data, size);
    image->machine.used += (size + 8 + 7) & ~7u;
}

static struct mb2_image mb2_begin(void)
{
    struct mb2_image image = {machine_new()};
    image.machine.used = 8;
    return image;
}

static void mb2_map(struct mb2_image *image)
{
    u8 data[8 + sizeof(good_map)];
    u32 head[2] = {24, 0};
    memcpy(data, head, 8);
    memcpy(data + 8, good_map, sizeof(good_map));
    mb2_tag(image, 6, data, sizeof(data));
}

static void mb2_module(struct mb2_image *image, u32 begin, u32 end, const char *text)
{
    u8 data[64];
    u32 head[2] = {begin, end};
    memcpy(data, head, 8);
    memcpy(data + 8, text, strlen(text) + 1);
    mb2_tag(image, 3, data, 8 + (u32)strlen(text) + 1);
}

/* Cuts the buffer to the information, so that a read behind it is a fault. */
static void mb2_shrink(struct mb2_image *image, u32 size)
{
    u8 *exact = malloc(size);
    memcpy(exact, image->machine.bytes, size);
    memcpy(exact, &size, 4);
    free(image->machine.bytes);
    image->machine.bytes = exact;
    image->machine.size = image->machine.used = size;
}

static bool mb2_read_as_it_is(struct mb2_image *image)
{
    struct boot_view view = view_of(&image->machine);
    test_log_clear();
    bool good = boot_info_read(&info, BOOT_ENTRY_MULTIBOOT2, PHYSICAL, &view);
    if (good)
        assert_sound(&info);
    assert_lines_fit();
    free(image->machine.bytes);
    return good;
}

static bool mb2_read(struct mb2_image *image)
{
    mb2_tag(image, 0, NULL, 0);
    mb2_shrink(image, image->machine.used);
    return mb2_read_as_it_is(image);
}

static struct mb2_image mb2_good(void)
{
    struct mb2_image image = mb2_begin();
    mb2_tag(&image, 1, "run=bringup", 12);
    mb2_tag(&image, 2, "GRUB 2.06", 10);
    mb2_module(&image, 0x2000000, 0x2001234, "seamstress.elf");
    mb2_map(&image);
    return image;
}

static void mb2_reads_everything(void **state)
{
    (void)state;
    struct mb2_image image = mb2_good();
    u8 rsdp[36] = {0};
    u64 new_at = PHYSICAL + image.machine.used + 8;
    mb2_tag(&image, 15, rsdp, 36);
    mb2_tag(&image, 14, rsdp, 20); /* must not take the newer one's place */
    assert_true(mb2_read(&image));
    assert_string_equal(info.loader, "multiboot2");
    assert_string_equal(info.command_line, "run=bringup");
    assert_int_equal(info.rsdp, new_at);
    assert_int_equal(info.range_count, ARRAY_COUNT(good_map));
    const struct boot_module *module = boot_info_module(&info, "seamstress.elf");
    assert_non_null(module);
    assert_int_equal(module->base, 0x2000000);
    assert_int_equal(module->size, 0x1234);
    assert_string_equal(test_log(), "");
}

static void mb2_prefers_the_new_rsdp_in_any_order(void **state)
{
    (void)state;
    struct mb2_image image = mb2_good();
    u8 rsdp[36] = {0};
    u64 old_at = PHYSICAL + image.machine.used + 8;
    mb2_tag(&image, 14, rsdp, 20);
    assert_true(mb2_read(&image));
    assert_int_equal(info.rsdp, old_at);
    image = mb2_good();
    mb2_tag(&image, 14, rsdp, 20);
    u64 new_at = PHYSICAL + image.machine.used + 8;
    mb2_tag(&image, 15, rsdp, 36);
    assert_true(mb2_read(&image));
    assert_int_equal(info.rsdp, new_at);
}

static void mb2_refuses_short_tags(void **state)
{
    (void)state;
    static const struct {
        u32 type, size;
        const char *message;
    } cases[] = {
        {15, 35, "ACPI tag (type 15)"},    {14, 19, "ACPI tag (type 14)"},      {3, 7, "module tag (type 3)"},
        {6, 7, "memory map tag (type 6)"}, {1, 0, "has no end within 0 bytes"},
    };
    u8 zero[64] = {0};
    for (u32 n = 0; n < ARRAY_COUNT(cases); n++) {
        struct mb2_image image = mb2_good();
        mb2_tag(&image, cases[n].type, zero, cases[n].size);
        assert_false(mb2_read(&image));
        assert_refused(cases[n].message);
    }
}

static void mb2_refuses_a_tag_that_runs_past_the_end(void **state)
{
    (void)state;
    static const u32 sizes[] = {0, 7, 17, 4096, UINT32_MAX}; /* 16 bytes are left */
    for (u32 n = 0; n < ARRAY_COUNT(sizes); n++) {
        struct mb2_image image = mb2_good();
        u32 tag_at = image.machine.used;
        mb2_tag(&image, 9, "12345678", 8);
        mb2_shrink(&image, image.machine.used);
        memcpy(image.machine.bytes + tag_at + 4, &sizes[n], 4);
        assert_false(mb2_read_as_it_is(&image));
        assert_refused("16 are left");
    }
}

static void mb2_refuses_truncation_everywhere(void **state)
{
    (void)state;
    struct mb2_image whole = mb2_good();
    mb2_tag(&whole, 0, NULL, 0);
    for (u32 size = 0; size < whole.machine.used; size++) {
        struct mb2_image cut = {machine_new()};
        memcpy(cut.machine.bytes, whole.machine.bytes, whole.machine.used);
        mb2_shrink(&cut, size < 4 ? 4 : size);
        assert_false(mb2_read_as_it_is(&cut));
    }
    free(whole.machine.bytes);
}

static void mb2_refuses_an_impossible_total(void **state)
{
    (void)state;
    static const u32 totals[] = {0, 8, 15, MEMORY + 1, 2 << 20, UINT32_MAX};
    for (u32 n = 0; n < ARRAY_COUNT(totals); n++) {
        struct mb2_image image = mb2_good();
        memcpy(image.machine.bytes, &totals[n], 4);
        assert_false(mb2_read_as_it_is(&image));
        assert_refused("which can't be");
    }
    struct machine machine = machine_new();
    struct boot_view view = view_of(&machine);
    assert_false(boot_info_read(&info, BOOT_ENTRY_MULTIBOOT2, PHYSICAL + 4, &view));
    assert_logged("misaligned");
    free(machine.bytes);
}

static void mb2_refuses_a_map_of_small_entries(void **state)
{
    (void)state;
    static const u32 sizes[] = {0, 16, 20, 28};
    for (u32 n = 0; n < ARRAY_COUNT(sizes); n++) {
        struct mb2_image image = mb2_begin();
        u8 data[8 + 48] = {0};
        memcpy(data, &sizes[n], 4);
        mb2_tag(&image, 6, data, sizeof(data));
        assert_false(mb2_read(&image));
        assert_refused("24 or a larger multiple of 8");
    }
}

static void mb2_reads_a_map_of_large_entries(void **state)
{
    (void)state;
    struct mb2_image image = mb2_begin();
    u64 data[1 + 2 * 4 + 1] = {32, 0x100000, 0x100000, 1, 0xFFFF, 0x400000, 0x100000, 2, 0xFFFF, 99};
    mb2_tag(&image, 6, data, sizeof(data));
    assert_true(mb2_read(&image));
    assert_logged("ends with 8 bytes of a cut entry");
    assert_int_equal(info.range_count, 2);
    assert_range(1, 0x400000, 0x100000, 2);
}

static void mb2_refuses_without_a_map(void **state)
{
    (void)state;
    struct mb2_image image = mb2_begin();
    mb2_tag(&image, 1, "x", 2);
    assert_false(mb2_read(&image));
    assert_logged("no usable memory");
}

static void mb2_refuses_a_module_that_ends_before_it_begins(void **state)
{
    (void)state;
    struct mb2_image image = mb2_good();
    mb2_module(&image, 0x2000000, 0x1FFFFFF, "x");
    assert_false(mb2_read(&image));
    assert_refused("before it begins");
}

static void mb2_command_line_limits(void **state)
{
    (void)state;
    char line[BOOT_COMMAND_LINE + 1];
    memset(line, 'x', sizeof(line));
    struct mb2_image image = mb2_good();
    mb2_tag(&image, 1, line, 100); /* no NUL */
    assert_false(mb2_read(&image));
    assert_logged("no end within 100 bytes");
    line[BOOT_COMMAND_LINE] = 0;
    image = mb2_good();
    mb2_tag(&image, 1, line, sizeof(line));
    assert_false(mb2_read(&image));
    assert_logged("no end within 1024 bytes (limit 1023)");
    line[BOOT_COMMAND_LINE - 1] = 0;
    image = mb2_good();
    mb2_tag(&image, 1, line, BOOT_COMMAND_LINE);
    assert_true(mb2_read(&image));
    assert_int_equal(strlen(info.command_line), BOOT_COMMAND_LINE - 1);
}

static void mb2_module_names(void **state)
{
    (void)state;
    char longest[8 + 100] = {0};
    u32 place[2] = {0x2000000, 0x2001000};
    memcpy(longest, place, 8);
    memset(longest + 8, 'n', 99);
    struct mb2_image image = mb2_good();
    mb2_module(&image, 0x2000000, 0x2000000, "/a/b/empty.txt and arguments/with/slash");
    mb2_module(&image, 0x2000000, 0x2000001, "dir/");
    mb2_module(&image, 0x2000000, 0x2000001, "a\nok\x80");
    mb2_tag(&image, 3, longest, sizeof(longest));
    assert_true(mb2_read(&image));
    assert_string_equal(info.modules[1].name, "empty.txt");
    assert_int_equal(info.modules[1].size, 0);
    assert_string_equal(info.modules[2].name, "module02");
    assert_string_equal(info.modules[3].name, "a?ok?");
    assert_int_equal(strlen(info.modules[4].name), BOOT_MODULE_NAME - 1);
    assert_logged("longer than 63 characters");
}

static void mb2_refuses_too_many_modules(void **state)
{
    (void)state;
    struct mb2_image image = mb2_begin();
    mb2_map(&image);
    for (u32 n = 0; n < BOOT_MAX_MODULES + 1; n++)
        mb2_module(&image, 0x2000000, 0x2001000, "m");
    assert_false(mb2_read(&image));
    assert_logged("more than 64 modules");
}

/* ---- cpio ---- */

static u32 cpio_put(char *to, const char *name, u32 mode, const char *data, u32 size)
{
    u32 name_size = (u32)strlen(name) + 1;
    u32 at = (u32)sprintf(to, "070701%08X%08x%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1u, mode, 0u, 0u,
                          1u, 0u, size, 0u, 0u, 0u, 0u, name_size, 0u);
    memcpy(to + at, name, name_size);
    at += name_size;
    for (; at % 4; at++)
        to[at] = 0;
    memcpy(to + at, data, size);
    at += size;
    for (; at % 4; at++)
        to[at] = 0;
    return at;
}

/* A machine that is one module, "pack", which is an archive: a directory, three files, the trailer. */
static struct machine cpio_machine(void)
{
    struct machine machine = machine_new();
    char *to = (char *)machine.bytes;
    u32 at = cpio_put(to, "scripts", 0040755, "", 0);
    at += cpio_put(to + at, "./scripts/first.seam", 0100644, "suite one", 9);
    at += cpio_put(to + at, "empty", 0100644, "", 0);
    at += cpio_put(to + at, "seamstress.elf", 0100755, "\177ELF", 4);
    at += cpio_put(to + at, "TRAILER!!!", 0, "", 0);
    machine.bytes = realloc(machine.bytes, at);
    machine.size = machine.used = at;
    return machine;
}

static bool unpack(struct machine *machine)
{
    struct boot_view view = view_of(machine);
    map_clear();
    test_log_clear();
    info.modules[info.module_count++] = (struct boot_module){"pack", PHYSICAL, machine->size};
    bool good = boot_info_unpack(&info, &view);
    assert_lines_fit();
    for (u32 n = 0; good && n < info.module_count; n++)
        assert_non_null(machine_at(machine, info.modules[n].base, info.modules[n].size));
    return good;
}

static void cpio_unpacks(void **state)
{
    (void)state;
    struct machine machine = cpio_machine();
    assert_true(unpack(&machine));
    assert_int_equal(info.module_count, 3);
    const struct boot_module *file = boot_info_module(&info, "first.seam");
    assert_non_null(file);
    assert_int_equal(file->size, 9);
    assert_memory_equal(at(&machine, file->base), "suite one", 9);
    file = boot_info_module(&info, "seamstress.elf");
    assert_memory_equal(at(&machine, file->base), "\177ELF", 4);
    assert_int_equal(boot_info_module(&info, "empty")->size, 0);
    free(machine.bytes);
}

static void cpio_leaves_other_modules_alone(void **state)
{
    (void)state;
    struct machine machine = cpio_machine();
    memcpy(machine.bytes, "\177ELF", 4);
    assert_true(unpack(&machine));
    assert_int_equal(info.module_count, 1);
    assert_string_equal(info.modules[0].name, "pack");
    assert_int_equal(info.modules[0].base, PHYSICAL);
    assert_int_equal(info.modules[0].size, machine.size);
    free(machine.bytes);
}

/* An initrd is an archive, too, but not ours to open. */
static void cpio_opens_of_several_only_those_called_so(void **state)
{
    (void)state;
    struct machine machine = cpio_machine();
    struct boot_view view = view_of(&machine);
    map_clear();
    info.modules[info.module_count++] = (struct boot_module){"initrd.img", PHYSICAL, machine.size};
    info.modules[info.module_count++] = (struct boot_module){"suite.cpio", PHYSICAL, machine.size};
    info.modules[info.module_count++] = (struct boot_module){".cpio", PHYSICAL, machine.size};
    assert_true(boot_info_unpack(&info, &view));
    assert_int_equal(info.module_count, 5);
    assert_string_equal(info.modules[0].name, "initrd.img");
    assert_string_equal(info.modules[1].name, "first.seam");
    assert_string_equal(info.modules[4].name, ".cpio");
    free(machine.bytes);
}

static void cpio_refuses_other_formats(void **state)
{
    (void)state;
    struct machine machine = cpio_machine();
    machine.bytes[5] = '7';
    assert_false(unpack(&machine));
    assert_logged("another format than newc");
    free(machine.bytes);
}

static void cpio_refuses_truncation_everywhere(void **state)
{
    (void)state;
    struct machine whole = cpio_machine();
    for (u32 size = 6; size < whole.size - 1;
         size++) { /* the last byte is padding behind the trailer's name */
        struct machine cut = {malloc(size), size, size};
        memcpy(cut.bytes, whole.bytes, size);
        assert_false(unpack(&cut));
        assert_logged("is damaged at offset");
        free(cut.bytes);
    }
    free(whole.bytes);
}

static void cpio_refuses_damage(void **state)
{
    (void)state;
    static const struct {
        u32 offset;
        const char *bytes, *message;
    } cases[] = {
        {6 + 8 * 6 + 3, "G", "isn't hexadecimal"},
        {6 + 8 * 1, " ", "isn't hexadecimal"},
        {6 + 8 * 6, "FFFFFFFF", "runs past its end"},
        {6 + 8 * 11, "FFFFFFFF", "a name without end"},
        {6 + 8 * 11, "00000000", "a name without end"},
        {6 + 8 * 11, "00000003", "a name without end"},
        {6 + 8 * 6, "00000004", "no header where one is due"},
    };
    for (u32 n = 0; n < ARRAY_COUNT(cases); n++) {
        struct machine machine = cpio_machine();
        memcpy(machine.bytes + cases[n].offset, cases[n].bytes, strlen(cases[n].bytes));
        assert_false(unpack(&machine));
        assert_logged(cases[n].message);
        free(machine.bytes);
    }
}

static void cpio_refuses_too_many_files(void **state)
{
    (void)state;
    struct machine machine = machine_new();
    u32 at = 0;
    for (u32 n = 0; n <= BOOT_MAX_MODULES; n++)
        at += cpio_put((char *)machine.bytes + at, "f", 0100644, "", 0);
    cpio_put((char *)machine.bytes + at, "TRAILER!!!", 0, "", 0);
    assert_false(unpack(&machine));
    assert_logged("more than 64 modules");
    free(machine.bytes);
}

/* ---- random damage: no crash, no read outside, and whatever is accepted is sound ---- */

static void mutate(u8 *bytes, u32 size, u64 *seed)
{
    static const u32 favourites[] = {0, 1, 7, 8, 0x7FFFFFFF, 0x80000000, UINT32_MAX, 24, 0x100000};
    for (u32 n = 0, count = 1 + test_random(seed) % 4; n < count; n++) {
        u32 at = (u32)(test_random(seed) % size);
        if (test_random(seed) % 2 && at + 4 <= size)
            memcpy(bytes + (at & ~3u), &favourites[test_random(seed) % ARRAY_COUNT(favourites)], 4);
        else
            bytes[at] = (u8)test_random(seed);
    }
}

static void survives_mutation(void **state)
{
    (void)state;
    u64 seed = 0x5EA45713E55;
    u32 accepted = 0;
    print_message("seed 0x%lx\n", seed);
    for (u32 round = 0; round < 10000; round++) {
        struct pvh_image pvh = pvh_image();
        mutate(pvh.machine.bytes, pvh.machine.used, &seed);
        accepted += read_pvh(&pvh);
        struct mb2_image mb2 = mb2_good();
        mb2_tag(&mb2, 0, NULL, 0);
        mb2_shrink(&mb2, mb2.machine.used);
        mutate(mb2.machine.bytes, mb2.machine.used, &seed);
        accepted += mb2_read_as_it_is(&mb2);
        struct machine cpio = cpio_machine();
        mutate(cpio.bytes, cpio.size, &seed);
        accepted += unpack(&cpio);
        free(cpio.bytes);
    }
    assert_true(accepted > 1000 &&
                accepted < 29000); /* else the damage is too small or too large to mean anything */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(early_view_ends_at_4_gib),
        cmocka_unit_test(keeps_a_good_map),
        cmocka_unit_test(sorts_and_merges),
        cmocka_unit_test(stricter_type_wins),
        cmocka_unit_test(unknown_types_are_reserved),
        cmocka_unit_test(cuts_overflow),
        cmocka_unit_test(refuses_a_map_without_memory),
        cmocka_unit_test(refuses_a_map_that_splits_too_often),
        cmocka_unit_test(agrees_with_an_oracle),
        cmocka_unit_test(carves),
        cmocka_unit_test(carve_refuses_what_does_not_fit),
        cmocka_unit_test(pvh_reads_everything),
        cmocka_unit_test(pvh_names_a_nameless_module),
        cmocka_unit_test(pvh_merges_a_long_map),
        cmocka_unit_test(pvh_takes_modules_at_the_edges),
        cmocka_unit_test(pvh_refuses_damage),
        cmocka_unit_test(pvh_refuses_a_start_info_out_of_reach),
        cmocka_unit_test(entry_kind_is_checked),
        cmocka_unit_test(mb2_reads_everything),
        cmocka_unit_test(mb2_prefers_the_new_rsdp_in_any_order),
        cmocka_unit_test(mb2_refuses_short_tags),
        cmocka_unit_test(mb2_refuses_a_tag_that_runs_past_the_end),
        cmocka_unit_test(mb2_refuses_truncation_everywhere),
        cmocka_unit_test(mb2_refuses_an_impossible_total),
        cmocka_unit_test(mb2_refuses_a_map_of_small_entries),
        cmocka_unit_test(mb2_reads_a_map_of_large_entries),
        cmocka_unit_test(mb2_refuses_without_a_map),
        cmocka_unit_test(mb2_refuses_a_module_that_ends_before_it_begins),
        cmocka_unit_test(mb2_command_line_limits),
        cmocka_unit_test(mb2_module_names),
        cmocka_unit_test(mb2_refuses_too_many_modules),
        cmocka_unit_test(cpio_unpacks),
        cmocka_unit_test(cpio_leaves_other_modules_alone),
        cmocka_unit_test(cpio_opens_of_several_only_those_called_so),
        cmocka_unit_test(cpio_refuses_other_formats),
        cmocka_unit_test(cpio_refuses_truncation_everywhere),
        cmocka_unit_test(cpio_refuses_damage),
        cmocka_unit_test(cpio_refuses_too_many_files),
        cmocka_unit_test(survives_mutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
