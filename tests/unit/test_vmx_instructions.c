/* SPDX-License-Identifier: MIT */
/* VMX instructions inside a module: results, flags and error numbers of the SDM, and what only we refuse. */
#include "tests/unit/fake_seam.h"

#define FIELD 0x681E /* GUEST_RIP */
#define KEYID (5ull << 46)

static struct soft_regs *const regs = &fake.lp.regs;

static u64 field(u64 vmcs, u64 encoding)
{
    u64 value = 0;
    assert_true(vmcs_read((void *)vmcs, encoding, &value));
    return value;
}

static void reads_and_writes_by_register(void **state)
{
    (void)state;
    regs->rcx = FIELD;
    regs->rax = 0x1122334455667788;
    EXECUTE(0x0F, 0x79, 0xC8); /* vmwrite rcx, rax */
    assert_flags(0);
    assert_int_equal(field(fake.seam.seam_vmcs, FIELD), 0x1122334455667788);
    regs->r9 = FIELD;
    EXECUTE(0x45, 0x0F, 0x78, 0xCB); /* vmread r11, r9 */
    assert_flags(0);
    assert_int_equal(regs->r11, 0x1122334455667788);
}

static void reads_and_writes_memory_across_a_page(void **state)
{
    (void)state;
    fake.page_pa[0] = RAM + PAGE_SIZE; /* the linear pages are swapped */
    fake.page_pa[1] = RAM;
    regs->rdi = LINEAR(PAGE_SIZE - 3 - 8);
    regs->rax = FIELD;
    u64 value = 0x8877665544332211;
    memcpy(AT(2 * PAGE_SIZE - 3), &value, 3);
    memcpy(AT(0), (u8 *)&value + 3, 5);
    EXECUTE(0x0F, 0x79, 0x47, 0x08); /* vmwrite rax, [rdi+8] */
    assert_flags(0);
    assert_int_equal(field(fake.seam.seam_vmcs, FIELD), value);
    memset(AT(0), 0, 8);
    memset(AT(2 * PAGE_SIZE - 3), 0, 3);
    EXECUTE(0x0F, 0x78, 0x47, 0x08); /* vmread [rdi+8], rax */
    assert_flags(0);
    assert_memory_equal(AT(2 * PAGE_SIZE - 3), &value, 3);
    assert_memory_equal(AT(0), (u8 *)&value + 3, 5);
    assert_int_equal(*(u8 *)AT(5), 0);
}

static void a_field_that_isnt_there_is_error_12(void **state)
{
    (void)state;
    regs->rcx = 0x7000;
    regs->rax = 77;
    EXECUTE(0x0F, 0x78, 0xC8); /* vmread rax, rcx */
    assert_failed(fake.seam.seam_vmcs, 12);
    assert_int_equal(regs->rax, 77);
    EXECUTE(0x0F, 0x79, 0xC8);
    assert_failed(fake.seam.seam_vmcs, 12);
    regs->rcx = 1ull << 32 | FIELD; /* all 64 bits count */
    EXECUTE(0x0F, 0x79, 0xC8);
    assert_failed(fake.seam.seam_vmcs, 12);
}

static void without_a_current_vmcs_nothing_is_valid(void **state)
{
    (void)state;
    fake.seam.current_vmcs = VMCS_NONE;
    regs->rcx = FIELD;
    regs->rdi = LINEAR(0);
    regs->rax = 77;
    EXECUTE(0x0F, 0x78, 0xC8);
    assert_flags(CF);
    assert_int_equal(regs->rax, 77);
    EXECUTE(0x0F, 0x79, 0xC8);
    assert_flags(CF);
    *(u64 *)AT(0) = 1;
    EXECUTE(0x0F, 0xC7, 0x37); /* vmptrld [rdi]: fails without a place for its number */
    assert_flags(CF);
}

