/* SPDX-License-Identifier: MIT */
/* HPA_LIST_INFO: last_entry is an index, an empty list can't be expressed, bounds come from the type. */
#include "tests/unit/support.h"

#include "drivers/tdx/hpa_list.h"

#define LIST_PA 0x12345000ull

static struct tdx_hpa_list list;

static void one_page(void **state)
{
    (void)state;
    assert_int_equal(hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x40000000), 1), LIST_PA);
    assert_int_equal(list.phys[0], 0x40000000);
    assert_int_equal(list.phys[1], 0);
}

static void full_list(void **state)
{
    (void)state;
    u64 info = hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x40000000), 512);
    assert_int_equal(info, LIST_PA | 511ull << 55);
    for (u64 i = 0; i < 512; i++)
        assert_int_equal(list.phys[i], 0x40000000 + i * 4096);
}

static void shorter_list_forgets_the_longer_one(void **state)
{
    (void)state;
    hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x40000000), 512);
    assert_int_equal(hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x80000000), 3), LIST_PA | 2ull << 55);
    assert_int_equal(list.phys[2], 0x80002000);
    assert_int_equal(list.phys[3], 0);
    assert_int_equal(list.phys[511], 0);
}

static void refuses_what_cannot_be_expressed(void **state)
{
    (void)state;
    assert_int_equal(hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x40000000), 0), 0);
    assert_int_equal(hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x40000000), 513), 0);
    assert_int_equal(hpa_list_fill(&list, pa_of(LIST_PA + 8), pa_of(0x40000000), 1), 0);
    assert_int_equal(hpa_list_fill(&list, pa_of(1ull << 52), pa_of(0x40000000), 1), 0);
    assert_int_equal(hpa_list_fill(&list, pa_of(LIST_PA), pa_of(0x40000800), 1), 0);
}

static void reads_progress_back(void **state)
{
    (void)state;
    assert_int_equal(hpa_list_first_entry(LIST_PA | 511ull << 55), 0);
    assert_int_equal(hpa_list_first_entry(LIST_PA | 511ull << 55 | 17ull << 3), 17);
    assert_int_equal(hpa_list_first_entry(LIST_PA | 511ull << 55 | 511ull << 3), 511);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_page),
        cmocka_unit_test(full_list),
        cmocka_unit_test(shorter_list_forgets_the_longer_one),
        cmocka_unit_test(refuses_what_cannot_be_expressed),
        cmocka_unit_test(reads_progress_back),
    };
    return cmocka_run_group_tests_name("hpa_list", tests, NULL, NULL);
}
