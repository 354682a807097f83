/* SPDX-License-Identifier: MIT */
/*
 * What the soft module says about itself: SYS.INFO, SYS.RD and SYS.RDALL against vectors that were confirmed
 * on module 1.5.01's own handlers (ids N, R, A, O) and against its list of 65 fields, typed here a second
 * time.
 */
#include "tests/unit/test_soft.h"

static struct fake *with_lp0(const char *profile)
{
    struct fake *fake = fake_new(profile);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    assert_status("SYS.LP.INIT", run(fake, 0, 35).rax, 0);
    return fake;
}

/* ---- SYS.INFO ---- */

#define INFO 0x20000000ull
#define CMRS 0x20001000ull

static const struct {
    const char *id;
    u32 lp;
    u64 rcx, rdx, r8, r9, expected;
    bool zeroed; /* the 1024 bytes at 20000000H */
} info_rows[] = {
    {"N2 LP not initialised", 1, INFO, 0x400, CMRS, 32, 0xC000050200000000, false},
    {"N4 RCX unaligned", 0, INFO + 512, 0x400, CMRS, 32, 0xC000010000000001, false},
    {"N5 RDX = 1023", 0, INFO, 0x3FF, CMRS, 32, 0xC000010000000002, false},
    {"N6 R8 unaligned", 0, INFO, 0x400, CMRS + 0x100, 32, 0xC000010000000008, true},
    {"N7 R9 = 31", 0, INFO, 0x400, CMRS, 31, 0xC000010000000009, true},
    {"N9 private KeyID", 0, INFO | 32ull << 46, 0x400, CMRS, 32, 0xC000010000000001, false},
    {"N10 SEAMRR", 0, 0x7C000000, 0x400, CMRS, 32, 0xC000010000000001, false},
    {"last buffer before SEAMRR reaches R9", 0, 0x7BFFFC00, 0x400, CMRS, 31, 0xC000010000000009, false},
    {"first buffer after SEAMRR", 0, 0x7E000000, 0x400, CMRS, 31, 0xC000010000000009, false},
    {"SEAMRR behind a shared KeyID", 0, 0x7C000000 | 1ull << 46, 0x400, CMRS, 32, 0xC000010000000001, false},
    {"N11 bit 52", 0, INFO | 1ull << 52, 0x400, CMRS, 32, 0xC000010000000001, false},
    {"R8 in SEAMRR", 0, INFO, 0x400, 0x7DFFFE00, 32, 0xC000010000000008, true},
    {"RCX before RDX", 0, INFO + 1, 0, CMRS, 32, 0xC000010000000001, false},
};

static void sys_info_rows(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    for (u32 i = 0; i < ARRAY_COUNT(info_rows); i++) {
        const char *id = info_rows[i].id;
        memset(fake->ram + INFO, 0xEE, 2048);
        struct soft_regs out = run(fake, info_rows[i].lp, 32, .rcx = info_rows[i].rcx,
                                   .rdx = info_rows[i].rdx, .r8 = info_rows[i].r8, .r9 = info_rows[i].r9);
        assert_status(id, out.rax, info_rows[i].expected);
        assert_true(out.rdx == 0 && out.r9 == 0);
        for (u32 byte = 0; byte < 1024; byte++)
            assert_int_equal(fake->ram[INFO + byte], info_rows[i].zeroed ? 0 : 0xEE);
        assert_int_equal(fake->ram[INFO + 1024], 0xEE);
    }
    fake_free(fake);
}

static u64 field(struct fake *fake, u64 pa, u32 bytes)
{
    u64 value = 0;
    memcpy(&value, fake->ram + pa, bytes);
    return value;
}

static const struct {
    u32 offset, bytes;
    u64 value;
} info_fields[] = {
    {0, 4, 0},   {4, 4, 0x8086},   {14, 2, 5},  {16, 2, 1},
    {18, 1, 1},  {19, 8, 0},       {27, 5, 0},  {32, 2, 64},
    {34, 2, 16}, {36, 2, 16},      {38, 8, 0},  {48, 2, 0x6000},
    {50, 2, 0},  {52, 2, 0x6000},  {54, 1, 0},  {64, 8, 0x8000000070000001},
    {72, 8, 0},  {80, 8, 0x61AE7}, {88, 8, 3},  {96, 8, 0},
    {120, 8, 0}, {128, 4, 12},     {420, 8, 0}, {1016, 8, 0},
};