static void memory_out_of_reach_stops(void **state)
{
    (void)state;
    regs->rax = FIELD;
    regs->rdi = LINEAR_NOWHERE;
    assert_stops("executed VMREAD to write 8 bytes at 0xffff800300008000", 0x0F, 0x78, 0x07);
    assert_stops("executed VMWRITE to read 8 bytes at 0xffff800300008000", 0x0F, 0x79, 0x07);
    assert_stops("has no page", 0x0F, 0xC7, 0x37);       /* vmptrld */
    assert_stops("has no page", 0x66, 0x0F, 0xC7, 0x37); /* vmclear */
    assert_stops("has no writable page", 0x0F, 0xC7, 0x3F);
    regs->rdi = LINEAR_READONLY;
    assert_stops("has no writable page", 0x0F, 0x78, 0x07);
    regs->rdi = LINEAR_NOWHERE - 4; /* half of it; the rest is what is missing */
    assert_stops("executed VMWRITE to read 4 bytes at 0xffff800300008000", 0x0F, 0x79, 0x07);
    fake.keys_refuse = true;
    regs->rdi = LINEAR(0);
    assert_stops("refused", 0x0F, 0x79, 0x07);
    assert_int_equal(field(fake.seam.seam_vmcs, FIELD), 0);
}

static void loads_the_pointer(void **state)
{
    (void)state;
    u64 vmcs = RAM + 2 * PAGE_SIZE;
    regs->rdi = LINEAR(0);
    *(u64 *)AT(0) = vmcs | KEYID;
    *(u32 *)vmcs = REVISION;
    EXECUTE(0x0F, 0xC7, 0x37); /* vmptrld [rdi] */
    assert_flags(0);
    assert_int_equal(fake.seam.current_vmcs, vmcs);
    assert_int_equal(fake.reached, vmcs | KEYID);
    assert_false(fake.reached_to_write);
    assert_int_equal(fake.touched, vmcs);   /* VMWRITEs will follow */
    *(u64 *)AT(0) = SEAMRR + 2 * PAGE_SIZE; /* the other LP's */
    *(u32 *)(SEAMRR + 2 * PAGE_SIZE) = REVISION;
    EXECUTE(0x0F, 0xC7, 0x37);
    assert_flags(0);
    assert_int_equal(fake.seam.current_vmcs, SEAMRR + 2 * PAGE_SIZE);
}

static void refuses_a_wrong_pointer(void **state)
{
    (void)state;
    static const struct {
        u64 pa;
        u32 revision;
        u64 error;
    } wrong[] = {
        {RAM + PAGE_SIZE + 8, REVISION, 9},
        {RAM + PAGE_SIZE + (1ull << 52), REVISION, 9},
        {~0ull, REVISION, 9},
        {RAM + PAGE_SIZE, REVISION + 1, 11},
        {RAM + PAGE_SIZE, REVISION | 1u << 31, 11},
    };
    regs->rdi = LINEAR(0);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        *(u64 *)AT(0) = wrong[i].pa;
        *(u32 *)AT(PAGE_SIZE) = wrong[i].revision;
        EXECUTE(0x0F, 0xC7, 0x37);
        assert_failed(fake.seam.seam_vmcs, wrong[i].error);
        assert_int_equal(fake.seam.current_vmcs, fake.seam.seam_vmcs);
    }
    static const u64 no_ones[] = {SEAMRR, SEAMRR + 3 * PAGE_SIZE, CODE};
    for (size_t i = 0; i < ARRAY_COUNT(no_ones); i++) {
        *(u64 *)AT(0) = no_ones[i];
        assert_stops("in SEAMRR, which isn't one of the 2 SEAM VMCSs from 0x14001000 on", 0x0F, 0xC7, 0x37);
        assert_stops("executed VMCLEAR", 0x66, 0x0F, 0xC7, 0x37);
    }
    *(u64 *)AT(0) = RAM + RAM_PAGES * PAGE_SIZE;
    assert_stops("refused by the key store", 0x0F, 0xC7, 0x37);
    assert_stops("refused by the key store", 0x66, 0x0F, 0xC7, 0x37);
    assert_int_equal(fake.seam.current_vmcs, fake.seam.seam_vmcs);
}

