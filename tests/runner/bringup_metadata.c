/* SPDX-License-Identifier: MIT */
/*
 * SYS.RD: what the module says about itself, one element at a time.
 *
 * RDX names a field element: class and code are looked up; reserved bits and the counts of a list header must
 * be 0; element size, increment, write mask, context and bit 63 are ignored (module 1.5.01, "metadata field
 * identifiers"). R8 returns the value, RDX the next element, all ones after the last; on an error RDX is all
 * ones and R8 0. The null id, all ones whatever its context bits, asks for the first id:
 * METADATA_FIRST_FIELD_ID_IN_CONTEXT, which is no error. Walking that chain visits every element of every row
 * once: 354 of them in 1.5.01, more where a module has more.
 *
 * Reading takes no lock and works on every initialised LP. Fields that depend on configured features (class
 * 0x31) don't exist in 1.5.01; where they do, they mean nothing before SYS.CONFIG and are taken to read as 0.
 */
#include "tests/runner/bringup.h"

#include "kernel/smp.h"
#include "lib/log.h"

#define ELEMENTS_1_5_01 354
#define ELEMENTS_MAX    2048

#define UNKNOWN(name, id, why)                                                                               \
    {                                                                                                        \
        "bringup.metadata.refuses." name, SOURCE_MODULE, 0, STEP_METADATA, TDH_SYS_RD,                       \
            .run = check_refusal, .row = &(const struct refusal)                                             \
        {                                                                                                    \
            .rax = RAX(SYS_RD), .in = {.rdx = (id)}, .status = S_METADATA_FIELD_ID_INCORRECT, .rule = why    \
        }                                                                                                    \
    }

static struct call read_field(u64 id)
{
    struct seamcall_args in = call_marked();
    in.rdx = id;
    return call_leaf(TDH_SYS_RD, in);
}

static bool expect_read(struct test *test, u64 id, u64 value, u64 next, const char *rule)
{
    struct call call = read_field(id);
    struct seamcall_args out = call.in;
    out.rdx = next;
    out.r8 = value;
    return expect_status(test, &call, TDX_SUCCESS, rule) && expect_outputs(test, &call, &out, rule);
}

static void null_id(struct test *test)
{
    const u64 ids[] = {TDX_FIELD_NULL, 0xFF8FFFFFFFFFFFFF};
    for (u32 i = 0; i < ARRAY_COUNT(ids); i++) {
        struct call call = read_field(ids[i]);
        struct seamcall_args out = call.in;
        out.rdx = TDX_FIELD_NUM_PKGS;
        out.r8 = 0;
        expect_status(test, &call, TDX_METADATA_FIRST_FIELD_ID_IN_CONTEXT,
                      "SYS.RD case 2: null id, context ignored");
        expect_outputs(test, &call, &out, "SYS.RD case 2: RDX = first id, R8 = 0");
    }
}

#define AFTER_MAX_TDMRS TDX_FIELD_MAX_RESERVED_PER_TDMR

static void ignored_bits(struct test *test)
{
    expect_read(test, 0x1100000100000008, TDX_MAX_TDMRS, AFTER_MAX_TDMRS,
                "SYS.RD ignores bit 63 (non-architectural)");
    expect_read(test, 0x9110000100000008, TDX_MAX_TDMRS, AFTER_MAX_TDMRS, "SYS.RD ignores the context bits");
    expect_read(test, 0x9100000300000008, TDX_MAX_TDMRS, AFTER_MAX_TDMRS, "SYS.RD ignores the size code");
    expect_read(test, 0x910C000100000008, TDX_MAX_TDMRS, AFTER_MAX_TDMRS,
                "SYS.RD ignores increment and write mask");
}

/* Inside a row the caller's upper bits are carried on; a new row starts with its own id. */
static void next_id(struct test *test)
{
    u64 base = 0;
    call_read_field(TDX_FIELD_CMR_BASE + 1, &base);
    expect_read(test, 0x1000000000000081, base, 0x1000000000000082,
                "SYS.RD: next id inside a row, size code and bit 63");
    call_read_field(TDX_FIELD_CMR_BASE + 31, &base);
    expect_read(test, 0x100000000000009F, base, TDX_FIELD_CMR_SIZE,
                "SYS.RD: the next row starts with its own id");
}