static const u32 info_cpuid[12][6] = {
    {1, 0xFFFFFFFF, 0x0FFF3FFF, 0x00FF0000, 0x01000000, 0x18200000},
    {4, 0, 0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFB},
    {4, 1, 0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFB},
    {4, 2, 0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 0xFFFFFFFB},
    {4, 3, 0xFFFFC3FF, 0xFFFFF000, 0xFFFFFFFF, 7},
    {7, 0, 0, 0x00000000, 0x00000020, 0x00000400},
    {7, 1, 0x100, 0, 0, 0},
    {0xA, 0xFFFFFFFF, 0, 0, 0, 0},
    {0x1C, 0xFFFFFFFF, 7, 0, 0, 0},
    {0x80000008, 0xFFFFFFFF, 0, 0x200, 0, 0},
    {7, 2, 0, 0, 0, 0x28},
    {0x23, 0, 0, 0, 0, 0},
};

static void sys_info_contents(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    memset(fake->ram + INFO, 0xEE, 0x2000);
    struct soft_regs out = run(fake, 0, 32, .rcx = INFO, .rdx = 0x400, .r8 = CMRS, .r9 = 32);
    assert_status("N3", out.rax, 0);
    assert_true(out.rdx == 1024 && out.r9 == 32);
    for (u32 i = 0; i < ARRAY_COUNT(info_fields); i++)
        assert_int_equal(field(fake, INFO + info_fields[i].offset, info_fields[i].bytes),
                         info_fields[i].value);
    /* Not a plain copy of the masks: 7.0 shows what this CPU has of them. */
    u32 masked[6];
    for (u32 i = 0; i < 12; i++) {
        memcpy(masked, fake->ram + INFO + 132 + 24 * i, sizeof(masked));
        if (i == 0 || i == 5)
            continue;
        assert_memory_equal(masked, info_cpuid[i], sizeof(masked));
    }
    memcpy(masked, fake->ram + INFO + 132, sizeof(masked));
    assert_int_equal(masked[2], 0x0FFF3FFF);
    assert_int_equal(masked[4], 0x31044D88 & 0x47FAA217);
    assert_int_equal(masked[5], 0xB8440000 & 0x1FA9FBFF);
    memcpy(masked, fake->ram + INFO + 132 + 24 * 5, sizeof(masked));
    assert_int_equal(masked[3], 0xDC2B9B18 & 0x219424C3);
    assert_int_equal(masked[4], 0x02417F65 & 0x99000020);
    assert_int_equal(masked[5], 0x0005411C & 0xFC080400);
    assert_memory_equal(fake->ram + CMRS, fake->machine.cmrs, 512);
    assert_int_equal(fake->ram[CMRS + 512], 0xEE);
    assert_status("N8 shared KeyID 31",
                  run(fake, 0, 32, .rcx = INFO | 31ull << 46, .rdx = 2000, .r8 = CMRS, .r9 = 99).rax, 0);
    run(fake, 0, 32, .rcx = INFO, .rdx = 0x400, .r8 = INFO, .r9 = 32);
    assert_memory_equal(fake->ram + INFO, fake->machine.cmrs, 512); /* S7: the CMRs are written last */
    fake_free(fake);
}

/* A buffer where there is no memory: reads all ones, loses writes, and the carrier hears of it. */
static void sys_info_without_memory(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    assert_status("hole", run(fake, 0, 32, .rcx = 0x90000000, .rdx = 0x400, .r8 = 0x90001000, .r9 = 32).rax,
                  0);
    assert_int_equal(fake->violations, 2);
    assert_non_null(strstr(fake->violation, "outside memory"));
    fake_free(fake);
}

/* ---- SYS.RD ---- */

