/* SPDX-License-Identifier: MIT */
/*
 * The soft module's gate, SYS.INIT and SYS.LP.INIT against vectors that were confirmed on module 1.5.01's own
 * handlers (ids D, I, L, O) and against its tables of CPUID, MSR and SMRR rules.
 */
#include "tests/runner/script/names.h"
#include "tests/unit/test_soft.h"

/* ---- dispatcher ---- */

static const struct {
    const char *id;
    u64 rax, expected;
} not_ready_rows[] = {
    {"D1 reserved bit 24", 0x1000022, 0xC000010000000000},
    {"D2 reserved bit 32", 0x100000022, 0xC000010000000000},
    {"bit 62", 0x4000000000000022, 0xC000010000000000},
    {"D4 version 1 of SYS.RD", 0x10022, 0xC000010000000000},
    {"version 1 of an unknown leaf: version before state", 0x1002E, 0xC000010000000000},
    {"D5 unknown leaf", 46, 0xC000050500000000},
    {"D7 TDMR.INIT", 36, 0xC000050500000000},
    {"D8 SYS.SHUTDOWN", 52, 0xC000050500000000},
    {"D10 MNG.KEY.RECLAIMID", 27, 0xC000050500000000},
    {"D11 MNG.RD version 2 passes the version gate", 0x2000B, 0xC000050500000000},
    {"MEM.SEPT.ADD version 255", 0xFF0003, 0xC000050500000000},
    {"MEM.PAGE.PROMOTE version 1", 0x10017, 0xC000050500000000},
    {"VP.RD version 1", 0x1001A, 0xC000050500000000},
    {"MEM.SEPT.REMOVE version 1", 0x1001E, 0xC000050500000000},
    {"EXT.MEM.ADD before READY", 61, 0xC000050500000000},
    {"EXT.INIT before READY", 60, 0xC000050500000000},
    {"leaf 65535", 0xFFFF, 0xC000050500000000},
    {"SYS.CONFIG version 1 in 1.5.01", 0x1002D, 0xC000010000000000},
    {"LP.SHUTDOWN before SYS.INIT", 44, 0},
    {"L1 LP.INIT", 35, 0xC000050B00000000},
    {"SYS.CONFIG", 45, 0xC000050C00000000},
    {"KEY.CONFIG", 31, 0xC000050700000000},
    {"Z1 SYS.UPDATE", 53, 0xC000050800000000},
    {"N1 SYS.INFO", 32, 0xC000050200000000},
    {"SYS.RD", 34, 0xC000050200000000},
    {"SYS.RDALL", 37, 0xC000050200000000},
};

static void gate_before_ready(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    for (u32 i = 0; i < ARRAY_COUNT(not_ready_rows); i++)
        assert_status(not_ready_rows[i].id, run(fake, 0, not_ready_rows[i].rax).rax,
                      not_ready_rows[i].expected);
    fake_free(fake);
}

static const struct {
    const char *id;
    u64 rax, expected;
} ready_rows[] = {
    {"D12 unknown leaf", 46, 0xC000010000000000},
    {"D13 numbered but not implemented", 42, 0xC000010000000000},
    {"D15 MNG.KEY.RECLAIMID", 27, 0},
    {"D16 MNG.RD version 2 (status only)", 0x2000B, 0xC000010000000000},
    {"leaf 256", 256, 0xC000010000000000},
    {"leaf 65535", 0xFFFF, 0xC000010000000000},
    {"EXT.MEM.ADD doesn't exist", 61, 0xC000010000000000},
    {"EXT.INIT doesn't exist", 60, 0xC000010000000000},
    {"K10 LP.INIT", 35, 0xC000050B00000000},
    {"C56 SYS.CONFIG", 45, 0xC000050C00000000},
    {"K9 KEY.CONFIG", 31, 0xC000050700000000},
    {"Z8 SYS.UPDATE", 53, 0xC000050800000000},
    {"SYS.UPDATE version 1", 0x10035, 0xC000010000000000},
    {"LP.SHUTDOWN", 44, 0},
};

static void gate_in_ready(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 0, 0);
    for (u32 i = 0; i < ARRAY_COUNT(ready_rows); i++)
        assert_status(ready_rows[i].id, run(fake, 1, ready_rows[i].rax).rax, ready_rows[i].expected);
    assert_status("K11 SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0xC000050000000000);
    assert_status("I4 RCX before state", run(fake, 0, 33, .rcx = 1).rax, 0xC000010000000001);
    fake_free(fake);
}

/* The column CONFIG_DONE of the state table */
static void gate_in_config_done(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_config_done(fake, 0, 0);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0xC000050000000000);
    assert_status("LP.INIT", run(fake, 0, 35).rax, 0xC000050B00000000);
    assert_status("SYS.CONFIG", run(fake, 0, 45).rax, 0xC000050C00000000);
    assert_status("SYS.UPDATE", run(fake, 0, 53).rax, 0xC000050800000000);
    assert_status("TDMR.INIT", run(fake, 0, 36, .rcx = 0x100000000).rax, 0xC000050500000000);
    assert_status("RDMD", run(fake, 0, 24, .rcx = 0x100000000).rax, 0xC000050500000000);
    assert_status("SYS.RD", run(fake, 0, 34, .rdx = 0x9100000100000008).rax, 0);
    fake_free(fake);
}

static void gate_after_shutdown(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 0, 0);
    assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
    assert_status("Z10 SYS.RD", run(fake, 0, 34, .rdx = ~0ull).rax, 0xC000050600000000);
    assert_status("Z11 unknown leaf", run(fake, 0, 46).rax, 0xC000050600000000);
    assert_status("Z12 LP.SHUTDOWN", run(fake, 0, 44).rax, 0);
    assert_status("Z13 LP.SHUTDOWN version 1", run(fake, 0, 0x1002C).rax, 0xC000010000000000);
    fake_free(fake);
}

/* Every leaf of the ABI table that 1.5.01 has is either modelled or says that it isn't. */
static void unmodelled_leaves_are_honest(void **state)
{
    (void)state;
    static const struct {
        u32 number;
        const char *since;
    } leaves[] = {
#define TDX_LEAF(symbol, name, number, since) {(number), #since},
#include "drivers/tdx/abi/leaves.def"
    };
    static const u32 modelled[] = {1,  8,  9,  19, 20, 24, 27, 28, 31, 32, 33,
                                   34, 35, 36, 37, 40, 41, 44, 45, 52, 53};
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 0, 0);
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++) {
        bool is_modelled = false;
        for (u32 j = 0; j < ARRAY_COUNT(modelled); j++)
            is_modelled |= modelled[j] == leaves[i].number;
        if (strcmp(leaves[i].since, "V1_5") != 0 || is_modelled) {
            assert_false(soft_leaf_unmodelled(leaves[i].number));
            continue;
        }
        test_log_clear();
        assert_true(soft_leaf_unmodelled(leaves[i].number));
        assert_status("unmodelled", run(fake, 0, leaves[i].number).rax, 0xC000010000000000);
        assert_logged("is not modelled yet");
        test_log_clear();
        run(fake, 0, leaves[i].number);
        assert_string_equal(test_log(), ""); /* said once */
    }
    fake_free(fake);
}