static void last_id(struct test *test)
{
    u64 value = 0;
    call_read_field(TDX_FIELD_VCPU_L2_DEBUG_CTLS_FIXED1, &value);
    expect_read(test, TDX_FIELD_VCPU_L2_DEBUG_CTLS_FIXED1, value, TDX_FIELD_NULL,
                "SYS.RD: all ones after the last");
}

/* ---- the walk ---- */

struct row {
    u64 id;
    u32 elements;
};

static const struct row rows_1_5_01[] = {
#define V1_5(id, count) {(id), (count)},
#define LATER(id, count)
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid) since(id, (fields) * (elements))
#include "drivers/tdx/abi/fields.def"
#undef V1_5
#undef LATER
};

/* The elements of 1.5.01 come in the order of its table; others may stand between them. */
static bool is_next_known(u64 id, u32 *row, u32 *element)
{
    if (*row == ARRAY_COUNT(rows_1_5_01) || id != rows_1_5_01[*row].id + *element)
        return false;
    if (++*element == rows_1_5_01[*row].elements) {
        ++*row;
        *element = 0;
    }
    return true;
}

static bool is_known(u64 id)
{
    for (u32 i = 0; i < ARRAY_COUNT(rows_1_5_01); i++)
        if (id - rows_1_5_01[i].id < rows_1_5_01[i].elements)
            return true;
    return false;
}

static bool fits(u64 id, u64 value)
{
    u32 bits = 8u << (id >> TDX_FIELD_SIZE_SHIFT & 3);
    return bits == 64 || value >> bits == 0;
}

/* A later module may have more fields and larger tables. Of the soft one it is known in what it differs. */
static bool is_1_5_01(const struct test *test)
{
    const struct tdx_sysinfo *info = &test->machine->host.sysinfo;
    return test->machine->platform.subject == SUBJECT_SOFT ||
           (info->major == 1 && info->minor == 5 && info->update <= 1);
}

static void walk(struct test *test)
{
    u32 row = 0, element = 0, known = 0, extra = 0;
    u64 id = read_field(TDX_FIELD_NULL).out.rdx;
    while (id != TDX_FIELD_NULL && known + extra < ELEMENTS_MAX) {
        struct call call = read_field(id);
        if (!expect_status(test, &call, TDX_SUCCESS, "each id that SYS.RD names as the next can be read"))
            return;
        if (!fits(id, call.out.r8))
            test_fail(test, "field 0x%lx: value 0x%lx is larger than its size code says", id, call.out.r8);
        bool is_next = is_next_known(id, &row, &element);
        known += is_next;
        extra += !is_next;
        if ((!is_next && is_known(id)) || call.out.rdx == id) {
            test_fail(test, "field 0x%lx comes out of turn: after %u elements, next 0x%lx", id,
                      known + extra - 1, call.out.rdx);
            return;
        }
        id = call.out.rdx;
    }
    expect_value(test, id, TDX_FIELD_NULL, "the last next id", "the walk ends");
    expect_value(test, known, ELEMENTS_1_5_01, "elements of 1.5.01 on the walk",
                 "all of them, in the table's order");
    if (sysinfo_has(&test->machine->host.sysinfo, TDX_FEATURE_EXT))
        expect_at_least(test, extra, 2, "further elements",
                        "EXT_REQUIRED and MEMORY_POOL_REQUIRED_PAGES, at least");
    else if (is_1_5_01(test))
        expect_value(test, extra, 0, "further elements", "1.5.01 has 354 and no more");
    log_line("metadata: %u elements, %u of them later than 1.5.01", known + extra, extra);
}

/* ---- values ---- */

