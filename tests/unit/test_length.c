/* SPDX-License-Identifier: MIT */
/*
 * The length of instructions: a few by hand, every opcode in many forms as objdump sees it, and all the code
 * of this program and of the stand-in module.
 */
#include "tests/unit/support.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/format.h"
#include "seam/genuine/length.h"
#include "tests/unit/objdump.h"

/* ---- by hand ---- */

static const struct {
    const char *text;
    u8 bytes[16];
    u32 length, opcode;
} examples[] = {
    {"ret", {0xC3}, 1, 0},
    {"endbr64", {0xF3, 0x0F, 0x1E, 0xFA}, 4, 1},
    {"vmptrld [rsp+8]", {0x0F, 0xC7, 0x74, 0x24, 0x08}, 5, 0},
    {"vmclear [r12]", {0x66, 0x41, 0x0F, 0xC7, 0x34, 0x24}, 6, 2},
    {"xsaves64 gs:[rbp+0x12345678]", {0x65, 0x48, 0x0F, 0xC7, 0xAD, 0x78, 0x56, 0x34, 0x12}, 9, 2},
    {"vmptrst [rip+1]", {0x0F, 0xC7, 0x3D, 1, 0, 0, 0}, 7, 0},
    {"mov rax, imm64", {0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7, 8}, 10, 1},
    {"mov ax, imm16", {0x66, 0xB8, 1, 2}, 4, 1},
    {"mov rax, imm64 with 66", {0x66, 0x48, 0xB8, 1, 2, 3, 4, 5, 6, 7, 8}, 11, 2},
    {"add rax, imm32 with 66", {0x66, 0x48, 0x05, 1, 2, 3, 4}, 7, 2},
    {"rex that doesn't count: mov ax, imm16", {0x48, 0x66, 0xB8, 1, 2}, 5, 2},
    {"mov al, [moffs]", {0xA0, 1, 2, 3, 4, 5, 6, 7, 8}, 9, 0},
    {"mov al, [moffs32]", {0x67, 0xA0, 1, 2, 3, 4}, 6, 1},
    {"test byte [rax], 1", {0xF6, 0x00, 1}, 3, 0},
    {"not byte [rax]", {0xF6, 0x10}, 2, 0},
    {"test word [rax], 1", {0x66, 0xF7, 0x00, 1, 0}, 5, 1},
    {"xbegin", {0xC7, 0xF8, 1, 2, 3, 4}, 6, 0},
    {"xabort", {0xC6, 0xF8, 1}, 3, 0},
    {"mov cr3, rax with mod 0", {0x0F, 0x22, 0x18}, 3, 0},
    {"mov eax, [disp32] by SIB", {0x8B, 0x04, 0x25, 1, 2, 3, 4}, 7, 0},
    {"mov eax, [rbp+rax+1]", {0x8B, 0x44, 0x05, 1}, 4, 0},
    {"enter", {0xC8, 1, 2, 3}, 4, 0},
    {"call with 66: 4 bytes, as Intel does it", {0x66, 0xE8, 1, 2, 3, 4}, 6, 1},
    {"jz with 66", {0x66, 0x0F, 0x84, 1, 2, 3, 4}, 7, 1},
    {"movdir64b", {0x66, 0x0F, 0x38, 0xF8, 0x37}, 5, 1},
    {"palignr", {0x66, 0x0F, 0x3A, 0x0F, 0xC1, 1}, 6, 1},
    {"vzeroupper", {0xC5, 0xF8, 0x77}, 3, 2},
    {"vpalignr ymm", {0xC4, 0xE3, 0x75, 0x0F, 0xC2, 1}, 6, 3},
    {"vmovdqu8 zmm, [rsp+0x40]", {0x62, 0xF1, 0x7F, 0x48, 0x6F, 0x44, 0x24, 1}, 8, 4},
    {"vcvtps2qq: an opcode that only EVEX has", {0x62, 0xF1, 0x7D, 0x48, 0x7B, 0xC1}, 6, 4},
    {"15 bytes", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0F, 0x1F, 0x84, 0, 0, 0}, 0, 9},
    {"15 bytes that fit", {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0F, 0x1F, 0x84, 0, 0, 0, 0, 0}, 15, 7},
    {"15 prefixes",
     {0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66},
     0,
     15},
    {"push es", {0x06}, 0, 0},
    {"aaa", {0x37}, 0, 0},
    {"jmp far", {0xEA}, 0, 0},
    {"ff /7", {0xFF, 0xF8}, 0, 0},
    {"fe /2", {0xFE, 0x10}, 0, 0},
    {"8f /1", {0x8F, 0xC8}, 0, 0},
    {"c6 /1", {0xC6, 0x08, 1}, 0, 0},
    {"0f c7 /2", {0x0F, 0xC7, 0x10}, 0, 0},
    {"0f 7b without EVEX", {0x0F, 0x7B, 0xC1}, 0, 0},
    {"0f 04", {0x0F, 0x04}, 0, 0},
    {"VEX behind REX", {0x48, 0xC5, 0xF8, 0x77}, 0, 3},
    {"VEX behind 66", {0x66, 0xC5, 0xF8, 0x28, 0xC1}, 0, 3},
    {"VEX behind F3", {0xF3, 0xC5, 0xF8, 0x28, 0xC1}, 0, 3},
    {"VEX, a jump", {0xC5, 0xF8, 0x84, 1, 2, 3, 4}, 0, 2},
    {"VEX map 4", {0xC4, 0xE4, 0x78, 0x28, 0xC1}, 0, 3},
    {"VEX map 5", {0xC4, 0xE5, 0x78, 0x28, 0xC1}, 0, 3},
    {"EVEX map 4", {0x62, 0xF4, 0x7C, 0x48, 0x28, 0xC1}, 0, 4},
    {"EVEX, a fixed bit set", {0x62, 0xF9, 0x7C, 0x48, 0x28, 0xC1}, 0, 4},
    {"EVEX, a fixed bit clear", {0x62, 0xF1, 0x78, 0x48, 0x28, 0xC1}, 0, 4},
    {"EVEX, vzeroupper", {0x62, 0xF1, 0x7C, 0x48, 0x77, 0xC1}, 0, 4},
};