/* ---- SYS.INIT ---- */

#define OK 0
struct init_row {
    const char *id;
    struct patch patches[4];
    u64 expected;
    u64 rcx, rdx, r8, r9, r10;
};

#define VMX_ARCH 0x20FD6Bull

static const struct init_row init_rows[] = {
    {"I5 10AH bit 0", {{MSR_IS, 0x10A, 0, VMX_ARCH & ~1ull}}, 0xC00009210000010A, 0, 0, 0, 0, 0},
    {"I6 10AH bit 2", {{MSR_IS, 0x10A, 0, VMX_ARCH | 4}}, 0xC00009210000010A, 0, 0, 0, 0, 0},
    {"10AH bit 21", {{MSR_IS, 0x10A, 0, VMX_ARCH & ~(1ull << 21)}}, 0xC00009210000010A, 0, 0, 0, 0, 0},
    {"10AH bit 9 is free", {{MSR_IS, 0x10A, 0, VMX_ARCH | 1 << 9}}, OK, 0, 0, 0, 0, 0},
    {"BDH = 0", {{MSR_IS, 0xBD, 0, 0}}, 0xC0000921000000BD, 0, 0, 0, 0, 0},
    {"I8 BDH = 3", {{MSR_IS, 0xBD, 0, 3}}, 0xC0000921000000BD, 0, 0, 0, 0, 0},
    {"I9 BCH bit 0", {{MSR_IS, 0xBC, 0, 2}}, 0xC0000921000000BC, 0, 0, 0, 0, 0},
    {"345H bit 13", {{MSR_IS, 0x345, 0, 0}}, 0xC000092100000345, 0, 0, 0, 0, 0},
    {"BDH before BCH", {{MSR_IS, 0xBD, 0, 0}, {MSR_IS, 0xBC, 0, 0}}, 0xC0000921000000BD, 0, 0, 0, 0, 0},
    {"10AH before BDH", {{MSR_IS, 0xBD, 0, 0}, {MSR_IS, 0x10A, 0, 0}}, 0xC00009210000010A, 0, 0, 0, 0, 0},
    {"BCH before 345H", {{MSR_IS, 0x345, 0, 0}, {MSR_IS, 0xBC, 0, 0}}, 0xC0000921000000BC, 0, 0, 0, 0, 0},
    {"I11 1A0H bit 22", {{MSR_IS, 0x1A0, 0, 1 << 22}}, 0xC000090100000000, 0, 0, 0, 0, 0},
    {"I12 CPUID(0).EAX = 1EH", {{EAX_IS, 0, NO_SUBLEAF, 0x1E}}, 0xC00009080000001F, 0, 0, 0, 0, 0},
    {"I13 CPUID(80000000H).EAX",
     {{EAX_IS, 0x80000000, NO_SUBLEAF, 0x80000007}},
     0xC000090880000008,
     0,
     0,
     0,
     0,
     0},
    {"I14 46 address bits",
     {{EAX_IS, 0x80000008, NO_SUBLEAF, 0x302E}},
     0xC000090000000000,
     0xFFFFFFFF80000008,
     0x200000000FF,
     0,
     0x20000000034,
     0},
    {"I15 CPUID(7,0).EAX = 3",
     {{EAX_IS, 7, 0, 3}},
     0xC000090000000000,
     7,
     0x219424C3FFFFFFFF,
     0xFC08260099000000,
     0x219424C300000002,
     0xFC08040099000000},
    {"I16 no topology level", {{ECX_IS, 0x1F, 0, 0}}, 0xC000090800000000, 0, 0, 0, 0, 0},
    {"I17 levels descend",
     {{ECX_IS, 0x1F, 0, 0x200}, {ECX_IS, 0x1F, 1, 0x101}},
     0xC000090400000000,
     0,
     0,
     0,
     0,
     0},
    {"level twice", {{ECX_IS, 0x1F, 1, 0x101}}, 0xC000090400000000, 0, 0, 0, 0, 0},
    {"no core level", {{ECX_IS, 0x1F, 1, 0x301}}, 0xC000090800000000, 0, 0, 0, 0, 0},
    {"I18 L3 doesn't span the package", {{EAX_IS, 4, 3, 0x1C063}}, 0xC000090500000000, 0, 0, 0, 0, 0},
    {"L3 spans more", {{EAX_IS, 4, 3, 0x7C063}}, 0xC000090500000000, 0, 0, 0, 0, 0},
    {"package shift 0", {{EAX_IS, 0x1F, 0, 0}, {EAX_IS, 0x1F, 1, 0}}, 0xC000090500000000, 0, 0, 0, 0, 0},
    {"levels behind the end count", {{ECX_IS, 0x1F, 3, 0x103}}, 0xC000090500000000, 0, 0, 0, 0, 0},
    {"and begin anew", {{ECX_IS, 0x1F, 3, 0x203}, {EAX_IS, 0x1F, 3, 4}}, OK, 0, 0, 0, 0, 0},
    {"I61 level type 6", {{ECX_IS, 0x1F, 1, 0x601}}, 0xC000090400000000, 0, 0, 0, 0, 0},
    {"level type 5 is known", {{ECX_IS, 0x1F, 2, 0x502}, {EAX_IS, 0x1F, 2, 4}}, OK, 0, 0, 0, 0, 0},
    {"1FH.5 must be invalid", {{ECX_IS, 0x1F, 5, 0x105}}, 0xC000090000000000, 0x50000001F, 0, 0xFF00, 0, 0},
    {"I19 CPUID(15H).EBX = 0", {{EBX_IS, 0x15, NO_SUBLEAF, 0}}, 0xC000090800000015, 0, 0, 0, 0, 0},
    {"TSC below the least", {{ECX_IS, 0x15, NO_SUBLEAF, 1907}}, FATAL, 0, 0, 0, 0, 0},
    {"least TSC", {{ECX_IS, 0x15, NO_SUBLEAF, 1908}}, OK, 0, 0, 0, 0, 0},
    {"CPUID(15H).EAX = 0", {{EAX_IS, 0x15, NO_SUBLEAF, 0}}, FATAL, 0, 0, 0, 0, 0},
    {"AH version 4",
     {{EAX_IS, 0xA, NO_SUBLEAF, 0x08300804}},
     0xC000090000000000,
     0xFFFFFFFF0000000A,
     0xF,
     0,
     5,
     0},
    {"I58 8 fixed counters",
     {{EDX_IS, 0xA, NO_SUBLEAF, 0x8608}},
     0xC000090000000000,
     0xFFFFFFFF0000000A,
     0,
     0x1F00000000,
     0,
     0x700000000},
    {"7 fixed counters", {{EDX_IS, 0xA, NO_SUBLEAF, 0x8607}}, OK, 0, 0, 0, 0, 0},
    {"I59 57 linear bits without LA57",
     {{EAX_IS, 0x80000008, NO_SUBLEAF, 0x3934}},
     0xC000090000000000,
     0xFFFFFFFF80000008,
     0xFF00,
     0,
     0x3000,
     0},
    {"LA57 and 48 linear bits",
     {{ECX_IS, 7, 0, 0x99010020}},
     0xC000090000000000,
     0xFFFFFFFF80000008,
     0xFF00,
     0,
     0x3900,
     0},
    {"I60 LA57 and 57 linear bits",
     {{ECX_IS, 7, 0, 0x99010020}, {EAX_IS, 0x80000008, NO_SUBLEAF, 0x3934}},
     OK,
     0,
     0,
     0,
     0,
     0},
    {"I62 CPUID(1CH).EAX[7:0] = 0", {{EAX_IS, 0x1C, NO_SUBLEAF, 0x100}}, FATAL, 0, 0, 0, 0, 0},
    {"I63 XCR0 component marked supervisor", {{ECX_IS, 0xD, 2, 1}}, FATAL, 0, 0, 0, 0, 0},
    {"XSS component marked user", {{ECX_IS, 0xD, 11, 0}}, FATAL, 0, 0, 0, 0, 0},
    {"component that XCR0 lacks may be anything", {{ECX_IS, 0xD, 3, 1}}, OK, 0, 0, 0, 0, 0},
    {"I64 leaf 4.0 and leaf 0: lower index",
     {{EBX_IS, 4, 0, 0}, {EBX_IS, 0, NO_SUBLEAF, 0}},
     0xC000090000000000,
     4,
     0xFFF00000000,
     0,
     0x3F00000000,
     0},
    {"I57 leaf 14H beyond the maximum counts as zero",
     {{EAX_IS, 0, NO_SUBLEAF, 0x1F}, {EAX_IS, 0x23, 1, 0x100}},
     OK,
     0,
     0,
     0,
     0,
     0},
    {"O1 MSR before CPUID",
     {{MSR_IS, 0xBD, 0, 0}, {EBX_IS, 0, NO_SUBLEAF, 0}},
     0xC0000921000000BD,
     0,
     0,
     0,
     0,
     0},
    {"O2 CPUID before VMX",
     {{MSR_IS, 0x480, 0, 0}, {EBX_IS, 4, 2, 0}},
     0xC000090000000000,
     0x200000004,
     0xFFF00000000,
     0,
     0x3F00000000,
     0},
    {"O3 VMX before keys", {{MSR_IS, 0x480, 0, 0}, {MSR_IS, 0x982, 0, 0}}, 0xC000092100000480, 0, 0, 0, 0, 0},
    {"O4 keys before CMRs",
     {{MSR_IS, 0x982, 0, 2 | 1ull << 49 | 6ull << 32}, {CMR_BASE_IS, 0, 0, 0x100800}},
     0xC000092100000982,
     0,
     0,
     0,
     0,
     0},
    {"O5 CMRs before SMRR",
     {{MSR_IS, 0xFE, 0, 0}, {CMR_BASE_IS, 0, 0, 0x100800}},
     0xC0000A2200000000,
     0,
     0,
     0,
     0,
     0},
    {"O6 SMRR before SEAM capabilities",
     {{MSR_IS, 0xFE, 0, 0}, {CAPS_ARE, 0, 0, 0}},
     0xC000091400000000,
     0,
     0,
     0,
     0,
     0},
    {"SEAM capabilities bit 4", {{CAPS_ARE, 0, 0, 0x6F}}, 0xC000050D00000000, 0, 0, 0, 0, 0},
    {"SEAM capabilities bit 5", {{CAPS_ARE, 0, 0, 0x5F}}, 0xC000050D00000000, 0, 0, 0, 0, 0},
    {"SEAM capabilities before hand-off",
     {{CAPS_ARE, 0, 0, 0}, {HANDOFF_PAGES_ARE, 0, 0, 0}},
     0xC000050D00000000,
     0,
     0,
     0,
     0,
     0},
    {"13 hand-off pages", {{HANDOFF_PAGES_ARE, 0, 0, 12}}, 0xC000050A00000000, 0, 0, 0, 0, 0},
    {"hand-off before RDRAND",
     {{HANDOFF_PAGES_ARE, 0, 0, 12}, {ENTROPY_FAILS, 0, 0, 0}},
     0xC000050A00000000,
     0,
     0,
     0,
     0,
     0},
    {"I53 RDRAND fails", {{ENTROPY_FAILS, 0, 0, 0}}, 0x8000020300000000, 0, 0, 0, 0, 0},

    {"VMCS too large", {{MSR_IS, 0x480, 0, 3ull << 54 | 2049ull << 32}}, 0xC000092100000480, 0, 0, 0, 0, 0},
    {"largest VMCS", {{MSR_IS, 0x480, 0, 3ull << 54 | 2048ull << 32}}, OK, 0, 0, 0, 0, 0},
    {"I20 480H bit 55", {{MSR_IS, 0x480, 0, 1ull << 54 | 1024ull << 32}}, 0xC000092100000480, 0, 0, 0, 0, 0},
    {"480H bit 54", {{MSR_IS, 0x480, 0, 2ull << 54 | 1024ull << 32}}, 0xC000092100000480, 0, 0, 0, 0, 0},
    {"I22 48DH lacks bit 7", {{MSR_IS, 0x48D, 0, 0x7F00000016}}, 0xC00009210000048D, 0, 0, 0, 0, 0},
    {"48DH lacks bit 3", {{MSR_IS, 0x48D, 0, 0xF700000016}}, 0xC00009210000048D, 0, 0, 0, 0, 0},
    {"48DH bit 7 fixed to 1", {{MSR_IS, 0x48D, 0, 0xFF00000096}}, 0xC00009210000048D, 0, 0, 0, 0, 0},
    {"48DH bit 6 fixed to 1", {{MSR_IS, 0x48D, 0, 0xFF00000056}}, 0xC00009210000048D, 0, 0, 0, 0, 0},
    {"48DH bit 8 fixed to 1 is unknown", {{MSR_IS, 0x48D, 0, 0x1FF00000116}}, OK, 0, 0, 0, 0, 0},
    {"48DH bit 8 must be 1 and may not", {{MSR_IS, 0x48D, 0, 0xFF00000116}}, FATAL, 0, 0, 0, 0, 0},
    {"I23 48EH lacks bit 31", {{MSR_IS, 0x48E, 0, 0x7FFFFFFF04006172}}, 0xC00009210000048E, 0, 0, 0, 0, 0},
    {"I24 48BH bit 0 fixed to 1",
     {{MSR_IS, 0x48B, 0, 0xFFFFFFFF00000001}},
     0xC00009210000048B,
     0,
     0,
     0,
     0,
     0},
    {"I25 48BH lacks only bit 28", {{MSR_IS, 0x48B, 0, 0xEFFFFFFF00000000}}, OK, 0, 0, 0, 0, 0},
    {"48BH bit 26 fixed to 1, WAITPKG or not",
     {{MSR_IS, 0x48B, 0, 0xFFFFFFFF04000000}},
     0xC00009210000048B,
     0,
     0,
     0,
     0,
     0},
    {"I26 492H = 0", {{MSR_IS, 0x492, 0, 0}}, 0xC000092100000492, 0, 0, 0, 0, 0},
    {"492H lacks bit 5", {{MSR_IS, 0x492, 0, ~0x20ull}}, 0xC000092100000492, 0, 0, 0, 0, 0},
    {"I27 48FH lacks bit 2", {{MSR_IS, 0x48F, 0, 0xFFFFFFFB00036DFB}}, 0xC00009210000048F, 0, 0, 0, 0, 0},
    {"I28 490H default-1 only", {{MSR_IS, 0x490, 0, 0x000011FB000011FB}}, 0xC000092100000490, 0, 0, 0, 0, 0},
    {"I29 3 CR3 targets", {{MSR_IS, 0x485, 0, 0x200340E0}}, 0xC000092100000485, 0, 0, 0, 0, 0},
    {"485H bit 29", {{MSR_IS, 0x485, 0, 0x000440E0}}, 0xC000092100000485, 0, 0, 0, 0, 0},
    {"I30 48CH bit 21",
     {{MSR_IS, 0x48C, 0, 0x101063340C1 & ~(1ull << 21)}},
     0xC00009210000048C,
     0,
     0,
     0,
     0,
     0},
    {"48CH bit 40", {{MSR_IS, 0x48C, 0, 0x001063340C1}}, 0xC00009210000048C, 0, 0, 0, 0, 0},
    {"48CH bit 7 is free", {{MSR_IS, 0x48C, 0, 0x10106334041}}, OK, 0, 0, 0, 0, 0},
    {"I31 486H = 80000061H", {{MSR_IS, 0x486, 0, 0x80000061}}, 0xC000092100000486, 0, 0, 0, 0, 0},
    {"I32 487H = FFFFFFDFH", {{MSR_IS, 0x487, 0, 0xFFFFFFDF}}, 0xC000092100000487, 0, 0, 0, 0, 0},
    {"487H lacks WP: reported as 486H", {{MSR_IS, 0x487, 0, 0xFFFEFFFF}}, 0xC000092100000486, 0, 0, 0, 0, 0},
    {"I33 488H bit 0", {{MSR_IS, 0x488, 0, 0x2001}}, 0xC000092100000488, 0, 0, 0, 0, 0},
    {"I34 489H lacks bit 6", {{MSR_IS, 0x489, 0, 0x3FFFFBF}}, 0xC000092100000489, 0, 0, 0, 0, 0},
    {"L2: 48EH lacks bit 9", {{MSR_IS, 0x48E, 0, 0xFFFFFDFF04006172}}, 0xC00009210000048E, 0, 0, 0, 0, 0},
    {"L2: 492H lacks bit 1, after 489H",
     {{MSR_IS, 0x492, 0, ~2ull}, {MSR_IS, 0x489, 0, 0}},
     0xC000092100000489,
     0,
     0,
     0,
     0,
     0},
    {"L2: 492H lacks bit 1", {{MSR_IS, 0x492, 0, ~2ull}}, 0xC000092100000492, 0, 0, 0, 0, 0},
    {"L2: 48BH lacks bit 2", {{MSR_IS, 0x48B, 0, 0xFFFFFFF700000000}}, 0xC00009210000048B, 0, 0, 0, 0, 0},

    {"I35 982H lock", {{MSR_IS, 0x982, 0, 2 | 1ull << 49 | 6ull << 32}}, 0xC000092100000982, 0, 0, 0, 0, 0},
    {"I36 981H without integrity", {{MSR_IS, 0x981, 0, 5}}, 0xC000092100000981, 0, 0, 0, 0, 0},
    {"981H 256 bits with integrity", {{MSR_IS, 0x981, 0, 8}}, OK, 0, 0, 0, 0, 0},
    {"I37 982H activates no integrity",
     {{MSR_IS, 0x982, 0, 1 | 5ull << 48 | 6ull << 32}},
     0xC000092100000982,
     0,
     0,
     0,
     0,
     0},
    {"no integrity wanted", {{INTEGRITY_IS, 0, 0, 0}}, 0xC000092100000981, 0, 0, 0, 0, 0},
    {"I38 2048 KeyIDs", {{MSR_IS, 0x87, 0, 2017ull << 32 | 31}}, 0xC000082500000800, 0, 0, 0, 0, 0},
    {"KeyIDs whose sum wraps", {{MSR_IS, 0x87, 0, 0xFFFFFFFFull << 32 | 1}}, OK, 0, 0, 0, 0, 0},
    {"2047 KeyIDs", {{MSR_IS, 0x87, 0, 2016ull << 32 | 31}}, OK, 0, 0, 0, 0, 0},
    {"I39 99H differs from 98H", {{MSR_IS, 0x99, 0, 8}}, 0xC000092100000099, 0, 0, 0, 0, 0},

    {"I40 CMR base unaligned", {{CMR_BASE_IS, 0, 0, 0x100800}}, 0xC0000A2200000000, 0, 0, 0, 0, 0},
    {"CMR size unaligned", {{CMR_SIZE_IS, 0, 0, 0x7BF00800}}, 0xC0000A2200000000, 0, 0, 0, 0, 0},
    {"I41 CMRs out of order", {{CMR_BASE_IS, 0, 0, 0x500000000}}, 0xC0000A2200000000, 0, 0, 0, 0, 0},
    {"I42 CMRs overlap", {{CMR_BASE_IS, 1, 0, 0x7BFFF000}}, 0xC0000A2200000000, 0, 0, 0, 0, 0},
    {"I43 null CMR in the middle",
     {{CMR_SIZE_IS, 1, 0, 0}, {CMR_BASE_IS, 2, 0, 0x100000000}, {CMR_SIZE_IS, 2, 0, 0x1000}},
     OK,
     0,
     0,
     0,
     0,
     0},
    {"CMR overflow",
     {{CMR_BASE_IS, 1, 0, 0xFFFFFFFFFFFFF000}, {CMR_SIZE_IS, 1, 0, 0x2000}},
     0xC0000A2200000000,
     0,
     0,
     0,
     0,
     0},
    {"CMR reaches into the KeyID",
     {{CMR_BASE_IS, 1, 0, 0x3FFFFFFFF000}, {CMR_SIZE_IS, 1, 0, 0x2000}},
     0xC0000A2200000000,
     0,
     0,
     0,
     0,
     0},
    {"CMR up to the KeyID",
     {{CMR_BASE_IS, 1, 0, 0x3FFFFFFFF000}, {CMR_SIZE_IS, 1, 0, 0x1000}},
     OK,
     0,
     0,
     0,
     0,
     0},

    {"I44 no SMRR", {{MSR_IS, 0xFE, 0, 0x4000}}, 0xC000091400000000, 0, 0, 0, 0, 0},
    {"I45 no SMRR lock", {{MSR_IS, 0xFE, 0, 0x800}}, 0xC000091300000000, 0, 0, 0, 0, 0},
    {"I46 SMRR not locked", {{MSR_IS, 0x1F3, 0, 0xFF000800}}, 0xC000091000000000, 0, 0, 0, 0, 0},
    {"I47 SMRR2 not locked", {{MSR_IS, 0xFE, 0, 0x6800}}, 0xC000091000000001, 0, 0, 0, 0, 0},
    {"SMRR2 forbidden by MCHECK", {{MSR_IS, 0xFE, 0, 0x6800}, {SMRR2_FORBIDDEN, 0, 0, 1}}, OK, 0, 0, 0, 0, 0},
    {"SMRR2 locked and unused", {{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F7, 0, 0x400}}, OK, 0, 0, 0, 0, 0},
    {"I48 SMRR mask with a hole", {{MSR_IS, 0x1F3, 0, 0xFD000C00}}, 0xC000091100000000, 0, 0, 0, 0, 0},
    {"I49 SMRR base unaligned", {{MSR_IS, 0x1F2, 0, 0x7E001006}}, 0xC000091100000000, 0, 0, 0, 0, 0},
    {"SMRR2 mask with a hole",
     {{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F7, 0, 0xFD000C00}},
     0xC000091100000001,
     0,
     0,
     0,
     0,
     0},
    {"I50 SMRR overlaps CMR 0", {{MSR_IS, 0x1F2, 0, 0x7B000006}}, 0xC000091200000000, 0, 0, 0, 0, 0},
    {"SMRR2 overlaps CMR 1",
     {{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F6, 0, 0x7F000006}, {MSR_IS, 0x1F7, 0, 0xFFFFFC00}},
     OK,
     0,
     0,
     0,
     0,
     0},
    {"SMRR2 overlaps CMR 0",
     {{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F6, 0, 0x200006}, {MSR_IS, 0x1F7, 0, 0xFFFFFC00}},
     0xC000091200000001,
     0,
     0,
     0,
     0,
     0},
    {"unused SMRR needn't be well formed", {{MSR_IS, 0x1F3, 0, 0xFD000400}}, OK, 0, 0, 0, 0, 0},
};