static void limits(struct test *test)
{
    static const struct {
        u64 id, value;
        const char *name;
        bool grows; /* from version to version */
    } wanted[] = {
        {TDX_FIELD_VENDOR_ID, 0x8086, "VENDOR_ID", false},
        {TDX_FIELD_NUM_CMRS, 32, "NUM_CMRS", false},
        {TDX_FIELD_MAX_TDMRS, 64, "MAX_TDMRS", false},
        {TDX_FIELD_MAX_RESERVED_PER_TDMR, 16, "MAX_RESERVED_PER_TDMR", false},
        {TDX_FIELD_PAMT_4K_ENTRY_SIZE, 16, "PAMT_4K_ENTRY_SIZE", false},
        {TDX_FIELD_PAMT_2M_ENTRY_SIZE, 16, "PAMT_2M_ENTRY_SIZE", false},
        {TDX_FIELD_PAMT_1G_ENTRY_SIZE, 16, "PAMT_1G_ENTRY_SIZE", false},
        {TDX_FIELD_TDR_BASE_SIZE, 0x1000, "TDR_BASE_SIZE", false},
        {TDX_FIELD_TDCS_BASE_SIZE, 0x6000, "TDCS_BASE_SIZE", false},
        {TDX_FIELD_TDVPS_BASE_SIZE, 0x6000, "TDVPS_BASE_SIZE", false},
        {TDX_FIELD_NUM_TDX_FEATURES, 1, "NUM_TDX_FEATURES", false},
        {TDX_FIELD_NUM_CPUID_CONFIG, 12, "NUM_CPUID_CONFIG", true},
        {TDX_FIELD_CPUID_CONFIG_LEAVES + 12, ~0ull, "CPUID_CONFIG_LEAVES[12]", true},
        {TDX_FIELD_CPUID_CONFIG_VALUES + 24, 0, "CPUID_CONFIG_VALUES[12]", true},
    };
    for (u32 i = 0; i < ARRAY_COUNT(wanted); i++) {
        u64 value;
        if (!call_read_field(wanted[i].id, &value))
            test_fail(test, "%s can't be read", wanted[i].name);
        else if (!wanted[i].grows || is_1_5_01(test))
            expect_value(test, value, wanted[i].value, wanted[i].name,
                         "system-scope fields: values of 1.5.01");
    }
}

static void packages(struct test *test)
{
    u64 count = 0, fms = 0;
    call_read_field(TDX_FIELD_NUM_PKGS, &count);
    expect_value(test, count, package_count(), "NUM_PKGS",
                 "the module (through MCHECK) and the host see the same packages");
    for (u32 i = 0; i < TDX_MAX_PACKAGES; i++) {
        call_read_field(TDX_FIELD_PKG_FMS + i, &fms);
        expect_true(test, (fms != 0) == (i < count), "PKG_FMS: CPUID(1).EAX for each package, 0 beyond");
    }
}

/* CMR list sanity, as SYS.INIT demands it of MCHECK. */
static void cmrs(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    u64 previous_end = 0, used = 0, keyid_start = machine_keyid_bits(test->machine, 1);
    for (u32 i = 0; i < TDX_MAX_CMRS; i++) {
        u64 base = 0, size = 0;
        call_read_field(TDX_FIELD_CMR_BASE + i, &base);
        call_read_field(TDX_FIELD_CMR_SIZE + i, &size);
        if (size == 0)
            continue;
        used++;
        expect_true(test, is_aligned(base | size, PAGE_SIZE), "CMRs: base and size are multiples of 4 KiB");
        expect_true(test, base >= previous_end, "CMRs: ascending, no overlap");
        expect_true(test, base + size > base && base + size <= keyid_start, "CMRs: no KeyID bits");
        expect_true(test,
                    base >= platform->seamrr_base + platform->seamrr_size ||
                        base + size <= platform->seamrr_base,
                    "CMRs: SEAMRR is in none");
        previous_end = base + size;
    }
    expect_at_least(test, used, 1, "CMRs that aren't empty", "TDX memory exists");
}

static void same_on_all_lps(struct test *test)
{
    u64 features = 0;
    call_read_field(TDX_FIELD_TDX_FEATURES0, &features);
    struct call call =
        call_leaf_on(cpu_count() - 1, TDH_SYS_RD, (struct seamcall_args){.rdx = TDX_FIELD_TDX_FEATURES0});
    expect_status(test, &call, TDX_SUCCESS, "SYS.RD works on every initialised LP");
    expect_value(test, call.out.r8, features, "TDX_FEATURES0 on the last LP",
                 "metadata is the same on all LPs");
}