static const struct {
    u64 id;
    u32 bytes, fields, elements;
    u64 value; /* of every element, unless ANY or EACH */
} fields[] = {
#define ANY  0xA2A2A2A2A2A2A2A2
#define EACH 0xEACEACEACEACEACE
    {0x0000000200000000, 4, 1, 1, 2},
    {0x0000000200000001, 4, 8, 1, EACH},
    {0x0800000200000000, 4, 1, 1, 0x8086},
    {0x8800000200000001, 4, 1, 1, ANY},
    {0x8800000100000002, 2, 1, 1, ANY},
    {0x0800000100000003, 2, 1, 1, 5},
    {0x0800000100000004, 2, 1, 1, 1},
    {0x0800000100000005, 2, 1, 1, ANY},
    {0x0800000100000006, 2, 1, 1, 0},
    {0x8900000100000000, 2, 1, 1, 0},
    {0x8900000100000001, 2, 1, 1, 0},
    {0x8900000000000002, 1, 1, 1, 0},
    {0x8900000100000003, 2, 1, 1, 13},
    {0x8900000000000004, 1, 1, 1, 0},
    {0x8900000100000005, 2, 1, 1, 0},
    {0x8900000200000006, 4, 1, 1, 0},
    {0x0A00000200000000, 4, 1, 1, 0},
    {0x0A00000000000001, 1, 1, 1, 1},
    {0x0A00000300000008, 8, 1, 1, 0xF0FBF},
    {0x9000000100000000, 2, 1, 1, 32},
    {0x9000000300000080, 8, 32, 1, EACH},
    {0x9000000300000100, 8, 32, 1, EACH},
    {0x9100000100000008, 2, 1, 1, 64},
    {0x9100000100000009, 2, 1, 1, 16},
    {0x9100000100000010, 2, 1, 1, 16},
    {0x9100000100000011, 2, 1, 1, 16},
    {0x9100000100000012, 2, 1, 1, 16},
    {0x9800000100000000, 2, 1, 1, 0x1000},
    {0x9800000100000100, 2, 1, 1, 0x6000},
    {0x9800000100000101, 2, 1, 1, 0x1000},
    {0x9800000100000200, 2, 1, 1, 0x6000},
    {0x9800000100000201, 2, 1, 1, 0x3000},
    {0x1900000300000000, 8, 1, 1, 0x8000000070000001},
    {0x1900000300000001, 8, 1, 1, 0},
    {0x1900000300000002, 8, 1, 1, 0x61AE7},
    {0x1900000300000003, 8, 1, 1, 3},
    {0x9900000100000004, 2, 1, 1, 12},
    {0x9900000300000006, 8, 1, 1, 7},
    {0x9900000300000007, 8, 1, 1, 0},
    {0x9900000300000400, 8, 32, 1, EACH},
    {0x9900000300000500, 8, 32, 2, EACH},
    {0x9900000300000600, 8, 1, 1, 0x1180010},
    {0x9900000100000800, 2, 1, 1, 1},
    {0x9900000100000801, 2, 1, 1, 0},
    {0x9900000300000810, 8, 64, 1, EACH},
    {0x9900000300000850, 8, 64, 1, 0},
    {0xA000000300000000, 8, 1, 1, 0},
    {0x2000000100000001, 2, 1, 1, 0},
    {0x2000000100000002, 2, 1, 1, 0},
    {0x2000000100000003, 2, 1, 1, 0},
    {0x2000000100000004, 2, 1, 1, 0},
    {0xA000000100000010, 2, 1, 1, 512},
    {0xA000000000000020, 1, 1, 1, 3},
    {0xA000000000000021, 1, 1, 1, 2},
    {0xA000000000000022, 1, 1, 1, 5},
    {0xA100000100000000, 2, 1, 1, 1},
    {0xA100000300000001, 8, 1, 1, 0x7FF00000001},
    {0xA100000300000002, 8, 1, 1, 0},
    {0xA200000100000000, 2, 1, 1, 0x807F},
    {0xA200000300000001, 8, 1, 1, 1},
    {0xA200000300000002, 8, 1, 1, 0},
    {0xA200000300000003, 8, 1, 1, 3},
    {0xA200000300000004, 8, 1, 1, 0},
    {0xA200000300000005, 8, 1, 1, 7},
    {0xA200000300000006, 8, 1, 1, 0},
};