static void sys_init_rows(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(init_rows); i++) {
        const struct init_row *row = &init_rows[i];
        struct fake *fake = fake_new("1.5.01");
        fake_patch(fake, ALL_LPS, row->patches);
        fake_patch_machine(fake, row->patches);
        struct soft_regs out = run(fake, 0, 33, .rcx = 0);
        assert_status(row->id, out.rax, row->expected);
        if (row->expected != FATAL) {
            assert_status(row->id, out.rcx, row->rcx);
            assert_status(row->id, out.rdx, row->rdx);
            assert_status(row->id, out.r8, row->r8);
            assert_status(row->id, out.r9, row->r9);
            assert_status(row->id, out.r10, row->r10);
        } else {
            assert_status(row->id, run(fake, 1, 44).rax, FATAL); /* for good */
        }
        assert_int_equal(soft_state(fake->module), row->expected == OK ? SOFT_INIT_DONE : SOFT_INIT_PENDING);
        fake_free(fake);
    }
}

/* One row per requirement of the CPUID table, a single wrong bit in each, and what the module says about it.
 */
static const struct {
    enum patch_kind reg;
    u32 leaf, subleaf, value;
    u64 rdx, r8, r9, r10;
} cpuid_rows[] = {
    {EBX_IS, 1, NO_SUBLEAF, 0x900, 0xFF0000000000, 0x1FA9FBFF47FAA217, 0x80000000000, 0x1FA9FBFF47FAA217},
    {ECX_IS, 1, NO_SUBLEAF, 0x47FAA216, 0xFF0000000000, 0x1FA9FBFF47FAA217, 0x80000000000,
     0x1FA9FBFF47FAA217},
    {EDX_IS, 1, NO_SUBLEAF, 0x0FA9FBFF, 0xFF0000000000, 0x1FA9FBFF47FAA217, 0x80000000000,
     0x1FA9FBFF47FAA217},
    {EBX_IS, 4, 1, 0x3E, 0xFFF00000000, 0, 0x3F00000000, 0},
    {EBX_IS, 4, 2, 0x13F, 0xFFF00000000, 0, 0x3F00000000, 0},
    {EAX_IS, 4, 3, 0x3C043, 0xFFF000000E0, 0x100000000, 0x3F00000060, 0},
    {EDX_IS, 4, 3, 1, 0xFFF000000E0, 0x100000000, 0x3F00000060, 0},
    {EBX_IS, 7, 0, 0x219424C2, 0x219424C3FFFFFFFF, 0xFC08260099000000, 0x219424C300000002,
     0xFC08040099000000},
    {ECX_IS, 7, 0, 0x98000020, 0x219424C3FFFFFFFF, 0xFC08260099000000, 0x219424C300000002,
     0xFC08040099000000},
    {EDX_IS, 7, 0, 0xFC080600, 0x219424C3FFFFFFFF, 0xFC08260099000000, 0x219424C300000002,
     0xFC08040099000000},
    {EAX_IS, 0xA, NO_SUBLEAF, 0x08300405, 0xFF00, 0x8000FFFFFF80, 0x800, 0x800000000000},
    {ECX_IS, 0xA, NO_SUBLEAF, 0x80, 0xFF00, 0x8000FFFFFF80, 0x800, 0x800000000000},
    {EBX_IS, 0x80000008, NO_SUBLEAF, 0, 0x200000000FF, 0, 0x20000000034, 0},
    {ECX_IS, 0, NO_SUBLEAF, 0x444D4163, 0xFFFFFFFF00000000, 0xFFFFFFFFFFFFFFFF, 0x756E654700000000,
     0x49656E696C65746E},
    {EAX_IS, 4, 4, 1, 0x1F, 0, 0, 0},
    {EAX_IS, 6, NO_SUBLEAF, 0x800000, 0x800000, 0, 0, 0},
    {EDX_IS, 7, 2, 0x3E, 0, 0x1700000000, 0, 0x1700000000},
    {EAX_IS, 0xD, 0, 0x602E6, 3, 0, 3, 0},
    {EAX_IS, 0xD, 1, 7, 0xF, 0x1800, 0xF, 0x1800},
    {ECX_IS, 0xD, 1, 0x800, 0xF, 0x1800, 0xF, 0x1800},
    {EAX_IS, 0x14, 0, 2, 0xFFFFFFFF, 0, 1, 0},
    {ECX_IS, 0x80000001, NO_SUBLEAF, 0x120, 0, 0x2C10080000000121, 0, 0x2C10080000000121},
    {ECX_IS, 0x80000006, NO_SUBLEAF, 0x80, 0, 0xFF, 0, 0x40},
    {EDX_IS, 0x80000007, NO_SUBLEAF, 0, 0, 0x10000000000, 0, 0x10000000000},
    {EAX_IS, 0x23, 1, 0x100, 0xFFFFFFF0FFFFFF00, 0, 0, 0},
    {EBX_IS, 0x23, 1, 0x10, 0xFFFFFFF0FFFFFF00, 0, 0, 0},
};

