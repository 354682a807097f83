/* SPDX-License-Identifier: MIT */
/* Instructions that some QEMU versions lose: what is found and replaced, and that nobody who executes them
 * notices. */
#include "tests/unit/fake_seam.h"

#include "seam/genuine/quirk.h"
#include "seam/genuine/quirk_patch.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/options.h"
#include "tests/unit/objdump.h"

struct machine machine;
struct options options;

static jmp_buf refused;
static char refusal[LOG_LINE_MAX];

void refuse(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_v(refusal, sizeof(refusal), fmt, args);
    va_end(args);
    longjmp(refused, 1);
}

#define ENDBR64 0xF3, 0x0F, 0x1E, 0xFA
#define NOPS_15 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90

/* Walks over a copy of the bytes. What comes of it must be the same but for C7s that became 0B, where it
 * says. */
static struct quirk_patch patch;
static u8 copy[70000];

static void walk(const u8 *bytes, u32 size)
{
    memcpy(copy, bytes, size);
    memset(&patch, 0, sizeof(patch));
    quirk_patch_code(&patch, copy, 0, size);
    u32 changed = 0;
    for (u32 i = 0; i < size; i++) {
        if (copy[i] == bytes[i])
            continue;
        assert_int_equal(bytes[i], 0xC7);
        assert_int_equal(copy[i], 0x0B);
        assert_in_range(changed, 0, patch.count - 1);
        assert_int_equal(patch.at[changed++], i);
    }
    assert_int_equal(changed, patch.count);
}
#define WALK(...) walk((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

/* ---- finding ---- */

static void finds_all_seven_in_all_forms(void **state)
{
    (void)state;
    static const u8 kinds[7][2] = {{0, 3}, {0, 4}, {0, 5}, {0, 6}, {0x66, 6}, {0xF3, 6}, {0, 7}};
    static const struct {
        u8 modrm, sib;
        u32 length;
    } operands[] = {{0x00, 0x90, 1}, {0x04, 0x24, 2}, {0x04, 0x25, 6}, {0x05, 0x90, 5},
                    {0x45, 0x90, 2}, {0x44, 0x24, 3}, {0x80, 0x90, 5}, {0x84, 0x24, 6}};
    static const u8 rex[] = {0, 0x41, 0x48, 0x4F}, segment[] = {0, 0x65};
    for (u32 n = 0; n < 7 * 8 * 4 * 2; n++) {
        u8 bytes[40] = {ENDBR64};
        u32 at = 4, kind = n % 7, form = n / 7 % 8;
        if (segment[n / 224])
            bytes[at++] = segment[n / 224];
        if (kinds[kind][0])
            bytes[at++] = kinds[kind][0];
        if (rex[n / 56 % 4])
            bytes[at++] = rex[n / 56 % 4];
        u32 opcode = at;
        memcpy(bytes + at, (u8[]){0x0F, 0xC7, operands[form].modrm | kinds[kind][1] << 3, operands[form].sib},
               4);
        at += 2 + operands[form].length;
        memcpy(bytes + at, (u8[]){0x0F, 0xC7, 0x37}, 3); /* vmptrld [rdi]: found if the length was right */
        walk(bytes, at + 3);
        assert_int_equal(patch.count, 2);
        assert_int_equal(patch.at[0], opcode + 1);
        assert_int_equal(patch.at[1], at + 1);
        assert_int_equal(patch.found, 2);
    }
}

