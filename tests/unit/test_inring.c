/* SPDX-License-Identifier: MIT */
/*
 * The handler that runs in a module's own ring, against the monitor's way to execute the same instructions:
 * where it decodes anything at all, it decodes what the monitor's decoder does, for every form that an
 * encoder can write; and registers, flags, memory and VMCS are the same afterwards. What it leaves over it
 * leaves untouched.
 */
#include "tests/unit/fake_seam.h"
#include "tests/unit/inring_reference.h"

#define RF     (1ull << 16)
#define SEAM   (SEAMRR + PAGE_SIZE) /* the current VMCS */
#define FIELD  0x681Eu              /* GUEST_RIP */
#define NO_SIB 0x100u

static u64 random_state;

static u64 next_random(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return random_state >> 32 ^ random_state << 32;
}

static struct inring_frame random_frame(void)
{
    struct inring_frame random = {.rip = next_random(), .rflags = OTHER_FLAGS | STATUS_FLAGS | RF};
    for (u32 i = 0; i < 16; i++)
        random.reg[i] = next_random();
    return random;
}

/* ---- decoding ---- */

static void same_decoding(const u8 bytes[16], const struct inring_frame *at, u32 *count)
{
    const char *unlike = inring_unlike(bytes, at, count);
    if (unlike)
        fail_msg("%s: %02x %02x %02x %02x %02x %02x", unlike, bytes[0], bytes[1], bytes[2], bytes[3],
                 bytes[4], bytes[5]);
}

struct text {
    u8 bytes[6], length;
};

/* All ModRM bytes behind these, with all SIB bytes where there is one, and displacements of either sign. */
static u32 every_operand(const struct text *prefix, const struct text *opcode)
{
    u32 count = 0;
    for (u32 modrm = 0; modrm < 256; modrm++) {
        bool has_sib = modrm < 0xC0 && (modrm & 7) == 4;
        for (u32 sib = has_sib ? 0 : NO_SIB; sib < (has_sib ? 256u : NO_SIB + 1); sib++) {
            u8 bytes[16], at = 0;
            struct inring_frame random = random_frame();
            memset(bytes, next_random() & 1 ? 0x8F : 0x7E, sizeof(bytes));
            memcpy(bytes, prefix->bytes, prefix->length);
            memcpy(bytes + prefix->length, opcode->bytes, opcode->length);
            at = prefix->length + opcode->length;
            bytes[at++] = (u8)modrm;
            if (has_sib)
                bytes[at] = (u8)sib;
            same_decoding(bytes, &random, &count);
        }
    }
    return count;
}

static const struct text opcodes[] = {
    {{0x0F, 0x78}, 2}, {{0x0F, 0x79}, 2}, {{0x0F, 0x38, 0xF8}, 3}, {{0x0F, 0x0B}, 2}, {{0x0F, 0xC7}, 2},
    {{0x0F, 0x01}, 2}, {{0x0F, 0x7A}, 2}, {{0x0F, 0x38, 0xF9}, 3}, {{0x78}, 1},       {{0x0F, 0x3A, 0xF8}, 3},
};

#define FORMS        (256u - 3 * 8 + 3 * 8 * 256)
#define MEMORY_FORMS (FORMS - 64)

static void decodes_what_the_monitor_decodes(void **state)
{
    (void)state;
    u32 taken[ARRAY_COUNT(opcodes)] = {0};
    for (u32 rex = 0; rex < 17; rex++) {
        const struct text plain = {{(u8)(0x3F + rex)}, rex > 0},
                          wide = {{0x66, (u8)(0x3F + rex)}, 1 + (rex > 0)};
        for (u32 i = 0; i < ARRAY_COUNT(opcodes); i++)
            taken[i] += every_operand(&plain, &opcodes[i]) + every_operand(&wide, &opcodes[i]);
    }
    assert_int_equal(taken[0], 17 * FORMS);
    assert_int_equal(taken[1], 17 * FORMS);
    assert_int_equal(taken[2], 17 * MEMORY_FORMS);
    for (u32 i = 3; i < ARRAY_COUNT(opcodes); i++)
        assert_int_equal(taken[i], 0);
}