static void sys_init_cpuid_table(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(cpuid_rows); i++) {
        char id[64];
        snprintf(id, sizeof(id), "CPUID(%x,%x) row %u", cpuid_rows[i].leaf, cpuid_rows[i].subleaf, i);
        struct fake *fake = fake_new("1.5.01");
        fake_patch(fake, ALL_LPS,
                   (struct patch[2]){
                       {cpuid_rows[i].reg, cpuid_rows[i].leaf, cpuid_rows[i].subleaf, cpuid_rows[i].value}});
        struct soft_regs out = run(fake, 0, 33, .rcx = 0);
        assert_status(id, out.rax, 0xC000090000000000);
        assert_status(id, out.rcx, cpuid_rows[i].leaf | (u64)cpuid_rows[i].subleaf << 32);
        assert_status(id, out.rdx, cpuid_rows[i].rdx);
        assert_status(id, out.r8, cpuid_rows[i].r8);
        assert_status(id, out.r9, cpuid_rows[i].r9);
        assert_status(id, out.r10, cpuid_rows[i].r10);
        fake_free(fake);
    }
}

static void sys_init_sequence(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    assert_status("I1 RCX = 1", run(fake, 0, 33, .rcx = 1).rax, 0xC000010000000001);
    fake_patch(fake, ALL_LPS, (struct patch[2]){{ENTROPY_FAILS, 0, 0, 0}});
    assert_status("I53", run(fake, 0, 33, .rcx = 0).rax, 0x8000020300000000);
    fake_patch(fake, ALL_LPS, (struct patch[1]){{0}});
    struct soft_regs out = run(fake, 3, 33, .rcx = 0);
    assert_status("I2, I54", out.rax, 0);
    assert_true(out.rcx == 0 && out.rdx == 0 && out.r8 == 0 && out.r9 == 0 && out.r10 == 0);
    assert_status("I3", run(fake, 0, 33, .rcx = 0).rax, 0xC000050000000000);
    assert_status("I4", run(fake, 0, 33, .rcx = 2).rax, 0xC000010000000001);
    fake_free(fake);
}

