/* SPDX-License-Identifier: MIT */
/* The monitor's decoder against instructions as the assembler writes them, and against everything cut short.
 */
#include "tests/unit/support.h"

#include <string.h>

#include "seam/monitor/decode.h"

struct example {
    const char *text;
    u32 bits;
    u8 bytes[16];
    u32 length;
    struct instruction is; /* what must come out; without a memory operand base and index are -1 */
};

#define NO_REGISTERS .base = -1, .index = -1
#define REG(modrm_)  .has_modrm = true, .modrm = (modrm_), NO_REGISTERS
#define MEM(modrm_)  .has_modrm = true, .modrm = (modrm_), .memory = true

static const struct example examples[] = {
    {"seamcall",
     64,
     {0x66, 0x0F, 0x01, 0xCF},
     4,
     {.operand_size = true, .map = MAP_0F, .opcode = 0x01, REG(0xCF)}},
    {"vmxoff", 64, {0x0F, 0x01, 0xC4}, 3, {.map = MAP_0F, .opcode = 0x01, REG(0xC4)}},
    {"vmxon [rax]",
     64,
     {0xF3, 0x0F, 0xC7, 0x30},
     4,
     {.repeat = 0xF3, .map = MAP_0F, .opcode = 0xC7, MEM(0x30), .base = 0, .index = -1}},
    {"vmxon [rbp-8]",
     64,
     {0xF3, 0x0F, 0xC7, 0x75, 0xF8},
     5,
     {.repeat = 0xF3, .map = MAP_0F, .opcode = 0xC7, MEM(0x75), .base = 5, .index = -1, .displacement = -8}},
    {"vmxon [rbx+0x12345678]",
     64,
     {0xF3, 0x0F, 0xC7, 0xB3, 0x78, 0x56, 0x34, 0x12},
     8,
     {.repeat = 0xF3,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0xB3),
      .base = 3,
      .index = -1,
      .displacement = 0x12345678}},
    {"vmxon [rsp]",
     64,
     {0xF3, 0x0F, 0xC7, 0x34, 0x24},
     5,
     {.repeat = 0xF3, .map = MAP_0F, .opcode = 0xC7, MEM(0x34), .base = 4, .index = -1}},
    {"vmxon [r12]",
     64,
     {0xF3, 0x41, 0x0F, 0xC7, 0x34, 0x24},
     6,
     {.repeat = 0xF3, .rex = 0x41, .map = MAP_0F, .opcode = 0xC7, MEM(0x34), .base = 12, .index = -1}},
    {"vmxon [r13]",
     64,
     {0xF3, 0x41, 0x0F, 0xC7, 0x75, 0x00},
     6,
     {.repeat = 0xF3, .rex = 0x41, .map = MAP_0F, .opcode = 0xC7, MEM(0x75), .base = 13, .index = -1}},
    {"vmxon [rsp+rcx*8+0x10]",
     64,
     {0xF3, 0x0F, 0xC7, 0x74, 0xCC, 0x10},
     6,
     {.repeat = 0xF3,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0x74),
      .base = 4,
      .index = 1,
      .scale = 3,
      .displacement = 0x10}},
    {"vmxon [rax+r12*4]",
     64,
     {0xF3, 0x42, 0x0F, 0xC7, 0x34, 0xA0},
     6,
     {.repeat = 0xF3,
      .rex = 0x42,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0x34),
      .base = 0,
      .index = 12,
      .scale = 2}},
    {"vmxon [rdi*2-1]",
     64,
     {0xF3, 0x0F, 0xC7, 0x34, 0x7D, 0xFF, 0xFF, 0xFF, 0xFF},
     9,
     {.repeat = 0xF3,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0x34),
      .base = -1,
      .index = 7,
      .scale = 1,
      .displacement = -1}},
    {"vmxon [absolute 0x1000]",
     64,
     {0xF3, 0x0F, 0xC7, 0x34, 0x25, 0x00, 0x10, 0x00, 0x00},
     9,
     {.repeat = 0xF3, .map = MAP_0F, .opcode = 0xC7, MEM(0x34), NO_REGISTERS, .displacement = 0x1000}},
    {"vmxon [rip-16]",
     64,
     {0xF3, 0x0F, 0xC7, 0x35, 0xF0, 0xFF, 0xFF, 0xFF},
     8,
     {.repeat = 0xF3,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0x35),
      NO_REGISTERS,
      .rip_relative = true,
      .displacement = -16}},
    {"vmxon [0xFFFFFFF0] in 32-bit code",
     32,
     {0xF3, 0x0F, 0xC7, 0x35, 0xF0, 0xFF, 0xFF, 0xFF},
     8,
     {.repeat = 0xF3, .map = MAP_0F, .opcode = 0xC7, MEM(0x35), NO_REGISTERS, .displacement = -16}},
    {"vmxon [eax] in 16-bit code",
     16,
     {0x67, 0xF3, 0x0F, 0xC7, 0x30},
     5,
     {.address_size = true,
      .repeat = 0xF3,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0x30),
      .base = 0,
      .index = -1}},
    {"vmxon gs:[eax]",
     64,
     {0x65, 0x67, 0xF3, 0x0F, 0xC7, 0x30},
     6,
     {.segment = 0x65,
      .address_size = true,
      .repeat = 0xF3,
      .map = MAP_0F,
      .opcode = 0xC7,
      MEM(0x30),
      .base = 0,
      .index = -1}},
    {"mov cr4, rax", 64, {0x0F, 0x22, 0xE0}, 3, {.map = MAP_0F, .opcode = 0x22, REG(0xE0)}},
    {"mov r9, cr0", 64, {0x41, 0x0F, 0x20, 0xC1}, 4, {.rex = 0x41, .map = MAP_0F, .opcode = 0x20, REG(0xC1)}},
    {"mov cr8, rax",
     64,
     {0x44, 0x0F, 0x22, 0xC0},
     4,
     {.rex = 0x44, .map = MAP_0F, .opcode = 0x22, REG(0xC0)}},
    {"mov cr8, eax as AMD spells it",
     32,
     {0xF0, 0x0F, 0x22, 0xC0},
     4,
     {.lock = true, .map = MAP_0F, .opcode = 0x22, REG(0xC0)}},
    {"mov cr4, rax whose mod says memory",
     64,
     {0x0F, 0x22, 0x20},
     3,
     {.map = MAP_0F, .opcode = 0x22, REG(0x20)}},
    {"mov cr4, eax in 16-bit code, mod ignored",
     16,
     {0x0F, 0x22, 0x20},
     3,
     {.map = MAP_0F, .opcode = 0x22, REG(0x20)}},
    {"movdir64b rax, [rdx+0x40]",
     64,
     {0x66, 0x0F, 0x38, 0xF8, 0x42, 0x40},
     6,
     {.operand_size = true,
      .map = MAP_0F38,
      .opcode = 0xF8,
      MEM(0x42),
      .base = 2,
      .index = -1,
      .displacement = 0x40}},
    {"movdiri [r8], r15",
     64,
     {0x4D, 0x0F, 0x38, 0xF9, 0x38},
     5,
     {.rex = 0x4D, .map = MAP_0F38, .opcode = 0xF9, MEM(0x38), .base = 8, .index = -1}},
    {"the map 0F 3A",
     64,
     {0x66, 0x0F, 0x3A, 0x0F, 0xC1},
     5,
     {.operand_size = true, .map = MAP_0F3A, .opcode = 0x0F, REG(0xC1)}},
    {"hlt", 64, {0xF4}, 1, {.opcode = 0xF4, NO_REGISTERS}},
    {"rex.w hlt", 64, {0x48, 0xF4}, 2, {.rex = 0x48, .opcode = 0xF4, NO_REGISTERS}},
    {"dec eax in 32-bit code is no REX", 32, {0x48, 0xF4}, 1, {.opcode = 0x48, NO_REGISTERS}},
    {"the last of F2 and F3 counts",
     64,
     {0xF2, 0xF3, 0xF4},
     3,
     {.repeat = 0xF3, .opcode = 0xF4, NO_REGISTERS}},
    {"the last segment counts", 64, {0x2E, 0x64, 0xF4}, 3, {.segment = 0x64, .opcode = 0xF4, NO_REGISTERS}},
};