static void leaves_its_relatives_alone(void **state)
{
    (void)state;
    static const u8 others[][6] = {
        {0x0F, 0xC7, 0x0F},       /* cmpxchg8b [rdi] */
        {0x48, 0x0F, 0xC7, 0x0F}, /* cmpxchg16b [rdi] */
        {0xF0, 0x0F, 0xC7, 0x0F}, /* lock cmpxchg8b [rdi] */
        {0x0F, 0xC7, 0xF0},       /* rdrand eax */
        {0x66, 0x0F, 0xC7, 0xF8}, /* rdseed ax */
        {0xF3, 0x0F, 0xC7, 0xF8}, /* rdpid eax */
        {0x66, 0x0F, 0xC7, 0x1F}, /* xrstors, xsavec, xsaves and vmptrst have no 66, */
        {0x66, 0x0F, 0xC7, 0x27},
        {0x66, 0x0F, 0xC7, 0x2F},
        {0x66, 0x0F, 0xC7, 0x3F},
        {0xF3, 0x0F, 0xC7, 0x1F}, /* F3 */
        {0xF3, 0x0F, 0xC7, 0x3F},
        {0xF2, 0x0F, 0xC7, 0x37}, /* or F2; nor has vmptrld */
        {0xF2, 0x0F, 0xC7, 0x2F},
        {0xF0, 0x0F, 0xC7, 0x37}, /* LOCK: #UD on a CPU */
        {0x0F, 0xC7, 0x17},       /* /2 and /0 don't exist */
        {0x0F, 0xC7, 0x07},
        {0xC7, 0x07, 0x0F, 0xC7, 0x37, 0}, /* mov dword [rdi], 0x37c70f */
        {0xB8, 0x0F, 0xC7, 0x37, 0},       /* mov eax, 0x37c70f */
        {0x0F, 0x0B},                      /* ud2 */
    };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        u8 bytes[4 + sizeof(others[0])] = {ENDBR64};
        memcpy(bytes + 4, others[i], sizeof(others[0]));
        walk(bytes, sizeof(bytes));
        if (patch.found)
            fail_msg("number %zu was taken for one of the seven", i);
    }
}

static void stays_in_its_bounds(void **state)
{
    (void)state;
    u8 bytes[] = {0x0F, 0xC7, 0x37, ENDBR64, 0x0F, 0xC7, 0x37, 0x0F, 0xC7, 0x37};
    memset(&patch, 0, sizeof(patch));
    quirk_patch_code(&patch, bytes, 3, 9); /* the second isn't whole */
    assert_int_equal(patch.found, 0);
    quirk_patch_code(&patch, bytes, 3, 10);
    assert_int_equal(patch.count, 1);
    assert_int_equal(patch.at[0], 8);
    assert_int_equal(bytes[1], 0xC7);
    assert_int_equal(bytes[11], 0xC7);
}

static void believes_nothing_close_behind_data(void **state)
{
    (void)state;
    WALK(NOPS_15, 0x0F, 0xC7, 0x37); /* at the start, who knows */
    assert_int_equal(patch.doubtful, 1);
    assert_int_equal(patch.found, 0);
    WALK(NOPS_15, 0x90, 0x0F, 0xC7, 0x37);
    assert_int_equal(patch.doubtful, 0);
    assert_int_equal(patch.count, 1);
    WALK(ENDBR64, 0x06, 0x0F, 0xC7, 0x37); /* 06 is nothing */
    assert_int_equal(patch.doubtful, 1);
    assert_int_equal(patch.lost, 1);
    WALK(ENDBR64, 0x06, 0x07, 0x06, 0x0F, 0xC7, 0x37, NOPS_15, 0x0F, 0xC7, 0x37); /* the first counts, too */
    assert_int_equal(patch.doubtful, 1);
    assert_int_equal(patch.count, 1);
    assert_int_equal(patch.lost, 1);
    WALK(ENDBR64, 0x06, ENDBR64, 0x0F, 0xC7, 0x37, 0x07);
    assert_int_equal(patch.doubtful, 0);
    assert_int_equal(patch.count, 1);
    assert_int_equal(patch.lost, 2);
}

/* Data whose last byte looks like the beginning of something longer: the function behind it is found all the
 * same. */
static void a_landing_pad_ends_whatever_came_before(void **state)
{
    (void)state;
    for (u32 before = 1; before < 10; before++) {
        u8 bytes[40] = {ENDBR64, 0x90};
        bytes[5] = 0x48;
        bytes[6] = 0xB8; /* mov rax, 8 bytes of the next function */
        memset(bytes + 7, 0, before - 1);
        memcpy(bytes + 6 + before, (u8[]){ENDBR64, 0x0F, 0xC7, 0x37}, 7);
        walk(bytes, 6 + before + 7);
        assert_int_equal(patch.count, 1);
        assert_int_equal(patch.at[0], 6 + before + 5);
        assert_int_equal(patch.lost, before < 9);
    }
}