static void leaves_other_prefixes_to_the_monitor(void **state)
{
    (void)state;
    static const struct text prefixes[] = {
        {{0x67}, 1},       {{0xF0}, 1},       {{0xF2}, 1},       {{0xF3}, 1},       {{0x64}, 1},
        {{0x65}, 1},       {{0x2E}, 1},       {{0x36}, 1},       {{0x66, 0x66}, 2}, {{0x48, 0x66}, 2},
        {{0x48, 0x48}, 2}, {{0x66, 0x67}, 2}, {{0x66, 0xF0}, 2}, {{0x66, 0xF2}, 2}, {{0x66, 0xF3}, 2},
        {{0x66, 0x65}, 2}, {{0x66, 0x64}, 2}, {{0x67, 0x66}, 2}, {{0x65, 0x66}, 2}, {{0x66, 0x48, 0x48}, 3},
    };
    for (u32 i = 0; i < ARRAY_COUNT(prefixes); i++)
        for (u32 j = 0; j < ARRAY_COUNT(opcodes); j++)
            assert_int_equal(every_operand(&prefixes[i], &opcodes[j]), 0);
}

static void leaves_noise_to_the_monitor(void **state)
{
    (void)state;
    for (u32 i = 0; i < 1000000; i++) {
        u32 ignored = 0;
        u64 noise[2] = {next_random(), next_random()};
        struct inring_frame random = random_frame();
        same_decoding((const u8 *)noise, &random, &ignored);
    }
}

/* ---- executing: one instruction ---- */

static struct inring_frame frame;

static int start(void **state)
{
    random_state = 1;
    fake_enter(state);
    frame = random_frame();
    frame.rip = CODE;
    return 0;
}

static bool run(const u8 *bytes, u32 length, void *vmcs)
{
    memcpy((void *)CODE, bytes, length);
    frame.rip = CODE;
    frame.rflags = OTHER_FLAGS | STATUS_FLAGS | RF;
    return inring_execute(&frame, vmcs);
}
#define RUN(vmcs, ...) run((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}), vmcs)

#define assert_left_over(vmcs, ...)                                                                          \
    do {                                                                                                     \
        struct inring_frame before = frame;                                                                  \
        before.rip = CODE;                                                                                   \
        before.rflags = OTHER_FLAGS | STATUS_FLAGS | RF;                                                     \
        assert_false(RUN(vmcs, __VA_ARGS__));                                                                \
        assert_memory_equal(&frame, &before, sizeof(frame));                                                 \
    } while (0)

static void leaves_over_what_fails(void **state)
{
    (void)state;
    frame.reg[1] = FIELD;
    frame.reg[7] = RAM;
    assert_left_over(NULL, 0x0F, 0x78, 0xC8); /* vmread rax, rcx: no VMCS */
    assert_left_over(NULL, 0x0F, 0x79, 0xC8);
    assert_left_over(NULL, 0x0F, 0x79, 0x0F);
    frame.reg[1] = 0x7000; /* no such field */
    assert_left_over((void *)SEAM, 0x0F, 0x78, 0xC8);
    assert_left_over((void *)SEAM, 0x0F, 0x78, 0x0F); /* vmread [rdi], rcx */
    assert_left_over((void *)SEAM, 0x0F, 0x79, 0xC8);
    frame.reg[1] = 1ull << 32 | FIELD;
    assert_left_over((void *)SEAM, 0x0F, 0x79, 0xC8);
    assert_left_over((void *)SEAM, 0x0F, 0x0B); /* ud2 */
    frame.reg[1] = RAM + 8;                     /* movdir64b rcx, [rdi]: not aligned */
    assert_left_over((void *)SEAM, 0x66, 0x0F, 0x38, 0xF8, 0x0F);
    static const u8 nothing[PAGE_SIZE];
    assert_memory_equal((void *)RAM, nothing, PAGE_SIZE);
}

