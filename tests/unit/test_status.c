/* SPDX-License-Identifier: MIT */
/*
 * The decoder. Every row of status.def must come back under its own name; texts and hints that people will
 * read at the bench are compared letter by letter; nothing may be written behind a buffer (ASan watches).
 */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"

static const struct {
    const char *name;
    u64 value;
} rows[] = {
#define TDX_STATUS(name, value, detail, since) {#name, (value)},
#define TDX_STATUS_UNNUMBERED(name)
#include "drivers/tdx/abi/status.def"
};

#define ANY -1ll
static const struct {
    const char *name;
    long long leaf, detail;
    const char *text;
} hints[] = {
#define TDX_HINT(name, leaf, detail, text) {#name, (leaf), (detail), (text)},
#include "drivers/tdx/abi/hints.def"
};

static void every_row_has_its_own_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        u64 value = ~0ull;
        assert_string_equal(tdx_status_name(rows[i].value), rows[i].name);
        assert_string_equal(tdx_status_name(rows[i].value | 0x12345678), rows[i].name);
        assert_true(tdx_status_by_name(rows[i].name, &value));
        assert_int_equal(value, rows[i].value);
        assert_int_equal(value & ~TDX_STATUS_MASK, 0);
        assert_int_equal(value & TDX_STATUS_RESERVED, 0);
    }
}

static void every_row_is_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        for (size_t j = i + 1; j < ARRAY_COUNT(rows); j++) {
            assert_int_not_equal(rows[i].value, rows[j].value);
            assert_string_not_equal(rows[i].name, rows[j].name);
            /* class and detail alone tell codes apart too, but for SUCCESS, which has neither */
            assert_int_not_equal((rows[i].value >> 32) & 0xFFFF, (rows[j].value >> 32) & 0xFFFF);
        }
}

