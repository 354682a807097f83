/* SPDX-License-Identifier: MIT */
/* The metadata table: destinations, trimming of CMRs, narrowing that refuses, the gate before SYS.CONFIG. */
#include "tests/unit/support.h"

#include <string.h>

#include "drivers/tdx/sysinfo.h"

struct fake {
    struct {
        u64 id, value;
    } values[96];
    u32 count;
    u64 fail_id, fail_status;
    u32 reads;
};

static void put(struct fake *fake, u64 id, u64 value)
{
    for (u32 i = 0; i < fake->count; i++)
        if (fake->values[i].id == id) {
            fake->values[i].value = value;
            return;
        }
    fake->values[fake->count].id = id;
    fake->values[fake->count++].value = value;
}

static u64 fake_read(void *context, u64 id, u64 *value)
{
    struct fake *fake = context;
    fake->reads++;
    if (id == fake->fail_id)
        return fake->fail_status;
    *value = 0;
    for (u32 i = 0; i < fake->count; i++)
        if (fake->values[i].id == id)
            *value = fake->values[i].value;
    return TDX_SUCCESS;
}

static struct fake usual(void)
{
    struct fake fake = {0};
    put(&fake, TDX_FIELD_VENDOR_ID, 0x8086);
    put(&fake, TDX_FIELD_MAJOR_VERSION, 1);
    put(&fake, TDX_FIELD_MINOR_VERSION, 5);
    put(&fake, TDX_FIELD_TDX_FEATURES0, 1ull << 39 | 1ull << 50);
    put(&fake, TDX_FIELD_MAX_TDMRS, 64);
    put(&fake, TDX_FIELD_PAMT_2M_ENTRY_SIZE, 16);
    put(&fake, TDX_FIELD_NUM_CMRS, 32);
    put(&fake, TDX_FIELD_CMR_BASE, 0x100000);
    put(&fake, TDX_FIELD_CMR_SIZE, 0x7000000);
    put(&fake, TDX_FIELD_CMR_BASE + 2, 0x100000000);
    put(&fake, TDX_FIELD_CMR_SIZE + 2, 0x40000000);
    return fake;
}

static void every_field_reaches_its_destination(void **state)
{
    (void)state;
    struct fake fake = usual();
    struct tdx_sysinfo info;
    struct sysinfo_error error;
    assert_true(sysinfo_read(&info, fake_read, &fake, &error));
    assert_int_equal(info.vendor_id, 0x8086);
    assert_int_equal(info.major, 1);
    assert_int_equal(info.minor, 5);
    assert_true(sysinfo_has(&info, TDX_FEATURE_EXT));
    assert_false(sysinfo_has(&info, TDX_FEATURE_DYNAMIC_PAMT));
    assert_int_equal(info.max_tdmrs, 64);
    assert_int_equal(info.pamt_entry_size[TDX_PAMT_2M], 16);
    assert_int_equal(info.pamt_entry_size[TDX_PAMT_4K], 0);
    assert_int_equal(fake.reads, 13 + 2 * 32);
}

static void empty_cmrs_are_trimmed_wherever_they_are(void **state)
{
    (void)state;
    struct fake fake = usual();
    struct tdx_sysinfo info;
    struct sysinfo_error error;
    assert_true(sysinfo_read(&info, fake_read, &fake, &error));
    assert_int_equal(info.cmr_count, 2);
    assert_int_equal(info.cmrs[0].base, 0x100000);
    assert_int_equal(info.cmrs[1].base, 0x100000000);
    assert_int_equal(info.cmrs[1].size, 0x40000000);
}

static void values_are_never_cut_off(void **state)
{
    (void)state;
    struct fake fake = usual();
    put(&fake, TDX_FIELD_MAX_TDMRS, 0x10040);
    struct tdx_sysinfo info;
    struct sysinfo_error error;
    char text[160];
    assert_false(sysinfo_read(&info, fake_read, &fake, &error));
    sysinfo_error_text(&error, text, sizeof(text));
    assert_string_equal(text,
                        "metadata field MAX_TDMRS (0x9100000100000008): value 0x10040 doesn't fit 2 bytes");
}

static void a_failed_read_keeps_its_raw_status(void **state)
{
    (void)state;
    struct fake fake = usual();
    fake.fail_id = TDX_FIELD_CMR_SIZE + 5;
    fake.fail_status = TDX_METADATA_FIELD_NOT_READABLE;
    struct tdx_sysinfo info;
    struct sysinfo_error error;
    char text[160];
    assert_false(sysinfo_read(&info, fake_read, &fake, &error));
    assert_int_equal(error.status, TDX_METADATA_FIELD_NOT_READABLE);
    sysinfo_error_text(&error, text, sizeof(text));
    assert_non_null(
        strstr(text, "CMR_SIZE (0x9000000300000105): 0xc0000c0200000000 METADATA_FIELD_NOT_READABLE"));
}

static void demand_needs_proof_of_config(void **state)
{
    (void)state;
    struct fake fake = usual();
    struct tdx_configured configured = {0};
    struct ext_demand demand;
    struct sysinfo_error error;
    assert_false(sysinfo_read_demand(&configured, &demand, fake_read, &fake, &error));
    assert_int_equal(fake.reads, 0);
}

static void demand_is_read_and_checked(void **state)
{
    (void)state;
    struct fake fake = usual();
    struct tdx_configured configured = {.done = true};
    struct ext_demand demand;
    struct sysinfo_error error;
    put(&fake, TDX_FIELD_EXT_REQUIRED, 1);
    put(&fake, TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, 65536);
    assert_true(sysinfo_read_demand(&configured, &demand, fake_read, &fake, &error));
    assert_true(demand.required);
    assert_int_equal(demand.pages, 65536);
    put(&fake, TDX_FIELD_EXT_REQUIRED, 2);
    assert_false(sysinfo_read_demand(&configured, &demand, fake_read, &fake, &error));
    put(&fake, TDX_FIELD_EXT_REQUIRED, 1);
    put(&fake, TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, 1ull << 32);
    assert_false(sysinfo_read_demand(&configured, &demand, fake_read, &fake, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_reaches_its_destination),
        cmocka_unit_test(empty_cmrs_are_trimmed_wherever_they_are),
        cmocka_unit_test(values_are_never_cut_off),
        cmocka_unit_test(a_failed_read_keeps_its_raw_status),
        cmocka_unit_test(demand_needs_proof_of_config),
        cmocka_unit_test(demand_is_read_and_checked),
    };
    return cmocka_run_group_tests_name("sysinfo", tests, NULL, NULL);
}