/* They would fault, or reach the handler's own pages. */
static void touches_nothing_of_its_own(void **state)
{
    (void)state;
    static const u64 places[] = {INRING_SPACE, INRING_SPACE + PAGE_SIZE, 0xFFFFFFFF80000000, -64ull};
    for (u32 i = 0; i < ARRAY_COUNT(places); i++) {
        frame.reg[1] = FIELD;
        frame.reg[7] = places[i];
        assert_left_over((void *)SEAM, 0x0F, 0x78, 0x0F); /* vmread [rdi], rcx */
        assert_left_over((void *)SEAM, 0x0F, 0x79, 0x0F);
        frame.reg[1] = RAM;
        assert_left_over((void *)SEAM, 0x66, 0x0F, 0x38, 0xF8, 0x0F);
        frame.reg[1] = places[i];
        frame.reg[7] = RAM;
        assert_left_over((void *)SEAM, 0x66, 0x0F, 0x38, 0xF8, 0x0F);
    }
}

static void reaches_operands_by_rsp_and_rip(void **state)
{
    (void)state;
    assert_true(vmcs_write((void *)SEAM, FIELD, 77));
    frame.reg[0] = FIELD;
    frame.reg[4] = RAM + 64;                                      /* the module's RSP */
    assert_true(RUN((void *)SEAM, 0x0F, 0x78, 0x44, 0x24, 0x08)); /* vmread [rsp+8], rax */
    assert_int_equal(*(u64 *)AT(72), 77);
    assert_int_equal(frame.rip, CODE + 5);
    assert_int_equal(frame.rflags, OTHER_FLAGS);
    assert_true(RUN((void *)SEAM, 0x0F, 0x78, 0x05, 0xF9, 0x00, 0x00, 0x00)); /* vmread [rip+0xf9], rax */
    assert_int_equal(*(u64 *)(CODE + 0x100), 77);
    assert_true(RUN((void *)SEAM, 0x0F, 0x78, 0xC4)); /* vmread rsp, rax */
    assert_int_equal(frame.reg[4], 77);
}

static void moves_a_line_over_itself(void **state)
{
    (void)state;
    u8 line[128];
    for (u32 i = 0; i < sizeof(line); i++)
        line[i] = (u8)(i + 1);
    memcpy(AT(0), line, sizeof(line));
    frame.reg[6] = RAM + 64;
    frame.reg[7] = RAM + 24;
    assert_true(RUN(NULL, 0x66, 0x0F, 0x38, 0xF8, 0x37)); /* movdir64b rsi, [rdi] */
    assert_memory_equal(AT(0), line, 64);
    assert_memory_equal(AT(64), line + 24, 64);
    assert_int_equal(frame.rflags, OTHER_FLAGS | STATUS_FLAGS);
    assert_int_equal(frame.rip, CODE + 5);
}

/* ---- executing: either way ---- */

static const u32 some_fields[] = {0x0000, 0x0C0C, 0x2000, 0x2001, 0x2802, 0x2803, 0x4402,
                                  0x440C, 0x4824, 0x4012, 0x6820, 0x681E, 0x6C06, 0x6C16,
                                  0x7000, 0x0001, 0x8000, 0x2C10, 0x4C00, 0x4C02};

/*
 * An instruction with operands at random. *base and *to become the registers that must hold addresses, 16:
 * none; *operand what the first of them holds, counted from where memory begins.
 */
static u32 random_instruction(u8 bytes[16], u32 *base, u32 *to, u64 *operand)
{
    u32 reg = next_random() % 16, rm = next_random() % 16, at = 0, what = next_random() % 3;
    bool memory = what == 2 || next_random() & 1;
    u32 mod = memory ? 2 : 3;
    if (memory && rm == reg)
        rm ^= 1; /* it can't be both */
    *operand = next_random() % (2 * PAGE_SIZE);
    if (what == 2)
        bytes[at++] = 0x66;
    bytes[at++] = (u8)(0x40 | (reg & 8) >> 1 | rm >> 3);
    bytes[at++] = 0x0F;
    if (what == 2)
        bytes[at++] = 0x38;
    bytes[at++] = what == 2 ? 0xF8 : (u8)(0x78 + what);
    bytes[at++] = (u8)(mod << 6 | (reg & 7) << 3 | (rm & 7));
    if (memory && (rm & 7) == 4)
        bytes[at++] = 0x24;
    *base = memory ? rm : 16;
    *to = what == 2 ? reg : 16;
    if (memory) {
        int32_t displacement = (int32_t)next_random() >> 16;
        memcpy(bytes + at, &displacement, sizeof(displacement));
        at += sizeof(displacement);
        *operand -= (u64)displacement;
    }
    return at;
}

