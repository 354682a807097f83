/* SPDX-License-Identifier: MIT */
/*
 * SYS.INFO: the older way to ask, 1024 bytes of TDSYSINFO and 32 CMRs in one call.
 *
 * RCX names the buffer, RDX its size, R8 the CMR array, R9 its entries (module 1.5.01, SYS.INFO). Checked in
 * this order: RCX a shared buffer aligned to 1024; RDX at least 1024; then the buffer is zeroed; R8 a shared
 * buffer aligned to 512; R9 at least 32. RDX and R9 are cleared at once and return 1024 and 32. A shared
 * buffer is one below 2^52, outside SEAMRR, with a KeyID that isn't private. Both ways of asking must give
 * the same answers.
 */
#include "tests/runner/bringup.h"

#include "kernel/paging.h"
#include "lib/string.h"

static struct {
    u8 info[TDX_SYSINFO_BYTES];
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u8 spare[PAGE_SIZE];
} buffers __attribute__((aligned(4096)));

static struct seamcall_args good_operands(void)
{
    struct seamcall_args args = call_marked();
    args.rcx = pa_raw(virt_to_phys(buffers.info));
    args.rdx = sizeof(buffers.info);
    args.r8 = pa_raw(virt_to_phys(buffers.cmrs));
    args.r9 = TDX_MAX_CMRS;
    return args;
}

static u64 field(u64 id)
{
    u64 value = 0;
    call_read_field(id, &value);
    return value;
}

static u64 info_at(u32 offset, u32 bytes)
{
    u64 value = 0;
    memcpy(&value, buffers.info + offset, bytes);
    return value;
}

static void agrees(struct test *test)
{
    static const struct {
        u32 offset, bytes;
        u64 id;
        const char *name;
    } members[] = {
        {4, 4, TDX_FIELD_VENDOR_ID, "vendor"},
        {8, 4, TDX_FIELD_BUILD_DATE, "build date"},
        {12, 2, TDX_FIELD_BUILD_NUM, "build number"},
        {14, 2, TDX_FIELD_MINOR_VERSION, "minor version"},
        {16, 2, TDX_FIELD_MAJOR_VERSION, "major version"},
        {32, 2, TDX_FIELD_MAX_TDMRS, "MAX_TDMRS"},
        {34, 2, TDX_FIELD_MAX_RESERVED_PER_TDMR, "MAX_RESERVED_PER_TDMR"},
        {36, 2, TDX_FIELD_PAMT_4K_ENTRY_SIZE, "PAMT_ENTRY_SIZE"},
        {48, 2, TDX_FIELD_TDCS_BASE_SIZE, "TDCS_BASE_SIZE"},
        {52, 2, TDX_FIELD_TDVPS_BASE_SIZE, "TDVPS_BASE_SIZE"},
        {64, 8, TDX_FIELD_ATTRIBUTES_FIXED0, "ATTRIBUTES_FIXED0"},
        {72, 8, TDX_FIELD_ATTRIBUTES_FIXED1, "ATTRIBUTES_FIXED1"},
        {80, 8, TDX_FIELD_XFAM_FIXED0, "XFAM_FIXED0"},
        {88, 8, TDX_FIELD_XFAM_FIXED1, "XFAM_FIXED1"},
        {128, 4, TDX_FIELD_NUM_CPUID_CONFIG, "NUM_CPUID_CONFIG"},
    };
    memset(&buffers, 0x5A, sizeof(buffers));
    struct call call = call_leaf(TDH_SYS_INFO, good_operands());
    struct seamcall_args out = call.in;
    out.rdx = TDX_SYSINFO_BYTES;
    out.r9 = TDX_MAX_CMRS;
    if (!expect_status(test, &call, TDX_SUCCESS, "SYS.INFO with good operands"))
        return;
    expect_outputs(test, &call, &out, "SYS.INFO: RDX = 1024 bytes, R9 = 32 entries written");
    for (u32 i = 0; i < ARRAY_COUNT(members); i++)
        expect_value(test, info_at(members[i].offset, members[i].bytes), field(members[i].id),
                     members[i].name, "SYS.INFO and SYS.RD say the same");
    for (u32 i = 0; i < TDX_MAX_CMRS; i++) {
        expect_value(test, buffers.cmrs[i].base, field(TDX_FIELD_CMR_BASE + i), "CMR base",
                     "SYS.INFO and SYS.RD agree");
        expect_value(test, buffers.cmrs[i].size, field(TDX_FIELD_CMR_SIZE + i), "CMR size",
                     "SYS.INFO and SYS.RD agree");
    }
    expect_value(test, buffers.spare[0], 0x5A, "the byte behind the CMRs",
                 "SYS.INFO writes 1024 + 512 bytes");
}