static const u64 direct[10] = {
    /* CPUID_CONFIG_VALUES of leaf 1 and 4.0 to 4.3; all others 0 */
    0x00FF00000FFF3FFF, 0,
    0xFFFFF000FFFFC3FF, 0xFFFFFFFBFFFFFFFF,
    0xFFFFF000FFFFC3FF, 0xFFFFFFFBFFFFFFFF,
    0xFFFFF000FFFFC3FF, 0xFFFFFFFBFFFFFFFF,
    0xFFFFF000FFFFC3FF, 0x7FFFFFFFF,
};

static u64 each_value(const struct fake *fake, u64 id, u32 element)
{
    switch (id) {
    case 0x0000000200000001:
        return element < 2 ? 0x806F8 : 0;
    case 0x9000000300000080:
        return fake->machine.cmrs[element].base;
    case 0x9000000300000100:
        return fake->machine.cmrs[element].size;
    case 0x9900000300000400:
        return element < 12 ? info_cpuid[element][0] | (u64)info_cpuid[element][1] << 32 : ~0ull;
    case 0x9900000300000500:
        return element < 10 ? direct[element] : 0;
    default: /* allowed FMS: the platform's own is the oldest of the list */
        return element == 0 ? 0x806F8 : 0;
    }
}

/* R20, R21: following RDX from the first id sees every element of every field once, in this order. */
static void sys_rd_walks_all_fields(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    u64 id = 0x0000000200000000;
    u32 seen = 0;
    assert_int_equal(ARRAY_COUNT(fields), 65);
    for (u32 i = 0; i < 65; i++)
        for (u32 element = 0; element < fields[i].fields * fields[i].elements; element++, seen++) {
            assert_int_equal(id, fields[i].id + element);
            struct soft_regs out = run(fake, 0, 34, .rdx = id);
            assert_status("SYS.RD", out.rax, 0);
            if (fields[i].value == EACH)
                assert_int_equal(out.r8, each_value(fake, fields[i].id, element));
            else if (fields[i].value != ANY)
                assert_int_equal(out.r8, fields[i].value);
            assert_true(fields[i].bytes == 8 || out.r8 >> 8 * fields[i].bytes == 0);
            id = out.rdx;
        }
    assert_int_equal(seen, 354);
    assert_int_equal(id, ~0ull);
    fake_free(fake);
}

static const struct {
    const char *id;
    u32 lp;
    u64 rdx, expected, next, value;
} rd_rows[] = {
    {"R1 LP not initialised", 1, 0x9100000100000008, 0xC000050200000000, ~0ull, 0},
    {"R2", 0, 0x9100000100000008, 0, 0x9100000100000009, 64},
    {"R3 null id", 0, ~0ull, 0x00000C0B00000000, 0x200000000, 0},
    {"R4 null id with context 0", 0, 0xFF8FFFFFFFFFFFFF, 0x00000C0B00000000, 0x200000000, 0},
    {"R5 reserved bit 24", 0, 0x9100000101000008, 0xC0000C0000000000, ~0ull, 0},
    {"R6 reserved bit 47", 0, 0x9100800100000008, 0xC0000C0000000000, ~0ull, 0},
    {"reserved bit 49", 0, 0x9102000100000008, 0xC0000C0000000000, ~0ull, 0},
    {"R7 reserved bit 55", 0, 0x9180000100000008, 0xC0000C0000000000, ~0ull, 0},
    {"R8 reserved bit 62", 0, 0xD100000100000008, 0xC0000C0000000000, ~0ull, 0},
    {"R9 last element", 0, 0x9100000500000008, 0xC0000C0000000000, ~0ull, 0},
    {"R10 last field", 0, 0x9100004100000008, 0xC0000C0000000000, ~0ull, 0},
    {"R11 size code is ignored", 0, 0x9100000300000008, 0, 0x9100000100000009, 64},
    {"R12 bit 63 is ignored", 0, 0x1100000100000008, 0, 0x9100000100000009, 64},
    {"R13 context 1 is ignored", 0, 0x9110000100000008, 0, 0x9100000100000009, 64},
    {"R14 bits 50 and 51 are ignored", 0, 0x910C000100000008, 0, 0x9100000100000009, 64},
    {"R15 unknown code", 0, 0x9100000100000013, 0xC0000C0000000000, ~0ull, 0},
    {"R16 unknown class", 0, 0x9B00000100000000, 0xC0000C0000000000, ~0ull, 0},
    {"one element too far", 0, 0x90000003000000A0, 0xC0000C0000000000, ~0ull, 0},
    {"R18 the caller's upper bits live on in a row", 0, 0x1000000000000081, 0, 0x1000000000000082,
     0x100000000},
    {"context doesn't, bits 50 and 51 do", 0, 0x907C000300000081, 0, 0x900C000300000082, 0x100000000},
    {"canonical id in the next row", 0, 0x100000000000009F, 0, 0x9000000300000100, 0},
    {"R19 last field", 0, 0xA200000300000006, 0, ~0ull, 0},
    {"O15 CPUID_CONFIG_LEAVES entry 12", 0, 0x990000030000040C, 0, 0x990000030000040D, ~0ull},
    {"pool field, not in 1.5.01", 0, 0x3100000200000000, 0xC0000C0000000000, ~0ull, 0},
    {"MAX_VCPUS_PER_TD, not in 1.5.01", 0, 0x9900000100000008, 0xC0000C0000000000, ~0ull, 0},
};