static void counts_those_it_has_no_room_for(void **state)
{
    (void)state;
    static u8 many[4 + 3 * (QUIRK_SITES + 2)] = {ENDBR64};
    for (u32 i = 0; i < QUIRK_SITES + 2; i++)
        memcpy(many + 4 + 3 * i, (u8[]){0x0F, 0xC7, 0x37}, 3);
    walk(many, 4 + 3 * QUIRK_SITES);
    assert_int_equal(patch.count, QUIRK_SITES);
    assert_int_equal(patch.found, QUIRK_SITES);
    walk(many, sizeof(many));
    assert_int_equal(patch.count, QUIRK_SITES);
    assert_int_equal(patch.found, QUIRK_SITES + 2);
}

static struct quirk_patch by_objdump;

static void note(u64 address, const u8 *bytes, u32 length, const char *text)
{
    static const char *const names[] = {"xrstors", "xsavec", "xsaves", "vmptrld",
                                        "vmclear", "vmxon",  "vmptrst"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (strncmp(text, names[i], strlen(names[i])) != 0)
            continue;
        u32 at = 0;
        while (at < length && bytes[at] != 0xC7)
            at++;
        by_objdump.at[by_objdump.count++] = (u32)address + at;
    }
}

static void finds_in_the_stand_in_what_objdump_finds(void **state)
{
    (void)state;
    static u8 file[1 << 20], loaded[1 << 20];
    static struct module_image image;
    char command[600];
    FILE *in = fopen(objdump_standin(), "rb");
    u64 size = fread(file, 1, sizeof(file), in);
    fclose(in);
    assert_null(module_image_read(file, size, &image));
    assert_in_range(image.span, PAGE_SIZE, sizeof(loaded));
    module_image_load(&image, loaded, 0);
    memset(&patch, 0, sizeof(patch));
    for (u32 i = 0; i < image.segment_count; i++)
        if (image.segments[i].executable)
            quirk_patch_code(&patch, loaded, image.segments[i].linear,
                             image.segments[i].linear + image.segments[i].file_size);
    format(command, sizeof(command), "-D -j .text %s", objdump_standin());
    objdump_each(command, note);
    assert_in_range(by_objdump.count, 4, 100);
    assert_int_equal(patch.count, by_objdump.count);
    assert_memory_equal(patch.at, by_objdump.at, patch.count * sizeof(patch.at[0]));
    assert_int_equal(patch.doubtful, 0);
    assert_true(image.segments[0].executable);
    assert_false(image.segments[1].executable);
}

/* ---- putting back ---- */

static void puts_back_what_was_there(void **state)
{
    (void)state;
    static u8 bytes[4 + 3 * 100] = {ENDBR64};
    for (u32 i = 0; i < 100; i++)
        memcpy(bytes + 4 + 3 * i, i % 3 ? (u8[]){0x0F, 0xC7, 0x37} : (u8[]){0x90, 0x0F, 0x0B}, 3);
    walk(bytes, sizeof(bytes));
    assert_int_equal(patch.count, 66);
    for (u32 from = 0; from <= sizeof(bytes); from++)
        for (u32 size = 0; size <= 15 && from + size <= sizeof(bytes); size++) {
            u8 window[16];
            memset(window, 0xEE, sizeof(window));
            memcpy(window, copy + from, size);
            quirk_patch_undo(&patch, from, window, size);
            assert_memory_equal(window, bytes + from, size);
            assert_int_equal(window[size], 0xEE);
        }
}

/* ---- in the module ---- */

/* The module's code, as it is executed: a page at CODE, which is behind a page that isn't code. */
static int enter_patched(void **state)
{
    fake_enter(state);
    seam_space.code = (struct space_region){LINEAR_CODE, CODE, PAGE_SIZE};
    memset(&module_patch, 0, sizeof(module_patch));
    memset(&machine, 0, sizeof(machine));
    memset(&options, 0, sizeof(options));
    test_log_clear();
    return 0;
}