static void knows_these(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++) {
        u32 opcode = 99, length = instruction_length(examples[i].bytes, 16, &opcode);
        if (length != examples[i].length || (length && opcode != examples[i].opcode))
            fail_msg("%s: %u bytes, opcode at %u", examples[i].text, length, opcode);
    }
}

/* In memory that ends where the bytes do, so that a look behind them is seen. */
static void nothing_is_read_behind_the_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(examples); i++)
        for (u32 size = 0; size <= examples[i].length; size++) {
            u32 opcode;
            u8 *exact = malloc(size ? size : 1);
            memcpy(exact, examples[i].bytes, size);
            assert_int_equal(instruction_length(exact, size, &opcode), size < examples[i].length ? 0 : size);
            free(exact);
        }
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    u64 seed = 7;
    for (u32 i = 0; i < 200000; i++) {
        u32 opcode, size = (u32)(test_random(&seed) % 18);
        u8 *exact = malloc(size ? size : 1);
        for (u32 k = 0; k < size; k++)
            exact[k] = (u8)test_random(&seed);
        u32 length = instruction_length(exact, size, &opcode);
        assert_in_range(length, 0, size < 15 ? size : 15);
        if (length)
            assert_in_range(opcode, 0, length - 1);
        free(exact);
    }
}

/* ---- every opcode ---- */

#define SLOT      24 /* an instruction and one-byte instructions behind it */
#define SLOTS_MAX 131072
#define NOP       0x90

static u8 *slots;
static u32 slot_count;

static void add(const u8 *bytes, u32 size)
{
    u8 *slot = slots + (size_t)slot_count++ * SLOT;
    assert_in_range(slot_count, 1, SLOTS_MAX);
    memset(slot, NOP, SLOT);
    memcpy(slot, bytes, size);
}

/* ModRM, and SIB where it wants one: the shapes that a memory operand has, and a register */
static const u8 operands[][2] = {
    {0x00, NOP}, {0x04, 0x24}, {0x04, 0x25}, {0x05, NOP}, {0x44, 0x25},
    {0x45, NOP}, {0x84, 0x24}, {0x80, NOP},  {0xC0, NOP},
};

/* All shapes, or with each of the eight reg fields one. */
static void add_with_operands(const u8 *front, u32 size, bool all_shapes)
{
    u8 bytes[SLOT];
    for (u32 i = 0; i < (all_shapes ? ARRAY_COUNT(operands) : 8); i++) {
        u8 modrm = all_shapes ? operands[i][0] | (i & 7) << 3 : (u8)(i << 3 | (i & 1 ? 0x04 : 0xC0));
        memcpy(bytes, front, size);
        bytes[size] = modrm;
        bytes[size + 1] = (modrm & 7) == 4 && modrm < 0xC0 ? (all_shapes ? operands[i][1] : 0x24) : NOP;
        add(bytes, size + 2);
    }
}

/* 9B is no prefix, but objdump prints it as one of x87 instructions. Only newer ones know D5. */
static bool is_prefix(u8 byte)
{
    return memchr("\x26\x2E\x36\x3E\x64\x65\x66\x67\xF0\xF2\xF3\x9B\x62\xC4\xC5\xD5", byte, 16) ||
           (byte & 0xF0) == 0x40;
}

static void add_legacy(const char *prefix, const char *escape, u32 escape_size, bool all_shapes)
{
    u8 front[8];
    u32 size = (u32)strlen(prefix);
    memcpy(front, prefix, size);
    memcpy(front + size, escape, escape_size);
    size += escape_size;
    for (u32 opcode = 0; opcode < 256; opcode++) {
        if (escape_size == 0 ? opcode == 0x0F || is_prefix((u8)opcode)
                             : escape_size == 1 && (opcode & 0xFD) == 0x38)
            continue;
        front[size] = (u8)opcode;
        add_with_operands(front, size + 1, all_shapes);
    }
}