static void clearing_keeps_the_fields(void **state)
{
    (void)state;
    u64 vmcs = RAM + 2 * PAGE_SIZE;
    regs->rdi = LINEAR(0);
    *(u64 *)AT(0) = vmcs | KEYID;
    *(u32 *)vmcs = REVISION;
    vmcs_write((void *)vmcs, FIELD, 99);
    EXECUTE(0x66, 0x0F, 0xC7, 0x37); /* vmclear [rdi], of one that isn't current */
    assert_flags(0);
    assert_int_equal(fake.seam.current_vmcs, fake.seam.seam_vmcs);
    assert_int_equal(fake.reached, vmcs | KEYID);
    assert_true(fake.reached_to_write);
    fake.seam.current_vmcs = vmcs;
    EXECUTE(0x66, 0x0F, 0xC7, 0x37);
    assert_flags(0);
    assert_int_equal(fake.seam.current_vmcs, VMCS_NONE);
    assert_int_equal(field(vmcs, FIELD), 99);
    assert_int_equal(*(u32 *)vmcs, REVISION);
    fake.seam.current_vmcs = fake.seam.seam_vmcs;
    *(u64 *)AT(0) = vmcs + 1;
    EXECUTE(0x66, 0x0F, 0xC7, 0x37);
    assert_failed(fake.seam.seam_vmcs, 2);
}

static void stores_the_pointer(void **state)
{
    (void)state;
    regs->rdi = LINEAR(0);
    EXECUTE(0x0F, 0xC7, 0x3F); /* vmptrst [rdi] */
    assert_flags(0);
    assert_int_equal(*(u64 *)AT(0), fake.seam.seam_vmcs);
    fake.seam.current_vmcs = VMCS_NONE;
    EXECUTE(0x0F, 0xC7, 0x3F);
    assert_flags(0);
    assert_int_equal(*(u64 *)AT(0), ~0ull);
    fake.seam.current_vmcs = RAM;
    assert_stops("VMPTRST with a TD's VMCS (0x10000000)", 0x0F, 0xC7, 0x3F);
}

static void looks_at_what_is_invalidated(void **state)
{
    (void)state;
    static const struct {
        u8 opcode; /* 80 INVEPT, 81 INVVPID */
        u64 type, low, high;
        bool good;
    } cases[] = {
        {0x80, 0, 0, 0, false},
        {0x80, 1, 0x12345000, 0, true},
        {0x80, 1, 0x12345000, 1, false},
        {0x80, 2, 0, 0, true},
        {0x80, 3, 0, 0, false},
        {0x80, 1ull << 32 | 1, 0, 0, false},
        {0x81, 0, 7, 0x7FFFFFFFF000, true},
        {0x81, 0, 7, 0xFFFF800000000000, true},
        {0x81, 0, 7, 0x800000000000, false},
        {0x81, 0, 0, 0x1000, false},
        {0x81, 0, 0x10007, 0x1000, false},
        {0x81, 1, 7, 0x800000000000, true},
        {0x81, 1, 0, 0, false},
        {0x81, 2, 0, 0, true},
        {0x81, 2, 0x10000, 0, false},
        {0x81, 3, 7, 0, true},
        {0x81, 3, 0, 0, false},
        {0x81, 4, 7, 0, false},
    };
    regs->rdi = LINEAR(0);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        regs->rsi = cases[i].type;
        memcpy(AT(0), &cases[i].low, 16);
        EXECUTE(0x66, 0x0F, 0x38, cases[i].opcode, 0x37); /* [rdi], type in rsi */
        if (cases[i].good)
            assert_flags(0);
        else
            assert_failed(fake.seam.seam_vmcs, 28);
    }
    regs->rdi = LINEAR_NOWHERE;
    regs->rsi = 1;
    assert_stops("executed INVEPT to read", 0x66, 0x0F, 0x38, 0x80, 0x37);
    assert_stops("executed INVVPID to read", 0x66, 0x0F, 0x38, 0x81, 0x37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_and_writes_by_register, fake_enter),
        cmocka_unit_test_setup(reads_and_writes_memory_across_a_page, fake_enter),
        cmocka_unit_test_setup(a_field_that_isnt_there_is_error_12, fake_enter),
        cmocka_unit_test_setup(without_a_current_vmcs_nothing_is_valid, fake_enter),
        cmocka_unit_test_setup(memory_out_of_reach_stops, fake_enter),
        cmocka_unit_test_setup(loads_the_pointer, fake_enter),
        cmocka_unit_test_setup(refuses_a_wrong_pointer, fake_enter),
        cmocka_unit_test_setup(clearing_keeps_the_fields, fake_enter),
        cmocka_unit_test_setup(stores_the_pointer, fake_enter),
        cmocka_unit_test_setup(looks_at_what_is_invalidated, fake_enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