static void names_unknown_to_the_table_are_refused(void **state)
{
    (void)state;
    u64 value = 7;
    static const char *const bad[] = {"",           "SUCCES", "SUCCESSS", "success", "EXT_MEMORY_POOL_FULL",
                                      "TDX_SUCCESS"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        assert_false(tdx_status_by_name(bad[i], &value));
    assert_int_equal(value, 7);
    assert_null(tdx_status_name(0xC000054400000000ull));
    assert_null(tdx_status_name(0x8000000000000000ull)); /* SUCCESS with the error bit isn't success */
    assert_null(tdx_status_name(0x8000FF000000000Eull));
    assert_null(tdx_status_name(0xC001010000000000ull));
}

static void texts_are_exact(void **state)
{
    (void)state;
    static const struct {
        u64 status;
        const char *text;
    } cases[] = {
        {0, "SUCCESS"},
        {0x0000000000000005, "SUCCESS details=0x5"},
        {0xC000092100000122, "INCORRECT_MSR_VALUE msr=0x122 (IA32_TSX_CTRL)"},
        {0xC000092100000777, "INCORRECT_MSR_VALUE msr=0x777"},
        {0xC00009200000003B, "INCONSISTENT_MSR msr=0x3b (IA32_TSC_ADJUST)"},
        {0xC000010000000000, "OPERAND_INVALID operand=RAX"},
        {0xC000010000000001, "OPERAND_INVALID operand=RCX"},
        {0xC000010000000009, "OPERAND_INVALID operand=R9"},
        {0xC000010000000004, "OPERAND_INVALID operand=4"},
        {0x80000200000000BB, "OPERAND_BUSY operand=KET"},
        {0x8000020300000000, "RND_NO_ENTROPY"},
        {0x8000000300000000, "INTERRUPTED_RESUMABLE"},
        {0x8000000300000001, "INTERRUPTED_RESUMABLE details=0x1"},
        {0xC000090800000015, "CPUID_LEAF_NOT_SUPPORTED leaf=0x15"},
        {0xC00009080000001F, "CPUID_LEAF_NOT_SUPPORTED leaf=0x1f"},
        {0xC000090600000008, "INVALID_PKG_ID package=8"},
        {0xC000091000000001, "SMRR_NOT_LOCKED smrr=1"},
        {0xC000091200000200, "SMRR_OVERLAPS_CMR smrr=0 cmr=2"},
        {0xC000082500000800, "NUM_ACTIVATED_HKIDS_NOT_SUPPORTED limit=2048"},
        {0xC0000A0000000003, "INVALID_TDMR tdmr=3"},
        {0xC0000A0000000103, "INVALID_TDMR tdmr=3 details=0x103"},
        {0xC0000A1000000102, "INVALID_PAMT tdmr=2 level=2M"},
        {0xC0000A1100000200, "PAMT_OUTSIDE_CMRS tdmr=0 level=1G"},
        {0xC0000A1100000300, "PAMT_OUTSIDE_CMRS tdmr=0 level=3"},
        {0xC0000A1200010000, "PAMT_OVERLAP tdmr=0 level=4K other=1"},
        {0xC0000A1201010000, "PAMT_OVERLAP tdmr=0 level=4K other=1 details=0x1010000"},
        {0xC0000A2000000300, "INVALID_RESERVED_IN_TDMR tdmr=0 area=3"},
        {0xC0000A2100000F3F, "NON_ORDERED_RESERVED_IN_TDMR tdmr=63 area=15"},
        {0x00000A0300000000, "TDMR_ALREADY_INITIALIZED"},
        {0xC0000B0800000001, "TLB_TRACKING_NOT_DONE operand=RCX"},
        {0xC0000B1000020001, "L2_SEPT_ENTRY_NOT_FREE vm=2 level=1"},
        {0x8000051200030000, "UPDATE_COMPAT_SENSITIVE builds=3"},
        {0x8000051200020001, "UPDATE_COMPAT_SENSITIVE migrations=2"},
        {0x8000051200020007, "UPDATE_COMPAT_SENSITIVE kind=7 number=2"},
        {0x6000000200000000, "NON_RECOVERABLE_TD"},
        {0x4000000200000000, "NON_RECOVERABLE_TD"}, /* Linux's number */
        {0xE000000700000000, "NON_RECOVERABLE_TD_WRONG_APIC_MODE"},
        {0x6000000700000000, "NON_RECOVERABLE_TD_WRONG_APIC_MODE"}, /* Linux's number */
        {0x8000FF00FFFF0000, "SW_VMFAIL_INVALID"},
        {0x8000FF000000000D, "SW_FAULT_GP"},
        {0x8000FF0000000006, "SW_FAULT_UD"},
        {0x8000FF000000000E, "unknown status class 0xff (software) detail 0x00 details=0xe"},
        {0xC000054400000000, "unknown status class 0x05 (module state) detail 0x44"},
        {0xC0002A0100000007, "unknown status class 0x2a (unnamed) detail 0x01 details=0x7"},
        {0x0000030600000000, "unknown informational class 0x03 (page metadata) detail 0x06"},
        {0x8010020000000000, "unknown status class 0x02 (busy) detail 0x00 reserved=0x10"},
        {0x8000010000000001, "unknown status class 0x01 (operand) detail 0x00 details=0x1"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[TDX_STATUS_TEXT_MAX];
        assert_int_equal(tdx_status_describe(cases[i].status, text, sizeof(text)), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

/* A heap buffer of exactly that size, so that ASan sees the first byte too many. */
static void describe_in(u64 status, size_t size)
{
    char full[2 * TDX_STATUS_TEXT_MAX];
    size_t length = tdx_status_describe(status, full, sizeof(full));
    char *text = malloc(size ? size : 1);
    assert_non_null(text);
    assert_int_equal(tdx_status_describe(status, text, size), length);
    if (size > 0) {
        size_t kept = length < size ? length : size - 1;
        assert_int_equal(strlen(text), kept);
        assert_memory_equal(text, full, kept);
    }
    free(text);
}

static void buffers_are_respected(void **state)
{
    (void)state;
    static const u64 samples[] = {0xC000092100000122, 0xC0000A12FFFFFFFF, 0xCFFF0A99FFFFFFFF,
                                  0x8000FF00FFFF0000};
    for (size_t i = 0; i < ARRAY_COUNT(samples); i++)
        for (size_t size = 0; size < TDX_STATUS_TEXT_MAX + 4; size++)
            describe_in(samples[i], size);
    assert_int_equal(tdx_status_describe(0, NULL, 0), 7);
}

static void no_text_is_too_long(void **state)
{
    (void)state;
    static const u32 lows[] = {0, 0xFFFFFFFF, 0x0002FFFF, 0x87, 0xBC, 0xBD, 72};
    char text[TDX_STATUS_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        for (size_t j = 0; j < ARRAY_COUNT(lows); j++)
            assert_true(tdx_status_describe(rows[i].value | lows[j], text, sizeof(text)) < sizeof(text));
    for (u64 class = 0; class < 0x100; class ++) {
        assert_true(tdx_status_describe(0x0FFF00EEFFFFFFFF | class << 40, text, sizeof(text)) < sizeof(text));
        assert_true(tdx_status_describe(0xFFFF00EEFFFFFFFF | class << 40, text, sizeof(text)) < sizeof(text));
    }
}

static void any_value_decodes(void **state)
{
    (void)state;
    u64 seed = 20260612;
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int i = 0; i < 100000; i++) {
        char text[TDX_STATUS_TEXT_MAX];
        u64 status = test_random(&seed);
        if (i % 2)
            status &= 0xF0001F3F0000FFFFull; /* near the codes that exist */
        assert_true(tdx_status_describe(status, text, sizeof(text)) < sizeof(text));
        assert_non_null(tdx_status_hint(status, (int)(status & 0x7F)));
        const char *name = tdx_status_name(status);
        assert_true(name ? strncmp(text, name, strlen(name)) == 0 : strncmp(text, "unknown ", 8) == 0);
    }
}

/* ---- hints ---- */

static void every_hint_names_a_status_and_fits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
        u64 value;
        if (!tdx_status_by_name(hints[i].name, &value))
            fail_msg("hint for %s: no such status", hints[i].name);
        size_t length = strlen(hints[i].text);
        if (length < 20 || length >= TDX_HINT_TEXT_MAX || hints[i].text[length - 1] != '.')
            fail_msg("hint for %s is %zu letters: %s", hints[i].name, length, hints[i].text);
        assert_true(hints[i].leaf == ANY || tdx_leaf_name((unsigned)hints[i].leaf));
    }
}

static void every_hint_can_be_reached(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(hints); i++) {
        u64 value = 0;
        assert_true(tdx_status_by_name(hints[i].name, &value));
        if (hints[i].detail != ANY)
            value |= (u32)hints[i].detail;
        else if (strncmp(hints[i].name, "SW_", 3) != 0)
            value |= 0x7FFF; /* a detail that no special row has */
        assert_string_equal(tdx_status_hint(value, (int)hints[i].leaf), hints[i].text);
    }
}

/* All that SYS.INIT .. EXT.INIT and RDMD can answer in module 1.5.01 or are expected to in later ones. */
static void init_sequence_has_hints(void **state)
{
    (void)state;
    static const struct {
        int leaf;
        const char *names;
    } answers[] = {
        {TDH_SYS_INIT,
         "SW_VMFAIL_INVALID SW_FAULT_GP SW_FAULT_UD SYS_BUSY OPERAND_INVALID SYS_INIT_NOT_PENDING INCORRECT_MSR_VALUE "
         "LIMIT_CPUID_MAXVAL_SET CPUID_LEAF_NOT_SUPPORTED INCORRECT_CPUID_VALUE CPUID_LEAF_1F_FORMAT_UNRECOGNIZED "
         "INVALID_WBINVD_SCOPE NUM_ACTIVATED_HKIDS_NOT_SUPPORTED CMR_LIST_INVALID SMRR_NOT_SUPPORTED "
         "SMRR_LOCK_NOT_SUPPORTED SMRR_NOT_LOCKED INVALID_SMRR_CONFIGURATION SMRR_OVERLAPS_CMR "
         "INCOMPATIBLE_SEAM_CAPABILITIES SYS_INCOMPATIBLE_SIGSTRUCT RND_NO_ENTROPY SYS_SHUTDOWN"},
        {TDH_SYS_LP_INIT,
         "SW_VMFAIL_INVALID SYS_BUSY SYS_LP_INIT_NOT_PENDING SYS_LP_INIT_DONE RND_NO_ENTROPY INCONSISTENT_MSR "
         "INCOMPATIBLE_SEAM_CAPABILITIES LIMIT_CPUID_MAXVAL_SET INCONSISTENT_CPUID_FIELD INVALID_PKG_ID"},
        {TDH_SYS_RD,
         "SYS_LP_INIT_NOT_DONE SYS_NOT_READY METADATA_FIRST_FIELD_ID_IN_CONTEXT METADATA_FIELD_ID_INCORRECT "
         "METADATA_FIELD_NOT_READABLE OPERAND_INVALID"},
        {TDH_SYS_RDALL,
         "METADATA_LIST_OVERFLOW METADATA_FIELD_ID_INCORRECT SYS_LP_INIT_NOT_DONE OPERAND_INVALID"},
        {TDH_SYS_CONFIG,
         "SYS_BUSY SYS_CONFIG_NOT_PENDING OPERAND_INVALID INVALID_TDMR NON_ORDERED_TDMR NON_ORDERED_RESERVED_IN_TDMR "
         "INVALID_RESERVED_IN_TDMR INVALID_PAMT PAMT_OVERLAP PAMT_OUTSIDE_CMRS TDMR_OUTSIDE_CMRS"},
        {TDH_SYS_KEY_CONFIG,
         "SYS_BUSY SYS_KEY_CONFIG_NOT_PENDING KEY_CONFIGURED OPERAND_BUSY KEY_GENERATION_FAILED"},
        {TDH_SYS_TDMR_INIT, "SYS_NOT_READY OPERAND_INVALID OPERAND_BUSY TDMR_ALREADY_INITIALIZED"},
        {TDH_EXT_MEM_ADD,
         "SYS_NOT_READY OPERAND_INVALID OPERAND_ADDR_RANGE_ERROR PAGE_NOT_FREE PAGE_METADATA_INCORRECT OPERAND_BUSY "
         "SYS_BUSY INTERRUPTED_RESUMABLE"},
        {TDH_EXT_INIT, "SYS_NOT_READY OPERAND_INVALID OPERAND_BUSY SYS_BUSY INTERRUPTED_RESUMABLE"},
        {TDH_PHYMEM_PAGE_RDMD, "SYS_NOT_READY OPERAND_INVALID OPERAND_ADDR_RANGE_ERROR OPERAND_BUSY"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(answers); i++) {
        char names[1024];
        assert_true(strlen(answers[i].names) < sizeof(names));
        strcpy(names, answers[i].names);
        for (char *name = strtok(names, " "); name; name = strtok(NULL, " ")) {
            u64 value = 0;
            if (!tdx_status_by_name(name, &value) || !*tdx_status_hint(value, answers[i].leaf))
                fail_msg("no hint for %s of %s", name, tdx_leaf_name((unsigned)answers[i].leaf));
        }
    }
}

/* What users were seen asking about in public: the hint must name the remedy. */
static void known_pains_are_answered(void **state)
{
    (void)state;
    static const struct {
        u64 status;
        int leaf;
        const char *words;
    } cases[] = {
        {0xC000050500000000, TDH_SYS_RD, "Module 1.0"},
        {0xC000090000000000, TDH_SYS_INIT, "Old BIOS or microcode"},
        {0xC000090000000000 | 0x80000008, TDH_SYS_INIT, "Limit CPU PA to 46 bits"}, /* as a report asks */
        {0xC000090000000000 | 0x1, TDH_SYS_INIT, "AES-NI"},
        {0xC000090500000000, TDH_SYS_INIT, "Sub-NUMA Clustering"},
        {0xC00009210000010A, TDH_SYS_INIT, "update the microcode"},
        {0xC0000921000000BD, TDH_SYS_INIT, "x2APIC opt out"},
        {0xC0000921000000BC, TDH_SYS_INIT, "Energy filtering"},
        {0xC000092100000345, TDH_SYS_INIT, "PMU"},
        {0xC000092100000480, TDH_SYS_INIT, "VT-x"},
        {0xC00009210000048B, TDH_SYS_INIT, "VT-x"},
        {0xC000092100000982, TDH_SYS_INIT, "TME and TME-MT"},
        {0xC000010000000008, TDH_SYS_CONFIG, "TDX Key Split"},
        {0xC00009200000010A, TDH_SYS_LP_INIT, "load microcode early"},
        {0xC00009200000003B, TDH_SYS_LP_INIT, "IA32_TSC_ADJUST differs"},
        {0xC000092100000122, TDH_SYS_INIT, "Wrong firmware/module pairing"},
        {0x8000FF00FFFF0000, TDH_SYS_INIT, "No TDX module is loaded. BIOS setup"},
        {0x8000FF00FFFF0000, TDH_SYS_CONFIG, "fatal error"},
        {0xC0000A0200000000, TDH_SYS_CONFIG, "first MiB"},
        {0xC000050C00000000, TDH_SYS_CONFIG, "maxcpus"},
        {0xC000050500000000, TDH_SYS_TDMR_INIT, "one LP of every package"},
        {0x8000020300000000, TDH_SYS_INIT, "retry up to 10"},
        {0x8000080000000000, TDH_SYS_KEY_CONFIG, "retry"},
        {0x80000200000000BB, TDH_SYS_KEY_CONFIG, "key table is busy"},
        {0x00000A0300000000, TDH_SYS_TDMR_INIT, "RDX is 0"},
        {0x0000081500000000, TDH_SYS_KEY_CONFIG, "Not an error"},
        {0xC000050300000000, TDH_SYS_LP_INIT, "comes back online"},
        {0x8000051200000000, -1, "TDs are being built"},
        {0x8000000300000000, TDH_EXT_MEM_ADD, "with the RCX that it returned"},
        {0x8000000300000000, TDH_EXT_INIT, "original inputs"},
        {0x0000030600000000, TDH_EXT_MEM_ADD, "EXT_MEMORY_POOL_FULL"},
        {0x0000030600000000, -1, "Not an error by bit 63"},
        {0xC0007F0000000000, -1, "no public source"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const char *hint = tdx_status_hint(cases[i].status, cases[i].leaf);
        assert_true(strlen(hint) < TDX_HINT_TEXT_MAX);
        if (!strstr(hint, cases[i].words))
            fail_msg("0x%016llx: '%s' lacks '%s'", (unsigned long long)cases[i].status, hint, cases[i].words);
    }
    assert_string_equal(tdx_status_hint(0, TDH_SYS_INIT), "");
}

/* ---- leaves, operands, MSRs ---- */

static void leaves_by_name_in_any_spelling(void **state)
{
    (void)state;
    static const char *const names[] = {"EXT.MEM.ADD", "ext.mem_add", "Ext.Mem.Add", "ext_mem_add"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        unsigned leaf = 0;
        assert_true(tdx_leaf_by_name(names[i], &leaf));
        assert_int_equal(leaf, TDH_EXT_MEM_ADD);
    }
    static const char *const bad[] = {"", "EXT.MEM", "EXT.MEM.ADDX", "EXT MEM ADD", "TDH.EXT.MEM.ADD", "61"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        unsigned leaf = 0;
        assert_false(tdx_leaf_by_name(bad[i], &leaf));
    }
}

static void leaves_operands_and_msrs_have_names(void **state)
{
    (void)state;
    unsigned known = 0;
    for (unsigned number = 0; number < 0x10000; number++) {
        const char *name = tdx_leaf_name(number);
        unsigned leaf = ~0u;
        if (!name)
            continue;
        known++;
        assert_true(tdx_leaf_by_name(name, &leaf));
        assert_int_equal(leaf, number);
    }
    assert_in_range(known, 80, 100);
    assert_string_equal(tdx_leaf_name(33), "SYS.INIT");
    assert_null(tdx_leaf_name(55));
    assert_string_equal(tdx_operand_name(96), "TDMR_INFO_PA");
    assert_null(tdx_operand_name(4));
    assert_string_equal(tdx_msr_name(0x122), "IA32_TSX_CTRL");
    assert_null(tdx_msr_name(0x123));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_own_name),
        cmocka_unit_test(every_row_is_unique),
        cmocka_unit_test(names_unknown_to_the_table_are_refused),
        cmocka_unit_test(texts_are_exact),
        cmocka_unit_test(buffers_are_respected),
        cmocka_unit_test(no_text_is_too_long),
        cmocka_unit_test(any_value_decodes),
        cmocka_unit_test(every_hint_names_a_status_and_fits),
        cmocka_unit_test(every_hint_can_be_reached),
        cmocka_unit_test(init_sequence_has_hints),
        cmocka_unit_test(known_pains_are_answered),
        cmocka_unit_test(leaves_by_name_in_any_spelling),
        cmocka_unit_test(leaves_operands_and_msrs_have_names),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