static void hook_sys_init(struct fake *fake, u32 lp)
{
    fake->hook_regs = run(fake, (lp + 1) % 4, 33, .rcx = 0);
}

static void sys_init_excludes_others(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    fake->hook = hook_sys_init;
    assert_status("S1 the first", run(fake, 0, 33, .rcx = 0).rax, 0);
    assert_status("I55 the second", fake->hook_regs.rax, 0x8000020200000000);
    assert_true(fake->hook_regs.rcx == 0 && fake->hook_regs.r10 == 0);
    fake_free(fake);
}

/* CPUID must be seen with TSX, and TSX_CTRL be as before afterwards, on success and on failure. */
static void tsx_is_unhidden_for_cpuid(void **state)
{
    (void)state;
    const struct patch tsx[] = {{MSR_IS, 0x10A, 0, VMX_ARCH | 1 << 7}, {ENTROPY_FAILS, 0, 0, 0}, {0}};
    const struct patch no_tsx[] = {{MSR_IS, 0x10A, 0, VMX_ARCH}, {0}};
    struct fake *fake = fake_new("1.5.01");
    fake->tsx_ctrl[0] = fake->tsx_ctrl[2] = 3;
    fake_patch(fake, ALL_LPS, tsx);
    assert_status("failure", run(fake, 0, 33, .rcx = 0).rax, 0x8000020300000000);
    assert_int_equal(fake->tsx_ctrl[0], 3);
    assert_int_equal(fake->tsx_during_cpuid[0], 1);
    fake->patch_count = 1;
    assert_status("success", run(fake, 0, 33, .rcx = 0).rax, 0);
    assert_int_equal(fake->tsx_ctrl[0], 3);
    assert_status("LP.INIT", run(fake, 2, 35).rax, 0);
    assert_int_equal(fake->tsx_ctrl[2], 3);
    assert_int_equal(fake->tsx_during_cpuid[2], 1);
    fake_reset(fake);
    fake_patch(fake, ALL_LPS, no_tsx);
    assert_status("no such control", run(fake, 0, 33, .rcx = 0).rax, 0);
    assert_int_equal(fake->tsx_during_cpuid[0], 3);
    fake_free(fake);
}