static const u8 function[] = {ENDBR64, 0x66, 0x0F, 0xC7, 0x75, 0x10, /* vmclear [rbp+16] */
                              0x0F,    0x0B};                        /* ud2 */
#define VMCLEAR_AT 4
#define UD2_AT     9

static struct module_image image_of_function(void)
{
    return (struct module_image){
        .segments =
            {{.linear = 0, .file_size = 0x100},
             {.linear = 0x100, .file_size = sizeof(function), .memory_size = 0x200, .executable = true}},
        .segment_count = 2,
    };
}

static void load_function(void)
{
    struct module_image image = image_of_function();
    memset((void *)CODE, 0, PAGE_SIZE);
    memcpy((void *)CODE, function, sizeof(function)); /* no code, whatever it looks like */
    memcpy((void *)(CODE + 0x100), function, sizeof(function));
    memcpy((void *)(CODE + 0x100 + sizeof(function)), function,
           sizeof(function)); /* behind what the file has */
    quirk_work_around(&image);
}

static void execute_at(u64 offset)
{
    fake.vmcb.rip = LINEAR_CODE + offset;
    instruction_undefined(&fake.lp);
}

static void nobody_notices(void **state)
{
    (void)state;
    options.patch = OPTIONS_PATCH_ON;
    load_function();
    assert_int_equal(module_patch.count, 1);
    assert_int_equal(*(u8 *)(CODE + 0x100 + VMCLEAR_AT + 2), 0x0B);
    assert_memory_equal((void *)CODE, function, sizeof(function));
    assert_memory_equal((void *)(CODE + 0x100 + sizeof(function)), function, sizeof(function));
    fake.lp.regs.rbp = LINEAR(0) - 16;
    *(u64 *)AT(0) = RAM + PAGE_SIZE;
    fake.seam.current_vmcs = RAM + PAGE_SIZE;
    execute_at(0x100 + VMCLEAR_AT);
    assert_string_equal(fake.stopped, "");
    assert_int_equal(fake.vmcb.rip, LINEAR_CODE + 0x100 + VMCLEAR_AT + 5);
    assert_int_equal(fake.seam.current_vmcs, VMCS_NONE);
    char name[INSTRUCTION_NAME];
    fake.vmcb.rip = LINEAR_CODE + 0x100 + VMCLEAR_AT;
    instruction_name(&fake.lp, name);
    assert_string_equal(name, "VMCLEAR");
    fake.vmcb.rip++; /* without its prefix */
    instruction_name(&fake.lp, name);
    assert_string_equal(name, "VMPTRLD");
}

static void a_real_ud2_is_one(void **state)
{
    (void)state;
    options.patch = OPTIONS_PATCH_ON;
    load_function();
    execute_at(0x100 + UD2_AT);
    assert_string_equal(fake.stopped, "executed UD2 (its own fatal-error path)");
}

/* The same offset as that of a replaced byte, but not in the code. */
static void other_memory_is_as_it_is(void **state)
{
    (void)state;
    u8 bytes[16];
    options.patch = OPTIONS_PATCH_ON;
    load_function();
    memset(AT(0), 0x0B, PAGE_SIZE);
    fake.vmcb.rip = LINEAR(0x100);
    assert_int_equal(module_fetch(&fake.lp, bytes), 15);
    assert_memory_equal(bytes, AT(0x100), 15);
    seam_space.code.size = 0x100; /* code ends in front of it */
    fake.vmcb.rip = LINEAR_CODE + 0x100 + VMCLEAR_AT;
    module_fetch(&fake.lp, bytes);
    assert_int_equal(bytes[2], 0x0B);
}

/* ---- when ---- */