static void sys_rd_rows(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    for (u32 i = 0; i < ARRAY_COUNT(rd_rows); i++) {
        struct soft_regs out = run(fake, rd_rows[i].lp, 34, .rdx = rd_rows[i].rdx);
        assert_status(rd_rows[i].id, out.rax, rd_rows[i].expected);
        assert_status(rd_rows[i].id, out.rdx, rd_rows[i].next);
        assert_status(rd_rows[i].id, out.r8, rd_rows[i].value);
    }
    fake_free(fake);
}

static void sys_rd_depends_on_the_machine(void **state)
{
    (void)state;
    const struct patch emerald_rapids[] = {{FMS_IS, 0, 0, 0xC06F2}, {FMS_IS, 1, 0, 0xC06F1}, {0}};
    const struct patch unknown[] = {{FMS_IS, 0, 0, 0x906A3}, {FMS_IS, 1, 0, 0x906A3}, {0}};
    struct fake *fake = fake_new("1.5.01");
    fake_patch_machine(fake, emerald_rapids);
    fake_patch(fake, ALL_LPS, (struct patch[3]){{CAPS_ARE, 0, 0, 0x3F}, {EAX_IS, 0xD, 0, 0xE7}});
    reach_init_done(fake);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x0A00000300000008).r8, 0xF0EBF); /* no local attestation */
    assert_int_equal(run(fake, 0, 34, .rdx = 0x1900000300000002).r8, 0x18E7);  /* no AMX, but CET */
    assert_int_equal(run(fake, 0, 34, .rdx = 0x9900000100000800).r8, 2);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x9900000300000810).r8, 0xC06F1); /* lowest stepping */
    assert_int_equal(run(fake, 0, 34, .rdx = 0x9900000300000811).r8, 0x806F8);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x9900000300000812).r8, 0);
    fake_patch_machine(fake, unknown);
    reach_init_done(fake);
    assert_status("unknown family and model", run(fake, 0, 34, .rdx = 0x9900000100000800).rax, FATAL);
    assert_logged("family and model");
    fake_free(fake);
}

/* ---- SYS.RD in profile ext ---- */

