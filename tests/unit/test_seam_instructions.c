/* SPDX-License-Identifier: MIT */
/* What else a module executes and TCG lacks: SEAM's own, keys, randomness, 64-byte stores, extended state;
 * and stops. */
#include "tests/unit/fake_seam.h"

#define REX_W 0x48

static struct soft_regs *const regs = &fake.lp.regs;

/* ---- SEAM's own ---- */

static void seamret_ends_the_turn(void **state)
{
    (void)state;
    EXECUTE(0x66, 0x0F, 0x01, 0xCD);
    assert_int_equal(fake.seam.end, SEAM_RETURNED);
    fake.seam.end = SEAM_RUNNING;
    fake.seam.current_vmcs = RAM;
    assert_stops("executed SEAMRET while the current VMCS is 0x10000000", 0x66, 0x0F, 0x01, 0xCD);
}

static void seamops_answers_two_leaves(void **state)
{
    (void)state;
    EXECUTE(0x66, 0x0F, 0x01, 0xCE);
    assert_int_equal(regs->rax, 0x7F);
    regs->rax = 4;
    EXECUTE(0x66, 0x0F, 0x01, 0xCE);
    struct soft_regs first = *regs;
    assert_int_equal(regs->rax, 0);
    assert_int_equal(regs->r10, 0);
    assert_true(regs->r11 && regs->r12 && regs->r13 && regs->r14 && regs->r11 != regs->r12);
    assert_int_equal(regs->r15, 1);
    regs->rax = 4;
    regs->r11 = 0;
    EXECUTE(0x66, 0x0F, 0x01, 0xCE);
    assert_memory_equal(regs, &first, sizeof(first)); /* the entry's nonce stays */
    seam_space.random++;
    regs->rax = 4;
    EXECUTE(0x66, 0x0F, 0x01, 0xCE);
    assert_int_not_equal(regs->r11, first.r11); /* until a module is loaded anew */
    regs->rax = 5;
    assert_stops("executed SEAMOPS leaf 5, which isn't emulated", 0x66, 0x0F, 0x01, 0xCE);
    regs->rax = 1ull << 32;
    assert_stops("leaf 4294967296", 0x66, 0x0F, 0x01, 0xCE);
}

/* ---- PCONFIG ---- */

/* What the module writes: KeyID, command and algorithm, at 256 * 2. */
static void program(u16 keyid, u8 command, u16 algorithm)
{
    u8 *at = AT(512);
    memset(at, 0, 256);
    memcpy(at, &keyid, 2);
    at[2] = command;
    memcpy(at + 3, &algorithm, 2);
    regs->rax = 0;
    regs->rbx = LINEAR(512);
}

static void pconfig_programs_a_key(void **state)
{
    (void)state;
    static const struct {
        u16 keyid;
        u8 command;
        u16 algorithm;
        u32 platform, status;
    } cases[] = {
        {33, 1, 2, 0, 0}, {33, 0, 2, 0, 0},     {63, 1, 2, 0, 0},     {33, 1, 2, 2, 2},
        {33, 1, 2, 5, 5}, {33, 4, 2, 0, 1},     {33, 99, 2, 0, 1},    {0, 1, 2, 0, 3},
        {64, 1, 2, 0, 3}, {0xFFFF, 1, 2, 0, 3}, {33, 1, 0, 0, 4},     {33, 1, 1, 0, 4},
        {33, 1, 3, 0, 4}, {33, 1, 0x200, 0, 4}, {33, 1, 0x202, 0, 4}, {33, 0, 0, 0, 4},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        program(cases[i].keyid, cases[i].command, cases[i].algorithm);
        fake.pconfig = (enum soft_pconfig)cases[i].platform;
        fake.times_programmed = 0;
        EXECUTE(0x0F, 0x01, 0xC5);
        assert_int_equal(regs->rax, cases[i].status);
        assert_flags(cases[i].status ? ZF : 0);
        assert_int_equal(fake.times_programmed, cases[i].status ? 0 : 1);
        if (!cases[i].status)
            assert_int_equal(fake.programmed, cases[i].keyid);
    }
    assert_int_not_equal(regs->rbx, 0);
}