static void assert_same(const struct instruction *is, const struct instruction *want, const char *text)
{
#define SAME(field)                                                                                          \
    if (is->field != want->field)                                                                            \
    fail_msg("%s: " #field " is %lld, not %lld", text, (long long)is->field, (long long)want->field)
    SAME(lock);
    SAME(operand_size);
    SAME(repeat);
    SAME(segment);
    SAME(address_size);
    SAME(rex);
    SAME(map);
    SAME(opcode);
    SAME(has_modrm);
    SAME(modrm);
    SAME(length);
    SAME(memory);
    SAME(base);
    SAME(index);
    SAME(rip_relative);
    SAME(scale);
    SAME(displacement);
}

static void reads_what_the_assembler_writes(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(examples); i++) {
        struct instruction is, want = examples[i].is;
        memset(&is, 0xA5, sizeof(is)); /* nothing may be left as it was */
        if (!decode(examples[i].bytes, examples[i].bits, &is))
            fail_msg("%s: not understood", examples[i].text);
        want.length = examples[i].length;
        assert_same(&is, &want, examples[i].text);
    }
}

/* WBINVD and CPUID have no ModRM byte; the caller knows, since the intercept names them, and takes no length
 * from here. What is read past them must not matter to the fields in front. */
static void reads_the_opcode_of_what_has_no_modrm(void **state)
{
    (void)state;
    struct instruction is;
    assert_true(decode((const u8[16]){0x0F, 0x09, 0xC3}, 64, &is));
    assert_int_equal(is.map, MAP_0F);
    assert_int_equal(is.opcode, 0x09);
    assert_false(is.memory);
}

