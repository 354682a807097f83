/* SPDX-License-Identifier: MIT */
/* What --fault may ask for, as the monitor reads it, and what is wrong with the rest. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "drivers/tdx/abi/status.h"
#include "seam/monitor/fault_spec.h"

static struct fault_spec spec;
static char why[FAULT_WHY_MAX];

static void assert_read(const char *text)
{
    memset(&spec, 0xA5, sizeof(spec));
    if (!fault_spec_read(text, &spec, why))
        fail_msg("'%s' is refused: %s", text, why);
}

/* ---- what is understood ---- */

static void assert_override(u32 which, struct override want)
{
    const struct override *got = &spec.changes[which].override;
    assert_int_equal(spec.changes[which].kind, FAULT_OVERRIDE);
    assert_int_equal(got->kind, want.kind);
    assert_int_equal(got->lp, want.lp);
    assert_int_equal(got->number, want.number);
    assert_int_equal(got->subleaf, want.subleaf);
    assert_int_equal(got->reg, want.reg);
    assert_true(got->value == want.value);
    assert_true(got->keep == want.keep);
}

static void reads_registers(void **state)
{
    static const struct {
        const char *text;
        struct override want;
    } rows[] = {
        {"msr=0x10a:0", {OVERRIDE_MSR, OVERRIDE_ALL_LPS, 0x10A, 0, 0, 0, 0}},
        {"msr=266:0xffffffffffffffff@lp3", {OVERRIDE_MSR, 3, 0x10A, 0, 0, ~0ull, 0}},
        {"msr=0x982:-0", {OVERRIDE_MSR, OVERRIDE_ALL_LPS, 0x982, 0, 0, 0, ~1ull}},
        {"msr=0x1a0:+22@lp0", {OVERRIDE_MSR, 0, 0x1A0, 0, 0, 1 << 22, ~(1ull << 22)}},
        {"msr=0x480:+63", {OVERRIDE_MSR, OVERRIDE_ALL_LPS, 0x480, 0, 0, 1ull << 63, ~(1ull << 63)}},
        {"cpuid=0x80000008.0.eax:0x302e",
         {OVERRIDE_CPUID, OVERRIDE_ALL_LPS, 0x80000008, 0, OVERRIDE_EAX, 0x302E, 0}},
        {"cpuid=7.1.ebx:5", {OVERRIDE_CPUID, OVERRIDE_ALL_LPS, 7, 1, OVERRIDE_EBX, 5, 0}},
        {"cpuid=0x1f.0x2.ecx:0xffffffff@lp2", {OVERRIDE_CPUID, 2, 0x1F, 2, OVERRIDE_ECX, 0xFFFFFFFF, 0}},
        {"cpuid=7.0.edx:-31", {OVERRIDE_CPUID, OVERRIDE_ALL_LPS, 7, 0, OVERRIDE_EDX, 0, ~(1ull << 31)}},
        {"seamcaps=0x4f", {OVERRIDE_SEAM_CAPABILITIES, OVERRIDE_ALL_LPS, 0, 0, 0, 0x4F, 0}},
        {"seamcaps=-4@lp1", {OVERRIDE_SEAM_CAPABILITIES, 1, 0, 0, 0, 0, ~(1ull << 4)}},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        assert_read(rows[i].text);
        assert_true(spec.platform);
        assert_null(spec.meaning);
        assert_override(0, rows[i].want);
        assert_int_equal(spec.changes[1].kind, FAULT_NO_CHANGE);
    }
}

static void assert_calls(u32 which, u64 leaf, u64 nth, u64 count, u64 kind, u64 value)
{
    const struct injection *got = &spec.changes[which].injection;
    assert_int_equal(spec.changes[which].kind, FAULT_CALLS);
    assert_true(got->leaf == leaf && got->nth == nth && got->count == count);
    assert_true(got->kind == kind && got->value == value && got->seen == 0);
}