static void sys_rd_extension_fields(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x0A00000300000008).r8,
                     0xF0FBF | 1 << 20 | 1ull << 39 | 1ull << 50);
    struct soft_regs out = run(fake, 0, 34, .rdx = 0x9900000100000008);
    assert_true(out.rax == 0 && out.r8 == 576);
    out = run(fake, 0, 34, .rdx = 0x3100000200000000);
    assert_true(out.rax == 0 && out.r8 == 0 && out.rdx == 0x3100000000000001); /* before SYS.CONFIG */
    assert_status("EXT_REQUIRED before SYS.CONFIG", run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 0);
    out = run(fake, 0, 34, .rdx = 0x2300000200000002);
    assert_true(out.rax == 0 && out.r8 == 0);
    assert_status(
        "CONFIG",
        run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = 1ull << 50, .r10 = 0).rax, 0);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000200000000).r8, 12800);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000100000000).r8, 12800); /* the older, 2-byte id */
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 1);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000100000001).r8, 1);
    fake_free(fake);
}

static void sys_rd_knobs(void **state)
{
    (void)state;
    struct fake *fake = fake_new("ext");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_true(soft_knob_set(&fake->knobs, "fields_before_valid=1"));
    assert_true(soft_knob_set(&fake->knobs, "rd_strict_size=1"));
    assert_true(soft_knob_set(&fake->knobs, "pool_field_bytes=2"));
    assert_true(soft_knob_set(&fake->knobs, "quote_pages=65537"));
    fake_reset(fake);
    reach_init_done(fake);
    struct soft_regs out = run(fake, 0, 34, .rdx = 0x3100000200000000);
    assert_status("not yet readable", out.rax, 0xC0000C0200000000);
    assert_true(out.rdx == ~0ull && out.r8 == 0);
    assert_status("EXT_REQUIRED", run(fake, 0, 34, .rdx = 0x3100000000000001).rax, 0xC0000C0200000000);
    assert_status("MAX_QUOTE_SIZE", run(fake, 0, 34, .rdx = 0x2300000200000002).rax, 0xC0000C0200000000);
    /* the next readable id is none: behind MAX_VCPUS_PER_TD there are only those */
    out = run(fake, 0, 34, .rdx = 0x9900000100000008);
    assert_true(out.rax == 0 && out.rdx == ~0ull);
    assert_status("wrong size", run(fake, 0, 34, .rdx = 0x9100000300000008).rax, 0xC0000C0000000000);
    assert_status("right size", run(fake, 0, 34, .rdx = 0x9100000100000008).rax, 0);
    run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = 1ull << 50, .r10 = 0);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000200000000).r8, 1); /* 65,537 in two bytes */
    assert_status("the other id", run(fake, 0, 34, .rdx = 0x3100000100000000).rax, 0xC0000C0000000000);
    assert_true(soft_knob_set(&fake->knobs, "ext_required_reads=1"));
    fake_reset(fake);
    reach_config_done(fake, 1, 1ull << 50);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 0);
    assert_true(soft_knob_set(&fake->knobs, "ext_required_reads=2"));
    fake_reset(fake);
    reach_config_done(fake, 0, 0);
    assert_int_equal(run(fake, 0, 34, .rdx = 0x3100000000000001).r8, 1);
    fake_free(fake);
}

/* ---- SYS.RDALL ---- */

static void sys_rdall_rows(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        u32 lp;
        u64 rdx, r8, expected;
    } rows[] = {
        {"A2 unaligned", 0, INFO + 0x800, ~0ull, 0xC000010000000002},
        {"A3 private KeyID", 0, INFO | 40ull << 46, ~0ull, 0xC000010000000002},
        {"A4 wrong size code", 0, INFO, 0x9100000300000008, 0xC0000C0000000000},
        {"A5 unknown field", 0, INFO, 0x9100000100000013, 0xC0000C0000000000},
        {"A6 second element", 0, INFO, 0x9900000300000501, 0xC0000C0000000000},
        {"A7 LP not initialised", 1, INFO, ~0ull, 0xC000050200000000},
    };
    struct fake *fake = with_lp0("1.5.01");
    memset(fake->ram + INFO, 0xEE, 4096);
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct soft_regs out = run(fake, rows[i].lp, 37, .rdx = rows[i].rdx, .r8 = rows[i].r8);
        assert_status(rows[i].id, out.rax, rows[i].expected);
        assert_int_equal(out.r8, ~0ull);
    }
    for (u32 i = 0; i < 4096; i++)
        assert_int_equal(fake->ram[INFO + i], 0xEE);
    fake_free(fake);
}