/* Class 0x31 is unknown to 1.5.01; where it is known nothing has been configured yet. */
static void demand_before_config(struct test *test)
{
    const u64 ids[] = {TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, TDX_FIELD_EXT_REQUIRED};
    bool has_ext = sysinfo_has(&test->machine->host.sysinfo, TDX_FEATURE_EXT);
    for (u32 i = 0; i < ARRAY_COUNT(ids); i++) {
        struct call call = read_field(ids[i]);
        const u64 wanted[] = {TDX_SUCCESS, TDX_METADATA_FIELD_NOT_READABLE};
        if (!has_ext)
            expect_status(test, &call, TDX_METADATA_FIELD_ID_INCORRECT,
                          "SYS.RD check 4: class 0x31 not in the table");
        else if (expect_status_among(test, &call, wanted, 2,
                                     "class 0x31 before SYS.CONFIG: 0, or not readable"))
            expect_value(test, call.out.r8, 0, "the value", "nothing is configured, so nothing is needed");
    }
}

/* ---- what the driver does with statuses that call for a second look ---- */

static void inject_statuses(struct test *test, u64 status, u64 count)
{
    inject(test, (struct injection){
                     .kind = MONITOR_INJECT_STATUS, .leaf = TDH_SYS_RD, .count = count, .value = status});
}

static u64 driver_read(u64 *value)
{
    struct seamcall_args args = {.rdx = TDX_FIELD_MAX_TDMRS};
    u64 status = seamcall(TDH_SYS_RD, &args);
    *value = args.r8;
    return status;
}

static void entropy_nine_times(struct test *test)
{
    u64 value;
    inject_statuses(test, TDX_RND_NO_ENTROPY, 9);
    expect_value(test, driver_read(&value), TDX_SUCCESS, "the status",
                 "the tenth attempt succeeds, with the same inputs");
    expect_value(test, value, TDX_MAX_TDMRS, "the value", "the tenth attempt succeeds, with the same inputs");
    expect_true(test, inject_used_up(test), "nine calls ended in RND_NO_ENTROPY");
}

static void entropy_ten_times(struct test *test)
{
    u64 value;
    inject_statuses(test, TDX_RND_NO_ENTROPY, 10);
    expect_value(test, driver_read(&value), TDX_RND_NO_ENTROPY, "the status",
                 "ten attempts in all, then the caller decides");
    expect_true(test, inject_used_up(test), "there were ten calls, not fewer");
    expect_value(test, driver_read(&value), TDX_SUCCESS, "the status afterwards", "the shortage has passed");
}

/* Whatever the module says must reach the caller: all 64 bits, known or not, and no retry. */
static void raw_status_survives(struct test *test)
{
    const u64 statuses[] = {0x8000054400000007, 0x000005440000BEEF, TDX_SYS_BUSY};
    for (u32 i = 0; i < ARRAY_COUNT(statuses); i++) {
        u64 value;
        inject_statuses(test, statuses[i], 1);
        expect_value(test, driver_read(&value), statuses[i], "the status",
                     "the raw 64-bit status survives, not retried");
    }
}

/* Every value that the driver keeps, read a second time. */
static void expect_driver_values(struct test *test, const struct tdx_sysinfo *info)
{
    const struct {
        u64 id, value;
        const char *name;
    } kept[] = {
        {TDX_FIELD_VENDOR_ID, info->vendor_id, "vendor id"},
        {TDX_FIELD_BUILD_DATE, info->build_date, "build date"},
        {TDX_FIELD_MAJOR_VERSION, info->major, "major version"},
        {TDX_FIELD_MINOR_VERSION, info->minor, "minor version"},
        {TDX_FIELD_UPDATE_VERSION, info->update, "update version"},
        {TDX_FIELD_BUILD_NUM, info->build, "build number"},
        {TDX_FIELD_TDX_FEATURES0, info->features0, "features0"},
        {TDX_FIELD_MAX_TDMRS, info->max_tdmrs, "MAX_TDMRS"},
        {TDX_FIELD_MAX_RESERVED_PER_TDMR, info->max_reserved_per_tdmr, "MAX_RESERVED_PER_TDMR"},
        {TDX_FIELD_PAMT_4K_ENTRY_SIZE, info->pamt_entry_size[TDX_PAMT_4K], "PAMT_4K_ENTRY_SIZE"},
        {TDX_FIELD_PAMT_2M_ENTRY_SIZE, info->pamt_entry_size[TDX_PAMT_2M], "PAMT_2M_ENTRY_SIZE"},
        {TDX_FIELD_PAMT_1G_ENTRY_SIZE, info->pamt_entry_size[TDX_PAMT_1G], "PAMT_1G_ENTRY_SIZE"},
        {TDX_FIELD_NUM_CMRS, info->num_cmrs, "NUM_CMRS"},
    };
    for (u32 i = 0; i < ARRAY_COUNT(kept); i++) {
        u64 value;
        if (call_read_field(kept[i].id, &value))
            expect_value(test, kept[i].value, value, kept[i].name, "the driver keeps what the module says");
        else
            test_fail(test, "%s can't be read", kept[i].name);
    }
}