static void reads_calls(void **state)
{
    (void)state;
    assert_read("ext.mem_add:17=0xC000010000000001");
    assert_calls(0, TDH_EXT_MEM_ADD, 17, 1, MONITOR_INJECT_STATUS, 0xC000010000000001);
    assert_false(spec.platform);
    assert_read("SYS.TDMR.INIT:3x200=OPERAND_BUSY");
    assert_calls(0, TDH_SYS_TDMR_INIT, 3, 200, MONITOR_INJECT_STATUS, TDX_OPERAND_BUSY);
    assert_read("sys.init:1=SW_VMFAIL_INVALID");
    assert_calls(0, TDH_SYS_INIT, 1, 1, MONITOR_INJECT_VMFAIL, TDX_VMFAIL_INVALID);
}

static void reads_names(void **state)
{
    (void)state;
    assert_read("smrr=unlocked");
    assert_true(spec.platform);
    assert_string_equal(spec.meaning, "the BIOS left SMRR unlocked");
    assert_override(0, (struct override){OVERRIDE_MSR, OVERRIDE_ALL_LPS, 0x1F3, 0, 0, 0, ~(1ull << 10)});
    assert_int_equal(spec.changes[1].kind, FAULT_NO_CHANGE);
    assert_read("tme=off@lp2");
    assert_override(0, (struct override){OVERRIDE_MSR, 2, 0x982, 0, 0, 1, 0});
    assert_override(1, (struct override){OVERRIDE_MSR, 2, 0x87, 0, 0, 0, 0});
    assert_read("tsc_adjust");
    assert_override(0, (struct override){OVERRIDE_MSR, 1, 0x3B, 0, 0, 0x1000, 0});
    assert_read("tsc_adjust@lp0");
    assert_override(0, (struct override){OVERRIDE_MSR, 0, 0x3B, 0, 0, 0x1000, 0});
    assert_read("pconfig=busy");
    assert_true(spec.platform);
    assert_calls(0, TDH_SYS_KEY_CONFIG, 1, INJECT_EVERY_CALL, MONITOR_INJECT_KET_BUSY, 0);
    assert_calls(1, TDH_MNG_KEY_CONFIG, 1, INJECT_EVERY_CALL, MONITOR_INJECT_KET_BUSY, 0);
    assert_read("no_entropy");
    assert_calls(0, INJECT_ANY_LEAF, 1, INJECT_EVERY_CALL, MONITOR_INJECT_NO_ENTROPY, 0);
}

static void reads_facts(void **state)
{
    (void)state;
    assert_read("mcheck=lps");
    assert_true(spec.platform);
    assert_int_equal(spec.changes[0].kind, FAULT_FACT);
    assert_int_equal(spec.changes[0].fact.kind, FACT_LP_COUNT);
    assert_true(spec.changes[0].fact.add == 1);
    assert_read("seamldr=handoff");
    assert_int_equal(spec.changes[0].fact.kind, FACT_HANDOFF_PAGES);
    assert_true(spec.changes[0].fact.add == -1);
}

/* Every name can be written as its row has it, means something and changes something. */
static void every_name_is_whole(void **state)
{
    static const char *const names[] = {
#define PLATFORM_FAULT(name, ...) name,
#include "seam/monitor/platform_faults.def"
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        assert_read(names[i]);
        assert_true(spec.platform && spec.meaning && strlen(spec.meaning) > 10);
        assert_true(spec.changes[0].kind != FAULT_NO_CHANGE);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[k], names[i]);
    }
}

/* ---- what isn't ---- */

