/* SPDX-License-Identifier: MIT */
/* XSAVES, XSAVEC and XRSTORS of x87 and SSE state, against a CPU that is 512 bytes of memory. */
#include "tests/unit/fake_seam.h"

#define REX_W 0x48

static struct soft_regs *const regs = &fake.lp.regs;

#define AREA 0x1000

static void fill_cpu(u8 first)
{
    for (u32 i = 0; i < FX_BYTES; i++)
        fake.fx[i] = (u8)(first + i);
    memcpy(fake.fx + 24, &(u32){0x1F80}, 4);
    memcpy(fake.fx + 28, &(u32){0xFFFF}, 4);
}

static void save(u64 components)
{
    regs->rcx = LINEAR(AREA);
    regs->rax = (u32)components;
    regs->rdx = components >> 32;
    EXECUTE(0x0F, 0xC7, 0x29); /* xsaves [rcx] */
}

static u64 header_word(u32 i)
{
    return ((u64 *)AT(AREA + 512))[i];
}

static void saves_what_is_asked_for(void **state)
{
    (void)state;
    fill_cpu(3);
    memset(AT(AREA), 0xEE, 640);
    save(3);
    assert_memory_equal(AT(AREA), fake.fx, 416);
    assert_int_equal(*(u8 *)AT(AREA + 416), 0xEE); /* nobody's */
    assert_int_equal(header_word(0), 3);
    assert_int_equal(header_word(1), 1ull << 63 | 3);
    assert_int_equal(header_word(2), 0xEEEEEEEEEEEEEEEE);
    assert_false(fake.fx_wide);
    memset(AT(AREA), 0xEE, 640);
    save(1);
    assert_memory_equal(AT(AREA), fake.fx, 24);
    assert_memory_equal(AT(AREA + 32), fake.fx + 32, 128);
    assert_int_equal(*(u8 *)AT(AREA + 24), 0xEE);
    assert_int_equal(*(u8 *)AT(AREA + 160), 0xEE);
    assert_int_equal(header_word(0), 1);
    EXECUTE(REX_W, 0x0F, 0xC7, 0x21); /* xsavec64 [rcx] */
    assert_true(fake.fx_wide);
}

static void restore(u64 components)
{
    regs->rcx = LINEAR(AREA);
    regs->rax = components;
    regs->rdx = 0;
    EXECUTE(0x0F, 0xC7, 0x19); /* xrstors [rcx] */
}

static void restores_what_was_saved(void **state)
{
    (void)state;
    u8 saved[FX_BYTES];
    fill_cpu(3);
    memcpy(saved, fake.fx, sizeof(saved));
    save(3);
    memset(AT(AREA + 528), 0, 48);
    fill_cpu(77);
    restore(3);
    assert_memory_equal(fake.fx, saved, 416);
    fill_cpu(77);
    restore(2);
    assert_memory_equal(fake.fx + 160, saved + 160, 256);
    assert_int_equal(fake.fx[0], 77);
    assert_int_equal(fake.fx[32], 77 + 32);
}

/* As at module 1.5.01's start: nothing in the area, so all is as after reset. */
static void restores_the_initial_state(void **state)
{
    (void)state;
    memset(AT(AREA), 0xEE, 512);
    memset(AT(AREA + 512), 0, 64);
    ((u64 *)AT(AREA + 512))[1] = 1ull << 63;
    fill_cpu(3);
    restore(3);
    assert_int_equal(*(u16 *)fake.fx, 0x37F);
    assert_int_equal(*(u32 *)(fake.fx + 24), 0x1F80);
    for (u32 i = 2; i < 416; i++)
        assert_true(fake.fx[i] == 0 || i / 4 == 6);
    fill_cpu(3);
    restore(1);
    assert_int_equal(*(u16 *)fake.fx, 0x37F);
    assert_int_equal(fake.fx[160], 163); /* not asked for */
}

static void refuses_state_that_it_cant_move(void **state)
{
    (void)state;
    static const struct {
        u32 word;
        u64 value;
        const char *text;
    } bad[] = {
        {1, 3, "isn't compacted"},
        {1, 1ull << 63 | 7, "only x87 and SSE are emulated, XCOMP_BV has more (0x8000000000000007)"},
        {1, 1ull << 63 | 1, "XSTATE_BV has a component that XCOMP_BV hasn't"},
        {2, 1, "reserved byte of the header"},
        {7, 1ull << 63, "reserved byte of the header"},
    };
    u8 before[FX_BYTES];
    save(7);
    assert_non_null(strstr(fake.stopped, "executed XSAVES of 0xffff800300001000: only x87 and SSE"));
    fake_enter(state);
    save(1ull << 32 | 3);
    assert_non_null(strstr(fake.stopped, "(0x100000003)"));
    fake_enter(state);
    fill_cpu(3);
    memcpy(before, fake.fx, sizeof(before));
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        save(3);
        memset(AT(AREA + 528), 0, 48);
        ((u64 *)AT(AREA + 512))[bad[i].word] = bad[i].value;
        assert_stops(bad[i].text, 0x0F, 0xC7, 0x19);
    }
    save(3);
    memset(AT(AREA + 528), 0, 48);
    *(u8 *)AT(AREA + 26) = 1;
    assert_stops("MXCSR has a reserved bit: #GP (0x11f80)", 0x0F, 0xC7, 0x19);
    regs->rcx += 32;
    assert_stops("64-byte aligned", 0x0F, 0xC7, 0x19);
    assert_stops("64-byte aligned", 0x0F, 0xC7, 0x29);
    regs->rcx = LINEAR_READONLY;
    assert_stops("executed XSAVES to write 24 bytes", 0x0F, 0xC7, 0x29);
    assert_stops("executed XSAVEC to write 24 bytes", 0x0F, 0xC7, 0x21);
    regs->rcx = LINEAR_NOWHERE;
    assert_stops("executed XRSTORS to read 64 bytes", 0x0F, 0xC7, 0x19);
    assert_memory_equal(before, fake.fx, sizeof(before));
}

/* Bit 6, denormals are zeros, is there only if the CPU's mask says so. */
static void mxcsr_bits_are_those_of_the_cpu(void **state)
{
    (void)state;
    fill_cpu(3);
    save(3);
    memset(AT(AREA + 528), 0, 48);
    *(u32 *)AT(AREA + 24) = 0x1FC0;
    restore(3);
    assert_int_equal(*(u32 *)(fake.fx + 24), 0x1FC0);
    fill_cpu(3);
    memset(fake.fx + 28, 0, 4);
    assert_stops("MXCSR has a reserved bit", 0x0F, 0xC7, 0x19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(saves_what_is_asked_for, fake_enter),
        cmocka_unit_test_setup(restores_what_was_saved, fake_enter),
        cmocka_unit_test_setup(restores_the_initial_state, fake_enter),
        cmocka_unit_test_setup(refuses_state_that_it_cant_move, fake_enter),
        cmocka_unit_test_setup(mxcsr_bits_are_those_of_the_cpu, fake_enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
