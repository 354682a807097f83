/* SPDX-License-Identifier: MIT */
#include "tests/host/reference.h"

#define ANY_SUBLEAF   0xFFFFFFFFu
#define LOW_RAM_END   0x80000000ull
#define HIGH_RAM      0x100000000ull
#define FAMILY_MODEL  0x806F8 /* CPUID(1).EAX */
#define PACKAGE_SHIFT 4       /* of an x2APIC id, as CPUID 1FH says below */

/* What module 1.5.01 demands of a processor, and no more. */
static const struct {
    u32 msr;
    u64 value;
} msrs[] = {
    {0x10A, 0x20FD6B},
    {0xBD, 1},
    {0xBC, 1},
    {0x345, 0x2000},
    {0x480, 3ull << 54 | 1024ull << 32},
    {0x48D, 0xFF00000016},
    {0x48E, 0xFFFFFFFF04006172},
    {0x48B, 0xFFFFFFFF00000000},
    {0x492, 0xFFFFFFFFFFFFFFFF},
    {0x48F, 0xFFFFFFFF00036DFB},
    {0x490, 0xFFFFFFFF000011FB},
    {0x485, 1u << 5 | 1u << 6 | 1u << 7 | 1u << 14 | 1u << 29 | 4u << 16},
    {0x48C, 0x101063340C1},
    {0x486, 0x80000021},
    {0x487, 0xFFFFFFFF},
    {0x488, 0x2000},
    {0x489, 0x3FFFFFF},
    {0x981, 2},
    {0x982, 3 | 1ull << 49 | 6ull << 32},
    {0x87, 0x200000001F},
    {0x98, 16},
    {0x99, 16},
    {0xFE, 0x4800},
    {0x1F2, 0x7E000006},
    {0x1F3, 0xFF000C00},
    {0x1400, 0x7C000008},
    {0x1401, 0xFFFFFE000C00},
};

static const struct {
    u32 leaf, subleaf;
    struct soft_cpuid value;
} leaves[] = {
    {0x0, ANY_SUBLEAF, {0x23, 0x756E6547, 0x6C65746E, 0x49656E69}},
    {0x1, ANY_SUBLEAF, {FAMILY_MODEL, 0x800, 0x47FAA217, 0x1FA9FBFF}},
    {0x4, 0, {0, 0x3F, 0, 0}},
    {0x4, 1, {0, 0x3F, 0, 0}},
    {0x4, 2, {0, 0x3F, 0, 0}},
    {0x4, 3, {0x3C063, 0x3F, 0, 0}},
    {0x7, 0, {2, 0x219424C3, 0x99000020, 0xFC080400}},
    {0x7, 1, {0x100, 0, 0, 0}},
    {0x7, 2, {0, 0, 0, 0x3F}},
    {0xA, ANY_SUBLEAF, {0x08300805, 0, 0, 0x8604}},
    {0xD, 0, {0x602E7, 0xA00, 0xA00, 0}},
    {0xD, 1, {0xF, 0, 0x1800, 0}},
    {0x14, 0, {1, 0, 0, 0}},
    {0x15, ANY_SUBLEAF, {2, 160, 25000000, 0}},
    {0x1C, ANY_SUBLEAF, {7, 0, 0, 0}},
    {0x1F, 0, {1, 2, 0x100, 0}},
    {0x1F, 1, {PACKAGE_SHIFT, 16, 0x201, 0}},
    {0x1F, 2, {0, 0, 2, 0}},
    {0x80000000, ANY_SUBLEAF, {0x80000008, 0, 0, 0}},
    {0x80000001, ANY_SUBLEAF, {0, 0, 0x121, 0x2C100800}},
    {0x80000006, ANY_SUBLEAF, {0, 0, 0x40, 0}},
    {0x80000007, ANY_SUBLEAF, {0, 0, 0, 0x100}},
    {0x80000008, ANY_SUBLEAF, {0x3034, 0x200, 0, 0}},
};

u64 reference_msr(u32 msr)
{
    for (u32 i = 0; i < ARRAY_COUNT(msrs); i++)
        if (msrs[i].msr == msr)
            return msrs[i].value;
    return 0;
}

struct soft_cpuid reference_cpuid(u32 leaf, u32 subleaf)
{
    struct soft_cpuid value = {0};
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++)
        if (leaves[i].leaf == leaf && leaves[i].subleaf == subleaf)
            value = leaves[i].value;
    if (leaf == 0xD && (subleaf == 11 || subleaf == 12))
        value.ecx = 1;
    if (leaf == 0xD && subleaf >= 2 && subleaf != ANY_SUBLEAF)
        value.eax = 0x40;
    return value;
}

u32 reference_apic_id(u32 lp, u32 lps, u32 packages)
{
    u32 package = lp * packages / lps;
    u32 first = (package * lps + packages - 1) / packages;
    return package << PACKAGE_SHIFT | (lp - first);
}

struct soft_machine reference_machine(u32 lps, u32 packages)
{
    struct soft_machine machine = {
        .lp_count = lps,
        .package_count = packages,
        .cmrs = {{0x100000, 0x7BF00000}, {HIGH_RAM, REFERENCE_RAM_BYTES - HIGH_RAM}},
        .seamrr_base = 0x7C000000,
        .seamrr_size = 0x2000000,
        .integrity = true,
        .handoff_pages = 13,
    };
    for (u32 i = 0; i < packages && i < TDX_MAX_PACKAGES; i++)
        machine.fms[i] = FAMILY_MODEL;
    return machine;
}

bool reference_ram(u64 pa, u64 size)
{
    u64 end = pa + size;
    return end >= pa && (end <= LOW_RAM_END || (pa >= HIGH_RAM && end <= REFERENCE_RAM_BYTES));
}
