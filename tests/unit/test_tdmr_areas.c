/* SPDX-License-Identifier: MIT */
/* Where PAMTs and reserved areas are, read from what a host gave SYS.CONFIG. */
#include "tests/unit/support.h"

#include <string.h>

#include "seam/genuine/tdmr_areas.h"

#define LIST  0x1000ull
#define INFOS 0x2000ull /* 512 bytes each */
#define END   (INFOS + TDX_MAX_TDMRS * 512)

static _Alignas(4096) u8 memory[END];
static struct tdmr_areas areas;

static const void *at(u64 pa, u64 size)
{
    return pa < sizeof(memory) && size <= sizeof(memory) - pa ? memory + pa : NULL;
}

static struct tdx_tdmr_info *info(u32 i)
{
    return (struct tdx_tdmr_info *)(memory + INFOS + i * 512ul);
}

static int start(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    memset(&areas, 0xEE, sizeof(areas));
    for (u32 i = 0; i < TDX_MAX_TDMRS; i++) {
        u64 where = INFOS + i * 512ul;
        memcpy(memory + LIST + 8ul * i, &where, sizeof(where));
        *info(i) = (struct tdx_tdmr_info){
            .base = (i + 1) * 4 * GIB,
            .size = GIB,
            .pamt_1g_base = 0x100000 * (i + 1ul),
            .pamt_1g_size = 0x1000,
            .pamt_2m_base = 0x100000 * (i + 1ul) + 0x2000,
            .pamt_2m_size = 0x2000,
            .pamt_4k_base = 0x100000 * (i + 1ul) + 0x10000,
            .pamt_4k_size = 0x8000,
            .reserved = {{.offset = 0, .size = 0x1000}, {.offset = 0x5000, .size = 0x2000}},
        };
    }
    return 0;
}

static void pamts_and_reserved_areas_are_found(void **state)
{
    (void)state;
    assert_true(tdmr_areas_read(&areas, LIST, TDX_MAX_TDMRS, at));
    for (u64 i = 1; i <= TDX_MAX_TDMRS; i++) {
        u64 pamts = 0x100000 * i, base = i * 4 * GIB;
        assert_true(tdmr_areas_in_pamt(&areas, pamts));
        assert_false(tdmr_areas_in_pamt(&areas, pamts - 0x1000));
        assert_false(tdmr_areas_in_pamt(&areas, pamts + 0x1000));
        assert_true(tdmr_areas_in_pamt(&areas, pamts + 0x3000));
        assert_false(tdmr_areas_in_pamt(&areas, pamts + 0x4000));
        assert_true(tdmr_areas_in_pamt(&areas, pamts + 0x17000));
        assert_false(tdmr_areas_in_pamt(&areas, pamts + 0x18000));
        assert_true(tdmr_areas_in_reserved(&areas, base));
        assert_false(tdmr_areas_in_reserved(&areas, base + 0x1000));
        assert_true(tdmr_areas_in_reserved(&areas, base + 0x6000));
        assert_false(tdmr_areas_in_reserved(&areas, base + 0x7000));
    }
}

/* What stands behind an empty area counts for nothing. */
static void an_empty_area_ends_the_list(void **state)
{
    (void)state;
    info(0)->reserved[0].size = 0;
    assert_true(tdmr_areas_read(&areas, LIST, 1, at));
    assert_false(tdmr_areas_in_reserved(&areas, info(0)->base));
    assert_false(tdmr_areas_in_reserved(&areas, info(0)->base + 0x5000));
}

static void what_cant_be_read_leaves_none(void **state)
{
    (void)state;
    assert_false(tdmr_areas_read(&areas, LIST, TDX_MAX_TDMRS + 1, at));
    assert_int_equal(areas.count, 0);
    assert_true(tdmr_areas_read(&areas, LIST, 2, at));
    assert_false(tdmr_areas_read(&areas, sizeof(memory) - 8, 2, at)); /* the list */
    assert_int_equal(areas.count, 0);
    u64 beyond = sizeof(memory) - 256;
    memcpy(memory + LIST + 8, &beyond, sizeof(beyond));
    assert_false(tdmr_areas_read(&areas, LIST, 2, at)); /* the second TDMR_INFO */
    assert_int_equal(areas.count, 0);
    assert_false(tdmr_areas_in_pamt(&areas, 0x100000));
}

static u64 bytes;

static bool add(u64 base, u64 size)
{
    bytes += size;
    return base != 0x210000;
}

static void every_pamt_is_visited(void **state)
{
    (void)state;
    bytes = 0;
    assert_true(tdmr_areas_read(&areas, LIST, 1, at));
    assert_true(tdmr_areas_each_pamt(&areas, add));
    assert_int_equal(bytes, 0xB000);
    assert_true(tdmr_areas_read(&areas, LIST, 3, at));
    assert_false(
        tdmr_areas_each_pamt(&areas, add)); /* one of them says no, and the rest comes all the same */
    assert_int_equal(bytes, 4 * 0xB000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(pamts_and_reserved_areas_are_found, start),
        cmocka_unit_test_setup(an_empty_area_ends_the_list, start),
        cmocka_unit_test_setup(what_cant_be_read_leaves_none, start),
        cmocka_unit_test_setup(every_pamt_is_visited, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