static void add_vector(void)
{
    for (u32 opcode = 0; opcode < 256; opcode++) {
        for (u8 pp = 0; pp < 4; pp++) {
            add_with_operands((const u8[]){0xC5, 0xF8 | pp, (u8)opcode}, 3, pp == 1);
            for (u8 map = 1; map < 4; map++)
                add_with_operands((const u8[]){0xC4, 0xE0 | map, 0x7C | pp, (u8)opcode}, 4, false);
        }
        for (u8 map = 1; map < 7; map += map == 3 ? 2 : 1)
            add_with_operands((const u8[]){0x62, 0xF0 | map, 0x7D, 0x48, (u8)opcode}, 5, map == 1);
    }
}

/*
 * What objdump knows and we don't, on purpose: 3DNow! and VIA's instructions; and what it reads as AMD does
 * it: 66 in front of near jumps, EXTRQ and INSERTQ.
 */
static bool differs_on_purpose(const char *text, const u8 *bytes)
{
    static const char *const names[] = {"femms",  "pf",     "pi2f", "pmulhrw", "pswapd", "pavgusb",
                                        "xstore", "xcrypt", "xsha", "montmul", "extrq",  "insertq"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strstr(text, names[i]))
            return true;
    return bytes[0] == 0x66 && (text[0] == 'j' || strstr(text, " j") || strstr(text, "call"));
}

static u32 seen, wrong;

static void compare_slot(u64 address, const u8 *bytes, u32 length, const char *text)
{
    (void)bytes;
    if (address % SLOT)
        return;
    u32 opcode, ours = instruction_length(slots + address, SLOT, &opcode);
    seen++;
    if (objdump_is_nonsense(text) || ours == length || differs_on_purpose(text, slots + address))
        return;
    if (wrong++ < 10)
        print_message("# %s: %u bytes, we say %u\n", text, length, ours);
}

static void agrees_with_objdump_on_every_opcode(void **state)
{
    (void)state;
    char file[] = "/tmp/seamstress-XXXXXX", command[200];
    slots = malloc((size_t)SLOTS_MAX * SLOT);
    slot_count = seen = wrong = 0;
    add_legacy("", "", 0, true);
    add_legacy("", "\x0F", 1, true);
    add_legacy("", "\x0F\x38", 2, false);
    add_legacy("", "\x0F\x3A", 2, false);
    static const char *const prefixes[] = {"\x66", "\xF2", "\xF3", "\x67", "\x48", "\x66\x48", "\x2E\x41"};
    for (size_t i = 0; i < ARRAY_COUNT(prefixes); i++) {
        add_legacy(prefixes[i], "", 0, false);
        add_legacy(prefixes[i], "\x0F", 1, false);
    }
    add_vector();
    int out = mkstemp(file);
    assert_int_equal(write(out, slots, (size_t)slot_count * SLOT), (ssize_t)slot_count * SLOT);
    close(out);
    format(command, sizeof(command), "-D -b binary -m i386:x86-64 %s", file);
    objdump_each(command, compare_slot);
    unlink(file);
    free(slots);
    assert_int_equal(seen, slot_count);
    assert_int_equal(wrong, 0);
}

/* ---- whole programs ---- */

static void compare_program(u64 address, const u8 *bytes, u32 length, const char *text)
{
    u8 longer[32];
    u32 opcode;
    memset(longer, 0xFF, sizeof(longer));
    memcpy(longer, bytes, length);
    if (objdump_is_nonsense(text))
        fail_msg("at 0x%lx stand data: this can't be compared", (unsigned long)address);
    seen++;
    u32 ours = instruction_length(longer, sizeof(longer), &opcode);
    if (ours != length && wrong++ < 10)
        print_message("# 0x%lx %s: %u bytes, we say %u\n", (unsigned long)address, text, length, ours);
}

static void agrees_with_objdump_on(const char *path, u32 at_least)
{
    char command[600];
    seen = wrong = 0;
    format(command, sizeof(command), "-D -j .text %s", path);
    objdump_each(command, compare_program);
    assert_in_range(seen, at_least, 100000000);
    assert_int_equal(wrong, 0);
}

static void agrees_with_objdump_on_this_program(void **state)
{
    (void)state;
    agrees_with_objdump_on("/proc/$PPID/exe", 2000); /* of the shell's parent: us */
}

static void agrees_with_objdump_on_the_stand_in(void **state)
{
    (void)state;
    agrees_with_objdump_on(objdump_standin(), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_these),
        cmocka_unit_test(nothing_is_read_behind_the_end),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(agrees_with_objdump_on_every_opcode),
        cmocka_unit_test(agrees_with_objdump_on_this_program),
        cmocka_unit_test(agrees_with_objdump_on_the_stand_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