/* A1: the whole context in one page; read back sequence by sequence it says what SYS.RD says. */
static void sys_rdall_agrees_with_sys_rd(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    memset(fake->ram + INFO, 0xEE, 4096);
    struct soft_regs out = run(fake, 0, 37, .rdx = INFO, .r8 = ~0ull);
    assert_status("A1", out.rax, 0);
    assert_int_equal(out.r8, ~0ull);
    assert_int_equal(get_u64(fake, INFO), 3128 | 36 << 16);
    u32 offset = 8, elements_seen = 0;
    for (u32 sequence = 0; sequence < 36; sequence++) {
        u64 header = get_u64(fake, INFO + offset);
        u32 elements = (header >> 34 & 15) + 1, count = (header >> 38 & 511) + 1;
        u64 id = header & ~(15ull << 34 | 511ull << 38);
        offset += 8;
        for (u32 i = 0; i < elements * count; i++, offset += 8, elements_seen++) {
            u64 slot = get_u64(fake, INFO + offset);
            bool stale = id + i >= 0x9900000300000500 + 24 && id + i < 0x9900000300000540 && i % 2 == 1;
            if (stale) /* O13 */
                assert_int_equal(slot, 0xEEEEEEEEEEEEEEEE);
            else
                assert_int_equal(slot, run(fake, 0, 34, .rdx = id + i).r8);
        }
    }
    assert_int_equal(offset, 3128);
    assert_int_equal(elements_seen, 354);
    assert_int_equal(fake->ram[INFO + 3128], 0xEE);
    /* From the middle of an array on */
    assert_status("middle", run(fake, 0, 37, .rdx = INFO, .r8 = 0x990000030000088F).rax, 0);
    assert_int_equal(get_u64(fake, INFO + 8), 0x990000030000088F);
    fake_free(fake);
}

/* The four fields that 1.5.01 lacks come as four more sequences. */
static void sys_rdall_in_ext(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("ext");
    assert_status("ext", run(fake, 0, 37, .rdx = INFO, .r8 = ~0ull).rax, 0);
    assert_int_equal(get_u64(fake, INFO) >> 16, 36 + 4);
    fake_free(fake);
}

/* A list too long for its page goes on where R8 says; all parts together are all elements. */
static void sys_rdall_in_parts(void **state)
{
    (void)state;
    struct fake *fake = with_lp0("1.5.01");
    soft_live_knobs(fake->module)->rdall_bytes = 256;
    u32 elements = 0, parts = 0;
    for (u64 next = ~0ull; parts == 0 || next != ~0ull; parts++) {
        struct soft_regs out = run(fake, 0, 37, .rdx = INFO, .r8 = next);
        u32 used = get_u64(fake, INFO) & 0xFFFF, sequences = get_u64(fake, INFO) >> 16 & 0xFFFF;
        assert_status("part", out.rax, out.r8 == ~0ull ? 0 : 0xC0000C0400000000);
        assert_true(used <= 256 && parts < 100);
        elements += (used - 8) / 8 - sequences;
        next = out.r8;
    }
    assert_int_equal(elements, 354);
    assert_true(parts > 12);
    assert_false(soft_knob_set(&fake->knobs, "rdall_bytes=4097"));
    assert_false(soft_knob_set(&fake->knobs, "rdall_bytes=31"));
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sys_info_rows),
        cmocka_unit_test(sys_info_contents),
        cmocka_unit_test(sys_info_without_memory),
        cmocka_unit_test(sys_rd_walks_all_fields),
        cmocka_unit_test(sys_rd_rows),
        cmocka_unit_test(sys_rd_depends_on_the_machine),
        cmocka_unit_test(sys_rd_extension_fields),
        cmocka_unit_test(sys_rd_knobs),
        cmocka_unit_test(sys_rdall_rows),
        cmocka_unit_test(sys_rdall_agrees_with_sys_rd),
        cmocka_unit_test(sys_rdall_in_ext),
        cmocka_unit_test(sys_rdall_in_parts),
    };
    return cmocka_run_group_tests_name("soft_info", tests, NULL, NULL);
}
