/* SPDX-License-Identifier: MIT */
/* Sets of addresses, against a bitmap of a small address space. */
#include "tests/unit/support.h"

#include <string.h>

#include "lib/range.h"

#define SPACE 200

static struct range_list list, other, both;

static void assert_is(const struct range_list *set, const bool *bits)
{
    u64 bytes = 0, run = 0, largest = 0;
    for (u64 at = 0; at < SPACE; at++) {
        assert_int_equal(range_list_holds(set, at, 1), bits[at]);
        run = bits[at] ? run + 1 : 0;
        bytes += bits[at];
        largest = max_u64(largest, run);
        if (run > 1) {
            assert_true(range_list_holds(set, at + 1 - run, run));
            assert_false(range_list_holds(set, at + 1 - run, SPACE));
        }
    }
    assert_int_equal(range_list_bytes(set), bytes);
    assert_int_equal(range_list_largest(set), largest);
    for (u32 i = 0; i + 1 < set->count; i++)
        assert_true(range_end(set->at[i]) < set->at[i + 1].base);
}

static void random_edits_match_a_bitmap(void **state)
{
    (void)state;
    u64 seed = 4711;
    print_message("# seed %llu\n", (unsigned long long)seed);
    bool bits[SPACE] = {false}, others[SPACE] = {false}, common[SPACE];
    range_list_clear(&list);
    range_list_clear(&other);
    for (int i = 0; i < 3000; i++) {
        u64 base = test_random(&seed) % (SPACE - 30), size = test_random(&seed) % 30;
        bool add = test_random(&seed) % 2, first = test_random(&seed) % 2;
        if (add)
            range_list_add(first ? &list : &other, base, size);
        else
            range_list_remove(first ? &list : &other, base, size);
        memset((first ? bits : others) + base, add, size);
        for (u64 at = 0; at < SPACE; at++)
            common[at] = bits[at] && others[at];
        assert_is(&list, bits);
        range_list_intersect(&both, &list, &other);
        assert_is(&both, common);
    }
    range_list_remove_all(&list, &other);
    for (u64 at = 0; at < SPACE; at++)
        bits[at] = bits[at] && !others[at];
    assert_is(&list, bits);
}

static void a_full_list_says_so(void **state)
{
    (void)state;
    range_list_clear(&list);
    for (u64 i = 0; i < RANGE_LIST_MAX; i++)
        range_list_add(&list, 3 * i, 2);
    assert_int_equal(list.count, RANGE_LIST_MAX);
    assert_false(list.full);
    range_list_add(&list, 3 * RANGE_LIST_MAX, 2);
    assert_true(list.full);
    assert_int_equal(list.count, RANGE_LIST_MAX);
    range_list_clear(&list);
    assert_false(list.full);
    for (u64 i = 0; i < RANGE_LIST_MAX; i++)
        range_list_add(&list, 4 * i, 3);
    range_list_remove(&list, 1, 1); /* would split the first */
    assert_true(list.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_edits_match_a_bitmap),
        cmocka_unit_test(a_full_list_says_so),
    };
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