/* ---- SYS.LP.INIT ---- */

static const struct {
    const char *id;
    struct patch patches[3];
    u64 expected, rcx, rdx, r8;
} lp_rows[] = {
    {"L6 no entropy", {{ENTROPY_FAILS, 0, 0, 0}}, 0x8000020300000000, 0, 0, 0},
    {"L7 low half of RDRAND 0", {{RANDOM_IS, 0, 0, 0x100000000}}, 0x8000020300000000, 0, 0, 0},
    {"L8 SEAM capabilities", {{CAPS_ARE, 0, 0, 0x3F}}, 0xC000050D00000000, 0, 0, 0},
    {"SEAM capabilities before MSRs",
     {{CAPS_ARE, 0, 0, 0x3F}, {MSR_IS, 0xCF, 0, 1}},
     0xC000050D00000000,
     0,
     0,
     0},
    {"L9.1", {{MSR_IS, 0xCF, 0, 1}}, 0xC0000920000000CF, 0, 0, 0},
    {"L9.2", {{MSR_IS, 0x10A, 0, 1}}, 0xC00009200000010A, 0, 0, 0},
    {"L9.3", {{MSR_IS, 0xBC, 0, 3}}, 0xC0000920000000BC, 0, 0, 0},
    {"L9.4", {{MSR_IS, 0xBD, 0, 3}}, 0xC0000920000000BD, 0, 0, 0},
    {"L9.5", {{MSR_IS, 0x3B, 0, 3}}, 0xC00009200000003B, 0, 0, 0},
    {"L9.6", {{MSR_IS, 0xFE, 0, 3}}, 0xC0000920000000FE, 0, 0, 0},
    {"L9.7", {{MSR_IS, 0x1F2, 0, 3}}, 0xC0000920000001F2, 0, 0, 0},
    {"L9.8", {{MSR_IS, 0x1F3, 0, 3}}, 0xC0000920000001F3, 0, 0, 0},
    {"L9.9", {{MSR_IS, 0x480, 0, 3}}, 0xC000092000000480, 0, 0, 0},
    {"L9.10", {{MSR_IS, 0x48D, 0, 3}}, 0xC00009200000048D, 0, 0, 0},
    {"L9.11", {{MSR_IS, 0x48E, 0, 3}}, 0xC00009200000048E, 0, 0, 0},
    {"L9.12", {{MSR_IS, 0x48B, 0, 3}}, 0xC00009200000048B, 0, 0, 0},
    {"L9.13", {{MSR_IS, 0x492, 0, 3}}, 0xC000092000000492, 0, 0, 0},
    {"L9.14", {{MSR_IS, 0x48F, 0, 3}}, 0xC00009200000048F, 0, 0, 0},
    {"L9.15", {{MSR_IS, 0x490, 0, 3}}, 0xC000092000000490, 0, 0, 0},
    {"L9.16", {{MSR_IS, 0x485, 0, 3}}, 0xC000092000000485, 0, 0, 0},
    {"L9.17", {{MSR_IS, 0x48C, 0, 3}}, 0xC00009200000048C, 0, 0, 0},
    {"L9.18", {{MSR_IS, 0x486, 0, 3}}, 0xC000092000000486, 0, 0, 0},
    {"L9.19", {{MSR_IS, 0x487, 0, 3}}, 0xC000092000000487, 0, 0, 0},
    {"L9.20", {{MSR_IS, 0x488, 0, 3}}, 0xC000092000000488, 0, 0, 0},
    {"L9.21", {{MSR_IS, 0x489, 0, 3}}, 0xC000092000000489, 0, 0, 0},
    {"L9.22", {{MSR_IS, 0x345, 0, 3}}, 0xC000092000000345, 0, 0, 0},
    {"L9.23", {{MSR_IS, 0x981, 0, 3}}, 0xC000092000000981, 0, 0, 0},
    {"L9.24", {{MSR_IS, 0x982, 0, 3}}, 0xC000092000000982, 0, 0, 0},
    {"L9.25", {{MSR_IS, 0x87, 0, 3}}, 0xC000092000000087, 0, 0, 0},
    {"L9.26", {{MSR_IS, 0x98, 0, 3}}, 0xC000092000000098, 0, 0, 0},
    {"L9.27", {{MSR_IS, 0x99, 0, 3}}, 0xC000092000000099, 0, 0, 0},
    {"CFH before 10AH", {{MSR_IS, 0x10A, 0, 1}, {MSR_IS, 0xCF, 0, 1}}, 0xC0000920000000CF, 0, 0, 0},
    {"BCH before BDH", {{MSR_IS, 0xBD, 0, 3}, {MSR_IS, 0xBC, 0, 3}}, 0xC0000920000000BC, 0, 0, 0},
    {"BDH before 1A0H", {{MSR_IS, 0x1A0, 0, 1 << 22}, {MSR_IS, 0xBD, 0, 3}}, 0xC0000920000000BD, 0, 0, 0},
    {"L10 1A0H bit 22", {{MSR_IS, 0x1A0, 0, 1 << 22}, {EAX_IS, 7, 1, 0}}, 0xC000090100000000, 0, 0, 0},
    {"CPUID before 3BH",
     {{MSR_IS, 0x3B, 0, 3}, {EAX_IS, 7, 1, 0}},
     0xC000090200000000,
     0x100000007,
     ~0ull,
     ~0ull},
    {"3BH before FEH", {{MSR_IS, 0xFE, 0, 3}, {MSR_IS, 0x3B, 0, 3}}, 0xC00009200000003B, 0, 0, 0},
    {"1F3H before 480H", {{MSR_IS, 0x480, 0, 3}, {MSR_IS, 0x1F3, 0, 3}}, 0xC0000920000001F3, 0, 0, 0},
    {"480H before 48DH", {{MSR_IS, 0x48D, 0, 3}, {MSR_IS, 0x480, 0, 3}}, 0xC000092000000480, 0, 0, 0},
    {"492H before 485H", {{MSR_IS, 0x485, 0, 3}, {MSR_IS, 0x492, 0, 3}}, 0xC000092000000492, 0, 0, 0},
    {"489H before 345H", {{MSR_IS, 0x345, 0, 3}, {MSR_IS, 0x489, 0, 3}}, 0xC000092000000489, 0, 0, 0},
    {"345H before 981H", {{MSR_IS, 0x981, 0, 3}, {MSR_IS, 0x345, 0, 3}}, 0xC000092000000345, 0, 0, 0},
    {"L11 CPUID(7,1)", {{EAX_IS, 7, 1, 0x101}}, 0xC000090200000000, 0x100000007, ~0ull, ~0ull},
    {"L12 package 8", {{EDX_IS, 0x1F, 0, 0x85}}, 0xC000090600000008, 0, 0, 0},
    {"package 7", {{EDX_IS, 0x1F, 0, 0x75}}, OK, 0, 0, 0},
    {"stepping may differ", {{EAX_IS, 1, NO_SUBLEAF, 0x806F9}}, OK, 0, 0, 0},
    {"reserved bits of CPUID(1).EAX",
     {{EAX_IS, 1, NO_SUBLEAF, 0x100806F8}},
     0xC000090200000000,
     0xFFFFFFFF00000001,
     0xFFFFF000C000,
     0xFFFFFFFFF7FFFF9F},
    {"APIC id in CPUID(1).EBX may differ", {{EBX_IS, 1, NO_SUBLEAF, 0x10000800}}, OK, 0, 0, 0},
    {"OSXSAVE in CPUID(1).ECX may differ", {{ECX_IS, 1, NO_SUBLEAF, 0x4FFAA217}}, OK, 0, 0, 0},
    {"TSC_ADJUST in CPUID(7).EBX may differ", {{EBX_IS, 7, 0, 0x219424C7}}, OK, 0, 0, 0},
    {"another bit of CPUID(7).EBX",
     {{EBX_IS, 7, 0, 0x219424CB}},
     0xC000090200000000,
     7,
     0xFFFFFFFBFFFFFFFF,
     0xFFEBFFFFBFC1FF6F},
    {"XSAVE size in use may differ", {{EBX_IS, 0xD, 0, 0x240}}, OK, 0, 0, 0},
    {"XSAVE size may not", {{ECX_IS, 0xD, 0, 0x240}}, 0xC000090200000000, 0xD, 0xFFFFFFFF, ~0ull},
    {"CPUID(3) isn't compared", {{EAX_IS, 3, NO_SUBLEAF, 9}}, OK, 0, 0, 0},
    {"CPUID(5) is, last of the table",
     {{EAX_IS, 5, NO_SUBLEAF, 9}},
     0xC000090200000000,
     0xFFFFFFFF00000005,
     ~0ull,
     ~0ull},
    {"CPUID(6) bit 23 only", {{EAX_IS, 6, NO_SUBLEAF, 9}}, OK, 0, 0, 0},
    {"CPUID(19H).EBX bit 0 may differ", {{EBX_IS, 0x19, NO_SUBLEAF, 1}}, OK, 0, 0, 0},
    {"CPUID(19H).EBX bit 2 may not",
     {{EBX_IS, 0x19, NO_SUBLEAF, 4}},
     0xC000090200000000,
     0xFFFFFFFF00000019,
     0xFFFFFFFEFFFFFFFF,
     ~0ull},
    {"CPUID(0) max: leaves beyond it are skipped, itself not",
     {{EAX_IS, 0, NO_SUBLEAF, 0x22}},
     0xC000090200000000,
     0xFFFFFFFF00000000,
     ~0ull,
     ~0ull},
    {"CPUID(80000006H).ECX low byte",
     {{ECX_IS, 0x80000006, NO_SUBLEAF, 0x41}},
     0xC000090200000000,
     0xFFFFFFFF80000006,
     0,
     0xFF},
    {"CPUID(1FH,2) type", {{ECX_IS, 0x1F, 2, 0x302}}, 0xC000090200000000, 0x20000001F, ~0ull, 0xFFFFFFFF},
};