static void registers_take_their_fourth_bit_from_rex(void **state)
{
    (void)state;
    struct instruction is;
    for (u32 rex = 0; rex < 16; rex++)
        for (u32 modrm = 0xC0; modrm < 0x100; modrm++) {
            assert_true(decode((const u8[16]){0x40 | rex, 0x0F, 0x22, modrm}, 64, &is));
            assert_int_equal(decode_reg(&is), (modrm >> 3 & 7) + (rex & 4 ? 8 : 0));
            assert_int_equal(decode_rm(&is), (modrm & 7) + (rex & 1 ? 8 : 0));
        }
}

static void leaves_16_bit_addresses_alone(void **state)
{
    (void)state;
    struct instruction is;
    assert_false(decode((const u8[16]){0xF3, 0x0F, 0xC7, 0x37}, 16, &is)); /* vmxon [bx] */
    assert_false(decode((const u8[16]){0x67, 0xF3, 0x0F, 0xC7, 0x37}, 32, &is));
    assert_true(decode((const u8[16]){0x67, 0xF3, 0x0F, 0xC7, 0x37}, 64, &is)); /* 67 means 32 bits here */
}

/* The caller fetches up to 15 bytes, fills up with zeros and compares the length with what it got. */
static void a_cut_instruction_is_longer_than_what_is_there(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(examples); i++)
        for (u32 have = 0; have < examples[i].length; have++) {
            u8 bytes[16] = {0};
            struct instruction is;
            memcpy(bytes, examples[i].bytes, have);
            if (decode(bytes, examples[i].bits, &is) && is.length <= have)
                fail_msg("%s: %u bytes of it pass for a whole one", examples[i].text, have);
        }
}

static void nothing_longer_than_15_bytes_is_understood(void **state)
{
    (void)state;
    struct instruction is;
    u8 bytes[16];
    memset(bytes, 0x66, sizeof(bytes));
    assert_false(decode(bytes, 64, &is)); /* prefixes only */
    memcpy(bytes + 11, (const u8[]){0x0F, 0x01, 0xCF}, 3);
    assert_true(decode(bytes, 64, &is)); /* eleven prefixes and seamcall */
    assert_int_equal(is.length, 14);
    static const u8 vmxon[] = {0x0F, 0xC7, 0xB4, 0x24, 0x78, 0x56, 0x34, 0x12}; /* [rsp+0x12345678] */
    for (u32 prefixes = 0; prefixes < sizeof(bytes); prefixes++) {
        memset(bytes, 0x66, sizeof(bytes));
        memcpy(bytes + prefixes, vmxon, sizeof(bytes) - prefixes < 8 ? sizeof(bytes) - prefixes : 8);
        assert_int_equal(decode(bytes, 64, &is), prefixes + sizeof(vmxon) <= 15);
    }
}

static void random_bytes_stay_within_bounds(void **state)
{
    (void)state;
    u64 seed = 0xDEC0DE;
    print_message("seed 0x%lx\n", seed);
    for (u32 i = 0; i < 200000; i++) {
        u64 words[2] = {test_random(&seed), test_random(&seed)};
        u8 bytes[16]; /* ASan sees who reads on */
        struct instruction is;
        memcpy(bytes, words, sizeof(bytes));
        if (i % 2)
            bytes[test_random(&seed) % 4] = 0x0F;
        if (!decode(bytes, 16u << test_random(&seed) % 3, &is))
            continue;
        assert_in_range(is.length, 1, 14);
        assert_true(is.base >= -1 && is.base < 16 && is.index >= -1 && is.index < 16 && is.index != 4);
        assert_true(is.scale < 4);
        assert_true(is.displacement == (int32_t)is.displacement);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_the_assembler_writes),
        cmocka_unit_test(reads_the_opcode_of_what_has_no_modrm),
        cmocka_unit_test(registers_take_their_fourth_bit_from_rex),
        cmocka_unit_test(leaves_16_bit_addresses_alone),
        cmocka_unit_test(a_cut_instruction_is_longer_than_what_is_there),
        cmocka_unit_test(nothing_longer_than_15_bytes_is_understood),
        cmocka_unit_test(random_bytes_stay_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
