/* SPDX-License-Identifier: MIT */
/*
 * The VMCS in a page: every field that exists has a place of its own, as wide as its encoding says, and
 * nothing else does. Which fields exist stands in vmcs_fields.def; widths are told from the encoding here
 * once more.
 */
#include "tests/unit/support.h"

#include <string.h>

#include "seam/genuine/vmcs.h"

#define REVISION 0x12345678u

static const struct field {
    const char *name;
    u32 encoding;
} fields[] = {
#define VMCS_FIELD(name, encoding) {#name, encoding},
#include "seam/genuine/vmcs_fields.def"
};

static _Alignas(4096) u8 around[3 * PAGE_SIZE]; /* the region is the page in the middle */
static void *const region = around + PAGE_SIZE;

static int start(void **state)
{
    (void)state;
    memset(around, 0xEE, sizeof(around));
    memset(region, 0, PAGE_SIZE);
    memcpy(region, &(u32){REVISION}, 4);
    return 0;
}

static u64 mask_of(u32 encoding)
{
    switch (encoding & 0x6000) {
    case 0x0000:
        return 0xFFFF;
    case 0x4000:
        return 0xFFFFFFFF;
    default:
        return ~0ull;
    }
}

static u64 read_field(u64 encoding)
{
    u64 value = 0;
    if (!vmcs_read(region, encoding, &value))
        fail_msg("0x%lx can't be read", (unsigned long)encoding);
    return value;
}

static u64 unlike(size_t i)
{
    return (i + 1) * 0x9E3779B97F4A7C15ull;
}

static void every_field_has_a_place_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        assert_true(vmcs_write(region, fields[i].encoding, unlike(i)));
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        if (read_field(fields[i].encoding) != (unlike(i) & mask_of(fields[i].encoding)))
            fail_msg("%s lost its value", fields[i].name);
    assert_int_equal(*(u32 *)region, REVISION);
    for (size_t i = 0; i < PAGE_SIZE; i++)
        assert_true(around[i] == 0xEE && around[2 * PAGE_SIZE + i] == 0xEE);
}

/* Whatever can be written at all, named in the list or not, shares its place with nothing. */
static void no_two_encodings_share_a_place(void **state)
{
    (void)state;
    u32 known = 0;
    for (u64 encoding = 0; encoding < 0x10000; encoding += 2) {
        u64 value;
        if (!vmcs_read(region, encoding, &value))
            continue;
        known++;
        assert_int_equal(value, 0); /* nothing before has written here */
        assert_true(vmcs_write(region, encoding, ~0ull));
    }
    assert_in_range(known, ARRAY_COUNT(fields), 511);
    assert_int_equal(*(u32 *)region, REVISION);
}

/* The list's last field of each kind is the last that exists: both tables say the same. */
static void each_kind_ends_with_its_last_listed_field(void **state)
{
    (void)state;
    u64 value;
    for (u32 kind = 0; kind < 16; kind++) {
        u32 first = (kind >> 2) << 13 | (kind & 3) << 10, behind = first;
        for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
            if ((fields[i].encoding & ~0x3FFu) == first && fields[i].encoding >= behind)
                behind = fields[i].encoding + 2;
        for (u32 encoding = first; encoding < first + 0x400; encoding += 2)
            if (vmcs_read(region, encoding, &value) != (encoding < behind))
                fail_msg("0x%x: the list and the layout differ", encoding);
    }
}

static void high_halves_are_those_of_64_bit_fields(void **state)
{
    (void)state;
    u64 value;
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
        u32 encoding = fields[i].encoding;
        if ((encoding & 0x6000) != 0x2000) {
            assert_false(vmcs_read(region, encoding | 1, &value));
            assert_false(vmcs_write(region, encoding | 1, 1));
            continue;
        }
        assert_true(vmcs_write(region, encoding, 0x1122334455667788));
        assert_int_equal(read_field(encoding | 1), 0x11223344);
        assert_true(vmcs_write(region, encoding | 1, 0xAABBCCDD99887766)); /* its upper half is ignored */
        assert_int_equal(read_field(encoding), 0x9988776655667788);
        assert_true(vmcs_write(region, encoding, 0)); /* the whole field, both halves */
        assert_int_equal(read_field(encoding | 1), 0);
    }
}

static void nothing_else_exists(void **state)
{
    (void)state;
    static const u64 nothing[] = {
        0x000A, 0x0400, 0x0816, 0x0C0E,     0x2406,      0x6410,       0x7000,
        0x1000, 0x8000, 0x681F, 0x1000681E, 0x10000681E, (1ull << 63), 0xFFFFFFFFFFFFFFFF};
    u64 value = 77;
    for (size_t i = 0; i < ARRAY_COUNT(nothing); i++) {
        assert_false(vmcs_read(region, nothing[i], &value));
        assert_int_equal(value, 77);
        assert_false(vmcs_write(region, nothing[i], ~0ull));
    }
    for (size_t i = 4; i < PAGE_SIZE; i++)
        assert_int_equal(((u8 *)region)[i], 0);
}

static void clearing_forgets_all_but_the_revision(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        assert_true(vmcs_write(region, fields[i].encoding, ~0ull));
    vmcs_clear(region);
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        assert_int_equal(read_field(fields[i].encoding), 0);
    assert_int_equal(*(u32 *)region, REVISION);
    assert_true(around[PAGE_SIZE - 1] == 0xEE && around[2 * PAGE_SIZE] == 0xEE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_field_has_a_place_of_its_own, start),
        cmocka_unit_test_setup(no_two_encodings_share_a_place, start),
        cmocka_unit_test_setup(each_kind_ends_with_its_last_listed_field, start),
        cmocka_unit_test_setup(high_halves_are_those_of_64_bit_fields, start),
        cmocka_unit_test_setup(nothing_else_exists, start),
        cmocka_unit_test_setup(clearing_forgets_all_but_the_revision, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