static u8 kept[(RAM_PAGES + SEAM_PAGES) * PAGE_SIZE];

static void keep_memory(void)
{
    memcpy(kept, (void *)RAM, RAM_PAGES * PAGE_SIZE);
    memcpy(kept + RAM_PAGES * PAGE_SIZE, (void *)SEAMRR, SEAM_PAGES * PAGE_SIZE);
}

static void random_memory(u64 seed)
{
    random_state = seed;
    for (u64 at = 0; at < 3 * PAGE_SIZE; at += 8)
        *(u64 *)(RAM + at) = next_random();
    for (u64 at = 8; at < PAGE_SIZE; at += 8)
        *(u64 *)(SEAM + at) = next_random();
    *(u64 *)SEAM = REVISION;
}

/* The monitor's way: from the same registers, but that addresses are linear ones of the fake tables. */
static void start_monitors_way(const u8 *bytes, u32 length, u32 base, u32 to)
{
    for (u32 i = 0; i < 16; i++)
        *register_at(i) = frame.reg[i] + (i == base || i == to ? LINEAR_RAM - RAM : 0);
    memcpy((void *)CODE, bytes, length);
    fake.vmcb.rip = LINEAR_CODE;
    fake.vmcb.rflags = OTHER_FLAGS | STATUS_FLAGS;
    fake.stopped[0] = 0;
    fake.seam.end = SEAM_RUNNING;
}

static void assert_same_end(u32 base, u32 to)
{
    assert_string_equal(fake.stopped, "");
    assert_int_equal(fake.vmcb.rip - LINEAR_CODE, frame.rip - CODE);
    assert_int_equal(fake.vmcb.rflags, frame.rflags);
    assert_memory_equal((void *)RAM, kept, RAM_PAGES * PAGE_SIZE);
    assert_memory_equal((void *)SEAMRR, kept + RAM_PAGES * PAGE_SIZE, SEAM_PAGES * PAGE_SIZE);
    for (u32 i = 0; i < 16; i++)
        assert_int_equal(*register_at(i), frame.reg[i] + (i == base || i == to ? LINEAR_RAM - RAM : 0));
}

/* False: left over, by the monitor as well. */
static bool one_instruction_both_ways(u64 seed)
{
    u8 bytes[16];
    u32 base, to;
    u64 operand;
    random_memory(seed);
    u32 length = random_instruction(bytes, &base, &to, &operand);
    frame = random_frame();
    for (u32 i = 0; i < 16; i++)
        if (next_random() & 1)
            frame.reg[i] = some_fields[next_random() % ARRAY_COUNT(some_fields)];
    if (base < 16)
        frame.reg[base] = RAM + operand;
    if (to < 16)
        frame.reg[to] = RAM + next_random() % 128 * 64 + (next_random() % 8 ? 0 : 8);
    struct inring_frame before = frame;
    start_monitors_way(bytes, length, base, to);
    bool done = run(bytes, length, (void *)SEAM);
    keep_memory();
    random_memory(seed);
    instruction_undefined(&fake.lp);
    if (done) {
        assert_same_end(base, to);
        return true;
    }
    assert_memory_equal(frame.reg, before.reg, sizeof(frame.reg));
    assert_int_equal(frame.rip, CODE);
    assert_true(fake.stopped[0] || fake.vmcb.rflags & ZF);
    return false;
}

static void does_what_the_monitor_does(void **state)
{
    (void)state;
    u32 done = 0;
    for (u64 seed = 1; seed <= 3000; seed++)
        done += one_instruction_both_ways(seed * 0x9E3779B97F4A7C15ull);
    assert_in_range(done, 1500, 2900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_the_monitor_decodes),
        cmocka_unit_test(leaves_other_prefixes_to_the_monitor),
        cmocka_unit_test(leaves_noise_to_the_monitor),
        cmocka_unit_test_setup(leaves_over_what_fails, start),
        cmocka_unit_test_setup(touches_nothing_of_its_own, start),
        cmocka_unit_test_setup(reaches_operands_by_rsp_and_rip, start),
        cmocka_unit_test_setup(moves_a_line_over_itself, start),
        cmocka_unit_test_setup(does_what_the_monitor_does, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