static void lp_init_rows(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(lp_rows); i++) {
        struct fake *fake = fake_new("1.5.01");
        assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
        fake_patch(fake, 2, lp_rows[i].patches);
        struct soft_regs out = run(fake, 2, 35);
        assert_status(lp_rows[i].id, out.rax, lp_rows[i].expected);
        assert_status(lp_rows[i].id, out.rcx, lp_rows[i].rcx);
        assert_status(lp_rows[i].id, out.rdx, lp_rows[i].rdx);
        assert_status(lp_rows[i].id, out.r8, lp_rows[i].r8);
        fake->patch_count = 0;
        assert_status(lp_rows[i].id, run(fake, 2, 35).rax,
                      lp_rows[i].expected == OK ? 0xC000050300000000 : 0);
        fake_free(fake);
    }
}

/* SMRR2 is compared where it is used, and only there. */
static void lp_init_smrr2(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    fake_patch(fake, ALL_LPS, (struct patch[4]){{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F7, 0, 0x400}});
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    fake_patch(
        fake, ALL_LPS,
        (struct patch[4]){{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F6, 0, 0x1000}, {MSR_IS, 0x1F7, 0, 0x400}});
    assert_status("1F6H", run(fake, 2, 35).rax, 0xC0000920000001F6);
    fake_patch(fake, ALL_LPS, (struct patch[4]){{MSR_IS, 0xFE, 0, 0x6800}, {MSR_IS, 0x1F7, 0, 0x1400}});
    assert_status("1F7H", run(fake, 2, 35).rax, 0xC0000920000001F7);
    fake_patch(fake, ALL_LPS, (struct patch[1]){{0}});
    fake_reset(fake);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    fake_patch(fake, 2, (struct patch[2]){{MSR_IS, 0x1F7, 0, 0x1400}});
    assert_status("unused", run(fake, 2, 35).rax, 0);
    fake_free(fake);
}