static void only_where_it_is_needed(void **state)
{
    (void)state;
    static const struct {
        u32 swallowed;
        enum options_patch wish;
        bool patched;
    } cases[] = {
        {0, OPTIONS_PATCH_AUTO, false}, {0, OPTIONS_PATCH_OFF, false},  {0, OPTIONS_PATCH_ON, true},
        {1, OPTIONS_PATCH_AUTO, true},  {0x7F, OPTIONS_PATCH_ON, true}, {0x40, OPTIONS_PATCH_AUTO, true},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        machine.group9_swallowed = cases[i].swallowed;
        options.patch = cases[i].wish;
        test_log_clear();
        load_function();
        quirk_say();
        assert_int_equal(module_patch.count, cases[i].patched);
        if (!cases[i].patched)
            assert_string_equal(test_log(), "");
        else if (cases[i].swallowed)
            assert_logged(
                "quirk: 1 instructions of the module's copy in memory are replaced by UD2 (this QEMU loses them)");
        else
            assert_logged(
                "quirk: 1 instructions of the module's copy in memory are replaced by UD2 (patch=on)");
        assert_null(strstr(test_log(), "more"));
    }
}

static void a_second_load_starts_anew(void **state)
{
    (void)state;
    options.patch = OPTIONS_PATCH_ON;
    load_function();
    load_function();
    assert_int_equal(module_patch.count, 1);
    options.patch = OPTIONS_PATCH_OFF;
    load_function();
    assert_int_equal(module_patch.count, 0);
}

static void what_is_left_is_said(void **state)
{
    (void)state;
    struct module_image image = image_of_function();
    options.patch = OPTIONS_PATCH_ON;
    memcpy((void *)(CODE + 0x100), (u8[]){0x90, 0x0F, 0xC7, 0x37, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90},
           11);
    quirk_work_around(&image);
    quirk_say();
    assert_logged("quirk: 1 more were left");
}

static void refused_if_forbidden(void **state)
{
    (void)state;
    machine.group9_swallowed = 0x10;
    options.patch = OPTIONS_PATCH_OFF;
    if (!setjmp(refused)) {
        load_function();
        fail_msg("it went on");
    }
    assert_string_equal(refusal, "this QEMU takes VMPTRLD, XSAVES and others for no-ops, which"
                                 " patch=off leaves so: use QEMU 7.2 or 11.1, or no patch=off");
}

static void refused_if_there_are_too_many(void **state)
{
    (void)state;
    struct module_image image = {
        .segments = {{.linear = 0, .file_size = 4 + 3 * (QUIRK_SITES + 1), .executable = true}},
        .segment_count = 1,
    };
    options.patch = OPTIONS_PATCH_ON;
    memcpy((void *)CODE, (u8[]){ENDBR64}, 4);
    for (u32 i = 0; i < QUIRK_SITES + 1; i++)
        memcpy((u8 *)CODE + 4 + 3 * i, (u8[]){0x0F, 0xC7, 0x37}, 3);
    if (!setjmp(refused)) {
        quirk_work_around(&image);
        fail_msg("it went on");
    }
    assert_string_equal(
        refusal, "the module has 513 instructions that need to be replaced, there is room for 512: use "
                 "QEMU 7.2 or 11.1 without patch=on");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_all_seven_in_all_forms),
        cmocka_unit_test(leaves_its_relatives_alone),
        cmocka_unit_test(stays_in_its_bounds),
        cmocka_unit_test(believes_nothing_close_behind_data),
        cmocka_unit_test(a_landing_pad_ends_whatever_came_before),
        cmocka_unit_test(counts_those_it_has_no_room_for),
        cmocka_unit_test(finds_in_the_stand_in_what_objdump_finds),
        cmocka_unit_test(puts_back_what_was_there),
        cmocka_unit_test_setup(nobody_notices, enter_patched),
        cmocka_unit_test_setup(a_real_ud2_is_one, enter_patched),
        cmocka_unit_test_setup(other_memory_is_as_it_is, enter_patched),
        cmocka_unit_test_setup(only_where_it_is_needed, enter_patched),
        cmocka_unit_test_setup(a_second_load_starts_anew, enter_patched),
        cmocka_unit_test_setup(what_is_left_is_said, enter_patched),
        cmocka_unit_test_setup(refused_if_forbidden, enter_patched),
        cmocka_unit_test_setup(refused_if_there_are_too_many, enter_patched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