static void pconfig_faults_stop(void **state)
{
    (void)state;
    program(33, 1, 2);
    regs->rax = 1;
    assert_stops("executed PCONFIG leaf 1 with RBX 0xffff800300000200: only leaf 0", 0x0F, 0x01, 0xC5);
    program(33, 1, 2);
    regs->rbx += 128;
    assert_stops("256-byte aligned", 0x0F, 0x01, 0xC5);
    for (u32 i = 5; i < 64; i += 58) { /* the first and the last */
        program(33, 1, 2);
        ((u8 *)AT(512))[i] = 1;
        assert_stops("reserved byte", 0x0F, 0x01, 0xC5);
    }
    program(33, 2, 0);
    assert_stops("commands 2 and 3", 0x0F, 0x01, 0xC5);
    program(33, 3, 0);
    assert_stops("commands 2 and 3", 0x0F, 0x01, 0xC5);
    regs->rbx = LINEAR_NOWHERE;
    assert_stops("executed PCONFIG to read 192 bytes", 0x0F, 0x01, 0xC5);
    assert_int_equal(fake.times_programmed, 0);
}

/* ---- randomness ---- */

static void random_numbers_come_in_all_widths(void **state)
{
    (void)state;
    fake.random = 0x1122334455667788;
    regs->rcx = regs->r8 = regs->rdx = ~0ull;
    EXECUTE(REX_W, 0x0F, 0xC7, 0xF1); /* rdrand rcx */
    assert_flags(CF);
    assert_int_equal(regs->rcx, 0x1122334455667788);
    EXECUTE(0x41, 0x0F, 0xC7, 0xF8); /* rdseed r8d */
    assert_flags(CF);
    assert_int_equal(regs->r8, 0x55667788);
    EXECUTE(0x66, 0x0F, 0xC7, 0xF2); /* rdrand dx */
    assert_flags(CF);
    assert_int_equal(regs->rdx, 0xFFFFFFFFFFFF7788);
    fake.no_entropy = true;
    EXECUTE(REX_W, 0x0F, 0xC7, 0xF9); /* rdseed rcx */
    assert_flags(0);
    assert_int_equal(regs->rcx, 0);
    assert_stops("the instruction f3 0f c7 f9", 0xF3, 0x0F, 0xC7, 0xF9); /* that is RDPID */
}

/* ---- MOVDIR64B ---- */

static void stores_64_bytes(void **state)
{
    (void)state;
    fake.page_pa[2] |= 3ull << 46;
    regs->rdi = LINEAR(PAGE_SIZE - 10); /* the source may lie anywhere */
    regs->rsi = LINEAR(2 * PAGE_SIZE + 64);
    for (u32 i = 0; i < 64; i++)
        *(u8 *)AT(PAGE_SIZE - 10 + i) = (u8)(i + 1);
    EXECUTE(0x66, 0x0F, 0x38, 0xF8, 0x37); /* movdir64b rsi, [rdi] */
    assert_flags(STATUS_FLAGS);            /* none of its business */
    assert_memory_equal(AT(2 * PAGE_SIZE + 64), AT(PAGE_SIZE - 10), 64);
    assert_int_equal(fake.reached, (RAM + 2 * PAGE_SIZE + 64) | 3ull << 46);
    assert_true(fake.reached_to_write);
    assert_int_equal(*(u8 *)AT(2 * PAGE_SIZE + 63) | *(u8 *)AT(2 * PAGE_SIZE + 128), 0);
}

static void refuses_a_bad_64_byte_store(void **state)
{
    (void)state;
    regs->rdi = LINEAR(0);
    regs->rsi = LINEAR(2 * PAGE_SIZE + 32);
    assert_stops("executed MOVDIR64B to 0xffff800300002020, which isn't 64-byte aligned", 0x66, 0x0F, 0x38,
                 0xF8, 0x37);
    regs->rsi = LINEAR_READONLY;
    assert_stops(
        "executed MOVDIR64B to write 64 bytes at 0xffff800300007000 (keyhole_edit+0x7000), where it has no "
        "writable page",
        0x66, 0x0F, 0x38, 0xF8, 0x37);
    regs->rdi = LINEAR_NOWHERE;
    assert_stops("executed MOVDIR64B to read 64 bytes at 0xffff800300008000", 0x66, 0x0F, 0x38, 0xF8, 0x37);
    regs->rdi = LINEAR(0);
    regs->rsi = LINEAR(2 * PAGE_SIZE);
    assert_stops("the instruction 67 66", 0x67, 0x66, 0x0F, 0x38, 0xF9, 0x37); /* no such instruction */
    assert_stops("executed MOVDIR64B to write 64 bytes at 0x2000 ", 0x67, 0x66, 0x0F, 0x38, 0xF8, 0x37);
}

/* ---- everything else ---- */

static void serialize_is_done_already(void **state)
{
    (void)state;
    struct lp before = fake.lp;
    EXECUTE(0x0F, 0x01, 0xE8);
    assert_int_equal(fake.seam.end, SEAM_RUNNING);
    assert_memory_equal(&fake.lp.regs, &before.regs, sizeof(before.regs));
    assert_flags(STATUS_FLAGS);
}