/* Zeroed before R8 is looked at: a quirk of 1.5.01, and a proof that it is the module that writes. */
static void zeroes_first(struct test *test)
{
    struct seamcall_args in = good_operands();
    in.r8 += 256;
    memset(&buffers, 0x5A, sizeof(buffers));
    struct call call = call_leaf(TDH_SYS_INFO, in);
    expect_status(test, &call, TDX_OPERAND_INVALID | TDX_OPERAND_R8, "SYS.INFO check 4: R8 aligned to 512");
    for (u32 i = 0; i < sizeof(buffers.info); i++)
        if (buffers.info[i]) {
            test_fail(test, "byte %u of the buffer is 0x%x, expected 0: zeroed before R8 is checked", i,
                      buffers.info[i]);
            return;
        }
    expect_value(test, buffers.cmrs[0].base & 0xFF, 0x5A, "the CMR array", "not written by a refused call");
}

struct info_row {
    enum { ADD_RCX, ADD_RDX, ADD_R9, SEAMRR_RCX, PRIVATE_RCX, PRIVATE_R8 } what;
    u64 value;
    u64 status;
    const char *rule;
};

static void refuses(struct test *test)
{
    const struct info_row *row = test->item->row;
    struct seamcall_args in = good_operands();
    u64 private_keyid = machine_keyid_bits(test->machine, test->machine->platform.global_hkid.value);
    switch (row->what) {
    case ADD_RCX:
        in.rcx += row->value;
        break;
    case ADD_RDX:
        in.rdx += row->value;
        break;
    case ADD_R9:
        in.r9 += row->value;
        break;
    case SEAMRR_RCX:
        in.rcx = test->machine->platform.seamrr_base;
        break;
    case PRIVATE_RCX:
        in.rcx |= private_keyid;
        break;
    case PRIVATE_R8:
        in.r8 |= private_keyid;
        break;
    }
    struct call call = call_leaf(TDH_SYS_INFO, in);
    struct seamcall_args out = call_refused_outputs(TDH_SYS_INFO, &in);
    expect_status(test, &call, row->status, row->rule);
    expect_outputs(test, &call, &out, "SYS.INFO clears RDX and R9");
}

/* A shared KeyID is as good as none. */
static void shared_keyid(struct test *test)
{
    struct seamcall_args in = good_operands();
    in.rcx |= machine_keyid_bits(test->machine, test->machine->platform.shared_keyids);
    struct call call = call_leaf(TDH_SYS_INFO, in);
    expect_status(test, &call, TDX_SUCCESS, "shared buffers may carry any shared KeyID");
}

#define REFUSES(name, what_, value_, status_, rule_)                                                         \
    {                                                                                                        \
        "bringup.info.refuses." name, SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_INFO,                            \
            .run = refuses, .row = &(const struct info_row)                                                  \
        {                                                                                                    \
            what_, value_, status_, rule_                                                                    \
        }                                                                                                    \
    }

static const struct test_case cases[] = {
    {"bringup.info.agrees", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_INFO, .run = agrees},
    {"bringup.info.zeroes_first", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_INFO, .run = zeroes_first},
    {"bringup.info.shared_keyid", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_INFO, .run = shared_keyid},
    REFUSES("buffer_unaligned", ADD_RCX, 512, INVALID(RCX), "SYS.INFO check 2: RCX aligned to 1024"),
    REFUSES("buffer_bit_52", ADD_RCX, 1ull << 52, INVALID(RCX), "SYS.INFO check 2: RCX below 2^52"),
    REFUSES("buffer_private_keyid", PRIVATE_RCX, 0, INVALID(RCX), "SYS.INFO check 2: RCX shared"),
    REFUSES("buffer_in_seamrr", SEAMRR_RCX, 0, INVALID(RCX), "SYS.INFO check 2: RCX not in SEAMRR"),
    REFUSES("size_1023", ADD_RDX, -1ull, INVALID(RDX), "SYS.INFO check 3: RDX at least 1024"),
    REFUSES("array_private_keyid", PRIVATE_R8, 0, INVALID(R8), "SYS.INFO check 4: R8 shared"),
    REFUSES("entries_31", ADD_R9, -1ull, INVALID(R9), "SYS.INFO check 5: R9 at least 32"),
};
CASE_TABLE(bringup_info);