static void says_what_is_wrong(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "no fault is called ''; docs/monitor.md lists them; "},
        {"ext.mem_add", "no fault is called 'ext.mem_add'; docs/monitor.md lists them; for calls LEAF:NTH"},
        {"smrr=unlockd", "no fault is called 'smrr=unlockd'; did you mean smrr=unlocked?"},
        {"smrr", "no fault is called 'smrr'; "},
        {"msr=", "'' is not the number of an MSR; msr=NUMBER:VALUE"},
        {"msr=10a:0", "'10a' is not the number of an MSR; "},
        {"msr=0x100000000:0", "'0x100000000' is not the number of an MSR; "},
        {"msr=0x10a", "'' is no number of its size, nor +BIT or -BIT; msr="},
        {"msr=0x10a:", "'' is no number of its size, "},
        {"msr=0x10a:0x10000000000000000", "'0x10000000000000000' is no number of its size, "},
        {"msr=0x10a:+64", "'+64' is no number of its size, "},
        {"msr=0x10a:-", "'-' is no number of its size, "},
        {"msr=0x10a:0@1", "'@1' names no LP; write it as in @lp1"},
        {"msr=0x10a:0@lp", "'@lp' names no LP; "},
        {"msr=0x10a:0@lp1@lp2", "'@lp1@lp2' names no LP; "},
        {"msr=0x10a:0@lp0xffffffff", "'@lp0xffffffff' names no LP; "},
        {"cpuid=x.0.eax:0", "'x' is not the number of a CPUID leaf; cpuid=LEAF.SUB.REG:VALUE"},
        {"cpuid=1", "'' is not the number of a sub-leaf; "},
        {"cpuid=1.eax:0", "'eax' is not the number of a sub-leaf; "},
        {"cpuid=1.0:5", "'' is none of eax, ebx, ecx, edx; "},
        {"cpuid=1.0.efx:5", "'efx' is none of eax, ebx, ecx, edx; "},
        {"cpuid=1.0.eax", "'' is no number of its size, "},
        {"cpuid=1.0.eax:0x100000000", "'0x100000000' is no number of its size, "},
        {"cpuid=1.0.eax:+32", "'+32' is no number of its size, "},
        {"seamcaps=", "'' is no number of its size, nor +BIT or -BIT; seamcaps=VALUE"},
        {"pconfig=busy@lp1", "it is a fault of the whole machine; leave @lp1 out"},
        {"mcheck=lps@lp1", "it is a fault of the whole machine; leave @lp1 out"},
        {"ext.mem_add:17", "LEAF:NTH[xCOUNT]=STATUS is wanted"},
        {"ext.mem_ad:17=1", "no leaf is called 'ext.mem_ad'; LEAF:NTH"},
        {"ext.mem_add:0=1", "'0' is not a number of calls, from 1; "},
        {"ext.mem_add:1x0=1", "'0' is not a number of calls, from 1; "},
        {"ext.mem_add:1x=1", "'' is not a number of calls, from 1; "},
        {"ext.mem_add:1=BUSY", "'BUSY' is neither a number nor the name of a status"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (fault_spec_read(rows[i].text, &spec, why))
            fail_msg("'%s' is taken", rows[i].text);
        if (strncmp(why, rows[i].why, strlen(rows[i].why)) != 0)
            fail_msg("'%s': expected '%s...', got '%s'", rows[i].text, rows[i].why, why);
    }
}

/* Bytes as they come: nothing is read or written out of bounds, and a refusal has a reason that ends. */
static void random_texts_stay_within_bounds(void **state)
{
    static const char *const parts[] = {"msr=", "cpuid=", "seamcaps=", "@lp",    ":",   ".",
                                        "=",    "x",      "0x10a",     "1",      "eax", "+",
                                        "-31",  "smr",    "ext.init",  "tme=off"};
    u64 seed = 20260807;
    (void)state;
    for (u32 round = 0; round < 20000; round++) {
        char text[300] = "";
        for (u64 left = test_random(&seed) % 24; left > 0; left--)
            strcat(text, parts[test_random(&seed) % ARRAY_COUNT(parts)]);
        memset(why, 'x', sizeof(why));
        if (!fault_spec_read(text, &spec, why))
            assert_true(why[0] && memchr(why, 0, sizeof(why)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_registers),
        cmocka_unit_test(reads_calls),
        cmocka_unit_test(reads_names),
        cmocka_unit_test(every_name_is_whole),
        cmocka_unit_test(reads_facts),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(random_texts_stay_within_bounds),
    };
    return cmocka_run_group_tests_name("fault_spec", tests, NULL, NULL);
}