static void hook_lp_init(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 1, 35);
}

static void lp_init_sequence(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct soft_regs out = run(fake, 0, 35);
    assert_status("L1", out.rax, 0xC000050B00000000);
    assert_true(out.rcx == 0 && out.rdx == 0 && out.r8 == 0);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    fake->hook = hook_lp_init;
    assert_status("L2", run(fake, 0, 35).rax, 0);
    assert_status("L4 two at once", fake->hook_regs.rax, 0);
    assert_status("L3", run(fake, 0, 35).rax, 0xC000050300000000);
    assert_status("UPDATE with LPs missing", run(fake, 0, 53).rax, 0xC000050800000000);
    assert_status("INFO on another LP", run(fake, 2, 32).rax, 0xC000050200000000);
    run(fake, 2, 35);
    run(fake, 3, 35);
    assert_status("UPDATE without hand-off data", run(fake, 0, 53).rax, 0xC000050900000000);
    fake_free(fake);
}

/* Knob lp_init_after_config */
static void lp_init_after_config(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_true(soft_knob_set(&fake->knobs, "lp_init_after_config=1"));
    fake_reset(fake);
    assert_status("before SYS.INIT", run(fake, 0, 35).rax, 0xC000050B00000000);
    reach_ready(fake, 0, 0);
    assert_status("after", run(fake, 0, 35).rax, 0xC000050300000000);
    fake_free(fake);
}

/* ---- profiles and knobs ---- */

static void profiles_and_knobs_by_name(void **state)
{
    (void)state;
    struct soft_knobs knobs;
    test_log_clear();
    /* the names that scripts may use are these */
    assert_string_equal(soft_profile_names(), "1.5.01, ext, dpamt");
    assert_non_null(script_name_find(NAME_PROFILE, "1.5.01", 6));
    assert_non_null(script_name_find(NAME_PROFILE, "ext", 3));
    assert_non_null(script_name_find(NAME_PROFILE, "dpamt", 5));
    assert_false(soft_profile("nope", &knobs));
    assert_logged("1.5.01, ext, dpamt");
    assert_true(soft_profile("ext", &knobs));
    assert_int_equal(knobs.quote_pages, 12800);
    assert_true(soft_knob_set(&knobs, "quote_pages=0x200"));
    assert_int_equal(knobs.quote_pages, 512);
    test_log_clear();
    assert_false(soft_knob_set(&knobs, "quote_page=1"));
    assert_logged("no knob 'quote_page=1'");
    assert_logged("quote_pages (invented)");
    assert_false(soft_knob_set(&knobs, "quote_pages"));
    assert_false(soft_knob_set(&knobs, "quote_pages="));
    assert_false(soft_knob_set(&knobs, "quote_pages=many"));
    assert_false(soft_knob_set(&knobs, "ext_page_type=0"));
    assert_false(soft_knob_set(&knobs, "ext_page_type=256"));
    assert_false(soft_knob_set(&knobs, "ext_add_writes=4104"));
    assert_false(soft_knob_set(&knobs, "ext_add_writes=4"));
    assert_false(soft_knob_set(&knobs, "pool_field_bytes=3"));
    assert_false(soft_knob_set(&knobs, "ext_init_steps=1000001"));
    assert_int_equal(knobs.quote_pages, 512);
}

static void dpamt_is_ext_with_one_more_feature(void **state)
{
    (void)state;
    struct soft_knobs ext, dpamt;
    assert_true(soft_profile("ext", &ext));
    assert_true(soft_profile("dpamt", &dpamt));
    assert_int_equal(ext.features0, 0x00040080001F0FBF);
    assert_int_equal(dpamt.features0, 0x00040090001F0FBF);
    dpamt.features0 = ext.features0;
    assert_memory_equal(&dpamt, &ext, sizeof(ext));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gate_before_ready),
        cmocka_unit_test(gate_in_config_done),
        cmocka_unit_test(gate_in_ready),
        cmocka_unit_test(gate_after_shutdown),
        cmocka_unit_test(unmodelled_leaves_are_honest),
        cmocka_unit_test(sys_init_rows),
        cmocka_unit_test(sys_init_cpuid_table),
        cmocka_unit_test(sys_init_sequence),
        cmocka_unit_test(sys_init_excludes_others),
        cmocka_unit_test(tsx_is_unhidden_for_cpuid),
        cmocka_unit_test(lp_init_rows),
        cmocka_unit_test(lp_init_smrr2),
        cmocka_unit_test(lp_init_sequence),
        cmocka_unit_test(lp_init_after_config),
        cmocka_unit_test(profiles_and_knobs_by_name),
        cmocka_unit_test(dpamt_is_ext_with_one_more_feature),
    };
    return cmocka_run_group_tests_name("soft_init", tests, NULL, NULL);
}