static void metadata(struct test *test)
{
    if (!check_stage(test))
        return;
    const struct tdx_sysinfo *info = &test->machine->host.sysinfo;
    expect_driver_values(test, info);
    u32 kept = 0;
    for (u32 i = 0; i < TDX_MAX_CMRS; i++) {
        u64 base = 0, size = 0;
        call_read_field(TDX_FIELD_CMR_BASE + i, &base);
        call_read_field(TDX_FIELD_CMR_SIZE + i, &size);
        if (size == 0)
            continue;
        expect_true(test,
                    kept < info->cmr_count && info->cmrs[kept].base == base && info->cmrs[kept].size == size,
                    "the driver keeps all CMRs, in order, without the empty slots");
        kept++;
    }
    expect_value(test, info->cmr_count, kept, "the driver's number of CMRs", "all that aren't empty");
}

static const struct test_case cases[] = {
    UNKNOWN("bit_24", 0x9100000101000008, "SYS.RD check 3: id bits 31:24 reserved"),
    UNKNOWN("bit_47", 0x9100800100000008, "SYS.RD check 3: id bits 49:47 reserved"),
    UNKNOWN("bit_55", 0x9180000100000008, "SYS.RD check 3: id bit 55 reserved"),
    UNKNOWN("bit_62", 0xD100000100000008, "SYS.RD check 3: id bit 62 reserved"),
    UNKNOWN("last_element", 0x9100000500000008, "SYS.RD check 3: last element must be 0"),
    UNKNOWN("last_field", 0x9100004100000008, "SYS.RD check 3: last field must be 0"),
    UNKNOWN("code", 0x91000001000000F8, "SYS.RD check 4: code not in class 0x11"),
    UNKNOWN("class", 0x9B00000100000000, "SYS.RD check 4: class not in the table"),
    UNKNOWN("past_the_cmrs", 0x90000003000000A0, "SYS.RD check 4: CMR_BASE has 32 elements"),
    {"bringup.metadata.step", SOURCE_MODULE, 0, STEP_METADATA, .run = metadata},
    {"bringup.metadata.null_id", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = null_id},
    {"bringup.metadata.ignored_bits", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = ignored_bits},
    {"bringup.metadata.next_id", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = next_id},
    {"bringup.metadata.last_id", SOURCE_MODULE, NEED_NO_EXT, STEP_TDMRS, TDH_SYS_RD, .run = last_id},
    {"bringup.metadata.walk", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = walk},
    {"bringup.metadata.limits", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = limits},
    {"bringup.metadata.packages", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = packages},
    {"bringup.metadata.cmrs", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = cmrs},
    {"bringup.metadata.same_on_all_lps", SOURCE_MODULE, 0, STEP_TDMRS, TDH_SYS_RD, .run = same_on_all_lps},
    {"bringup.metadata.demand_before_config", SOURCE_INFERRED, 0, STEP_TDMRS, TDH_SYS_RD,
     .run = demand_before_config},
    {"bringup.metadata.entropy_nine_times", SOURCE_LINUX, NEED_INJECT, STEP_TDMRS, TDH_SYS_RD,
     .run = entropy_nine_times},
    {"bringup.metadata.entropy_ten_times", SOURCE_LINUX, NEED_INJECT, STEP_TDMRS, TDH_SYS_RD,
     .run = entropy_ten_times},
    {"bringup.metadata.raw_status_survives", SOURCE_PROJECT, NEED_INJECT, STEP_TDMRS, TDH_SYS_RD,
     .run = raw_status_survives},
};
CASE_TABLE(bringup_metadata);