static void what_isnt_emulated_stops_by_name(void **state)
{
    (void)state;
    assert_stops("executed UD2 (its own fatal-error path)", 0x0F, 0x0B);
    assert_stops("executed VMLAUNCH: running TDs isn't emulated yet", 0x0F, 0x01, 0xC2);
    assert_stops("executed VMRESUME: running TDs isn't emulated yet", 0x0F, 0x01, 0xC3);
    assert_stops("executed VMXOFF: ", 0x0F, 0x01, 0xC4);
    assert_stops("executed VMCALL: ", 0x0F, 0x01, 0xC1);
    assert_stops("executed TDCALL: ", 0x66, 0x0F, 0x01, 0xCC);
    assert_stops("executed SEAMCALL: ", 0x66, 0x0F, 0x01, 0xCF);
    regs->rdi = LINEAR(0);
    assert_stops("executed VMXON: ", 0xF3, 0x0F, 0xC7, 0x37);
    assert_stops("executed VMPTRLD with a LOCK prefix", 0xF0, 0x0F, 0xC7, 0x37);
    assert_stops("executed the instruction f2 0f 78 c8", 0xF2, 0x0F, 0x78, 0xC8);
    assert_stops("executed the instruction 66 0f 78 c8", 0x66, 0x0F, 0x78, 0xC8);
    assert_stops("executed the instruction 0f ff 00 00", 0x0F, 0xFF, 0x00, 0x00);
    assert_stops("executed the instruction 0f 01 c6", 0x0F, 0x01, 0xC6);
    u8 longest[16];
    memset(longest, 0x66, sizeof(longest));
    assert_stops("executed the instruction 66 66 66 66 66 66 66 66 66 66", longest[0], longest[1], 0x66, 0x66,
                 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66);
}

static void code_is_fetched_up_to_its_end(void **state)
{
    (void)state;
    u8 bytes[16];
    fake.vmcb.rip = LINEAR(PAGE_SIZE - 4);
    fake.page_pa[1] = (RAM + 5 * PAGE_SIZE) | 3ull << 46;
    memcpy(AT(PAGE_SIZE - 4), "\1\2\3\4", 4);
    memcpy(AT(5 * PAGE_SIZE), "\5\6", 2);
    assert_int_equal(module_fetch(&fake.lp, bytes), 15);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\0", 7);
    assert_int_equal(fake.reached, 0); /* without asking for keys */
    fake.vmcb.rip = LINEAR_NOWHERE - 3;
    memset(bytes, 0xEE, sizeof(bytes));
    assert_int_equal(module_fetch(&fake.lp, bytes), 3);
    assert_int_equal(bytes[3] | bytes[15], 0);
    regs->rdi = LINEAR(PAGE_SIZE);
    regs->rsi = LINEAR(2 * PAGE_SIZE);
    fake.vmcb.rip = LINEAR_NOWHERE - 5;
    memcpy(AT(RAM_PAGES * PAGE_SIZE - 5), "\x66\x0F\x38\xF8\x77", 5); /* movdir64b rsi, [rdi+...: cut off */
    instruction_undefined(&fake.lp);
    assert_non_null(strstr(fake.stopped, "executed the instruction 66 0f 38 f8 77:"));
    fake.stopped[0] = 0;
    fake.vmcb.rip = LINEAR_NOWHERE;
    instruction_undefined(&fake.lp);
    assert_non_null(strstr(fake.stopped, "executed an instruction out of reach"));
    fake.page_pa[0] = RAM + RAM_PAGES * PAGE_SIZE; /* mapped to no memory */
    fake.vmcb.rip = LINEAR(0);
    assert_int_equal(module_fetch(&fake.lp, bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(seamret_ends_the_turn, fake_enter),
        cmocka_unit_test_setup(seamops_answers_two_leaves, fake_enter),
        cmocka_unit_test_setup(pconfig_programs_a_key, fake_enter),
        cmocka_unit_test_setup(pconfig_faults_stop, fake_enter),
        cmocka_unit_test_setup(random_numbers_come_in_all_widths, fake_enter),
        cmocka_unit_test_setup(stores_64_bytes, fake_enter),
        cmocka_unit_test_setup(refuses_a_bad_64_byte_store, fake_enter),
        cmocka_unit_test_setup(serialize_is_done_already, fake_enter),
        cmocka_unit_test_setup(what_isnt_emulated_stops_by_name, fake_enter),
        cmocka_unit_test_setup(code_is_fetched_up_to_its_end, fake_enter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
