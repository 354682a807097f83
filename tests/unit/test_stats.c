/* SPDX-License-Identifier: MIT */
/* Cost per leaf: extremes are exact, the median is good to 1/16. */
#include "tests/unit/support.h"

#include <stdlib.h>

#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/stats.h"

#define LEAF 61

static int clear(void **state)
{
    (void)state;
    seamcall_stats_clear();
    return 0;
}

static void nothing_called_nothing_said(void **state)
{
    (void)state;
    struct seamcall_stats stats;
    assert_false(seamcall_stats(LEAF, &stats));
    assert_false(seamcall_stats(4000, &stats));
}

static void one_call_is_its_own_median(void **state)
{
    (void)state;
    struct seamcall_stats stats;
    stats_call(LEAF, 24007);
    assert_true(seamcall_stats(LEAF, &stats));
    assert_int_equal(stats.calls, 1);
    assert_int_equal(stats.min, 24007);
    assert_int_equal(stats.median, 24007);
    assert_int_equal(stats.max, 24007);
}

static void median_is_close_for_any_size(void **state)
{
    (void)state;
    u64 seed = 88172645463325252ull;
    for (int round = 0; round < 60; round++) {
        seamcall_stats_clear();
        u64 middle = 1ull << (round % 30 + 3);
        for (int i = -50; i <= 50; i++)
            stats_call(LEAF, middle + (u64)((s64)(middle / 200) * i) + (test_random(&seed) & 1));
        struct seamcall_stats stats;
        assert_true(seamcall_stats(LEAF, &stats));
        assert_int_equal(stats.calls, 101);
        assert_true(stats.min <= stats.median && stats.median <= stats.max);
        u64 error = stats.median > middle ? stats.median - middle : middle - stats.median;
        assert_true(error <= middle / 16 + 1);
    }
}

static void huge_values_are_counted(void **state)
{
    (void)state;
    struct seamcall_stats stats;
    stats_call(LEAF, ~0ull);
    stats_call(LEAF, 1);
    stats_call(LEAF, 3);
    assert_true(seamcall_stats(LEAF, &stats));
    assert_int_equal(stats.max, ~0ull);
    assert_int_equal(stats.min, 1);
    assert_int_equal(stats.median, 3);
}

static void retries_and_resumes_are_separate(void **state)
{
    (void)state;
    struct seamcall_stats stats;
    stats_call(LEAF, 10);
    stats_retry(LEAF);
    stats_resume(LEAF);
    stats_resume(LEAF);
    stats_call(9999, 10); /* not a leaf we count: ignored */
    assert_true(seamcall_stats(LEAF, &stats));
    assert_int_equal(stats.retries, 1);
    assert_int_equal(stats.resumes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nothing_called_nothing_said, clear),
        cmocka_unit_test_setup(one_call_is_its_own_median, clear),
        cmocka_unit_test_setup(median_is_close_for_any_size, clear),
        cmocka_unit_test_setup(huge_values_are_counted, clear),
        cmocka_unit_test_setup(retries_and_resumes_are_separate, clear),
    };
    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
